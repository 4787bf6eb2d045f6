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
/// A default route covers everything and counts for nothing.
pub fn choose_v4(used: &[IpNet], nodes: usize) -> Option<Ipv4Net> {
    let prefix = prefix_for(nodes).min(LONGEST_PREFIX);
    let mut ranges = RANGES.iter().map(|(address, length)| IpNet::new_assert(IpAddr::V4(*address), *length));
    ranges.find_map(|range| free(range, prefix, used)).and_then(|subnet| match subnet {
        IpNet::V4(subnet) => Some(subnet),
        IpNet::V6(_) => None,
    })
}

/// A free IPv6 subnet, overlapping none in use. The same input gives the same subnet.
pub fn choose_v6(used: &[IpNet]) -> Option<Ipv6Net> {
    let range = IpNet::new_assert(IpAddr::V6(RANGE6.0), RANGE6.1);
    free(range, 64, used).and_then(|subnet| match subnet {
        IpNet::V4(_) => None,
        IpNet::V6(subnet) => Some(subnet),
    })
}

/// The first subnet of this prefix within a range that overlaps nothing in use. Whatever is in the way is stepped
/// over whole, so that the time grows with what is in use, not with the range.
fn free(range: IpNet, prefix: u8, used: &[IpNet]) -> Option<IpNet> {
    let same_family = |net: &&IpNet| net.network().is_ipv4() == range.network().is_ipv4() && net.prefix_len() > 0;
    let used: Vec<_> = used.iter().filter(same_family).map(bounds).collect();
    let size = 1_u128 << (range.max_prefix_len() - prefix);
    let (mut start, end) = bounds(&range);
    loop {
        let last = start.checked_add(size - 1).filter(|last| *last <= end)?;
        let in_the_way = used.iter().filter(|(low, high)| *low <= last && start <= *high);
        match in_the_way.map(|(_, high)| *high).max() {
            None => return Some(IpNet::new_assert(at(range, start - bounds(&range).0).addr(), prefix)),
            Some(high) => start = (high / size + 1).checked_mul(size)?,
        }
    }
}

/// The first and the last address of a network, as numbers.
fn bounds(net: &IpNet) -> (u128, u128) {
    let number = |address| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    (number(net.network()), number(net.broadcast()))
}

/// The longest IPv4 prefix with room for so many nodes.
pub(super) fn prefix_for(nodes: usize) -> u8 {
    let addresses = (nodes as u64 + 3).next_power_of_two();
    32_u8.saturating_sub(addresses.trailing_zeros() as u8)
}

/// How many nodes a subnet has room for beside the addresses that are taken in it.
pub(super) fn room_beside(subnet: IpNet, taken: &BTreeSet<IpAddr>) -> u128 {
    let taken = taken.iter().filter(|address| check(subnet, **address).is_ok());
    room(subnet).saturating_sub(taken.count() as u128)
}

/// How many nodes a subnet has room for: all but its first address, the gateway and, in IPv4, the broadcast address.
pub(super) fn room(subnet: IpNet) -> u128 {
    let bits = u32::from(subnet.max_prefix_len() - subnet.prefix_len());
    let addresses = 1_u128.checked_shl(bits).unwrap_or(u128::MAX);
    addresses.saturating_sub(if subnet.network().is_ipv4() { 3 } else { 2 })
}

/// The addresses that stand for the world: the first host of each subnet.
pub(super) fn gateways(subnet: Ipv4Net, subnet6: Option<Ipv6Net>) -> Vec<IpNet> {
    families(subnet, subnet6).map(|subnet| at(subnet, 1)).collect()
}

/// IPv4, and IPv6 where there is any.
pub(super) fn families(subnet: Ipv4Net, subnet6: Option<Ipv6Net>) -> impl Iterator<Item = IpNet> {
    [IpNet::V4(subnet)].into_iter().chain(subnet6.map(IpNet::V6))
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
/// The subnet must have room for all beside what is taken, and what is asked for must have passed [`check`].
pub(super) fn assign(subnet: IpNet, asked: &[Option<IpAddr>], taken: &BTreeSet<IpAddr>) -> Vec<IpNet> {
    let taken: BTreeSet<_> = asked.iter().flatten().chain(taken).copied().collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_free_subnet_is_chosen() {
        let choose = |used: &[&str], nodes| choose_v4(&nets(used), nodes).unwrap().to_string();
        assert_eq!(choose(&[], 3), "10.66.0.0/24");
        assert_eq!(choose(&["0.0.0.0/0", "::/0"], 3), "10.66.0.0/24");
        assert_eq!(choose(&["10.66.0.0/25", "10.66.1.7/32"], 3), "10.66.2.0/24");
        assert_eq!(choose(&["10.66.0.0/16"], 3), "10.0.0.0/24");
        assert_eq!(choose(&["10.0.0.0/8"], 3), "172.16.0.0/24");
        assert_eq!(choose(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], 3), "198.18.0.0/24");
        assert_eq!(choose_v4(&nets(&["0.0.0.0/1", "128.0.0.0/1"]), 3), None);
        assert_eq!(choose_v6(&nets(&["fd00:b10c:ade::/64"])).unwrap().to_string(), "fd00:b10c:ade:1::/64");
        assert_eq!(choose_v6(&nets(&["fd00::/8"])), None);
    }

    #[test]
    fn a_subnet_grows_with_its_nodes() {
        let prefix = |nodes| choose_v4(&[], nodes).unwrap().prefix_len();
        assert_eq!([prefix(1), prefix(253), prefix(254), prefix(509), prefix(510)], [24, 24, 23, 23, 22]);
    }

    fn any_used() -> impl Strategy<Value = Vec<IpNet>> {
        let v4 = (any::<[u8; 2]>(), 4_u8..=32).prop_map(|([b, c], prefix)| (IpAddr::from([10, b % 80, c, 1]), prefix));
        let v6 = (any::<u16>(), 8_u8..=128)
            .prop_map(|(d, prefix)| (IpAddr::from([0xfd00, 0xb10c, 0xade, d % 8, 0, 0, 0, 1]), prefix));
        vec(prop_oneof![v4, v6].prop_map(|(address, prefix)| IpNet::new(address, prefix).unwrap()), 0..40)
    }

    proptest! {
        #[test]
        fn a_chosen_subnet_overlaps_nothing_in_use_and_has_room(used in any_used(), nodes in 1_usize..1500) {
            let free = |chosen: IpNet| {
                used.iter().all(|net| !net.contains(&chosen.network()) && !chosen.contains(&net.addr()))
            };
            if let Some(chosen) = choose_v4(&used, nodes) {
                prop_assert!(free(chosen.into()) && room(chosen.into()) >= nodes as u128);
                prop_assert_eq!(choose_v4(&used, nodes), Some(chosen));
            }
            if let Some(chosen) = choose_v6(&used) {
                prop_assert!(free(chosen.into()));
            }
        }

        #[test]
        fn addresses_are_unique_inside_and_as_asked(
            prefix in 22_u8..=28, wishes in vec(proptest::option::of(0_u128..64), 1..13)
        ) {
            for subnet in nets(&[&format!("10.9.0.0/{prefix}"), &format!("fd00:9::/{}", prefix + 90)]) {
                let mut asked: Vec<Option<IpAddr>> = Vec::new();
                for wish in &wishes {
                    let address = wish.map(|offset| at(subnet, offset).addr());
                    let granted = |address: &IpAddr| check(subnet, *address).is_ok() && !asked.contains(&Some(*address));
                    let granted = address.filter(granted);
                    asked.push(granted);
                }
                prop_assert!(room(subnet) >= asked.len() as u128);
                let given = assign(subnet, &asked, &BTreeSet::new());
                for (place, net) in given.iter().enumerate() {
                    prop_assert_eq!(net.prefix_len(), subnet.prefix_len());
                    prop_assert!(check(subnet, net.addr()).is_ok() && !given[..place].contains(net));
                    prop_assert!(asked[place].is_none_or(|asked| asked == net.addr()));
                }
            }
        }
    }
}
