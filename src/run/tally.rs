//! Counts what `result.json` sums up.

use crate::diagnostic::Diagnostic;
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
    refuted: Option<Error>,
    doubtful: Option<Error>,
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
    /// The verdict, once the script has ended like this. A claim that did not hold fails the run, even if the script has
    /// caught its error, and whatever went wrong afterwards; of one of which nobody can say whether it holds, nobody can
    /// say that the run passed.
    pub(super) fn judge(&self, ended: Result<()>) -> Result<()> {
        match (ended, self.held()) {
            (Ok(()), held) => held,
            (Err(later), Err(claim)) if outweighs(claim.kind, later.kind) => Err(followed(claim, &later)),
            (ended, _) => ended,
        }
    }

    fn held(&self) -> Result<()> {
        self.refuted.clone().or_else(|| self.doubtful.clone()).map_or(Ok(()), Err)
    }

    /// Remembers the first of the claims that did not hold, and the first of those of which nobody can say it.
    fn doubt(&mut self, check: &CheckResult, place: Option<&Diagnostic>) {
        let (first, kind, what) = match check.verdict {
            Verdict::Fail => (&mut self.refuted, ErrorKind::Failed, "a claim did not hold, and the script went on"),
            Verdict::Unknown => (&mut self.doubtful, ErrorKind::Unknown, "it cannot be said whether a claim holds"),
            Verdict::Pass | Verdict::Error => return,
        };
        let claim = if check.message.is_empty() { String::new() } else { format!(": {}", check.message) };
        let message = format!("{what}: {}{claim}", check.name);
        let diagnostics = place.map(|place| Diagnostic { message: message.clone(), ..place.clone() });
        first.get_or_insert(Error { diagnostics: diagnostics.into_iter().collect(), ..Error::new(kind, message) });
    }
}

/// Whether a claim decides, although the script has ended with something else. A person's own end of the run stays one.
fn outweighs(claim: ErrorKind, end: ErrorKind) -> bool {
    let is_worth_less = matches!(end, ErrorKind::Machine | ErrorKind::Unknown | ErrorKind::Usage | ErrorKind::Deadline);
    claim == ErrorKind::Failed && is_worth_less
}

/// The claim, and what ended the script afterwards.
fn followed(mut claim: Error, end: &Error) -> Error {
    let afterwards = || Some(format!("it ended with this: {end}"));
    match claim.diagnostics.last_mut() {
        None => claim.help = afterwards(),
        Some(place) if end.diagnostics.is_empty() => place.help = afterwards(),
        Some(_) => claim.diagnostics.extend_from_slice(&end.diagnostics),
    }
    claim
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
            EventBody::Check { name, ok, unknown, message, details, place } if !ok || sums.checks.len() < HELD_MAX => {
                let verdict = match (ok, unknown) {
                    (_, true) => Verdict::Unknown,
                    (true, false) => Verdict::Pass,
                    (false, false) => Verdict::Fail,
                };
                let (name, message, details) = (name.clone(), message.clone(), details.clone());
                let check = CheckResult { name, verdict, message, details };
                sums.doubt(&check, place.as_deref());
                sums.checks.push(check);
            }
            _ => {}
        }
        Ok(())
    }
}
