//! From a run that failed to the same again, and to less that still fails: `replay`, `run --chaos`, `shrink`.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place, THREE, User, namespaces, until};
use serde_json::Value;

/// Fails where n1 was cut from n3 while n2 was down, and only then; chaos() does far more. It waits until that was seen.
const SCRIPT: &str = r#"
const OPTIONS = #{ clients: 1, recovery: "1200ms" };
fn setup() { state("bad", false); }
fn client(id) {
    loop {
        if status("n2") != "UP" && !reachable("n3", "n1") { state("bad", true); }
        sleep("50ms");
    }
}
fn chaos() {
    for i in 0..param("rounds", 2) {
        during(isolate(choose(nodes())), random_duration("0.1s", "0.3s"));
        let down = kill("n2");
        let cut = partition([["n1", "n2"], ["n3"]]);
        wait_until("20s", || state("bad"));
        sleep(random_duration("0.1s", "0.2s"));
        cut.heal();
        down.heal();
        during(slow("n1", #{ delay: "1ms" }), "0.1s");
    }
}
fn check() { assert(!state("bad"), "n1 hears n3 while n2 is down"); }
"#;

/// The failed run of it on this runtime, in the folder `out`.
fn failed(runtime: &str) -> Place {
    let place = Place::with(SCRIPT, THREE);
    place.run(&["--runtime", runtime]).with(1);
    place
}

/// A shorter one on real nodes, for what takes many trials.
fn failed_soon() -> Place {
    let place = Place::with(SCRIPT, THREE);
    place.run(&["--runtime", "netns", "--set", "rounds=1"]).with(1);
    place
}

fn result(place: &Place, run: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{run}/result.json"))).unwrap()
}

/// What was injected and healed, with the times since chaos() began, milliseconds.
fn faults(place: &Place, run: &str) -> Vec<(String, i64)> {
    let events = place.lines(&format!("{run}/journal.jsonl"));
    let of_chaos = |event: &&Value| event["kind"] == "phase" && event["name"] == "chaos";
    let start = events.iter().find(of_chaos).unwrap()["t_us"].as_i64().unwrap();
    let kinds = ["fault.inject", "fault.heal"];
    let wanted =
        events.iter().filter(|event| kinds.iter().any(|kind| event["kind"] == *kind) && event["task"] == "chaos");
    let told = |event: &Value| format!("{} {} {}", event["kind"], event["id"], event["fault"]);
    wanted.map(|event| (told(event), (event["t_us"].as_i64().unwrap() - start) / 1000)).collect()
}

#[test]
fn a_replay_injects_the_same_faults_at_the_same_times_and_fails_in_the_same_way() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = failed("netns");
    let ended = place.blockade(&["replay", "out", "--out", "again", "-q"]).with(1);
    assert!(ended.stderr.contains("the same failure as recorded: s.rhai:"), "{}", ended.stderr);
    assert_eq!(result(&place, "again")["failure"]["signature"], result(&place, "out")["failure"]["signature"]);
    let (then, now) = (faults(&place, "out"), faults(&place, "again"));
    assert_eq!(then.len(), 16);
    assert_eq!(
        then.iter().map(|(told, _)| told).collect::<Vec<_>>(),
        now.iter().map(|(told, _)| told).collect::<Vec<_>>()
    );
    // Never early. A machine that stalls makes some late, but what drifts would be off by the sum of all that took time.
    let late: Vec<i64> = then.iter().zip(&now).map(|((_, then), (_, now))| now - then).collect();
    assert!(late.iter().all(|ms| *ms >= -5) && late[8..].iter().any(|ms| *ms < 500), "{late:?}");
}

#[test]
fn a_replay_of_a_replay_is_the_same_again() {
    let place = failed("sim");
    place.blockade(&["replay", "out", "--out", "second", "-q"]).with(1);
    place.blockade(&["replay", "second", "--out", "third", "-q"]).with(1);
    assert_eq!(faults(&place, "second"), faults(&place, "third"));
    assert_eq!(faults(&place, "out"), faults(&place, "third"));
    assert_eq!(place.read("second/chaos.rhai"), place.read("third/chaos.rhai"));
}

fn shrink(place: &Place, arguments: &[&str]) -> Ended {
    place.blockade(&[&["shrink", "out"], arguments].concat())
}

#[test]
fn two_faults_are_left_and_the_command_in_the_file_fails_in_the_same_way() {
    let place = failed("sim");
    let ended = shrink(&place, &["--jobs", "2"]).with(0);
    let rates = "fails like this: the smallest schedule 20/20, the recorded one 20/20, no faults at all 0/20";
    assert!(ended.stdout.contains(rates), "{}", ended.stdout);
    let text = place.read("out/minimal.rhai");
    let (head, body): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("//"));
    assert!(head.iter().any(|line| line.contains(rates)) && head[0].contains("seed 1 of s.rhai"), "{text}");
    let kinds = |word: &str| body.iter().filter(|line| line.contains(word)).count();
    assert!(body.len() <= 7 && kinds("kill(\"n2\")") == 1 && kinds("one_way(") == 1, "{text}");
    let command = head.iter().find_map(|line| line.strip_prefix("//     blockade ")).unwrap();
    let words = shlex::split(command).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.blockade(&[&words[..], &["--out", "minimal", "-q"]].concat()).with(1);
    assert_eq!(result(&place, "minimal")["failure"]["signature"], result(&place, "out")["failure"]["signature"]);
    assert_eq!(result(&place, "minimal")["faults"], 2);
    assert!(!place.path().join("out/shrink").exists(), "no trial leaves anything");
}

#[test]
fn a_second_shrinking_that_finds_less_leaves_what_the_first_has_found() {
    let place = failed("sim");
    shrink(&place, &["--jobs", "2"]).with(0);
    let smallest = place.read("out/minimal.rhai");
    let ended = shrink(&place, &["--trials", "1"]).with(0);
    assert!(
        ended.stdout.contains("out/minimal.rhai stays as it is: a smaller one was found before\n"),
        "{}",
        ended.stdout
    );
    assert_eq!(place.read("out/minimal.rhai"), smallest);
}

#[test]
fn on_real_nodes_two_faults_are_left() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = failed_soon();
    let ended = shrink(&place, &["--jobs", "6", "--trials", "90"]).with(0);
    assert!(ended.stdout.contains("no faults at all 0/"), "{}", ended.stdout);
    let text = place.read("out/minimal.rhai");
    let calls = ["kill(", "stop(", "isolate(", "partition(", "one_way(", "slow("];
    let count: usize = calls
        .iter()
        .map(|call| text.lines().filter(|line| !line.starts_with("//") && line.contains(call)).count())
        .sum();
    assert!(count <= 2 && count > 0, "{text}");
}

#[test]
fn an_interrupted_shrink_heals_and_keeps_the_best_so_far() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = failed_soon();
    let child = place.start(&["shrink", "out", "--trials", "1000", "--jobs", "3"]);
    until("a schedule is kept", || place.path().join("out/minimal.rhai").exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = common::ended(child.wait_with_output().unwrap()).with(130);
    assert!(ended.stderr.contains("interrupted: the best so far is kept"), "{}", ended.stderr);
    assert!(place.read("out/minimal.rhai").contains("fails like this"), "{}", place.read("out/minimal.rhai"));
    assert!(!place.path().join("out/shrink").exists());
}

#[test]
fn what_a_killed_shrink_left_is_in_nobodys_way() {
    let place = failed("sim");
    std::fs::create_dir_all(place.path().join("out/shrink/3/work")).unwrap();
    place.write("out/shrink/3/journal.jsonl", "");
    shrink(&place, &["--trials", "12"]).with(0);
    assert!(!place.path().join("out/shrink").exists());
}

#[test]
fn a_run_is_repeated_from_any_folder() {
    let script = "import \"helpers\" as helpers;\nfn chaos() { helpers::cut(); sleep(1); }\n\
                  fn check() { assert(elapsed() < 1.0, \"late\"); }";
    let place = Place::with(script, THREE);
    place.write("helpers.rhai", "fn cut() { isolate(\"n1\") }");
    place.run(&["--runtime", "sim"]).with(1);
    std::fs::create_dir(place.path().join("elsewhere")).unwrap();
    let there = |arguments: &[&str]| {
        let mut command = std::process::Command::new(common::BLOCKADE);
        common::ended(command.args(arguments).current_dir(place.path().join("elsewhere")).output().unwrap())
    };
    let ended = there(&["replay", "../out", "--out", "again", "-q"]).with(1);
    assert!(ended.stderr.contains("the same failure as recorded: s.rhai:3"), "{}", ended.stderr);
    there(&["shrink", "../out", "--trials", "12"]).with(0);
    let text = place.read("out/minimal.rhai");
    let command = text.lines().find_map(|line| line.strip_prefix("//     blockade ")).unwrap();
    let words = shlex::split(command).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--out", "minimal", "-q"]).collect();
    there(&words).with(1);
}

#[test]
fn a_soak_that_is_interrupted_while_it_shrinks_says_so_with_its_exit_code() {
    if !namespaces(User::Ours) {
        return;
    }
    let script = "fn chaos() { during(isolate(\"n1\"), \"100ms\"); }\nfn check() { fail(\"always\"); }";
    let place = Place::with(script, THREE);
    let soak =
        ["soak", "s.rhai", "--runtime", "netns", "--runs", "1", "--seed-start", "1", "--out", "soak", "--shrink"];
    let child = place.start(&soak);
    until("a schedule is kept", || place.path().join("soak/1/minimal.rhai").exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    common::ended(child.wait_with_output().unwrap()).with(130);
}

#[test]
fn soak_shrinks_the_first_of_each_kind() {
    let script = "fn setup() { state(\"n\", 0); }\nfn chaos() { for i in 0..6 { during(isolate(choose(nodes())), \"1s\"); } }\n\
                  fn client(id) { loop { if !reachable(\"n1\", \"n2\") { state(\"n\", 1); } sleep(\"0.1s\"); } }\n\
                  fn check() { assert(state(\"n\") == 0, \"cut\"); }\nconst OPTIONS = #{ clients: 1 };";
    let place = Place::with(script, THREE);
    let soak = ["soak", "s.rhai", "--runtime", "sim", "--runs", "3", "--seed-start", "1", "--out", "soak", "--shrink"];
    let ended = place.blockade(&soak).with(1);
    let text = place.read("soak/1/minimal.rhai");
    assert!(text.ends_with("\nduring(one_way(\"n2\", \"n1\"), \"0.1s\");\n"), "{text}");
    assert!(ended.stdout.contains("3 runs, 0 passed, 3 failed (simulated)"), "{}", ended.stdout);
    assert!(!place.path().join("soak/2/minimal.rhai").exists(), "one of each kind");
}

#[test]
fn a_file_in_the_place_of_chaos_sees_what_chaos_sees() {
    let script = "import \"nemesis\" as nemesis;\nconst LONG = \"2s\";\nfn twice(x) { 2 * x }\n\
                  fn chaos() { fail(\"replaced\"); }\nfn check() { assert(state(\"seen\") == 4, \"seen\"); }";
    let place = Place::with(script, THREE);
    let chaos = "fn more(x) { twice(x) }\nstate(\"seen\", more(2));\nnemesis::isolate_one().heal();\n\
                 let t = task(|| sleep(global::LONG));\nt.join();\nreturn;\nfail(\"not here\");\n";
    place.write("c.rhai", chaos);
    place.run(&["--runtime", "sim", "--chaos", "c.rhai", "-q"]).with(0);
}

#[test]
fn errors_in_such_a_file_show_its_own_lines() {
    let place = Place::with("fn chaos() { }\nfn check() { }", THREE);
    let told = |text: &str, code: i32| {
        place.write("c.rhai", text);
        std::fs::remove_dir_all(place.path().join("out")).ok();
        place.run(&["--runtime", "sim", "--chaos", "c.rhai", "-q"]).with(code).stderr
    };
    let failed = told("sleep(\"1s\");\nisolate(\"n9\");\n", 2);
    assert!(failed.contains("--> c.rhai:2:") && failed.contains("isolate(\"n9\")"), "{failed}");
    let broken = told("sleep(\"1s\"\n", 2);
    assert!(broken.contains("--> c.rhai:"), "{broken}");
    let script = told("fn chaos() { isolate(\"n1\"); }\n", 2);
    assert!(script.contains("write its body alone"), "{script}");
    let whole =
        told("import \"nemesis\" as n;\nconst OPTIONS = #{ clients: 1 };\nfn chaos() { isolate(\"n1\"); }\n", 2);
    assert!(whole.contains("write its body alone"), "a run without faults would pass: {whole}");
    let misspelt = told("sleep(\"1s\");\nisolat(\"n1\");\n", 2);
    assert!(misspelt.contains("--> c.rhai:2:1") && misspelt.contains("did you mean `isolate`"), "{misspelt}");
    assert!(!place.path().join("out").exists(), "found before anything ran");
    let ended = place.run(&["--runtime", "sim", "--chaos", "none.rhai"]).with(2);
    assert!(ended.stderr.contains("cannot read the script none.rhai"), "{}", ended.stderr);
}

#[test]
fn errors_in_functions_of_such_a_file_show_its_own_lines() {
    let script = "import \"wait\" as wait;\nfn chaos() { }\nfn check() { }\n";
    for (chaos, line) in [
        ("// 1\nfn f() { throw \"x\"; }\nf();\n", 2),
        ("// 1\nfn check() {\nassert(false, \"mine\"); }\nsleep(\"1s\");\n", 3),
        ("// 1\n// 2\n// 3\n// 4\ntask(|| fail(\"x\")).join();\n", 5),
        ("wait::condition(\"5s\",\n|| {\nthrow \"x\"; }, \"m\");\n", 3),
    ] {
        let place = Place::with(script, THREE);
        place.write("c.rhai", chaos);
        let stderr = place.run(&["--runtime", "sim", "--chaos", "c.rhai", "-q"]).stderr;
        assert!(stderr.contains(&format!("--> c.rhai:{line}:")), "{chaos}{stderr}");
    }
}

#[test]
fn what_cannot_be_repeated_is_told_and_nothing_is_lost() {
    let place = failed("sim");
    let journal = place.read("out/journal.jsonl");
    let told = |arguments: &[&str]| {
        let ended = place.blockade(arguments).with(2);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
        ended.stderr
    };
    assert!(told(&["replay", "nothing"]).contains("there is no run in nothing"));
    place.write("out/journal.jsonl", &journal.replace("{\"format\":1,", "{\"format\":2,"));
    assert!(told(&["replay", "out"]).contains("the journal has format 2, this version reads format 1"));
    place.write("out/journal.jsonl", &journal.replace("{\"seq\":3,", "{\"seq\":3 3,"));
    assert!(told(&["shrink", "out"]).contains("line 4 is no journal line"));
    place.write("out/journal.jsonl", &journal.replace("\"isolate\",\"nodes\":[\"n", "\"isolate\",\"nodes\":[\"x"));
    let unknown = told(&["replay", "out"]);
    assert!(unknown.contains("which is no node of the cluster any more"), "{unknown}");
    place.write("out/journal.jsonl", &journal);
    let at = journal.find("\"kind\":\"fault.heal\"").unwrap();
    place.write("out/journal.jsonl", &journal[..at]);
    let ended = place.blockade(&["replay", "out", "--out", "cut", "-q"]);
    assert!(ended.stderr.contains("the journal was cut off within chaos()"), "{}", ended.stderr);
    assert_eq!(faults(&place, "cut").len(), 1);
    place.write("out/journal.jsonl", &journal);
    place.write("out/result.json", &place.read("out/result.json").replace("\"format\": 1", "\"format\": 7"));
    assert!(told(&["shrink", "out"]).contains("has format 7, this version reads format 1"));
    std::fs::remove_file(place.path().join("out/script.rhai")).unwrap();
    assert!(told(&["replay", "out"]).contains("script.rhai"));
}

#[test]
fn what_did_not_fail_or_does_not_fail_again_is_not_shrunk() {
    let place = Place::with("fn chaos() { isolate(\"n1\"); }\nfn check() { }", THREE);
    place.run(&["--runtime", "sim"]).with(0);
    let ended = shrink(&place, &[]).with(2);
    assert!(
        ended.stderr.contains("this run did not fail (it is pass): there is nothing to shrink"),
        "{}",
        ended.stderr
    );
    let ended = place.blockade(&["replay", "out", "--out", "again"]).with(0);
    assert!(ended.stderr.contains("passed, as recorded"), "{}", ended.stderr);

    let of_its_body = Place::with("isolate(\"n1\");\nassert(false, \"x\");", THREE);
    of_its_body.run(&["--runtime", "sim"]).with(1);
    let ended = shrink(&of_its_body, &[]).with(2);
    assert!(ended.stderr.contains("the run has no chaos()"), "{}", ended.stderr);

    // Its failure is not the faults' doing, and is gone.
    let gone = Place::with(
        "fn chaos() { isolate(\"n1\"); state(\"x\", 1); }\nfn check() { assert(state(\"x\") != 1, \"x\"); }",
        THREE,
    );
    gone.run(&["--runtime", "sim"]).with(1);
    let ended = shrink(&gone, &[]).with(5);
    assert!(ended.stderr.contains("the failure did not come again: 0/20"), "{}", ended.stderr);
    assert!(!gone.path().join("out/shrink").exists());
}
