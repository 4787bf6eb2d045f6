//! The body of a node: its program, and what that sees of files, users and environment.

use super::{Spec, container_name};
use crate::cluster::{Node, Volume};
use crate::runtime::docker::labels::Role;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Where the working folders of nodes without an image lie.
const WORK: &str = "/work";

impl Spec<'_> {
    /// The body for a node, under [`container_name`]. `holder` is its holder's name or id.
    pub fn node(&self, node: usize, holder: &str) -> ContainerCreateBody {
        let node = &self.cluster.nodes[node];
        let (entrypoint, cmd) = program(node);
        ContainerCreateBody {
            image: Some(node.docker.image.clone().unwrap_or_else(|| self.own_image.to_owned())),
            entrypoint,
            cmd,
            env: Some(self.environment(node).iter().map(|(name, value)| format!("{name}={value}")).collect()),
            working_dir: own_workdir(node).map(|path| path.display().to_string()),
            user: self.user(node),
            labels: Some(self.labels(Role::Node, Some(node))),
            // The image's own signal unless the file asks for another one than the usual.
            stop_signal: (node.stop.signal != crate::signal::Signal::TERM).then(|| node.stop.signal.name().to_owned()),
            stop_timeout: i64::try_from(node.stop.within_us.div_ceil(1_000_000)).ok(),
            host_config: Some(self.node_host(node, holder)),
            ..ContainerCreateBody::default()
        }
    }

    fn node_host(&self, node: &Node, holder: &str) -> HostConfig {
        let host = if node.docker.image.is_none() { self.host.binds.clone() } else { Vec::new() };
        let folder = self.host.folder.join(self.cluster.file.parent().unwrap_or(Path::new("")));
        let volumes = node.docker.volumes.iter().map(|volume| bind(volume, &folder));
        let binds: Vec<_> = host.into_iter().chain(volumes).collect();
        HostConfig {
            network_mode: Some(format!("container:{holder}")),
            binds: Some(binds).filter(|binds| !binds.is_empty()),
            cap_add: Some(node.docker.cap_add.clone()).filter(|names| !names.is_empty()),
            // Whatever the daemon's own choice is: this one can be read back.
            log_config: Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None }),
            ..HostConfig::default()
        }
    }

    /// Where the node's program starts.
    pub fn workdir(&self, node: &Node) -> PathBuf {
        let image = || self.image(node).map(|image| image.workdir.clone());
        own_workdir(node).or_else(image).unwrap_or_else(|| PathBuf::from("/"))
    }

    /// A node with an image gets what its file says and its links; one without also what a program of the host expects.
    fn environment(&self, node: &Node) -> BTreeMap<String, String> {
        let host = node.docker.image.is_none().then(|| {
            let home = self.workdir(node).display().to_string();
            let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
            [("PATH", path), ("HOME", home), ("TMPDIR", "/tmp".to_owned()), ("LANG", "C.UTF-8".to_owned())]
        });
        let host = host.into_iter().flatten().map(|(name, value)| (name.to_owned(), value));
        host.chain(self.link_variables(node)).chain(node.environment.clone()).collect()
    }

    /// Who its program runs as. The host's names mean nothing to Docker: it looks for them before the host's files are
    /// mounted.
    fn user(&self, node: &Node) -> Option<String> {
        let user = node.user.as_deref()?;
        let account = if node.docker.image.is_none() { self.host.account(user) } else { None };
        Some(account.map_or_else(|| user.to_owned(), |(uid, gid)| format!("{uid}:{gid}")))
    }

    pub(super) fn container_name(&self, node: &Node) -> String {
        container_name(self.cluster, node)
    }
}

/// The working folder where it is not the image's.
fn own_workdir(node: &Node) -> Option<PathBuf> {
    match (&node.workdir, &node.docker.image) {
        (None, Some(_)) => None,
        (None, None) => Some(PathBuf::from(WORK)),
        (Some(workdir), Some(_)) => Some(Path::new("/").join(workdir)),
        (Some(workdir), None) => Some(Path::new(WORK).join(workdir)),
    }
}

/// Entry point and command. A node without an image has our init as its PID 1, which hands on signals: as PID 1 a plain
/// program would not die of a SIGTERM. One with an image has the image's entry point, as with `docker run`.
fn program(node: &Node) -> (Option<Vec<String>>, Option<Vec<String>>) {
    if node.docker.image.is_some() {
        return (None, node.command.clone());
    }
    let ours = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let Some(command) = node.command.clone() else { return (ours(&["/blockade", "hold"]), None) };
    (ours(&["/blockade", "init", "--"]), Some(with_our_binary(node, command)))
}

/// A command in a node. `blockade` is the running binary, which a node without an image has at a place of its own.
pub fn with_our_binary(node: &Node, mut command: Vec<String>) -> Vec<String> {
    if let Some(name) = command.first_mut().filter(|name| *name == "blockade" && node.docker.image.is_none()) {
        "/blockade".clone_into(name);
    }
    command
}

/// `host:container:options`. A host path that begins with `.` is relative to the cluster file; a name without a slash is
/// a volume of Docker's.
fn bind(volume: &Volume, folder: &Path) -> String {
    let relative = volume.host.starts_with('.');
    let host = if relative { plain(&folder.join(&volume.host)) } else { volume.host.clone() };
    let options = volume.options.as_ref().map(|options| format!(":{options}")).unwrap_or_default();
    format!("{host}:{}{options}", volume.container)
}

/// An absolute path without `.` and `..`.
fn plain(path: &Path) -> String {
    let parts = path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    });
    parts.display().to_string()
}
