//! Netlink messages as bytes: headers, attributes, alignment. Pure; the socket is in [`super::netlink`].
//!
//! Many messages are written into one buffer, which is then sent in one system call.

use std::net::IpAddr;

/// Everything in netlink starts on a multiple of this many bytes.
const ALIGNMENT: usize = 4;
/// The size of `struct nlmsghdr`.
pub const HEADER: usize = 16;
/// The size of `struct nlattr`.
const ATTRIBUTE: usize = 4;
/// An attribute's length is 16 bits wide and counts its own header: this much fits.
pub const ATTRIBUTE_ROOM: usize = u16::MAX as usize - ATTRIBUTE;

const FLAGS_AT: usize = 6;
const SEQUENCE_AT: usize = 8;

/// Messages written one after the other into one buffer.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Messages {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one message of this kind; `NLM_F_REQUEST` is added to `flags`. `write` fills its payload.
    pub fn push(&mut self, kind: u16, flags: i32, write: impl FnOnce(&mut Writer<'_>)) {
        let start = self.bytes.len();
        self.starts.push(start);
        self.bytes.extend_from_slice(&[0; HEADER]);
        write(&mut Writer { bytes: &mut self.bytes });
        let length = (self.bytes.len() - start) as u32;
        self.set(start, &length.to_ne_bytes());
        self.set(start + 4, &kind.to_ne_bytes());
        self.set(start + FLAGS_AT, &((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Forgets the messages and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// The buffer, as it is sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Numbers the messages from `first` on.
    pub fn number(&mut self, first: u32) {
        for position in 0..self.starts.len() {
            let sequence = first.wrapping_add(position as u32);
            self.set(self.starts[position] + SEQUENCE_AT, &sequence.to_ne_bytes());
        }
    }

    /// Asks for an answer to one message, even if it succeeds.
    pub fn acknowledge(&mut self, position: usize) {
        let at = self.starts[position] + FLAGS_AT;
        let flags = u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]) | libc::NLM_F_ACK as u16;
        self.set(at, &flags.to_ne_bytes());
    }

    fn set(&mut self, at: usize, value: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }
}

/// Writes the payload of one message, or of one nested attribute.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Bytes without an attribute around them: the fixed header of a message's family.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    /// An attribute of bytes.
    pub fn bytes(&mut self, attribute: u16, value: &[u8]) {
        self.bytes.extend_from_slice(&((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&attribute.to_ne_bytes());
        self.raw(value);
    }

    /// An attribute of one byte.
    pub fn u8(&mut self, attribute: u16, value: u8) {
        self.bytes(attribute, &[value]);
    }

    /// An attribute of 32 bits in the machine's order, as rtnetlink has them.
    pub fn u32(&mut self, attribute: u16, value: u32) {
        self.bytes(attribute, &value.to_ne_bytes());
    }

    /// An attribute of 32 bits in network order, as nfnetlink has them.
    pub fn be32(&mut self, attribute: u16, value: u32) {
        self.bytes(attribute, &value.to_be_bytes());
    }

    /// An attribute of text, ended by a zero byte.
    pub fn text(&mut self, attribute: u16, value: &str) {
        self.bytes.extend_from_slice(&((ATTRIBUTE + value.len() + 1) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&attribute.to_ne_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.pad();
    }

    /// An attribute of an address' bytes.
    pub fn address(&mut self, attribute: u16, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.bytes(attribute, &address.octets()),
            IpAddr::V6(address) => self.bytes(attribute, &address.octets()),
        }
    }

    /// An attribute of attributes, or of a whole inner header with attributes.
    pub fn nest(&mut self, attribute: u16, write: impl FnOnce(&mut Writer<'_>)) {
        let start = self.bytes.len();
        self.bytes(attribute | libc::NLA_F_NESTED as u16, &[]);
        write(&mut Writer { bytes: self.bytes });
        let length = self.bytes.len() - start;
        debug_assert!(u16::try_from(length).is_ok(), "an attribute of {length} bytes: split it");
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
}

/// One received message.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Its kind (`NLMSG_ERROR`, `RTM_NEWADDR`, …).
    pub kind: u16,
    /// Its `NLM_F_…` flags.
    pub flags: u16,
    /// The number of the message it answers.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// The messages in a received buffer. Ends at the first that is cut short.
pub fn received(mut bytes: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        let payload = bytes.get(HEADER..length)?;
        let message =
            Received { kind: u16_at(bytes, 4)?, flags: u16_at(bytes, FLAGS_AT)?, sequence: u32_at(bytes, 8)?, payload };
        bytes = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in a payload, after its fixed header. Ends at the first that is cut short.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & libc::NLA_TYPE_MASK as u16;
        let value = bytes.get(ATTRIBUTE..length)?;
        bytes = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of this kind.
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// Text that may end in a zero byte.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// An address from its 4 or 16 bytes.
pub fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// 16 bits in the machine's order.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// 32 bits in the machine's order.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(values in prop::collection::vec((1_u16..100, prop::collection::vec(any::<u8>(), 0..40)), 0..20)) {
            let mut messages = Messages::new();
            messages.push(7, libc::NLM_F_CREATE, |m| {
                m.raw(&[1, 2, 3]);
                m.nest(5, |m| values.iter().for_each(|(kind, value)| m.bytes(*kind, value)));
            });
            messages.push(8, 0, |_| ());
            messages.number(40);
            let read: Vec<_> = received(messages.as_bytes()).collect();
            prop_assert_eq!((read.len(), read[0].kind, read[0].sequence, read[1].sequence), (2, 7, 40, 41));
            let nested = attribute(&read[0].payload[4..], 5).unwrap();
            let back: Vec<_> = attributes(nested).map(|(kind, value)| (kind, value.to_vec())).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn any_bytes_can_be_received(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for message in received(&bytes) {
                attributes(message.payload).for_each(drop);
            }
        }
    }

    #[test]
    fn a_zero_length_ends_the_reading() {
        assert_eq!(received(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }
}
