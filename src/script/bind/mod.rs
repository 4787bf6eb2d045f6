//! The functions that scripts call: a file for each group of the script API. Each turns its arguments into a
//! command, hands it in and turns the reply into a value; nothing else happens here.

mod authoring;
mod chance;
mod checkers;
mod faults;
mod healing;
mod http;
mod lists;
mod looking;
mod nodes;
mod ops;
mod tasks;
mod time;
mod verdict;
mod verify;
mod workload;

#[cfg(feature = "host")]
pub use workload::hold as hold_workload;

use super::diagnose::raise;
use super::host::Host;
use rhai::{Engine, EvalAltResult};
use std::rc::Rc;

/// What a script function returns.
pub(super) type Scripted<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Registers all of them.
pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    faults::register(engine, host);
    healing::register(engine, host);
    nodes::register(engine, host);
    looking::register(engine, host);
    http::register(engine, host);
    tasks::register(engine, host);
    time::register(engine, host);
    chance::register(engine, host);
    verdict::register(engine, host);
    verify::register(engine, host);
    ops::register(engine, host);
    checkers::register(engine, host);
    workload::register(engine, host);
    authoring::register(engine);
    lists::register(engine);
}

/// Whether a value is only a name for something: faults, tasks and links, which no script changes in place.
pub(super) fn is_handle(value: &rhai::Dynamic) -> bool {
    value.read_lock::<faults::Handle>().is_some()
        || value.read_lock::<tasks::TaskHandle>().is_some()
        || value.read_lock::<crate::fault::LinkSet>().is_some()
}

/// An error of ours at the place of the call.
fn at_call<T>(result: crate::Result<T>) -> Scripted<T> {
    result.map_err(raise)
}
