//! Faults by one-shot commands: they stand until they are healed.

use super::up::{Up, until};
use serde_json::{Value, json};

#[test]
fn a_partition_takes_the_place_of_the_one_in_force() {
    let up = Up::on("sim");
    assert_eq!(up.says(&["partition", "n1,n2", "n3"]), "f1: partition {n1, n2} | {n3}\n");
    assert_eq!(up.says(&["block", "n1", "n2"]), "f2: block n1 → n2\n");
    assert_eq!(up.says(&["partition", "n1"]), "f3: partition {n1}\n");
    insta::assert_snapshot!(up.says(&["faults"]), @"
    ID  FAULT
    f2  block n1 → n2
    f3  partition {n1}
    ");
    insta::assert_snapshot!(up.says(&["status"]), @"
    NODE  CONTAINER ID  STATUS  IP        NETWORK  PARTITION
    n1    c1_n1         UP      10.9.0.2  NORMAL   1
    n2    c1_n2         UP      10.9.0.3  NORMAL   2
    n3    c1_n3         UP      10.9.0.4  NORMAL   2
    ");
    insta::assert_snapshot!(up.says(&["join"]), @"
    healed f2: block n1 → n2
    healed f3: partition {n1}
    ");
    assert_eq!(up.run(&["join"]).with(0).stderr, "nothing to heal\n");
}

#[test]
fn a_node_in_two_groups_belongs_to_both() {
    let up = Up::on("sim");
    assert_eq!(up.says(&["partition", "n1,n2", "n2,n3"]), "f1: partition {n1, n2} | {n2, n3}\n");
}

#[test]
fn every_fault_has_a_line_and_a_value() {
    let up = Up::on("sim");
    let mut lines = String::new();
    for args in [
        &["partition", "n*"][..],
        &["one-way", "n1", "n2,n3"],
        &["block", "world", "n1"],
        &["pause", "n1"],
        &["stop", "n2"],
        &["kill", "n3"],
        &["kill", "--all", "-s", "15"],
    ] {
        lines += &up.says(args);
    }
    insta::assert_snapshot!(lines, @"
    f1: partition {n1, n2, n3}
    f2: one_way n1 → n2, n3
    f3: block world → n1
    f4: pause n1
    f5: stop n2
    f6: kill n3
    f7: kill n1, n2, n3 with SIGTERM
    ");
    let value: Value = serde_json::from_str(&up.says(&["one-way", "n2", "world", "--json"])).unwrap();
    let fault = json!({ "kind": "one_way", "source": ["n2"], "target": ["world"] });
    assert_eq!(value, json!({ "id": "f8", "fault": fault, "keep": false }));
    let all: Value = serde_json::from_str(&up.says(&["heal", "--json"])).unwrap();
    assert_eq!(all.as_array().map(Vec::len), Some(8));
    assert_eq!(up.says(&["faults", "--json"]), "[]\n");
}

#[test]
fn heal_ends_the_faults_it_is_told_and_no_other() {
    let up = Up::on("sim");
    for pair in [["n1", "n2"], ["n2", "n3"], ["n3", "n1"]] {
        up.says(&["block", pair[0], pair[1]]);
    }
    insta::assert_snapshot!(up.says(&["heal", "f1", "f3"]), @"
    healed f1: block n1 → n2
    healed f3: block n3 → n1
    ");
    let again = up.run(&["heal", "f2", "f1"]).with(2);
    insta::assert_snapshot!(again.stderr, @"
    error: no fault f1 is active
    help: `blockade faults` lists them
    ");
    assert_eq!(up.says(&["heal"]), "healed f2: block n2 → n3\n");
}

#[test]
fn a_fault_for_a_time_heals_by_itself_and_others_stand() {
    let up = Up::on("sim");
    up.says(&["block", "n1", "n2", "--for", "1h"]);
    up.says(&["partition", "n3", "--for", "1ms"]);
    until(|| up.says(&["faults"]) == "ID  FAULT\nf1  block n1 → n2\n");
}

#[test]
fn chance_is_told_and_can_be_had_again() {
    let up = Up::on("sim");
    let stopped = up.run(&["stop", "n1", "n2", "--random"]).with(0);
    let seed = stopped.stderr.strip_prefix("seed ").unwrap().trim().to_owned();
    let again = up.says(&["stop", "n1", "n2", "--random", "--seed", &seed]);
    assert_eq!(again.strip_prefix("f2: "), stopped.stdout.strip_prefix("f1: "));
    up.says(&["start", "--all"]);
    assert_eq!(
        up.says(&["partition", "--random", "--seed", "3"]),
        up.says(&["faults"]).replace("ID  FAULT\nf3  ", "f3: ")
    );
}

#[test]
fn a_random_partition_has_from_one_to_as_many_groups_as_nodes_and_one_is_a_join() {
    let up = Up::on("sim");
    let mut counts = std::collections::BTreeSet::new();
    for seed in (0..100).map(|seed: u32| seed.to_string()) {
        let drawn = up.run(&["partition", "-z", "--seed", &seed]).with(0);
        let in_force = up.run(&["faults"]).with(0);
        if drawn.stderr.contains("a single group: no partition") {
            assert_eq!(in_force.stderr, "no faults\n");
            counts.insert(1);
        } else {
            assert_eq!(in_force.stdout.matches("partition").count(), 1);
            counts.insert(drawn.stdout.matches('{').count());
        }
        if counts.len() == 3 {
            break;
        }
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_partition_holds_on_real_nodes_and_leaves_with_its_heal() {
    let up = Up::on("netns");
    // A connection to a port nobody listens on is refused at once where packets travel, and goes nowhere where not.
    let tried = |a: &str, b: &str, within: &str| {
        let line = format!("echo begun; exec 3<>/dev/tcp/{b}/9");
        up.run(&["exec", a, "--timeout", within, "--", "bash", "-c", &line]).with(1)
    };
    let reaches = |a: &str, b: &str| tried(a, b, "20s").stderr.contains("Connection refused");
    let is_cut = |a: &str, b: &str| {
        let mut told = String::new();
        until(|| {
            let ended = tried(a, b, "500ms");
            told = ended.stderr;
            ended.stdout == "begun\n"
        });
        !told.contains("Connection refused")
    };
    assert!(reaches("n1", "n3"));
    up.says(&["partition", "n1,n2", "n3"]);
    assert!(is_cut("n1", "n3") && reaches("n1", "n2"));
    up.says(&["partition", "n1", "n2,n3"]);
    assert!(is_cut("n1", "n3") && is_cut("n1", "n2") && reaches("n2", "n3"));
    up.says(&["join"]);
    assert!(reaches("n1", "n3"));
}
