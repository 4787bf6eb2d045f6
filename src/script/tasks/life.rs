//! The life of a task: begun by another one, waited for, and ended where it waits.

use super::{MAIN, Outcome, Running, Task, TaskId, Tasks, Wait, Waits, Wake, cancelled};
use crate::random::Stream;
use crate::script::host::Host;
use crate::{Error, ErrorKind, Result};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use rhai::Dynamic;
use std::ptr::NonNull;
use std::rc::Rc;

/// So many tasks may be alive at a time: each has a stack.
const TASKS_MAX: usize = 10_000;
/// How many tasks a task may descend from.
const DEPTH_MAX: usize = 32;
/// Address space of a task's stack: scripts nest a hundred calls deep, and Rhai's frames are large. Memory only where it
/// is touched.
const STACK_BYTES: usize = 64 << 20;

impl Host {
    /// The name of a new child of the current task: the same whatever other tasks do meanwhile.
    fn child_name(&self, kind: &str) -> String {
        let parent = self.tasks.current();
        let number = parent.children.get() + 1;
        parent.children.set(number);
        if parent.id == MAIN { format!("{kind} {number}") } else { format!("{}.{number}", parent.name.borrow()) }
    }

    /// Begins another task, a child of the current one. It runs when this one waits.
    pub(in crate::script) fn start_task(
        self: &Rc<Self>,
        kind: &str,
        body: impl FnOnce() -> Result<Dynamic> + 'static,
    ) -> Result<Rc<Task>> {
        self.start_named(self.child_name(kind), body)
    }

    /// The same under a name of its own, which no other task of the run may have.
    pub(in crate::script) fn start_named(
        self: &Rc<Self>,
        name: String,
        body: impl FnOnce() -> Result<Dynamic> + 'static,
    ) -> Result<Rc<Task>> {
        if self.tasks.running.borrow().len() >= TASKS_MAX {
            return Err(Error::usage(format!("more than {TASKS_MAX} tasks at a time"))
                .help("a loop that starts tasks and never joins them?"));
        }
        let depth = self.tasks.current().depth + 1;
        if depth > DEPTH_MAX {
            return Err(Error::usage(format!("tasks start tasks {depth} deep, the limit is {DEPTH_MAX}"))
                .help("recursion without an end? use a loop"));
        }
        self.tasks.last.set(self.tasks.last.get() + 1);
        let task = Task::new(self.tasks.last.get(), name, depth);
        let stream = Stream::root(self.seed.get()).split(&task.name.borrow());
        self.admit(Rc::clone(&task), stream, body)?;
        Ok(task)
    }

    pub(super) fn admit(
        self: &Rc<Self>,
        task: Rc<Task>,
        stream: Stream,
        body: impl FnOnce() -> Result<Dynamic> + 'static,
    ) -> Result<()> {
        let stack = DefaultStack::new(STACK_BYTES)
            .map_err(|error| Error::machine(format!("no room for a task's stack: {error}")))?;
        let host = Rc::clone(self);
        let body = Coroutine::with_stack(stack, move |yielder: &Yielder<Wake, Wait>, wake: Wake| {
            host.tasks.yielder.set(Some(NonNull::from(yielder)));
            wake.and_then(|()| body())
        });
        let id = task.id;
        let running = Running {
            task,
            body,
            stream,
            operations: (0, 0),
            waits: Waits::Turn,
            wake: Ok(()),
            joiners: Vec::new(),
            ending: false,
        };
        self.tasks.running.borrow_mut().insert(id, running);
        self.tasks.queue.borrow_mut().ready(id);
        Ok(())
    }

    /// Waits for a task's end: its value, or nothing where it was cancelled.
    pub(in crate::script) fn join_task(&self, task: &Rc<Task>) -> Result<Dynamic> {
        if !task.has_ended() {
            self.check_limits()?;
            self.tasks.check_circle(task)?;
            self.hand_over(Wait::Join(task.id))?;
        }
        match &*task.outcome.borrow() {
            Some(Outcome::Returned(value)) => Ok(value.clone()),
            Some(Outcome::Failed) if self.tasks.is_session.get() => {
                Err(Error::new(ErrorKind::Failed, format!("{} has failed", task.name())))
            }
            // One that failed fails the run, and this task with it.
            Some(Outcome::Cancelled | Outcome::Failed) | None => Ok(Dynamic::UNIT),
        }
    }

    /// Ends a task where it waits. Nothing of it runs any more when this returns.
    pub(in crate::script) fn cancel_task(&self, task: &Rc<Task>) -> Result<()> {
        if task.has_ended() {
            return Ok(());
        }
        if task.id == self.tasks.current().id {
            return Err(Error::usage(format!("{} cancels itself", task.name())).help("to end a task, `return` from it"));
        }
        self.tasks.end(task.id);
        self.hand_over(Wait::Join(task.id))
    }

    /// Ends all tasks but the current one that this holds for, and waits for their ends.
    pub(in crate::script) fn cancel_tasks(&self, holds: impl Fn(&Task) -> bool) -> Result<()> {
        let current = self.tasks.current().id;
        let others: Vec<Rc<Task>> = {
            let running = self.tasks.running.borrow();
            let others = running.values().map(|running| &running.task);
            others.filter(|task| task.id != current && holds(task)).cloned().collect()
        };
        for task in &others {
            self.tasks.end(task.id);
        }
        others.iter().filter(|task| !task.has_ended()).try_for_each(|task| self.hand_over(Wait::Join(task.id)))
    }

    /// The main task goes on with the next part of the script, on a stream of its own.
    pub(in crate::script) fn enter_part(&self, part: &str) {
        self.tasks.rename(part);
        self.recorder.enter_task(part);
        *self.stream.borrow_mut() = Stream::root(self.seed.get()).split(part);
    }
}

impl Tasks {
    /// Tells a task to end. One that is doing so already is left alone: it may be cleaning up.
    pub(super) fn end(&self, id: TaskId) {
        {
            let mut running = self.running.borrow_mut();
            let Some(running) = running.get_mut(&id).filter(|running| !running.ending) else { return };
            running.ending = true;
            if running.task.shielded.get() {
                running.task.doom.replace(Some(cancelled()));
                return;
            }
        }
        self.wake(id, Err(cancelled()));
    }

    /// A wait for a task that waits, through others, for the current one would never end.
    fn check_circle(&self, target: &Rc<Task>) -> Result<()> {
        let current = self.current();
        let running = self.running.borrow();
        let mut circle = vec![current.name()];
        let mut next = Some(target.id);
        while let Some(id) = next {
            if id == current.id {
                circle.push(current.name());
                let message = format!("tasks wait for each other for ever: {}", circle.join(" → "));
                return Err(Error::usage(message).help("one of these join()s must go"));
            }
            let Some(task) = running.get(&id) else { break };
            circle.push(task.task.name());
            next = if let Waits::Join(other) = task.waits { Some(other) } else { None };
        }
        Ok(())
    }
}
