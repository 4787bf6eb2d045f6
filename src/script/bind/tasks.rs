//! Tasks: functions that run beside the script.

use super::super::host::Host;
use super::super::program::Program;
use super::super::tasks::Task;
use super::super::values;
use super::{Scripted, at_call};
use crate::{Error, Result};
use rhai::{Dynamic, Engine, FnPtr, ImmutableString, NativeCallContext};
use std::rc::Rc;

/// What `task()` returns to a script.
#[derive(Clone)]
pub(in crate::script) struct TaskHandle {
    task: Rc<Task>,
    host: Rc<Host>,
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    starting(engine, host);
    engine.register_type_with_name::<TaskHandle>("Task");
    engine.register_fn("join", |handle: &mut TaskHandle| -> Scripted<Dynamic> {
        at_call(handle.host.join_task(&handle.task))
    });
    engine.register_fn("cancel", |handle: &mut TaskHandle| -> Scripted<()> {
        at_call(handle.host.cancel_task(&handle.task))
    });
    engine.register_get("done", |handle: &mut TaskHandle| handle.task.has_ended());
    engine.register_get("name", |handle: &mut TaskHandle| ImmutableString::from(handle.task.name()));
    engine.register_fn("to_string", |handle: &mut TaskHandle| handle.task.name());
    engine.register_fn("to_debug", |handle: &mut TaskHandle| handle.task.name());
}

fn starting(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("task", move |context: NativeCallContext, function: FnPtr| -> Scripted<TaskHandle> {
        let body = at_call(program(&own))?.task_body(&context, function);
        start(&own, "task", body)
    });
    let own = Rc::clone(host);
    engine.register_fn(
        "after",
        move |context: NativeCallContext, duration: Dynamic, function: FnPtr| -> Scripted<TaskHandle> {
            let t_us = at_call(values::duration_us(&duration))?.saturating_add(own.clock.now_us());
            let body = at_call(program(&own))?.task_body(&context, function);
            let host = Rc::clone(&own);
            start(&own, "after", move || host.sleep_until(t_us).and_then(|()| body()))
        },
    );
    let own = Rc::clone(host);
    engine.register_fn(
        "every",
        move |context: NativeCallContext, interval: Dynamic, function: FnPtr| -> Scripted<TaskHandle> {
            let interval_us = at_call(interval_us(&interval))?;
            let body = at_call(program(&own))?.task_body(&context, function);
            let host = Rc::clone(&own);
            start(&own, "every", move || again_and_again(&host, interval_us, body))
        },
    );
}

fn program(host: &Host) -> Result<Rc<Program>> {
    host.program.borrow().upgrade().ok_or_else(|| Error::machine("no script").help("this is a bug in blockade"))
}

fn start(host: &Rc<Host>, kind: &str, body: impl FnOnce() -> Result<Dynamic> + 'static) -> Scripted<TaskHandle> {
    at_call(host.start_task(kind, body)).map(|task| TaskHandle { task, host: Rc::clone(host) })
}

fn interval_us(value: &Dynamic) -> Result<u64> {
    match values::duration_us(value)? {
        0 => Err(Error::usage("every() needs an interval above 0")
            .help("for a loop without a pause use task(|| loop { … })")),
        interval_us => Ok(interval_us),
    }
}

/// Runs a function at every multiple of the interval. A round that takes longer than the interval is not overtaken by
/// the next: those that fall into it are left out.
fn again_and_again(host: &Host, interval_us: u64, body: impl Fn() -> Result<Dynamic>) -> Result<Dynamic> {
    let began_us = host.clock.now_us();
    loop {
        let rounds = (host.clock.now_us() - began_us) / interval_us + 1;
        host.sleep_until(began_us.saturating_add(rounds.saturating_mul(interval_us)))?;
        drop(body()?);
    }
}
