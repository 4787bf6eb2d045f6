//! Addresses: nodes keep theirs, and rules follow the containers that do not.

use super::clusters::{TALKERS, THREE};
use super::common::docker::IMAGE;
use super::common::until;
use super::stage::Stage;

fn addresses(stage: &Stage, node: &str) -> String {
    // As the kernel has them, in the node itself.
    let shown = stage.inside(node, &["ip", "-o", "addr", "show", "dev", "eth0", "scope", "global"]).with(0).stdout;
    let words = shown.split_whitespace().filter(|word| word.contains('/'));
    let mut words: Vec<_> = words.map(str::to_owned).collect();
    words.sort();
    words.join(" ")
}

#[test]
fn a_node_keeps_its_addresses_over_stop_start_restart_and_kill() {
    let Some(stage) = Stage::up(THREE) else { return };
    let (before, told) = (addresses(&stage, "n1"), (stage.ip("n1"), stage.ip6("n1")));
    assert!(before.contains(&told.0) && before.contains(&told.1), "{before} {told:?}");
    // While it is down others take what is free.
    stage.says(&["stop", "n1", "n2"]);
    stage.container_beside("greedy", &["--network", &format!("{}_net", stage.name), IMAGE]);
    stage.says(&["start", "n2"]);
    stage.says(&["start", "n1"]);
    assert_eq!(addresses(&stage, "n1"), before);
    stage.says(&["restart", "n1"]);
    assert_eq!(addresses(&stage, "n1"), before);
    stage.says(&["kill", "n1"]);
    stage.says(&["start", "n1"]);
    assert_eq!(addresses(&stage, "n1"), before);
    stage.docker(&["restart", "-t", "1", &stage.container("n1")]);
    assert_eq!(addresses(&stage, "n1"), before);
    assert_eq!((stage.ip("n1"), stage.ip6("n1")), told);
}

/// Three containers that somebody else made, taken in; their names in the cluster and their network.
fn adopted(stage: &Stage) -> ([String; 3], String) {
    let network = stage.network_beside("net", &["--subnet", &stage.free_subnet()]);
    let run = |name: &str| {
        stage.container_beside(name, &["--network", &network, "--stop-timeout", "1", IMAGE, "talker", "7000"])
    };
    let names = ["a", "b", "c"].map(run);
    stage.says(&["add", &names[0], &names[1], &names[2]]);
    (names, network)
}

fn address_in(stage: &Stage, container: &str, network: &str) -> String {
    stage.inspect(container, &format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}"))
}

#[test]
fn rules_follow_two_containers_that_restart_and_swap_their_addresses() {
    let Some(stage) = Stage::new("") else { return };
    std::fs::remove_file(stage.place.path().join("blockade.yaml")).unwrap();
    let ([a, b, c], network) = adopted(&stage);
    let [ip_a, ip_b, ip_c] = [&a, &b, &c].map(|name| address_in(&stage, name, &network));
    stage.says(&["partition", &a]);
    stage.container_hears(&a, &[], &[&ip_c]);
    stage.container_hears(&b, &[&ip_c], &[]);
    for name in [&a, &b] {
        stage.docker(&["stop", name]);
        stage.docker(&["network", "disconnect", &network, name]);
    }
    for (name, ip) in [(&b, &ip_a), (&a, &ip_b)] {
        stage.docker(&["network", "connect", "--ip", ip, &network, name]);
        stage.docker(&["start", name]);
    }
    until("status knows them", || stage.ip(&a) == ip_b && stage.ip(&b) == ip_a);
    assert_eq!([address_in(&stage, &a, &network), address_in(&stage, &b, &network)], [ip_b.clone(), ip_a.clone()]);
    // a is still alone, and b is still not.
    stage.container_hears(&a, &[], &[&ip_c]);
    stage.container_hears(&c, &[&ip_a], &[&ip_b]);
    stage.container_hears(&b, &[&ip_c], &[]);
    stage.says(&["join"]);
    stage.container_hears(&a, &[&ip_c], &[]);
}

#[test]
fn a_container_that_was_taken_in_restarts_under_its_faults_and_status_tells_the_gap() {
    let Some(stage) = Stage::new("") else { return };
    std::fs::remove_file(stage.place.path().join("blockade.yaml")).unwrap();
    let ([a, _, c], network) = adopted(&stage);
    stage.says(&["partition", &a]);
    assert!(stage.status(&a).get("gap_us").is_none_or(serde_json::Value::is_null));
    stage.docker(&["restart", &a]);
    until("the gap is known", || stage.status(&a)["gap_us"].is_u64());
    let gap_us = stage.status(&a)["gap_us"].as_u64().unwrap();
    assert!((1..10_000_000).contains(&gap_us), "{gap_us}");
    stage.container_hears(&a, &[], &[&address_in(&stage, &c, &network)]);
}

#[test]
fn containers_that_were_taken_in_are_healed_and_left_by_destroy() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let ([a, b, c], network) = adopted(&stage);
    assert_eq!(stage.json(&["status"]).as_array().unwrap().len(), 6);
    stage.says(&["partition", &a]);
    let ip_b = address_in(&stage, &b, &network);
    stage.container_hears(&a, &[], &[&ip_b]);
    stage.says(&["destroy"]);
    stage.container_hears(&a, &[&ip_b], &[]);
    let mut left = stage.left();
    left.sort();
    assert_eq!(left, [a, b, c, network]);
}

#[test]
fn one_unknown_container_among_known_ones_and_none_is_taken_in() {
    let Some(stage) = Stage::up(THREE) else { return };
    let known = stage.container_beside("known", &["--network", "none", IMAGE]);
    let ended = stage.run(&["add", &known, "no-such-container", "nor-this"]).with(2);
    assert!(ended.stderr.contains("no-such-container") && ended.stderr.contains("nor-this"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(&known), "{}", ended.stderr);
    assert_eq!(stage.json(&["status"]).as_array().unwrap().len(), 3);
}

#[test]
fn one_that_cannot_be_taken_in_among_others_and_the_cluster_is_still_followed() {
    let Some(stage) = Stage::up(THREE) else { return };
    let good = stage.container_beside("good", &[IMAGE]);
    let of_the_host = stage.container_beside("host", &["--network", "host", IMAGE]);
    let ended = stage.run(&["add", &good, &of_the_host]).with(2);
    assert!(ended.stderr.contains("the host's own network"), "{}", ended.stderr);
    assert_eq!(stage.json(&["status"]).as_array().unwrap().len(), 3);
    stage.docker(&["kill", &stage.container("n1")]);
    until("status tells it", || stage.status("n1")["status"] == "DOWN");
    stage.says(&["add", &good]);
    assert_eq!(stage.status(&good)["status"], "UP");
}

#[test]
fn one_that_was_taken_in_and_is_removed_hinders_neither_healing_nor_the_end() {
    let Some(stage) = Stage::up(THREE) else { return };
    let other = stage.container_beside("other", &[IMAGE]);
    stage.says(&["add", &other]);
    stage.says(&["stop", &other]);
    stage.docker(&["rm", &other]);
    until("status tells it", || stage.status(&other)["status"] == "MISSING");
    let refused = stage.run(&["start", &other]).with(2);
    assert!(refused.stderr.contains("somebody removed it"), "{}", refused.stderr);
    stage.says(&["partition", &other]);
    stage.says(&["heal"]);
    assert_eq!(stage.json(&["faults"]).as_array().unwrap().len(), 0);
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}
