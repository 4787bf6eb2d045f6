//! Tasks: functions of a script that run beside each other, one at a time.
//!
//! Each has a stack of its own and hands over only where it waits: for a time, for the cluster's answer, for another
//! task. So no script needs a lock. On virtual time the next of several tasks that could go on is drawn from the seed,
//! so that an interleaving is a function of the seed alone; on real time it is the one that has waited for longest.
//!
//! `life` begins and ends them, `queue` says whose turn it is (pure), `schedule` runs them, `capture` says which variables
//! a task has for itself.
//! Nothing here knows of the cluster but the names of the faults that a task has made; all waiting goes through [`Host`](super::host::Host).

mod capture;
mod life;
mod queue;
mod schedule;

pub(super) use capture::Captures;

use crate::fault::FaultId;
use crate::random::Stream;
use crate::{Error, ErrorKind, Result};
use corosensei::{Coroutine, Yielder};
use futures_util::future::{AbortHandle, Aborted};
use futures_util::stream::FuturesUnordered;
use queue::Queue;
use rhai::Dynamic;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Duration;

/// Counts the tasks of a run.
pub(super) type TaskId = u64;

/// A task as others see it.
pub(super) struct Task {
    id: TaskId,
    /// `main`, `client 2`, `task 1`, `task 1.3`.
    name: RefCell<String>,
    /// How many tasks it has started.
    children: Cell<u64>,
    /// How many tasks it descends from.
    depth: usize,
    outcome: RefCell<Option<Outcome>>,
    /// Why it must end, from the moment that it was told so: nothing of the script runs in it any more. Some of Rhai's own
    /// functions swallow what a closure throws, whatever it is.
    doom: RefCell<Option<Error>>,
    /// Whether a call of it is to come to its own end, since what it makes would be nobody's.
    shielded: Cell<bool>,
    /// The programs of faults that it is in, innermost last, each with what it made and has not healed.
    programs: RefCell<Vec<Vec<FaultId>>>,
}

/// How a task ended.
#[derive(Clone)]
enum Outcome {
    Returned(Dynamic),
    /// By `cancel()`, or with the part of the script that it belongs to.
    Cancelled,
    Failed,
}

impl Task {
    fn new(id: TaskId, name: String, depth: usize) -> Rc<Self> {
        Rc::new(Self {
            id,
            name: RefCell::new(name),
            children: Cell::new(0),
            depth,
            outcome: RefCell::default(),
            doom: RefCell::default(),
            shielded: Cell::new(false),
            programs: RefCell::default(),
        })
    }

    /// What it makes from here on is to be healed by whoever ends the program.
    pub(super) fn begin_program(&self) {
        self.programs.borrow_mut().push(Vec::new());
    }

    /// What the innermost program has made and not healed.
    pub(super) fn end_program(&self) -> Vec<FaultId> {
        self.programs.borrow_mut().pop().unwrap_or_default()
    }

    /// It made a fault.
    pub(super) fn made(&self, id: FaultId) {
        if let Some(program) = self.programs.borrow_mut().last_mut() {
            program.push(id);
        }
    }

    /// It heals a fault itself.
    pub(super) fn unmade(&self, id: FaultId) {
        self.programs.borrow_mut().iter_mut().for_each(|program| program.retain(|made| *made != id));
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        self.name.borrow().clone()
    }

    /// Whether it has ended, however it did.
    pub(super) fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some()
    }
}

/// What a task waits for, as it says itself.
pub(super) enum Wait {
    /// A time of the run, microseconds.
    Until(u64),
    /// Work that somebody else does.
    Job(Pin<Box<dyn Future<Output = ()>>>),
    /// The end of another task.
    Join(TaskId),
}

/// How a wait ended: an error ends the task.
type Wake = Result<()>;

/// What a waiting task is registered for.
enum Waits {
    /// Its turn.
    Turn,
    Until(queue::Due),
    Job(AbortHandle),
    Join(TaskId),
}

/// A task that has not ended.
struct Running {
    task: Rc<Task>,
    body: Coroutine<Wake, Wait, Result<Dynamic>>,
    stream: Stream,
    /// Rhai's operations at its last wait, and so far.
    operations: (u64, u64),
    waits: Waits,
    /// How its wait ended, once it has.
    wake: Wake,
    joiners: Vec<TaskId>,
    /// Whether it was told to end.
    ending: bool,
}

type Jobs = FuturesUnordered<Pin<Box<dyn Future<Output = Result<TaskId, Aborted>>>>>;

/// All tasks of a run.
pub(super) struct Tasks {
    running: RefCell<BTreeMap<TaskId, Running>>,
    queue: RefCell<Queue>,
    jobs: RefCell<Jobs>,
    /// The task that runs now.
    current: RefCell<Rc<Task>>,
    /// The way out of the task that runs now.
    yielder: Cell<Option<NonNull<Yielder<Wake, Wait>>>>,
    /// Whether the task that runs now must end.
    doomed: Cell<bool>,
    last: Cell<TaskId>,
    /// Why tasks have failed, and with the first the run.
    failures: RefCell<VecDeque<Error>>,
    /// Whether the main task was told to end.
    stopped: Cell<bool>,
    /// Whether the main task goes on where another fails, or where it was interrupted itself: it is a person's.
    is_session: Cell<bool>,
    /// Whether the main task waits for what comes from outside.
    pub(super) outside: Cell<bool>,
}

/// What the task that made it waits for comes to its own end.
pub(super) struct Shield(Rc<Task>);

impl Drop for Shield {
    fn drop(&mut self) {
        self.0.shielded.set(false);
    }
}

/// The task of the script's body and of its parts.
const MAIN: TaskId = 0;
/// In a session Ctrl-C is for what the person waits for; another task that computes for so long is in the way.
const IN_THE_WAY: Duration = Duration::from_millis(200);

impl Tasks {
    /// No tasks yet but the main one, which is about to begin. With `choices`, they decide whose turn it is.
    pub(super) fn new(choices: Option<Stream>) -> Self {
        Self {
            running: RefCell::default(),
            queue: RefCell::new(Queue::new(choices)),
            jobs: RefCell::default(),
            current: RefCell::new(Task::new(MAIN, "main".to_owned(), 0)),
            yielder: Cell::new(None),
            doomed: Cell::new(false),
            last: Cell::new(MAIN),
            failures: RefCell::default(),
            stopped: Cell::new(false),
            is_session: Cell::new(false),
            outside: Cell::new(false),
        }
    }

    /// The task that runs now.
    pub(super) fn current(&self) -> Rc<Task> {
        Rc::clone(&self.current.borrow())
    }

    /// Why the run fails, if a task did; in a session the next failure that nobody has heard of.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failures.borrow_mut().pop_front()
    }

    /// From now on the main task is a person's: it goes on where other tasks fail, and after an interrupt.
    pub(super) fn open_session(&self) {
        self.is_session.set(true);
    }

    /// Whether an interrupt is for the current task, which has computed for so long.
    pub(super) fn heeds_interrupts(&self, computed: Duration) -> bool {
        !self.is_session.get() || self.current.borrow().id == MAIN || computed > IN_THE_WAY
    }

    /// From now on turns are drawn from another seed, where they are drawn.
    pub(super) fn reseed(&self, seed: u64) {
        self.queue.borrow_mut().reseed(&Stream::root(seed).split("turns"));
    }

    /// Whether no other task could go on before or at this time.
    pub(super) fn is_alone_until(&self, t_us: u64) -> bool {
        self.queue.borrow().is_alone_until(t_us)
    }

    /// Hands over until the wait has ended.
    pub(super) fn suspend(&self, wait: Wait) -> Result<()> {
        let Some(yielder) = self.yielder.get() else {
            return Err(Error::machine("a script waits outside of its tasks").help("this is a bug in blockade"));
        };
        // SAFETY: the yielder was set by the coroutine that runs now, at its start or at the end of its last wait, and
        // lives on its stack as long as it runs. What unwinds a coroutine that has not ended clears it first (`forget`).
        let wake = unsafe { yielder.as_ref() }.suspend(wait);
        self.yielder.set(Some(yielder));
        wake.map_err(|error| self.doom(error))
    }

    /// From now on the current task must end, and why.
    pub(super) fn doom(&self, error: Error) -> Error {
        self.doomed.set(true);
        self.current.borrow().doom.borrow_mut().get_or_insert(error).clone()
    }

    /// Why the current task must end, if it must.
    #[inline]
    pub(super) fn its_doom(&self) -> Option<Error> {
        // Asked before every operation of a script.
        if self.doomed.get() { self.current.borrow().doom.borrow().clone() } else { None }
    }

    /// A person goes on after an interrupt.
    pub(super) fn pardon(&self) {
        self.doomed.set(false);
        self.current.borrow().doom.replace(None);
    }

    /// Until this is dropped, what the current task waits for comes to its own end, even if the task was told to end.
    pub(super) fn shield(&self) -> Shield {
        let task = self.current();
        task.shielded.set(true);
        Shield(task)
    }

    /// The names of all tasks that have not ended.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.running.borrow().values().map(|running| running.task.name()).collect()
    }

    /// How many tasks the current one has started.
    pub(super) fn started(&self) -> u64 {
        self.current().children.get()
    }

    /// Lets go of all values. What has not ended is unwound where it waits; nothing of it gets anywhere.
    pub(super) fn forget(&self) {
        let task = Task::new(MAIN, "main".to_owned(), 0);
        task.doom.replace(Some(cancelled()));
        self.current.replace(task);
        self.doomed.set(true);
        self.yielder.set(None);
        let rest = std::mem::take(&mut *self.running.borrow_mut());
        drop(rest);
    }

    /// The main task goes on under another name.
    fn rename(&self, name: &str) {
        name.clone_into(&mut self.current.borrow().name.borrow_mut());
    }

    /// A run that comes to no end says who waits for what, if it is not clear.
    fn with_who_waits(&self, mut error: Error) -> Error {
        if self.running.borrow().len() > 1 {
            error.help = error.help.map(|help| format!("{help}; at this moment {}", self.who_waits()));
        }
        error
    }

    /// Who waits for what: for the message of a run that comes to no end.
    pub(super) fn who_waits(&self) -> String {
        const SHOWN: usize = 6;
        let running = self.running.borrow();
        // Only the task that runs now is not among them.
        let name = |id: &TaskId| running.get(id).map_or_else(|| self.current().name(), |task| task.task.name());
        let line = |task: &Running| match &task.waits {
            Waits::Turn => format!("{} could go on", task.task.name()),
            Waits::Until(due) => format!("{} sleeps until {} s", task.task.name(), due.t_us() as f64 / 1e6),
            Waits::Job(_) => format!("{} waits for the cluster", task.task.name()),
            Waits::Join(other) => format!("{} waits for {}", task.task.name(), name(other)),
        };
        let mut lines: Vec<String> = running.values().take(SHOWN).map(line).collect();
        if running.len() > SHOWN {
            lines.push(format!("and {} more", running.len() - SHOWN));
        }
        lines.join(", ")
    }
}

/// What a cancelled task's wait ends with; no script may catch it.
fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the task was cancelled")
}
