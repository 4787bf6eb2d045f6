//! A set.

use super::values::Values;
use super::{Answer, Model, Object, Unfit};
use serde_json::Value;
use std::rc::Rc;

/// Members by their numbers, in order.
#[derive(Debug, Default)]
pub(in crate::checker) struct Set {
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::checker) enum Call {
    Add(u32),
    Remove(u32),
    /// The members were these.
    Read(Rc<[u32]>),
    /// A member was there twice: no set ever answers so.
    Twice,
}

impl Set {
    fn members(&mut self, read: &Value) -> Result<Call, Unfit> {
        let list = read.as_array().ok_or_else(|| Unfit::expected("the list of members", read))?;
        let mut members = list.iter().map(|value| self.values.given(value)).collect::<Result<Vec<_>, _>>()?;
        members.sort_unstable();
        let is_twice = members.windows(2).any(|pair| pair[0] == pair[1]);
        Ok(if is_twice { Call::Twice } else { Call::Read(members.into()) })
    }
}

impl Object for Set {
    type State = Rc<[u32]>;
    type Call = Call;

    fn hear(&mut self, _f: &str, asked: &Value) {
        self.values.number(asked);
    }

    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Call>, Unfit> {
        match (f, answer) {
            ("read", Answer::Gave(value)) => self.members(value).map(Some),
            ("read", _) | ("add" | "remove", Answer::Refused) => Ok(None),
            ("add", _) => Ok(Some(Call::Add(self.values.number(asked)))),
            ("remove", _) => Ok(Some(Call::Remove(self.values.number(asked)))),
            _ => Err(Model::Set.unknown(f)),
        }
    }

    fn initial(&self) -> Rc<[u32]> {
        Rc::new([])
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::Read(_) | Call::Twice)
    }

    fn agrees(&self, state: &Rc<[u32]>, call: &Call) -> bool {
        matches!(call, Call::Read(members) if members == state)
    }

    fn after(&self, state: &Rc<[u32]>, call: &Call) -> Option<Rc<[u32]>> {
        match call {
            Call::Add(value) => Some(match state.binary_search(value) {
                Ok(_) => Rc::clone(state),
                Err(at) => state[..at].iter().chain([value]).chain(&state[at..]).copied().collect(),
            }),
            Call::Remove(value) => Some(match state.binary_search(value) {
                Ok(at) => state[..at].iter().chain(&state[at + 1..]).copied().collect(),
                Err(_) => Rc::clone(state),
            }),
            Call::Read(_) | Call::Twice => None,
        }
    }

    fn show(&self, state: &Rc<[u32]>) -> String {
        self.values.show_all(state)
    }

    fn weight(state: &Rc<[u32]>) -> usize {
        size_of_val(&**state)
    }
}
