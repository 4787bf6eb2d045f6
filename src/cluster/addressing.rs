//! Its nodes' addresses: those that the file asks for, and free ones for the rest.
//!
//! Pure.

use super::build::Member;
use super::model::Network;
use super::read::Reader;
use super::subnet;
use super::tree::Placed;
use crate::script::quantity::Problem;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The addresses of each node, beside those that are taken: IPv4, then IPv6 where the network has it. What is asked for
/// and cannot be given is reported.
pub(super) fn addresses(
    reader: &Reader<'_>,
    network: &Network,
    members: &[Member<'_>],
    taken: &BTreeSet<IpAddr>,
) -> Vec<Vec<IpNet>> {
    if network.subnet6.is_none() {
        report_ipv6(reader, members);
    }
    let mut nodes = vec![Vec::new(); members.len()];
    for subnet in subnet::families(network.subnet, network.subnet6) {
        let mut asked: Vec<Option<IpAddr>> = Vec::new();
        for member in members {
            let given = asked_of(reader, subnet, member, &asked, taken);
            asked.push(given);
        }
        for (node, address) in nodes.iter_mut().zip(subnet::assign(subnet, &asked, taken)) {
            node.push(address);
        }
    }
    nodes
}

/// Reports addresses of a family that the network has not.
fn report_ipv6(reader: &Reader<'_>, members: &[Member<'_>]) {
    let asked = members.iter().flat_map(|member| &member.spec.addresses).filter(|address| address.value.is_ipv6());
    for address in asked {
        let message = format!("no node can have the address {}: the network has no IPv6", address.value);
        reader.report(&address.span, Problem::new(message, "leave it out, or make the network with `--ipv6`"));
    }
}

/// The address of this subnet's family that a node asks for, where it may have it.
fn asked_of(
    reader: &Reader<'_>,
    subnet: IpNet,
    member: &Member<'_>,
    before: &[Option<IpAddr>],
    taken: &BTreeSet<IpAddr>,
) -> Option<IpAddr> {
    let same_family = |address: &&Placed<IpAddr>| address.value.is_ipv4() == subnet.network().is_ipv4();
    let address = member.spec.addresses.iter().find(same_family)?;
    if member.copy.is_some() {
        let message = format!("the copies of `{}` cannot share one address", member.spec.name.value);
        reader.report(&address.span, Problem::new(message, "leave `ip` out: each copy is given one"));
        return None;
    }
    reader.take(&address.span, subnet::check(subnet, address.value))?;
    if before.contains(&Some(address.value)) {
        let message = format!("the address {} is given to another node already", address.value);
        reader.report(&address.span, Problem::new(message, "leave `ip` out: a free one is chosen"));
        return None;
    }
    if taken.contains(&address.value) {
        let message = format!("the address {} is in use on the network already", address.value);
        reader.report(&address.span, Problem::new(message, "leave `ip` out: a free one is chosen"));
        return None;
    }
    Some(address.value)
}
