//! The rules that nodes' namespaces hold, and the way from one ruleset to the next.

use crate::error::{Error, Result};
use crate::kernel::nft::{Nft, apply_all};
use crate::plan::{Ruleset, Transaction, diff};
use crate::runtime::netns::protocol::Applied;
use std::cell::{RefCell, RefMut};
use std::time::Instant;

/// One namespace's rules. They live as long as the namespace, over any number of restarts of the node.
pub(super) struct Rules(RefCell<State>);

struct State {
    /// Opened once: closing one right after a commit would wait for the kernel's grace period.
    nft: Nft,
    held: Held,
}

/// What a namespace holds.
enum Held {
    /// This.
    Known(Ruleset),
    /// Most likely the first: what failed was to bring it from there to the second, which may go in two steps.
    Unsure(Box<[Ruleset; 2]>),
}

impl Rules {
    /// No rules, in the network namespace that we are in.
    pub(super) fn open() -> Result<Self> {
        Ok(Self(RefCell::new(State { nft: Nft::open()?, held: Held::Known(Ruleset::default()) })))
    }
}

/// A namespace and where it is to get.
struct Step<'a> {
    name: String,
    state: RefMut<'a, State>,
    wanted: Ruleset,
    transactions: Vec<Transaction>,
}

/// Brings each of them to its ruleset: first everything is worked out, then it is committed in one go, so that the
/// nodes change as close together as can be.
pub(super) fn apply(plans: Vec<(String, &Rules, Ruleset)>) -> Applied {
    let began = Instant::now();
    let (mut steps, mut failures) = (Vec::with_capacity(plans.len()), Vec::new());
    for (name, rules, wanted) in plans {
        match Step::new(&name, rules, wanted) {
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

impl<'a> Step<'a> {
    fn new(name: &str, rules: &'a Rules, wanted: Ruleset) -> Result<Self> {
        let twice = |_| Error::usage("named twice in one request");
        let mut state = rules.0.try_borrow_mut().map_err(twice)?;
        let transactions = state.way_to(&wanted)?;
        Ok(Self { name: name.to_owned(), state, wanted, transactions })
    }

    fn finish(mut self, outcome: Result<()>) -> Option<(String, Error)> {
        match outcome {
            Ok(()) => {
                self.state.held = Held::Known(self.wanted);
                None
            }
            Err(error) => {
                // The rules stay as they are until somebody asks for others: better an old cut than none.
                let meddled = self.state.was_meddled_with();
                let before = match &self.state.held {
                    Held::Known(held) => held.clone(),
                    Held::Unsure(either) => either[0].clone(),
                };
                self.state.held = Held::Unsure(Box::new([before, self.wanted.clone()]));
                let outcome = if meddled { self.state.start_over(self.wanted) } else { Err(error) };
                outcome.err().map(|error| (self.name, error))
            }
        }
    }
}

impl State {
    /// The transactions that lead from what is there to this. After a failure the kernel is asked what that is.
    fn way_to(&mut self, wanted: &Ruleset) -> Result<Vec<Transaction>> {
        match &self.held {
            Held::Known(held) => Ok(diff(held, wanted)),
            Held::Unsure(either) => {
                for held in either.iter() {
                    if self.nft.holds(held)? {
                        return Ok(diff(held, wanted));
                    }
                }
                self.nft.anew(wanted).map(|transaction| vec![transaction])
            }
        }
    }

    /// Whether somebody else (a node's program may be root) has changed what we believe to be there.
    fn was_meddled_with(&mut self) -> bool {
        let State { nft, held } = self;
        matches!(held, Held::Known(held) if matches!(nft.holds(held), Ok(false)))
    }

    /// The same once more, after asking the kernel what is there.
    fn start_over(&mut self, wanted: Ruleset) -> Result<()> {
        let transactions = self.way_to(&wanted)?;
        self.nft.apply(&transactions)?;
        self.held = Held::Known(wanted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Filter;
    use crate::kernel::testing::{Namespace, v4};
    use crate::plan::Refusal;

    fn dropping(nodes: &[usize]) -> Ruleset {
        let mut ruleset = Ruleset::default();
        ruleset.refused.entry((Filter::ANY, Refusal::Drop)).or_default().extend(nodes.iter().map(|&node| v4(node)));
        ruleset
    }

    fn become_(rules: &Rules, wanted: &Ruleset) {
        let applied = apply(vec![("n1".to_owned(), rules, wanted.clone())]);
        assert!(applied.failures.is_empty(), "{:?}", applied.failures);
        assert!(rules.0.borrow_mut().nft.holds(wanted).unwrap());
    }

    #[test]
    fn a_program_that_flushes_our_rules_stops_neither_the_next_fault_nor_the_healing() {
        let Some(namespace) = Namespace::new() else { return };
        let rules = namespace.inside(Rules::open).unwrap();
        for next in [dropping(&[1, 2]), Ruleset::default()] {
            become_(&rules, &dropping(&[1]));
            let flushed = rules.0.borrow_mut().nft.anew(&Ruleset::default()).unwrap();
            rules.0.borrow_mut().nft.apply(&[flushed]).unwrap();
            become_(&rules, &next);
        }
    }
}
