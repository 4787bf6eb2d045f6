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
            if !rules.is_empty() {
                rules.splice(0..0, to_many(*filter));
                table.chains.insert(
                    name(&format!("world_{}{class}", Refusal::Drop), *filter),
                    Chain { hook: Hook::Departure, rules },
                );
                add_sets(&mut table, &nodes, Filter::ANY, Role::Known, &self.nodes);
            }
        }
        table
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
mod tests {
    use super::super::WorldCut;
    use super::super::interpret::{Packet, refuses, ruleset};
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn ruleset_of(refused: &[(Filter, Refusal, &[&str])]) -> Ruleset {
        let mut ruleset = Ruleset::default();
        for (filter, refusal, addresses) in refused {
            let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap());
            ruleset.refused.entry((*filter, *refusal)).or_default().extend(addresses);
        }
        ruleset
    }

    fn filter(proto: Option<Proto>, port: Option<u16>, family: Option<Family>) -> Filter {
        Filter { proto, port, family }
    }

    const OTHER_HALF: &[&str] = &["10.0.0.10", "10.0.0.9", "fd00::9", "fe80::42:aff:fe00:9"];

    #[test]
    fn half_of_a_partition() {
        let half = ruleset_of(&[(Filter::ANY, Refusal::Drop, OTHER_HALF)]);
        assert_snapshot!(checked(&half), @r"
        table inet blockade {
            set dropped4 {
                type ipv4_addr
                size 512
                elements = { 10.0.0.9, 10.0.0.10 }
            }

            set dropped6 {
                type ipv6_addr
                size 512
                elements = { fd00::9, fe80::42:aff:fe00:9 }
            }

            chain dropped {
                type filter hook prerouting priority raw; policy accept;
                ip saddr @dropped4 drop
                icmpv6 type 133-137 accept
                ip6 saddr @dropped6 drop
            }
        }
        ");
    }

    #[test]
    fn the_deaf_end_of_a_one_way_link() {
        let one = ruleset_of(&[(Filter::ANY, Refusal::Drop, &["10.0.0.2"])]);
        assert_snapshot!(checked(&one), @r"
        table inet blockade {
            set dropped4 {
                type ipv4_addr
                size 512
                elements = { 10.0.0.2 }
            }

            set dropped6 {
                type ipv6_addr
                size 512
            }

            chain dropped {
                type filter hook prerouting priority raw; policy accept;
                ip saddr @dropped4 drop
                icmpv6 type 133-137 accept
                ip6 saddr @dropped6 drop
            }
        }
        ");
    }

    #[test]
    fn a_reject() {
        let reject = ruleset_of(&[(Filter::ANY, Refusal::Reject, &["10.0.0.2", "fd00::2"])]);
        assert_snapshot!(checked(&reject), @r"
        table inet blockade {
            set rejected4 {
                type ipv4_addr
                size 512
                elements = { 10.0.0.2 }
            }

            set rejected6 {
                type ipv6_addr
                size 512
                elements = { fd00::2 }
            }

            chain rejected {
                type filter hook prerouting priority raw + 1; policy accept;
                meta l4proto tcp ip saddr @rejected4 reject with tcp reset
                ip saddr @rejected4 reject with icmpx port-unreachable
                icmpv6 type 133-137 accept
                meta l4proto tcp ip6 saddr @rejected6 reject with tcp reset
                ip6 saddr @rejected6 reject with icmpx port-unreachable
            }
        }
        ");
    }

    #[test]
    fn filters() {
        let filtered = ruleset_of(&[
            (filter(Some(Proto::Icmp), None, None), Refusal::Drop, &["10.0.0.2", "fd00::2"]),
            (filter(None, Some(53), Some(Family::Ipv4)), Refusal::Drop, &["10.0.0.3"]),
            (filter(Some(Proto::Tcp), Some(6379), Some(Family::Ipv6)), Refusal::Reject, &["fd00::3"]),
            (filter(Some(Proto::Udp), None, Some(Family::Ipv6)), Refusal::Reject, &["fd00::4"]),
        ]);
        assert_snapshot!(checked(&filtered), @r"
        table inet blockade {
            set dropped4_53_ipv4 {
                type ipv4_addr
                size 512
                elements = { 10.0.0.3 }
            }

            set dropped4_icmp {
                type ipv4_addr
                size 512
                elements = { 10.0.0.2 }
            }

            set dropped6_icmp {
                type ipv6_addr
                size 512
                elements = { fd00::2 }
            }

            set rejected6_tcp_6379_ipv6 {
                type ipv6_addr
                size 512
                elements = { fd00::3 }
            }

            set rejected6_udp_ipv6 {
                type ipv6_addr
                size 512
                elements = { fd00::4 }
            }

            chain dropped_53_ipv4 {
                type filter hook prerouting priority raw; policy accept;
                tcp sport 53 ip saddr @dropped4_53_ipv4 drop
                tcp dport 53 ip saddr @dropped4_53_ipv4 drop
                udp sport 53 ip saddr @dropped4_53_ipv4 drop
                udp dport 53 ip saddr @dropped4_53_ipv4 drop
            }

            chain dropped_icmp {
                type filter hook prerouting priority raw; policy accept;
                meta l4proto icmp ip saddr @dropped4_icmp drop
                icmpv6 type 133-137 accept
                meta l4proto ipv6-icmp ip6 saddr @dropped6_icmp drop
            }

            chain rejected_tcp_6379_ipv6 {
                type filter hook prerouting priority raw + 1; policy accept;
                tcp sport 6379 ip6 saddr @rejected6_tcp_6379_ipv6 reject with tcp reset
                tcp dport 6379 ip6 saddr @rejected6_tcp_6379_ipv6 reject with tcp reset
            }

            chain rejected_udp_ipv6 {
                type filter hook prerouting priority raw + 1; policy accept;
                meta l4proto udp ip6 saddr @rejected6_udp_ipv6 reject with icmpx port-unreachable
            }
        }
        ");
    }

    #[test]
    fn the_world_cut_off_both_ways() {
        let world = WorldCut { from_world: [(Filter::ANY, Refusal::Drop)].into(), to_world: [Filter::ANY].into() };
        let mut isolated = Ruleset { world, ..Ruleset::default() };
        isolated.nodes.extend(OTHER_HALF.iter().map(|text| text.parse::<IpAddr>().unwrap()));
        assert_snapshot!(checked(&isolated), @r#"
        table inet blockade {
            set nodes4 {
                type ipv4_addr
                size 512
                elements = { 10.0.0.9, 10.0.0.10 }
            }

            set nodes6 {
                type ipv6_addr
                size 512
                elements = { fd00::9, fe80::42:aff:fe00:9 }
            }

            chain world_dropped {
                type filter hook prerouting priority raw; policy accept;
                iif "lo" accept
                ip saddr != @nodes4 drop
                icmpv6 type 133-137 accept
                ip6 saddr != @nodes6 drop
            }
        }

        table netdev blockade {
            set nodes4 {
                type ipv4_addr
                size 512
                elements = { 10.0.0.9, 10.0.0.10 }
            }

            set nodes6 {
                type ipv6_addr
                size 512
                elements = { fd00::9, fe80::42:aff:fe00:9 }
            }

            chain world_dropped {
                type filter hook egress device "eth0" priority filter; policy accept;
                ip daddr 224.0.0.0/3 accept
                ip6 daddr ff00::/8 accept
                ether daddr ff:ff:ff:ff:ff:ff accept
                ip daddr != @nodes4 drop
                icmpv6 type 133-137 accept
                ip6 daddr != @nodes6 drop
            }
        }
        "#);
    }

    proptest! {
        #[test]
        fn neighbour_discovery_and_loopback_are_never_refused(ruleset in ruleset()) {
            let tables = ruleset.tables();
            for packet in Packet::all().into_iter().filter(|packet| packet.proto == Proto::Icmp) {
                let discovery = Packet { discovery: packet.party.is_ipv6(), ..packet };
                prop_assert!(packet.party.is_ipv4() || !refuses(&tables, discovery));
            }
            let own = "127.0.0.1".parse().unwrap();
            let packet = Packet { loopback: true, ..Packet::new(TableFamily::Inet, own, Proto::Tcp, [1, 80]) };
            prop_assert!(!refuses(&tables, packet));
        }
    }

    #[test]
    fn nft_itself_takes_every_kind_of_rule() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..30 {
            checked(&ruleset().new_tree(&mut runner).unwrap().current());
        }
    }

    /// The printed ruleset, after real nft, where it is installed, has found it right.
    fn checked(ruleset: &Ruleset) -> String {
        let text = ruleset.to_string();
        let nft = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link add eth0 type dummy 2>/dev/null || ip link add eth0 type veth && exec nft -c -f -",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut nft) = nft else {
            eprintln!("SKIPPED: unshare and nft do not check the printed ruleset");
            return text;
        };
        nft.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = nft.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("not found") || said.contains("unshare failed") {
            eprintln!("SKIPPED: nft does not check the printed ruleset: {said}");
        } else {
            assert!(output.status.success(), "nft refuses:\n{said}\n{text}");
        }
        text
    }
}
