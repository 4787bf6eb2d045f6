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
    final_one: AtomicBool,
    wake: Notify,
}

impl Interrupt {
    /// Interrupts the run.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.wake.notify_waiters();
    }

    /// Interrupts the run, and it stays so.
    pub fn end(&self) {
        self.final_one.store(true, Ordering::SeqCst);
        self.raise();
    }

    /// An interrupt has been heeded: the next one is another. `false` where the run was told to end.
    pub fn lower(&self) -> bool {
        self.raised.store(false, Ordering::SeqCst);
        let ends = self.final_one.load(Ordering::SeqCst);
        if ends {
            self.raise(); // it may have come in between
        }
        !ends
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
    pub(super) seed: Cell<u64>,
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
    /// When somebody waited last on virtual time, and how often at that instant.
    waits: Cell<(u64, u64)>,
    /// Operations of the current task, counted by Rhai at its last wait and at the last look.
    pub(super) operations: Cell<(u64, u64)>,
    /// When the current task began to compute, on the machine's clock.
    waited: Cell<Instant>,
    /// The same of changes of the cluster.
    changes: Cell<(u64, u64)>,
}

/// A script that computes so long without waiting for anything is taken for an endless loop.
const OPERATIONS_MAX: u64 = 50_000_000;
/// So many waits at one instant of virtual time are a loop that makes none pass.
const WAITS_MAX: u64 = 1_000_000;
/// One operation on a long list takes as long as thousands of others: real time counts as well, on every clock.
const COMPUTING_MAX: Duration = Duration::from_secs(60);
/// On virtual time a change of the cluster takes none, so that a loop of them would never come to its deadline; and each
/// fault makes the next one more expensive.
const CHANGES_MAX: u64 = 10_000;

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
            seed: Cell::new(settings.seed),
            params: settings.params,
            verify: settings.verify,
            stream: RefCell::new(Stream::root(settings.seed).split("main")),
            history: RefCell::default(),
            processes: RefCell::default(),
            workloads: Cell::new(0),
            state: RefCell::default(),
            deadline_us: Cell::new(u64::MAX),
            timeout_us: Cell::new(u64::MAX),
            waits: Cell::new((0, 0)),
            operations: Cell::new((0, 0)),
            waited: Cell::new(Instant::now()),
            changes: Cell::new((0, 0)),
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
        if command.changes() {
            self.count(&self.changes, CHANGES_MAX, "faults and heals")?;
        }
        let job = self.port.call(&self.tasks.current().name(), command);
        self.wait(job)
    }

    /// Hands in a command that is waited for elsewhere, while other things happen.
    pub(super) fn begin(&self, command: Command) -> Job<Reply> {
        self.port.call(&self.tasks.current().name(), command)
    }

    /// Counts something that takes no time of the virtual clock; too often at one instant, it is a loop without an end.
    fn count(&self, instant: &Cell<(u64, u64)>, max: u64, what: &str) -> Result<()> {
        if !self.clock.is_virtual() {
            return Ok(());
        }
        let now_us = self.clock.now_us();
        let (at_us, before) = instant.get();
        let count = if at_us == now_us { before + 1 } else { 1 };
        instant.set((now_us, count));
        if count > max {
            return Err(self.tasks.doom(runaway(&format!("{max} {what} without any time passing"))));
        }
        Ok(())
    }

    fn count_wait(&self) -> Result<()> {
        self.count(&self.waits, WAITS_MAX, "waits")
    }

    /// Looks at the cluster without taking a turn on virtual time: what a person sees changes no interleaving.
    pub(super) fn look(&self, command: Command) -> Result<Reply> {
        if !self.clock.is_virtual() {
            return self.call(command);
        }
        at_once(self.port.call(&self.tasks.current().name(), command))
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

    /// Waits for what comes from outside of the run, like a person's next line. On real time other tasks run meanwhile;
    /// virtual time stands still.
    pub(super) fn wait_outside<T: 'static>(&self, outside: impl Future<Output = T> + 'static) -> Result<T> {
        self.check_limits()?;
        if self.clock.is_virtual() {
            return self.block_on(outside);
        }
        let slot = Rc::new(RefCell::new(None));
        let filled = Rc::clone(&slot);
        self.tasks.outside.set(true);
        let waited = self.hand_over(Wait::Job(Box::pin(async move { *filled.borrow_mut() = Some(outside.await) })));
        self.tasks.outside.set(false);
        let result = slot.borrow_mut().take();
        // What has come is not lost, whatever came with it.
        result.map_or_else(|| Err(waited.err().unwrap_or_else(interrupted)), Ok)
    }

    fn block_on<T>(&self, outside: impl Future<Output = T>) -> Result<T> {
        // Of its own: on virtual time nothing else may find a runtime to wait in.
        let tokio = tokio::runtime::Builder::new_current_thread().build();
        let tokio = tokio.map_err(|error| Error::machine(format!("cannot wait: {error}")))?;
        tokio.block_on(async {
            tokio::select! {
                biased;
                come = outside => Ok(come),
                () = self.interrupt.raised() => Err(interrupted()),
            }
        })
    }

    /// From here on what is drawn comes from another seed.
    pub(super) fn reseed(&self, seed: u64) {
        self.seed.set(seed);
        self.tasks.reseed(seed);
        *self.stream.borrow_mut() = Stream::root(seed).split(&self.tasks.current().name());
    }

    /// Sleeps until this time of the run. Other tasks run meanwhile.
    pub fn sleep_until(&self, t_us: u64) -> Result<()> {
        self.check_limits()?;
        if self.clock.is_virtual() && t_us < self.deadline_us.get() && self.tasks.is_alone_until(t_us) {
            let now_us = self.clock.now_us();
            self.clock.advance(t_us);
            if t_us > now_us {
                self.compute_anew();
                return Ok(());
            }
            return self.count_wait();
        }
        self.hand_over(Wait::Until(t_us))
    }

    /// Lets other tasks run until this wait has ended.
    pub(super) fn hand_over(&self, wait: Wait) -> Result<()> {
        let before_us = self.clock.now_us();
        self.count_wait()?;
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
    #[inline]
    pub(super) fn progress(&self, operations: u64) -> Option<Error> {
        if let Some(doom) = self.tasks.its_doom() {
            return Some(doom);
        }
        let (mark, _) = self.operations.get();
        let mark = mark.min(operations); // each entry into Rhai counts from zero again
        self.operations.set((mark, operations));
        if operations - mark > OPERATIONS_MAX {
            return Some(runaway(&format!("{OPERATIONS_MAX} operations without waiting for anything")));
        }
        if operations.is_multiple_of(256) && self.waited.get().elapsed() > COMPUTING_MAX {
            return Some(runaway(&format!("{} s of computing without waiting for anything", COMPUTING_MAX.as_secs())));
        }
        if operations.is_multiple_of(4096) { self.check_limits().err() } else { None }
    }

    /// An error ends the current task, and nothing of the script runs in it any more.
    pub(super) fn check_limits(&self) -> Result<()> {
        self.limits().map_err(|error| self.tasks.doom(error))
    }

    fn limits(&self) -> Result<()> {
        if self.interrupt.is_raised() && self.tasks.heeds_interrupts(self.waited.get().elapsed()) {
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
    Error::usage(format!("runaway script: {spent}"))
        .help("an endless loop? a loop that waits for something should sleep() or wait_until()")
}

/// Ctrl-C.
pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
}

#[cfg(test)]
mod tests {
    use super::Interrupt;

    #[test]
    fn an_interrupt_is_over_once_it_is_heeded_and_an_end_never() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        assert!(interrupt.is_raised() && interrupt.lower() && !interrupt.is_raised());
        interrupt.end();
        assert!(!interrupt.lower() && interrupt.is_raised());
    }
}
