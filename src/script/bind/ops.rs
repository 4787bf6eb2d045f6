//! Operations: what clients written as scripts do to the system under test, for the history that checkers read.

use super::super::diagnose::{Definite, Meaning, meaning};
use super::super::host::Host;
use super::super::values::{self, known_keys, seconds};
use super::{Scripted, at_call, raise};
use crate::engine::Operation;
use crate::history::{Entry, Kind};
use crate::{Error, ErrorKind, Result};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext, Position};
use serde_json::Value;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn(
        "op",
        move |context: NativeCallContext, f: Dynamic, value: Dynamic, work: FnPtr| -> Scripted<Map> {
            op(&own, &context, [&f, &Dynamic::UNIT, &value], &work)
        },
    );
    let own = Rc::clone(host);
    engine.register_fn(
        "op",
        move |context: NativeCallContext, f: Dynamic, key: Dynamic, value: Dynamic, work: FnPtr| -> Scripted<Map> {
            op(&own, &context, [&f, &key, &value], &work)
        },
    );
    engine.register_fn("definite_failure", |message: Dynamic| -> Scripted<()> {
        let error = Error::new(ErrorKind::Failed, message.to_string()).help("within op() it means: not done");
        Err(EvalAltResult::ErrorRuntime(Dynamic::from(Definite(error)), Position::NONE).into())
    });
    let own = Rc::clone(host);
    engine.register_fn("history", move || -> Scripted<Array> { at_call(ops(&own, &Map::new())) });
    let own = Rc::clone(host);
    engine.register_fn("ops", move || -> Scripted<Array> { at_call(ops(&own, &Map::new())) });
    let own = Rc::clone(host);
    engine.register_fn("ops", move |filter: Map| -> Scripted<Array> { at_call(ops(&own, &filter)) });
}

/// Records what is about to be done, does it, records what came of it. Only what ends the script ends a client: what
/// nobody knows the outcome of does not.
fn op(host: &Host, context: &NativeCallContext, asked: [&Dynamic; 3], work: &FnPtr) -> Scripted<Map> {
    let open = at_call(operation(asked).and_then(|operation| Open::begin(host, operation)))?;
    match work.call_within_context::<Dynamic>(context, ()) {
        Ok(result) => match data(&result, "what the operation gives") {
            Ok(value) => at_call(open.end(Kind::Ok, value, None)).map(|()| outcome(Kind::Ok, result, None)),
            Err(error) => {
                at_call(open.unclear(&error.message))?;
                Err(raise(error))
            }
        },
        Err(error) => match meaning(&error) {
            Meaning::Definite(why) => at_call(open.fail(&why)).map(|()| outcome(Kind::Fail, Dynamic::UNIT, Some(why))),
            Meaning::Unclear(why) => {
                at_call(open.unclear(&why)).map(|()| outcome(Kind::Info, Dynamic::UNIT, Some(why)))
            }
            Meaning::End(why) => {
                // The script's own end is what counts, recorded or not.
                let _ = open.unclear(&why);
                Err(error)
            }
        },
    }
}

fn operation([f, key, value]: [&Dynamic; 3]) -> Result<Operation> {
    let f = values::text(f, "what is done, like \"read\"")?;
    Ok(Operation { process: 0, f, key: data(key, "the key")?, value: data(value, "the value")?, error: None })
}

/// A value as it stands in a history.
pub(super) fn data(value: &Dynamic, what: &str) -> Result<Value> {
    if let Some(number) = not_finite(value) {
        return Err(Error::usage(format!("{what} is or holds {number}, which no history can hold"))
            .help("its numbers are finite, as those of JSON: write this one as text, or as ()"));
    }
    rhai::serde::from_dynamic(value).map_err(|_| {
        Error::usage(format!("{what} is no data: it is or holds {}", odd(value)))
            .help("a history holds numbers, texts, bools, (), lists and maps of them")
    })
}

/// The first number in a value that JSON has no word for.
fn not_finite(value: &Dynamic) -> Option<f64> {
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().find_map(not_finite);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().find_map(not_finite);
    }
    value.as_float().ok().filter(|number| !number.is_finite())
}

/// What in a value is no data.
fn odd(value: &Dynamic) -> String {
    let inner = |value: &Dynamic| rhai::serde::from_dynamic::<Value>(value).is_err().then(|| odd(value));
    let found = if let Some(list) = value.read_lock::<Array>() {
        list.iter().find_map(inner)
    } else {
        value.read_lock::<Map>().and_then(|map| map.values().find_map(inner))
    };
    found.unwrap_or_else(|| values::type_name(value))
}

fn outcome(kind: Kind, value: Dynamic, error: Option<String>) -> Map {
    let mut map = Map::new();
    map.insert("type".into(), kind.word().into());
    map.insert("value".into(), value);
    map.insert("error".into(), error.map_or(Dynamic::UNIT, Dynamic::from));
    map
}

/// An operation under way. One that is dropped before its end stays open in the history: nobody knows what came of it.
struct Open<'a> {
    host: &'a Host,
    actor: String,
    operation: Operation,
}

impl<'a> Open<'a> {
    fn begin(host: &'a Host, operation: Operation) -> Result<Self> {
        let actor = host.recorder.task();
        let process = host.processes.borrow_mut().begin(&actor).ok_or_else(|| {
            Error::usage("op() within op()").help("a client does one thing at a time; a task of its own may do another")
        })?;
        let open = Self { host, actor, operation: Operation { process, ..operation } };
        record(host, Kind::Invoke, open.operation.clone())?;
        Ok(open)
    }

    fn end(self, kind: Kind, value: Value, error: Option<&str>) -> Result<()> {
        let error = error.map(str::to_owned);
        record(self.host, kind, Operation { value, error, ..self.operation.clone() })?;
        if kind != Kind::Info {
            self.host.processes.borrow_mut().end(&self.actor);
        }
        Ok(())
    }

    fn fail(self, why: &str) -> Result<()> {
        let value = self.operation.value.clone();
        self.end(Kind::Fail, value, Some(why))
    }

    fn unclear(self, why: &str) -> Result<()> {
        let value = self.operation.value.clone();
        self.end(Kind::Info, value, Some(why))
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.host.processes.borrow_mut().retire(&self.actor);
    }
}

/// Into the journal and the files first, then into what the script sees.
pub(super) fn record(host: &Host, kind: Kind, operation: Operation) -> Result<()> {
    let event = host.recorder.record_and_keep(kind.event(operation))?;
    let mut history = host.history.borrow_mut();
    let entry = Entry::of(history.len() as u64, &event);
    history.extend(entry);
    Ok(())
}

fn ops(host: &Host, filter: &Map) -> Result<Array> {
    known_keys(filter, &["type", "f", "key", "process"])?;
    let wanted = |key: &str| filter.get(key).map(|value| data(value, key)).transpose();
    let (kind, f, key, process) = (wanted("type")?, wanted("f")?, wanted("key")?, wanted("process")?);
    let kind = kind.map(kind_of).transpose()?;
    let agrees = |entry: &&Entry| {
        kind.is_none_or(|kind| kind == entry.kind)
            && f.as_ref().is_none_or(|f| *f == entry.f)
            && key.as_ref().is_none_or(|key| *key == entry.key)
            && process.as_ref().is_none_or(|process| *process == entry.process)
    };
    host.history.borrow().iter().filter(agrees).map(shown).collect()
}

fn kind_of(word: Value) -> Result<Kind> {
    let wrong = Error::usage(format!("{word} is no type of an entry"));
    serde_json::from_value(word).map_err(|_| wrong.help("one of \"invoke\", \"ok\", \"fail\", \"info\""))
}

/// An entry as scripts see it.
fn shown(entry: &Entry) -> Result<Dynamic> {
    let back = |value: &Value| {
        rhai::serde::to_dynamic(value).map_err(|error| Error::machine(format!("a value cannot be read back: {error}")))
    };
    let mut map = Map::new();
    map.insert("index".into(), (entry.index as i64).into());
    map.insert("t".into(), seconds(entry.t_us).into());
    map.insert("process".into(), (entry.process as i64).into());
    map.insert("type".into(), entry.kind.word().into());
    map.insert("f".into(), entry.f.clone().into());
    map.insert("key".into(), back(&entry.key)?);
    map.insert("value".into(), back(&entry.value)?);
    map.insert("error".into(), entry.error.clone().map_or(Dynamic::UNIT, Dynamic::from));
    Ok(map.into())
}
