//! Many seeds of one script: each a run of its own, some of them side by side.
//!
//! A soak may last for days, so nothing grows with the runs that pass: in memory they are numbers, on disk a line and a
//! `result.json`. Which seeds there are is settled by where they start; the jobs only decide who runs which. Touches its
//! own folder and, for all runs together, the signals that end programs; all else is what [`run`] does.

mod folder;
mod reached;
mod record;
mod seeds;
mod summary;

pub use folder::{SoakFolder, State};
pub use record::Record;
pub use seeds::{GREATEST, Seeds};
pub use summary::{Failed, Group, Summary};

use crate::journal::RunFolder;
use crate::run::{self, Outcome, Settings, Signals, Stop};
use crate::{Error, ErrorKind, Result};
use reached::Reached;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// When a soak ends.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many runs side by side.
    pub jobs: usize,
    /// When no more runs are begun.
    pub until: Option<Instant>,
    /// Whether none are begun after one that did not pass.
    pub stop_on_failure: bool,
}

/// A run that is to take place.
pub struct Turn {
    /// Who does it, from 0: no two runs of one job are under way at a time.
    pub job: usize,
    /// Its seed.
    pub seed: u64,
    /// Where its files go.
    pub folder: RunFolder,
}

/// Who wants to know what happens.
pub trait Watch: Send {
    /// The soak begins, or goes on from these sums.
    fn resumed(&mut self, summary: &Summary);
    /// A run has ended; the summary counts it.
    fn ended(&mut self, record: &Record, summary: &Summary);
    /// Something that a person should know and that ends nothing.
    fn warn(&mut self, message: &str);
}

/// How a soak ended.
#[derive(Debug)]
pub struct Ended {
    /// Of all its runs, those of earlier sittings included.
    pub summary: Summary,
    /// Whether somebody interrupted it.
    pub interrupted: bool,
    /// What ended it at once: it would have hit every run.
    pub trouble: Option<Error>,
}

impl Ended {
    /// The process's exit code: the worst of the runs', except that an interrupt goes before all but a clean-up that
    /// failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.summary.worst {
            4 => 4,
            _ if self.interrupted => ErrorKind::Interrupted.exit_code(),
            worst => worst,
        }
    }
}

/// Runs seed after seed, until `stop` is raised. `settings` says what a turn's run is made of.
pub fn soak(
    folder: SoakFolder,
    seeds: Seeds,
    bounds: Bounds,
    stop: &Stop,
    settings: impl Fn(Turn) -> Result<Settings> + Sync,
    watch: &mut dyn Watch,
) -> Result<Ended> {
    let (folder, summary, seeds) = folder.resume(seeds)?;
    watch.resumed(&summary);
    let ledger = Ledger { folder: &folder, seeds, summary, bounds, halted: false, trouble: None, kept: false, watch };
    let soak = Soak { folder: &folder, settings, stop, ledger: Mutex::new(ledger) };
    std::thread::scope(|scope| {
        let soak = &soak;
        let start = |job| run::spawn(scope, move || soak.work(job)).map_err(|error| soak.abort(error));
        let jobs: Vec<_> = (0..bounds.jobs).map(start).collect();
        for job in jobs.into_iter().flatten() {
            if job.join().is_err() {
                soak.abort(Error::machine("a run crashed").help("this is a bug in blockade"));
            }
        }
    });
    let ledger = soak.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Ended { summary: ledger.summary, interrupted: stop.by_user(), trouble: ledger.trouble })
}

/// What all jobs share.
struct Soak<'a, S> {
    folder: &'a SoakFolder,
    settings: S,
    stop: &'a Stop,
    ledger: Mutex<Ledger<'a>>,
}

impl<'a, S: Fn(Turn) -> Result<Settings> + Sync> Soak<'a, S> {
    fn ledger(&self) -> MutexGuard<'_, Ledger<'a>> {
        // Whoever crashed while it had it ends the soak; what is written in it stays true.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, job: usize) {
        while !self.stop.is_raised() {
            let Some(seed) = self.ledger().next() else { return };
            if let Err(error) = self.run(job, seed) {
                return self.abort(error);
            }
        }
    }

    /// Nothing more is begun, and what is under way ends.
    fn abort(&self, error: Error) {
        self.ledger().trouble.get_or_insert(error);
        self.stop.raise();
    }

    /// An error would hit every other run, too.
    fn run(&self, job: usize, seed: u64) -> Result<()> {
        let folder = self.folder.run(seed)?;
        let settings = (self.settings)(Turn { job, seed, folder: folder.clone() })?;
        let (reached, output) = Reached::new();
        let interrupt = self.stop.register();
        let settings = Settings { interrupt: interrupt.clone(), signals: Signals::Others, ..settings };
        let outcome = run::run(settings, vec![Box::new(output)]);
        self.stop.forget(&interrupt);
        let outcome = outcome?;
        if self.stop.is_raised() && was_interrupted(&outcome) {
            return self.folder.forget(seed); // it is run anew when the soak goes on
        }
        let record = Record::of(&outcome, &folder.path);
        self.ledger().ended(record, outcome, reached.script())
    }
}

/// Whether a run was cut short, and nothing worse came of it.
fn was_interrupted(outcome: &Outcome) -> bool {
    outcome.cleanup.is_none() && outcome.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Interrupted)
}

/// What is known of the runs so far, and what follows from it.
struct Ledger<'a> {
    folder: &'a SoakFolder,
    seeds: Seeds,
    summary: Summary,
    bounds: Bounds,
    halted: bool,
    trouble: Option<Error>,
    /// Whether files of a run that passed could not be removed, and that was said.
    kept: bool,
    watch: &'a mut dyn Watch,
}

impl Ledger<'_> {
    fn next(&mut self) -> Option<u64> {
        let is_late = self.bounds.until.is_some_and(|until| Instant::now() >= until);
        if self.halted || is_late { None } else { self.seeds.next() }
    }

    /// Where the very first run does not even get to its script, no other one will.
    fn ended(&mut self, record: Record, outcome: Outcome, reached_script: bool) -> Result<()> {
        let is_first = self.summary.runs == 0 && !reached_script && outcome.cleanup.is_none();
        match outcome.error {
            Some(error) if is_first && matches!(error.kind, ErrorKind::Machine | ErrorKind::Usage) => {
                return Err(error);
            }
            _ => {}
        }
        if record.passed() {
            self.tidy(record.seed);
        }
        self.folder.record(&record)?;
        self.summary.add(&record);
        self.watch.ended(&record, &self.summary);
        self.halted |= self.bounds.stop_on_failure && !record.passed();
        Ok(())
    }

    /// Files that cannot be removed (of another user, say) are no reason to end.
    fn tidy(&mut self, seed: u64) {
        if let Err(error) = self.folder.keep_result(seed)
            && !std::mem::replace(&mut self.kept, true)
        {
            self.watch.warn(&format!("{error}: the folders of runs that pass may grow"));
        }
    }
}
