//! For those who write modules, the standard library among them: options with defaults, and refusals that look like
//! those of the functions that are built in.

use super::super::values::{self, known_keys, seconds};
use super::{Scripted, at_call};
use crate::{Error, ErrorKind, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Dynamic, Engine, FLOAT, Map};

pub(super) fn register(engine: &mut Engine) {
    refusals(engine);
    engine.register_fn("options", |given: Dynamic, defaults: Map| -> Scripted<Map> {
        at_call(options(&given, defaults))
    });
    engine.register_fn("seconds", |duration: Dynamic| -> Scripted<FLOAT> {
        at_call(values::duration_us(&duration).map(seconds))
    });
    engine.register_fn("to_base64", |value: Dynamic| -> Scripted<String> {
        at_call(values::text(&value, "text").map(|text| BASE64_STANDARD.encode(text)))
    });
    engine.register_fn("from_base64", |value: Dynamic| -> Scripted<String> { at_call(decoded(&value)) });
}

fn refusals(engine: &mut Engine) {
    engine.register_fn("usage_error", |message: Dynamic| -> Scripted<()> {
        at_call(Err(Error::usage(message.to_string())))
    });
    engine.register_fn("usage_error", |message: Dynamic, help: Dynamic| -> Scripted<()> {
        at_call(Err(Error::usage(message.to_string()).help(help.to_string())))
    });
    engine.register_fn("timed_out", |message: Dynamic| -> Scripted<()> {
        at_call(Err(Error::new(ErrorKind::Failed, message.to_string())))
    });
}

/// The defaults, and in their place what was given. `()` gives nothing.
fn options(given: &Dynamic, defaults: Map) -> Result<Map> {
    if given.is_unit() {
        return Ok(defaults);
    }
    let given =
        given.read_lock::<Map>().ok_or_else(|| values::expected("options like #{ duration: \"10s\" }", given))?;
    let known: Vec<&str> = defaults.keys().map(std::ops::Deref::deref).collect();
    known_keys(&given, &known)?;
    Ok(defaults.into_iter().chain(given.clone()).collect())
}

fn decoded(value: &Dynamic) -> Result<String> {
    let text = values::text(value, "text")?;
    let no_base64 = |what: String| Error::usage(format!("{text:?} is no base64 of a text: {what}"));
    let bytes = BASE64_STANDARD.decode(&text).map_err(|error| no_base64(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| no_base64(error.to_string()))
}
