//! The Redis scenario against real servers: what Redis acknowledged on the wrong side of a cut is lost.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, User, namespaces, skip};

/// How many writes the client on the old primary's side was told are stored, and how many of them are lost.
fn lost(more: &[&str]) -> (u64, u64) {
    let place = Place::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/redis_sentinel.rhai");
    let ended = place.blockade(&[&["run", script, "--seed", "1", "--out", "out"], more].concat()).with(1);
    assert!(ended.stderr.starts_with("error: acknowledged writes are lost: "), "{}", ended.stderr);
    let journal = place.lines("out/journal.jsonl");
    let notes: Vec<&str> = journal.iter().filter_map(|event| event["message"].as_str()).collect();
    let note = notes.iter().find(|note| note.starts_with("c1, beside the old primary: ")).unwrap();
    let numbers: Vec<u64> = note.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [acknowledged, lost] = numbers[..] else { panic!("{note}") };
    (acknowledged, lost)
}

fn installed(program: &str) -> bool {
    let found = std::process::Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    found.is_ok_and(|output| output.status.success())
}

#[test]
fn redis_loses_acknowledged_writes_and_far_fewer_where_a_replica_must_follow() {
    if !["redis-server", "redis-cli"].into_iter().all(installed) {
        skip("redis-server and redis-cli are not installed");
        return;
    }
    if !namespaces(User::Ours) {
        return;
    }
    let (plain, careful) = std::thread::scope(|scope| {
        let plain = scope.spawn(|| lost(&[]));
        let careful = scope.spawn(|| lost(&["--set", "min_replicas=1"]));
        (plain.join().unwrap(), careful.join().unwrap())
    });
    assert!(plain.0 > 100 && careful.0 > 100, "{plain:?} {careful:?}");
    // The cut lasts ten seconds; a replica that must have followed within one leaves far fewer to lose.
    assert!(plain.1 >= 100 && careful.1 * 2 < plain.1, "{plain:?} {careful:?}");
}
