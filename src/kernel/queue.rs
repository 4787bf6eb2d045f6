//! A queue of packets that the kernel holds for this process, which says what becomes of each: NFQUEUE, over netlink.
//!
//! A rule puts packets there (`queue flags bypass to 47360`). The kernel tells of each, with as much of it as the queue
//! asks for, and keeps it until the verdict. A queue ends with its socket: what it holds then is dropped, and what comes
//! afterwards passes. Like every netlink socket it stays in the namespace that it was opened in, whoever holds it.

use super::message::{Messages, Received, attributes, received};
use super::netlink::{Protocol, Socket, failed, last_error, set_option};
use crate::error::Result;
pub use crate::plan::table::Queue as Kind;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SendFlags, sockopt};

// <linux/netlink.h>, which libc leaves out.
const NETLINK_NO_ENOBUFS: i32 = 5;

/// `struct nfgenmsg`'s size.
const HEADER: usize = 4;

/// The kernel holds so many packets at most; more are dropped. (Its own default is 1,024.) Half a second at 262,000
/// packets a second.
const HELD_MAX: u32 = 1 << 17;
/// Room for what the kernel tells while we are busy. The system's limit cuts it down for an ordinary user.
const BUFFER: usize = 16 << 20;
/// So much of verdicts is sent at once.
const VERDICTS: usize = 32 << 10;
/// So many packets are read at once.
const AT_ONCE: usize = 32;
/// A message's attributes beside the packet itself take less than this.
const ATTRIBUTES: usize = 512;

/// How much of each packet is told: all headers that decide, or everything.
const fn copies(kind: Kind) -> usize {
    match kind {
        Kind::Whole => 128,
        Kind::Single | Kind::Leaving => u16::MAX as usize,
    }
}

/// With `NFQA_CFG_F_GSO` the kernel neither cuts large pieces up nor fills checksums in.
const fn flags(kind: Kind) -> u32 {
    match kind {
        Kind::Whole => libc::NFQA_CFG_F_GSO as u32,
        Kind::Single | Kind::Leaving => 0,
    }
}

/// A queue's socket.
#[derive(Debug)]
pub struct Queue {
    fd: OwnedFd,
    kind: Kind,
}

/// A packet that the kernel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What the kernel calls it.
    pub id: u32,
    /// Its bytes, from the IP header on, as many as are told.
    pub bytes: &'a [u8],
    /// How many it has.
    pub length: usize,
    /// By which device it came, or is to leave.
    pub device: u32,
}

impl Packet<'_> {
    /// Whether all its bytes are told.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

/// Room for what is read at once.
#[derive(Debug)]
pub struct Buffers {
    bytes: Vec<u8>,
    /// Of each message.
    size: usize,
    lengths: [usize; AT_ONCE],
}

/// Verdicts that are said together.
#[derive(Debug, Default)]
pub struct Verdicts(Messages);

impl Queue {
    /// Opens a queue in the calling thread's network namespace, where it stays.
    ///
    /// # Errors
    /// Also where somebody has a queue of that number there.
    pub fn open(kind: Kind) -> Result<Self> {
        let mut socket = Socket::open(Protocol::Netfilter)?;
        let mut messages = configuration(kind);
        let last = messages.len() - 1;
        socket.transact(&mut messages, last, |_| format!("bind queue {}", kind.number()))?;
        let fd = OwnedFd::from(socket);
        let options = || {
            sockopt::set_socket_recv_buffer_size_force(&fd, BUFFER)
                .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, BUFFER))?;
            // Where it is too small all the same, packets are lost as in any full queue: that is no error of ours.
            set_option(&fd, libc::SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        };
        options().map_err(|errno| failed("prepare a queue's socket", errno))?;
        Ok(Self { fd, kind })
    }

    /// A queue that was opened by another process.
    pub fn adopt(fd: OwnedFd, kind: Kind) -> Self {
        Self { fd, kind }
    }

    /// What it takes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Reads what the kernel has told, as much as fits; never waits.
    pub fn read(&self, buffers: &mut Buffers) -> Result<(), Errno> {
        buffers.lengths = [0; AT_ONCE];
        match receive_many(self.fd.as_fd(), buffers) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Ok(()) => buffers.refusal().map_or(Ok(()), Err),
            result => result,
        }
    }

    /// Says verdicts. What the kernel does next with the packets, up to the socket that gets them, is done when this
    /// returns.
    pub fn say(&self, verdicts: &mut Verdicts) -> Result<(), Errno> {
        if verdicts.0.is_empty() {
            return Ok(());
        }
        let said = rustix::io::retry_on_intr(|| rustix::net::send(&self.fd, verdicts.0.as_bytes(), SendFlags::empty()));
        verdicts.0.clear();
        said.map(drop)
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Queue> for OwnedFd {
    fn from(queue: Queue) -> Self {
        queue.fd
    }
}

fn message(kind: i32) -> u16 {
    ((libc::NFNL_SUBSYS_QUEUE << 8) | kind) as u16
}

/// `struct nfgenmsg`: family, version, and in network order the queue's number.
fn header(kind: Kind) -> [u8; HEADER] {
    let [high, low] = kind.number().to_be_bytes();
    [libc::AF_UNSPEC as u8, libc::NFNETLINK_V0 as u8, high, low]
}

/// `struct nfqnl_msg_config_cmd { command, pad, pf }`, then `struct nfqnl_msg_config_params { copy_range, copy_mode }`,
/// the queue's length, and its flags with the mask of those that are meant.
fn configuration(kind: Kind) -> Messages {
    let mut messages = Messages::new();
    messages.push(message(libc::NFQNL_MSG_CONFIG), 0, |m| {
        m.raw(&header(kind));
        m.bytes(libc::NFQA_CFG_CMD as u16, &[libc::NFQNL_CFG_CMD_BIND as u8, 0, 0, 0]);
    });
    messages.push(message(libc::NFQNL_MSG_CONFIG), 0, |m| {
        let [a, b, c, d] = (copies(kind) as u32).to_be_bytes();
        m.raw(&header(kind));
        m.bytes(libc::NFQA_CFG_PARAMS as u16, &[a, b, c, d, libc::NFQNL_COPY_PACKET as u8]);
        m.be32(libc::NFQA_CFG_QUEUE_MAXLEN as u16, HELD_MAX);
        m.be32(libc::NFQA_CFG_MASK as u16, libc::NFQA_CFG_F_GSO as u32);
        m.be32(libc::NFQA_CFG_FLAGS as u16, flags(kind));
    });
    messages
}

impl Buffers {
    /// Room for the messages of such queues.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        let size = copies(kind) + ATTRIBUTES;
        Self { bytes: vec![0; size * AT_ONCE], size, lengths: [0; AT_ONCE] }
    }

    /// Whether more may be waiting than fitted.
    #[must_use]
    pub fn are_full(&self) -> bool {
        self.lengths.iter().all(|length| *length > 0)
    }

    /// The packets that were read last.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let messages = self.bytes.chunks_exact(self.size).zip(&self.lengths);
        messages.flat_map(|(bytes, length)| packets(&bytes[..(*length).min(self.size)]))
    }
}

impl Buffers {
    /// Whether the kernel says that verdicts are not ours to give: then all packets would wait for ever.
    fn refusal(&self) -> Option<Errno> {
        let messages = self.bytes.chunks_exact(self.size).zip(&self.lengths);
        let all = messages.flat_map(|(bytes, length)| received(&bytes[..(*length).min(self.size)]));
        let refusals = all.filter(|message| i32::from(message.kind) == libc::NLMSG_ERROR);
        let code = |message: Received<'_>| message.payload.first_chunk().map(|code| i32::from_ne_bytes(*code));
        refusals.filter_map(code).find(|code| *code == -libc::EPERM).map(|_| Errno::PERM)
    }
}

/// The packets in a buffer of messages. What else is there, such as that a verdict came too late, concerns nobody.
fn packets(bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let is_packet = |kind: u16| kind == message(libc::NFQNL_MSG_PACKET);
    received(bytes).filter(move |message| is_packet(message.kind)).filter_map(|message| packet(message.payload))
}

fn packet(payload: &[u8]) -> Option<Packet<'_>> {
    let (mut id, mut bytes, mut length, mut device) = (None, &[][..], None, 0);
    for (kind, value) in attributes(payload.get(HEADER..)?) {
        match i32::from(kind) {
            // `struct nfqnl_msg_packet_hdr { packet_id, hw_protocol, hook }`
            libc::NFQA_PACKET_HDR => id = be32(value),
            libc::NFQA_PAYLOAD => bytes = value,
            // Only of a packet that is not told whole.
            libc::NFQA_CAP_LEN => length = be32(value),
            libc::NFQA_IFINDEX_INDEV | libc::NFQA_IFINDEX_OUTDEV => device = be32(value)?,
            _ => {}
        }
    }
    Some(Packet { id: id?, bytes, length: length.map_or(bytes.len(), |length| length as usize), device })
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// `recvmmsg`, which rustix leaves out: a message of the kernel's into each buffer, as many as there are.
fn receive_many(fd: BorrowedFd<'_>, buffers: &mut Buffers) -> Result<(), Errno> {
    // SAFETY: zeros are a valid value of these plain structures; the pointers set below stay valid over the call, and
    // each names a part of `bytes` of its own.
    let count = unsafe {
        let mut parts: [libc::iovec; AT_ONCE] = std::mem::zeroed();
        let mut heads: [libc::mmsghdr; AT_ONCE] = std::mem::zeroed();
        for ((part, head), bytes) in parts.iter_mut().zip(&mut heads).zip(buffers.bytes.chunks_exact_mut(buffers.size))
        {
            *part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
            head.msg_hdr.msg_iov = part;
            head.msg_hdr.msg_iovlen = 1;
        }
        let count = libc::recvmmsg(
            fd.as_raw_fd(),
            heads.as_mut_ptr(),
            AT_ONCE as u32,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        );
        for (length, head) in buffers.lengths.iter_mut().zip(&heads).take(usize::try_from(count).unwrap_or(0)) {
            *length = head.msg_len as usize;
        }
        count
    };
    if count < 0 { Err(last_error()) } else { Ok(()) }
}

impl Verdicts {
    /// The packet goes on.
    pub fn accept(&mut self, kind: Kind, id: u32) {
        self.push(kind, id, libc::NF_ACCEPT, None);
    }

    /// It vanishes. Nobody is told: whoever sent it has long been told that it is on its way.
    pub fn drop(&mut self, kind: Kind, id: u32) {
        self.push(kind, id, libc::NF_DROP, None);
    }

    /// It goes on with these bytes, whose checksums are looked at.
    pub fn replace(&mut self, kind: Kind, id: u32, bytes: &[u8]) {
        self.push(kind, id, libc::NF_ACCEPT, Some(bytes));
    }

    /// Whether they should be said before there are more.
    #[must_use]
    pub fn are_many(&self) -> bool {
        self.0.as_bytes().len() > VERDICTS
    }

    /// `struct nfqnl_msg_verdict_hdr { verdict, id }`, and the packet if it is another one.
    fn push(&mut self, kind: Kind, id: u32, verdict: i32, bytes: Option<&[u8]>) {
        self.0.push(message(libc::NFQNL_MSG_VERDICT), 0, |m| {
            m.raw(&header(kind));
            let [verdict, id] = [verdict as u32, id].map(u32::to_be_bytes);
            m.bytes(libc::NFQA_VERDICT_HDR as u16, [verdict, id].as_flattened());
            // Where somebody adds a hook before ours meanwhile, the kernel hands it to ours once more.
            m.be32(libc::NFQA_MARK as u16, kind.mark());
            if let Some(bytes) = bytes {
                m.bytes(libc::NFQA_PAYLOAD as u16, bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::Namespace;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200), id: u32) {
            packets(&bytes).for_each(drop);
            let mut messages = Messages::new();
            messages.push(message(libc::NFQNL_MSG_PACKET), 0, |m| {
                m.raw(&[0; HEADER]);
                m.bytes(libc::NFQA_PACKET_HDR as u16, &id.to_be_bytes());
                m.bytes(libc::NFQA_PAYLOAD as u16, &bytes);
            });
            let read: Vec<_> = packets(messages.as_bytes()).collect();
            prop_assert_eq!(read, [Packet { id, bytes: &bytes, length: bytes.len(), device: 0 }]);
        }
    }

    #[test]
    fn a_queue_has_one_owner_and_ends_with_its_socket() {
        let Some(namespace) = Namespace::new() else { return };
        let open = |kind| namespace.inside(|| Queue::open(kind));
        let queues = Kind::ALL.map(|kind| open(kind).unwrap());
        insta::assert_snapshot!(open(Kind::Single).unwrap_err(), @"the kernel refuses `bind queue 47361`: Operation not permitted (os error 1) (this needs CAP_NET_ADMIN in the namespace's user namespace)");
        drop(queues);
        open(Kind::Single).unwrap();
    }
}
