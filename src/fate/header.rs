//! What the first bytes of an IP packet say: who sends what to whom. Pure; any bytes can be read.

use crate::fault::{Family, Filter, Proto};
use std::net::IpAddr;

// The protocols' numbers, of IANA's list.
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

// Those of IPv6's extension headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;

/// Router and neighbour solicitations and advertisements, redirects: ICMPv6's types 133 to 137.
const DISCOVERY: std::ops::RangeInclusive<u8> = 133..=137;

/// The headers of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whose packet it is.
    pub(crate) source: IpAddr,
    /// For whom.
    pub(crate) destination: IpAddr,
    /// Where the headers of IP end and something else begins.
    pub(crate) length: usize,
    /// What that is; none where it lies beyond the bytes that were given.
    proto: Option<u8>,
    /// Source and destination port of TCP or UDP. A fragment that is not the first has none.
    ports: Option<(u16, u16)>,
    /// Whether it belongs to IPv6 neighbour discovery.
    pub(crate) is_discovery: bool,
}

impl Header {
    /// Whether it is for one receiver. (A subnet's own broadcast address cannot be told from others: no route leads a copy
    /// of it back to its receiver, see [`Raw`](crate::kernel::raw::Raw).)
    pub(crate) fn is_for_one(&self) -> bool {
        match self.destination {
            IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_broadcast(),
            IpAddr::V6(v6) => !v6.is_multicast(),
        }
    }

    /// Reads the headers; nothing where they are none of IP.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::read_v4(packet),
            6 => Self::read_v6(packet),
            _ => None,
        }
    }

    fn read_v4(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; 20] = packet.first_chunk()?;
        let length = usize::from(fixed[0] & 15) * 4;
        let address = |at: usize| IpAddr::from([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let fragment = u16::from_be_bytes([fixed[6], fixed[7]]) & 0x1fff;
        let proto = fixed[9];
        Some(Self {
            source: address(12),
            destination: address(16),
            length,
            proto: Some(proto),
            ports: ports(packet, length, proto).filter(|_| fragment == 0),
            is_discovery: false,
        })
    }

    fn read_v6(packet: &[u8]) -> Option<Self> {
        let address = |at: usize| packet.get(at..at + 16)?.try_into().ok().map(<[u8; 16]>::into);
        let (source, destination) = (address(8)?, address(24)?);
        let Upper { proto, at, is_first } = upper(packet, *packet.get(6)?);
        let known = proto.filter(|_| is_first);
        Some(Self {
            source,
            destination,
            length: at,
            proto,
            ports: known.and_then(|proto| ports(packet, at, proto)),
            is_discovery: known == Some(ICMPV6) && packet.get(at).is_some_and(|kind| DISCOVERY.contains(kind)),
        })
    }

    /// Whether the filter selects the packet.
    pub(crate) fn is_selected_by(&self, filter: Filter) -> bool {
        let family = if self.source.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        let number = match filter.proto {
            Some(Proto::Tcp) => Some(TCP),
            Some(Proto::Udp) => Some(UDP),
            Some(Proto::Icmp) if family == Family::Ipv6 => Some(ICMPV6),
            Some(Proto::Icmp) => Some(ICMP),
            None => None,
        };
        filter.family.is_none_or(|wanted| wanted == family)
            && number.is_none_or(|wanted| self.proto == Some(wanted))
            && filter.port.is_none_or(|port| self.ports.is_some_and(|(source, to)| port == source || port == to))
    }

    /// How many bytes a packet of this length is on the wire, where the kernel has made one large piece of what are many
    /// packets there, each with these headers: as many as a device of this MTU needs.
    pub(crate) fn wire_length(&self, packet: &[u8], length: usize, mtu: usize) -> usize {
        let headers = self.length + self.transport_length(packet);
        match (length.checked_sub(headers), mtu.checked_sub(headers)) {
            (Some(content), Some(room)) if length > mtu && room > 0 => content + content.div_ceil(room) * headers,
            _ => length,
        }
    }

    fn transport_length(&self, packet: &[u8]) -> usize {
        match self.proto {
            Some(TCP) => packet.get(self.length + 12).map_or(20, |offset| usize::from(offset >> 4) * 4),
            Some(UDP) => 8,
            _ => 0,
        }
    }

    /// Whether it is TCP.
    pub(crate) fn is_tcp(&self) -> bool {
        self.proto == Some(TCP)
    }
}

/// What an IPv6 packet carries behind its extension headers.
struct Upper {
    proto: Option<u8>,
    at: usize,
    /// Whether the packet is whole, or the first of its fragments.
    is_first: bool,
}

/// Follows the chain of extension headers.
fn upper(packet: &[u8], first: u8) -> Upper {
    let (mut kind, mut at) = (first, 40);
    loop {
        let header = packet.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let length = match (kind, header) {
            (HOP_BY_HOP | ROUTING | OPTIONS | MOBILITY, Some(header)) => 8 + 8 * usize::from(header[1]),
            (AUTHENTICATION, Some(header)) => 8 + 4 * usize::from(header[1]),
            (FRAGMENT, Some(header)) if u16::from_be_bytes([header[2], header[3]]) >> 3 == 0 => 8,
            (FRAGMENT, Some(header)) => return Upper { proto: Some(header[0]), at: at + 8, is_first: false },
            (HOP_BY_HOP | ROUTING | OPTIONS | MOBILITY | AUTHENTICATION | FRAGMENT, None) => {
                return Upper { proto: None, at, is_first: true };
            }
            _ => return Upper { proto: Some(kind), at, is_first: true },
        };
        kind = header.map_or(kind, |header| header[0]);
        at += length;
    }
}

fn ports(packet: &[u8], at: usize, proto: u8) -> Option<(u16, u16)> {
    let bytes = packet.get(at..)?.first_chunk::<4>().filter(|_| proto == TCP || proto == UDP)?;
    Some((u16::from_be_bytes([bytes[0], bytes[1]]), u16::from_be_bytes([bytes[2], bytes[3]])))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An IPv4 packet of a protocol, with ports where it has some.
    pub(crate) fn v4(proto: u8, source: u16, destination: u16) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend([source.to_be_bytes(), destination.to_be_bytes()].concat());
        packet.extend([0; 4]);
        packet
    }

    /// An IPv6 packet whose first header is of this kind.
    fn v6(kind: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, kind, 64];
        for last in [1, 2] {
            packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.extend(rest);
        packet
    }

    fn filter(proto: Option<Proto>, port: Option<u16>, family: Option<Family>) -> Filter {
        Filter { proto, port, family }
    }

    fn selected(packet: &[u8], filter: Filter) -> bool {
        Header::read(packet).unwrap().is_selected_by(filter)
    }

    #[test]
    fn a_filter_selects_what_has_its_protocol_its_port_at_either_end_and_its_family() {
        let packet = v4(TCP, 80, 5000);
        for (expected, filter) in [
            (true, Filter::ANY),
            (true, filter(Some(Proto::Tcp), None, None)),
            (true, filter(Some(Proto::Tcp), Some(80), Some(Family::Ipv4))),
            (true, filter(None, Some(5000), None)),
            (false, filter(None, Some(81), None)),
            (false, filter(Some(Proto::Udp), None, None)),
            (false, filter(Some(Proto::Udp), Some(80), None)),
            (false, filter(None, None, Some(Family::Ipv6))),
        ] {
            assert_eq!(selected(&packet, filter), expected, "{filter}");
        }
        assert!(selected(&v4(ICMP, 80, 80), filter(Some(Proto::Icmp), None, None)));
        assert!(!selected(&v4(ICMP, 80, 80), filter(None, Some(80), None)), "ICMP has no ports");
        assert!(selected(&v6(ICMPV6, &[128, 0, 0, 0]), filter(Some(Proto::Icmp), None, Some(Family::Ipv6))));
        assert!(!selected(&v6(ICMP, &[]), filter(Some(Proto::Icmp), None, None)));
    }

    #[test]
    fn only_the_first_fragment_has_ports() {
        let mut packet = v4(UDP, 53, 53);
        packet[6] = 0x20;
        assert!(selected(&packet, filter(Some(Proto::Udp), Some(53), None)));
        packet[7] = 1;
        assert!(!selected(&packet, filter(Some(Proto::Udp), Some(53), None)));
        assert!(selected(&packet, filter(Some(Proto::Udp), None, None)));
        let mut packet = v6(44, &[UDP, 0, 0, 1, 0, 0, 0, 0, 0, 53, 0, 53]);
        assert!(selected(&packet, filter(Some(Proto::Udp), Some(53), None)));
        packet[43] = 9;
        assert!(!selected(&packet, filter(Some(Proto::Udp), Some(53), None)));
        assert!(selected(&packet, filter(Some(Proto::Udp), None, None)));
    }

    #[test]
    fn a_large_piece_counts_with_the_headers_of_all_its_packets() {
        let mut packet = v4(TCP, 1, 2);
        packet.resize(52, 0);
        packet[32] = 8 << 4;
        let header = Header::read(&packet).unwrap();
        for (length, expected) in [(52, 52), (1_500, 1_500), (1_501, 1_553), (52 + 10 * 1_448, 15_000)] {
            assert_eq!(header.wire_length(&packet, length, 1_500), expected);
        }
        assert_eq!(header.wire_length(&packet, 9_000, 0), 9_000);
    }

    #[test]
    fn extension_headers_are_passed_over() {
        let options = [60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let rest = [&options[..], &[TCP, 0, 0, 0, 0, 0, 0, 0], &[0, 80, 1, 0, 9, 9]].concat();
        let header = Header::read(&v6(0, &rest)).unwrap();
        assert_eq!((header.proto, header.ports, header.length), (Some(TCP), Some((80, 256)), 64));
        assert_eq!(header.destination, "fd00::2".parse::<IpAddr>().unwrap());
        // What is cut off is not guessed.
        let cut = Header::read(&v6(0, &rest[..16])).unwrap();
        assert_eq!((cut.proto, cut.ports), (None, None));
        assert!(cut.is_selected_by(Filter::ANY) && !cut.is_selected_by(filter(Some(Proto::Tcp), None, None)));
    }

    #[test]
    fn neighbour_discovery_is_recognized_and_an_echo_is_none() {
        for (kind, expected) in [(128, false), (132, false), (133, true), (135, true), (137, true), (138, false)] {
            assert_eq!(Header::read(&v6(ICMPV6, &[kind])).unwrap().is_discovery, expected, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(version in 0..16_u8, kind: u8, mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            bytes.insert(0, version << 4 | 5);
            let _ = Header::read(&bytes).map(|header| header.wire_length(&bytes, 9_000, 1_500));
            let _ = Header::read(&v6(kind, &bytes));
            for ext in [0, 43, 44, 51, 60, 135] {
                let _ = Header::read(&v6(ext, &bytes));
            }
        }
    }
}
