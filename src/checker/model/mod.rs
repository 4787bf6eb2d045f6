//! The objects that a history can be checked against: what each answers, one operation after the other.

mod counter;
mod kv;
mod lock;
mod queue;
mod register;
mod set;
mod values;

pub(super) use counter::Counter;
pub(super) use kv::Kv;
pub(super) use lock::Lock;
pub(super) use queue::Queue;
pub(super) use register::Register;
pub(super) use set::Set;

use crate::diagnostic::nearest;
use crate::{Error, Result};
use serde_json::Value;
use std::hash::Hash;

/// Which object the history is one of. Each key is an object of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// `read`, `write`; at first it holds nothing (null).
    Register,
    /// `read`, `write`, `cas` with `[from, to]`; at first it holds nothing (null).
    CasRegister,
    /// `get`, `put`, `append`, of texts; at first empty.
    Kv,
    /// `acquire`, `release`, by whom their value names, if it does; at first free.
    Lock,
    /// `enqueue`, `dequeue`, first in, first out; at first empty.
    Queue,
    /// `add`, `increment`, `decrement`, `read`; at first 0.
    Counter,
    /// `add`, `remove`, `read`; at first empty.
    Set,
}

impl Model {
    /// Their names, and what can be done to each.
    pub const ALL: [(&'static str, Self, &'static [&'static str]); 7] = [
        ("register", Self::Register, &["read", "write"]),
        ("cas-register", Self::CasRegister, &["read", "write", "cas"]),
        ("kv", Self::Kv, &["get", "put", "append"]),
        ("lock", Self::Lock, &["acquire", "release"]),
        ("queue", Self::Queue, &["enqueue", "dequeue"]),
        ("counter", Self::Counter, &["add", "increment", "decrement", "read"]),
        ("set", Self::Set, &["add", "remove", "read"]),
    ];

    /// The model of this name.
    pub fn named(name: &str) -> Result<Self> {
        if let Some((_, model, _)) = Self::ALL.iter().find(|(known, ..)| *known == name) {
            return Ok(*model);
        }
        let names = Self::ALL.map(|(known, ..)| known);
        let near = nearest(name, names).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        Err(Error::usage(format!("unknown model `{name}`")).help(format!("{near}known are {}", names.join(", "))))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, model, _)| *model == self).map_or("", |(name, ..)| name)
    }

    /// What can be done to it.
    fn words(self) -> &'static [&'static str] {
        Self::ALL.iter().find(|(_, model, _)| *model == self).map_or(&[], |(.., words)| words)
    }

    /// Nothing that is done to such an object has this name.
    fn unknown(self, f: &str) -> Unfit {
        let known = format!("known are {}", self.words().join(", "));
        let near = nearest(f, self.words().iter().copied()).map(|near| format!("did you mean `{near}`? {known}"));
        let other = Self::ALL.iter().find(|(_, model, words)| *model != self && words.contains(&f));
        let other = other.map(|(name, ..)| format!("{known}; the model {name} has `{f}`"));
        Unfit::new(format!("is nothing that is done to a {}", self.name())).help(near.or(other).unwrap_or(known))
    }
}

/// Why an operation cannot be one of this model: a sentence after its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) message: String,
    pub(super) help: String,
}

impl Unfit {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: String::new() }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    fn expected(what: &str, given: &Value) -> Self {
        let kind = match given {
            Value::Null => "nothing",
            Value::Bool(_) => "a bool",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "a map",
        };
        Self::new(format!("has {kind} where {what} is wanted: {given}"))
    }
}

/// What an object is known to have answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer<'a> {
    /// It was done, with this result.
    Gave(&'a Value),
    /// It declined.
    Refused,
    /// Whether it was done is not known.
    Unknown,
}

/// An object that is used by one after the other.
pub(super) trait Object {
    /// What it holds.
    type State: Clone + Eq + Hash;
    /// What is done to it, and with what result.
    type Call: Clone + Eq + Hash;

    /// Told of everything that will be asked of it, before the first [`Self::call`].
    fn hear(&mut self, _f: &str, _asked: &Value) {}

    /// What an operation says; nothing where it says nothing.
    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Self::Call>, Unfit>;

    /// What it holds at first.
    fn initial(&self) -> Self::State;

    /// Whether a call never changes anything, in no state.
    fn only_looks(call: &Self::Call) -> bool;

    /// Whether what a call leaves behind is the same in every state.
    fn overwrites(_call: &Self::Call) -> bool {
        false
    }

    /// Whether one that only looks can have been answered so in this state.
    fn agrees(&self, state: &Self::State, call: &Self::Call) -> bool;

    /// What the object holds after any other call, if that can have been answered so.
    fn after(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;

    /// The state in words.
    fn show(&self, state: &Self::State) -> String;

    /// About how much memory a state takes beyond its own size, bytes.
    fn weight(_state: &Self::State) -> usize {
        0
    }
}
