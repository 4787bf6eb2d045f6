//! The way of a command into a node's namespaces.

use crate::agent::sys;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

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
