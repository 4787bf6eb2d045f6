//! The chaos programs that the daemon runs, at most one on each cluster.
//!
//! Each is a run on a thread of its own with a session of its own, as `blockade chaos` is: its faults are healed when it
//! ends, also by the daemon's death. Its journal lies in the folder of its run.

use crate::chaos::{NAME, PROGRAM, Wishes};
use crate::cluster::RuntimeKind;
use crate::engine::{Event, EventBody, Output};
use crate::journal::RunFolder;
use crate::run::{self, Attached, Settings, Signals};
use crate::script::{Interrupt, Script};
use crate::supervisor::ClusterFolder;
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread::JoinHandle;
use utoipa::ToSchema;

/// What the program of a cluster is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Look {
    /// `HEALTHY` or `DEGRADED`; `FAILED` where it has ended by itself.
    pub(super) state: &'static str,
    /// The seed of its choices: `blockade chaos --seed` makes them again.
    pub(super) seed: u64,
    /// Why it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What to run, and where.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) folder: ClusterFolder,
    /// Which of the clusters that had this name, one after the other: its supervisor's process.
    pub(super) life: u32,
    pub(super) runs: PathBuf,
    pub(super) wishes: Wishes,
    pub(super) seed: u64,
}

/// The programs by their clusters' names. All of it may block.
#[derive(Default)]
pub(super) struct Programs(Mutex<BTreeMap<String, Arc<Program>>>);

struct Program {
    task: Task,
    interrupt: Arc<Interrupt>,
    faults: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Programs {
    /// Starts one. Where one runs already, that is a usage error.
    pub(super) fn start(&self, task: Task) -> Result<Look> {
        let mut programs = self.lock();
        let name = task.folder.name();
        if programs.get(name).is_some_and(|program| program.task.life == task.life && program.runs()) {
            return Err(Error::usage(format!("chaos runs on `{name}` already"))
                .help("PUT changes what it does, DELETE ends it"));
        }
        begin(&mut programs, task)
    }

    /// Ends one, and starts it again with other wishes, and its own seed where no other is given. One that somebody else
    /// has changed meanwhile is changed once more; one that somebody has ended stays so.
    pub(super) fn change(
        &self,
        (name, life): (&str, u32),
        seed: Option<u64>,
        change: impl Fn(Wishes) -> Result<Wishes>,
    ) -> Result<Option<Look>> {
        while let Some(program) = self.find(name, life) {
            let wishes = change(program.task.wishes.clone())?;
            let task = Task { wishes, seed: seed.unwrap_or(program.task.seed), ..program.task.clone() };
            task.wishes.events()?;
            program.end();
            let mut programs = self.lock();
            if programs.get(name).is_some_and(|present| Arc::ptr_eq(present, &program)) {
                return begin(&mut programs, task).map(Some);
            }
        }
        Ok(None)
    }

    /// What one is doing.
    pub(super) fn look(&self, name: &str, life: u32) -> Option<Look> {
        self.find(name, life).map(|program| program.look())
    }

    /// Ends one, and waits until its faults are healed. Where nobody knows which cluster that is by now, the last one
    /// of its name is meant.
    pub(super) fn end(&self, name: &str, life: Option<u32>) -> Result<Option<Look>> {
        let program = self.lock().remove(name);
        let Some(program) = program else { return Ok(None) };
        program.end();
        if life.is_some_and(|life| life != program.task.life) {
            return Ok(None); // it went with its cluster
        }
        match program.failed() {
            // What could not be cleaned up must not pass for a good end.
            Some(error) if error.kind == ErrorKind::Cleanup => Err(error),
            _ => Ok(Some(program.look())),
        }
    }

    /// Ends all at once, and waits for all.
    pub(super) fn end_all(&self) {
        let programs = std::mem::take(&mut *self.lock());
        for program in programs.values() {
            program.interrupt.end();
        }
        for program in programs.values() {
            program.end();
        }
    }

    /// The program of this cluster, and not one of an earlier cluster of its name.
    fn find(&self, name: &str, life: u32) -> Option<Arc<Program>> {
        self.lock().get(name).filter(|program| program.task.life == life).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Program>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts one in the place of any other.
fn begin(programs: &mut BTreeMap<String, Arc<Program>>, task: Task) -> Result<Look> {
    let name = task.folder.name().to_owned();
    let program = Program::start(task)?;
    let look = program.look();
    programs.insert(name, Arc::new(program));
    Ok(look)
}

impl Program {
    /// Returns once it has its session, or why it has none.
    fn start(task: Task) -> Result<Self> {
        let (interrupt, faults) = (Arc::<Interrupt>::default(), Arc::<AtomicUsize>::default());
        let failure = Arc::<Mutex<Option<Error>>>::default();
        let (ready, begun) = mpsc::channel();
        let work = {
            let (task, mood) = (task.clone(), Mood(Arc::clone(&faults)));
            let (interrupt, failure) = (Arc::clone(&interrupt), Arc::clone(&failure));
            move || {
                let ended = drive(&task, interrupt, mood, &ready);
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = ended.err();
            }
        };
        let thread = std::thread::Builder::new().name("chaos".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Error::machine(format!("cannot start a thread: {error}")))?;
        if begun.recv().is_err() {
            // It ended before it began.
            let _its_end = thread.join();
            let error = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(error.unwrap_or_else(|| Error::machine("chaos crashed").help("this is a bug in blockade")));
        }
        Ok(Self { task, interrupt, faults, thread: Mutex::new(Some(thread)), failure })
    }

    fn runs(&self) -> bool {
        match self.thread.try_lock() {
            Ok(thread) => thread.as_ref().is_some_and(|thread| !thread.is_finished()),
            Err(TryLockError::Poisoned(thread)) => thread.into_inner().is_some(),
            // Somebody waits for its end.
            Err(TryLockError::WouldBlock) => true,
        }
    }

    /// Returns when its faults are healed, to everybody who ends it.
    fn end(&self) {
        self.interrupt.end();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let _its_end = thread.take().map(JoinHandle::join);
    }

    /// Why it has ended by itself, or could not clean up.
    fn failed(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self) -> Look {
        let error = self.failed().map(|error| error.to_string());
        let state = match self.faults.load(Ordering::Relaxed) {
            _ if error.is_some() => "FAILED",
            0 => "HEALTHY",
            _ => "DEGRADED",
        };
        Look { state, seed: self.task.seed, error }
    }
}

/// The whole run, from its session to its clean-up. That it was interrupted is no error.
fn drive(task: &Task, interrupt: Arc<Interrupt>, mood: Mood, ready: &mpsc::Sender<()>) -> Result<()> {
    let (events, _) = task.wishes.events()?;
    let attached = Attached::open(&task.folder)?;
    let settings = settings(task, &events, attached, interrupt)?;
    let _somebody_waits = ready.send(());
    let outcome = run::run(settings, vec![Box::new(mood)])?;
    match outcome.cleanup.or(outcome.error) {
        Some(error) if error.kind != ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

fn settings(
    task: &Task,
    events: &[crate::chaos::Event],
    attached: Attached,
    interrupt: Arc<Interrupt>,
) -> Result<Settings> {
    let cluster = attached.cluster().clone();
    Ok(Settings {
        script: Script::compile(NAME, PROGRAM)?,
        chaos: None,
        cluster_text: std::fs::read_to_string(&cluster.file).unwrap_or_default(),
        kind: kind(attached.runtime()),
        seed: task.seed,
        params: task.wishes.params(events, &cluster),
        timeout_us: Some(u64::MAX),
        folder: Some(RunFolder::create(None, Path::new(&task.runs), task.seed)?),
        shaper: None,
        verify: false,
        attached: Some(attached),
        is_endless: true,
        interrupt,
        signals: Signals::Others,
        cluster,
    })
}

fn kind(name: &str) -> RuntimeKind {
    RuntimeKind::NAMES.iter().find(|(known, _)| *known == name).map_or(RuntimeKind::Netns, |(_, kind)| *kind)
}

/// Counts the faults in force, of which there are none while the cluster is healthy.
struct Mood(Arc<AtomicUsize>);

impl Output for Mood {
    fn event(&mut self, event: &Event) -> Result<()> {
        match event.body {
            EventBody::FaultInject { .. } => drop(self.0.fetch_add(1, Ordering::Relaxed)),
            EventBody::FaultFailed { .. } | EventBody::FaultHealed { .. } => {
                // Others' faults may end, which began before this.
                let less = |faults: usize| faults.checked_sub(1);
                let _none = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    /// A program on `c1` that takes a while to heal; and whether it has.
    fn healing(home: &Path) -> (Programs, Arc<AtomicBool>) {
        let (interrupt, healed) = (Arc::<Interrupt>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (interrupt, healed) = (Arc::clone(&interrupt), Arc::clone(&healed));
            std::thread::spawn(move || {
                while !interrupt.is_raised() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                std::thread::sleep(Duration::from_millis(200));
                healed.store(true, Ordering::SeqCst);
            })
        };
        let folder = ClusterFolder::new(home, "c1").unwrap();
        let task = Task { folder, life: 1, runs: home.join("runs"), wishes: Wishes::default(), seed: 1 };
        let (faults, thread, failure) = (Arc::default(), Mutex::new(Some(thread)), Arc::default());
        let program = Program { task, interrupt, faults, thread, failure };
        (Programs(Mutex::new([("c1".to_owned(), Arc::new(program))].into())), healed)
    }

    #[test]
    fn who_ends_it_while_another_changes_it_waits_for_the_same_end_and_it_is_not_started_again() {
        let home = tempfile::tempdir().unwrap();
        let (programs, healed) = healing(home.path());
        let program = programs.find("c1", 1).unwrap();
        std::thread::scope(|scope| {
            let changed = scope.spawn(|| programs.change(("c1", 1), None, Ok));
            while !program.interrupt.is_raised() {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(program.runs(), "until its end");
            assert!(programs.end("c1", Some(1)).unwrap().is_some());
            assert!(healed.load(Ordering::SeqCst), "before that is answered");
            // No cluster is up here: to start it again would be an error.
            assert_eq!(changed.join().unwrap().unwrap(), None);
        });
        assert!(!program.runs());
    }
}
