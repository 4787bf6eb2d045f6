//! What all script functions share: the way to the cluster, the clock, the recorder, the randomness and the limits.
//!
//! Every function that waits does so through [`Host::wait`], which is also where Ctrl-C and the run's deadline end a
//! script; nothing else may block.

use super::program::Program;
use super::tasks::{Tasks, Wait};
use crate::cluster::Cluster;
use crate::engine::{Clock, Command, EventBody, Job, Port, Recorder, Reply, at_once};
use crate::history::{Entry, Processes};
use crate::random::Stream;
use crate::{Error, ErrorKind, Result};
use rhai::Dynamic;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Ctrl-C or SIGTERM, seen by a waiting script at once and by a computing one soon.
#[derive(Debug, Default)]
pub struct Interrupt {
    raised: AtomicBool,
    wake: Notify,
}

impl Interrupt {
    /// Interrupts the run.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.wake.notify_waiters();
    }

    /// Whether it was interrupted.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Waits for it.
    pub async fn raised(&self) {
        let wake = self.wake.notified();
        if !self.is_raised() {
            wake.await;
        }
    }
}

/// What a host is made of.
pub struct HostSettings {
    /// The nodes.
    pub cluster: Arc<Cluster>,
    /// Takes the script's commands.
    pub port: Arc<dyn Port>,
    /// The run's clock.
    pub clock: Arc<Clock>,
    /// Where events go.
    pub recorder: Arc<Recorder>,
    /// Ctrl-C.
    pub interrupt: Arc<Interrupt>,
    /// The seed of every choice.
    pub seed: u64,
    /// `--set NAME=VALUE`.
    pub params: BTreeMap<String, String>,
    /// Whether every impairment is measured as soon as it is in force.
    pub verify: bool,
}

/// Lives as long as a run, on the script's thread.
pub struct Host {
    /// The nodes.
    pub(super) cluster: Arc<Cluster>,
    pub(super) clock: Arc<Clock>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) seed: u64,
    pub(super) params: BTreeMap<String, String>,
    /// Whether every impairment is measured as soon as it is in force.
    pub(super) verify: bool,
    /// The current task's stream.
    pub(super) stream: RefCell<Stream>,
    /// The operations so far.
    pub(super) history: RefCell<Vec<Entry>>,
    pub(super) processes: RefCell<Processes>,
    /// How many workloads were started.
    pub(super) workloads: Cell<u64>,
    /// `state(key, value)`.
    pub(super) state: RefCell<BTreeMap<String, Dynamic>>,
    pub(super) tasks: Tasks,
    /// The script that runs here, once it is bound.
    pub(super) program: RefCell<Weak<Program>>,
    port: Arc<dyn Port>,
    pub(super) interrupt: Arc<Interrupt>,
    pub(super) deadline_us: Cell<u64>,
    /// How long the run may take, as its user said it.
    timeout_us: Cell<u64>,
    /// Operations of the current task, counted by Rhai at its last wait and at the last look.
    pub(super) operations: Cell<(u64, u64)>,
    /// When the current task began to compute, on the machine's clock.
    waited: Cell<Instant>,
}

/// A script that computes so long without waiting for anything is taken for an endless loop.
const OPERATIONS_MAX: u64 = 50_000_000;
/// One operation on a long list takes as long as thousands of others: real time counts as well, on every clock.
const COMPUTING_MAX: Duration = Duration::from_secs(60);

impl Host {
    /// A host for one run.
    #[must_use]
    pub fn new(settings: HostSettings) -> Self {
        let choices = settings.clock.is_virtual().then(|| Stream::root(settings.seed).split("turns"));
        Self {
            tasks: Tasks::new(choices),
            program: RefCell::default(),
            cluster: settings.cluster,
            port: settings.port,
            clock: settings.clock,
            recorder: settings.recorder,
            interrupt: settings.interrupt,
            seed: settings.seed,
            params: settings.params,
            verify: settings.verify,
            stream: RefCell::new(Stream::root(settings.seed).split("main")),
            history: RefCell::default(),
            processes: RefCell::default(),
            workloads: Cell::new(0),
            state: RefCell::default(),
            deadline_us: Cell::new(u64::MAX),
            timeout_us: Cell::new(u64::MAX),
            operations: Cell::new((0, 0)),
            waited: Cell::new(Instant::now()),
        }
    }

    /// Ends the script so long after it began.
    pub fn set_deadline(&self, began_us: u64, timeout_us: u64) {
        self.deadline_us.set(began_us.saturating_add(timeout_us));
        self.timeout_us.set(timeout_us);
    }

    pub(super) fn deadline_passed(&self) -> Error {
        let timeout = self.timeout_us.get() as f64 / 1e6;
        Error::new(ErrorKind::Deadline, format!("the run's deadline of {timeout} s has passed"))
            .help("give more with `const OPTIONS = #{ timeout: \"30m\" };` or --timeout")
    }

    /// Hands in a command and waits for its reply.
    pub fn call(&self, command: Command) -> Result<Reply> {
        let job = self.port.call(&self.tasks.current().name(), command);
        self.wait(job)
    }

    /// Waits for a job, but not beyond Ctrl-C or the deadline. Other tasks run meanwhile.
    pub fn wait<T: Send + 'static>(&self, job: Job<T>) -> Result<T> {
        self.check_limits()?;
        if self.clock.is_virtual() {
            let result = at_once(job);
            self.sleep_until(self.clock.now_us().saturating_add(self.clock.take_owed()))?;
            return result;
        }
        let slot = Rc::new(RefCell::new(None));
        let filled = Rc::clone(&slot);
        let job = async move { *filled.borrow_mut() = Some(job.await) };
        self.hand_over(Wait::Job(Box::pin(job)))?;
        let result = slot.borrow_mut().take();
        result.unwrap_or_else(|| Err(Error::machine("a wait ended before its time").help("this is a bug in blockade")))
    }

    /// Sleeps until this time of the run. Other tasks run meanwhile.
    pub fn sleep_until(&self, t_us: u64) -> Result<()> {
        self.check_limits()?;
        if self.clock.is_virtual() && t_us < self.deadline_us.get() && self.tasks.is_alone_until(t_us) {
            let moves = t_us > self.clock.now_us();
            self.clock.advance(t_us);
            if moves {
                self.compute_anew();
            }
            return Ok(());
        }
        self.hand_over(Wait::Until(t_us))
    }

    /// Lets other tasks run until this wait has ended.
    pub(super) fn hand_over(&self, wait: Wait) -> Result<()> {
        let before_us = self.clock.now_us();
        self.tasks.suspend(wait)?;
        // A loop that makes no time pass is one that computes, on virtual time.
        if self.clock.now_us() > before_us {
            self.compute_anew();
        }
        Ok(())
    }

    /// The task that has its turn now has done so many operations before.
    pub(super) fn go_on(&self, operations: (u64, u64)) {
        self.operations.set(operations);
    }

    /// From here on the script computes anew.
    pub(super) fn compute_anew(&self) {
        let (_, seen) = self.operations.get();
        self.operations.set((seen, seen));
        self.waited.set(Instant::now());
    }

    /// Called by Rhai between operations: why the script must end now, if it must.
    pub(super) fn progress(&self, operations: u64) -> Option<Error> {
        let (mark, _) = self.operations.get();
        let mark = mark.min(operations); // each entry into Rhai counts from zero again
        self.operations.set((mark, operations));
        if operations - mark > OPERATIONS_MAX {
            return Some(runaway(&format!("{OPERATIONS_MAX} operations")));
        }
        if operations.is_multiple_of(256) && self.waited.get().elapsed() > COMPUTING_MAX {
            return Some(runaway(&format!("{} s of computing", COMPUTING_MAX.as_secs())));
        }
        if operations.is_multiple_of(4096) { self.check_limits().err() } else { None }
    }

    pub(super) fn check_limits(&self) -> Result<()> {
        if self.interrupt.is_raised() {
            return Err(interrupted());
        }
        let deadline_us = self.deadline_us.get();
        if self.clock.now_us() >= deadline_us { Err(self.deadline_passed()) } else { Ok(()) }
    }

    /// The run is over: values of the script may hold this host, which holds them.
    pub(super) fn forget(&self) {
        self.state.borrow_mut().clear();
        self.tasks.forget();
    }

    /// Records an event; a journal that cannot take it ends the run.
    pub fn record(&self, body: EventBody) -> Result<()> {
        self.recorder.record(body)
    }

    /// The names of all nodes, in the cluster's order.
    pub(super) fn names(&self) -> Vec<String> {
        self.cluster.nodes.iter().map(|node| node.name.clone()).collect()
    }
}

fn runaway(spent: &str) -> Error {
    Error::usage(format!("runaway script: {spent} without waiting for anything"))
        .help("an endless loop? a loop that waits for something should sleep() or wait_until()")
}

/// Ctrl-C.
pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
}
