//! Claims about the cluster, and what the script says.

use super::super::host::Host;
use super::super::values;
use super::{Scripted, at_call};
use crate::engine::EventBody;
use crate::{Error, ErrorKind, Result};
use rhai::{Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("assert", move |holds: Dynamic| -> Scripted<()> {
        at_call(assert(&own, &holds, "the assertion holds"))
    });
    let own = Rc::clone(host);
    engine.register_fn("assert", move |holds: Dynamic, message: Dynamic| -> Scripted<()> {
        at_call(assert(&own, &holds, &message.to_string()))
    });
    let own = Rc::clone(host);
    engine.register_fn("fail", move |message: Dynamic| -> Scripted<()> {
        let message = message.to_string();
        at_call(
            own.record(EventBody::Check { name: "fail".into(), ok: false, message: message.clone() })
                .and_then(|()| Err(Error::new(ErrorKind::Failed, message))),
        )
    });
    let own = Rc::clone(host);
    engine.register_fn("note", move |message: Dynamic| -> Scripted<()> {
        at_call(own.record(EventBody::Note { message: message.to_string() }))
    });
    let own = Rc::clone(host);
    engine.register_fn("metric", move |name: Dynamic, value: Dynamic| -> Scripted<()> {
        at_call(metric(&own, &name, &value))
    });
}

fn assert(host: &Host, holds: &Dynamic, message: &str) -> Result<()> {
    let ok = holds.as_bool().map_err(|_| values::expected("true or false", holds))?;
    host.record(EventBody::Check { name: "assert".into(), ok, message: message.to_owned() })?;
    if ok { Ok(()) } else { Err(Error::new(ErrorKind::Failed, format!("assertion failed: {message}"))) }
}

fn metric(host: &Host, name: &Dynamic, value: &Dynamic) -> Result<()> {
    let name = values::text(name, "the metric's name")?;
    let number = value.as_float().or_else(|_| value.as_int().map(|int| int as f64));
    let value = number.map_err(|_| values::expected("a number", value))?;
    host.record(EventBody::Metric { name, value })
}
