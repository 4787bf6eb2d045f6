//! Fifty containers.

use super::stage::Stage;
use std::collections::BTreeSet;

const NODES: usize = 50;
const CLUSTER: &str = "containers:\n  n: { image: 'blockade-test:1', command: talker 7000, count: 50 }\n";

/// Which of all nodes answer each of these, some of them asked at once.
fn rows(stage: &Stage, asked: &[usize], addresses: &[String]) -> Vec<BTreeSet<usize>> {
    let all: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let row = |node: &usize| {
        let answers = stage.answers(&format!("n_{}", node + 1), &all);
        answers
            .split_whitespace()
            .map(|answer| addresses.iter().position(|address| address == answer).unwrap())
            .collect()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            asked.chunks(5).map(|few| scope.spawn(|| few.iter().map(row).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn fifty_containers_are_cut_in_halves_and_otherwise_and_joined() {
    let Some(stage) = Stage::up(CLUSTER) else { return };
    let lines = stage.json(&["status"]);
    let addresses: Vec<_> =
        lines.as_array().unwrap().iter().map(|line| line["ip_address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), NODES);
    let group = |side: &dyn Fn(usize) -> bool| {
        (0..NODES).filter(|node| side(*node)).map(|node| format!("n_{}", node + 1)).collect::<Vec<_>>().join(",")
    };
    let everybody: Vec<usize> = (0..NODES).collect();
    let few = [0, 1, 24, 25, 48, 49];
    for (asked, side) in
        [(everybody.as_slice(), &(|node| node < NODES / 2) as &dyn Fn(usize) -> bool), (&few, &|node| node % 2 == 0)]
    {
        stage.says(&["partition", &group(side), &group(&|node| !side(node))]);
        for (node, row) in asked.iter().zip(rows(&stage, asked, &addresses)) {
            let same: BTreeSet<_> = (0..NODES).filter(|other| side(*other) == side(*node)).collect();
            assert_eq!(row, same, "of node {node}");
        }
    }
    stage.says(&["join"]);
    assert!(rows(&stage, &few, &addresses).iter().all(|row| row.len() == NODES));
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}
