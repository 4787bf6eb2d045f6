//! Namespaces of our own for tests that talk to the real kernel.

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

/// A network namespace, gone with the last descriptor of it.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    /// A fresh one, or, where this process has no right to make one, a loud `None`.
    pub(crate) fn new() -> Option<Self> {
        let made = std::thread::spawn(|| {
            // SAFETY: the thread is our own and shares no file descriptor table of its own.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map(|()| File::open("/proc/thread-self/ns/net").unwrap())
        });
        match made.join().unwrap() {
            Ok(file) => Some(Self(file)),
            Err(errno) => {
                eprintln!("SKIPPED: cannot make a network namespace: {errno}");
                None
            }
        }
    }

    /// Two fresh ones.
    pub(crate) fn two() -> Option<(Self, Self)> {
        Some((Self::new()?, Self::new()?))
    }

    /// Runs on a thread that has entered the namespace.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
