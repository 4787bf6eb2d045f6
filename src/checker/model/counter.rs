//! A counter.

use super::{Answer, Model, Object, Unfit};
use serde_json::Value;

/// A sum.
#[derive(Debug, Default)]
pub(in crate::checker) struct Counter;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::checker) enum Call {
    Add(i64),
    /// The sum was this.
    Read(i64),
}

fn integer(value: &Value) -> Result<i64, Unfit> {
    let float = || value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15).map(|float| float as i64);
    value.as_i64().or_else(float).ok_or_else(|| Unfit::expected("an integer", value))
}

/// How much; one, where nothing is said.
fn amount(asked: &Value) -> Result<i64, Unfit> {
    if asked.is_null() { Ok(1) } else { integer(asked) }
}

impl Object for Counter {
    type State = i64;
    type Call = Call;

    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Call>, Unfit> {
        match (f, answer) {
            // What was never counted is 0.
            ("read", Answer::Gave(Value::Null)) => Ok(Some(Call::Read(0))),
            ("read", Answer::Gave(value)) => integer(value).map(|sum| Some(Call::Read(sum))),
            ("read", _) | ("add" | "increment" | "decrement", Answer::Refused) => Ok(None),
            ("add" | "increment", _) => amount(asked).map(|amount| Some(Call::Add(amount))),
            ("decrement", _) => amount(asked).map(|amount| Some(Call::Add(amount.saturating_neg()))),
            _ => Err(Model::Counter.unknown(f)),
        }
    }

    fn initial(&self) -> i64 {
        0
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::Read(_))
    }

    fn agrees(&self, state: &i64, call: &Call) -> bool {
        matches!(call, Call::Read(sum) if sum == state)
    }

    fn after(&self, state: &i64, call: &Call) -> Option<i64> {
        match call {
            // 64 bits that overflow wrap, whoever counts; nothing is refused for it.
            Call::Add(amount) => Some(state.wrapping_add(*amount)),
            Call::Read(_) => None,
        }
    }

    fn show(&self, state: &i64) -> String {
        state.to_string()
    }
}
