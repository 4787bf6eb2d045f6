//! Counts what `result.json` sums up.

use crate::engine::{Event, EventBody, Output};
use crate::journal::{CheckResult, Operations, Verdict};
use crate::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// A script may assert in a loop: the result lists so many claims that held, and all that did not.
const HELD_MAX: usize = 1_000;

/// The sums so far.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) faults: u64,
    pub(super) operations: Operations,
    pub(super) checks: Vec<CheckResult>,
}

/// The reading end.
pub(super) struct Tallied(Arc<Mutex<Sums>>);

/// The output that counts.
pub(super) struct Tally(Arc<Mutex<Sums>>);

impl Tally {
    pub(super) fn new() -> (Self, Tallied) {
        let sums = Arc::new(Mutex::new(Sums::default()));
        (Self(Arc::clone(&sums)), Tallied(sums))
    }
}

impl Sums {
    /// A claim that did not hold fails the run, even if the script has caught its error; of one of which nobody can say
    /// whether it holds, nobody can say that the run passed.
    pub(super) fn held(&self) -> Result<()> {
        let first = |verdict| self.checks.iter().find(|check| check.verdict == verdict).map(CheckResult::what);
        if let Some(what) = first(Verdict::Fail) {
            return Err(Error::new(ErrorKind::Failed, format!("a claim did not hold, and the script went on: {what}")));
        }
        match first(Verdict::Unknown) {
            Some(what) => {
                Err(Error::new(ErrorKind::Unknown, format!("it cannot be said whether a claim holds: {what}")))
            }
            None => Ok(()),
        }
    }
}

impl CheckResult {
    fn what(&self) -> String {
        if self.message.is_empty() { self.name.clone() } else { format!("{}: {}", self.name, self.message) }
    }
}

impl Tallied {
    pub(super) fn take(self) -> Sums {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Output for Tally {
    fn event(&mut self, event: &Event) -> Result<()> {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.body {
            EventBody::FaultActive { .. } => sums.faults += 1,
            EventBody::OpOk(_) => sums.operations.ok += 1,
            EventBody::OpFail(_) => sums.operations.fail += 1,
            EventBody::OpInfo(_) => sums.operations.info += 1,
            EventBody::Check { name, ok, unknown, message, details } if !ok || sums.checks.len() < HELD_MAX => {
                let verdict = match (ok, unknown) {
                    (_, true) => Verdict::Unknown,
                    (true, false) => Verdict::Pass,
                    (false, false) => Verdict::Fail,
                };
                let (name, message, details) = (name.clone(), message.clone(), details.clone());
                sums.checks.push(CheckResult { name, verdict, message, details });
            }
            _ => {}
        }
        Ok(())
    }
}
