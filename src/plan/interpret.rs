//! A model of the kernel for tests: it runs packets through tables as values, even while these change.

use super::diff::{Act, Transaction};
use super::ruleset::{Billionths, ClassId, Lane, Leaving, Ruleset, Side, Treatment, WorldCut};
use super::table::{
    Base, Chain, ClassMap, End, Hook, Match, Queue, Role, Rule, Set, Table, TableFamily, Tables, Verdict,
};
use crate::fault::{Family, Filter, Proto};
use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A packet at a node: one that arrives has its other party as source, one that leaves as destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) hook: TableFamily,
    /// By which it leaves.
    pub(crate) device: &'static str,
    pub(crate) party: IpAddr,
    pub(crate) proto: Proto,
    pub(crate) ports: [u16; 2],
    pub(crate) discovery: bool,
    pub(crate) loopback: bool,
    /// A TCP reset, or ICMP's "destination unreachable": what a reject is answered with.
    pub(crate) answers: bool,
}

pub(crate) const PORTS: [u16; 2] = [80, 6379];

/// What a node's devices are called; the second is no name that nft takes for a chain.
pub(crate) const DEVICES: [&str; 2] = ["eth0", "wg+1"];

/// Nodes first, then strangers.
pub(crate) fn addresses() -> Vec<IpAddr> {
    ["10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::2", "fd00::3", "fe80::2"].map(|text| text.parse().unwrap()).into()
}

impl Packet {
    pub(crate) fn new(hook: TableFamily, party: IpAddr, proto: Proto, ports: [u16; 2]) -> Self {
        Self { hook, device: DEVICES[0], party, proto, ports, discovery: false, loopback: false, answers: false }
    }

    /// One of every kind.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        let leaving = DEVICES.map(|device| (TableFamily::Netdev, device));
        for (hook, device) in [(TableFamily::Inet, DEVICES[0])].into_iter().chain(leaving) {
            let from = all.len();
            for party in addresses() {
                all.push(Self::new(hook, party, Proto::Icmp, [0, 0]));
                for proto in [Proto::Tcp, Proto::Udp] {
                    all.extend([[80, 1], [1, 80], [1, 6379], [1, 2]].map(|ports| Self::new(hook, party, proto, ports)));
                }
            }
            all[from..].iter_mut().for_each(|packet| packet.device = device);
        }
        all.into_iter().flat_map(Self::and_as_answer).collect()
    }

    /// Itself, and one of its protocol that answers a reject, if there is any.
    pub(crate) fn and_as_answer(self) -> impl Iterator<Item = Self> {
        let answer = (self.proto != Proto::Udp).then_some(Self { answers: true, ..self });
        std::iter::once(self).chain(answer)
    }

    pub(crate) fn family(self) -> Family {
        if self.party.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }
}

/// What becomes of a packet on its way through a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Met {
    /// The verdict that ends it; none where it goes on.
    pub(crate) verdict: Option<Verdict>,
    /// By which chances it may be lost.
    pub(crate) chances: Vec<Billionths>,
    /// To which queues it is handed.
    pub(crate) queues: Vec<Queue>,
    /// Through which class it leaves.
    pub(crate) class: Option<ClassId>,
}

impl Met {
    /// In which ways it is treated; one that is refused is in every way.
    pub(crate) fn ways(&self) -> [bool; 4] {
        let refused = self.verdict.is_some();
        [refused, !self.chances.is_empty(), !self.queues.is_empty(), self.class.is_some()].map(|is| is || refused)
    }
}

/// What meets a packet in tables that do not change.
pub(crate) fn met(tables: &Tables, packet: Packet) -> Met {
    run(&|_| tables, packet, &Cell::new(0))
}

/// The verdict of that.
pub(crate) fn meets(tables: &Tables, packet: Packet) -> Option<Verdict> {
    met(tables, packet).verdict
}

pub(crate) fn refuses(tables: &Tables, packet: Packet) -> bool {
    meets(tables, packet).is_some()
}

/// What meets a packet, for each moment on its way at which the tables may change from one to the other.
pub(crate) fn moments(before: &Tables, after: &Tables, packet: Packet) -> impl Iterator<Item = Met> {
    const STEPS: usize = 70;
    (0..=STEPS).map(move |change| {
        let at = |step| if step < change { before } else { after };
        let step = Cell::new(0);
        let met = run(&at, packet, &step);
        assert!(step.get() <= STEPS, "the packet's way is longer than the test thinks");
        met
    })
}

/// `at` gives the tables at each step of the packet's way.
fn run<'a>(at: &dyn Fn(usize) -> &'a Tables, packet: Packet, step: &Cell<usize>) -> Met {
    let mut met = Met { verdict: None, chances: Vec::new(), queues: Vec::new(), class: None };
    // What leaves goes through the IP layer first, then by a device.
    let stages: &[TableFamily] =
        if packet.hook == TableFamily::Inet { &[TableFamily::Inet] } else { &[TableFamily::Inet, TableFamily::Netdev] };
    for family in stages {
        stage(*family, at, packet, step, &mut met);
        if met.verdict.is_some() {
            break;
        }
    }
    met
}

fn stage<'a>(family: TableFamily, at: &dyn Fn(usize) -> &'a Tables, packet: Packet, step: &Cell<usize>, met: &mut Met) {
    let now = || at(step.replace(step.get() + 1)).get(&family);
    let enters = |base: &Base| match base.hook {
        Hook::Departure => base.device.as_deref() == Some(packet.device),
        Hook::Sending | Hook::Sorting | Hook::LeavingShaped => packet.hook == TableFamily::Netdev,
        Hook::Arrival | Hook::ArrivalShaped => packet.hook == TableFamily::Inet,
    };
    let chains = now().into_iter().flat_map(|table| &table.chains);
    let based = chains.filter_map(|(name, chain)| Some((name, chain.base.as_ref().filter(|base| enters(base))?)));
    let mut hooked: Vec<_> = based.map(|(name, base)| (base.hook, name)).collect();
    hooked.sort_unstable();
    for (_, name) in hooked {
        // The rules are read when the packet enters the base chain, those of regular chains too; the sets stay theirs.
        let Some(table) = now() else { continue };
        let Some(chain) = table.chains.get(name) else { continue };
        for chain in treatments(table, chain) {
            match through(chain, table, &now, packet, met) {
                Left::ByReturn => {}
                Left::Passed => break,
                Left::Refused => return,
            }
        }
    }
}

/// A base chain jumps to treatments, all of its rules, or is one.
fn treatments<'a>(table: &'a Table, base: &'a Chain) -> Vec<&'a Chain> {
    let jump = |rule: &'a Rule| match &rule.verdict {
        Verdict::Jump(to) => Some(&table.chains[to]),
        _ => None,
    };
    let led_to: Vec<&Chain> = base.rules.iter().filter_map(jump).collect();
    assert!(led_to.is_empty() || led_to.len() == base.rules.len(), "a chain of jumps does nothing itself: {base:?}");
    if led_to.is_empty() { vec![base] } else { led_to }
}

/// How a packet leaves a treatment's chain.
enum Left {
    ByReturn,
    /// It goes on behind the base chain; from user space, marked.
    Passed,
    Refused,
}

fn through<'a>(
    chain: &Chain,
    table: &'a Table,
    now: &dyn Fn() -> Option<&'a Table>,
    packet: Packet,
    met: &mut Met,
) -> Left {
    for rule in chain.rules.iter().filter(|rule| holds(rule, packet, table, now)) {
        match &rule.verdict {
            Verdict::Return => return Left::ByReturn,
            Verdict::Accept => return Left::Passed,
            Verdict::Lose(share) => met.chances.push(*share),
            Verdict::Queue(queue) => {
                met.queues.push(*queue);
                return Left::Passed;
            }
            Verdict::Class(class) => met.class = Some(*class),
            Verdict::ClassIn(map) => {
                let map = now().and_then(|table| table.maps.get(map)).unwrap_or_else(|| &table.maps[map]);
                met.class = map.elements.get(&packet.party).copied().or(met.class);
            }
            verdict => {
                met.verdict = Some(verdict.clone());
                return Left::Refused;
            }
        }
    }
    Left::ByReturn
}

fn holds<'a>(rule: &Rule, packet: Packet, table: &'a Table, now: &dyn Fn() -> Option<&'a Table>) -> bool {
    let inside = |set: &String| {
        let set = now().and_then(|table| table.sets.get(set)).unwrap_or_else(|| &table.sets[set]);
        assert_eq!(Some(set.family), rule.family, "a set of the wrong family");
        set.elements.contains(&packet.party)
    };
    let the_party = |end: End| assert_eq!(end == End::Source, packet.hook == TableFamily::Inet, "the wrong end");
    rule.family.is_none_or(|family| family == packet.family())
        && rule.matches.iter().all(|one| match one {
            Match::Loopback | Match::ToLoopback => packet.loopback,
            Match::NeighbourDiscovery => packet.discovery,
            Match::Reset => packet.answers && packet.proto == Proto::Tcp,
            Match::Unreachable => packet.answers && packet.proto == Proto::Icmp,
            Match::Multicast => packet.hook == TableFamily::Netdev && packet.party.is_multicast(),
            // None of these is run here, nor one that the shaper has seen to.
            Match::Broadcast | Match::RoutedBroadcast | Match::Marked(_) => false,
            Match::Proto(proto) => packet.proto == *proto,
            Match::Port(proto, End::Source, port) => packet.proto == *proto && packet.ports[0] == *port,
            Match::Port(proto, End::Destination, port) => packet.proto == *proto && packet.ports[1] == *port,
            Match::In(end, set) => {
                the_party(*end);
                inside(set)
            }
            Match::NotIn(end, set) => {
                the_party(*end);
                !inside(set)
            }
        })
}

/// Does what the kernel would do; panics where the kernel would refuse.
pub(crate) fn apply(tables: &mut Tables, transaction: &Transaction) {
    for change in &transaction.changes {
        if change.act == Act::AddTable {
            assert!(tables.insert(change.table, Table::default()).is_none());
        } else if change.act == Act::DeleteTable {
            tables.remove(&change.table).unwrap();
        } else {
            act(tables.get_mut(&change.table).unwrap(), &change.act);
        }
    }
}

fn act(table: &mut Table, act: &Act) {
    match act.clone() {
        Act::AddTable | Act::DeleteTable => unreachable!(),
        Act::AddSet(name, family, size) => {
            let role = if name.starts_with("nodes") { Role::Known } else { Role::Refused };
            assert!(table.sets.insert(name, Set { family, role, size, elements: BTreeSet::new() }).is_none());
        }
        Act::DeleteSet(name) => {
            let looks_up = |rule: &Rule| rule.sets().chain(rule.map()).any(|looked_up| looked_up == name);
            let used = |chain: &Chain| chain.rules.iter().any(looks_up);
            assert!(!table.chains.values().any(used), "{name} is in use");
            assert!(table.sets.remove(&name).is_some() || table.maps.remove(&name).is_some());
        }
        Act::AddMap(name, family) => {
            assert!(table.maps.insert(name, ClassMap { family, elements: BTreeMap::new() }).is_none());
        }
        Act::AddMapped(name, classes) => {
            let map = table.maps.get_mut(&name).unwrap();
            assert!(classes.into_iter().all(|(address, class)| map.elements.insert(address, class).is_none()));
        }
        Act::AddChain(name, base) => assert!(table.chains.insert(name, Chain { base, rules: vec![] }).is_none()),
        Act::FlushChain(name) => table.chains.get_mut(&name).unwrap().rules.clear(),
        Act::DeleteChain(name) => {
            table.chains.remove(&name).unwrap();
            let leads = |rule: &Rule| matches!(&rule.verdict, Verdict::Jump(to) if *to == name);
            assert!(!table.chains.values().any(|chain| chain.rules.iter().any(leads)), "{name} is in use");
        }
        Act::AddRule(chain, rule) => {
            assert!(!matches!(&rule.verdict, Verdict::Jump(to) if !table.chains.contains_key(to)));
            assert!(rule.sets().all(|set| table.sets.contains_key(set)));
            assert!(rule.map().is_none_or(|map| table.maps.contains_key(map)));
            table.chains.get_mut(&chain).unwrap().rules.push(rule);
        }
        Act::AddElements(set, elements) => {
            let set = table.sets.get_mut(&set).unwrap();
            assert!(elements.into_iter().all(|element| set.elements.insert(element)));
            assert!(set.size.is_none_or(|size| set.elements.len() <= size as usize));
        }
        Act::DeleteElements(set, elements) => {
            if let Some(map) = table.maps.get_mut(&set) {
                return assert!(elements.iter().all(|element| map.elements.remove(element).is_some()));
            }
            let set = table.sets.get_mut(&set).unwrap();
            assert!(elements.iter().all(|element| set.elements.remove(element)));
        }
    }
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let proto = select(vec![None, Some(Proto::Tcp), Some(Proto::Udp), Some(Proto::Icmp)]);
    let port = select(vec![None, None, Some(PORTS[0]), Some(PORTS[1])]);
    let family = select(vec![None, None, Some(Family::Ipv4), Some(Family::Ipv6)]);
    prop_oneof![
        Just(Filter::ANY),
        (proto, port, family).prop_map(|(proto, port, family)| Filter { proto, port, family })
    ]
}

pub(crate) fn refusal() -> impl Strategy<Value = Treatment> {
    let lossy = [1, 2].map(|share| Treatment::Lose(Billionths(share)));
    let queues = [Treatment::Queue(Lane::Whole), Treatment::Queue(Lane::Single)];
    select([&[Treatment::Drop, Treatment::Reject, Treatment::Drop, Treatment::Reject], &lossy[..], &queues].concat())
}

fn leaving() -> impl Strategy<Value = Leaving> {
    let few = [
        Leaving::Drop,
        Leaving::Reject,
        Leaving::Lose(Billionths(3)),
        Leaving::Class(1),
        Leaving::Class(2),
        Leaving::Queue,
    ];
    select(few.to_vec())
}

/// Any ruleset over a few addresses and ports, even one that no matrix gives.
pub(crate) fn ruleset() -> impl Strategy<Value = Ruleset> {
    let some = || {
        btree_set(select(addresses()), 1..5).prop_map(|set| {
            let mut addresses = super::Addresses::default();
            addresses.extend(set);
            addresses
        })
    };
    let treated = btree_map((filter(), refusal()), some(), 0..3);
    let world = (btree_set((filter(), refusal()), 0..3), btree_set((filter(), leaving()), 0..3))
        .prop_map(|(from_world, to_world)| WorldCut { from_world, to_world });
    let world = prop_oneof![Just(WorldCut::default()), world];
    let devices = subsequence(DEVICES.to_vec(), 0..=2);
    let classes = btree_map(select(addresses()), 1_u16..4, 1..4);
    let classed = btree_map((filter(), select(vec![Side::One, Side::Other])), classes, 0..3);
    let hooks =
        vec![Hook::ArrivalShaped, Hook::Arrival, Hook::Sending, Hook::Sorting, Hook::LeavingShaped, Hook::Departure];
    let standing = prop_oneof![Just(Vec::new()), subsequence(hooks, 0..=6)];
    (treated, classed, world, some(), devices, standing).prop_map(|(treated, classed, world, some, known, standing)| {
        let standing = standing.into_iter().collect();
        let mut ruleset = Ruleset { treated, classed, world, standing, ..Ruleset::default() };
        if !ruleset.world.is_empty() {
            ruleset.nodes = some;
        }
        if ruleset.asks_for_devices() {
            ruleset.devices = known.into_iter().map(String::from).collect();
        }
        ruleset
    })
}
