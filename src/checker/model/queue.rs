//! A queue: first in, first out.

use super::values::{NOTHING, Values};
use super::{Answer, Model, Object, Unfit};
use serde_json::Value;
use std::rc::Rc;

/// Values, the oldest first.
#[derive(Debug, Default)]
pub(in crate::checker) struct Queue {
    values: Values,
}

/// Values by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::checker) enum Call {
    Enqueue(u32),
    /// This was the oldest.
    Dequeue(u32),
    /// Took the oldest, whichever it was.
    DequeueAny,
    /// There was nothing.
    Empty,
}

impl Object for Queue {
    type State = Rc<[u32]>;
    type Call = Call;

    fn hear(&mut self, _f: &str, asked: &Value) {
        self.values.number(asked);
    }

    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Call>, Unfit> {
        match (f, answer) {
            ("enqueue" | "dequeue", Answer::Refused) => Ok(None),
            ("enqueue", _) if asked.is_null() => Err(Unfit::expected("a value to enqueue", asked)),
            ("enqueue", _) => Ok(Some(Call::Enqueue(self.values.number(asked)))),
            ("dequeue", Answer::Gave(value)) => match self.values.given(value)? {
                NOTHING => Ok(Some(Call::Empty)),
                value => Ok(Some(Call::Dequeue(value))),
            },
            ("dequeue", Answer::Unknown) => Ok(Some(Call::DequeueAny)),
            _ => Err(Model::Queue.unknown(f)),
        }
    }

    fn initial(&self) -> Rc<[u32]> {
        Rc::new([])
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::Empty)
    }

    fn agrees(&self, state: &Rc<[u32]>, call: &Call) -> bool {
        matches!(call, Call::Empty) && state.is_empty()
    }

    fn after(&self, state: &Rc<[u32]>, call: &Call) -> Option<Rc<[u32]>> {
        match (call, state.split_first()) {
            (Call::Enqueue(value), _) => Some(state.iter().chain([value]).copied().collect()),
            (Call::Dequeue(value), Some((oldest, rest))) if value == oldest => Some(rest.into()),
            (Call::DequeueAny, Some((_, rest))) => Some(rest.into()),
            _ => None,
        }
    }

    fn show(&self, state: &Rc<[u32]>) -> String {
        self.values.show_all(state)
    }

    fn weight(state: &Rc<[u32]>) -> usize {
        size_of_val(&**state)
    }
}
