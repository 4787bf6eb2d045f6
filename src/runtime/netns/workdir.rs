//! A node's working folder, its files, its environment and its `/etc/hosts`.

use crate::cluster::{Cluster, Node};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where a node's program starts: private to the node and the run.
pub(super) fn path(folder: &Path, node: &Node) -> PathBuf {
    let own = folder.join("work").join(&node.name);
    node.workdir.as_ref().map_or_else(|| own.clone(), |workdir| own.join(workdir))
}

fn temporary(workdir: &Path) -> PathBuf {
    workdir.join("tmp")
}

/// Creates the folder and writes the node's files into it; they belong to the user the node runs as.
pub(super) fn create(folder: &Path, node: &Node) -> Result<()> {
    let workdir = path(folder, node);
    let cannot = |path: &Path, error: std::io::Error| {
        let message = format!("cannot write {} of node {}: {error}", path.display(), node.name);
        match error.kind() {
            // In a folder that only we write to, the cluster file itself asks for both.
            ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                Error::usage(message).help("a key of its `files:` is a folder already, or in the way of another one")
            }
            _ => Error::machine(message),
        }
    };
    let temporary = temporary(&workdir);
    std::fs::create_dir_all(&temporary).map_err(|error| cannot(&temporary, error))?;
    let mut made = vec![workdir.clone(), temporary];
    for (name, text) in &node.files {
        let file = workdir.join(name);
        let parent = file.parent().unwrap_or(&workdir);
        std::fs::create_dir_all(parent).map_err(|error| cannot(parent, error))?;
        std::fs::write(&file, text).map_err(|error| cannot(&file, error))?;
        made.extend(name.ancestors().map(|part| workdir.join(part)).filter(|part| *part != workdir));
    }
    if let Some(user) = &node.user {
        give(&made, user, &node.name)?;
    }
    Ok(())
}

/// Hands files over to a user, as root; as an ordinary user they are the user's own already.
fn give(files: &[PathBuf], user: &str, node: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (uid, gid) = account(user)
        .ok_or_else(|| Error::machine(format!("node {node}: there is no user `{user}`")).help("see its `user:`"))?;
    for file in files {
        std::os::unix::fs::chown(file, Some(uid), Some(gid))
            .map_err(|error| Error::machine(format!("cannot give {} to {user}: {error}", file.display())))?;
    }
    Ok(())
}

/// A user's ids, from `/etc/passwd`.
fn account(user: &str) -> Option<(u32, u32)> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields =
        text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&user))?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

/// The whole environment of the node's programs: nothing of the caller's but where programs are found.
pub(super) fn environment(node: &Node, workdir: &Path) -> BTreeMap<String, String> {
    const SYSTEM: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let path = std::env::var("PATH").map_or_else(|_| SYSTEM.to_owned(), |own| format!("{own}:{SYSTEM}"));
    let fixed = [
        ("PATH", path),
        ("HOME", workdir.display().to_string()),
        ("TMPDIR", temporary(workdir).display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("HOSTNAME", node.hostname.clone()),
    ];
    let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value));
    fixed.chain(node.environment.clone()).collect()
}

/// `/etc/hosts` of a node: every node by name, and the names it gave to the nodes it links to.
pub(super) fn hosts(cluster: &Cluster, node: &Node) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n".to_owned();
    for other in &cluster.nodes {
        let aliases = node.aliases.iter().filter(|(_, target)| **target == other.name).map(|(alias, _)| alias.as_str());
        let hostname = (other.hostname != other.name).then_some(other.hostname.as_str());
        let names: Vec<&str> = [other.name.as_str()].into_iter().chain(hostname).chain(aliases).collect();
        for address in &other.addresses {
            let _ = writeln!(text, "{} {}", address.addr(), names.join(" ")); // writing to a String cannot fail
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind as Kind;
    use crate::cluster::{Nowhere, Variables};

    fn written(files: &str) -> Option<Kind> {
        let folder = tempfile::tempdir().unwrap();
        let params = BTreeMap::new();
        let variables =
            Variables { name: "test", seed: 1, params: &params, env: &|_| None, kind: None, surroundings: &Nowhere };
        let text = format!("nodes: {{ n1: {{ files: {{ {files} }} }} }}");
        let cluster = crate::cluster::load(Path::new("c.yaml"), &text, &variables).unwrap();
        create(folder.path(), &cluster.nodes[0]).err().map(|error| error.kind)
    }

    #[test]
    fn files_that_are_in_each_others_way_are_an_error_of_the_cluster_file() {
        assert_eq!(written("a/b: x, a/c: y, tmp/d: z"), None);
        for files in [".: x", "tmp: x", "a: x, a/b: y"] {
            assert_eq!(written(files), Some(Kind::Usage), "{files}");
        }
    }
}
