//! What the agent and the shaper say to each other: requests, each answered in their order.
//!
//! Frames as between the runner and its agent; a node's sockets travel with the request that attaches it. Both ends are
//! the same binary: the protocol has no versions.

use crate::agent::protocol::frame;
use crate::error::{Error, Result};
use crate::plan::Shaped;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, send, sendmsg,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;

/// More descriptors than go with one request.
const FDS_MAX: usize = 8;
/// A frame longer than this is a broken peer.
const FRAME_BYTES_MAX: usize = 512 << 20;

/// What the shaper is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// A node's sockets come along, so many; those that it had are let go of as by `Detach`.
    Attach { node: String, sockets: usize },
    /// From the answer on, the node's packets meet this.
    Shape { node: String, seed: u64, shaped: Shaped },
    /// The node's packets pass. What is held goes on when it is due; then its sockets are closed.
    Detach { node: String },
    /// Nothing but an answer.
    Count,
}

/// What became of it: how many packets are held by then, of all nodes.
pub(super) type Answer = Result<usize>;

/// The shaper's end of the socket.
pub(super) struct Control {
    socket: OwnedFd,
    bytes: Vec<u8>,
    /// Descriptors that came with requests that have not been read yet.
    pub(super) fds: VecDeque<OwnedFd>,
}

impl Control {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket, bytes: Vec::new(), fds: VecDeque::new() }
    }

    /// Takes in what is there, without waiting; `false` at the end.
    pub(super) fn fill(&mut self) -> Result<bool, Errno> {
        let mut buffer = [0; 16 << 10];
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            match recvmsg(&self.socket, &mut [IoSliceMut::new(&mut buffer)], &mut ancillary, flags) {
                Ok(received) if received.bytes == 0 => return Ok(false),
                Ok(received) => self.bytes.extend_from_slice(&buffer[..received.bytes]),
                Err(Errno::AGAIN) => return Ok(true),
                Err(Errno::CONNRESET) => return Ok(false),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            }
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(fds) = message {
                    self.fds.extend(fds);
                }
            }
        }
    }

    /// The next request that has come whole.
    pub(super) fn next(&mut self) -> Result<Option<Request>, Errno> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(Errno::BADMSG);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let request = rmp_serde::from_slice(body).map_err(|_| Errno::BADMSG)?;
        self.bytes.drain(..4 + length);
        Ok(Some(request))
    }

    pub(super) fn answer(&self, answer: &Answer) -> Result<(), Errno> {
        let frame = frame(answer).map_err(|_| Errno::BADMSG)?;
        let mut rest = &frame[..];
        while !rest.is_empty() {
            let sent = rustix::io::retry_on_intr(|| send(&self.socket, rest, SendFlags::NOSIGNAL))?;
            rest = &rest[sent..];
        }
        Ok(())
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A request as it travels.
pub(super) fn encode(request: &Request) -> Result<Vec<u8>> {
    frame(request).map_err(|error| Error::machine(format!("cannot write to the shaper: {error}")))
}

/// Sends what the socket takes at once of these bytes, with the descriptors, where there are any; returns how much.
pub(super) fn send_with(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[OwnedFd]) -> Result<usize, Errno> {
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(Errno::TOOBIG);
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn requests_come_one_after_another_with_their_descriptors_and_then_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut control = Control::new(theirs.into());
        let attach = encode(&Request::Attach { node: "n1".into(), sockets: 2 }).unwrap();
        let detach = encode(&Request::Detach { node: "n1".into() }).unwrap();
        let fds: Vec<OwnedFd> = (0..2).map(|_| UnixStream::pair().unwrap().0.into()).collect();
        assert_eq!(send_with(ours.as_fd(), &attach, &fds).unwrap(), attach.len());
        assert_eq!(send_with(ours.as_fd(), &detach[..5], &[]).unwrap(), 5);
        assert!(control.fill().unwrap());
        assert!(matches!(control.next().unwrap(), Some(Request::Attach { node, sockets: 2 }) if node == "n1"));
        assert_eq!(control.fds.len(), 2);
        assert!(control.next().unwrap().is_none());
        send_with(ours.as_fd(), &detach[5..], &[]).unwrap();
        drop(ours);
        assert!(!control.fill().unwrap());
        assert!(matches!(control.next().unwrap(), Some(Request::Detach { node }) if node == "n1"));
    }

    #[test]
    fn what_is_no_request_is_an_error_and_no_allocation() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut control = Control::new(theirs.into());
        send_with(ours.as_fd(), &[0xff; 8], &[]).unwrap();
        control.fill().unwrap();
        assert!(control.next().is_err());
    }
}
