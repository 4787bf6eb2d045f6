//! Stamps what happens and hands it to every reader: the journal first, then the terminal or `--json`.

use super::{Clock, Event, EventBody};
use crate::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// A reader of events. An error means that the event is not safe there, and what it announces must not be done.
pub trait Output: Send {
    /// Takes one event.
    fn event(&mut self, event: &Event) -> Result<()>;
}

/// The one place through which events leave.
pub struct Recorder {
    clock: Arc<Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    seq: u64,
    task: String,
    outputs: Vec<Box<dyn Output>>,
}

impl Recorder {
    /// A recorder for a run that follows this clock.
    #[must_use]
    pub fn new(clock: Arc<Clock>, outputs: Vec<Box<dyn Output>>) -> Self {
        Self { clock, inner: Mutex::new(Inner { seq: 0, task: "main".into(), outputs }) }
    }

    /// Later events of the script belong to this task.
    pub fn enter_task(&self, task: &str) {
        task.clone_into(&mut self.lock().task);
    }

    /// The current task.
    #[must_use]
    pub fn task(&self) -> String {
        self.lock().task.clone()
    }

    /// Records what the current task does. Every output gets the event; the first failure is returned.
    pub fn record(&self, body: EventBody) -> Result<()> {
        self.record_and_keep(body).map(drop)
    }

    /// The same, and gives the event as the outputs got it.
    pub fn record_and_keep(&self, body: EventBody) -> Result<Event> {
        let mut inner = self.lock();
        let task = inner.task.clone();
        inner.emit(self.clock.now_us(), task, body)
    }

    /// Records what was done on behalf of a task that may not be the current one any more.
    pub fn record_as(&self, task: &str, body: EventBody) -> Result<()> {
        self.lock().emit(self.clock.now_us(), task.to_owned(), body).map(drop)
    }

    /// Records what no task asked for.
    pub fn record_engine(&self, body: EventBody) -> Result<()> {
        self.record_as("engine", body)
    }

    /// A panic while recording leaves no half-made state behind: go on with what is there.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn emit(&mut self, t_us: u64, task: String, body: EventBody) -> Result<Event> {
        self.seq += 1;
        let event = Event { seq: self.seq, t_us, task, body };
        let mut outcome = Ok(());
        for output in &mut self.outputs {
            outcome = outcome.and(output.event(&event));
        }
        outcome.map(|()| event)
    }
}
