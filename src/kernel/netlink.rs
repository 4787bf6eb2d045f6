//! A netlink socket in the namespace it was opened in: many messages in one system call, and no error lost.
//!
//! The kernel works a batch off inside our own `send`, in order; every answer lies in the socket when `send` returns.
//! So only the last message asks for an answer: when it has come without an error before it, all went well, and there
//! is nothing to wait for and nothing to poll. Failures answer in any case, with the kernel's own words where it has
//! some (extended acknowledgements).

use super::message::{HEADER, Messages, Received, attribute, received, text, u32_at};
use crate::error::{Error, Result};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Batches up to this size are sent in one piece, where the system's limit allows it.
const BUFFER: usize = 4 << 20;
/// The kernel fills at most this much at a time with a dump.
const DUMP: usize = 32 << 10;
/// Answers are short: they repeat no more than the header of what they answer.
const ANSWER: usize = 4 << 10;
/// The extended acknowledgement's text.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// Which part of the kernel a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Links, addresses, routes.
    Route,
    /// nftables.
    Netfilter,
}

/// A netlink socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

/// Why the kernel refused one message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    sequence: u32,
    errno: Errno,
    text: Option<String>,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace, where it stays.
    pub fn open(protocol: Protocol) -> Result<Self> {
        let fd = open(protocol, SocketFlags::CLOEXEC).map_err(|errno| failed("open a netlink socket", errno))?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Opens a non-blocking socket to which the kernel reports what happens in the groups (a mask of `RTMGRP_…`).
    pub fn subscribe(protocol: Protocol, groups: u32) -> Result<Self> {
        let open = || {
            let fd = open(protocol, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
            rustix::net::bind(&fd, &netlink::SocketAddrNetlink::new(0, groups))?;
            Ok(fd)
        };
        Ok(Self { fd: open().map_err(|errno| failed("subscribe to netlink events", errno))?, sequence: 0 })
    }

    /// Sends the messages in one piece and returns when all of them are done.
    ///
    /// `last` is the message that asks for the answer: the last one that can be answered. `says` gives a message, by
    /// its position, in the words of `nft` or `ip`, for the error that names it.
    ///
    /// # Errors
    /// The first refusal, by the kernel's order; the others are read and dropped.
    pub fn transact(&mut self, messages: &mut Messages, last: usize, says: impl Fn(usize) -> String) -> Result<()> {
        let first = self.send(messages, last)?;
        match self.answer(first.wrapping_add(last as u32))? {
            None => Ok(()),
            Some(refused) => {
                let position = refused.sequence.wrapping_sub(first) as usize;
                Err(explain(&refused, &says(position.min(messages.len() - 1))))
            }
        }
    }

    /// Sends one request whose answer is a list, and hands each entry's kind and payload to `each`.
    pub fn dump(&mut self, request: &mut Messages, says: &str, mut each: impl FnMut(u16, &[u8])) -> Result<()> {
        let sequence = self.send(request, 0)?;
        let mut buffer = vec![0; DUMP];
        loop {
            let length = receive(self.fd.as_fd(), &mut buffer, RecvFlags::empty())
                .map_err(|errno| failed("read from netlink", errno))?;
            for message in received(&buffer[..length]).filter(|message| message.sequence == sequence) {
                match i32::from(message.kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => {
                        return refusal(&message).map_or(Ok(()), |refused| Err(explain(&refused, says)));
                    }
                    _ => each(message.kind, message.payload),
                }
            }
        }
    }

    /// Hands over what was reported since the last call; returns at once when there is nothing. `false` where reports
    /// were lost, because they came faster than they were read: then ask for the whole state anew.
    pub fn events(&self, mut each: impl FnMut(u16, &[u8])) -> Result<bool> {
        let mut buffer = vec![0; DUMP];
        let mut complete = true;
        loop {
            match receive(self.fd.as_fd(), &mut buffer, RecvFlags::DONTWAIT) {
                Ok(length) => received(&buffer[..length]).for_each(|message| each(message.kind, message.payload)),
                Err(Errno::AGAIN) => return Ok(complete),
                Err(Errno::NOBUFS) => complete = false,
                Err(errno) => return Err(failed("read netlink events", errno)),
            }
        }
    }

    /// Returns the number of the first message.
    fn send(&mut self, messages: &mut Messages, last: usize) -> Result<u32> {
        let first = self.sequence.wrapping_add(1);
        messages.number(first);
        messages.acknowledge(last);
        self.sequence = self.sequence.wrapping_add(messages.len() as u32);
        rustix::io::retry_on_intr(|| rustix::net::send(&self.fd, messages.as_bytes(), SendFlags::empty()))
            .map_err(|errno| failed("send to netlink", errno))?;
        Ok(first)
    }

    /// Reads up to the answer to message `last`, or after a refusal, until nothing is left.
    fn answer(&self, last: u32) -> Result<Option<Refused>> {
        let mut buffer = [0; ANSWER];
        let mut first = None;
        let mut overrun = false;
        loop {
            let length = match receive(self.fd.as_fd(), &mut buffer, RecvFlags::DONTWAIT) {
                Ok(length) => length,
                Err(Errno::NOBUFS) => {
                    overrun = true;
                    continue;
                }
                Err(Errno::AGAIN) if first.is_some() => return Ok(first),
                Err(Errno::AGAIN) if overrun => return Err(failed("read all answers from netlink", Errno::NOBUFS)),
                Err(errno) => return Err(failed("read the answer from netlink", errno)),
            };
            for message in received(&buffer[..length]).filter(|message| i32::from(message.kind) == libc::NLMSG_ERROR) {
                match refusal(&message) {
                    Some(refused) => _ = first.get_or_insert(refused),
                    None if message.sequence == last && first.is_none() && !overrun => return Ok(None),
                    None => {}
                }
            }
        }
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.fd
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open(protocol: Protocol, flags: SocketFlags) -> Result<OwnedFd, Errno> {
    let protocol = match protocol {
        // NETLINK_ROUTE is 0, which is what no protocol means.
        Protocol::Route => None,
        Protocol::Netfilter => Some(netlink::NETFILTER),
    };
    let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
    // The system's limit cuts these down; an ordinary user's batches then are smaller than root's.
    sockopt::set_socket_recv_buffer_size_force(&fd, BUFFER)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, BUFFER))?;
    sockopt::set_socket_send_buffer_size_force(&fd, BUFFER)
        .or_else(|_| sockopt::set_socket_send_buffer_size(&fd, BUFFER))?;
    set_option(&fd, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1)?;
    set_option(&fd, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)?;
    Ok(fd)
}

/// A socket option that rustix leaves out.
pub(super) fn set_option(fd: &OwnedFd, level: i32, name: i32, value: i32) -> Result<(), Errno> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointer and the size describe `value`, which outlives the call.
    let done = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

/// What the last system call of libc's failed with.
pub(super) fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| rustix::net::recv(fd, &mut *buffer, flags)).map(|(length, _)| length)
}

/// What an `NLMSG_ERROR` message refuses; `None` when it acknowledges.
fn refusal(message: &Received<'_>) -> Option<Refused> {
    let code = u32_at(message.payload, 0).map_or(-libc::EBADMSG, |code| code as i32);
    let extended = u32::from(message.flags) & libc::NLM_F_ACK_TLVS as u32 != 0;
    let attributes = message.payload.get(4 + HEADER..).filter(|_| extended).unwrap_or_default();
    (code != 0).then(|| Refused {
        sequence: message.sequence,
        errno: Errno::from_raw_os_error(-code),
        text: attribute(attributes, NLMSGERR_ATTR_MSG).map(text),
    })
}

fn explain(refused: &Refused, says: &str) -> Error {
    let reason = io::Error::from(refused.errno);
    let text = refused.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    with_mend(Error::machine(format!("the kernel refuses `{says}`: {reason}{text}")), refused.errno)
}

pub(super) fn failed(what: &str, errno: Errno) -> Error {
    with_mend(Error::machine(format!("cannot {what}: {}", io::Error::from(errno))), errno)
}

fn with_mend(error: Error, errno: Errno) -> Error {
    match errno {
        Errno::PERM | Errno::ACCESS => error.help("this needs CAP_NET_ADMIN in the namespace's user namespace"),
        Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => {
            error.help("this kernel lacks the feature: see `blockade doctor`")
        }
        Errno::MSGSIZE => error.help("the change is too large for one batch: raise net.core.wmem_max"),
        _ => error,
    }
}
