//! The fold: from the set of active faults to the effect on every directed link.

use super::{Fault, Filter, Impairment, LinkSet, Party};
use std::collections::{BTreeMap, BTreeSet};

/// What the fold must know of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Never in a partition: sees every node.
    pub neutral: bool,
    /// Never touched by any network fault.
    pub holy: bool,
}

impl From<&crate::cluster::Node> for Member {
    fn from(node: &crate::cluster::Node) -> Self {
        Self { name: node.name.clone(), neutral: node.neutral, holy: node.holy }
    }
}

/// How a link refuses packets. Ordered: the later wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cut {
    /// It does not.
    #[default]
    Open,
    /// It answers with ICMP unreachable or a TCP reset.
    Reject,
    /// Silence.
    Drop,
}

/// What a link does to the packets that a filter selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Whether they are refused.
    pub cut: Cut,
    /// What happens to those that are not.
    pub impairment: Impairment,
}

/// All that happens on one directed link: an effect for each filter. Empty: the link is whole.
pub type Cell = BTreeMap<Filter, Effect>;

/// The effect on every directed link of a cluster, the world included as the last row and column.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    names: Vec<String>,
    /// Row-major: `cells[source * size + target]`; absent cells are whole links.
    cells: BTreeMap<(usize, usize), Cell>,
}

impl Matrix {
    /// Folds the active faults. Their order does not matter. Names that are no member are ignored: the controller
    /// has refused them before.
    pub fn fold<'a>(members: &[Member], faults: impl IntoIterator<Item = &'a Fault>) -> Self {
        let mut fold = Fold { members, index: index(members), gathered: Vec::new() };
        for fault in faults {
            fold.add(fault);
        }
        Self { names: members.iter().map(|member| member.name.clone()).collect(), cells: settle(fold.gathered) }
    }

    /// The number of nodes; this index is the world's.
    #[must_use]
    pub fn world(&self) -> usize {
        self.names.len()
    }

    /// The row and column of a party, unless it is no member.
    #[must_use]
    pub fn position(&self, party: &Party) -> Option<usize> {
        match party {
            Party::World => Some(self.world()),
            Party::Node(name) => self.names.iter().position(|known| known == name),
        }
    }

    /// What a row or column is called.
    #[must_use]
    pub fn name(&self, position: usize) -> &str {
        self.names.get(position).map_or("world", String::as_str)
    }

    /// What happens on the link from `source` to `target`; `None` where it is whole.
    #[must_use]
    pub fn cell(&self, source: usize, target: usize) -> Option<&Cell> {
        self.cells.get(&(source, target))
    }

    /// Whether no fault touches any link.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.cells.is_empty()
    }

    /// The links that are not whole, by source, then target.
    pub fn cells(&self) -> impl Iterator<Item = ((usize, usize), &Cell)> {
        self.cells.iter().map(|(link, cell)| (*link, cell))
    }

    /// What meets a packet that satisfies `packet` (every filter that asks no more than the packet offers holds).
    #[must_use]
    pub fn effect(&self, source: usize, target: usize, packet: Filter) -> Effect {
        let Some(cell) = self.cell(source, target) else { return Effect::default() };
        let mut met: Vec<&Effect> =
            cell.iter().filter(|(filter, _)| filter.selects(packet)).map(|(_, effect)| effect).collect();
        met.sort_by(|a, b| a.impairment.order(&b.impairment));
        all_of(met.into_iter().map(|effect| (effect.cut, &effect.impairment)))
    }
}

impl Filter {
    /// Whether this filter selects a packet of the given protocol, port and family.
    #[must_use]
    pub fn selects(self, packet: Self) -> bool {
        fn holds<T: PartialEq>(asked: Option<T>, offered: Option<T>) -> bool {
            asked.is_none() || asked == offered
        }
        holds(self.proto, packet.proto) && holds(self.port, packet.port) && holds(self.family, packet.family)
    }
}

/// What the faults so far do to links, not yet folded.
struct Fold<'a> {
    members: &'a [Member],
    index: BTreeMap<&'a str, usize>,
    gathered: Vec<Part<'a>>,
}

/// What one fault does to one kind of packets on one link.
struct Part<'a> {
    link: (usize, usize),
    filter: Filter,
    cut: Cut,
    impairment: &'a Impairment,
}

impl Part<'_> {
    fn packets(&self) -> ((usize, usize), Filter) {
        (self.link, self.filter)
    }
}

fn index(members: &[Member]) -> BTreeMap<&str, usize> {
    members.iter().enumerate().map(|(position, member)| (member.name.as_str(), position)).collect()
}

static UNIMPAIRED: Impairment = Impairment::NONE;

impl<'a> Fold<'a> {
    fn add(&mut self, fault: &'a Fault) {
        match fault {
            Fault::Partition { groups } => self.partition(groups),
            Fault::Isolate { nodes } => self.isolate(nodes),
            Fault::OneWay { source, target } => self.links(&LinkSet::new(target, source), Cut::Drop, &UNIMPAIRED),
            Fault::Block { links } => self.links(links, Cut::Drop, &UNIMPAIRED),
            Fault::Reject { links } => self.links(links, Cut::Reject, &UNIMPAIRED),
            Fault::Degrade { links, impairment, .. } => self.links(links, Cut::Open, impairment),
            Fault::Pause { .. } | Fault::Stop { .. } | Fault::Kill { .. } => {}
        }
    }

    /// Two nodes reach each other exactly if they share a group; those in no group share one more.
    fn partition(&mut self, groups: &[Vec<String>]) {
        let mut of_node: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.members.len()];
        for (number, group) in groups.iter().enumerate() {
            for node in group.iter().filter_map(|name| self.index.get(name.as_str())) {
                of_node[*node].insert(number);
            }
        }
        for own in of_node.iter_mut().filter(|own| own.is_empty()) {
            own.insert(groups.len());
        }
        for source in 0..self.members.len() {
            for target in 0..self.members.len() {
                let neutral = self.members[source].neutral || self.members[target].neutral;
                if source != target && !neutral && of_node[source].is_disjoint(&of_node[target]) {
                    self.drop_all(source, target);
                }
            }
        }
    }

    fn isolate(&mut self, nodes: &[String]) {
        let world = self.members.len();
        let isolated: BTreeSet<usize> =
            nodes.iter().filter_map(|name| self.index.get(name.as_str()).copied()).collect();
        for &node in &isolated {
            for other in (0..=world).filter(|&other| other != node) {
                self.drop_all(node, other);
                if !isolated.contains(&other) {
                    self.drop_all(other, node);
                }
            }
        }
    }

    fn links(&mut self, links: &LinkSet, cut: Cut, impairment: &'a Impairment) {
        for (source, target) in &links.pairs {
            if let (Some(source), Some(target)) = (self.position(source), self.position(target)) {
                self.part(Part { link: (source, target), filter: links.filter, cut, impairment });
            }
        }
    }

    fn drop_all(&mut self, source: usize, target: usize) {
        let (link, filter) = ((source, target), Filter::ANY);
        self.part(Part { link, filter, cut: Cut::Drop, impairment: &UNIMPAIRED });
    }

    fn position(&self, party: &Party) -> Option<usize> {
        match party {
            Party::World => Some(self.members.len()),
            Party::Node(name) => self.index.get(name.as_str()).copied(),
        }
    }

    fn part(&mut self, part: Part<'a>) {
        let holy = |end: usize| self.members.get(end).is_some_and(|member| member.holy);
        if !holy(part.link.0) && !holy(part.link.1) {
            self.gathered.push(part);
        }
    }
}

/// Folds what meets the same packets. Sorted first, because products of floating-point numbers depend on their order in
/// the last bit and the fold must not.
fn settle(mut parts: Vec<Part>) -> BTreeMap<(usize, usize), Cell> {
    parts.sort_by(|a, b| a.packets().cmp(&b.packets()).then_with(|| a.impairment.order(b.impairment)));
    let mut cells: BTreeMap<_, Cell> = BTreeMap::new();
    for met in parts.chunk_by(|a, b| a.packets() == b.packets()) {
        let (link, filter) = met[0].packets();
        let effect = all_of(met.iter().map(|part| (part.cut, part.impairment)));
        cells.entry(link).or_default().insert(filter, effect);
    }
    cells
}

/// A drop wins over a reject, a reject over an open link; impairments combine.
fn all_of<'a>(met: impl Iterator<Item = (Cut, &'a Impairment)>) -> Effect {
    met.fold(Effect::default(), |sum, (cut, impairment)| Effect {
        cut: sum.cut.max(cut),
        impairment: sum.impairment.and(impairment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NODES: usize = 5;

    fn members() -> Vec<Member> {
        (0..NODES).map(|n| Member { name: format!("n{n}"), ..Member::default() }).collect()
    }

    fn name() -> impl Strategy<Value = String> {
        (0..NODES).prop_map(|n| format!("n{n}"))
    }

    fn party() -> impl Strategy<Value = Party> {
        prop_oneof![8 => name().prop_map(Party::Node), 1 => Just(Party::World)]
    }

    fn names() -> impl Strategy<Value = Vec<String>> {
        prop::collection::btree_set(name(), 1..NODES).prop_map(|set| set.into_iter().collect())
    }

    fn parties() -> impl Strategy<Value = Vec<Party>> {
        prop::collection::btree_set(party(), 1..NODES).prop_map(|set| set.into_iter().collect())
    }

    fn groups() -> impl Strategy<Value = Vec<Vec<String>>> {
        prop::collection::vec(names(), 1..4)
    }

    fn filter() -> impl Strategy<Value = Filter> {
        prop_oneof![
            Just(Filter::ANY),
            Just(Filter { port: Some(6379), ..Filter::ANY }),
            Just(Filter { family: Some(crate::fault::Family::Ipv6), ..Filter::ANY }),
        ]
    }

    fn links() -> impl Strategy<Value = LinkSet> {
        (parties(), parties(), filter()).prop_map(|(a, b, filter)| LinkSet { filter, ..LinkSet::new(&a, &b) })
    }

    fn impairment() -> impl Strategy<Value = Impairment> {
        (0..1_000_000_u64, 0.0..1.0_f64, prop::option::of(1..1_000_000_u64))
            .prop_map(|(delay_us, loss, rate_bits)| Impairment { delay_us, loss, rate_bits, ..Impairment::default() })
    }

    fn fault() -> impl Strategy<Value = Fault> {
        prop_oneof![
            groups().prop_map(|groups| Fault::Partition { groups }),
            names().prop_map(|nodes| Fault::Isolate { nodes }),
            (parties(), parties()).prop_map(|(source, target)| Fault::OneWay { source, target }),
            links().prop_map(|links| Fault::Block { links }),
            links().prop_map(|links| Fault::Reject { links }),
            (links(), impairment()).prop_map(|(links, impairment)| Fault::Degrade {
                verb: "degrade".into(),
                links,
                impairment
            }),
            names().prop_map(|nodes| Fault::Pause { nodes }),
        ]
    }

    fn dropped(matrix: &Matrix, source: usize, target: usize) -> bool {
        matrix.effect(source, target, Filter::ANY).cut == Cut::Drop
    }

    proptest! {
        #[test]
        fn the_matrix_does_not_depend_on_the_order_of_faults(
            (faults, shuffled) in prop::collection::vec(fault(), 0..8).prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle()))
        ) {
            prop_assert_eq!(Matrix::fold(&members(), &faults), Matrix::fold(&members(), &shuffled));
        }

        #[test]
        fn healing_one_leaves_what_the_rest_alone_would_do(faults in prop::collection::vec(fault(), 1..8), healed in any::<prop::sample::Index>()) {
            let mut active: Vec<(usize, Fault)> = faults.iter().cloned().enumerate().collect();
            let gone = healed.index(faults.len());
            active.retain(|(id, _)| *id != gone);
            let rest: Vec<Fault> = faults.iter().enumerate().filter(|(id, _)| *id != gone).map(|(_, f)| f.clone()).collect();
            prop_assert_eq!(Matrix::fold(&members(), active.iter().map(|(_, f)| f)), Matrix::fold(&members(), &rest));
        }

        #[test]
        fn healing_in_any_order_ends_at_the_empty_matrix(faults in prop::collection::vec(fault(), 1..6).prop_shuffle()) {
            let mut active = faults;
            while active.pop().is_some() {}
            prop_assert!(Matrix::fold(&members(), &active).is_whole());
        }

        #[test]
        fn overlapping_groups_reach_exactly_within_common_groups(groups in groups()) {
            let matrix = Matrix::fold(&members(), [&Fault::Partition { groups: groups.clone() }]);
            let of = |n: usize| -> Vec<usize> {
                let own: Vec<usize> = groups.iter().enumerate().filter(|(_, g)| g.contains(&format!("n{n}"))).map(|(i, _)| i).collect();
                if own.is_empty() { vec![usize::MAX] } else { own }
            };
            for a in 0..NODES {
                for b in (0..NODES).filter(|&b| b != a) {
                    let common = of(a).iter().any(|group| of(b).contains(group));
                    prop_assert_eq!(dropped(&matrix, a, b), !common, "n{} → n{}", a, b);
                }
            }
        }

        #[test]
        fn symmetric_faults_give_symmetric_matrices(faults in prop::collection::vec(prop_oneof![
            groups().prop_map(|groups| Fault::Partition { groups }),
            names().prop_map(|nodes| Fault::Isolate { nodes }),
            (parties(), parties()).prop_map(|(a, b)| Fault::Block { links: LinkSet::new(&a, &b).union(LinkSet::new(&b, &a)) }),
        ], 0..5)) {
            let matrix = Matrix::fold(&members(), &faults);
            for a in 0..=NODES {
                for b in 0..=NODES {
                    prop_assert_eq!(matrix.cell(a, b), matrix.cell(b, a));
                }
            }
        }

        #[test]
        fn one_way_cuts_exactly_the_way_back(source in name(), target in name()) {
            prop_assume!(source != target);
            let fault = Fault::OneWay { source: vec![Party::Node(source.clone())], target: vec![Party::Node(target.clone())] };
            let matrix = Matrix::fold(&members(), [&fault]);
            let at = |name: &str| matrix.position(&Party::Node(name.into())).unwrap();
            prop_assert!(dropped(&matrix, at(&target), at(&source)));
            prop_assert_eq!(matrix.cells().count(), 1);
        }
    }

    #[test]
    fn a_drop_wins_delays_add_losses_combine_and_the_lowest_rate_wins() {
        let link = || LinkSet::new(&[Party::Node("n0".into())], &[Party::Node("n1".into())]);
        let degrade = |delay_us, loss, rate| Fault::Degrade {
            verb: "degrade".into(),
            links: link(),
            impairment: Impairment { delay_us, loss, rate_bits: Some(rate), ..Impairment::default() },
        };
        let faults = [
            degrade(1_000, 0.5, 7),
            degrade(2_000, 0.5, 5),
            Fault::Reject { links: link() },
            Fault::Block { links: link() },
        ];
        let effect = Matrix::fold(&members(), &faults).effect(0, 1, Filter::ANY);
        assert_eq!(effect.cut, Cut::Drop);
        assert_eq!(
            effect.impairment,
            Impairment { delay_us: 3_000, loss: 0.75, rate_bits: Some(5), ..Impairment::default() }
        );
    }

    #[test]
    fn what_one_fault_alone_asks_for_keeps_its_last_digit_whatever_stands_beside_it() {
        let link = || LinkSet::new(&[Party::Node("n0".into())], &[Party::Node("n1".into())]);
        let degrade = |verb: &str, impairment| Fault::Degrade { verb: verb.into(), links: link(), impairment };
        let flaky = || degrade("flaky", Impairment { loss: 0.1, ..Impairment::default() });
        let slow = || degrade("slow", Impairment { delay_us: 50_000, ..Impairment::default() });
        for faults in [[flaky(), slow()], [slow(), flaky()]] {
            let effect = Matrix::fold(&members(), &faults).effect(0, 1, Filter::ANY);
            assert_eq!(effect.impairment, Impairment { loss: 0.1, delay_us: 50_000, ..Impairment::default() });
        }
    }

    #[test]
    fn neutral_nodes_see_everyone_in_a_partition_and_holy_ones_are_never_touched() {
        let mut members = members();
        members[1].neutral = true;
        members[2].holy = true;
        let groups = vec![vec!["n0".to_owned()], vec!["n3".to_owned(), "n4".to_owned()]];
        let isolate_all = Fault::Isolate { nodes: (0..NODES).map(|n| format!("n{n}")).collect() };
        let partitioned = Matrix::fold(&members, [&Fault::Partition { groups }]);
        assert!(dropped(&partitioned, 0, 3) && !dropped(&partitioned, 0, 1) && !dropped(&partitioned, 1, 3));
        let isolated = Matrix::fold(&members, [&isolate_all]);
        assert!(
            dropped(&isolated, 0, 1)
                && (0..=NODES).all(|n| isolated.cell(2, n).is_none() && isolated.cell(n, 2).is_none())
        );
    }

    #[test]
    fn isolation_cuts_the_world_too_and_a_partition_does_not() {
        let isolated = Matrix::fold(&members(), [&Fault::Isolate { nodes: vec!["n0".into()] }]);
        assert!(dropped(&isolated, 0, NODES) && dropped(&isolated, NODES, 0));
        let partitioned = Matrix::fold(&members(), [&Fault::Partition { groups: vec![vec!["n0".into()]] }]);
        assert!(partitioned.cell(0, NODES).is_none());
    }
}
