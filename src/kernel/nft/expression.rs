//! Rules as the kernel's expressions: load something into a register, compare it, look it up, give a verdict. Pure.

use super::QueueBy;
use crate::fault::{Family, Proto};
use crate::kernel::message::Writer;
use crate::plan::Billionths;
use crate::plan::table::{End, Match, Rule, TableFamily, Verdict, handle};

/// An item of a list.
pub(super) const ITEM: u16 = 1;

// <linux/netfilter/nf_tables.h>: attributes, which libc leaves out.
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;
const META_REGISTER: u16 = 1;
const META_KEY: u16 = 2;
const META_SOURCE: u16 = 3;
const NUMGEN_REGISTER: u16 = 1;
const NUMGEN_MODULUS: u16 = 2;
const NUMGEN_TYPE: u16 = 3;
const NUMGEN_OFFSET: u16 = 4;
const NUMGEN_RANDOM: u32 = 1;
const BYTEORDER_SOURCE: u16 = 1;
const BYTEORDER_TARGET: u16 = 2;
const BYTEORDER_OPERATION: u16 = 3;
const BYTEORDER_LENGTH: u16 = 4;
const BYTEORDER_SIZE: u16 = 5;
const BYTEORDER_HOST_TO_NETWORK: u32 = 1;
const PAYLOAD_REGISTER: u16 = 1;
const PAYLOAD_BASE: u16 = 2;
const PAYLOAD_OFFSET: u16 = 3;
const PAYLOAD_LENGTH: u16 = 4;
const COMPARE_REGISTER: u16 = 1;
const COMPARE_OPERATOR: u16 = 2;
const COMPARE_DATA: u16 = 3;
const BITWISE_SOURCE: u16 = 1;
const BITWISE_TARGET: u16 = 2;
const BITWISE_LENGTH: u16 = 3;
const BITWISE_MASK: u16 = 4;
const BITWISE_XOR: u16 = 5;
const LOOKUP_SET: u16 = 1;
const LOOKUP_REGISTER: u16 = 2;
const LOOKUP_RESULT: u16 = 3;
const LOOKUP_FLAGS: u16 = 5;
const LOOKUP_INVERTED: u32 = 1;
const IMMEDIATE_REGISTER: u16 = 1;
const IMMEDIATE_DATA: u16 = 2;
const FIB_REGISTER: u16 = 1;
const FIB_RESULT: u16 = 2;
const FIB_FLAGS: u16 = 3;
const FIB_ADDRESS_TYPE: u32 = 3;
const FIB_DESTINATION: u32 = 2;
const REJECT_TYPE: u16 = 1;
const REJECT_CODE: u16 = 2;
const REJECT_TCP_RESET: u32 = 1;
const REJECT_ICMPX: u32 = 2;
const ICMPX_PORT_UNREACHABLE: u8 = 1;
// <linux/netfilter/nf_tables_compat.h>
const TARGET_NAME: u16 = 1;
const TARGET_REVISION: u16 = 2;
const TARGET_INFO: u16 = 3;
const QUEUE_NUMBER: u16 = 1;
const QUEUE_TOTAL: u16 = 2;
const QUEUE_FLAGS: u16 = 3;
// <linux/netfilter/xt_NFQUEUE.h>
const NFQUEUE_REVISION: u32 = 3;
/// `NFQ_FLAG_BYPASS` and `NFT_QUEUE_FLAG_BYPASS`: where nobody listens the packet goes on.
const QUEUE_BYPASS: u16 = 1;

/// The register everything goes through: 16 bytes wide.
const REGISTER: u32 = libc::NFT_REG_1 as u32;
const VERDICT_REGISTER: u32 = libc::NFT_REG_VERDICT as u32;

const LOOPBACK_INDEX: u32 = 1;
const ROUTER_SOLICITATION: u8 = 133;
const REDIRECT: u8 = 137;
const UNREACHABLE: u8 = 3;
const UNREACHABLE_V6: u8 = 1;
/// Where TCP's flags stand, and the one of a reset.
const TCP_FLAGS: u32 = 13;
const RST: u8 = 0x04;

/// The expressions of a rule, in the order in which they stand in it.
pub(super) fn rule_expressions(m: &mut Writer<'_>, table: TableFamily, rule: &Rule, by: QueueBy) {
    if let Some(family) = rule.family {
        only_family(m, table, family);
    }
    for one in &rule.matches {
        match_expressions(m, rule.family, one);
    }
    verdict(m, rule.family, &rule.verdict, by);
}

/// `meta nfproto ipv4`; in a netdev table `meta protocol ip`
fn only_family(m: &mut Writer<'_>, table: TableFamily, family: Family) {
    match (table, family) {
        (TableFamily::Inet, Family::Ipv4) => meta_is(m, libc::NFT_META_NFPROTO, &[libc::NFPROTO_IPV4 as u8]),
        (TableFamily::Inet, Family::Ipv6) => meta_is(m, libc::NFT_META_NFPROTO, &[libc::NFPROTO_IPV6 as u8]),
        (TableFamily::Netdev, Family::Ipv4) => ether_type_is(m, libc::ETH_P_IP),
        (TableFamily::Netdev, Family::Ipv6) => ether_type_is(m, libc::ETH_P_IPV6),
    }
}

fn ether_type_is(m: &mut Writer<'_>, kind: i32) {
    meta_is(m, libc::NFT_META_PROTOCOL, &(kind as u16).to_be_bytes());
}

fn match_expressions(m: &mut Writer<'_>, family: Option<Family>, one: &Match) {
    match one {
        Match::Loopback => loopback(m, libc::NFT_META_IIF),
        Match::ToLoopback => loopback(m, libc::NFT_META_OIF),
        Match::Marked(mark) => meta_is(m, libc::NFT_META_MARK, &mark.to_ne_bytes()),
        Match::NeighbourDiscovery => neighbour_discovery(m),
        Match::Reset => reset(m),
        Match::Unreachable => unreachable_is(m, family),
        Match::Multicast => multicast(m, family),
        Match::Broadcast => broadcast(m),
        Match::RoutedBroadcast => routed_broadcast(m),
        Match::Proto(proto) => protocol_is(m, *proto, family),
        Match::Port(proto, end, number) => {
            protocol_is(m, *proto, family);
            port_is(m, *end, *number);
        }
        Match::In(end, set) => lookup(m, family, *end, set, 0),
        Match::NotIn(end, set) => lookup(m, family, *end, set, LOOKUP_INVERTED),
    }
}

/// `iif "lo"`, `oif "lo"`
pub(super) fn loopback(m: &mut Writer<'_>, end: i32) {
    meta_is(m, end, &LOOPBACK_INDEX.to_ne_bytes());
}

/// `icmpv6 type 133-137`
pub(super) fn neighbour_discovery(m: &mut Writer<'_>) {
    meta_is(m, libc::NFT_META_L4PROTO, &[libc::IPPROTO_ICMPV6 as u8]);
    payload(m, libc::NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    compare(m, libc::NFT_CMP_GTE, &[ROUTER_SOLICITATION]);
    compare(m, libc::NFT_CMP_LTE, &[REDIRECT]);
}

/// `tcp flags rst`
fn reset(m: &mut Writer<'_>) {
    protocol_is(m, Proto::Tcp, None);
    payload(m, libc::NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1);
    mask(m, &[RST]);
    compare(m, libc::NFT_CMP_NEQ, &[0]);
}

/// `icmp type destination-unreachable`, `icmpv6 type destination-unreachable`
fn unreachable_is(m: &mut Writer<'_>, family: Option<Family>) {
    protocol_is(m, Proto::Icmp, family);
    payload(m, libc::NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    let kind = if family == Some(Family::Ipv6) { UNREACHABLE_V6 } else { UNREACHABLE };
    compare(m, libc::NFT_CMP_EQ, &[kind]);
}

/// `ip daddr 224.0.0.0/3`, `ip6 daddr ff00::/8`
fn multicast(m: &mut Writer<'_>, family: Option<Family>) {
    if family == Some(Family::Ipv6) {
        payload(m, libc::NFT_PAYLOAD_NETWORK_HEADER, address_offset(Family::Ipv6, End::Destination), 1);
        compare(m, libc::NFT_CMP_EQ, &[0xff]);
    } else {
        payload(m, libc::NFT_PAYLOAD_NETWORK_HEADER, address_offset(Family::Ipv4, End::Destination), 4);
        mask(m, &[0xe0, 0, 0, 0]);
        compare(m, libc::NFT_CMP_EQ, &[0xe0, 0, 0, 0]);
    }
}

/// `ether daddr ff:ff:ff:ff:ff:ff`
fn broadcast(m: &mut Writer<'_>) {
    payload(m, libc::NFT_PAYLOAD_LL_HEADER, 0, 6);
    compare(m, libc::NFT_CMP_EQ, &[0xff; 6]);
}

/// `fib daddr type broadcast`
fn routed_broadcast(m: &mut Writer<'_>) {
    expression(m, "fib", |m| {
        m.be32(FIB_REGISTER, REGISTER);
        m.be32(FIB_RESULT, FIB_ADDRESS_TYPE);
        m.be32(FIB_FLAGS, FIB_DESTINATION);
    });
    compare(m, libc::NFT_CMP_EQ, &u32::from(libc::RTN_BROADCAST).to_ne_bytes());
}

/// `meta l4proto tcp`
fn protocol_is(m: &mut Writer<'_>, proto: Proto, family: Option<Family>) {
    let number = match proto {
        Proto::Tcp => libc::IPPROTO_TCP,
        Proto::Udp => libc::IPPROTO_UDP,
        Proto::Icmp if family == Some(Family::Ipv6) => libc::IPPROTO_ICMPV6,
        Proto::Icmp => libc::IPPROTO_ICMP,
    };
    meta_is(m, libc::NFT_META_L4PROTO, &[number as u8]);
}

/// `th sport 80`, `th dport 80`
fn port_is(m: &mut Writer<'_>, end: End, port: u16) {
    let offset = match end {
        End::Source => 0,
        End::Destination => 2,
    };
    payload(m, libc::NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2);
    compare(m, libc::NFT_CMP_EQ, &port.to_be_bytes());
}

/// `ip saddr @dropped4`, `ip6 daddr != @nodes6`
fn lookup(m: &mut Writer<'_>, family: Option<Family>, end: End, set: &str, flags: u32) {
    load_address(m, family, end);
    expression(m, "lookup", |m| {
        m.text(LOOKUP_SET, set);
        m.be32(LOOKUP_REGISTER, REGISTER);
        m.be32(LOOKUP_FLAGS, flags);
    });
}

fn load_address(m: &mut Writer<'_>, family: Option<Family>, end: End) {
    let family = family.unwrap_or(Family::Ipv4);
    let length = if family == Family::Ipv4 { 4 } else { 16 };
    payload(m, libc::NFT_PAYLOAD_NETWORK_HEADER, address_offset(family, end), length);
}

/// Where the addresses stand in an IP header.
fn address_offset(family: Family, end: End) -> u32 {
    match (family, end) {
        (Family::Ipv4, End::Source) => 12,
        (Family::Ipv4, End::Destination) => 16,
        (Family::Ipv6, End::Source) => 8,
        (Family::Ipv6, End::Destination) => 24,
    }
}

/// `return`, `accept`, `jump dropped`, `drop`, `reject with tcp reset`, `reject with icmpx port-unreachable`
fn verdict(m: &mut Writer<'_>, family: Option<Family>, verdict: &Verdict, by: QueueBy) {
    match verdict {
        Verdict::Return => immediate(m, libc::NFT_RETURN),
        Verdict::Accept => immediate(m, libc::NF_ACCEPT),
        Verdict::Jump(chain) => jump(m, chain),
        Verdict::Drop => immediate(m, libc::NF_DROP),
        Verdict::ResetTcp => expression(m, "reject", |m| m.be32(REJECT_TYPE, REJECT_TCP_RESET)),
        Verdict::PortUnreachable => expression(m, "reject", |m| {
            m.be32(REJECT_TYPE, REJECT_ICMPX);
            m.u8(REJECT_CODE, ICMPX_PORT_UNREACHABLE);
        }),
        Verdict::Lose(share) => {
            below(m, *share);
            immediate(m, libc::NF_DROP);
        }
        Verdict::Queue(to) => queue(m, by, to.number()),
        Verdict::Class(class) => {
            expression(m, "immediate", |m| {
                m.be32(IMMEDIATE_REGISTER, REGISTER);
                m.nest(IMMEDIATE_DATA, |m| m.bytes(DATA_VALUE, &handle(*class).to_ne_bytes()));
            });
            set_priority(m);
        }
        Verdict::ClassIn(map) => {
            load_address(m, family, End::Destination);
            expression(m, "lookup", |m| {
                m.text(LOOKUP_SET, map);
                m.be32(LOOKUP_REGISTER, REGISTER);
                m.be32(LOOKUP_RESULT, REGISTER);
            });
            set_priority(m);
        }
    }
}

/// `meta priority set …` what the register holds.
fn set_priority(m: &mut Writer<'_>) {
    expression(m, "meta", |m| {
        m.be32(META_KEY, libc::NFT_META_PRIORITY as u32);
        m.be32(META_SOURCE, REGISTER);
    });
}

/// `numgen random mod 1000000000 < 300000000`: numbers are compared byte by byte, so in network order.
fn below(m: &mut Writer<'_>, share: Billionths) {
    expression(m, "numgen", |m| {
        m.be32(NUMGEN_REGISTER, REGISTER);
        m.be32(NUMGEN_MODULUS, Billionths::ONE);
        m.be32(NUMGEN_TYPE, NUMGEN_RANDOM);
        m.be32(NUMGEN_OFFSET, 0);
    });
    expression(m, "byteorder", |m| {
        m.be32(BYTEORDER_SOURCE, REGISTER);
        m.be32(BYTEORDER_TARGET, REGISTER);
        m.be32(BYTEORDER_OPERATION, BYTEORDER_HOST_TO_NETWORK);
        m.be32(BYTEORDER_LENGTH, 4);
        m.be32(BYTEORDER_SIZE, 4);
    });
    compare(m, libc::NFT_CMP_LT, &share.0.to_be_bytes());
}

/// `queue flags bypass to 47360`
pub(super) fn queue(m: &mut Writer<'_>, by: QueueBy, number: u16) {
    match by {
        QueueBy::Target => queue_target(m, number),
        QueueBy::Statement => expression(m, "queue", |m| {
            m.bytes(QUEUE_NUMBER, &number.to_be_bytes());
            m.bytes(QUEUE_TOTAL, &1_u16.to_be_bytes());
            m.bytes(QUEUE_FLAGS, &QUEUE_BYPASS.to_be_bytes());
        }),
    }
}

/// `iptables … -j NFQUEUE --queue-num 47360 --queue-bypass`; nft lists it as `xt target "NFQUEUE"`.
///
/// Its information is a `struct xt_NFQ_info_v3 { queuenum, queues_total, flags }` of 16 bits each in the machine's order,
/// filled up to a multiple of 8 bytes, as all of xtables' are.
fn queue_target(m: &mut Writer<'_>, number: u16) {
    let info: Vec<u8> = [number, 1, QUEUE_BYPASS, 0].into_iter().flat_map(u16::to_ne_bytes).collect();
    expression(m, "target", |m| {
        m.text(TARGET_NAME, "NFQUEUE");
        m.be32(TARGET_REVISION, NFQUEUE_REVISION);
        m.bytes(TARGET_INFO, &info);
    });
}

/// `jump dropped`
fn jump(m: &mut Writer<'_>, chain: &str) {
    expression(m, "immediate", |m| {
        m.be32(IMMEDIATE_REGISTER, VERDICT_REGISTER);
        m.nest(IMMEDIATE_DATA, |m| {
            m.nest(DATA_VERDICT, |m| {
                m.be32(VERDICT_CODE, libc::NFT_JUMP as u32);
                m.text(VERDICT_CHAIN, chain);
            });
        });
    });
}

pub(super) fn immediate(m: &mut Writer<'_>, code: i32) {
    expression(m, "immediate", |m| {
        m.be32(IMMEDIATE_REGISTER, VERDICT_REGISTER);
        m.nest(IMMEDIATE_DATA, |m| m.nest(DATA_VERDICT, |m| m.be32(VERDICT_CODE, code as u32)));
    });
}

pub(super) fn meta_is(m: &mut Writer<'_>, key: i32, value: &[u8]) {
    expression(m, "meta", |m| {
        m.be32(META_KEY, key as u32);
        m.be32(META_REGISTER, REGISTER);
    });
    compare(m, libc::NFT_CMP_EQ, value);
}

fn payload(m: &mut Writer<'_>, base: i32, offset: u32, length: u32) {
    expression(m, "payload", |m| {
        m.be32(PAYLOAD_REGISTER, REGISTER);
        m.be32(PAYLOAD_BASE, base as u32);
        m.be32(PAYLOAD_OFFSET, offset);
        m.be32(PAYLOAD_LENGTH, length);
    });
}

fn compare(m: &mut Writer<'_>, operator: i32, value: &[u8]) {
    expression(m, "cmp", |m| {
        m.be32(COMPARE_REGISTER, REGISTER);
        m.be32(COMPARE_OPERATOR, operator as u32);
        m.nest(COMPARE_DATA, |m| m.bytes(DATA_VALUE, value));
    });
}

fn mask(m: &mut Writer<'_>, mask: &[u8]) {
    expression(m, "bitwise", |m| {
        m.be32(BITWISE_SOURCE, REGISTER);
        m.be32(BITWISE_TARGET, REGISTER);
        m.be32(BITWISE_LENGTH, mask.len() as u32);
        m.nest(BITWISE_MASK, |m| m.bytes(DATA_VALUE, mask));
        m.nest(BITWISE_XOR, |m| m.bytes(DATA_VALUE, &vec![0; mask.len()]));
    });
}

pub(super) fn expression(m: &mut Writer<'_>, name: &str, data: impl FnOnce(&mut Writer<'_>)) {
    m.nest(ITEM, |m| {
        m.text(EXPRESSION_NAME, name);
        m.nest(EXPRESSION_DATA, data);
    });
}
