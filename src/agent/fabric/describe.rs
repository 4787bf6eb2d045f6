//! What went wrong when a node did not start, for people.

use super::image::{Broken, Image, Step};
use crate::agent::sys::io;
use crate::error::Error;
use std::ffi::CString;

/// The error of a start; names the node, what was tried and the errno.
pub(super) fn birth(node: &str, program: Option<&(Image, CString)>, broken: Broken) -> Error {
    let errno = io(broken.errno);
    let machine = |what: &str| Error::machine(format!("cannot {what}: {errno}"));
    let error = match (broken.step, program) {
        (Step::Network, _) => machine("enter its network namespace"),
        (Step::Namespaces, _) => machine("create its namespaces"),
        (Step::Hostname, _) => machine("set its host name").help("at most 64 characters"),
        (Step::Proc, _) => machine("mount its /proc"),
        (Step::Shm, _) => machine("mount its /dev/shm"),
        (Step::Hosts, _) => machine("mount its /etc/hosts").help("the file has to exist on this machine"),
        (Step::Log, Some((_, log))) => machine(&format!("open its log {}", log.to_string_lossy())),
        (_, Some((image, _))) => image.explain(broken),
        (_, None) => machine("start its init"),
    };
    error.context(format!("node {node}"))
}
