//! Which subnets a cluster gets: those the file asks for, those around the addresses that nodes ask for, those of a
//! network that exists, else free ones.
//!
//! Pure.

use super::build::Member;
use super::model::{Network, RuntimeKind};
use super::read::Reader;
use super::spec::NetworkSpec;
use super::subnet;
use super::surroundings::{External, Nowhere, Surroundings};
use super::tree::Placed;
use crate::error::{Error, Result};
use crate::script::quantity::Problem;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

/// Where the cluster's nodes are going to be.
#[derive(Default)]
struct Ground {
    subnet: Ipv4Net,
    subnet6: Option<Ipv6Net>,
    taken: BTreeSet<IpAddr>,
}

/// The network, and the addresses on it that are taken already.
pub(super) fn network(
    reader: &Reader<'_>,
    spec: &NetworkSpec,
    members: &[Member<'_>],
    kind: RuntimeKind,
    surroundings: &dyn Surroundings,
) -> Result<(Network, BTreeSet<IpAddr>)> {
    let ground = match (&spec.external, kind) {
        (Some(name), RuntimeKind::Docker) => joined(reader, spec, name, members.len(), surroundings)?,
        // The same on every machine.
        (_, RuntimeKind::Sim) => own(reader, spec, members, kind, &Nowhere)?,
        _ => own(reader, spec, members, kind, surroundings)?,
    };
    let network = Network {
        subnet: ground.subnet,
        subnet6: ground.subnet6,
        driver: spec.driver,
        external: spec.external.as_ref().map(|name| name.value.clone()),
        flaky: spec.flaky.clone(),
        slow: spec.slow.clone(),
        duplicate: spec.duplicate.clone(),
    };
    Ok((network, ground.taken))
}

/// Beside whoever is on a network that exists.
fn joined(
    reader: &Reader<'_>,
    spec: &NetworkSpec,
    name: &Placed<String>,
    nodes: usize,
    surroundings: &dyn Surroundings,
) -> Result<Ground> {
    let Some(network) = surroundings.external(&name.value)? else {
        let help = format!("`docker network create --subnet 10.9.0.0/24 {}` makes it", name.value);
        reader.report(&name.span, Problem::new(format!("there is no network `{}`", name.value), help));
        return Ok(Ground::default());
    };
    for (asked, span) in given(spec) {
        if !network.subnets.contains(&asked) {
            let message = format!("the network `{}` has no subnet {asked}", name.value);
            reader.report(span, Problem::new(message, "leave it out: an external network keeps its own"));
        }
    }
    let subnet = network.subnets.iter().find_map(|net| if let IpNet::V4(net) = net { Some(*net) } else { None });
    let subnet6 = network.subnets.iter().find_map(|net| if let IpNet::V6(net) = net { Some(*net) } else { None });
    let Some(subnet) = subnet else {
        let help = "make it with `docker network create --subnet 10.9.0.0/24`";
        reader.report(&name.span, Problem::new(format!("the network `{}` has no IPv4 subnet", name.value), help));
        return Ok(Ground::default());
    };
    let ground = Ground {
        subnet: spec.subnet.as_ref().map_or(subnet, |given| given.value),
        subnet6: spec.subnet6.as_ref().map(|given| given.value).or(subnet6),
        taken: network.taken.clone(),
    };
    check_free(reader, name, &network, &ground, nodes);
    Ok(ground)
}

/// The subnets that the file gives, with their places.
fn given(spec: &NetworkSpec) -> impl Iterator<Item = (IpNet, &Range<usize>)> {
    let v4 = spec.subnet.as_ref().map(|given| (IpNet::V4(given.value), &given.span));
    v4.into_iter().chain(spec.subnet6.as_ref().map(|given| (IpNet::V6(given.value), &given.span)))
}

fn check_free(reader: &Reader<'_>, name: &Placed<String>, network: &External, ground: &Ground, nodes: usize) {
    for subnet in subnet::families(ground.subnet, ground.subnet6) {
        let room = subnet::room_beside(subnet, &network.taken);
        if room < nodes as u128 {
            let message =
                format!("the network `{}` has free addresses for {room} of the cluster's {nodes} nodes", name.value);
            let help = format!("its subnet is {subnet}: remove containers from it, or name a larger network");
            reader.report(&name.span, Problem::new(message, help));
        }
    }
}

/// On a network of its own.
fn own(
    reader: &Reader<'_>,
    spec: &NetworkSpec,
    members: &[Member<'_>],
    kind: RuntimeKind,
    surroundings: &dyn Surroundings,
) -> Result<Ground> {
    let mut free = Free { used: surroundings.used(kind)?, reserve: &|net| surroundings.reserve(net, kind) };
    let subnet = subnet_v4(reader, spec, members, &mut free)?;
    let asked = spec.subnet6.is_some() || asked(members).any(|address| address.value.is_ipv6());
    let subnet6 = match surroundings.ipv6() {
        true => Some(subnet_v6(reader, spec, members, &mut free)?),
        false if asked => return Err(no_ipv6()),
        false => None,
    };
    Ok(Ground { subnet, subnet6, taken: BTreeSet::new() })
}

/// What is free, and how to take it.
struct Free<'a> {
    used: Vec<IpNet>,
    reserve: &'a dyn Fn(IpNet) -> bool,
}

impl Free<'_> {
    /// The first choice that nobody else takes in the meantime.
    fn choose<T: Copy + Into<IpNet>>(&mut self, choice: impl Fn(&[IpNet]) -> Option<T>) -> Option<T> {
        loop {
            let chosen = choice(&self.used)?;
            if (self.reserve)(chosen.into()) {
                return Some(chosen);
            }
            self.used.push(chosen.into());
        }
    }
}

fn no_ipv6() -> Error {
    Error::machine("the cluster file asks for IPv6 addresses, and IPv6 is switched off in this machine's kernel")
        .help("leave them out, or start the kernel without `ipv6.disable=1`")
}

fn subnet_v4(reader: &Reader<'_>, spec: &NetworkSpec, members: &[Member<'_>], free: &mut Free<'_>) -> Result<Ipv4Net> {
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
    free.choose(|used| subnet::choose_v4(used, members.len())).ok_or_else(|| none_free("subnet: 10.9.0.0/24"))
}

fn subnet_v6(reader: &Reader<'_>, spec: &NetworkSpec, members: &[Member<'_>], free: &mut Free<'_>) -> Result<Ipv6Net> {
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
    free.choose(subnet::choose_v6).ok_or_else(|| none_free("subnet6: \"fd00:9::/64\""))
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
