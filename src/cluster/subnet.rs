//! Which subnets a cluster gets, and which address each node.
//!
//! Pure: what the host's routes and interfaces cover comes in as an argument.

use crate::script::quantity::Problem;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Private ranges in which a free subnet is looked for, in this order (RFC 1918, RFC 2544, RFC 6598). The first lies
/// where few people put a network of their own.
const RANGES: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(10, 66, 0, 0), 16),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];
/// A range of unique local addresses (RFC 4193).
const RANGE6: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd00, 0xb10c, 0xade, 0, 0, 0, 0, 0), 48);

/// The smallest subnet that is chosen: a /24 is what people expect to see.
const LONGEST_PREFIX: u8 = 24;

/// A free IPv4 subnet with room for so many nodes, overlapping none in use. The same input gives the same subnet.
pub fn choose_v4(used: &[IpNet], nodes: usize) -> Option<Ipv4Net> {
    let prefix = prefix_for(nodes).min(LONGEST_PREFIX);
    let ranges = RANGES.iter().filter_map(|(address, length)| Ipv4Net::new(*address, *length).ok());
    let subnets = ranges.filter_map(|range| range.subnets(prefix).ok()).flatten();
    first_free(subnets.map(IpNet::V4), used).and_then(|subnet| match subnet {
        IpNet::V4(subnet) => Some(subnet),
        IpNet::V6(_) => None,
    })
}

/// A free IPv6 subnet, overlapping none in use. The same input gives the same subnet.
pub fn choose_v6(used: &[IpNet]) -> Option<Ipv6Net> {
    let range = Ipv6Net::new(RANGE6.0, RANGE6.1).ok()?;
    first_free(range.subnets(64).ok()?.map(IpNet::V6), used).and_then(|subnet| match subnet {
        IpNet::V6(subnet) => Some(subnet),
        IpNet::V4(_) => None,
    })
}

/// The first candidate that overlaps nothing in use. A default route covers everything and counts for nothing.
fn first_free(mut candidates: impl Iterator<Item = IpNet>, used: &[IpNet]) -> Option<IpNet> {
    candidates.find(|candidate| {
        let mut used = used.iter().filter(|net| net.prefix_len() > 0);
        !used.any(|net| net.contains(candidate) || candidate.contains(net))
    })
}

/// The longest IPv4 prefix with room for so many nodes.
pub(super) fn prefix_for(nodes: usize) -> u8 {
    let addresses = (nodes as u64 + 3).next_power_of_two();
    32_u8.saturating_sub(addresses.trailing_zeros() as u8)
}

/// How many nodes a subnet has room for: all but its first address, the gateway and, in IPv4, the broadcast address.
pub(super) fn room(subnet: IpNet) -> u128 {
    let bits = u32::from(subnet.max_prefix_len() - subnet.prefix_len());
    let addresses = 1_u128.checked_shl(bits).unwrap_or(u128::MAX);
    addresses.saturating_sub(if subnet.network().is_ipv4() { 3 } else { 2 })
}

/// The addresses that stand for the world: the first host of each subnet.
pub(super) fn gateways(subnet: Ipv4Net, subnet6: Ipv6Net) -> [IpNet; 2] {
    [IpNet::V4(subnet), IpNet::V6(subnet6)].map(|subnet| at(subnet, 1))
}

/// The address at an offset within a subnet, with the subnet's prefix.
fn at(subnet: IpNet, offset: u128) -> IpNet {
    let address = match subnet.network() {
        IpAddr::V4(network) => IpAddr::V4(Ipv4Addr::from(u32::from(network) + offset as u32)),
        IpAddr::V6(network) => IpAddr::V6(Ipv6Addr::from(u128::from(network) + offset)),
    };
    IpNet::new_assert(address, subnet.prefix_len())
}

/// An address for each node: the one it asks for, else the next free one from the second host on.
/// The subnet must have room for all, and what is asked for must have passed [`check`].
pub(super) fn assign(subnet: IpNet, asked: &[Option<IpAddr>]) -> Vec<IpNet> {
    let taken: BTreeSet<_> = asked.iter().flatten().copied().collect();
    let mut free = (2..).map(|offset| at(subnet, offset)).filter(|net| !taken.contains(&net.addr()));
    let mut next = || free.next().unwrap_or(subnet);
    asked.iter().map(|asked| asked.map_or_else(&mut next, |ip| IpNet::new_assert(ip, subnet.prefix_len()))).collect()
}

/// Whether a node may have this address of a subnet.
pub(super) fn check(subnet: IpNet, address: IpAddr) -> Result<(), Problem> {
    let what = if !subnet.contains(&address) {
        format!("is outside of the subnet {subnet}")
    } else if address == subnet.network() {
        format!("is the address of the subnet {subnet} itself")
    } else if address == at(subnet, 1).addr() {
        format!("is the gateway of the subnet {subnet}")
    } else if address.is_ipv4() && address == subnet.broadcast() {
        format!("is the broadcast address of the subnet {subnet}")
    } else {
        return Ok(());
    };
    let first = at(subnet, 2).addr();
    Err(Problem::new(format!("the address {address} {what}"), format!("the first that a node may have is {first}")))
}

/// Whether nodes can live in this subnet at all.
pub(super) fn usable(subnet: IpNet) -> Result<(), Problem> {
    let network = subnet.network();
    if subnet.addr() != network {
        return Err(Problem::new(
            format!("{subnet} is an address within a subnet"),
            format!("write the subnet as `{}`", subnet.trunc()),
        ));
    }
    let special = match network {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_multicast() || ip.is_link_local() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_multicast() || ip.is_unicast_link_local() || ip.is_unspecified(),
    };
    if special || subnet.prefix_len() < 8 || network.is_ipv4() && ip_is_reserved(network) {
        let example = if network.is_ipv4() { "10.9.0.0/24" } else { "fd00:9::/64" };
        return Err(Problem::new(
            format!("no node can live in {subnet}"),
            format!("write a private subnet like `{example}`, or leave it out: a free one is chosen"),
        ));
    }
    Ok(())
}

/// Class E, which Linux does not route by default, and the broadcast address.
fn ip_is_reserved(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(ip) if ip.octets()[0] >= 240)
}
