//! Network namespaces as values, and the short visits of the agent's only thread to them.

use super::sys;
use crate::error::{Error, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};
use rustix::thread::{move_into_link_name_space, move_into_thread_name_spaces};

/// A network namespace, kept alive.
pub(super) struct NetNs(OwnedFd);

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl NetNs {
    /// The one we are in.
    pub(super) fn current() -> Result<Self, Errno> {
        open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map(Self)
    }

    /// Creates a namespace, does `work` inside of it, and comes back to `self`.
    pub(super) fn create<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(Self, T)> {
        sys::unshare(UnshareFlags::NEWNET).map_err(|errno| cannot("create a network namespace", errno))?;
        let made = Self::current().map_err(|errno| cannot("open a network namespace", errno));
        let result = made.and_then(|namespace| Ok((namespace, work()?)));
        self.enter();
        result
    }

    /// Does `work` inside of `there` and comes back to `self`.
    pub(super) fn visit<T>(&self, there: &Self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| cannot("enter a network namespace", errno))?;
        let result = work();
        self.enter();
        result
    }

    /// Everything the agent does relies on being at home; it cannot go on elsewhere.
    fn enter(&self) {
        if move_into_link_name_space(self.as_fd(), Some(LinkNameSpaceType::Network)).is_err() {
            std::process::abort();
        }
    }
}

/// Forks a child into the pid namespace of the process behind `init`.
///
/// The child is the agent's own, so that no helper stands between: the namespace is that of *children* from the first
/// call to the second.
pub(super) fn spawn_into(
    init: BorrowedFd<'_>,
    home: BorrowedFd<'_>,
    body: impl FnOnce() -> i32,
) -> Result<sys::Child, Errno> {
    move_into_thread_name_spaces(init, ThreadNameSpaceType::PROCESS_ID)?;
    let child = sys::spawn(0, body);
    if move_into_thread_name_spaces(home, ThreadNameSpaceType::PROCESS_ID).is_err() {
        std::process::abort();
    }
    child
}

/// Moves the calling process into a node's namespaces, but for pid.
pub(super) fn join(init: BorrowedFd<'_>) -> Result<(), Errno> {
    let node = ThreadNameSpaceType::NETWORK
        | ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
        | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION;
    move_into_thread_name_spaces(init, node)
}

fn cannot(what: &str, errno: Errno) -> Error {
    Error::machine(format!("cannot {what}: {}", super::enter::io(errno)))
}
