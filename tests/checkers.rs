//! `check_linearizable()` and `check_set()` over the run's own history: verdicts, exit codes, what is recorded.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place, THREE};
use serde_json::{Value, json};

fn run(script: &str) -> (Place, Ended) {
    let place = Place::with(script, THREE);
    let ended = place.run(&["--runtime", "sim", "--name", "test"]);
    (place, ended)
}

/// What went wrong, without the lines on how to run it again.
fn told(ended: &Ended) -> String {
    ended.stderr.split("replay: ").next().unwrap_or_default().to_owned()
}

fn result(place: &Place) -> Value {
    serde_json::from_str(&place.read("out/result.json")).unwrap()
}

/// A write that is acknowledged, and a read of something else.
const LOST: &str = r#"op("write", 1, || ()); op("read", (), || 2);"#;

#[test]
fn a_history_that_is_linearizable_passes_and_is_recorded_with_what_was_found() {
    let script = r#"
        op("write", "x", 1, || ());
        op("write", "x", 2, || throw "nobody knows");
        let found = op("read", "x", (), || 2);
        fn check() {
            let found = check_linearizable("register");
            assert(found.verdict == "pass" && found.operations == #{ ok: 2, fail: 0, info: 1 }, `${found}`);
            assert(found.objects == 1 && found.witness == ());
        }
    "#;
    let (place, ended) = run(script);
    let ended = ended.with(0);
    assert!(
        ended.stdout.contains("check_linearizable: 3 operations are linearizable as a register"),
        "{}",
        ended.stdout
    );
    let check = &result(&place)["checks"][0];
    assert_eq!((&check["name"], &check["verdict"]), (&json!("check_linearizable"), &json!("pass")));
    assert_eq!(check["details"]["operations"]["info"], 1);
    let journal = place.lines("out/journal.jsonl");
    let event = journal.iter().find(|event| event["name"] == "check_linearizable").unwrap();
    assert_eq!((&event["kind"], &event["ok"], &event["unknown"]), (&json!("check"), &json!(true), &Value::Null));
    // The file that the run leaves says the same.
    place.blockade(&["history", "check", "out/history.jsonl", "--model", "register"]).with(0);
}

#[test]
fn a_history_that_is_not_fails_the_run_with_its_witness() {
    let (place, ended) = run(&format!("{LOST}\ncheck_linearizable(\"register\");"));
    insta::assert_snapshot!(told(&ended.with(1)), @r#"
    error: check_linearizable: not linearizable: no order explains `read gave 2` by process 0
     --> s.rhai:2:1
      |
    2 | check_linearizable("register");
      | ^^^^^^^^^^^^^^^^^^
    "#);
    let result = result(&place);
    assert_eq!((&result["verdict"], &result["checks"][0]["verdict"]), (&json!("fail"), &json!("fail")));
    let witness = &result["checks"][0]["details"]["witness"];
    assert_eq!(
        (&witness["events"], &witness["operation"]["result"], &witness["states"]),
        (&json!(4), &json!(2), &json!(["1"]))
    );
    place.blockade(&["history", "check", "out/history.jsonl", "--model", "register"]).with(1);
}

#[test]
fn a_script_that_catches_it_fails_all_the_same() {
    let (_, ended) = run(&format!("{LOST} try {{ check_linearizable(\"register\"); }} catch {{ }}"));
    let ended = ended.with(1);
    assert!(
        ended.stderr.contains("a claim did not hold, and the script went on: check_linearizable: "),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_cannot_be_said_makes_the_run_unknown_and_never_a_pass() {
    let unknown = [
        r#"check_linearizable("register");"#,
        r#"op("write", 1, || throw "?"); check_linearizable("register");"#,
        r#"op("write", 1, || ()); check_linearizable("register", #{ timeout: 0 });"#,
        r#"op("add", 1, || definite_failure("no")); check_set([]);"#,
        r#"op("write", 1, || ()); check_linearizable("register"); check_set([]);"#,
    ];
    for script in unknown {
        let (place, ended) = run(&format!("{script} note(\"on\");"));
        let ended = ended.with(5);
        assert!(ended.stderr.contains("it cannot be said whether a claim holds: check_"), "{}", ended.stderr);
        assert!(ended.stdout.contains("UNKNOWN") && ended.stdout.contains("on"), "{}", ended.stdout);
        let result = result(&place);
        let checks = result["checks"].as_array().unwrap();
        assert_eq!((&result["verdict"], &checks.last().unwrap()["verdict"]), (&json!("unknown"), &json!("unknown")));
    }
}

#[test]
fn a_failure_is_worse_than_what_is_unknown() {
    let place = run(r#"check_linearizable("register"); assert(1 > 2, "order");"#).0;
    assert_eq!(result(&place)["verdict"], "fail");
    let place = run(r#"check_linearizable("register"); try { assert(1 > 2, "order"); } catch { }"#).0;
    assert_eq!(result(&place)["verdict"], "fail");
}

#[test]
fn a_set_has_what_was_acknowledged_once_and_nothing_else() {
    let adds = r#"for n in 1..=3 { op("add", n, || if n == 3 { throw "?" }); }"#;
    let (place, ended) =
        run(&format!("{adds} let found = check_set([2, 3, 1]); assert(found.recovered == [3], `${{found}}`);"));
    ended.with(0);
    assert_eq!(result(&place)["checks"][0]["message"], "all 2 acknowledged additions are there");
    let (place, ended) = run(&format!("{adds} check_set([1, 1, 7]);"));
    let told =
        "check_set: of 2 acknowledged additions and what was read: 1 lost: [2]; 1 unexpected: [7]; 1 duplicated: [1]";
    assert!(ended.with(1).stderr.contains(told));
    assert_eq!(result(&place)["checks"][0]["details"]["lost"], json!([2]));
}

#[test]
fn what_is_called_wrongly_is_shown_at_its_place() {
    let wrong = [
        r#"check_linearizable("regster");"#.to_owned(),
        r"check_linearizable(5);".to_owned(),
        r#"check_linearizable("register", #{ timeuot: 5 });"#.to_owned(),
        r"check_set(1);".to_owned(),
        r#"op("jump", 1, || ()); check_linearizable("register");"#.to_owned(),
        r#"op("write", 1, || ()); op("read", (), || "1"); check_linearizable("register");"#.to_owned(),
    ];
    let told: Vec<String> = wrong.iter().map(|script| told(&run(script).1.with(2))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn on_the_simulator_a_seed_finds_the_same() {
    let script = r#"
        let value = ();
        for n in 0..60 { if chance(0.5) { op("write", n, || { if chance(0.2) { throw "?"; } }); } else { op("read", (), || random(0, n)); } }
        check_linearizable("register");
    "#;
    let (first, ended) = run(script);
    ended.with(1);
    assert_eq!(run(script).0.read("out/journal.jsonl"), first.read("out/journal.jsonl"));
}
