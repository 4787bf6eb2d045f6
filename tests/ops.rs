//! `op()`: what clients did, in the script, in the journal, in `history.jsonl` and in the result.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, THREE, User, namespaces};
use serde_json::Value;

/// Every outcome, in three parts of a script.
const SCRIPT: &str = r#"
let r = op("write", 1, || "done");
assert(r.type == "ok" && r.value == "done" && r.error == ());
let r = op("write", "x", #{ a: [1, 2.5, true, ()] }, || definite_failure("no leader"));
assert(r.type == "fail" && r.value == () && r.error == "no leader");
fn chaos() {
    let r = op("read", (), || { sleep("10ms"); throw "it broke"; });
    assert(r.type == "info" && r.error == "it broke");
    assert(op("read", (), || parse_int("12x")).type == "info");
    assert(op("read", (), || [1][7]).type == "info");
    assert(op("read", (), || wait_until("20ms", || false)).type == "info");
    assert(op("read", (), || { let said = (); try { definite_failure("x") } catch (e) { said = e.message; } said }).value == "x");
}
fn check() {
    assert(history().len() == 14 && ops().len() == 14);
    assert(ops(#{ type: "ok" }).map(|o| o.value) == ["done", "x"]);
    assert(ops(#{ key: "x" }).map(|o| o.type) == ["invoke", "fail"]);
    assert(ops(#{ f: "read", type: "info" }).len() == 4);
    let first = ops(#{ process: 0 })[0];
    assert(first.index == 0 && first.t == 0.0 && first.f == "write" && first.key == () && first.value == 1);
}
"#;

fn simulated(script: &str, code: i32) -> Place {
    let place = Place::with(script, THREE);
    place.run(&["--runtime", "sim", "--quiet", "--name", "test"]).with(code);
    place
}

fn result(place: &Place) -> Value {
    serde_json::from_str(&place.read("out/result.json")).unwrap()
}

/// Process, type and error of each line.
fn brief(place: &Place) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |line: Value| ["process", "type", "value", "error"].map(|key| text(&line[key])).join(" ");
    place.lines("out/history.jsonl").into_iter().map(line).collect()
}

#[test]
fn a_history_is_written_line_by_line_and_its_operations_are_counted() {
    let place = simulated(SCRIPT, 0);
    insta::assert_snapshot!(place.read("out/history.jsonl"), @r##"
    {"index":0,"t_us":0,"process":0,"type":"invoke","f":"write","key":null,"value":1,"error":null}
    {"index":1,"t_us":0,"process":0,"type":"ok","f":"write","key":null,"value":"done","error":null}
    {"index":2,"t_us":0,"process":0,"type":"invoke","f":"write","key":"x","value":{"a":[1,2.5,true,null]},"error":null}
    {"index":3,"t_us":0,"process":0,"type":"fail","f":"write","key":"x","value":{"a":[1,2.5,true,null]},"error":"no leader"}
    {"index":4,"t_us":0,"process":1,"type":"invoke","f":"read","key":null,"value":null,"error":null}
    {"index":5,"t_us":10000,"process":1,"type":"info","f":"read","key":null,"value":null,"error":"it broke"}
    {"index":6,"t_us":10000,"process":2,"type":"invoke","f":"read","key":null,"value":null,"error":null}
    {"index":7,"t_us":10000,"process":2,"type":"info","f":"read","key":null,"value":null,"error":"error parsing integer number '12x': invalid digit found in string"}
    {"index":8,"t_us":10000,"process":3,"type":"invoke","f":"read","key":null,"value":null,"error":null}
    {"index":9,"t_us":10000,"process":3,"type":"info","f":"read","key":null,"value":null,"error":"array index 7 out of bounds: only 1 element in array"}
    {"index":10,"t_us":10000,"process":4,"type":"invoke","f":"read","key":null,"value":null,"error":null}
    {"index":11,"t_us":30000,"process":4,"type":"info","f":"read","key":null,"value":null,"error":"wait_until: the condition did not come true within 0.02 s"}
    {"index":12,"t_us":30000,"process":5,"type":"invoke","f":"read","key":null,"value":null,"error":null}
    {"index":13,"t_us":30000,"process":5,"type":"ok","f":"read","key":null,"value":"x","error":null}
    "##);
    assert_eq!(result(&place)["operations"], serde_json::json!({ "ok": 2, "fail": 1, "info": 4 }));
    let journal = place.lines("out/journal.jsonl");
    let kinds = journal.iter().filter_map(|event| event["kind"].as_str()).filter(|kind| kind.starts_with("op."));
    assert_eq!(kinds.take(4).collect::<Vec<_>>(), ["op.invoke", "op.ok", "op.invoke", "op.fail"]);
}

#[test]
fn a_seed_gives_the_same_history_byte_for_byte() {
    let script = r#"for n in 0..50 { op(choose(["read", "write"]), random(1, 9), || { sleep(random_duration("1ms", "2s")); if chance(0.3) { throw "?"; } n }); }"#;
    let first = simulated(script, 0).read("out/history.jsonl");
    assert_eq!(first.lines().count(), 100);
    assert_eq!(simulated(script, 0).read("out/history.jsonl"), first);
}

#[test]
fn a_process_is_never_heard_of_again_after_an_outcome_that_nobody_knows() {
    let script = r#"
        op("a", 1, || 1);
        op("a", 2, || throw "?");
        op("a", 3, || definite_failure("!"));
        op("a", 4, || 4);
    "#;
    let expected = ["0 invoke 1 null", "0 ok 1 null", "0 invoke 2 null", "0 info 2 ?", "1 invoke 3 null", "1 fail 3 !"];
    assert_eq!(brief(&simulated(script, 0))[..6], expected);
}

#[test]
fn what_ends_the_script_ends_the_operation_and_is_no_outcome() {
    let wrong = [
        (r#"op("a", 1, || isolate("n" + 9));"#, "0 info 1 there is no node `n9`"),
        (r#"op("a", 1, || Fn("nonsense").call());"#, "0 info 1 function not found: nonsense ()"),
        (r#"op("a", 1, || sleep("1h"));"#, "0 info 1 the run's deadline of 600 s has passed"),
        (r#"op("a", 1, || || 1);"#, "0 info 1 what the operation gives is no data: it is or holds a function"),
    ];
    for (script, last) in wrong {
        assert_eq!(brief(&simulated(script, 2)), ["0 invoke 1 null", last], "{script}");
    }
}

#[test]
fn what_is_asked_of_nothing_is_an_answer_that_did_not_come() {
    let silent = [
        ("().value", "unknown property 'value' - a getter is not registered for type '()'"),
        ("().value.of", "unknown property 'value' - a getter is not registered for type '()'"),
        ("parse_int(())", "function not found: parse_int (())"),
        ("let said = (); said.split(\",\")", "function not found: split ((), &str | ImmutableString | String)"),
        ("() + 1", "function not found: + ((), i64)"),
        ("let said = (); said[\"x\"]", "indexer unavailable: () [string]"),
    ];
    for (work, why) in silent {
        let place = simulated(&format!(r#"fn answer() {{ {work} }} op("a", 1, || answer()); op("a", 2, || 2);"#), 0);
        let told = brief(&place);
        assert_eq!(told[1], format!("0 info 1 {why}"), "{work}");
        assert_eq!(told[3], "1 ok 2 null", "{work}");
    }
}

#[test]
fn a_claim_within_an_operation_fails_the_run_but_not_the_client() {
    let place = simulated(r#"op("a", 1, || assert(1 > 2, "order")); op("a", 2, || 2);"#, 1);
    assert_eq!(
        brief(&place),
        ["0 invoke 1 null", "0 info 1 assertion failed: order", "1 invoke 2 null", "1 ok 2 null"]
    );
}

#[test]
fn a_run_without_operations_has_no_history() {
    assert!(!simulated("isolate(\"n1\");", 0).path().join("out/history.jsonl").exists());
}

#[test]
fn a_history_that_cannot_be_written_ends_the_run_before_anything_is_done() {
    let place = Place::with(r#"op("a", 1, || note("never"));"#, THREE);
    std::fs::create_dir_all(place.path().join("out/history.jsonl")).unwrap();
    let ended = place.run(&["--runtime", "sim"]).with(3);
    assert!(ended.stderr.contains("cannot write the history"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("never"), "{}", ended.stdout);
}

#[test]
fn operations_on_real_nodes_take_their_time() {
    if !namespaces(User::Ours) {
        return;
    }
    let script = r#"
        assert(op("touch", 1, || exec("n1", "touch it && sleep 0.1").code).value == 0);
        pause("n1");
        assert(op("touch", 2, || { let r = exec("n1", "touch it"); if !r.ok { throw r.stderr; } }).type == "info");
    "#;
    let place = Place::with(script, THREE);
    place.run(&["--runtime", "netns", "--quiet"]).with(0);
    let history = place.lines("out/history.jsonl");
    assert!(history[1]["t_us"].as_u64().unwrap() - history[0]["t_us"].as_u64().unwrap() >= 100_000);
    assert_eq!(history[3]["error"], "blockade: n1 is paused\n");
}

#[test]
fn a_deadline_in_the_middle_of_an_operation_closes_it() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = Place::with(r#"op("a", 1, || exec("n1", "sleep 100"));"#, THREE);
    place.run(&["--runtime", "netns", "--quiet", "--timeout", "1s"]).with(2);
    assert_eq!(brief(&place)[1], "0 info 1 the run's deadline of 1 s has passed");
}

#[test]
fn a_programs_operations_stand_in_the_history_as_they_come() {
    if !namespaces(User::Ours) {
        return;
    }
    let program = r#"#!/bin/sh
echo '{"process": 7, "type": "invoke", "f": "write", "key": "k", "value": 1}'
until [ -e heard ]; do sleep 0.05; done
echo '{"process": 7, "type": "ok", "f": "write", "value": 1}'
echo '{"process": 7, "type": "invoke", "f": "read"}'
exit 3
"#;
    let script = r#"
        op("main", 0, || 0);
        task(|| { wait_until("20s", || ops(#{ f: "write" }).len > 0); workload("touch heard"); });
        let r = workload(["sh", "client.sh"]);
        assert(!r.ok && r.code == 3 && r.ops == 1, `${r}`);
        let time = 0.3;
        do { // Where it was over before the program said anything, there is more of it.
            r = workload("echo '{\"process\": 7, \"type\": \"invoke\", \"f\": \"a\"}'; sleep 100", #{ timeout: time });
            time *= 2;
        } while ops(#{ f: "a" }).len == 0 && time < 20;
        assert(!r.ok && r.code == 137, `${r}`);
    "#;
    let place = Place::with(script, THREE);
    place.write("client.sh", program);
    place.run(&["--runtime", "netns", "--quiet"]).with(0);
    let gone = "the workload ended before it completed this";
    let expected = [
        "0 invoke 0 null".to_owned(),
        "0 ok 0 null".to_owned(),
        "1 invoke 1 null".to_owned(),
        "1 ok 1 null".to_owned(),
        "1 invoke null null".to_owned(),
        format!("1 info null {gone}"),
        "2 invoke null null".to_owned(),
        format!("2 info null {gone}"),
    ];
    assert_eq!(brief(&place), expected);
    assert_eq!(place.lines("out/history.jsonl")[3]["key"], "k");
}

#[test]
fn a_program_that_prints_something_else_is_a_wrong_one() {
    if !namespaces(User::Ours) {
        return;
    }
    for (command, why) in [("echo; echo hello", "line 2 of the workload is no operation"), ("no-such", "")] {
        let place =
            Place::with(&format!("let r = workload(\"{command}\"); assert(r.code != 127, \"not found\");"), THREE);
        let ended = place.run(&["--runtime", "netns", "--quiet"]);
        assert_eq!(ended.code, if why.is_empty() { 1 } else { 2 }, "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[test]
fn a_workload_that_cannot_be_started_is_not_the_scripts_mistake() {
    if !namespaces(User::Ours) {
        return;
    }
    for options in ["", ", #{ node: \"n1\" }"] {
        let place = Place::with(&format!("workload([\"no-such-program\"]{options});"), THREE);
        let ended = place.run(&["--runtime", "netns", "--quiet"]).with(3);
        let told = "the workload `no-such-program` cannot be started: ";
        assert!(ended.stderr.contains(told) && ended.stderr.contains("s.rhai:1:1"), "{}", ended.stderr);
    }
}

/// It used to be kept whole, whatever its length: the run's memory was the program's to fill.
#[test]
fn a_line_without_an_end_is_refused_as_soon_as_it_is_too_long() {
    if !namespaces(User::Ours) {
        return;
    }
    for options in ["#{}", "#{ node: \"n1\" }"] {
        let place = Place::with(&format!("workload(\"cat /dev/zero\", {options});"), THREE);
        let ended = place.run(&["--runtime", "netns", "--quiet"]).with(2);
        assert!(ended.stderr.contains("the workload printed a line of more than 16 MiB"), "{}", ended.stderr);
    }
    let longest = "head -c 16777216 /dev/zero | tr '\\000' ' '; echo; exit 3";
    let place = Place::with(
        &format!("let r = workload(\"{}\"); assert(r.code == 3, \"heard\");", longest.replace('\\', "\\\\")),
        THREE,
    );
    place.run(&["--runtime", "netns", "--quiet"]).with(0);
}

/// JSON has no word for them: they used to become `null` in the files, and the script did not know.
#[test]
fn numbers_that_no_history_can_hold_are_an_error() {
    for (script, message) in [
        ("op(\"write\", 0.0 / 0.0, || 1);", "the value is or holds NaN, which no history can hold"),
        ("op(\"write\", [1, #{ a: 1.0 / 0.0 }], || 1);", "the value is or holds inf, which no history can hold"),
        ("op(\"write\", -1.0 / 0.0, 1, || 1);", "the key is or holds -inf, which no history can hold"),
        ("op(\"read\", (), || [0.0 / 0.0]);", "what the operation gives is or holds NaN, which no history can hold"),
    ] {
        let place = simulated(script, 2);
        assert_eq!(result(&place)["failure"]["message"], message, "{script}");
        assert_eq!(result(&place)["failure"]["line"], 1, "{script}");
    }
    let place = simulated("op(\"write\", [9223372036854775807, -9223372036854775807 - 1, 1e300], || 0.1);", 0);
    let values: Vec<String> = place.lines("out/history.jsonl").iter().map(|line| line["value"].to_string()).collect();
    assert_eq!(values, ["[9223372036854775807,-9223372036854775808,1e+300]", "0.1"]);
}

/// Whoever can reach n2's port is inside the network: on the host there is no way to it.
#[test]
fn a_workload_in_a_node_runs_in_its_network_and_is_heard_line_by_line() {
    let program = r#"
echo "{\"process\": 0, \"type\": \"invoke\", \"f\": \"host\"}"
until [ -e heard ]; do sleep 0.05; done
echo "{\"process\": 0, \"type\": \"ok\", \"f\": \"host\", \"value\": \"$(hostname)\"}"
setsid sleep 31441 >/dev/null 2>&1 &
exit 4
"#;
    let script = r#"
        task(|| { wait_until("20s", || ops(#{ f: "host" }).len > 0); exec("n2", "touch heard"); });
        let r = workload(["sh", param("program", "")], #{ node: "n2" });
        assert(!r.ok && r.code == 4 && r.ops == 1, `${r}`);
        assert(exec("n2", "pgrep -fx 'sleep 31441'").code == 1, "what it started is gone");
        let late = workload("sleep 100", #{ node: "n2", timeout: "300ms" });
        assert(late.code == 137, `${late}`);
        let paused = pause("n2");
        assert(workload("true", #{ node: "n2" }).code == 125);
        paused.heal();
        let told = "";
        try { workload(["no-such-program"], #{ node: "n1" }); } catch (error) { told = error.message; }
        assert(told.contains("the workload `no-such-program` cannot be started: "), told);
        task(|| workload("sleep 31442", #{ node: "n1" }));
        wait_until("5s", || exec("n1", "pgrep -fx 'sleep 31442'").ok);
    "#;
    for user in [User::Ours, User::Ordinary] {
        if !namespaces(user) {
            return;
        }
        let place = Place::of(user, script, THREE);
        let path = place.write("client.sh", program).display().to_string();
        place.run(&["--runtime", "netns", "--quiet", "--set", &format!("program={path}")]).with(0);
        assert_eq!(brief(&place)[..2], ["0 invoke null null", "0 ok n2 null"]);
    }
    let ended = Place::with("workload(\"true\", #{ node: \"n9\" });", THREE).run(&["--runtime", "sim"]).with(2);
    assert!(ended.stderr.contains("there is no node `n9`"), "{}", ended.stderr);
}
