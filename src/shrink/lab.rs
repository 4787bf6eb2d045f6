//! Trials on clusters: each a run of the script with a schedule in the place of its `chaos()`, some side by side.
//!
//! A trial that this machine could not carry out tells nothing, and is made again: it is neither for nor against a
//! schedule. Touches the folder that it is given, where each trial has a folder as long as it lasts.

use super::{Counts, Demand, search::Lab};
use crate::journal::{RunFolder, remove_folder};
use crate::run::{self, Outcome, Settings, Signals, Stop};
use crate::script::Script;
use crate::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Clusters for trials.
pub struct Clusters<'a, S> {
    /// The run of a job with a number from 0, a body of `chaos()` and a folder.
    pub settings: S,
    /// Of the failure in question.
    pub signature: String,
    /// Where trials keep their files.
    pub folder: PathBuf,
    /// How many side by side.
    pub jobs: u32,
    /// When no more candidates are tried.
    pub until: Option<Instant>,
    /// Ctrl-C.
    pub stop: &'a Stop,
    /// How many trials there were, and how long they took together.
    pub spent: Mutex<(u32, Duration)>,
    /// Numbers the folders.
    pub next: AtomicU64,
}

/// What an attempt has come to so far.
#[derive(Default)]
struct Progress {
    begun: u32,
    counts: Counts,
    /// How many told nothing.
    void: u32,
    error: Option<Error>,
}

/// What a trial came to.
enum Told {
    /// Whether it failed in the way in question.
    Result(bool),
    /// Nothing, because of this.
    Nothing(Error),
}

/// So many trials of one attempt may tell nothing.
const VOID_MAX: u32 = 3;

impl<S: Fn(usize, Script, RunFolder) -> Result<Settings> + Sync> Clusters<'_, S> {
    /// How long a trial takes, as far as is known.
    pub fn mean(&self) -> Duration {
        let (trials, spent) = *lock(&self.spent);
        spent / trials.max(1)
    }

    /// Runs trials until the answer is clear.
    fn work(&self, job: usize, script: &Script, demand: Demand, progress: &Mutex<Progress>) {
        loop {
            {
                let mut progress = lock(progress);
                let is_decided = progress.begun == demand.of || demand.is_decided(progress.counts);
                if is_decided || progress.error.is_some() {
                    return;
                }
                progress.begun += 1;
            }
            let failed = self.trial(job, script);
            let mut progress = lock(progress);
            match failed {
                Ok(Told::Result(same)) => {
                    progress.counts = progress.counts.and(Counts { same: u32::from(same), of: 1 });
                }
                Ok(Told::Nothing(_)) if progress.void < VOID_MAX => {
                    progress.void += 1;
                    progress.begun -= 1;
                }
                Ok(Told::Nothing(error)) | Err(error) => progress.error = progress.error.take().or(Some(error)),
            }
        }
    }

    fn trial(&self, job: usize, script: &Script) -> Result<Told> {
        let path = self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let folder = RunFolder::create(Some(&path), &self.folder, 0)?;
        let interrupt = self.stop.register();
        let settings = (self.settings)(job, script.clone(), folder)?;
        let settings = Settings { interrupt: interrupt.clone(), signals: Signals::Others, ..settings };
        let began = Instant::now();
        let outcome = run::run(settings, Vec::new());
        self.stop.forget(&interrupt);
        let _left_to_whoever_removes_the_run = remove_folder(&path);
        let is_first = {
            let mut spent = lock(&self.spent);
            *spent = (spent.0 + 1, spent.1 + began.elapsed());
            spent.0 == 1
        };
        self.judge(outcome?, is_first)
    }

    /// What befalls the very first trial befalls all of them.
    fn judge(&self, outcome: Outcome, is_first: bool) -> Result<Told> {
        if let Some(left) = outcome.cleanup {
            return Err(left);
        }
        if self.stop.is_raised() {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
        }
        let same = outcome.result.failure.is_some_and(|failure| failure.signature == self.signature);
        match outcome.error {
            Some(error) if is_first && !same && matches!(error.kind, ErrorKind::Machine | ErrorKind::Usage) => {
                Err(error)
            }
            Some(error) if !same && error.kind == ErrorKind::Machine => Ok(Told::Nothing(error)),
            _ => Ok(Told::Result(same)),
        }
    }
}

impl<S: Fn(usize, Script, RunFolder) -> Result<Settings> + Sync> Lab for Clusters<'_, S> {
    fn attempt(&mut self, chaos: &str, demand: Demand) -> Result<Counts> {
        if self.stop.is_raised() {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
        }
        let script = Script::compile("chaos.rhai", chaos)?;
        let progress = Mutex::new(Progress::default());
        std::thread::scope(|scope| {
            let (this, script, progress) = (&*self, &script, &progress);
            for job in 0..self.jobs.min(demand.of) as usize {
                let started = run::spawn(scope, move || this.work(job, script, demand, progress));
                if let Err(error) = started {
                    lock(progress).error.get_or_insert(error);
                }
            }
        });
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        progress.error.map_or(Ok(progress.counts), Err)
    }

    fn has_time(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// Whoever crashed while it had it ends the shrinking; what is written there stays true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
