//! Lines of a Jepsen log: `INFO  jepsen.util - 3 :invoke :cas [3 0]`. The value of one that failed or that nobody knows the
//! outcome of may be a reason instead, `:timed-out`, or a reason may follow it. What others log, and what Jepsen's nemesis
//! does, are no operations.

use super::Wrong;
use super::edn::Edn;
use super::map::{kind, no_value};
use crate::checker::Event;
use crate::history::Kind;
use serde_json::Value;

const HELP: &str = "a line of an operation: INFO  jepsen.util - 0 :invoke|:ok|:fail|:info :read|:write|:cas VALUE";
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
/// Who logs operations.
const LOGGER: &str = "jepsen.util - ";

/// Whether a line is one of a log.
pub(super) fn is_log(line: &str) -> bool {
    line.contains(LOGGER) || line.split_whitespace().take(4).any(|word| LEVELS.contains(&word))
}

/// The event in a line, if it is one of an operation.
pub(super) fn event(number: usize, line: &str) -> Result<Option<Event>, Wrong> {
    let Some(start) = line.find(LOGGER).map(|at| at + LOGGER.len()) else {
        let stranger = || Wrong::new("this is no line of a Jepsen log", HELP);
        return if is_log(line) { Ok(None) } else { Err(stranger()) };
    };
    let shift = |wrong: Wrong| Wrong { at: wrong.at.start + start..wrong.at.end.saturating_add(start), ..wrong };
    let values = Edn::all(&line[start..]).map_err(|wrong| shift(Wrong { help: HELP.to_owned(), ..no_value(wrong) }))?;
    match values.as_slice() {
        [Edn::Keyword(_), ..] => Ok(None),
        [Edn::Number(process), word, Edn::Keyword(f), rest @ ..] if process.is_u64() => {
            let kind = kind(word)?;
            let value = value(kind, rest)?;
            Ok(Some(Event {
                line: number,
                process: process.clone().into(),
                kind,
                f: f.clone(),
                key: Value::Null,
                value,
            }))
        }
        _ => Err(Wrong::new("this line says nothing of an operation", HELP)),
    }
}

/// The value; null where a reason stands in its place.
fn value(kind: Kind, rest: &[Edn]) -> Result<Value, Wrong> {
    match (kind, rest) {
        (Kind::Fail | Kind::Info, [] | [Edn::Keyword(_), ..]) => Ok(Value::Null),
        // A reason says that it was never done, or that nobody knows: no answer of the object's.
        (Kind::Fail | Kind::Info, [_, _reason, ..]) => Ok(Value::Null),
        (_, [value]) => Ok(value.json()),
        (_, []) => Err(Wrong::new("the value is missing", HELP)),
        _ => Err(Wrong::new("something stands behind the value", HELP)),
    }
}
