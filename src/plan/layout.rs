//! From a ruleset to nftables tables: one chain for each refusal, sets for its addresses.
//!
//! The receiver refuses, on arrival and before connection tracking, so that the sender sees silence and established
//! connections stop too. Sources are unicast addresses, so multicast and broadcast of a cut node are refused with the
//! rest. Towards the world there is no receiver of ours: there the sender drops, below its IP layer.
//!
//! Neighbour discovery is always let through: without it a healed link would lag, and the sender of a cut one would see
//! an error instead of silence. IPv4 packets do not pay for it. (ARP meets no rule at all.)
//!
//! A set's size in the kernel is fixed when the set is made. So few addresses and many lie in differently named sets,
//! with differently named chains: that is one refusal taking another's place, which `diff` does without a gap.

use super::ruleset::{Addresses, Refusal, Ruleset};
use super::table::{Chain, End, Hook, Match, Role, Rule, Set, Table, TableFamily, Tables, Verdict};
use crate::fault::{Family, Filter, Proto};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

impl Ruleset {
    /// The tables that say so. No table is empty.
    #[must_use]
    pub fn tables(&self) -> Tables {
        let tables = [(TableFamily::Inet, self.arrival()), (TableFamily::Netdev, self.departure())];
        tables.into_iter().filter(|(_, table)| !table.chains.is_empty()).collect()
    }

    fn arrival(&self) -> Table {
        let mut table = Table::default();
        for ((filter, refusal), addresses) in &self.refused {
            let kind = format!("{refusal}{}", size_class(addresses));
            let sources = |family| Match::In(End::Source, set_name(&kind, family, *filter));
            let rules = refusing(*filter, *refusal, sources);
            if !rules.is_empty() {
                table.chains.insert(name(&kind, *filter), Chain { hook: refusal.hook(), rules });
                add_sets(&mut table, &kind, *filter, Role::Refused, addresses);
            }
        }
        let class = size_class(&self.nodes);
        let nodes = format!("{NODES}{class}");
        for (filter, refusal) in &self.world.from_world {
            let strangers = |family| Match::NotIn(End::Source, set_name(&nodes, family, Filter::ANY));
            let rules = refusing(*filter, *refusal, strangers);
            if !rules.is_empty() {
                let own = accept(None, Match::Loopback);
                let rules = std::iter::once(own).chain(rules).collect();
                let chain = Chain { hook: refusal.hook(), rules };
                table.chains.insert(name(&format!("world_{refusal}{class}"), *filter), chain);
                add_sets(&mut table, &nodes, Filter::ANY, Role::Known, &self.nodes);
            }
        }
        table
    }

    fn departure(&self) -> Table {
        let mut table = Table::default();
        let class = size_class(&self.nodes);
        let nodes = format!("{NODES}{class}");
        for filter in &self.world.to_world {
            let strangers = |family| Match::NotIn(End::Destination, set_name(&nodes, family, Filter::ANY));
            let mut rules = refusing(*filter, Refusal::Drop, strangers);
            if rules.is_empty() || self.devices.is_empty() {
                continue;
            }
            rules.splice(0..0, to_many(*filter));
            let kind = name(&format!("world_{}{class}", Refusal::Drop), *filter);
            for device in &self.devices {
                let chain = Chain { hook: Hook::Departure(device.clone()), rules: rules.clone() };
                table.chains.insert(format!("{kind}_by_{}", Spelled(device)), chain);
            }
            add_sets(&mut table, &nodes, Filter::ANY, Role::Known, &self.nodes);
        }
        table
    }
}

/// A device as part of a chain's name, different for every device: what nft takes in a name stands for itself, any other
/// byte is its hexadecimal number behind a slash, which no device's name has.
struct Spelled<'a>(&'a str);

impl fmt::Display for Spelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'-' | b'_' | b'.' => write!(f, "{}", char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => write!(f, "{}", char::from(byte)),
            byte => write!(f, "/{byte:02x}"),
        })
    }
}

/// The sets of all nodes' addresses.
const NODES: &str = "nodes";

/// So many addresses of a family are few.
const FEW: usize = 256;
/// Room for few addresses that go and as many that come in one transaction.
const ROOM_FOR_FEW: u32 = 2 * FEW as u32;

/// What the names of sets of many addresses, and of their chains, have more.
fn size_class(addresses: &Addresses) -> &'static str {
    if is_few(addresses) { "" } else { "_many" }
}

fn is_few(addresses: &Addresses) -> bool {
    addresses.v4.len().max(addresses.v6.len()) <= FEW
}

impl Refusal {
    fn hook(self) -> Hook {
        match self {
            Self::Drop => Hook::Arrival,
            Self::Reject => Hook::ArrivalLater,
        }
    }

    fn verdict(self, proto: Option<Proto>) -> Verdict {
        match (self, proto) {
            (Self::Drop, _) => Verdict::Drop,
            (Self::Reject, Some(Proto::Tcp)) => Verdict::ResetTcp,
            (Self::Reject, _) => Verdict::PortUnreachable,
        }
    }
}

impl fmt::Display for Refusal {
    /// As part of a name. (`drop` and `reject` are words that nft does not take as names.)
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "dropped",
            Self::Reject => "rejected",
        })
    }
}

/// `dropped_tcp_80`: a chain's name.
fn name(kind: &str, filter: Filter) -> String {
    let filter = filter.to_string().replace("port ", "").replace(' ', "_");
    if filter.is_empty() { kind.to_owned() } else { format!("{kind}_{filter}") }
}

/// `dropped4_tcp_80`: a set's name.
fn set_name(kind: &str, family: Family, filter: Filter) -> String {
    let digit = match family {
        Family::Ipv4 => '4',
        Family::Ipv6 => '6',
    };
    name(&format!("{kind}{digit}"), filter)
}

/// A set for each family the filter selects, even where there is no address of it: one may come.
fn add_sets(table: &mut Table, kind: &str, filter: Filter, role: Role, addresses: &Addresses) {
    let size = is_few(addresses).then_some(ROOM_FOR_FEW);
    for family in filter.families() {
        let elements: BTreeSet<_> = match family {
            Family::Ipv4 => addresses.v4.iter().copied().map(IpAddr::from).collect(),
            Family::Ipv6 => addresses.v6.iter().copied().map(IpAddr::from).collect(),
        };
        table.sets.insert(set_name(kind, family, filter), Set { family, role, size, elements });
    }
}

/// The rules that refuse what the filter selects, from or to the addresses that `whose` matches.
fn refusing(filter: Filter, refusal: Refusal, whose: impl Fn(Family) -> Match) -> Vec<Rule> {
    let mut rules = Vec::new();
    for family in filter.families() {
        if family == Family::Ipv6 && filter.port.is_none() && matches!(filter.proto, None | Some(Proto::Icmp)) {
            rules.push(accept(Some(family), Match::NeighbourDiscovery));
        }
        for (proto, mut matches) in selecting(filter, refusal) {
            matches.push(whose(family));
            rules.push(Rule { family: Some(family), matches, verdict: refusal.verdict(proto) });
        }
    }
    rules
}

/// What a packet must satisfy, one entry for each rule that it takes, and the protocol that is certain then.
fn selecting(filter: Filter, refusal: Refusal) -> Vec<(Option<Proto>, Vec<Match>)> {
    let port =
        |proto, port| [End::Source, End::Destination].map(|end| (Some(proto), vec![Match::Port(proto, end, port)]));
    match (filter.proto, filter.port) {
        // ICMP has no ports.
        (Some(Proto::Icmp), Some(_)) => Vec::new(),
        (Some(proto), Some(number)) => port(proto, number).into(),
        (None, Some(number)) => [Proto::Tcp, Proto::Udp].into_iter().flat_map(|proto| port(proto, number)).collect(),
        (Some(proto), None) => vec![(Some(proto), vec![Match::Proto(proto)])],
        (None, None) if refusal == Refusal::Reject => {
            vec![(Some(Proto::Tcp), vec![Match::Proto(Proto::Tcp)]), (None, Vec::new())]
        }
        (None, None) => vec![(None, Vec::new())],
    }
}

/// What goes to many goes to nodes too, so it is no matter of the world alone: let through.
fn to_many(filter: Filter) -> Vec<Rule> {
    let multicast = filter.families().into_iter().map(|family| accept(Some(family), Match::Multicast));
    multicast.chain([accept(None, Match::Broadcast)]).collect()
}

fn accept(family: Option<Family>, one: Match) -> Rule {
    Rule { family, matches: vec![one], verdict: Verdict::Accept }
}

impl Filter {
    /// The families whose packets it may select.
    fn families(self) -> Vec<Family> {
        FAMILIES.into_iter().filter(|family| self.family.is_none_or(|only| only == *family)).collect()
    }
}

impl fmt::Display for Ruleset {
    /// In nft's own syntax, as `nft -f` takes it. Nothing at all where nothing is refused.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (family, table)) in self.tables().iter().enumerate() {
            let gap = if position == 0 { "" } else { "\n" };
            write!(f, "{gap}table {family} {} {{\n{table}}}\n", super::table::TABLE)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
