//! A lock. Who holds it is whom the value names, if there is one: a process may go on as another.

use super::values::{NOTHING, Values};
use super::{Answer, Model, Object, Unfit};
use serde_json::Value;

/// Held or free.
#[derive(Debug, Default)]
pub(in crate::checker) struct Lock {
    values: Values,
}

/// Holders by their numbers; [`NOTHING`] names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::checker) enum Call {
    /// It was free.
    Acquire(u32),
    /// It was held, by them if anybody is named.
    Release(u32),
    /// It was held.
    NotAcquired,
    /// It was not held by them, or by anybody.
    NotReleased(u32),
}

/// Whether who releases is who holds it.
fn holds(state: Option<u32>, who: u32) -> bool {
    state.is_some_and(|holder| who == NOTHING || holder == NOTHING || holder == who)
}

impl Object for Lock {
    type State = Option<u32>;
    type Call = Call;

    fn call(&mut self, f: &str, asked: &Value, answer: Answer<'_>) -> Result<Option<Call>, Unfit> {
        let refused = matches!(answer, Answer::Gave(Value::Bool(false)));
        match (f, answer) {
            ("acquire" | "release", Answer::Refused) => Ok(None),
            ("acquire", _) if refused => Ok(Some(Call::NotAcquired)),
            ("acquire", _) => Ok(Some(Call::Acquire(self.values.number(asked)))),
            ("release", _) if refused => Ok(Some(Call::NotReleased(self.values.number(asked)))),
            ("release", _) => Ok(Some(Call::Release(self.values.number(asked)))),
            _ => Err(Model::Lock.unknown(f)),
        }
    }

    fn initial(&self) -> Option<u32> {
        None
    }

    fn only_looks(call: &Call) -> bool {
        matches!(call, Call::NotAcquired | Call::NotReleased(_))
    }

    fn agrees(&self, state: &Option<u32>, call: &Call) -> bool {
        match call {
            Call::NotAcquired => state.is_some(),
            // Of a holder without a name it cannot be said that it is another.
            Call::NotReleased(who) => !holds(*state, *who) || *state == Some(NOTHING) && *who != NOTHING,
            Call::Acquire(_) | Call::Release(_) => false,
        }
    }

    fn after(&self, state: &Option<u32>, call: &Call) -> Option<Option<u32>> {
        match call {
            Call::Acquire(who) => state.is_none().then_some(Some(*who)),
            Call::Release(who) => holds(*state, *who).then_some(None),
            Call::NotAcquired | Call::NotReleased(_) => None,
        }
    }

    fn show(&self, state: &Option<u32>) -> String {
        match *state {
            None => "free".to_owned(),
            Some(NOTHING) => "held".to_owned(),
            Some(who) => format!("held by {}", self.values.show(who)),
        }
    }
}
