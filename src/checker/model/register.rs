//! A register, with and without compare-and-set.

use super::values::{NOTHING, Values};
use super::{Answer, Model, Object, Unfit};
use serde_json::Value;

/// One value.
#[derive(Debug)]
pub(in crate::checker) struct Register {
    model: Model,
    values: Values,
}

impl Register {
    pub(in crate::checker) fn new(model: Model) -> Self {
        Self { model, values: Values::default() }
    }

    fn has_cas(&self) -> bool {
        self.model == Model::CasRegister
    }
}

/// Values by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::checker) enum Call {
    /// It held this.
    Read(u32),
    /// From now on it holds this.
    Write(u32),
    /// It held the first, and holds the second now.
    Cas(u32, u32),
    /// It held something else.
    Other(u32),
}

/// `[from, to]`.
fn pair(asked: &Value) -> Result<[&Value; 2], Unfit> {
    match asked.as_array().map(Vec::as_slice) {
        Some([from, to]) => Ok([from, to]),
        _ => Err(Unfit::expected("[from, to]", asked)),
    }
}

impl Object for Register {
    type State = u32;
    type Call = Call;

    fn hear(&mut self, f: &str, asked: &Value) {
        let asked =
            if f == "cas" { asked.as_array().map_or(&[][..], Vec::as_slice) } else { std::slice::from_ref(asked) };
        for value in asked {
            self.values.number(value);
        }
    }

    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Call>, Unfit> {
        match (f, answer) {
            ("read", Answer::Gave(value)) => self.values.given(value).map(|value| Some(Call::Read(value))),
            ("read", _) | ("write", Answer::Refused) => Ok(None),
            ("write", _) => Ok(Some(Call::Write(self.values.number(asked)))),
            ("cas", _) if self.has_cas() => {
                let [from, to] = pair(asked)?.map(|value| self.values.number(value));
                Ok(Some(match answer {
                    Answer::Gave(Value::Bool(false)) | Answer::Refused => Call::Other(from),
                    Answer::Gave(_) | Answer::Unknown => Call::Cas(from, to),
                }))
            }
            _ => Err(self.model.unknown(f)),
        }
    }

    fn initial(&self) -> u32 {
        NOTHING
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::Read(_) | Call::Other(_))
    }

    fn overwrites(call: &Call) -> bool {
        matches!(call, Call::Write(_))
    }

    fn agrees(&self, state: &u32, call: &Call) -> bool {
        match call {
            Call::Read(value) => state == value,
            Call::Other(value) => state != value,
            Call::Write(_) | Call::Cas(..) => false,
        }
    }

    fn after(&self, state: &u32, call: &Call) -> Option<u32> {
        match call {
            Call::Write(value) => Some(*value),
            Call::Cas(from, to) => (state == from).then_some(*to),
            Call::Read(_) | Call::Other(_) => None,
        }
    }

    fn show(&self, state: &u32) -> String {
        self.values.show(*state)
    }
}
