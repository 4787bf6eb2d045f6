//! `/metrics` of clusters that are up.

use super::running::Running;
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
