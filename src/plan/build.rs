//! The matrix and the nodes' addresses in, a plan for each node out.

use super::means::{Ends, Means, Way};
use super::table::Hook;
use super::tree::{Class, ClassIds, Key, Tree};
use super::{Addresses, Billionths, ClassId, Interfaces, Lane, Leaving, Ruleset, Shaped, ShapedLink, Side, Treatment};
use crate::Result;
use crate::fault::{Cell, Cut, Filter, Impairment, Matrix};
use crate::random::Stream;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All that one node's namespace must hold. The default holds nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its nftables tables.
    pub ruleset: Ruleset,
    /// The classes of its devices.
    #[serde(default, skip_serializing_if = "Tree::is_empty")]
    pub tree: Tree,
    /// What the user-space shaper does to its packets.
    #[serde(default, skip_serializing_if = "Shaped::is_empty")]
    pub shaped: Shaped,
    /// From which the shaper's decisions come.
    #[serde(default)]
    pub seed: u64,
}

impl Plan {
    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ruleset.is_empty() && self.tree.is_empty() && self.shaped.is_empty()
    }
}

impl From<Ruleset> for Plan {
    fn from(ruleset: Ruleset) -> Self {
        Self { ruleset, ..Self::default() }
    }
}

/// What plans depend on beside the matrix, and remember from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// What can shape links here.
    pub means: Means,
    /// From which the shaper's and netem's decisions come.
    pub seed: u64,
    ids: Vec<ClassIds>,
    sides: Sides,
    standing: Vec<Standing>,
}

/// The hooks at which a node that has been shaped has base chains, from then on for good. The kernel drops all packets
/// of a namespace that it holds for user space when one of them goes.
type Standing = BTreeSet<Hook>;

/// Keeps these.
fn keep(standing: &mut Standing, plan: &mut Plan) {
    if plan.shaped.is_empty() && standing.is_empty() {
        return;
    }
    standing.extend(plan.ruleset.hooks());
    plan.ruleset.standing.clone_from(standing);
}

/// Through which class a link's packets of one kind leave, and in which map that stands.
type Sides = BTreeMap<(usize, usize, Filter), (ClassId, Side)>;

impl Planner {
    /// With these means and this seed.
    #[must_use]
    pub fn new(means: Means, seed: u64) -> Self {
        Self { means, seed, ..Self::default() }
    }

    /// The plan of every node, `nodes` being their interfaces in the matrix's order of nodes: the receiver refuses, in
    /// prerouting; towards the world the sender does, at egress, or in output where it answers. Where links are impaired,
    /// [`Means`] says.
    ///
    /// # Errors
    /// What this machine lacks to impair one of the links. Nothing is remembered then.
    pub fn plans(&mut self, matrix: &Matrix, nodes: &[Interfaces]) -> Result<Vec<Plan>> {
        let mut draft = Draft { matrix, nodes, plans: vec![Plan::default(); nodes.len()], keys: Vec::new() };
        for ((source, target), cell) in matrix.cells() {
            draft.refuse(source, target, cell);
            draft.impair(source, target, self.means.way(cell, Ends::of(matrix, source, target))?);
        }
        self.ids.resize_with(nodes.len(), ClassIds::default);
        let mut plans = draft.finish(&mut self.ids, &mut self.sides, self.seed);
        self.standing.resize_with(nodes.len(), Standing::default);
        for ((standing, plan), node) in self.standing.iter_mut().zip(&mut plans).zip(nodes) {
            keep(standing, plan);
            if plan.ruleset.asks_for_devices() {
                plan.ruleset.devices = node.devices.iter().cloned().collect();
            }
        }
        Ok(plans)
    }
}

/// A link's packets of one kind, and what they meet in a class.
struct Sorted {
    source: usize,
    target: usize,
    filter: Filter,
    impairment: Impairment,
}

struct Draft<'a> {
    matrix: &'a Matrix,
    nodes: &'a [Interfaces],
    plans: Vec<Plan>,
    keys: Vec<Sorted>,
}

impl Draft<'_> {
    fn refuse(&mut self, source: usize, target: usize, cell: &Cell) {
        for (filter, effect) in cell {
            match effect.cut {
                Cut::Open => {}
                Cut::Drop if target == self.matrix.world() => self.leaving(source, *filter, Leaving::Drop),
                Cut::Reject if target == self.matrix.world() => self.leaving(source, *filter, Leaving::Reject),
                Cut::Drop => self.arriving(source, target, *filter, Treatment::Drop),
                Cut::Reject => self.arriving(source, target, *filter, Treatment::Reject),
            }
        }
    }

    fn impair(&mut self, source: usize, target: usize, way: Way) {
        for (filter, loss) in &way.chances {
            let share = Billionths::of(*loss);
            if target == self.matrix.world() {
                self.leaving(source, *filter, Leaving::Lose(share));
            } else {
                self.arriving(source, target, *filter, Treatment::Lose(share));
            }
        }
        self.shape(source, target, &way);
        let sorted = way.classes.into_iter().map(|(filter, impairment)| Sorted { source, target, filter, impairment });
        self.keys.extend(sorted);
    }

    /// One rule hands a link's packets to the shaper, which knows the filters: two would hand some over twice.
    fn shape(&mut self, source: usize, target: usize, way: &Way) {
        let Some(first) = way.shaped.keys().next() else { return };
        let filter = if way.shaped.len() == 1 { *first } else { Filter::ANY };
        let world = self.matrix.world();
        let is_from_world = source == world;
        let link = ShapedLink {
            name: format!("{} → {}", self.matrix.name(source), self.matrix.name(target)),
            sources: (!is_from_world && target != world).then(|| addresses(&self.nodes[source..=source])),
            effects: way.shaped.iter().map(|(filter, impairment)| (*filter, impairment.clone())).collect(),
        };
        if target == world {
            self.plans[source].shaped.leaving = Some(link);
            self.leaving(source, filter, Leaving::Queue);
        } else {
            let lane = if way.shaped.values().all(may_stay_whole) { Lane::Whole } else { Lane::Single };
            self.plans[target].shaped.arriving.push(link);
            self.arriving(source, target, filter, Treatment::Queue(lane));
        }
    }

    fn leaving(&mut self, source: usize, filter: Filter, leaving: Leaving) {
        self.plans[source].ruleset.world.to_world.insert((filter, leaving));
    }

    fn arriving(&mut self, source: usize, target: usize, filter: Filter, treatment: Treatment) {
        let ruleset = &mut self.plans[target].ruleset;
        if source == self.matrix.world() {
            ruleset.world.from_world.insert((filter, treatment));
        } else {
            let addresses = self.nodes[source].addresses.iter().copied();
            ruleset.treated.entry((filter, treatment)).or_default().extend(addresses);
        }
    }

    /// Numbers the classes, which takes all of a node's at once.
    fn finish(mut self, ids: &mut [ClassIds], sides: &mut Sides, seed: u64) -> Vec<Plan> {
        let former = std::mem::take(sides);
        let sorted = std::mem::take(&mut self.keys);
        for (node, ids) in ids.iter_mut().enumerate() {
            let own: Vec<&Sorted> = sorted.iter().filter(|sorted| sorted.source == node).collect();
            let had = |sorted: &Sorted| former.get(&sorted.place()).map(|(id, _)| *id);
            let is_impaired = |target| self.matrix.cell(node, target).is_some_and(is_impaired);
            let numbers = ids.of(own.iter().map(|sorted| (sorted.key(), had(sorted))).collect(), is_impaired);
            for (sorted, id) in own.into_iter().zip(numbers) {
                let side = match former.get(&sorted.place()) {
                    None => Side::One,
                    Some((former, side)) if *former == id => *side,
                    Some((_, side)) => side.other(),
                };
                sides.insert(sorted.place(), (id, side));
                self.class(sorted, (id, side), seed);
            }
        }
        for plan in &mut self.plans {
            plan.seed = seed;
            if !plan.ruleset.world.is_empty() {
                plan.ruleset.nodes = addresses(self.nodes);
            }
        }
        self.plans
    }

    fn class(&mut self, sorted: &Sorted, (id, side): (ClassId, Side), seed: u64) {
        let label = format!("{} class {id}", self.matrix.name(sorted.source));
        let class = Class { impairment: sorted.impairment.clone(), seed: Stream::root(seed).split(&label).bits() };
        self.plans[sorted.source].tree.classes.insert(id, class);
        if sorted.target == self.matrix.world() {
            self.leaving(sorted.source, sorted.filter, Leaving::Class(id));
        } else {
            let reached = self.nodes[sorted.target].addresses.iter().map(|address| (*address, id));
            self.plans[sorted.source].ruleset.classed.entry((sorted.filter, side)).or_default().extend(reached);
        }
    }
}

impl Sorted {
    fn place(&self) -> (usize, usize, Filter) {
        (self.source, self.target, self.filter)
    }

    fn key(&self) -> Key {
        let link = self.impairment.rate_bits.map(|_| self.target);
        Key { impairment: self.impairment.clone(), link }
    }
}

fn is_impaired(cell: &Cell) -> bool {
    cell.values().any(|effect| !effect.impairment.is_none())
}

/// Whether large packets may stay whole: nothing is decided for each packet that a wire would carry.
fn may_stay_whole(impairment: &Impairment) -> bool {
    let only_holds = Impairment {
        delay_us: impairment.delay_us,
        jitter: impairment.jitter.clone(),
        rate_bits: impairment.rate_bits,
        ..Impairment::NONE
    };
    only_holds == *impairment
}

fn addresses(nodes: &[Interfaces]) -> Addresses {
    let mut all = Addresses::default();
    all.extend(nodes.iter().flat_map(|node| &node.addresses).copied());
    all
}

#[cfg(test)]
mod tests {
    use super::super::interpret::{DEVICES, PORTS, Packet, filter, meets};
    use super::super::table::{TableFamily, Verdict};
    use super::*;
    use crate::fault::{Fault, Filter, LinkSet, Member, Party, Proto};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use std::net::IpAddr;

    const NODES: [&str; 3] = ["n0", "n1", "n2"];

    fn nodes() -> Vec<Interfaces> {
        let all = [&["10.0.0.2", "fd00::2", "fe80::2"][..], &["10.0.0.3", "fd00::3"], &["10.0.0.4"]];
        let addresses = all.map(|some| some.iter().map(|text| text.parse().unwrap()).collect());
        addresses.map(|addresses| Interfaces { addresses, devices: DEVICES.map(String::from).into() }).into()
    }

    fn party() -> impl Strategy<Value = Party> {
        select(["n0", "n1", "n2", "world"].map(|name| Party::from(name.to_owned())).to_vec())
    }

    fn links() -> impl Strategy<Value = LinkSet> {
        (vec(party(), 1..3), vec(party(), 1..3), filter())
            .prop_map(|(sources, targets, filter)| LinkSet { filter, ..LinkSet::new(&sources, &targets) })
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let names =
            || subsequence(NODES.to_vec(), 1..3).prop_map(|names| names.into_iter().map(String::from).collect());
        prop_oneof![
            vec(names(), 1..3).prop_map(|groups| Fault::Partition { groups }),
            names().prop_map(|nodes| Fault::Isolate { nodes }),
            (vec(party(), 1..2), vec(party(), 1..2)).prop_map(|(source, target)| Fault::OneWay { source, target }),
            links().prop_map(|links| Fault::Block { links }),
            links().prop_map(|links| Fault::Reject { links }),
        ]
    }

    /// The same, and impairments.
    fn any_fault() -> impl Strategy<Value = Fault> {
        let some = [
            Impairment { delay_us: 5_000, ..Impairment::NONE },
            Impairment { loss: 0.1, ..Impairment::NONE },
            Impairment { rate_bits: Some(1_000_000), ..Impairment::NONE },
        ];
        let degrade = (links(), select(some.to_vec())).prop_map(|(links, impairment)| Fault::Degrade {
            verb: "degrade".to_owned(),
            links,
            impairment,
        });
        prop_oneof![fault(), degrade]
    }

    fn fold(faults: &[Fault]) -> Matrix {
        Matrix::fold(&NODES.map(|name| Member { name: name.into(), ..Member::default() }), faults)
    }

    /// Packets with at most one port that a filter asks for, and how a filter sees them.
    fn packets(hook: TableFamily, party: IpAddr) -> impl Iterator<Item = (Packet, Filter)> {
        let icmp = std::iter::once((Proto::Icmp, [0, 0], None));
        let both = |port| [[port, 1], [1, port]].map(|ports| (ports, Some(port)));
        let ports = PORTS.into_iter().flat_map(both).chain([([1, 2], None)]);
        let with_ports = ports.flat_map(|(ports, port)| [Proto::Tcp, Proto::Udp].map(|proto| (proto, ports, port)));
        icmp.chain(with_ports).flat_map(move |(proto, ports, port)| {
            let packet = Packet::new(hook, party, proto, ports);
            let seen = Filter { proto: Some(proto), port, family: Some(packet.family()) };
            packet.and_as_answer().map(move |packet| (packet, seen))
        })
    }

    fn wanted(cut: Cut, packet: Packet) -> Option<Verdict> {
        match cut {
            Cut::Open => None,
            // Two that reject each other hear of it.
            Cut::Reject if packet.answers => None,
            Cut::Reject if packet.proto == Proto::Tcp => Some(Verdict::ResetTcp),
            Cut::Reject => Some(Verdict::PortUnreachable),
            Cut::Drop => Some(Verdict::Drop),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn the_rulesets_refuse_exactly_what_the_matrix_says(faults in vec(fault(), 0..4)) {
            let matrix = fold(&faults);
            let plans = Planner::new(Means::ALL, 0).plans(&matrix, &nodes()).unwrap();
            let rulesets: Vec<Ruleset> = plans.into_iter().map(|plan| plan.ruleset).collect();
            let mut parties: Vec<Vec<IpAddr>> = nodes().into_iter().map(|node| node.addresses).collect();
            parties.push(["10.0.0.1", "192.0.2.1", "fd00::1"].map(|text| text.parse().unwrap()).into());
            for (target, ruleset) in rulesets.iter().enumerate() {
                let tables = ruleset.tables();
                prop_assert_eq!(tables.is_empty(), ruleset.is_empty() || !ruleset.selects_anything());
                for (source, addresses) in parties.iter().enumerate().filter(|(source, _)| *source != target) {
                    for (packet, seen) in addresses.iter().flat_map(|address| packets(TableFamily::Inet, *address)) {
                        let cut = matrix.effect(source, target, seen).cut;
                        prop_assert_eq!(meets(&tables, packet), wanted(cut, packet), "{:?}", packet);
                    }
                    for (packet, seen) in addresses.iter().flat_map(|address| packets(TableFamily::Netdev, *address)) {
                        let cut = if source == matrix.world() { matrix.effect(target, source, seen).cut } else { Cut::Open };
                        for packet in DEVICES.map(|device| Packet { device, ..packet }) {
                            prop_assert_eq!(meets(&tables, packet), wanted(cut, packet), "{:?}", packet);
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn where_something_may_be_held_no_hook_goes_and_there_are_few(steps in vec(vec(any_fault(), 0..4), 1..8)) {
            let means = Means { no_netem: Some("none".to_owned()), ..Means::ALL };
            let mut planner = Planner::new(means, 0);
            let mut stood = vec![BTreeSet::new(); NODES.len()];
            for faults in steps {
                for (plan, stood) in planner.plans(&fold(&faults), &nodes()).unwrap().into_iter().zip(&mut stood) {
                    let tables = plan.ruleset.tables();
                    let chains = tables.values().flat_map(|table| &table.chains);
                    let hooked: BTreeSet<String> =
                        chains.filter(|(_, chain)| chain.base.is_some()).map(|(name, _)| name.clone()).collect();
                    prop_assert!(hooked.is_superset(stood) && hooked.len() <= 5 + DEVICES.len(), "{stood:?} {hooked:?}");
                    if !plan.shaped.is_empty() || !stood.is_empty() {
                        *stood = hooked;
                    }
                }
            }
        }
    }

    #[test]
    fn a_bandwidth_changes_in_its_class_and_all_else_in_another_one() {
        let degrade = |target: &str, impairment| Fault::Degrade {
            verb: "degrade".to_owned(),
            links: LinkSet::new(&[Party::from("n0".to_owned())], &[Party::from(target.to_owned())]),
            impairment,
        };
        let rate = |bits| Impairment { rate_bits: Some(bits), ..Impairment::NONE };
        let mut planner = Planner::new(Means::ALL, 0);
        let mut plan = |faults: &[Fault]| planner.plans(&fold(faults), &nodes()).unwrap().remove(0);
        let class = |plan: &Plan, id| plan.tree.classes[&id].impairment.clone();
        let first = plan(&[degrade("n1", rate(8_000)), degrade("n2", rate(8_000))]);
        let then = plan(&[degrade("n1", rate(8_000)), degrade("n1", rate(9_000)), degrade("n2", rate(7_000))]);
        assert_eq!(first.ruleset, then.ruleset);
        assert_eq!((class(&then, 1), class(&then, 2)), (rate(8_000), rate(7_000)));
        // Each has what the other had.
        let crossed = plan(&[degrade("n1", rate(7_000)), degrade("n2", rate(8_000))]);
        assert_eq!((class(&crossed, 1), class(&crossed, 2)), (rate(7_000), rate(8_000)));
        let slow = Impairment { delay_us: 1_000, ..rate(7_000) };
        let other = plan(&[degrade("n1", slow.clone()), degrade("n2", rate(8_000))]);
        assert_eq!(other.tree.classes.keys().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(class(&other, 3), slow);
    }

    #[test]
    fn a_link_finds_its_class_again_unless_it_was_whole_meanwhile() {
        let throttle = |filter| Fault::Degrade {
            verb: "throttle".to_owned(),
            links: LinkSet { filter, ..LinkSet::new(&[Party::from("n0".to_owned())], &[Party::from("n1".to_owned())]) },
            impairment: Impairment { rate_bits: Some(8_000), ..Impairment::NONE },
        };
        let web = Filter { port: Some(80), ..Filter::ANY };
        let mut planner = Planner::new(Means::ALL, 0);
        let mut classes = |faults: &[Fault]| {
            let plan = planner.plans(&fold(faults), &nodes()).unwrap().remove(0);
            plan.tree.classes.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(classes(&[throttle(Filter::ANY)]), [1]);
        // Two kinds share a bandwidth: that is the shaper's.
        assert_eq!(classes(&[throttle(Filter::ANY), throttle(web)]), [0; 0]);
        assert_eq!(classes(&[throttle(Filter::ANY)]), [1]);
        assert_eq!(classes(&[]), [0; 0]);
        assert_eq!(classes(&[throttle(Filter::ANY)]), [2]);
    }

    impl Ruleset {
        /// ICMP with a port does not exist, so a filter that asks for it needs no rule.
        fn selects_anything(&self) -> bool {
            let arriving = self.treated.keys().chain(&self.world.from_world).map(|(filter, _)| filter);
            let mut all = arriving.chain(self.world.to_world.iter().map(|(filter, _)| filter));
            all.any(|filter| filter.proto != Some(Proto::Icmp) || filter.port.is_none())
        }
    }
}
