//! Fifty containers.

use super::stage::Stage;
use std::collections::BTreeSet;

const NODES: usize = 50;
const CLUSTER: &str = "containers:\n  n: { image: 'blockade-test:1', command: talker 7000, count: 50 }\n";

type Side<'a> = &'a (dyn Fn(usize) -> bool + Sync);

/// Fails unless each of these nodes hears those of its own side and no other, some of them asked at once.
fn each_hears_its_side(stage: &Stage, asked: &[usize], addresses: &[String], side: Side) {
    let check = |node: usize| {
        let place = |same: bool| (0..NODES).filter(move |other| (side(*other) == side(node)) == same);
        let [same, others] = [true, false].map(|same| place(same).map(|other| &*addresses[other]).collect::<Vec<_>>());
        stage.hears(&format!("n_{}", node + 1), &same, &others);
    };
    std::thread::scope(|scope| {
        for few in asked.chunks(5) {
            scope.spawn(|| few.iter().copied().for_each(check));
        }
    });
}

#[test]
fn fifty_containers_are_cut_in_halves_and_otherwise_and_joined() {
    let Some(stage) = Stage::up(CLUSTER) else { return };
    let lines = stage.json(&["status"]);
    let addresses: Vec<_> =
        lines.as_array().unwrap().iter().map(|line| line["ip_address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), NODES);
    let group = |side: Side| {
        (0..NODES).filter(|node| side(*node)).map(|node| format!("n_{}", node + 1)).collect::<Vec<_>>().join(",")
    };
    let everybody: Vec<usize> = (0..NODES).collect();
    let few = [0, 1, 24, 25, 48, 49];
    let cuts: [(&[usize], Side); 2] = [(&everybody, &|node| node < NODES / 2), (&few, &|node| node % 2 == 0)];
    for (asked, side) in cuts {
        stage.says(&["partition", &group(side), &group(&|node| !side(node))]);
        each_hears_its_side(&stage, asked, &addresses, side);
    }
    stage.says(&["join"]);
    each_hears_its_side(&stage, &few, &addresses, &|_| true);
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}
