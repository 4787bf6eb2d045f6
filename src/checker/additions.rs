//! The set checker: what was added and acknowledged must be in what was read at the end.

use super::operation::{Outcome, operations};
use super::{Counts, History, Misfit, Verdict};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// What an addition is called.
const ADD: &str = "add";

/// What a check of additions found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Additions {
    /// In one word.
    pub verdict: Verdict,
    /// In a sentence.
    pub message: String,
    /// Additions by outcome.
    pub operations: Counts,
    /// The values whose addition was acknowledged, in the order of their invocations.
    pub acknowledged: Vec<Value>,
    /// Acknowledged, and not there at the end.
    pub lost: Vec<Value>,
    /// There at the end, and never added, or definitely not.
    pub unexpected: Vec<Value>,
    /// There more than once.
    pub duplicated: Vec<Value>,
    /// There though nobody knew whether their addition was done.
    pub recovered: Vec<Value>,
}

/// How often a value is there, and what is known of its addition.
#[derive(Default)]
struct Known {
    acknowledged: bool,
    unclear: bool,
    there: usize,
}

/// Checks what was read at the end against the operations `add` of a history; others do not count.
///
/// # Errors
/// Names the event that does not fit those before it.
pub fn check_set(history: &History, final_read: &[Value]) -> Result<Additions, Misfit> {
    let added = |event: usize| history.events[event].f == ADD;
    let operations: Vec<_> = operations(history)?.into_iter().filter(|operation| added(operation.invoked)).collect();
    let mut order: Vec<Value> = Vec::new();
    let mut known: HashMap<Value, Known> = HashMap::new();
    let mut look_up = |value: &Value, note: &dyn Fn(&mut Known)| {
        note(known.entry(value.clone()).or_insert_with(|| {
            order.push(value.clone());
            Known::default()
        }));
    };
    for operation in &operations {
        let value = &history.events[operation.invoked].value;
        match operation.outcome {
            Outcome::Ok(_) => look_up(value, &|known| known.acknowledged = true),
            Outcome::Open => look_up(value, &|known| known.unclear = true),
            Outcome::Failed(_) => {}
        }
    }
    for value in final_read {
        look_up(value, &|known| known.there += 1);
    }
    let those = |is: &dyn Fn(&Known) -> bool| -> Vec<Value> {
        order.iter().filter(|value| known.get(value).is_some_and(is)).cloned().collect()
    };
    let found = Additions {
        verdict: Verdict::Unknown,
        message: String::new(),
        operations: Counts::of(&operations),
        acknowledged: those(&|known| known.acknowledged),
        lost: those(&|known| known.acknowledged && known.there == 0),
        unexpected: those(&|known| known.there > 0 && !known.acknowledged && !known.unclear),
        duplicated: those(&|known| known.there > 1),
        recovered: those(&|known| known.there > 0 && known.unclear && !known.acknowledged),
    };
    let (verdict, message) = found.judge();
    Ok(Additions { verdict, message, ..found })
}

impl Additions {
    fn judge(&self) -> (Verdict, String) {
        let wrong = [("lost", &self.lost), ("unexpected", &self.unexpected), ("duplicated", &self.duplicated)];
        let wrong: Vec<String> = wrong
            .iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(what, values)| format!("{} {what}: {}", values.len(), some(values)))
            .collect();
        let acknowledged = self.acknowledged.len();
        if !wrong.is_empty() {
            (Verdict::Fail, format!("of {acknowledged} acknowledged additions and what was read: {}", wrong.join("; ")))
        } else if self.operations.ok == 0 {
            (Verdict::Unknown, format!("not a single `{ADD}` succeeded"))
        } else {
            (Verdict::Pass, format!("all {acknowledged} acknowledged additions are there"))
        }
    }
}

/// The first of them.
fn some(values: &[Value]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = values.iter().take(SHOWN).map(Value::to_string).collect();
    let rest = if values.len() > SHOWN { ", …" } else { "" };
    format!("[{}{rest}]", shown.join(", "))
}
