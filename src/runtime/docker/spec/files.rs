//! A node's `files:` as the tar that is unpacked at the container's root before its first start.

use super::Spec;
use crate::cluster::Node;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

const ROOT: (u32, u32) = (0, 0);

impl Spec<'_> {
    /// The tar for a node, to be unpacked at `/`; nothing where the node needs none.
    ///
    /// Files lie in the working folder and belong to the node's user where its ids are known (a number, or a name on
    /// the host for a node without an image), else to root; everybody may read them. So do the folders, but none that
    /// would be root's is packed: Docker makes those that are missing, and the image's own stay as they are.
    pub fn files(&self, node: usize) -> Result<Option<Vec<u8>>> {
        let node = &self.cluster.nodes[node];
        let ids = self.ids(node);
        if node.files.is_empty() && (node.workdir.is_none() || ids == ROOT) {
            return Ok(None);
        }
        let cannot = |error: io::Error| Error::machine(format!("cannot pack the files of node {}: {error}", node.name));
        pack(&self.workdir(node), node, ids).map(Some).map_err(cannot)
    }

    /// The ids of the node's user, where they are known; root's where not.
    fn ids(&self, node: &Node) -> (u32, u32) {
        let Some(user) = node.user.as_deref() else { return ROOT };
        let (name, group) = user.split_once(':').unwrap_or((user, ""));
        let number = name.parse().ok().map(|uid| (uid, group.parse().unwrap_or(0)));
        let host = || if node.docker.image.is_none() { self.host.account(user) } else { None };
        number.or_else(host).unwrap_or(ROOT)
    }
}

fn pack(workdir: &Path, node: &Node, ids: (u32, u32)) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let inside = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
    let folders = if ids == ROOT { BTreeSet::new() } else { folders(&inside(workdir), node) };
    for folder in folders {
        tar.append_data(&mut header(tar::EntryType::Directory, 0o755, 0, ids), folder, io::empty())?;
    }
    for (name, text) in &node.files {
        let mut header = header(tar::EntryType::Regular, 0o644, text.len() as u64, ids);
        tar.append_data(&mut header, inside(workdir).join(name), text.as_bytes())?;
    }
    tar.into_inner()
}

/// The working folder and those below it that files lie in, outer ones first.
fn folders(workdir: &Path, node: &Node) -> BTreeSet<PathBuf> {
    let below = node.files.keys().flat_map(|name| name.ancestors().skip(1)).map(|folder| workdir.join(folder));
    below.chain([workdir.to_owned()]).filter(|folder| !folder.as_os_str().is_empty()).collect()
}

fn header(kind: tar::EntryType, mode: u32, size: u64, (uid, gid): (u32, u32)) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(uid.into());
    header.set_gid(gid.into());
    header
}
