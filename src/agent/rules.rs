//! The rules that nodes' namespaces hold, and the way from one ruleset to the next.

use super::protocol::Applied;
use crate::error::{Error, Result};
use crate::kernel::link::{LOOPBACK, Links};
use crate::kernel::nft::{Nft, apply_all};
use crate::plan::{Order, Ruleset, Transaction};
use std::cell::{RefCell, RefMut};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// One namespace's rules. They live as long as the namespace, over any number of restarts of the node.
pub(super) struct Rules(RefCell<State>);

struct State {
    /// Opened once: closing one right after a commit would wait for the kernel's grace period.
    nft: Nft,
    /// Asked which devices there are.
    links: Links,
    /// What it was last brought to, or is to be, if with other devices.
    wanted: Arc<Ruleset>,
    held: Held,
}

/// What a namespace holds.
enum Held {
    /// This.
    Known(Arc<Ruleset>),
    /// Most likely one of these, the likeliest first; only the kernel knows.
    Unsure(Vec<Arc<Ruleset>>),
}

impl Rules {
    /// No rules, in the network namespace that we are in and that we have made.
    pub(super) fn of_new() -> Result<Self> {
        Self::open(Arc::default(), Held::Known(Arc::default()))
    }

    /// In the namespace of somebody else that we are in: what rules of ours there are, nobody knows; what there is to
    /// be, [`enforce`](Self::enforce) brings about.
    pub(super) fn of_another(wanted: Arc<Ruleset>) -> Result<Self> {
        Self::open(wanted.clone(), Held::Unsure(vec![wanted]))
    }

    fn open(wanted: Arc<Ruleset>, held: Held) -> Result<Self> {
        Ok(Self(RefCell::new(State { nft: Nft::open()?, links: Links::open()?, wanted, held })))
    }

    /// The sockets that stay in the namespace.
    pub(super) fn into_sockets(self) -> impl Send {
        let State { nft, links, .. } = self.0.into_inner();
        (nft, links)
    }

    /// What it was last brought to, or is to be.
    pub(super) fn wanted(&self) -> Arc<Ruleset> {
        self.0.borrow().wanted.clone()
    }

    /// Makes sure that the kernel holds what is wanted, whatever somebody has done to it meanwhile.
    pub(super) fn enforce(&self) -> Result<()> {
        let mut state = self.0.borrow_mut();
        let wanted = state.wanted.clone();
        state.start_over(wanted)
    }
}

/// A namespace and where it is to get.
struct Step<'a> {
    name: String,
    state: RefMut<'a, State>,
    wanted: Arc<Ruleset>,
    transactions: Vec<Transaction>,
}

/// Brings each of them to its ruleset: first everything is worked out, then it is committed in one go, so that the
/// nodes change as close together as can be.
pub(super) fn apply(plans: Vec<(String, &Rules, Arc<Ruleset>)>, order: Order) -> Applied {
    let began = Instant::now();
    let (mut steps, mut failures) = (Vec::with_capacity(plans.len()), Vec::new());
    for (name, rules, wanted) in plans {
        match Step::new(&name, rules, wanted, order) {
            Ok(step) => steps.push(step),
            Err(error) => failures.push((name, error)),
        }
    }
    let committing = Instant::now();
    let namespaces = steps.iter_mut().map(|step| (&mut step.state.nft, step.transactions.as_slice())).collect();
    let outcomes = apply_all(namespaces);
    let first_to_last_us = committing.elapsed().as_micros() as u64;
    failures.extend(steps.into_iter().zip(outcomes).filter_map(|(step, outcome)| step.finish(outcome)));
    Applied { failures, first_to_last_us, took_us: began.elapsed().as_micros() as u64 }
}

/// Takes all that is ours out of these namespaces, whatever we believe to be there. Goes on after failures.
pub(super) fn remove<'a>(all: impl IntoIterator<Item = &'a Rules>) -> Vec<Result<()>> {
    let mut removals: Vec<_> = all.into_iter().map(Removal::new).collect();
    let namespaces = removals.iter_mut().map(|removal| (&mut removal.state.nft, removal.transactions.as_slice()));
    let outcomes = apply_all(namespaces.collect());
    let removed = removals.into_iter().zip(outcomes);
    removed.map(|(removal, outcome)| removal.asked.and(outcome)).collect()
}

/// A namespace that is to be emptied.
struct Removal<'a> {
    state: RefMut<'a, State>,
    transactions: Vec<Transaction>,
    asked: Result<()>,
}

impl<'a> Removal<'a> {
    fn new(rules: &'a Rules) -> Self {
        let mut state = rules.0.borrow_mut();
        state.wanted = Arc::default();
        state.held = Held::Unsure(Vec::new());
        let (transactions, asked) = match state.nft.anew(&Ruleset::default()) {
            Ok(transaction) => (vec![transaction], Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        Self { state, transactions, asked }
    }
}

impl<'a> Step<'a> {
    fn new(name: &str, rules: &'a Rules, wanted: Arc<Ruleset>, order: Order) -> Result<Self> {
        let twice = |_| Error::usage("named twice in one request");
        let mut state = rules.0.try_borrow_mut().map_err(twice)?;
        let transactions = state.way_to(&wanted, order)?;
        Ok(Self { name: name.to_owned(), state, wanted, transactions })
    }

    fn finish(self, outcome: Result<()>) -> Option<(String, Error)> {
        let Self { name, mut state, wanted, .. } = self;
        let finished = match outcome {
            Ok(()) => {
                state.held = Held::Known(wanted.clone());
                state.wanted = wanted;
                Ok(())
            }
            Err(error) => state.recover(wanted, error),
        };
        finished.err().map(|error| (name, error))
    }
}

impl State {
    /// The transactions that lead from what is there to this. After a failure the kernel is asked what that is.
    fn way_to(&mut self, wanted: &Ruleset, order: Order) -> Result<Vec<Transaction>> {
        let candidates = match &self.held {
            Held::Known(held) => return Ok(order.way(held, wanted)),
            Held::Unsure(candidates) => candidates,
        };
        for held in candidates {
            if self.nft.holds(held)? {
                return Ok(order.way(held, wanted));
            }
        }
        self.nft.anew(wanted).map(|transaction| vec![transaction])
    }

    /// After a transaction that failed. What we knew may have been wrong: somebody else (a node's program may be root)
    /// has changed our tables, or a device is gone and took its chains along. Otherwise the rules stay as they are until
    /// somebody asks for others: better an old cut than none.
    fn recover(&mut self, wanted: Arc<Ruleset>, error: Error) -> Result<()> {
        let before = match &self.held {
            Held::Known(held) => held.clone(),
            Held::Unsure(candidates) => candidates.first().cloned().unwrap_or_default(),
        };
        let is_mistaken = matches!(self.nft.holds(&before), Ok(false)) || !self.has_devices_of(&wanted);
        // What failed may have been the second of two steps.
        self.held = Held::Unsure(vec![before, wanted.clone()]);
        if is_mistaken { self.start_over(wanted) } else { Err(error) }
    }

    /// Whether the ruleset names exactly the devices that are there, as far as can be found out.
    fn has_devices_of(&mut self, ruleset: &Ruleset) -> bool {
        !ruleset.asks_for_devices() || self.devices().is_ok_and(|found| found == ruleset.devices)
    }

    /// Asks the kernel what is there, devices and rules, and brings it to this.
    fn start_over(&mut self, wanted: Arc<Ruleset>) -> Result<()> {
        let mut outcome = Ok(());
        // A device may vanish between the look and the commit.
        for _ in 0..START_OVERS {
            outcome = self.enforce(&wanted);
            if outcome.is_ok() {
                self.wanted = wanted;
                break;
            }
        }
        outcome
    }

    fn enforce(&mut self, wanted: &Arc<Ruleset>) -> Result<()> {
        let target = self.adapted(wanted)?;
        if !self.nft.holds(&target)? {
            self.held = Held::Unsure(Vec::new());
            let transaction = self.nft.anew(&target)?;
            self.nft.apply(&[transaction])?;
        }
        self.held = Held::Known(target);
        Ok(())
    }

    /// The ruleset for the devices that are there, whichever were when it was made.
    fn adapted(&mut self, wanted: &Arc<Ruleset>) -> Result<Arc<Ruleset>> {
        if !wanted.asks_for_devices() {
            return Ok(wanted.clone());
        }
        let devices = self.devices()?;
        let is_right = devices == wanted.devices;
        Ok(if is_right { wanted.clone() } else { Arc::new(Ruleset { devices, ..Ruleset::clone(wanted) }) })
    }

    fn devices(&mut self) -> Result<BTreeSet<String>> {
        let found = self.links.interfaces()?.into_iter().filter(|device| device.index != LOOPBACK.index);
        Ok(found.map(|device| device.name).collect())
    }
}

/// How often devices may come and go under our hands.
const START_OVERS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Filter;
    use crate::kernel::testing::{Namespace, v4};
    use crate::plan::Treatment;

    fn dropping(nodes: &[usize]) -> Ruleset {
        let mut ruleset = Ruleset::default();
        ruleset.treated.entry((Filter::ANY, Treatment::Drop)).or_default().extend(nodes.iter().map(|&node| v4(node)));
        ruleset
    }

    fn become_(rules: &Rules, wanted: &Ruleset) {
        let applied = apply(vec![("n1".to_owned(), rules, Arc::new(wanted.clone()))], Order::Together);
        assert!(applied.failures.is_empty(), "{:?}", applied.failures);
        assert!(rules.0.borrow_mut().nft.holds(wanted).unwrap());
    }

    #[test]
    fn a_program_that_flushes_our_rules_stops_neither_the_next_fault_nor_the_healing() {
        let Some(namespace) = Namespace::new() else { return };
        let rules = namespace.inside(Rules::of_new).unwrap();
        for next in [dropping(&[1, 2]), Ruleset::default()] {
            become_(&rules, &dropping(&[1]));
            let flushed = rules.0.borrow_mut().nft.anew(&Ruleset::default()).unwrap();
            rules.0.borrow_mut().nft.apply(&[flushed]).unwrap();
            become_(&rules, &next);
        }
    }
}
