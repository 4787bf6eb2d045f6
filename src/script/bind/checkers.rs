//! Claims about the run's own history: the checkers read it, and what they find is recorded.

use super::super::host::Host;
use super::super::values::{self, known_keys};
use super::ops::data;
use super::verdict::record_claim;
use super::{Scripted, at_call};
use crate::checker::{self, Event, History, Limit, Misfit, Model, Verdict};
use crate::engine::EventBody;
use crate::words::counted;
use crate::{Error, ErrorKind, Result};
use rhai::{Array, Dynamic, Engine, Map, NativeCallContext};
use serde::Serialize;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("check_linearizable", move |context: NativeCallContext, model: Dynamic| -> Scripted<Dynamic> {
        at_call(check_linearizable(&own, &context, &model, &Map::new()))
    });
    let own = Rc::clone(host);
    engine.register_fn(
        "check_linearizable",
        move |context: NativeCallContext, model: Dynamic, options: Map| -> Scripted<Dynamic> {
            at_call(check_linearizable(&own, &context, &model, &options))
        },
    );
    let own = Rc::clone(host);
    engine.register_fn("check_set", move |context: NativeCallContext, final_read: Dynamic| -> Scripted<Dynamic> {
        at_call(check_set(&own, &context, &final_read))
    });
}

fn check_linearizable(host: &Host, context: &NativeCallContext, model: &Dynamic, options: &Map) -> Result<Dynamic> {
    known_keys(options, &["timeout"])?;
    let model = Model::named(&values::text(model, "a model like \"register\"")?)?;
    let timeout = options.get("timeout").map(values::duration_us).transpose()?;
    let timeout = timeout.map_or(checker::TIMEOUT, Duration::from_micros);
    let begun = Instant::now();
    // Ctrl-C and the run's deadline end it as well.
    let is_over = || begun.elapsed() >= timeout || host.check_limits().is_err();
    let history = history(host);
    let found = checker::check(&history, model, &Limit::new(&is_over)).map_err(|misfit| misplaced(&history, misfit))?;
    // The script itself has not computed meanwhile.
    host.compute_anew();
    host.check_limits()?;
    let message = match found.verdict {
        Verdict::Pass => {
            let (all, model) = (found.operations.all() as u64, found.model);
            let are = if all == 1 { "is" } else { "are" };
            format!("{} {are} linearizable as a {model}", counted(all, "operation"))
        }
        Verdict::Fail | Verdict::Unknown => found.message.clone(),
    };
    conclude(host, context, "check_linearizable", found.verdict, &message, &found)
}

fn check_set(host: &Host, context: &NativeCallContext, final_read: &Dynamic) -> Result<Dynamic> {
    let list = final_read.read_lock::<Array>().ok_or_else(|| values::expected("the list that was read", final_read))?;
    let list = list.iter().map(|value| data(value, "what was read")).collect::<Result<Vec<_>>>()?;
    let history = history(host);
    let found = checker::check_set(&history, &list).map_err(|misfit| misplaced(&history, misfit))?;
    conclude(host, context, "check_set", found.verdict, &found.message, &found)
}

fn history(host: &Host) -> History {
    let events = host.history.borrow().iter().map(Event::from).collect();
    History { events, fail_is_answer: false }
}

/// An event that no history of the model can hold.
fn misplaced(history: &History, misfit: Misfit) -> Error {
    let line = history.events.get(misfit.event).map_or(0, |event| event.line);
    let error = Error::usage(format!("event {line} of the history: {}", misfit.message));
    match misfit.help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// Records what was found and gives it to the script. What does not hold ends it, unless it is caught; what cannot be said
/// decides the run's verdict at its end.
fn conclude(
    host: &Host,
    context: &NativeCallContext,
    name: &str,
    verdict: Verdict,
    message: &str,
    found: &impl Serialize,
) -> Result<Dynamic> {
    let odd = |error: &dyn std::fmt::Display| {
        Error::machine(format!("what {name}() found cannot be told: {error}")).help("this is a bug in blockade")
    };
    let details = serde_json::to_value(found).map_err(|error| odd(&error))?;
    let told = rhai::serde::to_dynamic(&details).map_err(|error| odd(&error))?;
    let (name_of, message_of) = (name.to_owned(), message.to_owned());
    let (ok, unknown) = (verdict == Verdict::Pass, verdict == Verdict::Unknown);
    let claim = EventBody::Check { name: name_of, ok, unknown, message: message_of, details, place: None };
    record_claim(host, context, claim)?;
    match verdict {
        Verdict::Fail => Err(Error::new(ErrorKind::Failed, format!("{name}: {message}"))),
        Verdict::Pass | Verdict::Unknown => Ok(told),
    }
}
