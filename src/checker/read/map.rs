//! One EDN map a line, as Porcupine's tests have them: `{:process 9, :type :ok, :f :get, :key "3", :value "x"}`.

use super::Wrong;
use super::edn::{Edn, NoEdn};
use crate::checker::Event;
use crate::history::Kind;
use serde_json::Value;

const HELP: &str = "one map a line: {:process 0, :type :invoke|:ok|:fail|:info, :f :get, :key \"a\", :value nil}";

/// The event in a line.
pub(super) fn event(number: usize, line: &str) -> Result<Event, Wrong> {
    let values = Edn::all(line).map_err(no_value)?;
    let [Edn::Map(pairs)] = values.as_slice() else {
        return Err(Wrong::new("this line is no map", HELP));
    };
    let field = |name: &str| {
        let is_it = |key: &Edn| matches!(key, Edn::Keyword(key) if key == name);
        pairs.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
    };
    let needed = |name: &str| field(name).ok_or_else(|| Wrong::new(format!("this map has no `:{name}`"), HELP));
    let process = needed("process")?.json();
    if !(process.is_u64() || process.is_string()) {
        return Err(Wrong::new("a process is a number from 0, or a name", HELP));
    }
    let f = match needed("f")? {
        Edn::Keyword(f) | Edn::Text(f) => f.clone(),
        _ => return Err(Wrong::new("`:f` names what is done, like :get", HELP)),
    };
    let kind = kind(needed("type")?)?;
    let json = |name| field(name).map_or(Value::Null, Edn::json);
    Ok(Event { line: number, process, kind, f, key: json("key"), value: json("value") })
}

pub(super) fn no_value(NoEdn { message, at }: NoEdn) -> Wrong {
    Wrong::new(message, HELP).at(at)
}

/// What is said of the operation.
pub(super) fn kind(word: &Edn) -> Result<Kind, Wrong> {
    match word {
        Edn::Keyword(word) if word == "invoke" => Ok(Kind::Invoke),
        Edn::Keyword(word) if word == "ok" => Ok(Kind::Ok),
        Edn::Keyword(word) if word == "fail" => Ok(Kind::Fail),
        Edn::Keyword(word) if word == "info" => Ok(Kind::Info),
        other => Err(Wrong::new(format!("{} is no type", other.json()), "one of :invoke, :ok, :fail, :info")),
    }
}
