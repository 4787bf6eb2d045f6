//! The value of one key of a map: texts that are put, appended to and got.

use super::{Answer, Model, Object, Unfit};
use serde_json::Value;
use std::rc::Rc;

/// One key's value; what is not there and the empty text are the same.
#[derive(Debug, Default)]
pub(in crate::checker) struct Kv {
    /// Something was put that is no text.
    holds_others: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::checker) enum Call {
    Get(Rc<str>),
    Put(Rc<str>),
    Append(Rc<str>),
}

/// A text; anything else in a form that no text has.
fn text(value: &Value) -> Rc<str> {
    match value {
        Value::Null => "".into(),
        Value::String(text) => text.as_str().into(),
        other => format!("\0{other}").into(),
    }
}

impl Object for Kv {
    type State = Rc<str>;
    type Call = Call;

    fn hear(&mut self, f: &str, asked: &Value) {
        self.holds_others |= matches!(f, "put" | "write") && !(asked.is_string() || asked.is_null());
    }

    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Call>, Unfit> {
        match (f, answer) {
            ("get" | "read", Answer::Gave(value)) => Ok(Some(Call::Get(text(value)))),
            ("get" | "read", _) | ("put" | "write" | "append", Answer::Refused) => Ok(None),
            ("put" | "write", _) => Ok(Some(Call::Put(text(asked)))),
            ("append", _) if !asked.is_string() => Err(Unfit::expected("a text to append", asked)),
            ("append", _) if self.holds_others => {
                Err(Unfit::new("appends to what is no text").help("something else than a text was put"))
            }
            ("append", _) => Ok(Some(Call::Append(text(asked)))),
            _ => Err(Model::Kv.unknown(f)),
        }
    }

    fn initial(&self) -> Rc<str> {
        "".into()
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::Get(_))
    }

    fn overwrites(call: &Call) -> bool {
        matches!(call, Call::Put(_))
    }

    fn agrees(&self, state: &Rc<str>, call: &Call) -> bool {
        matches!(call, Call::Get(value) if value == state)
    }

    fn after(&self, state: &Rc<str>, call: &Call) -> Option<Rc<str>> {
        match call {
            Call::Put(value) => Some(Rc::clone(value)),
            Call::Append(more) => Some([&**state, &**more].concat().into()),
            Call::Get(_) => None,
        }
    }

    fn show(&self, state: &Rc<str>) -> String {
        state.strip_prefix('\0').map_or_else(|| Value::from(&**state).to_string(), str::to_owned)
    }

    fn weight(state: &Rc<str>) -> usize {
        state.len()
    }
}
