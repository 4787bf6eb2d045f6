//! The life of a node as the runtime keeps it, at its edges.

use super::common::docker::IMAGE;
use super::common::until;
use super::stage::Stage;

#[test]
fn a_node_that_talks_without_end_has_a_log_with_an_end_and_keeps_nobody_from_destroying_it() {
    let cluster = format!("containers:\n  n1: {{image: '{IMAGE}', command: 'yes'}}\n");
    let Some(stage) = Stage::up(&cluster) else { return };
    until("it talks", || stage.says(&["logs", "n1"]).starts_with("y\ny\n"));
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}
