//! Checkers: does a history of operations keep what its object promises?
//!
//! Three answers: it does, it does not (with a witness: the shortest part of the history that cannot be explained, and the
//! operation that it ends with), or it cannot be said. What cannot be said is never taken for a pass. Pure: histories come
//! from wherever, and who calls says when the time is over.

mod additions;
mod bits;
mod model;
mod operation;
mod puzzle;
pub mod read;
mod search;
#[cfg(test)]
mod tests;
mod witness;

pub use additions::{Additions, check_set};
pub use model::Model;
pub use operation::{Counts, Event, History};
pub use witness::{Told, Witness};

use model::{Counter, Kv, Lock, Object, Queue, Register, Set, Unfit};
use operation::{Operation, operations};
use puzzle::{Puzzle, calls};
use search::{Found, search};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// How long a check may take where nothing is said.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// How much memory a search may take, bytes, about.
const MEMORY: usize = 1 << 30;

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It cannot be said.
    Unknown,
}

impl Verdict {
    /// `pass`, `fail` or `unknown`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// An event that no history of the model can hold, or not at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Which, of the history's events.
    pub event: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Misfit {
    fn new(event: usize, message: impl Into<String>) -> Self {
        Self { event, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn of(event: usize, f: &str, unfit: Unfit) -> Self {
        let Unfit { message, help } = unfit;
        Self { event, message: format!("`{f}` {message}"), help: (!help.is_empty()).then_some(help) }
    }
}

/// When to give up.
pub struct Limit<'a> {
    /// Whether the time is over.
    pub is_over: &'a dyn Fn() -> bool,
    /// How much memory may be taken, bytes, about.
    memory: usize,
}

impl<'a> Limit<'a> {
    /// Until the time is over.
    pub fn new(is_over: &'a dyn Fn() -> bool) -> Self {
        Self { is_over, memory: MEMORY }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// In one word.
    pub verdict: Verdict,
    /// In a sentence.
    pub message: String,
    /// Against which model.
    pub model: &'static str,
    /// Operations by outcome.
    pub operations: Counts,
    /// How many objects (keys) there are.
    pub objects: usize,
    /// What cannot be explained, where something cannot.
    pub witness: Option<Witness>,
}

/// Checks whether a history is linearizable: whether all that was answered could have been answered if each operation had
/// taken effect at one moment between its invocation and its completion.
///
/// # Errors
/// Names the event that does not fit those before it, or the model.
pub fn check(history: &History, model: Model, limit: &Limit<'_>) -> Result<Report, Misfit> {
    let operations = operations(history)?;
    let objects = by_key(history, &operations);
    let mut witnesses: Vec<Witness> = Vec::new();
    let mut unknown: Option<String> = None;
    for object in &objects {
        match check_one(history, object, model, limit)? {
            One::Explained => {}
            One::Unexplained(witness) => witnesses.push(*witness),
            One::GaveUp => {
                let key = key_of(history, object);
                let of = if key.is_null() { String::new() } else { format!("key {key}: ") };
                let why = format!("{of}not decided when the time or the memory ran out");
                unknown = unknown.or(Some(why));
            }
        }
    }
    let operations = Counts::of(&operations);
    let witness = witnesses.into_iter().min_by_key(|witness| witness.events);
    let (verdict, message) = match (&witness, unknown) {
        (Some(witness), _) => (Verdict::Fail, witness.message()),
        (None, _) if operations.ok == 0 => (Verdict::Unknown, "not a single operation succeeded".to_owned()),
        (None, Some(why)) => (Verdict::Unknown, why),
        (None, None) => (Verdict::Pass, "linearizable".to_owned()),
    };
    Ok(Report { verdict, message, model: model.name(), operations, objects: objects.len(), witness })
}

/// Each key is an object of its own: a history is linearizable if those of all its objects are.
fn by_key(history: &History, operations: &[Operation]) -> Vec<Vec<Operation>> {
    let mut objects: Vec<Vec<Operation>> = Vec::new();
    let mut numbers: HashMap<&Value, usize> = HashMap::new();
    for operation in operations {
        let number = *numbers.entry(&history.events[operation.invoked].key).or_insert_with(|| {
            objects.push(Vec::new());
            objects.len() - 1
        });
        objects[number].push(*operation);
    }
    objects
}

fn key_of<'a>(history: &'a History, object: &[Operation]) -> &'a Value {
    object.first().map_or(&Value::Null, |operation| &history.events[operation.invoked].key)
}

/// What was found of one object.
enum One {
    Explained,
    Unexplained(Box<Witness>),
    GaveUp,
}

fn check_one(history: &History, operations: &[Operation], model: Model, limit: &Limit<'_>) -> Result<One, Misfit> {
    match model {
        Model::Register | Model::CasRegister => check_object(Register::new(model), history, operations, limit),
        Model::Kv => check_object(Kv::default(), history, operations, limit),
        Model::Lock => check_object(Lock::default(), history, operations, limit),
        Model::Queue => check_object(Queue::default(), history, operations, limit),
        Model::Counter => check_object(Counter, history, operations, limit),
        Model::Set => check_object(Set::default(), history, operations, limit),
    }
}

fn check_object<O: Object>(
    mut object: O,
    history: &History,
    operations: &[Operation],
    limit: &Limit<'_>,
) -> Result<One, Misfit> {
    let calls = calls(&mut object, history, operations)?;
    Ok(match search(&object, &Puzzle::new::<O>(operations, &calls, history.events.len()), limit) {
        Found::Order => One::Explained,
        Found::GaveUp => One::GaveUp,
        Found::None(stuck) => {
            One::Unexplained(Box::new(witness::find(&object, history, operations, &calls, stuck, limit)))
        }
    })
}
