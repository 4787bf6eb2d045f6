//! Trees of classes over rtnetlink: brings the devices of a kept socket's namespace to a plan's [`Tree`].
//!
//! Touches the root that is ours by its handle (`plan::table::MAJOR`) and nothing else: where somebody has given a device
//! a root of his own, that is an error. What there is, is always asked of the kernel: it is one call, and cannot be wrong.
//! A class is made or removed; of one that stands only the bandwidth changes.

mod encode;
mod netem;
#[cfg(test)]
mod tests;

use super::link::Device;
use super::message::{Messages, attribute, text, u32_at};
use super::netlink::{Protocol, Socket};
use crate::error::{Error, Result};
use crate::plan::{
    ClassId, Tree,
    table::{self, MAJOR},
};
use std::collections::BTreeSet;

/// The size of `struct tcmsg`.
const TCMSG: usize = 20;

/// A socket that changes and reads our trees in the namespace it was opened in.
#[derive(Debug)]
pub struct Tc {
    socket: Socket,
}

/// What a device has at its root.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// What the kernel gave it.
    Default,
    /// Our tree.
    Ours,
    /// Something of somebody else's, of this kind.
    Foreign(String),
}

impl Tc {
    /// Opens a socket in the calling thread's network namespace, where it stays.
    pub fn open() -> Result<Self> {
        Ok(Self { socket: Socket::open(Protocol::Route)? })
    }

    /// Makes what a device lacks of a tree, and gives those of its classes that are named their new bandwidth; what it has
    /// more stays.
    pub fn grow(&mut self, device: Device<'_>, tree: &Tree, changed: &BTreeSet<ClassId>) -> Result<()> {
        if tree.is_empty() {
            return Ok(());
        }
        let mut messages = Messages::new();
        let mut says = Vec::new();
        let mut made = BTreeSet::new();
        match self.root(device)? {
            Root::Foreign(kind) => return Err(occupied(device, &kind)),
            Root::Default => says.push(encode::add_root(&mut messages, device)),
            Root::Ours => made = self.classes(device)?,
        }
        for (id, class) in tree.classes.iter().filter(|(id, _)| !made.contains(id)) {
            says.push(encode::add_class(&mut messages, device, *id, class));
            says.push(encode::add_leaf(&mut messages, device, *id, class));
        }
        for (id, class) in tree.classes.iter().filter(|(id, _)| made.contains(id) && changed.contains(id)) {
            says.push(encode::change_class(&mut messages, device, *id, class));
            says.push(encode::change_leaf(&mut messages, device, *id, class));
        }
        self.commit(&mut messages, &says)
    }

    /// The classes that a device has of ours.
    pub fn present(&mut self, device: Device<'_>) -> Result<BTreeSet<ClassId>> {
        if self.root(device)? == Root::Ours { self.classes(device) } else { Ok(BTreeSet::new()) }
    }

    /// Removes a device's classes but these, and the tree with the last one.
    pub fn prune(&mut self, device: Device<'_>, keep: &BTreeSet<ClassId>) -> Result<()> {
        if self.root(device)? != Root::Ours {
            return Ok(());
        }
        let mut messages = Messages::new();
        let present = self.classes(device)?;
        let says: Vec<String> = if present.is_disjoint(keep) {
            vec![encode::delete_root(&mut messages, device)]
        } else {
            present.difference(keep).map(|id| encode::delete_class(&mut messages, device, *id)).collect()
        };
        self.commit(&mut messages, &says)
    }

    fn commit(&mut self, messages: &mut Messages, says: &[String]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let last = messages.len() - 1;
        self.socket.transact(messages, last, |position| says.get(position).cloned().unwrap_or_default())
    }

    fn root(&mut self, device: Device<'_>) -> Result<Root> {
        let mut root = Root::Default;
        self.list(
            libc::RTM_GETQDISC,
            device,
            &format!("tc qdisc show dev {}", device.name),
            |handle, parent, kind| {
                // What the kernel gives has no handle.
                if parent == encode::ROOT && handle != 0 {
                    root = if handle == table::handle(0) { Root::Ours } else { Root::Foreign(kind.to_owned()) };
                }
            },
        )?;
        Ok(root)
    }

    fn classes(&mut self, device: Device<'_>) -> Result<BTreeSet<ClassId>> {
        let mut found = BTreeSet::new();
        self.list(libc::RTM_GETTCLASS, device, &format!("tc class show dev {}", device.name), |handle, _, _| {
            if handle >> 16 == u32::from(MAJOR) {
                found.insert(handle as ClassId);
            }
        })?;
        Ok(found)
    }

    /// `each` gets handle, parent and kind of one thing of the device after the other.
    fn list(
        &mut self,
        message: u16,
        device: Device<'_>,
        says: &str,
        mut each: impl FnMut(u32, u32, &str),
    ) -> Result<()> {
        let mut request = Messages::new();
        request.push(message, libc::NLM_F_DUMP, |m| encode::header(m, device, 0, 0));
        self.socket.dump(&mut request, says, |_, payload| {
            let word = |at| u32_at(payload, at).unwrap_or_default();
            // Some kernels list all devices.
            if word(4) == device.index {
                let attributes = payload.get(TCMSG..).unwrap_or_default();
                let kind = attribute(attributes, libc::TCA_KIND).map(text).unwrap_or_default();
                each(word(8), word(12), &kind);
            }
        })
    }
}

fn occupied(device: Device<'_>, kind: &str) -> Error {
    Error::machine(format!("{} has a root qdisc of somebody else's: {kind}", device.name))
        .help(format!("`tc qdisc del dev {} root` in the node, or `--shaper userspace`", device.name))
}
