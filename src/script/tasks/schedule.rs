//! The loop that gives each task its turn, below all of their stacks.

use super::{MAIN, Outcome, Running, Task, TaskId, Tasks, Wait, Waits, Wake, cancelled};
use crate::script::host::{Host, interrupted};
use crate::{Error, ErrorKind, Result};
use corosensei::CoroutineResult;
use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable};
use rhai::Dynamic;
use std::rc::Rc;

/// A session may start a thousand tasks that all fail the same way: so many are heard of.
const FAILURES_MAX: usize = 16;

impl Host {
    /// Runs a function as the main task, until it has ended. What tasks it leaves are dropped where they wait.
    pub(in crate::script) fn run_tasks(
        self: &Rc<Self>,
        main: impl FnOnce() -> Result<Dynamic> + 'static,
    ) -> Result<Dynamic> {
        let task = Task::new(MAIN, "main".to_owned(), 0);
        let stream = self.stream.borrow().clone();
        self.tasks.current.replace(Rc::clone(&task));
        self.tasks.stopped.set(false);
        self.admit(task, stream, main)?;
        loop {
            let next = self.tasks.queue.borrow_mut().next();
            match next {
                Some(id) => {
                    if let Some(ended) = self.resume(id) {
                        return ended;
                    }
                }
                None => self.idle()?,
            }
        }
    }

    /// Lets a task run until it waits or ends. What came of it, if it was the main one and has ended.
    fn resume(&self, id: TaskId) -> Option<Result<Dynamic>> {
        let mut running = self.tasks.running.borrow_mut().remove(&id)?;
        let before = self.tasks.current.replace(Rc::clone(&running.task));
        self.recorder.enter_task(&running.task.name.borrow());
        std::mem::swap(&mut *self.stream.borrow_mut(), &mut running.stream);
        self.go_on(running.operations);
        self.tasks.doomed.set(running.task.doom.borrow().is_some());
        let wake = std::mem::replace(&mut running.wake, Ok(()));
        let result = running.body.resume(wake);
        running.operations = self.operations.get();
        std::mem::swap(&mut *self.stream.borrow_mut(), &mut running.stream);
        self.tasks.current.replace(before);
        match result {
            CoroutineResult::Yield(wait) => {
                self.tasks.register(running, wait);
                None
            }
            CoroutineResult::Return(result) => self.tasks.ended(running, result),
        }
    }

    /// Nobody can go on: waits until somebody can.
    fn idle(&self) -> Result<()> {
        if self.clock.is_virtual() { self.idle_virtually() } else { self.idle_really() }
    }

    fn idle_virtually(&self) -> Result<()> {
        let Some(first_us) = self.tasks.queue.borrow().first_due() else {
            return self.stop(self.nobody_moves());
        };
        if first_us >= self.deadline_us.get() {
            self.clock.advance(self.deadline_us.get());
            return self.stop(self.deadline_passed());
        }
        self.clock.advance(first_us);
        self.tasks.wake_due(first_us);
        Ok(())
    }

    fn idle_really(&self) -> Result<()> {
        enum Woken {
            Job(TaskId),
            Clock,
            Nothing,
            Stop(Error),
        }
        let mut jobs = self.tasks.jobs.take();
        let due_us = self.tasks.queue.borrow().first_due();
        if jobs.is_empty() && due_us.is_none() {
            return self.stop(self.nobody_moves());
        }
        // A run that was told to stop is ended by its tasks: what they still do is not to be disturbed.
        let disturbed = !self.tasks.stopped.get();
        let woken = tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.raised(), if disturbed => Woken::Stop(interrupted()),
                () = self.clock.sleep_until(self.deadline_us.get()), if disturbed => Woken::Stop(self.deadline_passed()),
                Some(job) = jobs.next(), if !jobs.is_empty() => job.map_or(Woken::Nothing, Woken::Job),
                () = self.clock.sleep_until(due_us.unwrap_or(u64::MAX)), if due_us.is_some() => Woken::Clock,
                else => Woken::Nothing,
            }
        });
        *self.tasks.jobs.borrow_mut() = jobs;
        match woken {
            Woken::Job(id) => self.tasks.wake(id, Ok(())),
            Woken::Clock => self.tasks.wake_due(self.clock.now_us()),
            Woken::Nothing => {}
            Woken::Stop(error) => return self.stop(error),
        }
        Ok(())
    }

    /// Ends the main task's wait with this error, and so the run. An error where it has been told so already.
    fn stop(&self, error: Error) -> Result<()> {
        if !self.tasks.is_session.get() && self.tasks.stopped.replace(true) {
            return Err(error);
        }
        let error = if error.kind == ErrorKind::Deadline { self.tasks.with_who_waits(error) } else { error };
        self.tasks.wake(MAIN, Err(error));
        Ok(())
    }

    fn nobody_moves(&self) -> Error {
        Error::usage("deadlock: every task waits for another one").help(self.tasks.who_waits())
    }
}

impl Tasks {
    /// A task waits from now on.
    fn register(&self, mut running: Running, wait: Wait) {
        let id = running.task.id;
        running.waits = match wait {
            Wait::Until(t_us) => Waits::Until(self.queue.borrow_mut().sleep(id, t_us)),
            Wait::Job(job) => {
                let (handle, registration) = AbortHandle::new_pair();
                let done = Abortable::new(job, registration);
                self.jobs.borrow_mut().push(Box::pin(async move { done.await.map(|()| id) }));
                Waits::Job(handle)
            }
            Wait::Join(other) => {
                let mut all = self.running.borrow_mut();
                if let Some(other) = all.get_mut(&other) {
                    other.joiners.push(id);
                    Waits::Join(other.task.id)
                } else {
                    self.queue.borrow_mut().ready(id);
                    Waits::Turn
                }
            }
        };
        self.running.borrow_mut().insert(id, running);
    }

    /// A task's wait is over: it has its turn soon.
    pub(super) fn wake(&self, id: TaskId, wake: Wake) {
        let mut all = self.running.borrow_mut();
        let Some(running) = all.get_mut(&id) else { return };
        // An error that the task is to end with stays.
        running.wake = std::mem::replace(&mut running.wake, Ok(())).and(wake);
        match std::mem::replace(&mut running.waits, Waits::Turn) {
            Waits::Turn => return,
            Waits::Until(due) => self.queue.borrow_mut().forget(due),
            Waits::Job(job) => job.abort(),
            Waits::Join(other) => {
                if let Some(other) = all.get_mut(&other) {
                    other.joiners.retain(|joiner| *joiner != id);
                }
            }
        }
        self.queue.borrow_mut().ready(id);
    }

    fn wake_due(&self, now_us: u64) {
        let due = self.queue.borrow_mut().take_due(now_us);
        for id in due {
            self.wake(id, Ok(()));
        }
    }

    /// A task has ended. What came of it, if it was the main one.
    fn ended(&self, running: Running, result: Result<Dynamic>) -> Option<Result<Dynamic>> {
        let outcome = match &result {
            Ok(value) => Outcome::Returned(value.clone()),
            Err(error) if error.kind == ErrorKind::Cancelled => Outcome::Cancelled,
            Err(_) => Outcome::Failed,
        };
        running.task.outcome.replace(Some(outcome));
        running.joiners.iter().for_each(|joiner| self.wake(*joiner, Ok(())));
        if running.task.id == MAIN {
            return Some(result);
        }
        if let Err(error) = result
            && error.kind != ErrorKind::Cancelled
        {
            self.failed(&running.task.name.borrow(), error);
        }
        None
    }

    /// A task that fails, fails the run. A session hears of it when it has nothing else to do.
    fn failed(&self, name: &str, error: Error) {
        if self.failures.borrow().len() < FAILURES_MAX {
            let is_everybodys = matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Deadline);
            let error = if is_everybodys && !self.is_session.get() { error } else { in_task(name, error) };
            self.failures.borrow_mut().push_back(error);
        }
        let is_over = if self.is_session.get() { self.outside.get() } else { !self.stopped.replace(true) };
        if is_over {
            self.wake(MAIN, Err(cancelled()));
        }
    }
}

/// Says in which task an error happened.
fn in_task(name: &str, error: Error) -> Error {
    let mut error = error.context(name);
    if let Some(first) = error.diagnostics.first_mut() {
        first.message = format!("{name}: {}", first.message);
    }
    error
}
