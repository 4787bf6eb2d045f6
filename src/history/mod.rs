//! What clients asked of the system under test, and what came of it: the history that checkers read.
//!
//! An operation is an invocation and, later, its completion: `ok` (done, with a result), `fail` (definitely not done) or
//! `info` (nobody knows). Both are events of the run; an [`Entry`] is such an event with its place in the history. Pure:
//! who records them and where they are written is decided elsewhere.

pub(crate) mod exact;
mod processes;
mod program;

pub use processes::Processes;
pub use program::Program;

use crate::engine::{Event, EventBody, Operation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an entry says of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was begun.
    Invoke,
    /// It was done.
    Ok,
    /// It was definitely not done.
    Fail,
    /// Nobody knows whether it was.
    Info,
}

impl Kind {
    /// `invoke`, `ok`, `fail` or `info`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }

    /// The event that says so.
    #[must_use]
    pub fn event(self, operation: Operation) -> EventBody {
        match self {
            Self::Invoke => EventBody::OpInvoke(operation),
            Self::Ok => EventBody::OpOk(operation),
            Self::Fail => EventBody::OpFail(operation),
            Self::Info => EventBody::OpInfo(operation),
        }
    }

    /// What an event says of an operation, if it is about one.
    #[must_use]
    pub fn of(body: &EventBody) -> Option<(Self, &Operation)> {
        match body {
            EventBody::OpInvoke(operation) => Some((Self::Invoke, operation)),
            EventBody::OpOk(operation) => Some((Self::Ok, operation)),
            EventBody::OpFail(operation) => Some((Self::Fail, operation)),
            EventBody::OpInfo(operation) => Some((Self::Info, operation)),
            _ => None,
        }
    }
}

/// One line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the entries of a history from 0.
    pub index: u64,
    /// Microseconds since the run's start.
    pub t_us: u64,
    /// Whose operation: a process does one thing at a time.
    pub process: u64,
    /// What is said of it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What is done: `read`, `write`, …
    pub f: String,
    /// To which of many objects; null where there is one.
    pub key: Value,
    /// With what; of one that is done, its result.
    pub value: Value,
    /// Why it was not done, or is not known to be.
    pub error: Option<String>,
}

impl Entry {
    /// The entry with this number that an event is, if it is about an operation.
    #[must_use]
    pub fn of(index: u64, event: &Event) -> Option<Self> {
        let (kind, operation) = Kind::of(&event.body)?;
        let Operation { process, f, key, value, error } = operation.clone();
        Some(Self { index, t_us: event.t_us, process, kind, f, key, value, error })
    }
}
