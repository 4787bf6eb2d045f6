//! Several jobs at once, and what to say when some of them fail. Pure but for the waiting.

use crate::engine::{Job, Reply};
use crate::{Error, ErrorKind, Result};

/// A job whose result becomes a reply.
pub(super) fn then<T: 'static>(job: Job<T>, reply: fn(T) -> Reply) -> Job<Reply> {
    Box::pin(async move { job.await.map(reply) })
}

/// Waits for all jobs side by side.
pub(super) async fn all(jobs: Vec<Job<()>>) -> Vec<Result<()>> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    match tokio::runtime::Handle::try_current() {
        Ok(handle) => {
            let tasks: Vec<_> = jobs.into_iter().map(|job| handle.spawn(job)).collect();
            for task in tasks {
                outcomes
                    .push(task.await.unwrap_or_else(|panic| Err(Error::machine(format!("a job crashed: {panic}")))));
            }
        }
        Err(_) => {
            for job in jobs {
                outcomes.push(job.await);
            }
        }
    }
    outcomes
}

/// One error that tells of all; none where there is none.
pub(super) fn merge(errors: impl IntoIterator<Item = Error>) -> Result<()> {
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else { return Ok(()) };
    Err(errors.fold(first, |mut sum, error| {
        sum.message = format!("{}; {}", sum.message, error.message);
        sum.help = sum.help.or(error.help);
        sum
    }))
}

/// What went wrong while cleaning up, which goes on whatever fails. That something is left is worse than that it
/// could not be written down that nothing is.
#[derive(Default)]
pub(super) struct Troubles {
    left: Vec<Error>,
    unrecorded: Vec<Error>,
}

impl Troubles {
    /// Something is left if this failed.
    pub(super) fn left(&mut self, outcome: Result<()>) {
        self.left.extend(outcome.err());
    }

    /// Something is not on record if this failed.
    pub(super) fn unrecorded(&mut self, outcome: Result<()>) {
        self.unrecorded.extend(outcome.err());
    }

    /// What to tell.
    pub(super) fn outcome(self) -> Result<()> {
        let cleanup = |error: Error| Error { kind: ErrorKind::Cleanup, ..error }.context("could not clean up");
        merge(self.left).map_err(cleanup)?;
        merge(self.unrecorded)
    }
}
