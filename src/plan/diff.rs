//! From one ruleset to the next: only what differs, and never a gap.
//!
//! A refusal that stands both before and after is not touched; between the two there is no moment without it. The kernel
//! replaces what one transaction says at once, but a packet that is under way at that moment may have met the first
//! chain before it and meet the second one after it. So where an address leaves one chain's set for another's, the
//! change takes two transactions: grow, then shrink. Between them the kernel must be done with the packets that were
//! under way ([`Transaction::after_grace`]). All else is one transaction.
//!
//! Chains of treatments come and go whole and are never edited, for the same reason: which rules a packet meets and which
//! elements a set has are read at different moments. The jumps of a base chain are exchanged all at once; a packet in it
//! goes through the chains of before or through those of after.

use super::ruleset::{ClassId, Ruleset};
use super::table::{Base, Classes, Elements, Role, Rule, Set, SetType, TABLE, Table, TableFamily, Tables};
use crate::fault::Family;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// Changes that the kernel makes all at once, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Whether every packet that was under way during the transaction before must be through first.
    pub after_grace: bool,
    /// In order.
    pub changes: Vec<Change>,
}

/// One change to a table of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which table.
    pub table: TableFamily,
    /// What happens to it.
    pub act: Act,
}

/// What happens to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is made.
    AddTable,
    /// It goes, with all it holds.
    DeleteTable,
    /// An empty set is made; its size is that of the third, where there is one.
    AddSet(String, Family, Option<u32>),
    /// A set goes, with its elements.
    DeleteSet(String),
    /// A chain without rules is made.
    AddChain(String, Option<Base>),
    /// A chain loses its rules.
    FlushChain(String),
    /// A chain goes, with its rules.
    DeleteChain(String),
    /// A rule is added at a chain's end.
    AddRule(String, Rule),
    /// Elements are added to a set.
    AddElements(String, Vec<IpAddr>),
    /// Elements are taken from a set, or from a map.
    DeleteElements(String, Vec<IpAddr>),
    /// An empty map from addresses to classes is made. It goes as a set goes.
    AddMap(String, Family),
    /// Addresses get their class in a map.
    AddMapped(String, Vec<(IpAddr, ClassId)>),
}

/// The transactions that lead from one ruleset to the other: none where they are equal, two at most.
#[must_use]
pub fn diff(old: &Ruleset, new: &Ruleset) -> Vec<Transaction> {
    let mut steps = Steps::default();
    let (before, after) = (old.tables(), new.tables());
    for family in [TableFamily::Inet, TableFamily::Netdev] {
        steps.table(family, &before, &after);
    }
    let apart = steps.overlap(known(&before, &after).as_ref());
    let Steps { mut grow, jumps, shrink, .. } = steps;
    let lead = |how: fn(&Jumps) -> Vec<Change>| jumps.iter().flat_map(how).collect::<Vec<_>>();
    let steps = if apart {
        grow.extend(lead(Jumps::first));
        vec![(false, grow), (true, [lead(Jumps::then), shrink].concat())]
    } else {
        vec![(false, [grow, lead(Jumps::at_once), shrink].concat())]
    };
    let steps = steps.into_iter().filter(|(_, changes)| !changes.is_empty());
    steps.map(|(after_grace, changes)| Transaction { after_grace, changes }).collect()
}

/// The addresses that are nodes' wherever anything asks: no refusal of strangers ever meets them.
/// `None`: nothing asks.
fn known(before: &Tables, after: &Tables) -> Option<BTreeSet<IpAddr>> {
    let asked = [before, after].into_iter().flat_map(|tables| tables.values()).filter_map(|table| {
        let known: Vec<_> = table.sets.values().filter(|set| set.role == Role::Known).collect();
        (!known.is_empty()).then(|| known.iter().flat_map(|set| set.elements.iter().copied()).collect::<BTreeSet<_>>())
    });
    asked.reduce(|some, more| some.intersection(&more).copied().collect())
}

/// What refuses more, and what refuses less, with whom each concerns.
#[derive(Debug, Default)]
struct Steps {
    grow: Vec<Change>,
    /// Where base chains lead before and after that.
    jumps: Vec<Jumps>,
    shrink: Vec<Change>,
    grown: Concerned,
    shrunk: Concerned,
}

/// A base chain that is there afterwards, and its rules before and then.
#[derive(Debug)]
struct Jumps {
    table: TableFamily,
    chain: String,
    before: Vec<Rule>,
    after: Vec<Rule>,
}

impl Jumps {
    fn at_once(&self) -> Vec<Change> {
        self.exchange(&self.before, &self.after)
    }

    fn first(&self) -> Vec<Change> {
        self.exchange(&self.before, &self.both())
    }

    fn then(&self) -> Vec<Change> {
        self.exchange(&self.both(), &self.after)
    }

    /// The former ones and the later ones, in an order that is both's.
    fn both(&self) -> Vec<Rule> {
        let (mut both, mut at) = (self.after.clone(), 0);
        for rule in &self.before {
            if let Some(place) = both.iter().position(|other| other == rule) {
                at = place + 1;
            } else {
                both.insert(at, rule.clone());
                at += 1;
            }
        }
        both
    }

    fn exchange(&self, from: &[Rule], to: &[Rule]) -> Vec<Change> {
        if from == to {
            return Vec::new();
        }
        let flush = (!from.is_empty()).then(|| Act::FlushChain(self.chain.clone()));
        let add = to.iter().map(|rule| Act::AddRule(self.chain.clone(), rule.clone()));
        flush.into_iter().chain(add).map(|act| Change { table: self.table, act }).collect()
    }
}

/// Whose packets a change is about.
#[derive(Debug, Default)]
struct Concerned {
    addresses: BTreeSet<IpAddr>,
    /// What leaves or arrives from outside, by table.
    strangers: BTreeSet<TableFamily>,
}

impl Steps {
    fn table(&mut self, family: TableFamily, before: &Tables, after: &Tables) {
        let none = Table::default();
        let (old, new) = (before.get(&family), after.get(&family));
        let at = |act| Change { table: family, act };
        if old.is_none() && new.is_some() {
            self.grow.push(at(Act::AddTable));
        }
        let vanishes = old.is_some() && new.is_none();
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        self.additions(family, old, new);
        self.jumps(family, old, new);
        self.removals(family, old, new, vanishes);
        for (name, set) in &old.sets {
            if let Some(next) = new.sets.get(name) {
                self.elements(family, name, set, next);
            }
        }
        for (name, map) in &old.maps {
            if let Some(next) = new.maps.get(name) {
                self.map(family, name, &map.elements, &next.elements);
            }
        }
        if vanishes {
            self.shrink.push(at(Act::DeleteTable));
        }
    }

    fn additions(&mut self, family: TableFamily, old: &Table, new: &Table) {
        let at = |act| Change { table: family, act };
        for (name, set) in new.sets.iter().filter(|(name, _)| !old.sets.contains_key(*name)) {
            self.grow.push(at(Act::AddSet(name.clone(), set.family, set.size)));
            push_elements(&mut self.grow, family, Act::AddElements, name, set.elements.iter().copied().collect());
        }
        for (name, map) in new.maps.iter().filter(|(name, _)| !old.maps.contains_key(*name)) {
            self.grow.push(at(Act::AddMap(name.clone(), map.family)));
            self.map(family, name, &BTreeMap::new(), &map.elements);
        }
        for (name, chain) in new.chains.iter().filter(|(name, _)| !old.chains.contains_key(*name)) {
            self.grown.add(family, new, &chain.rules);
            self.grow.push(at(Act::AddChain(name.clone(), chain.base.clone())));
            if chain.base.is_none() {
                self.grow.extend(chain.rules.iter().map(|rule| at(Act::AddRule(name.clone(), rule.clone()))));
            }
        }
    }

    /// Where the base chains lead that are there afterwards.
    fn jumps(&mut self, family: TableFamily, old: &Table, new: &Table) {
        for (name, chain) in new.chains.iter().filter(|(_, chain)| chain.base.is_some()) {
            let before = old.chains.get(name).map_or_else(Vec::new, |chain| chain.rules.clone());
            self.jumps.push(Jumps { table: family, chain: name.clone(), before, after: chain.rules.clone() });
        }
    }

    fn removals(&mut self, family: TableFamily, old: &Table, new: &Table, vanishes: bool) {
        let at = |act| Change { table: family, act };
        let mut gone: Vec<_> = old.chains.iter().filter(|(name, _)| !new.chains.contains_key(*name)).collect();
        // Those that lead to others first.
        gone.sort_by_key(|(_, chain)| chain.base.is_none());
        for (name, chain) in gone {
            self.shrunk.add(family, old, &chain.rules);
            self.shrink.extend((!vanishes).then(|| at(Act::DeleteChain(name.clone()))));
        }
        let sets = old.sets.keys().filter(|name| !new.sets.contains_key(*name));
        let maps = old.maps.keys().filter(|name| !new.maps.contains_key(*name));
        for name in sets.chain(maps) {
            self.shrink.extend((!vanishes).then(|| at(Act::DeleteSet(name.clone()))));
        }
    }

    /// An address that changes its class does so within one transaction: whoever looks it up finds the one or the other.
    fn map(
        &mut self,
        table: TableFamily,
        name: &str,
        old: &BTreeMap<IpAddr, ClassId>,
        new: &BTreeMap<IpAddr, ClassId>,
    ) {
        let differs = |from: &BTreeMap<IpAddr, ClassId>, to: &BTreeMap<IpAddr, ClassId>| {
            let differing = from.iter().filter(|(address, class)| to.get(address).is_some_and(|other| other != *class));
            differing.map(|(address, _)| *address).collect::<Vec<_>>()
        };
        let missing = |from: &BTreeMap<IpAddr, ClassId>, to: &BTreeMap<IpAddr, ClassId>| {
            from.keys().filter(|address| !to.contains_key(address)).copied().collect::<Vec<_>>()
        };
        let (changed, added, removed) = (differs(old, new), missing(new, old), missing(old, new));
        self.grown.addresses.extend(&added);
        self.shrunk.addresses.extend(&removed);
        let classes = changed.iter().chain(&added).map(|address| (*address, new[address])).collect::<Vec<_>>();
        push_elements(&mut self.grow, table, Act::DeleteElements, name, changed);
        if !classes.is_empty() {
            self.grow.push(Change { table, act: Act::AddMapped(name.to_owned(), classes) });
        }
        push_elements(&mut self.shrink, table, Act::DeleteElements, name, removed);
    }

    /// An address in a set of refused ones is refused; one in a set of known ones is not refused as a stranger.
    fn elements(&mut self, family: TableFamily, name: &str, old: &Set, new: &Set) {
        let added: Vec<_> = new.elements.difference(&old.elements).copied().collect();
        let removed: Vec<_> = old.elements.difference(&new.elements).copied().collect();
        let (more, less) = match new.role {
            Role::Refused => (&added, &removed),
            Role::Known => (&removed, &added),
        };
        self.grown.addresses.extend(more);
        self.shrunk.addresses.extend(less);
        let (with_added, with_removed) = match new.role {
            Role::Refused => (&mut self.grow, &mut self.shrink),
            Role::Known => (&mut self.shrink, &mut self.grow),
        };
        push_elements(with_added, family, Act::AddElements, name, added);
        push_elements(with_removed, family, Act::DeleteElements, name, removed);
    }

    /// Whether some packet may be refused by what shrinks before and by what grows after.
    fn overlap(&self, known: Option<&BTreeSet<IpAddr>>) -> bool {
        let stranger = |address: &IpAddr| known.is_some_and(|known| !known.contains(address));
        let meets = |outside: &Concerned, inside: &Concerned| {
            !outside.strangers.is_empty() && inside.addresses.iter().any(stranger)
        };
        !self.grown.addresses.is_disjoint(&self.shrunk.addresses)
            || (!self.grown.strangers.is_empty() && !self.shrunk.strangers.is_empty())
            || meets(&self.grown, &self.shrunk)
            || meets(&self.shrunk, &self.grown)
    }
}

impl Concerned {
    /// All that the rules of a chain look up: it may do to them what another chain has done so far.
    fn add(&mut self, family: TableFamily, table: &Table, rules: &[Rule]) {
        for set in rules.iter().flat_map(Rule::sets).filter_map(|set| table.sets.get(set)) {
            match set.role {
                Role::Refused => self.addresses.extend(&set.elements),
                Role::Known => _ = self.strangers.insert(family),
            }
        }
        for map in rules.iter().filter_map(Rule::map).filter_map(|map| table.maps.get(map)) {
            self.addresses.extend(map.elements.keys());
        }
    }
}

fn push_elements(
    changes: &mut Vec<Change>,
    table: TableFamily,
    act: impl Fn(String, Vec<IpAddr>) -> Act,
    set: &str,
    elements: Vec<IpAddr>,
) {
    if !elements.is_empty() {
        changes.push(Change { table, act: act(set.to_owned(), elements) });
    }
}

impl fmt::Display for Change {
    /// A command of nft.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = format!("{} {TABLE}", self.table);
        match &self.act {
            Act::AddTable => write!(f, "add table {at}"),
            Act::DeleteTable => write!(f, "delete table {at}"),
            Act::AddSet(set, family, size) => {
                let size = size.map(|size| format!(" size {size};")).unwrap_or_default();
                write!(f, "add set {at} {set} {{ type {};{size} }}", SetType(*family))
            }
            Act::DeleteSet(set) => write!(f, "delete set {at} {set}"),
            Act::AddChain(chain, None) => write!(f, "add chain {at} {chain}"),
            Act::AddChain(chain, Some(base)) => write!(f, "add chain {at} {chain} {{ {base} }}"),
            Act::FlushChain(chain) => write!(f, "flush chain {at} {chain}"),
            Act::DeleteChain(chain) => write!(f, "delete chain {at} {chain}"),
            Act::AddRule(chain, rule) => write!(f, "add rule {at} {chain} {rule}"),
            Act::AddElements(set, elements) => write!(f, "add element {at} {set} {}", Elements(elements)),
            Act::AddMap(map, family) => write!(f, "add map {at} {map} {{ type {} : classid; }}", SetType(*family)),
            Act::AddMapped(map, elements) => {
                let elements: BTreeMap<_, _> = elements.iter().copied().collect();
                write!(f, "add element {at} {map} {}", Classes(&elements))
            }
            Act::DeleteElements(set, elements) => write!(f, "delete element {at} {set} {}", Elements(elements)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Treatment::{self, Drop, Reject};
    use super::super::WorldCut;
    use super::super::interpret::{Packet, apply, met, moments, ruleset};
    use super::*;
    use crate::fault::Filter;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn the_difference_leads_from_the_old_to_the_new(old in ruleset(), new in ruleset()) {
            let mut tables = old.tables();
            for transaction in diff(&old, &new) {
                prop_assert!(!transaction.changes.is_empty());
                apply(&mut tables, &transaction);
            }
            prop_assert_eq!(tables, new.tables());
        }

        #[test]
        fn no_packet_crosses_a_standing_cut_or_passes_unimpaired_even_when_the_rules_change_under_way(old in ruleset(), new in ruleset()) {
            let mut before = old.tables();
            for transaction in diff(&old, &new) {
                let mut after = before.clone();
                apply(&mut after, &transaction);
                for packet in Packet::all() {
                    let (at_first, at_last) = (met(&old.tables(), packet).ways(), met(&new.tables(), packet).ways());
                    let stands: Vec<usize> = (0..at_first.len()).filter(|way| at_first[*way] && at_last[*way]).collect();
                    if stands.is_empty() {
                        continue;
                    }
                    for (moment, met) in moments(&before, &after, packet).enumerate() {
                        let ways = met.ways();
                        let crosses = stands.iter().find(|way| !ways[**way]);
                        prop_assert!(crosses.is_none(), "{packet:?} crosses {crosses:?} at {moment}: {transaction:?}");
                    }
                }
                before = after;
            }
        }

        #[test]
        fn what_stays_is_not_touched(same in ruleset()) {
            prop_assert_eq!(diff(&same, &same), vec![]);
        }
    }

    fn refusing(treated: &[(Filter, Treatment, &[&str])]) -> Ruleset {
        let mut ruleset = Ruleset::default();
        for (filter, refusal, addresses) in treated {
            let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap());
            ruleset.treated.entry((*filter, *refusal)).or_default().extend(addresses);
        }
        ruleset
    }

    fn script(transactions: &[Transaction]) -> String {
        let parts = transactions.iter().map(|transaction| {
            let lines: Vec<_> = transaction.changes.iter().map(ToString::to_string).collect();
            let grace = if transaction.after_grace { "# when all packets are through\n" } else { "" };
            format!("{grace}{}", lines.join("\n"))
        });
        parts.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn another_partition_exchanges_elements_in_one_transaction() {
        let old = refusing(&[(Filter::ANY, Drop, &["10.0.0.2", "10.0.0.3"])]);
        let new = refusing(&[(Filter::ANY, Drop, &["10.0.0.3", "10.0.0.4"])]);
        insta::assert_snapshot!(script(&diff(&old, &new)), @r"
        add element inet blockade dropped4 { 10.0.0.4 }
        delete element inet blockade dropped4 { 10.0.0.2 }
        ");
    }

    #[test]
    fn a_cut_that_becomes_a_reject_grows_first_and_shrinks_later() {
        let old = refusing(&[(Filter::ANY, Drop, &["10.0.0.2"])]);
        let new = refusing(&[(Filter::ANY, Reject, &["10.0.0.2"])]);
        insta::assert_snapshot!(script(&diff(&old, &new)), @r"
        add set inet blockade rejected4 { type ipv4_addr; size 512; }
        add element inet blockade rejected4 { 10.0.0.2 }
        add set inet blockade rejected6 { type ipv6_addr; size 512; }
        add chain inet blockade arriving_rejected { type filter hook prerouting priority raw; policy accept; }
        add rule inet blockade arriving_rejected tcp flags rst return
        add rule inet blockade arriving_rejected icmp type destination-unreachable return
        add rule inet blockade arriving_rejected icmpv6 type destination-unreachable return
        add rule inet blockade arriving_rejected meta l4proto tcp ip saddr @rejected4 reject with tcp reset
        add rule inet blockade arriving_rejected ip saddr @rejected4 reject with icmpx port-unreachable
        add rule inet blockade arriving_rejected icmpv6 type 133-137 return
        add rule inet blockade arriving_rejected meta l4proto tcp ip6 saddr @rejected6 reject with tcp reset
        add rule inet blockade arriving_rejected ip6 saddr @rejected6 reject with icmpx port-unreachable
        # when all packets are through
        delete chain inet blockade arriving_dropped
        delete set inet blockade dropped4
        delete set inet blockade dropped6
        ");
    }

    #[test]
    fn a_second_treatment_leads_to_both_before_the_chain_of_the_first_goes() {
        let old = refusing(&[(Filter::ANY, Drop, &["10.0.0.2"])]);
        let new = refusing(&[(Filter::ANY, Drop, &["10.0.0.2"]), (Filter::ANY, Reject, &["10.0.0.3"])]);
        insta::assert_snapshot!(script(&diff(&old, &new)), @r"
        add set inet blockade rejected4 { type ipv4_addr; size 512; }
        add element inet blockade rejected4 { 10.0.0.3 }
        add set inet blockade rejected6 { type ipv6_addr; size 512; }
        add chain inet blockade arriving { type filter hook prerouting priority raw; policy accept; }
        add chain inet blockade dropped
        add rule inet blockade dropped ip saddr @dropped4 drop
        add rule inet blockade dropped icmpv6 type 133-137 return
        add rule inet blockade dropped ip6 saddr @dropped6 drop
        add chain inet blockade rejected
        add rule inet blockade rejected tcp flags rst return
        add rule inet blockade rejected icmp type destination-unreachable return
        add rule inet blockade rejected icmpv6 type destination-unreachable return
        add rule inet blockade rejected meta l4proto tcp ip saddr @rejected4 reject with tcp reset
        add rule inet blockade rejected ip saddr @rejected4 reject with icmpx port-unreachable
        add rule inet blockade rejected icmpv6 type 133-137 return
        add rule inet blockade rejected meta l4proto tcp ip6 saddr @rejected6 reject with tcp reset
        add rule inet blockade rejected ip6 saddr @rejected6 reject with icmpx port-unreachable
        add rule inet blockade arriving jump dropped
        add rule inet blockade arriving jump rejected
        # when all packets are through
        delete chain inet blockade arriving_dropped
        ");
    }

    #[test]
    fn a_device_that_comes_gets_chains_of_its_own_and_no_other_is_touched() {
        let world = WorldCut { to_world: [(Filter::ANY, crate::plan::Leaving::Drop)].into(), ..WorldCut::default() };
        let old = Ruleset { world, devices: ["eth0".to_owned()].into(), ..Ruleset::default() };
        let new = Ruleset { devices: ["eth0".to_owned(), "eth1".to_owned()].into(), ..old.clone() };
        insta::assert_snapshot!(script(&diff(&old, &new)), @r#"
        add chain netdev blockade leaving_by_eth1_world_dropped { type filter hook egress device "eth1" priority filter; policy accept; }
        add rule netdev blockade leaving_by_eth1_world_dropped ip daddr 224.0.0.0/3 return
        add rule netdev blockade leaving_by_eth1_world_dropped ip6 daddr ff00::/8 return
        add rule netdev blockade leaving_by_eth1_world_dropped ether daddr ff:ff:ff:ff:ff:ff return
        add rule netdev blockade leaving_by_eth1_world_dropped ip daddr != @nodes4 drop
        add rule netdev blockade leaving_by_eth1_world_dropped icmpv6 type 133-137 return
        add rule netdev blockade leaving_by_eth1_world_dropped ip6 daddr != @nodes6 drop
        "#);
    }

    #[test]
    fn the_last_heal_takes_the_table_with_it() {
        let old = refusing(&[(Filter::ANY, Drop, &["10.0.0.2"])]);
        insta::assert_snapshot!(script(&diff(&old, &Ruleset::default())), @r"
        delete table inet blockade
        ");
    }
}
