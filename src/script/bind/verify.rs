//! `verify()`: does what impairs links do what was asked of it?

use super::super::host::Host;
use super::{Scripted, at_call};
use crate::engine::{Command, EventBody, Reply};
use crate::fault::FaultId;
use crate::plan::verify::Verified;
use crate::{Error, Result};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::json;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("verify", move || -> Scripted<Array> {
        at_call(verify(&own, None).map(|links| links.into_iter().map(shown).collect()))
    });
}

/// Measures every impaired link, or those of one fault. What was seen is journaled.
///
/// # Errors
/// A link that does not do what was asked of it: the machine's failure.
pub(super) fn verify(host: &Host, fault: Option<FaultId>) -> Result<Vec<Verified>> {
    let links = match host.call(Command::Verify { fault })? {
        Reply::Verified(links) => links,
        other => return Err(other.odd()),
    };
    for link in &links {
        let result = json!({ "asked": link.asked, "measured": link.measured, "wrong": link.wrong });
        let (what, target) = ("verify".to_owned(), link.link.clone());
        host.record(EventBody::Observe { what, target, result })?;
    }
    let wrong = |link: &Verified| (!link.wrong.is_empty()).then(|| format!("{}: {}", link.link, link.wrong.join(", ")));
    let wrong: Vec<String> = links.iter().filter_map(wrong).collect();
    if wrong.is_empty() {
        return Ok(links);
    }
    Err(Error::machine(format!("a link does not do what was asked of it: {}", wrong.join("; ")))
        .help("a busy machine measures wrong: try with fewer links at once; else `blockade doctor`"))
}

fn shown(link: Verified) -> Dynamic {
    let values = [("link", link.link), ("asked", link.asked), ("measured", link.measured)];
    Dynamic::from(values.into_iter().map(|(key, value)| (key.into(), value.into())).collect::<Map>())
}
