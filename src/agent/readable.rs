//! Descriptors that the event loop waits for.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// An owned descriptor, registered for reading.
pub(super) type Readable = AsyncFd<Owned>;

/// A descriptor of our own: it is the same one for as long as it exists.
pub(super) struct Owned(OwnedFd);

/// Registers a descriptor (a pidfd, a socket) with the event loop.
pub(super) fn readable(fd: OwnedFd) -> std::io::Result<Readable> {
    // SAFETY: `Owned` neither changes nor gives away its descriptor.
    Ok(unsafe { AsyncFd::register_with_interest(Owned(fd), Interest::READABLE)? })
}

impl AsFd for Owned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Owned {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
