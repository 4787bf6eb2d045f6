//! From the events of a history to operations: each invocation with what came of it.

use super::Misfit;
use crate::history::{Entry, Kind};
use serde_json::Value;
use std::collections::HashMap;

/// One event of a history, of whatever origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its line in a file, from 1; in a run's own history, its place there, from 0.
    pub line: usize,
    /// Whose: a process does one thing at a time. A number or a text.
    pub process: Value,
    /// What is said of the operation.
    pub kind: Kind,
    /// What is done.
    pub f: String,
    /// To which of many objects; null where there is one.
    pub key: Value,
    /// With what; of one that is done, its result.
    pub value: Value,
}

impl From<&Entry> for Event {
    fn from(entry: &Entry) -> Self {
        Self {
            line: entry.index as usize,
            process: entry.process.into(),
            kind: entry.kind,
            f: entry.f.clone(),
            key: entry.key.clone(),
            value: entry.value.clone(),
        }
    }
}

/// A recorded history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// Whether a `fail` that says no reason is the object's own answer: a `cas` that found another value. So it is in
    /// Jepsen's logs of etcd. Else a failed operation never happened, and says nothing.
    pub fail_is_answer: bool,
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done, as the event at this place says.
    Ok(usize),
    /// It never happened, as the event at this place says.
    Failed(usize),
    /// Nobody knows: it may take effect at any later time, or never.
    Open,
}

impl Outcome {
    /// What was known of it when only so many events had happened.
    pub(super) fn after(self, events: usize) -> Self {
        match self {
            Self::Ok(at) | Self::Failed(at) if at >= events => Self::Open,
            known => known,
        }
    }
}

/// An operation: places in the history's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) invoked: usize,
    pub(super) outcome: Outcome,
}

/// Operations by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Done.
    pub ok: usize,
    /// Definitely not done.
    pub fail: usize,
    /// Nobody knows.
    pub info: usize,
}

impl Counts {
    pub(super) fn of(operations: &[Operation]) -> Self {
        operations.iter().fold(Self::default(), |mut counts, operation| {
            match operation.outcome {
                Outcome::Ok(_) => counts.ok += 1,
                Outcome::Failed(_) => counts.fail += 1,
                Outcome::Open => counts.info += 1,
            }
            counts
        })
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> usize {
        self.ok + self.fail + self.info
    }
}

/// The operations of a history, in the order of their invocations.
pub(super) fn operations(history: &History) -> Result<Vec<Operation>, Misfit> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut open: HashMap<&Value, usize> = HashMap::new();
    for (at, event) in history.events.iter().enumerate() {
        if event.kind == Kind::Invoke {
            if let Some(earlier) = open.insert(&event.process, operations.len()) {
                let line = history.events[operations[earlier].invoked].line;
                return Err(Misfit::new(at, format!("process {} is still at what it invoked before", event.process))
                    .help(format!("a process does one thing at a time, and line {line} is not completed")));
            }
            operations.push(Operation { invoked: at, outcome: Outcome::Open });
            continue;
        }
        let number = open.remove(&event.process).ok_or_else(|| {
            let kind = event.kind.word();
            Misfit::new(at, format!("`{kind}` of process {}, which has invoked nothing that is open", event.process))
                .help("each `ok`, `fail` and `info` follows its `invoke`, of the same process")
        })?;
        completes(&history.events, operations[number].invoked, at)?;
        operations[number].outcome = match event.kind {
            Kind::Ok => Outcome::Ok(at),
            Kind::Fail => Outcome::Failed(at),
            Kind::Info | Kind::Invoke => Outcome::Open,
        };
    }
    Ok(operations)
}

/// Whether an event can be the completion of this invocation.
fn completes(events: &[Event], invoked: usize, at: usize) -> Result<(), Misfit> {
    let (asked, said) = (&events[invoked], &events[at]);
    if asked.f != said.f {
        let wrong = format!("completes `{}`, but process {} has invoked `{}`", said.f, said.process, asked.f);
        return Err(Misfit::new(at, wrong).help(format!("the invocation is in line {}", asked.line)));
    }
    if !said.key.is_null() && said.key != asked.key {
        let wrong = format!("completes an operation on key {}, but it was invoked on {}", said.key, asked.key);
        return Err(Misfit::new(at, wrong).help(format!("the invocation is in line {}", asked.line)));
    }
    Ok(())
}
