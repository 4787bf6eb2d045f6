//! Clusters side by side on one daemon, which has one set of names, ports and networks for all.

use super::stage::Stage;
use serde_json::Value;

const TWO: &str = "nodes:\n  n1: { command: sleep infinity }\n  n2: { command: sleep infinity }\n";

/// On Docker, two at a time.
fn soak(stage: &Stage, runs: &str) -> super::common::Ended {
    let arguments = ["soak", "s.rhai", "--runtime", "docker", "--jobs", "2", "--seed-start", "1", "--json"];
    stage.run(&[&arguments[..], &["--runs", runs, "--out", "out"]].concat())
}

#[test]
fn each_has_names_and_a_network_of_its_own_and_nothing_is_left() {
    let Some(stage) = Stage::new(TWO) else { return };
    let script = "let cut = partition([[\"n1\"], [\"n2\"]]);\nassert(!reachable(\"n1\", \"n2\"));\ncut.heal();\n\
         assert(reachable(\"n1\", \"n2\"));\nassert(seed() != 3, \"three\");";
    stage.place.write("s.rhai", script);
    let ended = soak(&stage, "4").with(1);
    let summary: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["runs"], &summary["passed"], &summary["failed"]), (&4.into(), &3.into(), &1.into()));
    assert_eq!(summary["failures"][0]["seed"], 3);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn what_only_one_cluster_can_have_is_refused_before_the_first_run() {
    let Some(stage) = Stage::new("") else { return };
    stage.place.write("s.rhai", "");
    let fixed = "network: { subnet: 10.9.0.0/24 }\n";
    let port = TWO.replace("n1: { ", "n1: { ports: { 15432: 80 }, ");
    let name = TWO.replace("n2: { ", "n2: { container_name: mine, ");
    for (cluster, what) in [
        (format!("{TWO}{fixed}"), "the cluster file fixes the subnet 10.9.0.0/24"),
        (port, "n1 publishes the port 15432"),
        (name, "n2 is always called `mine`"),
    ] {
        stage.place.write("blockade.yaml", &cluster);
        let ended = soak(&stage, "2").with(2);
        assert!(ended.stderr.contains(what), "{}", ended.stderr);
        assert_eq!(stage.left(), [""; 0]);
    }
}
