//! The cluster's subnets and its nodes' addresses: those the file asks for, and free ones for the rest.
//!
//! Pure.

use super::build::Member;
use super::model::Network;
use super::read::Reader;
use super::spec::NetworkSpec;
use super::subnet;
use super::tree::Placed;
use crate::error::{Error, Result};
use crate::script::quantity::Problem;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;
use std::ops::Range;

/// The network: the file's subnets; where it gives none, those around the addresses that nodes ask for, else free ones.
pub(super) fn network(
    reader: &Reader<'_>,
    spec: &NetworkSpec,
    members: &[Member<'_>],
    used: &[IpNet],
) -> Result<Network> {
    Ok(Network {
        subnet: subnet_v4(reader, spec, members, used)?,
        subnet6: subnet_v6(reader, spec, members, used)?,
        driver: spec.driver,
        external: spec.external.clone(),
        flaky: spec.flaky.clone(),
        slow: spec.slow.clone(),
        duplicate: spec.duplicate.clone(),
    })
}

fn subnet_v4(reader: &Reader<'_>, spec: &NetworkSpec, members: &[Member<'_>], used: &[IpNet]) -> Result<Ipv4Net> {
    if let Some(given) = &spec.subnet {
        check_room(reader, given.value.into(), &given.span, members.len());
        return Ok(given.value);
    }
    let asked = asked(members).find_map(|address| match address.value {
        IpAddr::V4(ip) => Some((ip, &address.span)),
        IpAddr::V6(_) => None,
    });
    if let Some((ip, span)) = asked {
        let prefix = subnet::prefix_for(members.len()).min(24);
        let around = Ipv4Net::new_assert(ip, prefix).trunc();
        reader.take(span, subnet::usable(around.into()));
        return Ok(around);
    }
    subnet::choose_v4(used, members.len()).ok_or_else(|| none_free("subnet: 10.9.0.0/24"))
}

fn subnet_v6(reader: &Reader<'_>, spec: &NetworkSpec, members: &[Member<'_>], used: &[IpNet]) -> Result<Ipv6Net> {
    if let Some(given) = &spec.subnet6 {
        check_room(reader, given.value.into(), &given.span, members.len());
        return Ok(given.value);
    }
    let asked = asked(members).find_map(|address| match address.value {
        IpAddr::V6(ip) => Some((ip, &address.span)),
        IpAddr::V4(_) => None,
    });
    if let Some((ip, span)) = asked {
        let around = Ipv6Net::new_assert(ip, 64).trunc();
        reader.take(span, subnet::usable(around.into()));
        return Ok(around);
    }
    subnet::choose_v6(used).ok_or_else(|| none_free("subnet6: \"fd00:9::/64\""))
}

fn none_free(example: &str) -> Error {
    Error::machine("the routes of this machine leave no private subnet free for the cluster")
        .help(format!("choose one in the cluster file: `network: {{ {example} }}`"))
}

fn asked<'m>(members: &'m [Member<'_>]) -> impl Iterator<Item = &'m Placed<IpAddr>> {
    members.iter().flat_map(|member| &member.spec.addresses)
}

fn check_room(reader: &Reader<'_>, subnet: IpNet, span: &Range<usize>, nodes: usize) {
    let room = subnet::room(subnet);
    if room >= nodes as u128 {
        return;
    }
    let message = format!("the subnet {subnet} has room for {room} of the cluster's {nodes} nodes");
    let prefix = if subnet.network().is_ipv4() { subnet::prefix_for(nodes) } else { 64 };
    reader.report(span, Problem::new(message, format!("a subnet of /{prefix} has room for all")));
}

/// The addresses of each node: IPv4, then IPv6. What is asked for and cannot be given is reported.
pub(super) fn addresses(reader: &Reader<'_>, network: &Network, members: &[Member<'_>]) -> Vec<Vec<IpNet>> {
    let families = [IpNet::V4(network.subnet), IpNet::V6(network.subnet6)].map(|subnet| {
        let mut asked: Vec<Option<IpAddr>> = Vec::new();
        for member in members {
            let given = asked_of(reader, subnet, member, &asked);
            asked.push(given);
        }
        subnet::assign(subnet, &asked)
    });
    let [v4, v6] = families;
    v4.into_iter().zip(v6).map(|(v4, v6)| vec![v4, v6]).collect()
}

/// The address of this subnet's family that a node asks for, where it may have it.
fn asked_of(reader: &Reader<'_>, subnet: IpNet, member: &Member<'_>, before: &[Option<IpAddr>]) -> Option<IpAddr> {
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
    Some(address.value)
}
