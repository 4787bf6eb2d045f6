//! What a run leaves behind: its folder, `result.json`, the journal, the exit code and the command that replays it.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place, THREE, User, namespaces};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SCRIPT: &str = r#"
let how = param("how", "pass");
let rounds = param("rounds", 1);
let cut = partition([["n1"], ["n2", "n3"]]);
metric("rounds", rounds);
assert(reachable("n2", "n3"), "n2 reaches n3");
switch how {
    "fail" => fail(`lost ${random(1, 1000000)} of ${seed()} writes: ${[seed()]}`),
    "slow" => wait_until("50ms", || false),
    "error" => isolate("n9"),
    "shape" => slow("world", "1ms"),
    _ => note("done"),
}
"#;

fn place() -> Place {
    Place::with(SCRIPT, THREE)
}

fn run(place: &Place, how: &str) -> Ended {
    // From the world netem alone slows nothing.
    place.run(&["--runtime", "sim", "--shaper", "netem", "--set", &format!("how={how}")])
}

fn result(place: &Place) -> Value {
    serde_json::from_str(&place.read("out/result.json")).unwrap()
}

/// `result.json` as it lies there, but for the times.
fn stable(place: &Place) -> String {
    let mut result = result(place);
    assert!(result["started"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{result}");
    assert!(result["duration_ms"].is_u64(), "{result}");
    result["started"] = "(a time)".into();
    serde_json::to_string_pretty(&result).unwrap()
}

#[test]
fn the_result_of_a_run_that_passed() {
    let place = place();
    run(&place, "pass").with(0);
    insta::assert_snapshot!(stable(&place), @r#"
    {
      "checks": [
        {
          "details": null,
          "message": "n2 reaches n3",
          "name": "assert",
          "verdict": "pass"
        }
      ],
      "cleanup": {
        "errors": [],
        "ok": true
      },
      "duration_ms": 1,
      "failure": null,
      "faults": 1,
      "format": 1,
      "operations": {
        "fail": 0,
        "info": 0,
        "ok": 0
      },
      "runtime": "sim",
      "script": "s.rhai",
      "seed": 1,
      "simulated": true,
      "started": "(a time)",
      "verdict": "pass"
    }
    "#);
}

#[test]
fn the_result_of_a_run_that_failed() {
    let place = place();
    run(&place, "fail").with(1);
    let result = result(&place);
    assert_eq!(result["verdict"], "fail");
    assert_eq!(result["checks"][1]["verdict"], "fail");
    let failure = &result["failure"];
    assert_eq!(failure["signature"], "s.rhai:8: lost # of # writes: []");
    assert_eq!((&failure["file"], &failure["line"], &failure["column"]), (&json!("s.rhai"), &json!(8), &json!(15)));
    assert_eq!(failure["message"], result["checks"][1]["message"]);
}

#[test]
fn the_exit_code_and_the_verdict_say_what_kind_of_end_it_was() {
    for (how, code, verdict) in
        [("pass", 0, "pass"), ("fail", 1, "fail"), ("slow", 1, "fail"), ("error", 2, "error"), ("shape", 3, "error")]
    {
        let place = place();
        run(&place, how).with(code);
        let result = result(&place);
        assert_eq!(result["verdict"], verdict, "{how}");
        assert_eq!(result["failure"].is_null(), how == "pass", "{how}");
        let journal = place.lines("out/journal.jsonl");
        let last = journal.last().unwrap();
        assert_eq!((&last["kind"], &last["verdict"]), (&json!("verdict"), &json!(verdict)), "{how}");
        assert_eq!(last["message"], result["failure"]["message"], "{how}");
    }
}

#[test]
fn a_claim_that_did_not_hold_is_the_verdict_whatever_went_wrong_after_its_error_was_caught() {
    let caught = "note(\"on\");\ntry { assert(1 > 2, \"order\"); } catch { }\n";
    let told = "a claim did not hold, and the script went on: assert: order";
    for (then, later) in [
        ("", ""),
        ("[1][4];", "error: array index 4 out of bounds"),
        ("slow(\"world\", \"1ms\");", "error: netem cannot do that: "),
        ("sleep(\"10s\");", "error: the run's deadline of 1 s has passed"),
    ] {
        let place = Place::with(&format!("{caught}{then}"), THREE);
        let ended = place.run(&["--runtime", "sim", "--shaper", "netem", "--timeout", "1s"]).with(1);
        assert!(ended.stderr.contains(&format!("error: {told}\n --> s.rhai:2:7\n")), "{}", ended.stderr);
        assert!(ended.stderr.contains(later), "{then}: {}", ended.stderr);
        let result = result(&place);
        let failure = &result["failure"];
        assert_eq!((&result["verdict"], &failure["message"]), (&json!("fail"), &json!(told)), "{then}");
        assert_eq!((&failure["file"], &failure["line"], &failure["column"]), (&json!("s.rhai"), &json!(2), &json!(7)));
    }
}

#[test]
fn a_failure_of_the_same_kind_has_the_same_signature_whatever_its_values() {
    let signatures = |how: &str| -> BTreeSet<String> {
        let signature = |seed: u64| {
            let place = place();
            let (how, seed) = (format!("how={how}"), seed.to_string());
            place
                .blockade(&["run", "s.rhai", "--runtime", "sim", "--out", "out", "--seed", &seed, "--set", &how])
                .with(1);
            result(&place)["failure"]["signature"].as_str().unwrap().to_owned()
        };
        (1..=5).map(signature).collect()
    };
    let (fails, slows) = (signatures("fail"), signatures("slow"));
    assert_eq!((fails.len(), slows.len()), (1, 1), "{fails:?} {slows:?}");
    assert!(fails.is_disjoint(&slows), "{fails:?}");
}

#[test]
fn the_journal_begins_with_what_the_run_was_made_of() {
    let place = place();
    place.run(&["--runtime", "sim", "--set", "how=pass", "--set", "rounds=7", "--timeout", "90s"]).with(0);
    let journal = place.lines("out/journal.jsonl");
    let head = journal[0].as_object().unwrap();
    let keys: Vec<_> = head.keys().map(String::as_str).collect();
    assert_eq!(keys, ["blockade", "cluster", "format", "kernel", "options", "runtime", "script", "seed"]);
    assert_eq!((&head["format"], &head["seed"], &head["runtime"]), (&json!(1), &json!(1), &json!("sim")));
    assert_eq!(head["blockade"], env!("CARGO_PKG_VERSION"));
    assert_eq!(head["options"], json!({ "set": { "how": "pass", "rounds": "7" }, "timeout_us": 90_000_000 }));
    assert_eq!(head["script"]["path"], "s.rhai");
    assert_eq!(head["script"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(head["cluster"]["nodes"].as_array().unwrap().len(), 3);
    let given: Vec<_> = journal.iter().filter(|event| event["kind"] == "param").map(|event| &event["value"]).collect();
    assert_eq!(given, [&json!("pass"), &json!(7)]);
}

/// Every event has its place; what is about to be done is on record before it is done.
fn check_order(journal: &[Value]) {
    let events = &journal[1..];
    let mut last_us = 0;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], index + 1, "{event}");
        let t_us = event["t_us"].as_u64().unwrap();
        assert!(t_us >= last_us, "{event}");
        last_us = t_us;
        assert!(event["task"].is_string() && event["kind"].is_string(), "{event}");
    }
    let place_of = |kind: &str| {
        let found =
            events.iter().position(|event| event["kind"] == kind && (event["id"] == "f1" || event["id"].is_null()));
        found.unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
    };
    let order = [
        "cluster.up",
        "phase",
        "fault.inject",
        "fault.active",
        "fault.heal",
        "fault.healed",
        "cluster.down",
        "verdict",
    ];
    let places: Vec<_> = order.into_iter().map(place_of).collect();
    assert!(places.is_sorted(), "{order:?} are at {places:?}");
}

#[test]
fn the_journal_is_written_ahead() {
    let place = place();
    run(&place, "pass").with(0);
    check_order(&place.lines("out/journal.jsonl"));
    if namespaces(User::Ours) {
        let place = self::place();
        place.run(&["--runtime", "netns"]).with(0);
        let journal = place.lines("out/journal.jsonl");
        check_order(&journal);
        assert!(journal[0]["kernel"].is_string());
        let result = result(&place);
        assert_eq!((&result["simulated"], &result["runtime"]), (&json!(false), &json!("netns")));
    }
}

#[test]
fn the_parts_of_a_script_are_phases_and_tasks_of_the_journal() {
    let script = "
        note(\"body\");
        fn setup() { note(\"setup\"); }
        fn chaos() { isolate(\"n1\"); note(\"chaos\"); }
        fn check() { note(\"check\"); }
    ";
    let place = Place::with(script, THREE);
    place.run(&["--runtime", "sim"]).with(0);
    let journal = place.lines("out/journal.jsonl");
    let of = |kind: &str, key: &str| -> Vec<String> {
        let events = journal.iter().filter(|event| event["kind"] == kind);
        events.map(|event| format!("{}/{}", event["task"].as_str().unwrap(), event[key].as_str().unwrap())).collect()
    };
    assert_eq!(of("phase", "name"), ["main/main", "setup/setup", "chaos/chaos", "recovery/recovery", "check/check"]);
    assert_eq!(of("note", "message"), ["main/body", "setup/setup", "chaos/chaos", "check/check"]);
    assert_eq!(of("fault.heal", "id"), ["recovery/f1"]);
}

#[test]
fn json_on_stdout_is_the_journal() {
    let place = place();
    let ended = place.run(&["--runtime", "sim", "--json"]).with(0);
    assert_eq!(ended.stdout, place.read("out/journal.jsonl"));
    assert!(ended.stderr.starts_with("seed 1\n"), "{}", ended.stderr);
}

#[test]
fn quiet_prints_the_seed_and_the_verdict() {
    let ended = place().run(&["--runtime", "sim", "--quiet"]).with(0);
    assert_eq!(ended.stdout, "seed 1\nPASS (simulated): seed 1, 1 fault, 0.0 s\n");
}

#[test]
fn the_runs_folder_holds_all_that_belongs_to_it() {
    let place = place();
    run(&place, "pass").with(0);
    let files = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(place.path().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let of = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(files("out"), of(&["cluster.yaml", "journal.jsonl", "result.json", "script.rhai"]));
    assert_eq!((place.read("out/script.rhai").as_str(), place.read("out/cluster.yaml").as_str()), (SCRIPT, THREE));
    if namespaces(User::Ours) {
        place.blockade(&["run", "s.rhai", "--runtime", "netns", "--seed", "5"]).with(0);
        let runs = files(".blockade/runs");
        let [run] = runs.iter().collect::<Vec<_>>()[..] else { panic!("{runs:?}") };
        assert!(run.ends_with("Z-5"), "{run}");
        let logs = files(&format!(".blockade/runs/{run}/logs"));
        assert_eq!(logs, of(&["n1.log", "n2.log", "n3.log"]));
    }
}

#[test]
fn the_printed_command_replays_the_run() {
    let place = place();
    place.write("other.yaml", THREE);
    let arguments =
        ["run", "s.rhai", "--runtime", "sim", "--set", "how=fail", "--set", "note=it's me", "--config", "other.yaml"];
    let first = place.blockade(&arguments).with(1);
    let command = first.stderr.lines().find_map(|line| line.strip_prefix("replay: blockade ")).unwrap();
    let words = shlex::split(command).unwrap();
    let again = place.blockade(&words.iter().map(String::as_str).collect::<Vec<_>>()).with(1);
    assert_eq!(again.stdout, first.stdout);
    // All but the last line, which names the folder.
    let told = |ended: &Ended| {
        ended.stderr.lines().filter(|line| !line.starts_with("run folder")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told(&again), told(&first));
}

#[test]
fn a_parameter_of_the_wrong_type_is_an_error() {
    let ended = place().run(&["--runtime", "sim", "--set", "rounds=many"]).with(2);
    let error = ended.stderr.lines().skip_while(|line| !line.starts_with("error: "));
    insta::assert_snapshot!(error.take(5).collect::<Vec<_>>().join("\n"), @r#"
    error: --set rounds=many: expected an integer, as its default 1 is
     --> s.rhai:3:14
      |
    3 | let rounds = param("rounds", 1);
      |              ^^^^^
    "#);
    place().run(&["--set", "rounds"]).with(2);
}

#[test]
fn the_command_that_does_it_again_can_be_pasted() {
    let place = place();
    place.write("-x y.rhai", "note(param(\"-a\", \"\")); isolate(\"n1\"); fail(\"no\");");
    let run = ["run", "--runtime", "sim", "--out", "out", "-c", "s.yaml", "--set=-a=it's", "--", "-x y.rhai"];
    let told = place.blockade(&run).with(1);
    let again = told.stderr.lines().find_map(|line| line.strip_prefix("replay: ")).unwrap();
    let words = shlex::split(again).unwrap();
    let again = place.blockade(&words.iter().skip(1).map(String::as_str).collect::<Vec<_>>()).with(1);
    assert!(again.stdout.contains("it's") && again.stdout.contains("1 fault,"), "{}", again.stdout);
}

#[test]
fn a_recorded_signature_of_an_older_version_is_still_that_failure() {
    let place = place();
    place.write("s.rhai", "fn chaos() { isolate(\"n1\"); }\nfn check() { fail(`balance ${-3}`); }");
    place.blockade(&["run", "s.rhai", "--runtime", "sim", "--out", "out"]).with(1);
    let recorded = place.read("out/result.json");
    assert!(recorded.contains("\"s.rhai:2: balance #\""), "{recorded}");
    place.write("out/result.json", &recorded.replace("balance #", "balance -#"));
    let replayed = place.blockade(&["replay", "out", "--out", "again"]).with(1);
    assert!(replayed.stderr.contains("the same failure as recorded: s.rhai:2: balance #\n"), "{}", replayed.stderr);
}
