//! `blockade plan`: a seed says everything.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, THREE};
use std::collections::BTreeSet;

/// Draws from everything that chance offers, and lets what it drew decide what comes next.
const RANDOM: &str = r#"
fn chaos() {
    for turn in 0..20 {
        let fault = switch random(1, 4) {
            1 => partition(random_partition()),
            2 => isolate(choose(nodes())),
            3 => one_way(shuffle(nodes())[0], "world"),
            _ => stop(sample(nodes(), 2)),
        };
        note(`${random()} ${random(0.5, 1.5)} ${exponential("1s")} ${chance("30%")}`);
        during(fault, random_duration("100ms", "2s"));
    }
}
"#;

/// The journal of a process of its own, in a folder of its own: only the cluster's name must be the same.
fn journal(script: &str, arguments: &[&str]) -> String {
    let place = Place::with(script, THREE);
    place.blockade(&[&["plan", "s.rhai", "--json", "--name", "test"], arguments].concat()).with(0).stdout
}

#[test]
fn a_seed_gives_the_same_journal_byte_for_byte_in_every_process() {
    let first = journal(RANDOM, &["--seed", "7"]);
    assert!(first.lines().count() > 100, "{first}");
    for _ in 0..5 {
        assert_eq!(journal(RANDOM, &["--seed", "7"]), first);
    }
}

#[test]
fn every_seed_gives_another_journal() {
    let schedule = |seed: u64| {
        let journal = journal(RANDOM, &["--seed", &seed.to_string()]);
        journal.lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    let different: BTreeSet<String> = (1..=10).map(schedule).collect();
    assert_eq!(different.len(), 10);
}

#[test]
fn a_fresh_seed_is_printed_and_gives_the_same_again() {
    let place = Place::with(RANDOM, THREE);
    let fresh = place.blockade(&["plan", "s.rhai"]).with(0).stdout;
    let seed = fresh.lines().next().unwrap().strip_prefix("seed ").unwrap();
    assert_eq!(place.blockade(&["plan", "s.rhai", "--seed", seed]).with(0).stdout, fresh);
}

#[test]
fn many_seeds_are_summed_up_in_a_line() {
    let place = Place::with(RANDOM, THREE);
    let ended = place.blockade(&["plan", "s.rhai", "--seeds", "1..50", "--quiet"]).with(0);
    assert_eq!(ended.stdout, "50 seeds planned, 50 passed (simulated)\n");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_seed_that_fails_among_many_decides_the_exit_code() {
    let place = Place::with("assert(seed() != 13, \"not thirteen\");", THREE);
    let ended = place.blockade(&["plan", "s.rhai", "--seeds", "10..15", "--quiet"]).with(1);
    assert_eq!(ended.stdout, "failed: seed 13\n6 seeds planned, 5 passed, 1 failed (simulated)\n");
    place.blockade(&["plan", "s.rhai", "--seeds", "15..10"]).with(2);
}

#[test]
fn planning_leaves_nothing_in_the_folder() {
    let place = Place::with(RANDOM, THREE);
    place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
    let mut files: Vec<_> = std::fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["s.rhai", "s.yaml"]);
}

#[test]
fn days_of_waiting_take_no_time() {
    let script = r#"
        sleep(3600); sleep(0.5); sleep("23h"); sleep(1.min); sleep(30.s); sleep(500.ms);
        assert(elapsed() == 86491.0, `${elapsed()}`);
        sleep_until("48h");
        assert(elapsed() == 172800.0, `${elapsed()}`);
    "#;
    journal(script, &["--seed", "1", "--timeout", "72h"]);
}

/// Calls every function of this version at least once and says what it should answer.
const EVERYTHING: &str = r#"
const OPTIONS = #{ recovery: "2s", timeout: "1h" };
const GREETING = "hello";

// Nodes
assert(nodes() == ["n1", "n2", "n3"]);
assert(nodes("n?").len() == 3);
assert(status("n1") == "UP");
assert(ip("n1") != ip("n2"));

// Faults and their handles
let cut = partition([["n1", "n2"], "n3"]);
assert(cut.id == "f1" && cut.kind == "partition" && cut.active);
assert(`${cut}` == "f1: partition {n1, n2} | {n3}", `${cut}`);
assert(faults().len() == 1);
assert(!reachable("n1", "n3") && reachable("n1", "n2") && reachable("n3", "world"));
cut.heal();
assert(!cut.active && faults().is_empty());
during(isolate("n1"), "1s");
one_way("n1", ["n2", "world"]);
assert(reachable("n1", "n2") && !reachable("n2", "n1") && !reachable("world", "n1"));
join();
let kept = block("n1", "n2").keep();
block(between("n2", "n3").on(#{ proto: "tcp", port: 6379, family: "ipv6" }));
reject(link("n1", "n3"));
reject("n3", "n1");
block(from("n3"));
block(to("n3"));
heal();
assert(faults().len() == 1 && kept.active);
heal(kept);
fast();
fast("n1");

// Halts
let frozen = pause("n1");
assert(status("n1") == "PAUSED");
resume("n1");
assert(!frozen.active && status("n1") == "UP");
stop(["n1", "n2"]);
assert(status("n2") == "DOWN" && !tcp("n2", 80));
start("n1");
assert(status("n1") == "UP" && status("n2") == "DOWN");
restart("n*");
assert(status("n2") == "UP" && faults().is_empty());
kill("n3");
kill("n3", "SIGTERM");
kill("n3", 15);
heal();
assert(status("n3") == "UP");

// Impairments
slow("n1", "20ms");
slow(link("n2", "n3"), #{ delay: 0.02, jitter: "5ms", correlation: 0.25, distribution: "normal" });
flaky(to("n2"), "1%");
flaky(link("n3", "n2"), #{ model: "gemodel", p: "1%", r: 0.1, h: 0.1, k: 0.99 });
duplicate(between("n1", "n2"), 0.05);
corrupt("n3", #{ corrupt: 0.01, correlation: 0.1 });
reorder("world", #{ reorder: 0.25, gap: 5, delay: "10ms" });
let narrow = throttle("n2", "10mbit");
degrade(link("n1", "n3").on(#{ proto: "udp" }), #{ delay: "1ms", jitter: "1ms", loss: 0.01, duplicate: 0.01, corrupt: 0.01, reorder: 0.01, rate: "1gbit" });
assert(faults().len() == 9 && narrow.kind == "throttle" && narrow.active);
assert(verify().len() == 12);
assert(probe("n1", "n2").rtt == () || probe("n1", "n2").rtt >= 0.02);
fast("n2");
assert(!narrow.active && faults().len() == 7);
heal();
assert(verify().is_empty());

// Looking
let done = exec("n1", ["true"]);
assert(done.ok && done.code == 0 && done.stdout == "" && done.stderr == "" && !done.timed_out && done.took > 0.0);
assert(exec("n1", "true", #{ timeout: "1s", stdin: "x" }).ok);
assert(logs("n1") == "" && logs("n1", #{ last: 3 }) == "");
assert(wait_log("n1", "ready.*", "1s"));
assert(tcp("n1", 7000) && http("n1", #{ port: 80 }).ok);
assert(op("write", 1, || 2).value == 2 && op("write", "k", 1, || definite_failure("no")).type == "fail");
assert(workload("true").ok && workload("true", #{ timeout: "1s" }).ops == 0);
assert(history().len() == 4 && ops(#{ key: "k" }).len() == 2);
assert(check_linearizable("register").verdict == "pass" && check_linearizable("register", #{ timeout: 5 }).objects == 2);
op("add", 1, || ());
assert(check_set([1]).acknowledged == [1]);
let there_and_back = probe("n1", "n2");
assert(there_and_back.ok && !there_and_back.lost && there_and_back.rtt > 0.0);
let lost = probe("world", "world");
isolate("n1");
lost = probe("n1", "n2");
assert(!lost.ok && lost.lost && lost.rtt == ());
heal();

// Time
let before = elapsed();
sleep("1s");
sleep_until(before + 5.s);
assert(elapsed() >= before + 4.9);
assert(wait_until("5s", || elapsed() > before + 6));
assert(eventually("5s", || elapsed() > before + 7));
assert(always("1s", || true));

// Chance
assert(random() < 1.0);
assert(random(1, 6) <= 6 && random(0.5, 0.6) < 0.6);
assert(random_duration("1s", "2s") <= 2.0);
assert(exponential("1s") >= 0.0);
assert(chance("100%") && !chance("0%"));
assert(nodes().contains(choose(nodes())));
assert(sample(nodes(), 2).len() == 2);
assert(shuffle(nodes()).len() == 3);
assert(random_partition().len() >= 2);
assert(seed() == 5);

// What is told and shared
assert(param("acks", "majority") == "one" && param("writers", 3) == 5 && param("rest", 1.5) == 1.5);
assert(state("x") == ());
state("x", #{ list: [1] });
assert(state("x").list == [1]);
note("a note");
metric("writes", 17);

// Tasks
let steps = [];
let late = after("2s", || steps.push("after"));
let pulse = every("1s", || steps.push("every"));
let slept = task(|| { sleep("2.5s"); "value" });
assert(slept.join() == "value" && late.done && !pulse.done);
pulse.cancel();
assert(steps.len() == 3 && pulse.done);

// For modules
assert(options(#{ a: 1 }, #{ a: 0, b: 2 }) == #{ a: 1, b: 2 } && options((), #{ a: 0 }) == #{ a: 0 });
assert(seconds("1500ms") == 1.5 && seconds(2) == 2.0);
assert(without_holy(nodes()) == nodes() && without_neutral("n1") == ["n1"]);
assert(healing(|| { isolate("n1"); 7 }) == 7 && faults().is_empty());
assert(to_base64("é") == "w6k=" && from_base64("w6k=") == "é");
let refused = [];
try { usage_error("wrong"); } catch (error) { refused.push(error.message); }
try { usage_error("wrong", "right"); } catch (error) { refused.push(error.message); }
try { timed_out("late"); } catch (error) { refused.push(error.message); }
assert(refused == ["wrong", "wrong", "late"]);
print("printed");

fn setup() {
    state("setup", global::GREETING);
}

fn chaos() {
    isolate("n1");
}

fn check() {
    assert(state("setup") == "hello");
    assert(faults().is_empty(), "all is healed before the check");
    let caught = "";
    try { fail("no"); } catch (error) { caught = error.message; }
    assert(caught == "no");
    throw "the end";
}
"#;

#[test]
fn every_function_answers_on_the_simulator() {
    let place = Place::with(EVERYTHING, THREE);
    let ended = place.blockade(&["plan", "s.rhai", "--seed", "5", "--set", "acks=one", "--set", "writers=5"]).with(1);
    // Only at its very end does it throw; a claim that it caught had not held.
    assert!(ended.stderr.contains("the script threw: the end\n"), "{}", ended.stderr);
}

#[test]
fn a_parameter_takes_the_type_of_its_default() {
    let place = Place::with(
        r#"
        let who = param("who", ["n1"]);
        let limits = param("limits", #{ delay: "1ms" });
        let mark = param("mark", 'a');
        let share = param("share", 0.5);
        assert(who == ["n2", "n3"] && limits.delay == "5ms" && mark == 'b' && share == 1.0);
        "#,
        THREE,
    );
    let with = |set: [&str; 4]| {
        let sets: Vec<String> = set.iter().map(|set| format!("--set={set}")).collect();
        let args: Vec<&str> = ["plan", "s.rhai"].into_iter().chain(sets.iter().map(String::as_str)).collect();
        place.blockade(&args)
    };
    with([r#"who=["n2", "n3"]"#, r#"limits={"delay": "5ms"}"#, "mark=b", "share=1"]).with(0);
    for (wrong, told) in [
        (["who=n2", "limits={}", "mark=b", "share=1"], "--set who=n2: expected a list, as its default [\"n1\"] is"),
        (
            ["who=[]", "limits=[]", "mark=b", "share=1"],
            "--set limits=[]: expected a map, as its default #{\"delay\": \"1ms\"} is",
        ),
        (["who=[]", "limits={}", "mark=bc", "share=1"], "--set mark=bc: expected a character, as its default a is"),
        (
            ["who=[]", "limits={}", "mark=b", "share=1e999"],
            "--set share=1e999: expected a number, as its default 0.5 is",
        ),
    ] {
        let ended = with(wrong).with(2);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}

#[test]
fn no_function_of_this_version_is_missing_above() {
    let place = Place::new();
    let documented = place.blockade(&["doc"]).with(0).stdout;
    let signatures = documented.lines().filter(|line| line.contains('('));
    let names: BTreeSet<&str> = signatures.filter_map(|line| line.trim().split('(').next()).collect();
    assert!(names.contains("partition"), "{documented}");
    let called: BTreeSet<&str> = EVERYTHING
        .match_indices('(')
        .filter_map(|(at, _)| EVERYTHING[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next())
        .collect();
    assert_eq!(names.difference(&called).copied().collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn a_claim_that_did_not_hold_fails_the_run_even_if_the_script_catches_its_error() {
    let claims = [r#"assert(1 > 2, "order")"#, r#"fail("no")"#];
    for claim in claims.into_iter().chain([r#"always("1s", || false)"#, r#"eventually("1s", || false)"#]) {
        let place = Place::with(&format!("try {{ {claim}; }} catch {{ }}"), THREE);
        let ended = place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(1);
        assert!(ended.stderr.contains("a claim did not hold, and the script went on: "), "{}", ended.stderr);
    }
}

#[test]
fn what_is_marked_to_be_kept_is_there_for_the_check() {
    let script = r#"
        fn setup() { block("n1", "n2").keep(); }
        fn chaos() { isolate("n3"); }
        fn check() { assert(faults().len() == 1 && !reachable("n1", "n2") && reachable("n3", "n1")); }
    "#;
    Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn a_program_dies_of_a_signal_that_asks_for_it() {
    let script = r#"
        let hit = kill("n1", "SIGTERM");
        assert(status("n1") == "DOWN");
        hit.heal();
        assert(status("n1") == "UP");
        kill("n1", "SIGHUP");
        assert(status("n1") == "UP");
    "#;
    Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn results_that_a_full_disk_does_not_take_are_an_error() {
    let place = Place::with("isolate(\"n1\");", THREE);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let plan = std::process::Command::new(common::BLOCKADE)
        .args(["plan", "s.rhai", "--json"])
        .current_dir(place.path())
        .stdout(full)
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&plan.stderr);
    assert_eq!((plan.status.code(), says.contains("No space left")), (Some(3), true), "{says}");
}

#[test]
fn a_misspelt_parameter_is_noticed() {
    let place = Place::with("note(param(\"acks\", \"all\"));", THREE);
    let planned = place.blockade(&["plan", "s.rhai", "--set", "ack_s=one", "--set", "acks=two"]).with(0);
    assert_eq!(planned.stderr, "warning: --set ack_s: neither the script nor the cluster file mentions it\n");
    assert!(planned.stdout.contains("two"), "{}", planned.stdout);
}

#[test]
fn seeds_that_are_no_range_are_told_why() {
    let place = Place::with("", THREE);
    let told = |seeds: &str| {
        let ended = place.blockade(&["plan", "s.rhai", "--seeds", seeds]).with(2);
        ended.stderr.lines().next().unwrap_or_default().split_once("'--seeds <A..B>': ").unwrap().1.to_owned()
    };
    for far in ["1..18446744073709551615", "1..9223372036854775808", "99999999999999999999..1"] {
        assert_eq!(told(far), "the greatest seed is 9223372036854775807", "{far}");
    }
    for odd in ["5..1", "x..3", "7", "..", "1...3"] {
        assert_eq!(told(odd), "expected A..B with A ≤ B, like 1..100", "{odd}");
    }
}

/// As for `run` and `soak`: a failed assertion is worse than an unknown verdict, whatever the numbers.
#[test]
fn of_several_seeds_the_worst_exit_code_counts() {
    let script = "fn check() { if seed() == 1 { assert(false, \"no\"); } check_linearizable(\"register\"); }";
    let place = Place::with(script, THREE);
    place.blockade(&["plan", "s.rhai", "--seeds", "2..3", "--quiet"]).with(5);
    place.blockade(&["plan", "s.rhai", "--seeds", "1..3", "--quiet"]).with(1);
    place.blockade(&["plan", "s.rhai", "--seeds", "1..3"]).with(1);
}

#[test]
fn a_summary_of_many_seeds_names_those_that_did_not_pass() {
    let script = "fn check() { switch seed() { 2 => check_linearizable(\"register\"), 3 => [1][4], \
                  4..=5 => fail(\"no\"), 6..=40 if param(\"many\", false) => fail(\"no\"), _ => () } }";
    let place = Place::with(script, THREE);
    let told =
        |args: &[&str]| place.blockade(&[&["plan", "s.rhai", "--quiet", "--seeds"], args].concat()).with(1).stdout;
    assert_eq!(
        told(&["1..6"]),
        "failed: seeds 4, 5\nunknown: seed 2\nerror: seed 3\n\
         6 seeds planned, 2 passed, 2 failed, 1 unknown, 1 error (simulated)\n"
    );
    let many = told(&["4..40", "--set", "many=true"]);
    assert!(
        many.starts_with("failed: seeds 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, …\n37 seeds planned, 0 passed, 37 failed"),
        "{many}"
    );
}
