//! Against a checker that tries every order of small histories, on models of its own.

use super::{Event, History, Model, Verdict, checked};
use crate::history::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The state after an operation that gave this, or whose result is not known; nothing where it cannot have.
fn apply(model: Model, state: &Value, f: &str, asked: &Value, gave: Option<&Value>) -> Option<Value> {
    let list = || state.as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_i64().unwrap_or(1);
    let looked = |agrees: bool| (gave.is_none() || agrees).then(|| state.clone());
    match f {
        "read" if model == Model::Set => {
            let mut members = gave.and_then(Value::as_array).cloned().unwrap_or_default();
            members.sort_by_key(number);
            looked(members == list())
        }
        "read" | "get" => looked(gave == Some(state)),
        "write" | "put" => Some(asked.clone()),
        "cas" if gave == Some(&json!(false)) => (*state != asked[0]).then(|| state.clone()),
        "cas" => (*state == asked[0]).then(|| asked[1].clone()),
        "append" => Some(json!(format!("{}{}", state.as_str()?, asked.as_str()?))),
        "acquire" if gave == Some(&json!(false)) => (!state.is_null()).then(|| state.clone()),
        "acquire" => state.is_null().then(|| json!("held")),
        "release" => (!state.is_null()).then_some(Value::Null),
        "enqueue" => Some(Value::Array([list(), vec![asked.clone()]].concat())),
        "dequeue" => match (list().split_first(), gave) {
            (None, None | Some(Value::Null)) => Some(state.clone()),
            (Some((_, rest)), None) => Some(rest.to_vec().into()),
            (Some((first, rest)), Some(gave)) if first == gave => Some(rest.to_vec().into()),
            _ => None,
        },
        "add" if model == Model::Set => {
            let mut members = list();
            members.push(asked.clone());
            members.sort_by_key(number);
            members.dedup();
            Some(members.into())
        }
        "remove" => Some(list().into_iter().filter(|member| member != asked).collect()),
        "add" | "increment" => Some(json!(number(state) + number(asked))),
        "decrement" => Some(json!(number(state) - number(asked))),
        _ => None,
    }
}

fn initial(model: Model) -> Value {
    match model {
        Model::Kv => json!(""),
        Model::Queue | Model::Set => json!([]),
        Model::Counter => json!(0),
        _ => Value::Null,
    }
}

struct Op<'a> {
    asked: &'a Event,
    from: usize,
    /// Its completion, if it was done for sure.
    ok: Option<(usize, &'a Value)>,
}

/// The operations that may have happened.
fn pair(events: &[Event]) -> Vec<Op<'_>> {
    let mut ops: Vec<Option<Op<'_>>> = Vec::new();
    let mut open = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        let process = event.process.as_u64();
        match event.kind {
            Kind::Invoke => {
                open.insert(process, ops.len());
                ops.push(Some(Op { asked: event, from: at, ok: None }));
            }
            Kind::Ok => ops[open[&process]].as_mut().unwrap().ok = Some((at, &event.value)),
            Kind::Fail => ops[open[&process]] = None,
            Kind::Info => {}
        }
    }
    ops.into_iter().flatten().collect()
}

fn explained(model: Model, ops: &[Op<'_>], placed: u32, state: &Value) -> bool {
    let is_placed = |number: usize| placed >> number & 1 == 1;
    let missing = || ops.iter().enumerate().filter(|(number, op)| !is_placed(*number) && op.ok.is_some());
    let Some(first_end) = missing().filter_map(|(_, op)| op.ok.map(|(end, _)| end)).min() else { return true };
    ops.iter().enumerate().filter(|(number, op)| !is_placed(*number) && op.from < first_end).any(|(number, op)| {
        let next = apply(model, state, &op.asked.f, &op.asked.value, op.ok.map(|(_, gave)| gave));
        next.is_some_and(|next| explained(model, ops, placed | 1 << number, &next))
    })
}

fn is_linearizable(model: Model, events: &[Event]) -> bool {
    explained(model, &pair(events), 0, &initial(model))
}

/// One step of one of three processes: begin, or end what was begun.
#[derive(Clone, Debug)]
struct Step {
    process: u8,
    f: usize,
    value: u8,
    outcome: u8,
    /// Whether a result is what the object would give now, or `gave`.
    is_honest: bool,
    gave: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (0..3_u8, 0..4_usize, 0..3_u8, 0..10_u8, prop::bool::weighted(0.8), 0..3_u8)
        .prop_map(|(process, f, value, outcome, is_honest, gave)| Step { process, f, value, outcome, is_honest, gave })
}

fn words(model: Model) -> &'static [&'static str] {
    Model::ALL.iter().find(|(_, known, _)| *known == model).map_or(&[], |(.., words)| words)
}

fn asked(model: Model, step: &Step) -> (&'static str, Value) {
    let words = words(model);
    let f = words[step.f % words.len()];
    let value = match (model, f) {
        (_, "read" | "get" | "acquire" | "release" | "dequeue") => Value::Null,
        (_, "cas") => json!([step.value, step.gave]),
        (Model::Kv, _) => json!(["a", "b", "c"][usize::from(step.value)]),
        _ => json!(step.value),
    };
    (f, value)
}

/// What it gives when it is done in this state, or another such thing.
fn gave(model: Model, f: &str, state: &Value, asked: &Value, step: &Step) -> Value {
    let list = state.as_array().cloned().unwrap_or_default();
    let possible = |gave: Value| apply(model, state, f, asked, Some(&gave)).is_some() == step.is_honest;
    match f {
        "read" | "get" if step.is_honest => state.clone(),
        "read" if model == Model::Set => json!([step.gave]),
        "get" => json!(["a", "b", "ab"][usize::from(step.gave)]),
        "dequeue" if step.is_honest => list.first().cloned().unwrap_or_default(),
        "read" | "dequeue" => json!(step.gave),
        "cas" | "acquire" => json!(possible(json!(true))),
        _ => Value::Null,
    }
}

/// A history; honest results are those of an object that does things when they end.
fn events(model: Model, steps: &[Step]) -> Vec<Event> {
    let mut state = initial(model);
    let mut open: BTreeMap<u8, (u64, &str, Value)> = BTreeMap::new();
    let mut processes = 0;
    let mut names: BTreeMap<u8, u64> = BTreeMap::new();
    let mut events = Vec::new();
    for step in steps {
        let (kind, process, f, value) = match open.remove(&step.process) {
            None => {
                let (f, value) = asked(model, step);
                let process = *names.entry(step.process).or_insert_with(|| {
                    processes += 1;
                    processes
                });
                open.insert(step.process, (process, f, value.clone()));
                (Kind::Invoke, process, f, value)
            }
            Some((process, f, asked)) => {
                let (kind, value) = match step.outcome {
                    0 => (Kind::Fail, asked.clone()),
                    1 | 2 => (Kind::Info, asked.clone()),
                    _ => (Kind::Ok, gave(model, f, &state, &asked, step)),
                };
                // Also of those that nobody knows of, some happen.
                if step.outcome > 1 {
                    let result = (kind == Kind::Ok).then_some(&value);
                    state = apply(model, &state, f, &asked, result).unwrap_or(state);
                }
                if kind == Kind::Info {
                    names.remove(&step.process);
                }
                (kind, process, f, value)
            }
        };
        let line = events.len() + 1;
        events.push(Event { line, process: process.into(), kind, f: f.to_owned(), key: Value::Null, value });
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn the_verdict_is_that_of_trying_every_order_and_the_witness_is_the_shortest(
        model in 0..Model::ALL.len(),
        steps in prop::collection::vec(step(), 0..18),
    ) {
        let (_, model, _) = Model::ALL[model];
        let events = events(model, &steps);
        let history = History { events: events.clone(), fail_is_answer: false };
        let found = checked(&history, model).unwrap();
        prop_assert_eq!(&checked(&history, model).unwrap(), &found);
        let holds = is_linearizable(model, &events);
        let expected = match (holds, found.operations.ok) {
            (false, _) => Verdict::Fail,
            (true, 0) => Verdict::Unknown,
            (true, _) => Verdict::Pass,
        };
        prop_assert_eq!(found.verdict, expected, "{:#?}", events);
        if let Some(witness) = found.witness {
            prop_assert!(witness.is_shortest);
            prop_assert!(!is_linearizable(model, &events[..witness.events]));
            prop_assert!(is_linearizable(model, &events[..witness.events - 1]));
            prop_assert_eq!(witness.failed.as_ref().unwrap_or(&witness.operation).completed, Some(witness.line));
        }
    }
}

#[test]
fn random_histories_are_of_both_kinds_for_every_model() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for (name, model, _) in Model::ALL {
        let mut sums = [0, 0];
        for _ in 0..300 {
            let steps = prop::collection::vec(step(), 10..18).new_tree(&mut runner).unwrap().current();
            sums[usize::from(is_linearizable(model, &events(model, &steps)))] += 1;
        }
        assert!(sums.iter().all(|sum| *sum > 30), "{name}: {sums:?}");
    }
}
