//! One JSON object a line: `{"index", "t_us", "process", "type", "f", "key", "value", "error"}`, as a run's
//! `history.jsonl`; of other programs also without `index`, `t_us`, `key` and `error`.

use super::Wrong;
use crate::checker::Event;
use crate::history::{Kind, exact};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

const HELP: &str =
    "one object a line: {\"process\": 0, \"type\": \"invoke|ok|fail|info\", \"f\": …, \"key\": …, \"value\": …}";

#[derive(Deserialize)]
struct Line<'a> {
    index: Option<u64>,
    t_us: Option<u64>,
    process: Value,
    #[serde(rename = "type")]
    kind: Kind,
    f: String,
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

/// What the lines so far have said of their order.
#[derive(Default)]
pub(super) struct Order {
    index: Option<u64>,
    t_us: Option<u64>,
}

impl Order {
    /// The event in a line.
    pub(super) fn event(&mut self, number: usize, line: &str) -> Result<Event, Wrong> {
        let read: Line<'_> = serde_json::from_str(line).map_err(|error| no_operation(&error))?;
        if !(read.process.is_u64() || read.process.is_string()) {
            return Err(Wrong::new("a process is a number from 0, or a text", HELP));
        }
        match (self.t_us, read.t_us) {
            (Some(before), Some(now)) if now < before => {
                let message = format!("time goes back: t_us is {now}, and was {before} before");
                return Err(Wrong::new(message, "a history has its events in the order in which they happened"));
            }
            _ => self.t_us = read.t_us.or(self.t_us),
        }
        match (self.index, read.index) {
            (Some(before), Some(now)) if now <= before => {
                let message = format!("the index goes back: it is {now}, and was {before} before");
                return Err(Wrong::new(message, "a history has its events in the order in which they happened"));
            }
            _ => self.index = read.index.or(self.index),
        }
        let Line { process, kind, f, .. } = read;
        let (key, value) = (whole(read.key)?, whole(read.value)?);
        Ok(Event { line: number, process, kind, f, key, value })
    }
}

/// A key or a value, `null` where it is missing. Two integers that are not the same must not become so.
fn whole(raw: Option<&RawValue>) -> Result<Value, Wrong> {
    let Some(text) = raw.map(RawValue::get) else { return Ok(Value::Null) };
    let is_kept = |number: &str| number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    if let Some(integer) = exact::inexact_integer(text, is_kept) {
        let range = format!("{} to {}", i64::MIN, u64::MAX);
        let message = format!("the integer {integer} is beyond those that are kept exactly ({range})");
        return Err(Wrong::new(message, "write it as text"));
    }
    serde_json::from_str(text).map_err(|error| no_operation(&error))
}

/// What the parser says without its own place: the line is shown.
fn no_operation(error: &serde_json::Error) -> Wrong {
    let told = error.to_string();
    let why = told.rsplit_once(" at line ").map_or(told.as_str(), |(why, _)| why);
    let at = error.column().saturating_sub(1);
    let wrong = Wrong::new(format!("this line is no operation: {why}"), HELP);
    if error.is_syntax() { wrong.at(at..at + 1) } else { wrong }
}
