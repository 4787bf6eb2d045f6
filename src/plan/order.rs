//! In which order many nodes change, where a link's impairment moves from one of its ends to the other: from the
//! sender's classes to the receiver's chances and queue, or back.
//!
//! Within one node [`diff`] leaves no gap. Between two, the end that begins must have begun before the other ends; and
//! where that is the sender, whatever it sent before must have arrived. A fault that joins moves links to their
//! receivers, one that heals moves some back; nothing does both. Pure.

use super::diff::{Transaction, diff};
use super::{Ruleset, Shaped, Treatment, Tree};
use crate::fault::{Filter, Impairment};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What one node holds, or is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// Its rules.
    pub ruleset: &'a Ruleset,
    /// Its classes.
    pub tree: &'a Tree,
    /// What is done to its packets in user space.
    pub shaped: &'a Shaped,
}

/// Which end of links changes first, at all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing moves.
    Together,
    /// What arrives meets what it is to meet, then senders let go.
    ReceiversFirst,
    /// What leaves meets what it is to meet; when all that left before has arrived, receivers let go.
    SendersFirst,
}

/// The transactions of one step of [`diff`].
const IN_ONE: usize = 2;

impl Order {
    /// Of nodes that change from the one to the other.
    pub fn of<'a>(changes: impl IntoIterator<Item = (Holding<'a>, Holding<'a>)>) -> Self {
        let (mut at_senders, mut at_receivers) = (Moves::default(), Moves::default());
        for (old, new) in changes {
            if old.ruleset.classed != new.ruleset.classed || old.tree != new.tree {
                let (old, new) = (sorted(old), sorted(new));
                let lacks = |one: &Sorted<'_>, other: &Sorted<'_>| other.iter().any(|(k, v)| one.get(k) != Some(v));
                at_senders.note(lacks(&old, &new), lacks(&new, &old));
            }
            if old.ruleset.treated != new.ruleset.treated || old.shaped != new.shaped {
                let (sources, then) = (lossy(old), lossy(new));
                at_receivers.note(!then.is_subset(&sources), !sources.is_subset(&then));
                let (links, then) = (narrow(old), narrow(new));
                at_receivers.note(!then.is_subset(&links), !links.is_subset(&then));
            }
        }
        if at_senders.lost && at_receivers.gained {
            Self::ReceiversFirst
        } else if at_senders.gained && at_receivers.lost {
            Self::SendersFirst
        } else {
            Self::Together
        }
    }

    /// The transactions that lead a node from one ruleset to the other. In an order, every node has as many: each waits
    /// for all others.
    #[must_use]
    pub fn way(self, old: &Ruleset, new: &Ruleset) -> Vec<Transaction> {
        let between = match self {
            Self::Together => return diff(old, new),
            Self::ReceiversFirst => Ruleset { classed: old.classed.clone(), ..new.clone() },
            Self::SendersFirst => Ruleset { treated: old.treated.clone(), ..new.clone() },
        };
        let mut way = diff(old, &between);
        way.resize(IN_ONE, Transaction::default());
        way.extend(diff(&between, new));
        way.resize(2 * IN_ONE, Transaction::default());
        way[IN_ONE].after_grace |= self == Self::SendersFirst;
        way
    }
}

/// Whether something begins somewhere, and whether something ends.
#[derive(Default)]
struct Moves {
    gained: bool,
    lost: bool,
}

impl Moves {
    fn note(&mut self, gained: bool, lost: bool) {
        self.gained |= gained;
        self.lost |= lost;
    }
}

/// What packets meet on leaving, by their filter and by whom they are for.
type Sorted<'a> = BTreeMap<(Filter, IpAddr), Option<&'a Impairment>>;

fn sorted(holding: Holding<'_>) -> Sorted<'_> {
    let impairment = |class| holding.tree.classes.get(class).map(|class| &class.impairment);
    let maps = holding.ruleset.classed.iter();
    maps.flat_map(|((filter, _), map)| map.iter().map(|(to, class)| ((*filter, *to), impairment(class)))).collect()
}

/// Whose packets are impaired on arrival.
fn lossy(holding: Holding<'_>) -> BTreeSet<IpAddr> {
    let impairs = |treatment: &Treatment| matches!(treatment, Treatment::Lose(_) | Treatment::Queue(_));
    let treated = holding.ruleset.treated.iter().filter(|((_, treatment), _)| impairs(treatment));
    treated.flat_map(|(_, sources)| sources.iter()).collect()
}

/// Which links have a bandwidth on arrival.
fn narrow(holding: Holding<'_>) -> BTreeSet<&str> {
    let links = holding.shaped.arriving.iter().filter(|link| link.has_rate());
    links.map(|link| link.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::interpret::{Packet, apply, met};
    use super::super::table::{TableFamily, Tables};
    use super::super::{Interfaces, Means, Plan, Planner};
    use super::*;
    use crate::fault::{Chance, Fault, LinkSet, Matrix, Member, Party, Proto};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    const NODES: [&str; 3] = ["n0", "n1", "n2"];

    fn address(node: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, node as u8 + 2])
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let some = vec![
            Impairment { delay_us: 5_000, ..Impairment::NONE },
            Impairment { loss: 0.1, ..Impairment::NONE },
            Impairment { rate_bits: Some(1_000_000), ..Impairment::NONE },
            Impairment { rate_bits: Some(2_000_000), ..Impairment::NONE },
            Impairment { duplicate: Chance::independent(0.1), ..Impairment::NONE },
            Impairment { delay_us: 5_000, loss: 0.1, rate_bits: Some(1_000_000), ..Impairment::NONE },
        ];
        let filters = [Filter::ANY, Filter::ANY, Filter { proto: Some(Proto::Tcp), port: Some(80), family: None }];
        let parties = || vec(select(NODES.map(|name| Party::from(name.to_owned())).to_vec()), 1..3);
        (parties(), parties(), select(filters.to_vec()), select(some)).prop_map(|(from, to, filter, impairment)| {
            let links = LinkSet { filter, ..LinkSet::new(&from, &to) };
            Fault::Degrade { verb: "degrade".to_owned(), links, impairment }
        })
    }

    /// A cluster on its way.
    struct Way {
        tables: Vec<Tables>,
        shaped: Vec<Shaped>,
        trees: Vec<Tree>,
    }

    /// What a packet has met at its sender: an impairment at all, a bandwidth.
    type Had = [bool; 2];

    fn had(impairment: Option<Impairment>) -> Had {
        let impairment = impairment.unwrap_or_default();
        [!impairment.is_none(), impairment.rate_bits.is_some()]
    }

    fn either(one: Had, other: Had) -> Had {
        [one[0] || other[0], one[1] || other[1]]
    }

    impl Way {
        fn leaving(&self, source: usize, target: usize, ports: [u16; 2]) -> Had {
            let packet = Packet::new(TableFamily::Netdev, address(target), Proto::Tcp, ports);
            let class = met(&self.tables[source], packet).class;
            had(class.map(|class| self.trees[source].classes[&class].impairment.clone()))
        }

        fn arriving(&self, source: usize, target: usize, ports: [u16; 2]) -> Had {
            let packet = Packet::new(TableFamily::Inet, address(source), Proto::Tcp, ports);
            let met = met(&self.tables[target], packet);
            let name = format!("{} → {}", NODES[source], NODES[target]);
            let mut links = self.shaped[target].arriving.iter().filter(|_| !met.queues.is_empty());
            let selects = |filter: Filter| filter == Filter::ANY || ports.contains(&80);
            let shaped = had(links.find(|link| link.name == name).map(|link| link.effect(selects)));
            either([!met.chances.is_empty(), false], shaped)
        }

        fn step(&mut self, node: usize, transaction: &Transaction) {
            apply(&mut self.tables[node], transaction);
        }

        fn copy(&self) -> Self {
            Self { tables: self.tables.clone(), shaped: self.shaped.clone(), trees: self.trees.clone() }
        }
    }

    fn holding(plan: &Plan) -> Holding<'_> {
        Holding { ruleset: &plan.ruleset, tree: &plan.tree, shaped: &plan.shaped }
    }

    /// All that there is from the one to the other, with how often it was waited until then: nodes change one after the
    /// other, in this order or the other way round.
    fn moments(old: &[Plan], new: &[Plan], backwards: bool) -> Vec<(usize, Way)> {
        let order = Order::of(old.iter().zip(new).map(|(old, new)| (holding(old), holding(new))));
        let ways: Vec<_> = old.iter().zip(new).map(|(old, new)| order.way(&old.ruleset, &new.ruleset)).collect();
        let trees = old.iter().zip(new).map(|(old, new)| {
            // A former class stays until it has run empty.
            let classes = new.tree.classes.clone();
            Tree { classes: old.tree.classes.clone().into_iter().chain(classes).collect() }
        });
        let shaped = old.iter().zip(new).map(|(old, new)| old.shaped.until(&new.shaped)).collect();
        let tables = old.iter().map(|plan| plan.ruleset.tables()).collect();
        let mut way = Way { tables, shaped, trees: trees.collect() };
        let (mut moments, mut waits) = (vec![(0, way.copy())], 0);
        for step in 0..ways.iter().map(Vec::len).max().unwrap_or(0) {
            let transactions = || ways.iter().enumerate().filter_map(|(node, way)| Some((node, way.get(step)?)));
            waits += usize::from(transactions().any(|(_, transaction)| transaction.after_grace));
            let mut nodes: Vec<_> = transactions().collect();
            if backwards {
                nodes.reverse();
            }
            for (node, transaction) in nodes {
                way.step(node, transaction);
                moments.push((waits, way.copy()));
            }
        }
        way.shaped = new.iter().map(|plan| plan.shaped.clone()).collect();
        moments.push((waits, way));
        moments
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn a_packet_is_impaired_at_one_end_or_the_other_whenever_it_leaves_and_arrives(
            faults in vec(fault(), 1..4), gone: Index, heals: bool, has_netem: bool, backwards: bool,
        ) {
            let no_netem = (!has_netem).then(|| "none".to_owned());
            let mut planner = Planner::new(Means { no_netem, ..Means::ALL }, 0);
            let members = NODES.map(|name| Member { name: name.into(), ..Member::default() });
            let nodes = [0, 1, 2].map(|node| Interfaces { addresses: vec![address(node)], devices: vec![] });
            let mut plans = |faults: &[Fault]| planner.plans(&Matrix::fold(&members, faults), &nodes).unwrap();
            let mut fewer = faults.clone();
            fewer.remove(gone.index(faults.len()));
            let (old, new) = if heals { (plans(&faults), plans(&fewer)) } else { (plans(&fewer), plans(&faults)) };
            let moments = moments(&old, &new, backwards);
            for (source, target) in [(0, 1), (1, 0), (0, 2), (2, 1)] {
                for ports in [[80, 1], [1, 2]] {
                    let meets = |left: &Way, arrived: &Way| {
                        either(left.leaving(source, target, ports), arrived.arriving(source, target, ports))
                    };
                    let (first, last) = (&moments[0].1, &moments[moments.len() - 1].1);
                    let (before, after) = (meets(first, first), meets(last, last));
                    for (at, (waits, left)) in moments.iter().enumerate() {
                        for (until, arrived) in &moments[at..] {
                            // Whoever waits, waits until it has arrived.
                            let meets = meets(left, arrived);
                            let has_a_gap = (0..2).any(|what| before[what] && after[what] && !meets[what]);
                            prop_assert!(!has_a_gap || waits < until, "{source} → {target} {ports:?} at {at}: {before:?} {after:?} {meets:?}");
                        }
                    }
                }
            }
        }
    }
}
