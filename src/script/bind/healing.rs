//! `healing`: programs of faults that leave none behind, however they end.
//!
//! A `catch` does not see the end of a task that is cancelled, for nothing of the script runs in it any more.

use super::super::host::Host;
use super::{Scripted, at_call};
use crate::engine::{Command, Selection};
use crate::{Result, fault::FaultId};
use rhai::{Dynamic, Engine, FnPtr, NativeCallContext};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let host = Rc::clone(host);
    engine.register_fn("healing", move |context: NativeCallContext, function: FnPtr| -> Scripted<Dynamic> {
        let task = host.tasks.current();
        task.begin_program();
        let outcome = function.call_within_context::<Dynamic>(&context, ());
        let healed = heal_all(&host, &task.end_program());
        outcome.and_then(|value| at_call(healed.map(|()| value)))
    });
}

/// Heals all of these that are still active, whatever goes wrong. Returns the first error.
fn heal_all(host: &Host, made: &[FaultId]) -> Result<()> {
    let heal = |id: &FaultId| host.call(Command::Heal { which: Selection::One(*id) }).map(drop);
    made.iter().map(heal).fold(Ok(()), Result::and)
}
