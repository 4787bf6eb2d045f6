//! `chaos`: a seed's choices on a cluster that is up, until somebody ends it.

use super::up::{Up, until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Trouble follows trouble at once, and lasts so long at most.
fn start(up: &Up, trouble_max_ms: &str, args: &[&str]) -> Child {
    let healthy = ["--degrade-delay-min", "1", "--degrade-delay-max", "20"];
    let troubled = ["--degrade-runtime-min", "1", "--degrade-runtime-max", trouble_max_ms];
    let mut command: Command = up.place.command(&[&["-n", "c1", "chaos"], &healthy[..], &troubled, args].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupt(chaos: &Child) {
    let pid = rustix::process::Pid::from_child(chaos);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// The first faults of a seed, as they were resolved.
fn first_faults(up: &Up, seed: &str, count: usize) -> Vec<Value> {
    let mut chaos = start(up, "20", &["--json", "--seed", seed, "--containers-at-once-max", "3"]);
    let mut lines = BufReader::new(chaos.stdout.take().unwrap()).lines();
    let faults: Vec<Value> = lines
        .by_ref()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .filter(|event| event["kind"] == "fault.inject")
        .map(|event| event["fault"].clone())
        .take(count)
        .collect();
    interrupt(&chaos);
    lines.for_each(drop);
    assert_eq!(chaos.wait().unwrap().code(), Some(130));
    faults
}

/// Whether anything on this machine can impair links.
fn can_shape(up: &Up) -> bool {
    let doctor = up.place.blockade(&["doctor"]).with(0).stdout;
    !doctor.contains("NO   sch_netem") || !doctor.contains("NO   nfnetlink_queue")
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let up = Up::on("sim");
    let first = first_faults(&up, "7", 30);
    assert_eq!(first_faults(&up, "7", 30), first);
    assert_ne!(first_faults(&up, "8", 30), first);
    let what = |fault: &Value| fault["verb"].as_str().or(fault["kind"].as_str()).unwrap().to_owned();
    let kinds: std::collections::BTreeSet<String> = first.iter().map(what).collect();
    let expected: &[&str] =
        if can_shape(&up) { &["duplicate", "flaky", "partition", "slow", "stop"] } else { &["partition", "stop"] };
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn its_impairments_are_those_of_the_cluster_file() {
    let up = Up { place: super::up::place() };
    let cluster = "network: { slow: 20ms 50ms, flaky: 10%, duplicate: 2% }\nnodes: { n1: , n2: }\n";
    up.place.write("blockade.yaml", cluster);
    up.run(&["up", "--runtime", "sim"]).with(0);
    if !can_shape(&up) {
        return;
    }
    let faults = first_faults(&up, "7", 30);
    let amounts = |verb: &str, amount: &str| -> Vec<&Value> {
        faults.iter().filter(|fault| fault["verb"] == verb).map(|fault| &fault["impairment"][amount]).collect()
    };
    let all = |found: &[&Value], wanted: &Value| !found.is_empty() && found.iter().all(|one| *one == wanted);
    assert!(all(&amounts("slow", "delay_us"), &20_000.into()), "{faults:?}");
    assert!(amounts("slow", "jitter").iter().all(|jitter| jitter[0]["us"] == 50_000), "{faults:?}");
    assert!(all(&amounts("flaky", "loss"), &0.1.into()), "{faults:?}");
    assert!(amounts("duplicate", "duplicate").iter().all(|chance| chance["p"] == 0.02), "{faults:?}");
}

#[test]
fn everything_is_healed_when_chaos_ends_however_it_ends() {
    let up = Up::on("sim");
    for by_force in [true, false] {
        let mut chaos = start(&up, "3600000", &["--events", "stop", "--seed", "5"]);
        until(|| up.says(&["status"]).contains("DOWN"));
        if by_force {
            chaos.kill().unwrap();
        } else {
            interrupt(&chaos);
        }
        let ended = super::common::ended(chaos.wait_with_output().unwrap());
        until(|| !up.says(&["status"]).contains("DOWN") && up.run(&["faults"]).stderr == "no faults\n");
        if !by_force {
            // That somebody ends it is how it passes; the exit code tells of Ctrl-C.
            let runs = std::fs::read_dir(up.place.path().join(".blockade/runs")).unwrap();
            let results = runs.filter_map(|run| std::fs::read_to_string(run.unwrap().path().join("result.json")).ok());
            let results: Vec<Value> = results.map(|text| serde_json::from_str(&text).unwrap()).collect();
            assert_eq!(results.len(), 1);
            assert_eq!((&results[0]["verdict"], &results[0]["failure"]), (&"pass".into(), &Value::Null));
            assert_eq!(ended.code, 130);
            assert!(ended.stdout.starts_with("seed 5\n"), "{}", ended.stdout);
            assert!(ended.stdout.ends_with("\nchaos is over, and its faults are healed\n"), "{}", ended.stdout);
        }
    }
}

#[test]
fn what_is_down_is_started_and_what_is_holy_or_neutral_is_left_in_peace() {
    let up = Up { place: super::up::place() };
    up.place.write("blockade.yaml", "nodes: { n1: {}, n2: { holy: true }, n3: { neutral: true } }\n");
    up.run(&["up", "--runtime", "sim"]).with(0);
    up.says(&["stop", "n2"]);
    let mut chaos = start(&up, "20", &["--events", "PARTITION", "--seed", "1", "--containers-at-once-max", "9"]);
    until(|| !up.says(&["status"]).contains("DOWN"));
    until(|| up.says(&["faults"]).contains("partition {n1}\n"));
    interrupt(&chaos);
    chaos.wait().unwrap();
    let trail = up.says(&["events"]);
    assert!(!trail.contains("partition  n2") && !trail.contains("partition  n3"), "{trail}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_done() {
    let up = Up::on("sim");
    let chaos = |args: &[&str]| up.run(&[&["chaos"], args].concat());
    insta::assert_snapshot!(chaos(&["--degrade-delay-min", "400000"]).with(2).stderr, @"
    error: --degrade-delay-min 400000 is above --degrade-delay-max 300000
    help: give both, where the default of one does not fit: --degrade-delay-min 300000 --degrade-delay-max 400000
    ");
    insta::assert_snapshot!(chaos(&["--containers-at-once-min", "2"]).with(2).stderr, @"
    error: --containers-at-once-min 2 is above --containers-at-once-max 1
    help: give both, where the default of one does not fit: --containers-at-once-min 1 --containers-at-once-max 2
    ");
    let unknown = chaos(&["--events", "STOP,EARTHQUAKE"]).with(2);
    assert!(unknown.stderr.contains("expected PARTITION, STOP, FLAKY, SLOW or DUPLICATE"), "{}", unknown.stderr);
    if !can_shape(&up) {
        let shaping = chaos(&["--events", "STOP,SLOW"]).with(3);
        assert!(shaping.stderr.starts_with("error: links cannot be impaired here\n"), "{}", shaping.stderr);
    }
    assert_eq!(up.place.blockade(&["-n", "c9", "chaos"]).with(2).stdout.lines().count(), 1);
    assert!(!up.place.path().join(".blockade/runs").exists());
}
