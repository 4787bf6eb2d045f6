//! The shortest beginning of a history that no order explains, and the operation that it ends with.

use super::Limit;
use super::model::Object;
use super::operation::{Event, History, Operation, Outcome};
use super::puzzle::{Calls, Puzzle};
use super::search::{Found, Stuck, search};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// As many of the operations under way are told.
const TOLD: usize = 16;

/// An operation, as it is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Whose.
    pub process: Value,
    /// What was done.
    pub f: String,
    /// To which object; null where there is one.
    pub key: Value,
    /// With what.
    pub value: Value,
    /// `ok`, `fail`, or `info` where nobody knew at the end of the witness.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// What it gave, where it was done.
    pub result: Value,
    /// The line of its invocation.
    pub invoked: usize,
    /// The line of its completion, where that is part of the witness.
    pub completed: Option<usize>,
}

/// What cannot be explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// So many events of the history, from its beginning, are not linearizable; all but the last of them are.
    pub events: usize,
    /// The line of the last of them.
    pub line: usize,
    /// Whether that is certain; where the time ran out, a shorter or a longer beginning may be the shortest.
    pub is_shortest: bool,
    /// What has no place in any order.
    pub operation: Told,
    /// What the last event says has failed, where it is that which leaves the operation without a place.
    pub failed: Option<Told>,
    /// What the object can have held when everything that was over before had its place; some of it, where it is much.
    pub states: Vec<String>,
    /// Other operations on the object that were under way at the last event, or of which nobody knew the outcome; the first.
    pub concurrent: Vec<Told>,
}

/// The witness of an object whose history no order explains. With all that is known at the end of the history, all orders
/// end at `stuck`. But who knew only what had happened until then may have found one: an operation that fails later could
/// still have been done.
pub(super) fn find<O: Object>(
    object: &O,
    history: &History,
    operations: &[Operation],
    calls: &[Calls<O::Call>],
    mut stuck: Stuck,
    limit: &Limit<'_>,
) -> Witness {
    let explain = |events: usize| search(object, &Puzzle::new::<O>(operations, calls, events), limit);
    // Less than this holds; so much does not; and what to try next.
    let (mut holds, mut fails, mut next) = (stuck.event, history.events.len(), stuck.event + 1);
    let mut is_shortest = true;
    while fails - holds > 1 {
        match explain(next) {
            Found::None(found) => (fails, stuck) = (next, found),
            Found::Order => holds = next,
            Found::GaveUp => {
                is_shortest = false;
                break;
            }
        }
        next = usize::midpoint(holds, fails);
    }
    told(history, operations, fails, stuck, is_shortest)
}

fn told(history: &History, operations: &[Operation], events: usize, stuck: Stuck, is_shortest: bool) -> Witness {
    let completed_at = |event: usize| {
        let is_it =
            |operation: &&Operation| matches!(operation.outcome, Outcome::Ok(at) | Outcome::Failed(at) if at == event);
        operations.iter().find(is_it).map(|operation| tell(history, operation, events))
    };
    let is_under_way =
        |operation: &&Operation| operation.invoked < events && operation.outcome.after(events) == Outcome::Open;
    let concurrent = operations.iter().filter(is_under_way).take(TOLD);
    Witness {
        events,
        line: history.events[events - 1].line,
        is_shortest,
        operation: completed_at(stuck.event).unwrap_or_default(),
        failed: completed_at(events - 1).filter(|_| is_shortest && stuck.event + 1 < events),
        states: stuck.states,
        concurrent: concurrent.map(|operation| tell(history, operation, events)).collect(),
    }
}

fn tell(history: &History, operation: &Operation, events: usize) -> Told {
    let asked = &history.events[operation.invoked];
    let (kind, end): (_, Option<&Event>) = match operation.outcome.after(events) {
        Outcome::Ok(at) => ("ok", Some(&history.events[at])),
        Outcome::Failed(at) => ("fail", Some(&history.events[at])),
        Outcome::Open => ("info", None),
    };
    Told {
        process: asked.process.clone(),
        f: asked.f.clone(),
        key: asked.key.clone(),
        value: asked.value.clone(),
        kind: kind.into(),
        result: end.filter(|_| kind == "ok").map_or(Value::Null, |end| end.value.clone()),
        invoked: asked.line,
        completed: end.map(|end| end.line),
    }
}

impl Told {
    /// In words: `write 3`, `read gave 5`, `cas [1,2] failed`.
    #[must_use]
    pub fn words(&self) -> String {
        let asked = if self.value.is_null() { self.f.clone() } else { format!("{} {}", self.f, self.value) };
        match self.kind.as_ref() {
            "fail" => format!("{asked} failed"),
            "ok" if self.result.is_null() && !self.value.is_null()
                || self.result == self.value && !self.value.is_null() =>
            {
                asked
            }
            "ok" => format!("{asked} gave {}", self.result),
            _ => asked,
        }
    }
}

impl Witness {
    /// In a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        let key = &self.operation.key;
        let of = if key.is_null() { String::new() } else { format!(" of key {key}") };
        let Told { process, .. } = &self.operation;
        let since = self.failed.as_ref().map_or(String::new(), |failed| format!(", since `{}`", failed.words()));
        format!("not linearizable: no order explains `{}`{of} by process {process}{since}", self.operation.words())
    }
}
