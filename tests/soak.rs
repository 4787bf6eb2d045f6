//! `blockade soak`: many seeds, and which of them fail.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place, THREE, User, ended, namespaces, processes, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;

/// Fails for some seeds, in two ways.
const UNLUCKY: &str = r#"
during(isolate(choose(nodes())), "1s");
if chance(0.1) { fail(`unlucky ${random()}`); }
if chance(0.05) { fail("cursed"); }
"#;

/// All but the first two take their time, until there is a file.
const SLOW: &str = "if seed() > 2 { workload(\"until [ -e go ]; do sleep 0.05; done\"); }";

fn soak(place: &Place, arguments: &[&str]) -> Ended {
    place.blockade(&[&["soak", "s.rhai", "--runtime", "sim"], arguments].concat())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The last line of `--json`.
fn summary(ended: &Ended) -> Value {
    lines(&ended.stdout).pop().unwrap()
}

/// The seeds of a summary's failures.
fn failed(summary: &Value) -> Vec<u64> {
    summary["failures"].as_array().unwrap().iter().map(|failure| failure["seed"].as_u64().unwrap()).collect()
}

/// The seeds among these that `plan` fails.
fn planned(place: &Place, seeds: std::ops::Range<u64>) -> Vec<u64> {
    let fails = |seed: &u64| match place.blockade(&["plan", "s.rhai", "--quiet", "--seed", &seed.to_string()]).code {
        0 => false,
        1 => true,
        code => panic!("seed {seed}: {code}"),
    };
    seeds.filter(fails).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn exactly_the_seeds_fail_that_a_plan_fails() {
    let place = Place::with(UNLUCKY, THREE);
    let ended = soak(&place, &["--runs", "60", "--seed-start", "100", "--json", "--out", "soak"]).with(1);
    let summary = summary(&ended);
    let expected = planned(&place, 100..160);
    assert!((2..30).contains(&expected.len()), "{expected:?}");
    assert_eq!(failed(&summary), expected);
    assert_eq!((&summary["runs"], &summary["failed"]), (&60.into(), &expected.len().into()));
    assert_eq!((&summary["unknown"], &summary["errors"]), (&0.into(), &0.into()));
    let runs: Vec<u64> = lines(&ended.stdout).iter().filter_map(|line| line["seed"].as_u64()).collect();
    assert_eq!(runs, (100..160).collect::<Vec<_>>());
}

#[test]
fn a_run_that_passes_leaves_its_result_and_one_that_fails_everything() {
    let place = Place::with("assert(seed() != 3, \"not three\");", THREE);
    let ended = soak(&place, &["--runs", "4", "--seed-start", "1", "--out", "soak", "--json"]).with(1);
    let soak = place.path().join("soak").canonicalize().unwrap();
    assert_eq!(names(&soak), set(["1", "2", "3", "4", "runs.jsonl", "soak.json"]));
    assert_eq!(names(&soak.join("2")), set(["result.json"]));
    assert_eq!(names(&soak.join("3")), set(["cluster.yaml", "journal.jsonl", "result.json", "script.rhai"]));
    let failure = &summary(&ended)["failures"][0];
    assert_eq!(failure["run"], soak.join("3").to_str().unwrap());
    assert_eq!(failure["signature"], "s.rhai:1: assertion failed: not three");
    let result: Value = serde_json::from_str(&place.read("soak/3/result.json")).unwrap();
    assert_eq!(result["failure"]["signature"], failure["signature"]);
}

#[test]
fn a_failure_is_one_line_whose_command_replays_it() {
    let place = Place::with("let no = param(\"no\", 3);\nassert(seed() != no, \"it's the one\");", THREE);
    let ended = soak(&place, &["--runs", "9", "--seed-start", "1", "--set", "no=7", "--out", "out"]).with(1);
    let told: Vec<&str> = ended.stdout.lines().collect();
    let folder = place.path().join("out/7").canonicalize().unwrap();
    let expected = [
        "seeds from 1".to_owned(),
        format!(
            "FAIL seed 7: s.rhai:2: assertion failed: it's the one; run folder: {}; replay: \
             blockade run s.rhai --seed 7 --set 'no=7' --runtime sim",
            folder.display()
        )
        .replace("'no=7'", &shlex::try_quote("no=7").unwrap()),
        "1 × s.rhai:2: assertion failed: it's the one (seed 7)".to_owned(),
        "9 runs, 8 passed, 1 failed (simulated)".to_owned(),
    ];
    assert_eq!(told, expected);
    let command = told[1].split("replay: blockade ").nth(1).unwrap();
    let words = shlex::split(command).unwrap();
    place.blockade(&words.iter().map(String::as_str).collect::<Vec<_>>()).with(1);
}

#[test]
fn failures_are_grouped_by_what_they_share() {
    let script = "if seed() % 3 == 0 { fail(`${seed()} lost`); }\nif seed() == 4 { fail(\"four\"); }";
    let place = Place::with(script, THREE);
    let ended = soak(&place, &["--runs", "10", "--seed-start", "1"]).with(1);
    let groups: Vec<&str> = ended.stdout.lines().filter(|line| line.contains(" × ")).collect();
    assert_eq!(groups, ["3 × s.rhai:1: # lost (seeds 3, 6, 9)", "1 × s.rhai:2: four (seed 4)"]);
}

#[test]
fn side_by_side_the_same_comes_of_every_seed() {
    let place = Place::with(UNLUCKY, THREE);
    let results = |jobs: &str| {
        let out = format!("jobs{jobs}");
        let arguments = ["--runs", "40", "--seed-start", "5", "--jobs", jobs, "--json", "--out", &out];
        let ended = soak(&place, &arguments).with(1);
        let mut all = lines(&ended.stdout.replace(&out, "jobs"));
        let last = all.pop().unwrap();
        all.sort_by_key(|line| line["seed"].as_u64());
        (all, last)
    };
    let alone = results("1");
    assert_eq!(alone.0.len(), 40);
    assert_eq!(results("2"), alone);
    // What is left of a failure is the same, too, but for the name of its folder and its time.
    let seed = failed(&alone.1)[0];
    let journal = |jobs: u8| place.read(&format!("jobs{jobs}/{seed}/journal.jsonl"));
    assert_eq!(journal(2), journal(1));
}

#[test]
fn twenty_fresh_seeds_are_run_where_nothing_is_said() {
    let place = Place::with("", THREE);
    let first = soak(&place, &[]).with(0);
    let start = first.stdout.lines().next().unwrap().strip_prefix("seeds from ").unwrap();
    assert_eq!(first.stdout.lines().last(), Some("20 runs, 20 passed (simulated)"));
    let soaks = names(&place.path().join(".blockade/soak"));
    assert_eq!(soaks.len(), 1);
    assert!(soaks.first().unwrap().ends_with(&format!("Z-{start}")), "{soaks:?}");
    assert!(first.stderr.starts_with("soak folder: /"), "{}", first.stderr);
    assert_ne!(soak(&place, &[]).with(0).stdout, first.stdout);
}

#[test]
fn it_ends_at_the_first_failure_where_that_is_asked_for() {
    let place = Place::with("assert(seed() < 5);", THREE);
    let arguments = ["--runs", "50", "--seed-start", "1", "--stop-on-failure", "--json"];
    let summary = summary(&soak(&place, &arguments).with(1));
    assert_eq!((&summary["runs"], failed(&summary)), (&5.into(), vec![5]));
}

#[test]
fn it_ends_when_its_time_is_over() {
    let place = Place::with("", THREE);
    let began = std::time::Instant::now();
    let summary = summary(&soak(&place, &["--for", "1s", "--jobs", "2", "--json"]).with(0));
    assert!((1.0..20.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert!(summary["runs"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["runs"], summary["passed"]);
}

#[test]
fn an_error_of_a_run_is_counted_and_the_worst_exit_code_is_the_soaks() {
    let place =
        Place::with("if seed() == 2 { sleep(param(\"time\", \"ever\")); }\nassert(seed() != 4, \"four\");", THREE);
    let from = |start: &str, code| {
        let ended = soak(&place, &["--seed-start", start, "--runs", "3", "--json"]).with(code);
        let summary = summary(&ended);
        assert_eq!(summary["runs"], 3);
        (failed(&summary), summary["failed"].as_u64().unwrap(), summary["errors"].as_u64().unwrap())
    };
    assert_eq!(from("1", 2), (vec![2], 0, 1));
    assert_eq!(from("2", 1), (vec![2, 4], 1, 1));
    assert_eq!(from("5", 0), (vec![], 0, 0));
}

#[test]
fn what_would_hit_every_run_ends_it_at_once() {
    let place = Place::with("partition([[\"n1\"]], 7", THREE);
    let told = |arguments: &[&str], code| {
        let ended = soak(&place, arguments).with(code);
        assert_eq!(ended.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{}", ended.stderr);
        ended.stderr
    };
    assert!(told(&["--out", "out"], 2).contains("s.rhai:1"));
    place.write("s.rhai", "partitoin([[\"n1\"]]);");
    assert!(told(&["--out", "out"], 2).contains("did you mean `partition`?"));
    place.write("s.rhai", "");
    assert!(told(&["--out", "out", "--config", "none.yaml"], 2).contains("none.yaml"));
    assert!(told(&["--out", "s.yaml"], 3).contains("s.yaml"));
    assert!(told(&["--seed-start", "9223372036854775807", "--runs", "2"], 2).contains("not so many seeds"));
    assert!(!place.path().join("out").exists());
    for wrong in [["--runs", "0"], ["--jobs", "0"], ["--for", "0s"], ["--for", "-1s"], ["--set", "x"], ["--seed", "1"]]
    {
        soak(&place, &wrong).with(2);
    }
}

#[test]
fn a_cluster_that_cannot_come_up_ends_it_at_the_first_run() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = Place::with("", "nodes:\n  n1: { command: /no/such/program }\n");
    let ended = place.blockade(&["soak", "s.rhai", "--runtime", "netns", "--runs", "5", "--jobs", "2"]).with(3);
    assert!(ended.stderr.contains("/no/such/program"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("error: ").count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    let ended = place.blockade(&["soak", "s.rhai", "--runtime", "netns", "--json"]).with(3);
    assert_eq!(ended.stdout, "{\"runs\":0,\"passed\":0,\"failed\":0,\"unknown\":0,\"errors\":0,\"failures\":[]}\n");
}

#[test]
fn only_what_failed_is_shrunk() {
    let script = "fn chaos() { isolate(\"n1\"); }\n\
                  fn check() { if seed() == 1 { [1][4]; } if seed() == 2 { check_linearizable(\"register\"); } }";
    let place = Place::with(script, THREE);
    let ended = soak(&place, &["--seed-start", "1", "--runs", "3", "--shrink"]).with(5);
    assert!(ended.stdout.ends_with("3 runs, 1 passed, 1 unknown, 1 error (simulated)\n"), "{}", ended.stdout);
    assert!(!ended.stderr.contains("error: "), "{}", ended.stderr);
}

#[test]
fn it_goes_on_with_the_seeds_that_are_left() {
    let place = Place::with(UNLUCKY, THREE);
    let all = summary(&soak(&place, &["--runs", "50", "--seed-start", "1", "--json", "--out", "whole"]).with(1));
    let first = soak(&place, &["--runs", "20", "--seed-start", "1", "--json", "--out", "parts"]);
    assert_eq!(lines(&first.stdout).len(), 21);
    let rest = soak(&place, &["--runs", "50", "--json", "--out", "parts"]).with(1);
    assert_eq!(lines(&rest.stdout).len(), 31);
    assert!(rest.stderr.starts_with("seeds from 1\n") && rest.stderr.contains("going on: so far 20 runs"));
    assert_eq!(summary(&rest).to_string().replace("/parts/", "/whole/"), all.to_string());
    // Nothing is left to do, and what it came to is told once more.
    assert_eq!(soak(&place, &["--runs", "50", "--json", "--out", "parts"]).with(1).stdout.lines().count(), 1);
}

#[test]
fn another_soak_does_not_go_on_in_its_folder() {
    let place = Place::with("param(\"x\", 1);", THREE);
    let arguments = ["--runs", "2", "--seed-start", "1", "--out", "out"];
    soak(&place, &arguments).with(0);
    let differs = |more: &[&str]| {
        let ended = soak(&place, &[&["--runs", "3", "--out", "out"], more].concat()).with(2);
        let error = ended.stderr.lines().find(|line| line.starts_with("error: ")).unwrap().to_owned();
        error.split("it differs in ").nth(1).unwrap_or(&error).to_owned()
    };
    assert_eq!(differs(&["--set", "x=2"]), "--set");
    assert_eq!(differs(&["--seed-start", "2"]), "--seed-start");
    place.write("other.yaml", &THREE.replace("n3", "n4"));
    assert_eq!(differs(&["--config", "other.yaml"]), "the cluster file");
    place.write("s.rhai", "param(\"x\", 2);");
    assert_eq!(differs(&[]), "the script");
    // A run's folder is no soak's.
    place.blockade(&["run", "s.rhai", "--runtime", "sim", "--out", "run"]).with(0);
    assert!(soak(&place, &["--out", "run"]).with(2).stderr.contains("holds a run already"));
}

#[test]
fn ctrl_c_on_virtual_time_ends_it_between_two_runs() {
    let place = Place::with(UNLUCKY, THREE);
    let arguments =
        ["soak", "s.rhai", "--runtime", "sim", "--for", "10m", "--seed-start", "1", "--json", "--out", "out"];
    let child = place.start(&arguments);
    until("some runs", || {
        std::fs::read_to_string(place.path().join("out/runs.jsonl")).is_ok_and(|t| t.lines().count() > 20)
    });
    interrupt(&child);
    let ended = ended(child.wait_with_output().unwrap()).with(130);
    let runs = summary(&ended)["runs"].as_u64().unwrap();
    assert_eq!(lines(&place.read("out/runs.jsonl")).len() as u64, runs);
    let total = (runs + 10).to_string();
    let rest = soak(&place, &["--runs", &total, "--json", "--out", "out"]).with(1);
    let seeds: Vec<u64> = lines(&rest.stdout).iter().filter_map(|line| line["seed"].as_u64()).collect();
    assert_eq!(seeds, (runs + 1..=runs + 10).collect::<Vec<_>>());
    assert_eq!(failed(&summary(&rest)), planned(&place, 1..runs + 11));
}

#[test]
fn two_clusters_side_by_side_leave_nothing() {
    if !namespaces(User::Ours) {
        return;
    }
    let script = "let cut = partition([[\"n1\"], [\"n2\", \"n3\"]]);\nassert(!reachable(\"n1\", \"n2\") && reachable(\"n2\", \"n3\"));\n\
         cut.heal();\nassert(reachable(\"n1\", \"n2\"));\nassert(seed() != 4, \"four\");";
    let place = Place::with(script, THREE);
    let mark = format!("BLOCKADE_TEST_MARK={}", place.path().display());
    let arguments = ["soak", "s.rhai", "--runtime", "netns", "--jobs", "2", "--runs", "6", "--seed-start", "1"];
    let mut command = place.command(&[&arguments[..], &["--json", "--out", "out"]].concat());
    command.env("BLOCKADE_TEST_MARK", place.path());
    let ended = ended(command.output().unwrap()).with(1);
    let summary = summary(&ended);
    assert_eq!((&summary["runs"], &summary["passed"], failed(&summary)), (&6.into(), &5.into(), vec![4]));
    until("everything has ended", || processes::marked(&mark).is_empty());
    assert_eq!(names(&place.path().join("out/1")), set(["result.json"]));
    let logs = names(&place.path().join("out/4/logs"));
    assert_eq!(logs, set(["n1.log", "n2.log", "n3.log"]));
}

#[test]
fn what_programs_leave_goes_with_a_run_that_passes() {
    if !namespaces(User::Ordinary) {
        return;
    }
    let cluster = "nodes:\n  n1: { command: sh -c \"mkdir -p a/b && touch a/b/c && chmod 500 a/b && exec sleep 99\", \
         workdir: data, ready: { exec: [test, -e, a/b/c] } }\n";
    let place = Place::of(User::Ordinary, "", cluster);
    let ended =
        place.blockade(&["soak", "s.rhai", "--runtime", "netns", "--runs", "2", "--seed-start", "1", "--out", "out"]);
    let ended = ended.with(0);
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    assert_eq!(names(&place.path().join("out/2")), set(["result.json"]));
}

#[test]
fn ctrl_c_heals_the_runs_under_way_and_they_are_run_anew() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = Place::with(SLOW, THREE);
    let arguments =
        ["soak", "s.rhai", "--runtime", "netns", "--jobs", "2", "--seed-start", "1", "--json", "--out", "out"];
    let mut command = place.command(&[&arguments[..], &["--runs", "8"]].concat());
    let mark = format!("BLOCKADE_TEST_MARK={}", place.path().display());
    command.env("BLOCKADE_TEST_MARK", place.path());
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    until("a run has ended", || {
        std::fs::read_to_string(place.path().join("out/runs.jsonl")).is_ok_and(|t| !t.is_empty())
    });
    interrupt(&child);
    interrupt(&child);
    let ended = ended(child.wait_with_output().unwrap()).with(130);
    let runs = summary(&ended)["runs"].as_u64().unwrap();
    assert!((1..=2).contains(&runs), "{ended:?}");
    assert!(ended.stderr.contains("interrupted: the same command with --out "), "{}", ended.stderr);
    until("everything has ended", || processes::marked(&mark).is_empty());
    // No half of a run is left.
    let folders = names(&place.path().join("out")).len() as u64;
    assert_eq!(folders, runs + 2);
    place.write("go", "");
    let rest = place.blockade(&[&arguments[..], &["--runs", "8"]].concat()).with(0);
    assert_eq!(lines(&rest.stdout).len() as u64, 8 - runs + 1);
    assert_eq!(summary(&rest)["passed"], 8);
}
