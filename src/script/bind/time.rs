//! Time: durations as numbers of seconds, sleeping, and waiting for conditions.

use super::super::host::Host;
use super::super::values::{self, seconds};
use super::verdict::record_claim;
use super::{Scripted, at_call, raise};
use crate::engine::EventBody;
use crate::{Error, ErrorKind, Result};
use rhai::{Dynamic, Engine, FLOAT, FnPtr, INT, NativeCallContext};
use std::rc::Rc;

/// How often a condition is looked at.
const INTERVAL_US: u64 = 20_000;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    units(engine);
    sleeping(engine, host);
    conditions(engine, host);
}

/// `5.s`, `100.ms`, `1.5.min`: numbers of seconds.
fn units(engine: &mut Engine) {
    for (unit, factor) in [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0)] {
        engine.register_get(unit, move |number: &mut INT| *number as FLOAT * factor);
        engine.register_get(unit, move |number: &mut FLOAT| *number * factor);
    }
}

fn sleeping(engine: &mut Engine, host: &Rc<Host>) {
    // Rhai's own `sleep` takes integers and floats and blocks for real: each of its forms must be replaced.
    let own = Rc::clone(host);
    engine.register_fn("sleep", move |duration: Dynamic| at_call(sleep(&own, &duration)));
    let own = Rc::clone(host);
    engine.register_fn("sleep", move |duration: INT| at_call(sleep(&own, &duration.into())));
    let own = Rc::clone(host);
    engine.register_fn("sleep", move |duration: FLOAT| at_call(sleep(&own, &duration.into())));
    let own = Rc::clone(host);
    engine.register_fn("sleep_until", move |time: Dynamic| -> Scripted<()> {
        at_call(values::duration_us(&time).and_then(|t_us| own.sleep_until(t_us)))
    });
    let own = Rc::clone(host);
    engine.register_fn("elapsed", move || -> FLOAT { seconds(own.clock.now_us()) });
}

fn sleep(host: &Host, duration: &Dynamic) -> Result<()> {
    host.sleep_until(host.clock.now_us().saturating_add(values::duration_us(duration)?))
}

fn conditions(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn(
        "wait_until",
        move |context: NativeCallContext, timeout: Dynamic, cond: FnPtr| -> Scripted<bool> {
            let timeout_us = at_call(values::duration_us(&timeout))?;
            if comes_true(&own, &context, timeout_us, &cond)? {
                return Ok(true);
            }
            let message = format!("the condition did not come true within {} s", seconds(timeout_us));
            Err(raise(ran_out(&message)))
        },
    );
    let own = Rc::clone(host);
    engine.register_fn(
        "eventually",
        move |context: NativeCallContext, timeout: Dynamic, cond: FnPtr| -> Scripted<bool> {
            let timeout_us = at_call(values::duration_us(&timeout))?;
            let held = comes_true(&own, &context, timeout_us, &cond)?;
            let message = format!("the condition comes true within {} s", seconds(timeout_us));
            at_call(claim(&own, &context, "eventually", held, &message)).map(|()| true)
        },
    );
    let own = Rc::clone(host);
    engine.register_fn("always", move |context: NativeCallContext, duration: Dynamic, cond: FnPtr| -> Scripted<bool> {
        let duration_us = at_call(values::duration_us(&duration))?;
        let held = stays_true(&own, &context, duration_us, &cond)?;
        let message = format!("the condition stays true for {} s", seconds(duration_us));
        at_call(claim(&own, &context, "always", held, &message)).map(|()| true)
    });
}

/// Records a claim; one that does not hold fails the run.
fn claim(host: &Host, context: &NativeCallContext, name: &str, ok: bool, message: &str) -> Result<()> {
    record_claim(host, context, EventBody::claim(name, ok, message))?;
    if ok { Ok(()) } else { Err(Error::new(ErrorKind::Failed, format!("{name} does not hold: {message}"))) }
}

/// A wait that ran out. Other than a claim a script may catch it: to wait in vain can be what it expects.
fn ran_out(message: &str) -> Error {
    Error::new(ErrorKind::Failed, format!("wait_until: {message}"))
}

fn comes_true(host: &Host, context: &NativeCallContext, timeout_us: u64, cond: &FnPtr) -> Scripted<bool> {
    let end_us = host.clock.now_us().saturating_add(timeout_us);
    loop {
        if holds(context, cond)? {
            return Ok(true);
        }
        if host.clock.now_us() >= end_us {
            return Ok(false);
        }
        at_call(host.sleep_until(end_us.min(host.clock.now_us() + INTERVAL_US)))?;
    }
}

fn stays_true(host: &Host, context: &NativeCallContext, duration_us: u64, cond: &FnPtr) -> Scripted<bool> {
    let end_us = host.clock.now_us().saturating_add(duration_us);
    loop {
        if !holds(context, cond)? {
            return Ok(false);
        }
        if host.clock.now_us() >= end_us {
            return Ok(true);
        }
        at_call(host.sleep_until(end_us.min(host.clock.now_us() + INTERVAL_US)))?;
    }
}

fn holds(context: &NativeCallContext, cond: &FnPtr) -> Scripted<bool> {
    let value: Dynamic = cond.call_within_context(context, ())?;
    value.as_bool().map_err(|_| raise(values::expected("a condition that is true or false", &value)))
}
