//! Claims about the cluster, and what the script says.

use super::super::host::Host;
use super::super::values;
use super::{Scripted, at_call};
use crate::engine::EventBody;
use crate::{Error, ErrorKind, Result};
use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("assert", move |context: NativeCallContext, holds: Dynamic| -> Scripted<()> {
        at_call(assert(&own, &context, &holds, ""))
    });
    let own = Rc::clone(host);
    engine.register_fn("assert", move |context: NativeCallContext, holds: Dynamic, message: Dynamic| -> Scripted<()> {
        at_call(assert(&own, &context, &holds, &printed(&context, &message)))
    });
    let own = Rc::clone(host);
    engine.register_fn("fail", move |context: NativeCallContext, message: Dynamic| -> Scripted<()> {
        let message = printed(&context, &message);
        at_call(
            record_claim(&own, &context, EventBody::claim("fail", false, &message))
                .and_then(|()| Err(Error::new(ErrorKind::Failed, message))),
        )
    });
    let own = Rc::clone(host);
    engine.register_fn("note", move |context: NativeCallContext, message: Dynamic| -> Scripted<()> {
        at_call(own.record(EventBody::Note { message: printed(&context, &message) }))
    });
    let own = Rc::clone(host);
    engine.register_fn("metric", move |name: Dynamic, value: Dynamic| -> Scripted<()> {
        at_call(metric(&own, &name, &value))
    });
}

/// A value as `print` would show it, faults and lists of faults included.
fn printed(context: &NativeCallContext, value: &Dynamic) -> String {
    let shown = context.call_native_fn::<ImmutableString>("to_string", (value.clone(),));
    shown.map_or_else(|_| value.to_string(), |text| text.to_string())
}

/// Records a claim; one that does not hold with its place, since the script may catch the error that shows it.
pub(super) fn record_claim(host: &Host, context: &NativeCallContext, mut claim: EventBody) -> Result<()> {
    if let EventBody::Check { ok: false, place, .. } = &mut claim {
        *place = host.program.borrow().upgrade().and_then(|program| program.place(context)).map(Box::new);
    }
    host.record(claim)
}

fn assert(host: &Host, context: &NativeCallContext, holds: &Dynamic, message: &str) -> Result<()> {
    let ok = holds.as_bool().map_err(|_| values::expected("true or false", holds))?;
    record_claim(host, context, EventBody::claim("assert", ok, message))?;
    let failed =
        if message.is_empty() { "assertion failed".to_owned() } else { format!("assertion failed: {message}") };
    if ok { Ok(()) } else { Err(Error::new(ErrorKind::Failed, failed)) }
}

fn metric(host: &Host, name: &Dynamic, value: &Dynamic) -> Result<()> {
    let name = values::text(name, "the metric's name")?;
    let number = value.as_float().or_else(|_| value.as_int().map(|int| int as f64));
    let value = number.map_err(|_| values::expected("a number", value))?;
    if !value.is_finite() {
        return Err(Error::usage(format!("the metric `{name}` is {value}, which no journal can hold"))
            .help("its numbers are finite, as those of JSON: look for a division by zero"));
    }
    host.record(EventBody::Metric { name, value })
}
