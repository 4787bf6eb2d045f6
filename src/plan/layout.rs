//! From a ruleset to nftables tables: one chain for each treatment, sets for its addresses, and where there are several,
//! base chains that lead there.
//!
//! The receiver refuses, on arrival and before connection tracking, so that the sender sees silence and established
//! connections stop too. Sources are unicast addresses, so multicast and broadcast of a cut node are refused with the
//! rest. Towards the world there is no receiver of ours: there the sender drops, below its IP layer, or
//! answers itself, in `output`, what it rejects.
//!
//! What is to be impaired meets a queue of the user-space shaper, before all that refuses: what it lets go is delivered
//! or refused by what is in force then, as if it came from a netem at the sender. Or it meets, after all that refuses, a
//! loss by chance; and where the sender's tree of classes does the work, a map from addresses to classes on leaving. The
//! shaper's own packets are marked, so that none meets it twice in one direction.
//!
//! Neighbour discovery is always let through: without it a healed link would lag, and the sender of a cut one would see
//! an error instead of silence. IPv4 packets do not pay for it. (ARP meets no rule at all.)
//!
//! What answers a reject (TCP resets, ICMP's "destination unreachable") no other reject refuses: where links are rejected
//! in both directions the answers would meet the other one, and all would be silent. What drops, drops them too.
//!
//! A set's size in the kernel is fixed when the set is made. So few addresses and many lie in differently named sets,
//! with differently named chains: that is one refusal taking another's place, which `diff` does without a gap.

mod draft;

use super::ruleset::{Addresses, Lane, Leaving, Ruleset, Side, Treatment};
use super::table::{
    ARRIVED, ClassMap, End, Hook, LEFT, Match, Queue, Role, Rule, Set, Table, TableFamily, Tables, Verdict,
};
use crate::fault::{Family, Filter, Proto};
use draft::Draft;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

impl Ruleset {
    /// The tables that say so. No table is empty.
    #[must_use]
    pub fn tables(&self) -> Tables {
        let (mut inet, mut netdev) = (Draft::default(), Draft::default());
        self.arrival(&mut inet);
        self.sending(&mut inet);
        self.sorting(&mut inet);
        self.leaving(&mut inet);
        self.departure(&mut netdev);
        let drafts = [(TableFamily::Inet, inet), (TableFamily::Netdev, netdev)];
        let finished = drafts.map(|(family, draft)| (family, draft.finish(family, &self.standing, &self.devices)));
        finished.into_iter().filter(|(_, table)| !table.chains.is_empty()).collect()
    }

    fn arrival(&self, draft: &mut Draft) {
        for ((filter, treatment), addresses) in &self.treated {
            let kind = format!("{treatment}{}", size_class(addresses));
            let sources = |family| Match::In(End::Source, set_name(&kind, family, *filter));
            let rules = rules(*filter, treatment.answers(), sources, |proto| treatment.verdict(proto));
            if !rules.is_empty() {
                let rules = treatment.exempt(*filter).into_iter().chain(rules).collect();
                draft.add(treatment.hook(), treatment.rank(), name(&kind, *filter), rules);
                add_sets(&mut draft.table, &kind, *filter, Role::Refused, addresses);
            }
        }
        let nodes = self.known();
        for (filter, treatment) in &self.world.from_world {
            let strangers = |family| Match::NotIn(End::Source, set_name(&nodes, family, Filter::ANY));
            let rules = rules(*filter, treatment.answers(), strangers, |proto| treatment.verdict(proto));
            if !rules.is_empty() {
                let own = pass(None, Match::Loopback);
                let exempt = treatment.exempt(*filter);
                let own = (!exempt.contains(&own)).then_some(own);
                let rules = own.into_iter().chain(exempt).chain(rules).collect();
                let kind = format!("world_{treatment}{}", size_class(&self.nodes));
                draft.add(treatment.hook(), treatment.rank(), name(&kind, *filter), rules);
                add_sets(&mut draft.table, &nodes, Filter::ANY, Role::Known, &self.nodes);
            }
        }
    }

    /// What is rejected towards the world the sender answers. What is dropped as well goes by that, to where it vanishes:
    /// here the program would see an error.
    fn sending(&self, draft: &mut Draft) {
        let to_world = &self.world.to_world;
        if !to_world.iter().any(|(_, leaving)| *leaving == Leaving::Reject) {
            return;
        }
        let nodes = self.known();
        let strangers = |family| Match::NotIn(End::Destination, set_name(&nodes, family, Filter::ANY));
        for (filter, leaving) in to_world {
            let (treatment, kind) = match leaving {
                Leaving::Drop => (Treatment::Drop, "world_spared"),
                Leaving::Reject => (Treatment::Reject, "world_refused"),
                _ => continue,
            };
            let rules = rules(*filter, treatment.answers(), strangers, |proto| match treatment {
                Treatment::Drop => Verdict::Accept,
                _ => treatment.verdict(proto),
            });
            if rules.is_empty() {
                continue;
            }
            let own = [pass(None, Match::ToLoopback), pass(None, Match::RoutedBroadcast)];
            let exempt = own.into_iter().chain(to_many(*filter, false)).chain(treatment.exempt(*filter));
            let rules = exempt.chain(rules).collect();
            draft.add(
                Hook::Sending,
                treatment.rank(),
                name(&format!("{kind}{}", size_class(&self.nodes)), *filter),
                rules,
            );
            add_sets(&mut draft.table, &nodes, Filter::ANY, Role::Known, &self.nodes);
        }
    }

    /// Packets to nodes and to the world find their class. Of several filters that select a packet, the one that asks most
    /// sorts it last, and so for good.
    fn sorting(&self, draft: &mut Draft) {
        for ((filter, side), classes) in &self.classed {
            let kind = side.kind();
            let mut rules = discovery(*filter);
            for family in filter.families() {
                let map = set_name(kind, family, *filter);
                let class =
                    |(_, matches)| Rule { family: Some(family), matches, verdict: Verdict::ClassIn(map.clone()) };
                rules.extend(selecting(*filter, false).into_iter().map(class));
                let elements = classes.iter().filter(|(address, _)| address.is_ipv4() == (family == Family::Ipv4));
                let elements = elements.map(|(address, class)| (*address, *class)).collect();
                draft.table.maps.insert(map, ClassMap { family, elements });
            }
            draft.add(Hook::Sorting, filter.asks(), name(kind, *filter), rules);
        }
        for (filter, leaving) in &self.world.to_world {
            if let Leaving::Class(class) = leaving {
                let verdict = || Verdict::Class(*class);
                self.outward(draft, *filter, &format!("world_{CLASSED}_{class}"), Hook::Sorting, &[], verdict);
            }
        }
    }

    /// Packets to the world go to the user-space shaper.
    fn leaving(&self, draft: &mut Draft) {
        let exempt = [pass(None, Match::ToLoopback), pass(None, Match::Marked(LEFT))];
        for (filter, _) in self.world.to_world.iter().filter(|(_, leaving)| *leaving == Leaving::Queue) {
            let verdict = || Verdict::Queue(Queue::Leaving);
            self.outward(draft, *filter, "world_leaving", Hook::LeavingShaped, &exempt, verdict);
        }
    }

    fn outward(
        &self,
        draft: &mut Draft,
        filter: Filter,
        kind: &str,
        hook: Hook,
        exempt: &[Rule],
        verdict: impl Fn() -> Verdict,
    ) {
        let nodes = self.known();
        let strangers = |family| Match::NotIn(End::Destination, set_name(&nodes, family, Filter::ANY));
        let rules = rules(filter, false, strangers, |_| verdict());
        if rules.is_empty() {
            return;
        }
        // The Ethernet header, which tells a broadcast, is not there yet.
        let exempt = exempt.iter().cloned().chain(to_many(filter, false));
        let rules = exempt.chain(rules).collect();
        draft.add(hook, filter.asks(), name(&format!("{kind}{}", size_class(&self.nodes)), filter), rules);
        add_sets(&mut draft.table, &nodes, Filter::ANY, Role::Known, &self.nodes);
    }

    fn departure(&self, draft: &mut Draft) {
        let class = size_class(&self.nodes);
        let nodes = self.known();
        for (filter, leaving) in &self.world.to_world {
            let treatment = match leaving {
                Leaving::Drop => Treatment::Drop,
                Leaving::Reject => Treatment::Reject,
                Leaving::Lose(share) => Treatment::Lose(*share),
                Leaving::Class(_) | Leaving::Queue => continue,
            };
            let strangers = |family| Match::NotIn(End::Destination, set_name(&nodes, family, Filter::ANY));
            let verdict = if treatment == Treatment::Reject { Verdict::Drop } else { treatment.verdict(None) };
            let mut rules = rules(*filter, false, strangers, |_| verdict.clone());
            if rules.is_empty() || self.devices.is_empty() {
                continue;
            }
            rules.splice(0..0, to_many(*filter, true).into_iter().chain(treatment.exempt(*filter)));
            draft.add(Hook::Departure, treatment.rank(), name(&format!("world_{treatment}{class}"), *filter), rules);
            add_sets(&mut draft.table, &nodes, Filter::ANY, Role::Known, &self.nodes);
        }
    }

    /// The name of the sets of all nodes' addresses.
    fn known(&self) -> String {
        format!("{NODES}{}", size_class(&self.nodes))
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
/// The maps from addresses to classes.
const CLASSED: &str = "classed";
const CLASSED_TOO: &str = "classed_too";

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

impl Side {
    fn kind(self) -> &'static str {
        match self {
            Self::One => CLASSED,
            Self::Other => CLASSED_TOO,
        }
    }
}

impl Treatment {
    /// A drop wins over a reject, and both over what loses some.
    fn rank(self) -> u8 {
        match self {
            Self::Drop => 0,
            Self::Reject => 1,
            Self::Lose(_) => 2,
            Self::Queue(_) => 3,
        }
    }

    /// Whether TCP gets another answer than the rest.
    fn answers(self) -> bool {
        self == Self::Reject
    }

    fn verdict(self, proto: Option<Proto>) -> Verdict {
        match (self, proto) {
            (Self::Drop, _) => Verdict::Drop,
            (Self::Reject, Some(Proto::Tcp)) => Verdict::ResetTcp,
            (Self::Reject, _) => Verdict::PortUnreachable,
            (Self::Lose(share), _) => Verdict::Lose(share),
            (Self::Queue(Lane::Whole), _) => Verdict::Queue(Queue::Whole),
            (Self::Queue(Lane::Single), _) => Verdict::Queue(Queue::Single),
        }
    }

    /// What the shaper has seen to, and what it sends itself, by loopback, is not handed to it again. What answers a
    /// reject is not rejected.
    fn exempt(self, filter: Filter) -> Vec<Rule> {
        match self {
            Self::Reject => answers(filter),
            Self::Queue(_) => vec![pass(None, Match::Loopback), pass(None, Match::Marked(ARRIVED))],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Treatment {
    /// As part of a name. (`drop` and `reject` are words that nft does not take as names.)
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("dropped"),
            Self::Reject => f.write_str("rejected"),
            Self::Lose(share) => write!(f, "lossy_{}", share.0),
            Self::Queue(Lane::Whole) => f.write_str("shaped"),
            Self::Queue(Lane::Single) => f.write_str("shaped_singly"),
        }
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

/// The rules that do something to what the filter selects, from or to the addresses that `whose` matches; `apart`: TCP
/// gets a rule of its own.
fn rules(
    filter: Filter,
    apart: bool,
    whose: impl Fn(Family) -> Match,
    verdict: impl Fn(Option<Proto>) -> Verdict,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for family in filter.families() {
        if family == Family::Ipv6 {
            rules.extend(discovery(filter));
        }
        for (proto, mut matches) in selecting(filter, apart) {
            matches.push(whose(family));
            rules.push(Rule { family: Some(family), matches, verdict: verdict(proto) });
        }
    }
    rules
}

/// Neighbour discovery is let through wherever the filter would select it.
fn discovery(filter: Filter) -> Vec<Rule> {
    let selects = filter.families().contains(&Family::Ipv6)
        && filter.port.is_none()
        && matches!(filter.proto, None | Some(Proto::Icmp));
    if selects { vec![pass(Some(Family::Ipv6), Match::NeighbourDiscovery)] } else { Vec::new() }
}

/// What answers a reject is let through wherever the filter would select it.
fn answers(filter: Filter) -> Vec<Rule> {
    let selects = |proto| filter.proto.is_none_or(|only| only == proto);
    let reset = selects(Proto::Tcp).then(|| pass(None, Match::Reset));
    let families = if selects(Proto::Icmp) && filter.port.is_none() { filter.families() } else { Vec::new() };
    let unreachable = families.into_iter().map(|family| pass(Some(family), Match::Unreachable));
    reset.into_iter().chain(unreachable).collect()
}

/// What a packet must satisfy, one entry for each rule that it takes, and the protocol that is certain then.
fn selecting(filter: Filter, apart: bool) -> Vec<(Option<Proto>, Vec<Match>)> {
    let port =
        |proto, port| [End::Source, End::Destination].map(|end| (Some(proto), vec![Match::Port(proto, end, port)]));
    match (filter.proto, filter.port) {
        // ICMP has no ports.
        (Some(Proto::Icmp), Some(_)) => Vec::new(),
        (Some(proto), Some(number)) => port(proto, number).into(),
        (None, Some(number)) => [Proto::Tcp, Proto::Udp].into_iter().flat_map(|proto| port(proto, number)).collect(),
        (Some(proto), None) => vec![(Some(proto), vec![Match::Proto(proto)])],
        (None, None) if apart => vec![(Some(Proto::Tcp), vec![Match::Proto(Proto::Tcp)]), (None, Vec::new())],
        (None, None) => vec![(None, Vec::new())],
    }
}

/// What goes to many goes to nodes too, so it is no matter of the world alone: let through.
fn to_many(filter: Filter, ethernet: bool) -> Vec<Rule> {
    let multicast = filter.families().into_iter().map(|family| pass(Some(family), Match::Multicast));
    multicast.chain(ethernet.then(|| pass(None, Match::Broadcast))).collect()
}

fn pass(family: Option<Family>, one: Match) -> Rule {
    Rule { family, matches: vec![one], verdict: Verdict::Return }
}

impl Filter {
    /// How much it asks of a packet.
    pub(crate) fn asks(self) -> u8 {
        [self.proto.is_some(), self.port.is_some(), self.family.is_some()].into_iter().map(u8::from).sum()
    }

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
