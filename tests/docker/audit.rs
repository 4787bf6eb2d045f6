//! `events`: what was done, by whom it was asked; it outlives what it was done to.

use super::clusters::THREE;
use super::stage::Stage;

#[test]
fn the_audit_trail_tells_every_change_and_survives_destroy() {
    let Some(stage) = Stage::up(THREE) else { return };
    stage.says(&["partition", "n1"]);
    stage.says(&["stop", "n2", "n3"]);
    stage.run(&["stop", "n9"]).with(2);
    stage.says(&["status"]);
    stage.says(&["join"]);
    stage.says(&["destroy"]);
    let events = stage.json(&["events"]);
    let events = events["events"].as_array().unwrap();
    let told: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for verb in ["up", "partition", "stop", "join", "destroy"] {
        assert!(told.contains(&verb), "{verb}: {told:?}");
    }
    assert!(!told.contains(&"status"), "{told:?}");
    for event in events {
        assert!(event["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{event}");
        assert!(event["status"].is_string() && event["targets"].is_array() && event["message"].is_string(), "{event}");
    }
    let stop = events.iter().find(|event| event["event"] == "stop").unwrap();
    assert_eq!(stop["targets"], serde_json::json!(["n2", "n3"]));
    stage.says(&["events", "--json", "--output", "trail.json"]);
    let written: serde_json::Value = serde_json::from_str(&stage.place.read("trail.json")).unwrap();
    assert_eq!(written["events"].as_array().unwrap(), events);
}

#[test]
fn an_up_that_fails_is_on_record() {
    let Some(stage) = Stage::new("containers:\n  n1: { image: 'blockade-test/no-such-image:1' }\n") else { return };
    stage.run(&["up"]).with(3);
    let events = stage.json(&["events"]);
    let last = events["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["event"], "up");
    assert!(last["message"].as_str().unwrap().contains("no-such-image"), "{last}");
}
