//! By which means a link is impaired: netem and HTB at the sender, a loss by chance or the user-space shaper at the
//! receiver. What one of them does inexactly another one does.
//!
//! | | needs | where | exact for |
//! |---|---|---|---|
//! | netem | `sch_netem`, `sch_htb` | sender | one jitter without correlation, one burst model, order without correlation; no copies, no damage |
//! | class | `sch_htb` | sender | bandwidth |
//! | chance | nothing | receiver; towards the world the sender | loss without memory |
//! | shaper | `nfnetlink_queue`, `xt_NFQUEUE` or `nft_queue` | receiver; towards the world the sender | everything |
//!
//! From the world there is no sender of ours: bandwidth is the shaper's then. Pure.

use crate::fault::{Burst, Cell, Effect, Filter, Impairment, Matrix};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What shapes links, if one is to do it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Shaper {
    /// The kernel's netem and HTB.
    Netem,
    /// Blockade's own process, through NFQUEUE.
    Userspace,
}

/// What can shape links here, and what may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Means {
    /// Why there is no netem; none where there is.
    pub no_netem: Option<String>,
    /// Why there is no HTB.
    pub no_htb: Option<String>,
    /// Why packets cannot be lost by chance.
    pub no_chance: Option<String>,
    /// Why packets cannot be handed to user space.
    pub no_queue: Option<String>,
    /// One that is to do it alone.
    pub only: Option<Shaper>,
}

/// A means that impairs a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// A netem leaf at the sender.
    Netem,
    /// An HTB class at the sender.
    Htb,
    /// nftables' random numbers.
    Nft,
    /// The user-space shaper.
    Userspace,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Netem => "netem",
            Self::Htb => "htb",
            Self::Nft => "nft",
            Self::Userspace => "userspace",
        })
    }
}

/// Which ends of a link are nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Whether the sender is one.
    pub source: bool,
    /// Whether the receiver is one.
    pub target: bool,
}

/// How one link is impaired: each filter's impairment, divided among the means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// At the sender, sorted by the filter that asks most: all that packets meet which it selects.
    pub classes: BTreeMap<Filter, Impairment>,
    /// Losses by chance, by filter; a packet meets all that select it.
    pub chances: BTreeMap<Filter, f64>,
    /// In the user-space shaper, by filter; a packet meets all that select it.
    pub shaped: BTreeMap<Filter, Impairment>,
}

impl Way {
    /// What is used, in order.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let netem = self.classes.values().any(|class| !class.without_rate().is_none());
        let htb = self.classes.values().any(|class| class.rate_bits.is_some());
        let used = [
            (netem, Mechanism::Netem),
            (htb, Mechanism::Htb),
            (!self.chances.is_empty(), Mechanism::Nft),
            (!self.shaped.is_empty(), Mechanism::Userspace),
        ];
        used.into_iter().filter_map(|(is_used, mechanism)| is_used.then_some(mechanism)).collect()
    }
}

impl Ends {
    /// Those of the link from `source` to `target`.
    #[must_use]
    pub fn of(matrix: &Matrix, source: usize, target: usize) -> Self {
        Self { source: source != matrix.world(), target: target != matrix.world() }
    }
}

impl Means {
    /// Whether all of it is there: what a simulation has.
    pub const ALL: Self = Self { no_netem: None, no_htb: None, no_chance: None, no_queue: None, only: None };

    /// Whether every link can be impaired as this asks. Where it can, it also can where some of the faults are over.
    ///
    /// # Errors
    /// What is in the way of the first that cannot.
    pub fn suffice(&self, matrix: &Matrix) -> Result<()> {
        matrix
            .cells()
            .try_for_each(|((source, target), cell)| self.way(cell, Ends::of(matrix, source, target)).map(drop))
    }

    /// How to impair a link between these ends.
    ///
    /// # Errors
    /// What the machine lacks for it, or why what was asked for alone cannot do it.
    pub fn way(&self, cell: &Cell, ends: Ends) -> Result<Way> {
        let cell: BTreeMap<Filter, &Impairment> = impaired(cell).collect();
        if cell.is_empty() {
            return Ok(Way::default());
        }
        let has_rate = cell.values().any(|impairment| impairment.rate_bits.is_some());
        // Classes do not share a bandwidth with each other: where several kinds of packets do, it is the shaper's.
        let is_shared = has_rate && cell.len() > 1;
        let rate_in_class = has_rate && !is_shared && self.rate_in_class(ends);
        let rest = |impairment: &Impairment| {
            if rate_in_class { impairment.without_rate() } else { impairment.clone() }
        };
        let rests: Vec<(Filter, Impairment)> =
            cell.iter().map(|(filter, impairment)| (*filter, rest(impairment))).collect();
        let mut way = Way::default();
        let shared = is_shared.then(|| "packets of several kinds share a bandwidth, and classes do not".to_owned());
        let in_netem = match shared.or_else(|| self.netem_refuses(&rests, ends)) {
            None => true,
            Some(_) if self.only_chances(&rests) => {
                let lossy = rests.iter().filter(|(_, impairment)| impairment.loss > 0.0);
                way.chances = lossy.map(|(filter, impairment)| (*filter, impairment.loss)).collect();
                false
            }
            Some(refusal) => {
                let to_shape = rests.iter().filter(|(_, impairment)| !impairment.is_none());
                way.shaped = to_shape.cloned().collect();
                if !way.shaped.is_empty() {
                    self.may_queue(refusal)?;
                }
                false
            }
        };
        if in_netem || rate_in_class {
            let part = |impairment: Impairment| if in_netem { impairment } else { impairment.only_rate() };
            let regions = regions(&cell).into_iter().map(|(filter, impairment)| (filter, part(impairment)));
            way.classes = regions.filter(|(_, impairment)| !impairment.is_none()).collect();
        }
        Ok(way)
    }

    fn rate_in_class(&self, ends: Ends) -> bool {
        ends.source && self.no_htb.is_none() && self.only != Some(Shaper::Userspace)
    }

    /// Why netem cannot do it all; nothing where it can.
    fn netem_refuses(&self, rests: &[(Filter, Impairment)], ends: Ends) -> Option<String> {
        if self.only == Some(Shaper::Userspace) {
            return Some("--shaper userspace was asked for".to_owned());
        }
        if let Some(reason) = self.no_netem.as_ref().or(self.no_htb.as_ref()) {
            return Some(reason.clone());
        }
        if !ends.source {
            return Some("netem acts at the sender, and the world is none of ours".to_owned());
        }
        let ports: std::collections::BTreeSet<u16> = rests.iter().filter_map(|(filter, _)| filter.port).collect();
        if ports.len() > 1 {
            return Some(
                "packets between two of the ports that were named would meet only one of the faults".to_owned(),
            );
        }
        let all = rests.iter().fold(Impairment::NONE, |sum, (_, impairment)| sum.and(impairment));
        inexact_in_netem(&all).map(ToOwned::to_owned)
    }

    /// Whether it is loss without memory and nothing else, and that is allowed.
    fn only_chances(&self, rests: &[(Filter, Impairment)]) -> bool {
        self.no_chance.is_none()
            && self.only.is_none()
            && rests.iter().all(|(_, impairment)| Impairment { loss: 0.0, ..impairment.clone() }.is_none())
    }

    fn may_queue(&self, netem_refuses: String) -> Result<()> {
        if self.only == Some(Shaper::Netem) {
            return Err(Error::machine(format!("netem cannot do that: {netem_refuses}"))
                .help("without `--shaper netem` the user-space shaper takes what netem cannot do"));
        }
        match &self.no_queue {
            None => Ok(()),
            Some(reason) => Err(Error::machine(format!(
                "this machine cannot shape that link: {netem_refuses}; and the user-space shaper cannot: {reason}"
            ))),
        }
    }
}

/// netem holds a jitter in 31 bits of nanoseconds.
const NETEM_JITTER_US_MAX: u64 = (i32::MAX / 1_000) as u64;

/// The filters under which something happens to packets that are let through.
fn impaired(cell: &Cell) -> impl Iterator<Item = (Filter, &Impairment)> {
    let open = cell.iter().filter(|(_, effect): &(&Filter, &Effect)| !effect.impairment.is_none());
    open.map(|(filter, effect)| (*filter, &effect.impairment))
}

/// Why netem would do something else than was asked.
fn inexact_in_netem(impairment: &Impairment) -> Option<&'static str> {
    let independent = |burst: &Burst| matches!(burst, Burst::FourState { .. }) && impairment.loss > 0.0;
    if impairment.duplicate.p > 0.0 {
        // Since Linux 6.16, and in the older ones that are kept up. And what it copies it does not lose.
        Some("where it duplicates, the kernel lets no other one stand beside it")
    } else if impairment.jitter.len() > 1 {
        Some("it adds up one jitter only")
    } else if impairment.bursts.len() > 1 || impairment.bursts.iter().any(independent) {
        Some("it has one model of loss for a link")
    } else if impairment.jitter.iter().any(|jitter| jitter.us > NETEM_JITTER_US_MAX) {
        Some("its jitter ends at 2.1 s")
    } else if impairment.corrupt.p > 0.0 {
        // It takes the frame with its header: from a sender's address that has become the receiver's a bridge learns.
        Some("it also damages the wire's own addresses, and whole links with them")
    } else if impairment.reorder.correlation > 0.0 {
        Some("its correlated chances do not keep the share that was asked for")
    } else if impairment.jitter.iter().any(|jitter| jitter.correlation > 0.0) {
        Some("its correlated jitter does not keep its distribution")
    } else {
        None
    }
}

/// For every set of filters that may select a packet together, the filter that asks as much as all of them, and all
/// that such a packet meets.
fn regions(cell: &BTreeMap<Filter, &Impairment>) -> BTreeMap<Filter, Impairment> {
    let mut filters: Vec<Filter> = cell.keys().copied().collect();
    let mut next = 0;
    while next < filters.len() {
        for other in 0..next {
            if let Some(both) = filters[next].and(filters[other]).filter(|both| !filters.contains(both)) {
                filters.push(both);
            }
        }
        next += 1;
    }
    let meets = |region: Filter| {
        let met = cell.iter().filter(|(filter, _)| filter.selects(region));
        met.fold(Impairment::NONE, |sum, (_, impairment)| sum.and(impairment))
    };
    filters.into_iter().map(|filter| (filter, meets(filter))).collect()
}

impl Filter {
    /// The packets that both select; `None` where there are none.
    fn and(self, other: Self) -> Option<Self> {
        fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        let together =
            agree(self.proto, other.proto) && agree(self.port, other.port) && agree(self.family, other.family);
        together.then(|| Self {
            proto: self.proto.or(other.proto),
            port: self.port.or(other.port),
            family: self.family.or(other.family),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::interpret::filter;
    use super::*;
    use crate::fault::{Chance, Distribution, Fault, Jitter, LinkSet, Member, Party};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    fn impairment() -> impl Strategy<Value = Impairment> {
        let jitter = |correlation| Jitter { us: 1_000, distribution: Distribution::Normal, correlation };
        let burst = Burst::FourState { p13: 0.1, p31: 0.5, p32: 0.5, p23: 0.1, p14: 0.01 };
        let parts = [
            Impairment { delay_us: 5_000, ..Impairment::NONE },
            Impairment { jitter: vec![jitter(0.0)], ..Impairment::NONE },
            Impairment { jitter: vec![jitter(0.3)], ..Impairment::NONE },
            Impairment { loss: 0.1, ..Impairment::NONE },
            Impairment { bursts: vec![burst], ..Impairment::NONE },
            Impairment { duplicate: Chance::independent(0.1), ..Impairment::NONE },
            Impairment { corrupt: Chance::independent(0.1), ..Impairment::NONE },
            Impairment { reorder: Chance { p: 0.1, correlation: 0.5 }, ..Impairment::NONE },
            Impairment { reorder: Chance::independent(0.1), ..Impairment::NONE },
            Impairment { rate_bits: Some(1_000_000), ..Impairment::NONE },
        ];
        subsequence(parts.to_vec(), 1..3)
            .prop_map(|parts| parts.iter().fold(Impairment::NONE, |sum, part| sum.and(part)))
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let party = || select(["n0", "n1", "world"].map(|name| Party::from(name.to_owned())).to_vec());
        (party(), party(), filter(), impairment()).prop_map(|(source, target, filter, impairment)| Fault::Degrade {
            verb: "degrade".to_owned(),
            links: LinkSet { filter, ..LinkSet::new(&[source], &[target]) },
            impairment,
        })
    }

    fn means() -> impl Strategy<Value = Means> {
        let lacks = || select(vec![None, Some("it is not there".to_owned())]);
        let only = select(vec![None, Some(Shaper::Netem), Some(Shaper::Userspace)]);
        (lacks(), lacks(), lacks(), lacks(), only).prop_map(|(no_netem, no_htb, no_chance, no_queue, only)| Means {
            no_netem,
            no_htb,
            no_chance,
            no_queue,
            only,
        })
    }

    proptest! {
        /// So that a fault is refused when it is injected, and no other one's end needs to be.
        #[test]
        fn what_can_be_done_together_can_be_done_in_part(
            means in means(),
            (faults, fewer) in vec(fault(), 1..5).prop_flat_map(|all| (Just(all.clone()), subsequence(all.clone(), 0..=all.len()))),
        ) {
            let members = ["n0", "n1"].map(|name| Member { name: name.into(), ..Member::default() });
            if means.suffice(&Matrix::fold(&members, &faults)).is_ok() {
                prop_assert_eq!(means.suffice(&Matrix::fold(&members, &fewer)).err(), None);
            }
        }
    }
}
