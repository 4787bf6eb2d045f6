//! `/metrics` of clusters that are up.

use super::common::{User, namespaces, until};
use super::exposition::{Sample, parse};
use super::running::Running;
use rustix::process::{Signal, kill_process};
use serde_json::json;

#[test]
fn what_is_in_force_and_what_has_happened_is_counted() {
    let running = Running::with_cluster("sim");
    let sample = |line: &str| {
        let text = running.ask("GET", "/metrics", "").with(200);
        assert!(text.head.contains("content-type: text/plain; version=0.0.4"), "{}", text.head);
        let found = text.body.lines().find_map(|found| found.strip_prefix(line)?.trim().parse::<f64>().ok());
        found.map(|value| value as i64)
    };
    assert_eq!(sample("blockade_faults_active{cluster=\"c1\",kind=\"isolate\"}"), None);
    for node in ["n1", "n2"] {
        running.post("/v1/clusters/c1/faults", json!({ "fault": { "kind": "isolate", "nodes": [node] } })).with(201);
    }
    running.says(&["restart", "n1"]);
    assert_eq!(sample("blockade_faults_active{cluster=\"c1\",kind=\"isolate\"}"), Some(2));
    assert_eq!(sample("blockade_events_total{cluster=\"c1\",kind=\"fault.inject\"}"), Some(2));
    assert_eq!(sample("blockade_node_restarts_total{cluster=\"c1\",node=\"n1\"}"), Some(1));
    assert_eq!(sample("blockade_fault_apply_seconds_count{cluster=\"c1\",act=\"inject\"}"), Some(2));
    assert_eq!(sample("blockade_fault_apply_seconds_bucket{cluster=\"c1\",act=\"inject\",le=\"+Inf\"}"), Some(2));
    running.says(&["heal"]);
    assert_eq!(sample("blockade_faults_active{cluster=\"c1\",kind=\"isolate\"}"), None);
    assert_eq!(sample("blockade_fault_apply_seconds_count{cluster=\"c1\",act=\"heal\"}"), Some(2));
    // A new cluster of the same name begins anew.
    running.says(&["destroy"]);
    assert_eq!(sample("blockade_events_total{cluster=\"c1\",kind=\"fault.inject\"}"), None);
    running.says(&["up", "--runtime", "sim"]);
    assert_eq!(sample("blockade_events_total{cluster=\"c1\",kind=\"cluster.up\"}"), Some(1));
    assert_eq!(sample("blockade_events_total{cluster=\"c1\",kind=\"fault.inject\"}"), None);
}

#[test]
fn a_cluster_that_hangs_does_not_silence_the_others() {
    let running = Running::with_cluster("sim");
    running.place.blockade(&["-n", "c2", "up", "--runtime", "sim"]).with(0);
    let supervisor = running.supervisor();
    kill_process(supervisor, Signal::STOP).unwrap();
    // Each of its threads stops by itself.
    until("it stands still", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", supervisor.as_raw_nonzero())).unwrap().flatten();
        let mut stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        stats.all(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" T ")))
    });
    let seen = scraped(&running);
    kill_process(supervisor, Signal::CONT).unwrap();
    let clusters = |samples: &[Sample]| {
        let names = samples.iter().filter_map(|sample| sample.labels.get("cluster").cloned());
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(clusters(&seen), ["c2"]);
    assert_eq!(clusters(&scraped(&running)), ["c1", "c2"]);
}

fn scraped(running: &Running) -> Vec<Sample> {
    let text = running.ask("GET", "/metrics", "").with(200).body;
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn prometheus_can_read_it_whatever_there_is_to_tell() {
    let running = Running::new();
    assert!(scraped(&running).iter().all(|sample| sample.name == "blockade_runs"), "nothing is up");
    for name in ["c1", "c-2"] {
        running.place.blockade(&["-n", name, "up", "--runtime", "sim"]).with(0);
    }
    running.says(&["partition", "n1"]);
    running.says(&["slow", "n1"]);
    running.says(&["kill", "n2"]);
    running.says(&["restart", "n2"]);
    let samples = scraped(&running);
    let of = |name: &str| samples.iter().filter(|sample| sample.name == name).collect::<Vec<_>>();
    let kinds: Vec<&str> = of("blockade_faults_active").iter().map(|sample| sample.labels["kind"].as_str()).collect();
    assert_eq!(kinds, ["partition", "slow"]);
    assert_eq!(of("blockade_fault_apply_seconds_count").len(), 4, "of each cluster, inject and heal");
    let names = ["blockade_events_total", "blockade_node_restarts_total", "blockade_runs"];
    assert!(names.iter().all(|name| !of(name).is_empty()), "{samples:?}");
}

#[test]
fn runs_are_counted_by_their_verdicts() {
    let running = Running::new();
    let ended = |verdict: &str| {
        let samples = scraped(&running);
        let of = samples.iter().find(|sample| sample.name == "blockade_runs" && sample.labels["verdict"] == verdict);
        of.unwrap().value as u64
    };
    running.place.write("good.rhai", "assert(true, \"so\");");
    running.place.write("bad.rhai", "assert(false, \"not so\");");
    assert_eq!((ended("pass"), ended("fail"), ended("error"), ended("unknown")), (0, 0, 0, 0));
    let run = |script: &str| running.place.blockade(&["-c", "blockade.yaml", "run", script, "--runtime", "sim"]);
    run("good.rhai").with(0);
    assert_eq!((ended("pass"), ended("fail")), (1, 0));
    run("good.rhai").with(0);
    run("bad.rhai").with(1);
    assert_eq!((ended("pass"), ended("fail")), (2, 1));
}

#[test]
fn what_the_user_space_shaper_holds_is_told() {
    if !namespaces(User::Ours) {
        return;
    }
    let running = Running::new();
    running.place.blockade(&["-n", "c1", "up", "--runtime", "netns", "--shaper", "userspace"]).with(0);
    let held = || {
        let samples = scraped(&running);
        samples.iter().find(|sample| sample.name == "blockade_shaper_held_packets").unwrap().value as u64
    };
    assert_eq!(held(), 0, "there is no shaper yet");
    // Of one protocol only: IPv6 of its own sends reports to multicast groups as it likes, which are held just as well.
    running.says(&["slow", "n1", "--to", "n2", "--delay", "10s", "--proto", "udp"]);
    let address = running.get("/v1/clusters/c1/nodes/n2")["ip_address"].as_str().unwrap().to_owned();
    let send = format!("for n in 1 2 3 4 5; do echo x > /dev/udp/{address}/9; done");
    running.says(&["exec", "n1", "--", "bash", "-c", &send]);
    super::common::until("they are held", || held() == 5);
    super::common::until("they have gone on", || held() == 0);
}
