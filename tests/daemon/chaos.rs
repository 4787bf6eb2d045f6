//! Chaos over REST: started, changed, looked at, ended; and what is left of it.

use super::common::until;
use super::running::{Running, until_json};
use rustix::process::Signal;
use serde_json::{Value, json};

const PATH: &str = "/blockade/c1/chaos";

fn quick(more: Value) -> Value {
    let mut body = json!({ "min_start_delay": 1, "max_start_delay": 20, "min_run_time": 1, "max_run_time": 20, "event_set": ["STOP"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn calm(running: &Running) -> bool {
    !running.says(&["status"]).contains("DOWN")
        && running.place.blockade(&["-n", "c1", "faults"]).stderr == "no faults\n"
}

#[test]
fn it_makes_trouble_until_it_is_ended_and_leaves_none() {
    let running = Running::with_cluster("sim");
    assert!(running.ask("GET", PATH, "").with(404).detail().contains("no chaos runs on `c1`"));
    let started = running.post(PATH, quick(json!({ "seed": 5 }))).with(201).json();
    assert_eq!((&started["seed"], &started["state"]), (&json!(5), &json!("HEALTHY")));
    assert!(running.post(PATH, quick(json!({}))).with(400).detail().contains("already"));
    until("nodes go down", || running.says(&["events"]).contains("stop "));
    let changed = running.ask("PUT", PATH, r#"{"min_run_time": 3600000, "max_run_time": 3600000}"#).with(200).json();
    assert_eq!(changed["seed"], 5);
    until_json(&running, PATH, |look| look["state"] == "DEGRADED");
    assert!(running.says(&["status"]).contains("DOWN"));
    running.ask("DELETE", PATH, "").with(200).json();
    assert!(calm(&running));
    running.ask("GET", PATH, "").with(404);
    running.ask("DELETE", PATH, "").with(404);
}

#[test]
fn one_that_is_ended_has_passed_and_is_listed_with_its_start() {
    let running = Running::with_cluster("sim");
    running.post(PATH, quick(json!({}))).with(201);
    let listed = || running.get("/v1/runs")["runs"][0].clone();
    until_json(&running, "/v1/runs", |runs| runs["runs"][0]["script"] == "stdlib/chaos.rhai");
    let run = listed();
    assert_eq!(run["state"], "running");
    let started: jiff::Timestamp = run["started"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(started).as_secs() < 60, "{started}");
    running.ask("DELETE", PATH, "").with(200);
    let run = listed();
    assert_eq!((&run["state"], &run["verdict"]), (&json!("ended"), &json!("pass")));
    let metrics = running.ask("GET", "/metrics", "").with(200).body;
    assert!(metrics.contains("blockade_runs{verdict=\"pass\"} 1\n"), "{metrics}");
    assert!(metrics.contains("blockade_runs{verdict=\"error\"} 0\n"), "{metrics}");
}

#[test]
fn a_cluster_does_not_inherit_the_chaos_of_one_that_had_its_name() {
    let running = Running::with_cluster("sim");
    let up = || running.place.blockade(&["-n", "c1", "up", "--runtime", "sim"]).with(0);
    for by_daemon in [true, false] {
        running.post(PATH, quick(json!({}))).with(201);
        if by_daemon {
            running.ask("DELETE", "/blockade/c1", "").with(204);
        } else {
            running.says(&["destroy"]);
        }
        running.ask("GET", PATH, "").with(404);
        up();
        for (method, body) in [("GET", ""), ("PUT", "{}"), ("DELETE", "")] {
            let told = running.ask(method, PATH, body).with(404).detail();
            assert!(told.contains("no chaos runs on `c1`"), "{method}: {told}");
        }
    }
    running.post(PATH, quick(json!({}))).with(201);
}

#[test]
fn it_ends_with_the_daemon_however_that_ends() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut running = Running::with_cluster("sim");
        let lasting = json!({ "min_run_time": 3_600_000, "max_run_time": 3_600_000, "max_containers_at_once": 3, "min_containers_at_once": 2 });
        running.post(PATH, quick(lasting)).with(201);
        until_json(&running, PATH, |look| look["state"] == "DEGRADED");
        running.end(signal);
        until("all is well", || calm(&running));
    }
}

#[test]
fn changes_at_once_come_one_after_the_other() {
    let running = Running::with_cluster("sim");
    running.post(PATH, quick(json!({}))).with(201);
    let changes = [
        json!({ "seed": 7 }),
        json!({ "max_run_time": 3_600_000 }),
        json!({ "min_run_time": 20 }),
        json!({ "event_set": ["STOP", "PARTITION"] }),
    ];
    std::thread::scope(|scope| {
        for change in &changes {
            scope.spawn(|| running.ask("PUT", PATH, &change.to_string()).with(200));
        }
    });
    assert_eq!(running.get(PATH)["seed"], 7);
    running.ask("DELETE", PATH, "").with(200);
    assert!(calm(&running));
}

#[test]
fn several_events_at_once_hit_the_same_node() {
    let running = Running::with_cluster("sim");
    let both = json!({ "event_set": ["STOP", "PARTITION"], "min_events_at_once": 2, "max_events_at_once": 2, "min_run_time": 3_600_000, "max_run_time": 3_600_000 });
    running.post(PATH, quick(both)).with(201);
    until_json(&running, "/v1/clusters/c1/faults", |faults| faults["faults"].as_array().unwrap().len() == 2);
    let faults = running.get("/v1/clusters/c1/faults");
    let kinds: Vec<&str> =
        faults["faults"].as_array().unwrap().iter().map(|fault| fault["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["partition", "stop"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let running = Running::with_cluster("sim");
    let told = |body: &str| running.ask("POST", PATH, body).with(400).detail();
    let all =
        [told(r#"{"max_start_delay": 1}"#), told(r#"{"event_set": ["EARTHQUAKE"]}"#), told(r#"{"min_start": 1}"#)];
    insta::assert_snapshot!(all.join("\n"), @"
    min_start_delay 30000 is above max_start_delay 1
    `EARTHQUAKE` is no event: expected PARTITION, STOP, FLAKY, SLOW or DUPLICATE
    the body: there is no key `min_start`
    ");
    running.ask("PUT", PATH, "{}").with(404);
    running.ask("POST", "/blockade/c9/chaos", "").with(404);
}
