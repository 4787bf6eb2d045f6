//! Functions of the script API whose time has not come. They keep their names, and say so.

use super::raise;
use crate::Error;
use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext};
use std::any::TypeId;

/// Their names, and with how many arguments each may be called.
pub(in crate::script) const LATER: &[(&str, std::ops::RangeInclusive<usize>)] =
    &[("check_linearizable", 1..=1), ("check_set", 1..=1)];

pub(super) fn register(engine: &mut Engine) {
    for (name, arguments) in LATER {
        for count in arguments.clone() {
            let types = vec![TypeId::of::<Dynamic>(); count];
            engine.register_raw_fn(
                *name,
                types,
                move |_: NativeCallContext, _: &mut [&mut Dynamic]| -> Result<Dynamic, Box<EvalAltResult>> {
                    Err(raise(Error::machine(format!("{name}() is not in this version of blockade yet"))))
                },
            );
        }
    }
}
