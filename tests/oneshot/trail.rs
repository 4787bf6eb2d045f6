//! `events`: what was done, also by a cluster that is gone.

use super::up::{Up, place};
use serde_json::Value;

fn events(up: &Up) -> Vec<Value> {
    let json: Value = serde_json::from_str(&up.says(&["events", "--json"])).unwrap();
    json["events"].as_array().unwrap().clone()
}

/// What, how it went, to whom and by whom.
fn told(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |event: &Value| {
        for key in ["event", "status", "targets", "timestamp", "message"] {
            assert!(event.get(key).is_some(), "{key}");
        }
        text(&event["timestamp"]).parse::<jiff::Timestamp>().unwrap();
        format!("{} {} {} by {}", text(&event["event"]), text(&event["status"]), event["targets"], text(&event["by"]))
    };
    events.iter().map(line).collect()
}

#[test]
fn what_was_done_to_a_cluster_is_told_also_after_its_end() {
    let up = Up::on("sim");
    up.says(&["partition", "n1,n2", "n3"]);
    up.says(&["slow", "n1"]);
    up.run(&["heal", "f7"]).with(2);
    up.run(&["stop", "n9"]).with(2);
    up.says(&["stop", "n1"]);
    up.says(&["start", "n1"]);
    up.says(&["status"]);
    up.says(&["join"]);
    up.says(&["destroy"]);
    insta::assert_snapshot!(told(&events(&up)).join("\n"), @r#"
    up Success ["n1","n2","n3"] by supervisor
    partition Success [["n1","n2"],["n3"]] by command
    slow Success ["n1"] by command
    stop Success ["n1"] by command
    start Success ["n1"] by command
    join Success ["n1","n2","n3"] by command
    destroy Success ["n1","n2","n3"] by command
    "#);
    let table = up.says(&["events"]);
    assert!(table.starts_with("EVENT      TARGET    STATUS   TIME"), "{table}");
    assert!(table.contains("\npartition  n1,n2 n3  Success  "), "{table}");
    assert_eq!(up.says(&["events", "--output", "trail.txt"]), "");
    assert_eq!(up.place.read("trail.txt"), table);
}

#[test]
fn an_up_that_failed_and_what_nobody_commanded_are_told_too() {
    let up = Up { place: place() };
    up.place.write("blockade.yaml", "nodes:\n  n1: { command: no-such-program-anywhere }\n");
    up.run(&["up"]).with(3);
    up.place.write("blockade.yaml", "nodes: { n1: , n2: }\n");
    up.run(&["up", "--runtime", "sim"]).with(0);
    up.says(&["partition", "n1", "--for", "1ms"]);
    super::up::until(|| up.run(&["faults"]).stderr == "no faults\n");
    super::up::until(|| events(&up).len() == 4);
    up.kill_supervisor();
    up.run(&["destroy"]).with(0);
    insta::assert_snapshot!(told(&events(&up)).join("\n"), @r#"
    up Failed ["n1"] by supervisor
    up Success ["n1","n2"] by supervisor
    partition Success [["n1"]] by command
    heal Success ["f1"] by command
    destroy Success ["n1","n2"] by command
    "#);
}

#[test]
fn a_torn_line_is_warned_of_and_the_json_is_whole() {
    let up = Up::on("sim");
    let path = up.place.path().join(".blockade/audit/c1.jsonl");
    let torn = std::fs::read_to_string(&path).unwrap() + "{\"event\":\"st";
    std::fs::write(&path, torn).unwrap();
    up.says(&["stop", "n1"]);
    assert_eq!(events(&up).len(), 2);
    let warned = up.run(&["events"]).with(0).stderr;
    assert!(warned.starts_with("warning: 1 lines of ") && warned.contains("c1.jsonl"), "{warned}");
}

#[test]
fn of_a_cluster_to_which_nothing_was_done_there_is_nothing_to_tell() {
    let place = place();
    let ended = place.blockade(&["-n", "c9", "events"]).with(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", "nothing was ever done to a cluster `c9` here\n"));
    let json: Value = serde_json::from_str(&place.blockade(&["-n", "c9", "events", "--json"]).with(0).stdout).unwrap();
    assert_eq!(json, serde_json::json!({ "events": [] }));
    assert!(!place.path().join(".blockade").exists());
}
