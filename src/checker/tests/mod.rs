//! The checkers against histories written by hand, and against a checker that tries every order.

mod brute;
mod models;
mod sets;

use super::{Event, History, Limit, Misfit, Model, Report, Verdict, check};
use crate::history::Kind;
use serde_json::Value;

/// A history of lines like `0 invoke write 1`: process, type, f, value (JSON, null where there is none); `f@key` for keyed
/// ones. Lines count from 1.
fn history(lines: &[&str]) -> History {
    let events = lines.iter().enumerate().map(|(at, line)| event(at + 1, line)).collect();
    History { events, fail_is_answer: false }
}

fn event(line: usize, text: &str) -> Event {
    let mut words = text.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let process: u64 = word().parse().unwrap();
    let kind = match word() {
        "invoke" => Kind::Invoke,
        "ok" => Kind::Ok,
        "fail" => Kind::Fail,
        _ => Kind::Info,
    };
    let (f, key) = word()
        .split_once('@')
        .map_or_else(|| (text.split(' ').nth(2).unwrap(), Value::Null), |(f, key)| (f, key.into()));
    let value = text.splitn(4, ' ').nth(3).map_or(Value::Null, |value| serde_json::from_str(value).unwrap());
    Event { line, process: process.into(), kind, f: f.to_owned(), key, value }
}

/// Without a deadline.
fn checked(history: &History, model: Model) -> Result<Report, Misfit> {
    check(history, model, &Limit::new(&|| false))
}

fn report(lines: &[&str], model: Model) -> Report {
    checked(&history(lines), model).unwrap()
}

fn verdict(lines: &[&str], model: Model) -> Verdict {
    report(lines, model).verdict
}

/// What is told of a history that does not hold: the operation, its line, and the states before it.
fn told(lines: &[&str], model: Model) -> String {
    let witness = report(lines, model).witness.unwrap();
    format!("{} in line {} after {}", witness.operation.words(), witness.line, witness.states.join(" or "))
}

#[test]
fn a_read_that_comes_too_late_is_found_with_what_was_there() {
    let lines = [
        "0 invoke write 1",
        "0 ok write",
        "1 invoke write 2",
        "1 ok write",
        "0 invoke read",
        "0 ok read 1",
        "0 invoke read",
        "0 ok read 2",
    ];
    assert_eq!(told(&lines, Model::Register), "read gave 1 in line 6 after 2");
    let witness = report(&lines, Model::Register).witness.unwrap();
    assert_eq!((witness.events, witness.is_shortest, witness.operation.invoked), (6, true, 5));
}

#[test]
fn a_write_under_way_may_be_seen_or_not_but_not_taken_back() {
    let seen = ["0 invoke write 1", "1 invoke read", "1 ok read 1", "1 invoke read", "1 ok read 1", "0 ok write"];
    assert_eq!(verdict(&seen, Model::Register), Verdict::Pass);
    let taken_back = ["0 invoke write 1", "1 invoke read", "1 ok read 1", "1 invoke read", "1 ok read", "0 ok write"];
    assert_eq!(told(&taken_back, Model::Register), "read gave null in line 5 after 1");
}

#[test]
fn what_nobody_knows_the_outcome_of_takes_effect_once_at_any_later_time_or_never() {
    let lines = ["0 invoke write 1", "0 info write", "1 invoke write 2", "1 ok write", "1 invoke read", "1 ok read 1"];
    assert_eq!(verdict(&lines, Model::Register), Verdict::Pass);
    assert_eq!(verdict(&[&lines[..4], &["1 invoke read", "1 ok read 2"]].concat(), Model::Register), Verdict::Pass);
    let twice = ["1 invoke write 2", "1 ok write", "1 invoke read", "1 ok read 1"];
    assert_eq!(told(&[&lines[..], &twice].concat(), Model::Register), "read gave 1 in line 10 after 2");
    let early = ["1 invoke read", "1 ok read 1", "0 invoke write 1", "0 info write"];
    assert_eq!(verdict(&early, Model::Register), Verdict::Fail);
}

#[test]
fn what_failed_never_happened_and_the_witness_ends_where_that_is_known() {
    let lines = ["0 invoke write 1", "1 invoke read", "1 ok read 1", "2 invoke read", "0 fail write 1", "2 ok read"];
    let witness = report(&lines, Model::Register).witness.unwrap();
    assert_eq!((witness.line, witness.operation.words().as_str()), (5, "read gave 1"));
    assert!(witness.message().ends_with("`read gave 1` by process 1, since `write 1 failed`"), "{}", witness.message());
}

#[test]
fn each_key_is_an_object_of_its_own_and_the_earliest_violation_is_told() {
    let lines = [
        "0 invoke write@x 1",
        "0 ok write",
        "1 invoke write@y 2",
        "1 ok write",
        "2 invoke read@y",
        "2 ok read 1",
        "3 invoke read@x",
        "3 ok read 2",
    ];
    let found = report(&lines, Model::Register);
    assert_eq!((found.objects, found.verdict), (2, Verdict::Fail));
    assert_eq!(found.message, "not linearizable: no order explains `read gave 1` of key \"y\" by process 2");
}

#[test]
fn without_a_single_success_nothing_can_be_said() {
    assert_eq!(verdict(&[], Model::Register), Verdict::Unknown);
    let failed = ["0 invoke write 1", "0 fail write", "0 invoke read", "0 info read"];
    assert_eq!(report(&failed, Model::Register).message, "not a single operation succeeded");
}

/// Histories that take forever to refuse: writes of unknown outcome, in every combination, and a sum that none has.
fn hard() -> Vec<String> {
    let unknown = (0..40).flat_map(|n| [format!("{n} invoke add {}", 1_u64 << n), format!("{n} info add")]);
    unknown.chain(["99 invoke read".to_owned(), "99 ok read -1".to_owned()]).collect()
}

#[test]
fn when_the_time_is_over_nothing_can_be_said() {
    let lines = hard();
    let history = history(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let calls = std::cell::Cell::new(0);
    let is_over = || calls.replace(calls.get() + 1) > 20;
    let found = check(&history, Model::Counter, &Limit::new(&is_over)).unwrap();
    assert_eq!((found.verdict, found.witness), (Verdict::Unknown, None));
    assert_eq!(found.message, "not decided when the time or the memory ran out");
    let never = || false;
    let small = Limit { memory: 1_000_000, ..Limit::new(&never) };
    assert_eq!(check(&history, Model::Counter, &small).unwrap().verdict, Verdict::Unknown);
}

#[test]
fn many_writes_of_unknown_outcome_that_nobody_notices_cost_nothing() {
    let mut lines: Vec<String> =
        (0..60).flat_map(|n| [format!("{n} invoke write {n}"), format!("{n} info write")]).collect();
    lines.extend((0..60).flat_map(|n| ["99 invoke read".to_owned(), format!("99 ok read {n}")]));
    lines.extend(["99 invoke read".to_owned(), "99 ok read 0".to_owned()]);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let patience = std::cell::Cell::new(0);
    let is_over = || patience.replace(patience.get() + 1) > 1_000;
    let found = check(&history(&lines), Model::Register, &Limit::new(&is_over)).unwrap();
    assert_eq!((found.verdict, found.witness.unwrap().line), (Verdict::Fail, 242));
}

#[test]
fn events_that_fit_no_history_are_named() {
    let wrong = [
        (vec!["0 ok write 1"], Model::Register),
        (vec!["0 invoke write 1", "0 invoke write 2"], Model::Register),
        (vec!["0 invoke write 1", "0 ok read 2"], Model::Register),
        (vec!["0 invoke write@x 1", "0 ok write@y 2"], Model::Register),
        (vec!["0 invoke write 1", "0 ok write 1", "0 ok write 1"], Model::Register),
        (vec!["0 invoke write 1", "0 info write 1", "0 ok write 1"], Model::Register),
        (vec!["0 invoke cas [1, 2]"], Model::Register),
        (vec!["0 invoke raed"], Model::CasRegister),
        (vec!["0 invoke cas 1"], Model::CasRegister),
        (vec!["0 invoke enqueue"], Model::Queue),
        (vec!["0 invoke add \"x\""], Model::Counter),
        (vec!["0 invoke read", "0 ok read \"5\""], Model::Counter),
        (vec!["0 invoke write 1", "0 ok write", "0 invoke read", "0 ok read \"1\""], Model::Register),
        (vec!["0 invoke write \"1\"", "0 ok write", "0 invoke read", "0 ok read 1"], Model::Register),
        (vec!["0 invoke append 1"], Model::Kv),
        (vec!["0 invoke put 1", "0 ok put", "0 invoke append \"x\""], Model::Kv),
        (vec!["0 invoke read", "0 ok read"], Model::Set),
        (vec!["0 invoke jump"], Model::Lock),
    ];
    let told = wrong.into_iter().map(|(lines, model)| {
        let misfit = checked(&history(&lines), model).unwrap_err();
        format!("{}: {}; {}", misfit.event, misfit.message, misfit.help.unwrap_or_default())
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_model_that_is_none_is_answered_with_the_nearest() {
    assert_eq!(
        Model::named("regsiter").unwrap_err().to_string(),
        "unknown model `regsiter` (did you mean `register`? known are register, cas-register, kv, lock, queue, counter, set)"
    );
}
