//! Network namespaces as values, and the short visits of the agent's only thread to them.

use super::sys;
use crate::error::{Error, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// A network namespace, kept alive.
pub(super) struct NetNs {
    fd: OwnedFd,
    /// Device and inode: no other namespace has the same while this one lives.
    identity: (u64, u64),
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl NetNs {
    /// The one we are in.
    pub(super) fn current() -> Result<Self, Errno> {
        Self::at("/proc/self/ns/net")
    }

    fn at(path: &str) -> Result<Self, Errno> {
        let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        Ok(Self { fd, identity: (stat.st_dev, stat.st_ino) })
    }

    /// The one of a process.
    pub(super) fn of(pid: i32) -> Result<Self> {
        Self::at(&format!("/proc/{pid}/ns/net")).map_err(|errno| match errno {
            Errno::NOENT | Errno::SRCH => Error::machine(format!("there is no process {pid} any more")),
            errno => cannot(&format!("open the network namespace of process {pid}"), errno),
        })
    }

    /// Whether both are the same one.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.identity == other.identity
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

fn cannot(what: &str, errno: Errno) -> Error {
    Error::machine(format!("cannot {what}: {}", sys::io(errno)))
}
