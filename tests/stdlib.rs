//! The standard library, on the simulator: what each of its functions does, and that each is documented and tested.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "stdlib/documented.rs"]
mod documented;
#[path = "stdlib/ended.rs"]
mod ended;
#[path = "stdlib/exempt.rs"]
mod exempt;
#[path = "stdlib/modules.rs"]
mod modules;
#[path = "stdlib/nemesis.rs"]
mod nemesis;
#[path = "stdlib/servers.rs"]
mod servers;
#[path = "stdlib/swarm.rs"]
mod swarm;
#[path = "stdlib/wait.rs"]
mod wait;

mod common;

use common::{Ended, Place};
use serde_json::Value;

/// Some nodes that do nothing: n1, n2, …
fn cluster(nodes: usize) -> String {
    let node = |number| format!("  n{number}: {{ command: sleep infinity }}\n");
    format!("nodes:\n{}", (1..=nodes).map(node).collect::<String>())
}

/// Plans a script on so many nodes, for many seeds: it must pass for each.
fn holds(nodes: usize, script: &str) {
    holds_on(&cluster(nodes), script);
}

/// The same on this cluster.
fn holds_on(cluster: &str, script: &str) {
    let place = Place::with(script, cluster);
    let ended = place.blockade(&["plan", "s.rhai", "--seeds", "1..10", "--quiet", "--timeout", "10h"]).with(0);
    assert_eq!(ended.stdout, "10 seeds planned, 10 passed (simulated)\n");
}

/// The events of planning a script on so many nodes with one seed.
fn journal(nodes: usize, seed: u64, script: &str) -> Vec<Value> {
    let place = Place::with(script, &cluster(nodes));
    let seed = seed.to_string();
    let arguments = ["plan", "s.rhai", "--json", "--name", "test", "--timeout", "10h", "--seed", &seed];
    let lines = place.blockade(&arguments).with(0).stdout;
    lines.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Those of one kind.
fn of<'a>(journal: &'a [Value], kind: &str) -> Vec<&'a Value> {
    journal.iter().filter(|event| event["kind"] == kind).collect()
}

/// What a script that fails is told, on three nodes.
fn told(script: &str) -> String {
    let Ended { code, stderr, .. } = Place::with(script, &cluster(3)).blockade(&["plan", "s.rhai", "--seed", "1"]);
    format!("exit {code}\n{stderr}")
}

/// That no fault is left active, and every one that was injected was healed.
fn all_healed(journal: &[Value]) -> usize {
    let injected = of(journal, "fault.inject").len();
    assert_eq!(of(journal, "fault.heal").len(), injected);
    injected
}
