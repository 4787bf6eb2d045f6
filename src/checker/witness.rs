//! The shortest beginning of a history that no order explains, and the operation that it ends with.

use super::Limit;
use super::model::Object;
use super::operation::{Event, History, Operation, Outcome};
use super::puzzle::{Calls, Puzzle};
use super::search::{Found, Stuck, search};
use serde::Serialize;
use serde_json::Value;

/// As many of the operations under way are told.
const TOLD: usize = 16;

/// An operation, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    pub kind: &'static str,
    /// What it gave, where it was done.
    pub result: Value,
    /// The line of its invocation.
    pub invoked: usize,
    /// The line of its completion, where that is part of the witness.
    pub completed: Option<usize>,
}

/// What cannot be explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Witness {
    /// So many events of the history, from its beginning, are not linearizable; all but the last of them are.
    pub events: usize,
    /// The line of the last of them.
    pub line: usize,
    /// Whether that is certain; where the time ran out, a shorter or a longer beginning may be the shortest.
    pub is_shortest: bool,
    /// What has no place in any order; the last event completes it.
    pub operation: Told,
    /// What the object can have held when everything that was over before had its place, but for `concurrent`; some.
    pub states: Vec<String>,
    /// Other operations on the object that were under way when the last event happened, or whose outcome nobody knew.
    pub concurrent: Vec<Told>,
}

/// The witness of an object whose history no order explains. With all that is known at the end of the history, no order
/// comes farther than to event `deepest`. But who knew only what had happened until then may have found one: an operation
/// that fails later could still have been done.
pub(super) fn find<O: Object>(
    object: &O,
    history: &History,
    operations: &[Operation],
    calls: &[Calls<O::Call>],
    deepest: usize,
    limit: &Limit<'_>,
) -> Witness {
    let explain = |events: usize| search(object, &Puzzle::new::<O>(operations, calls, events), limit);
    let (mut explained, mut unexplained) = (deepest, history.events.len());
    let mut states = Vec::new();
    let mut is_shortest = true;
    match explain(deepest) {
        Found::None(Stuck { states: held, .. }) => (explained, unexplained, states) = (deepest - 1, deepest, held),
        Found::Order => {}
        Found::GaveUp(_) => (explained, unexplained, is_shortest) = (deepest - 1, deepest, false),
    }
    while unexplained - explained > 1 {
        let middle = usize::midpoint(explained, unexplained);
        match explain(middle) {
            Found::None(stuck) => (unexplained, states) = (middle, stuck.states),
            Found::Order => explained = middle,
            Found::GaveUp(_) => {
                is_shortest = false;
                break;
            }
        }
    }
    told(history, operations, unexplained, states, is_shortest)
}

fn told(history: &History, operations: &[Operation], events: usize, states: Vec<String>, is_shortest: bool) -> Witness {
    let is_last = |operation: &&Operation| match operation.outcome {
        Outcome::Ok(at) | Outcome::Failed(at) => at + 1 == events,
        Outcome::Open => false,
    };
    // Only a completion makes a history harder to explain.
    let last = operations.iter().find(is_last).or(operations.last());
    let is_under_way =
        |operation: &&Operation| operation.invoked < events && operation.outcome.after(events) == Outcome::Open;
    Witness {
        events,
        line: history.events[events - 1].line,
        is_shortest,
        operation: last.map_or_else(nothing, |operation| tell(history, operation, events)),
        states,
        concurrent: operations
            .iter()
            .filter(is_under_way)
            .take(TOLD)
            .map(|operation| tell(history, operation, events))
            .collect(),
    }
}

fn nothing() -> Told {
    let (f, kind) = (String::new(), "info");
    Told {
        process: Value::Null,
        f,
        key: Value::Null,
        value: Value::Null,
        kind,
        result: Value::Null,
        invoked: 0,
        completed: None,
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
        kind,
        result: end.filter(|_| kind == "ok").map_or(Value::Null, |end| end.value.clone()),
        invoked: asked.line,
        completed: end.map(|end| end.line),
    }
}

impl Told {
    /// In words: `write 3`, `read gave 5`, `cas [1,2] was refused`.
    #[must_use]
    pub fn words(&self) -> String {
        let asked = if self.value.is_null() { self.f.clone() } else { format!("{} {}", self.f, self.value) };
        match self.kind {
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
        format!(
            "not linearizable: no order explains `{}`{of} by process {}",
            self.operation.words(),
            self.operation.process
        )
    }
}
