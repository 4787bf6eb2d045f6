//! The two commands that the README begins with, as a reader types them.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place, User, namespaces};
use serde_json::Value;

const SEEDS: [&str; 2] = ["1", "2"];

/// Runs the quickstart for this seed in a folder of its own.
fn quickstart(place: &Place, seed: &str, more: &[&str]) -> Ended {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/quickstart.rhai");
    place.blockade(&[&["run", script, "--seed", seed, "--out", seed], more].concat())
}

#[test]
fn the_store_keeps_what_it_acknowledged() {
    if !namespaces(User::Ours) {
        return;
    }
    std::thread::scope(|scope| {
        for seed in SEEDS {
            scope.spawn(move || {
                let place = Place::new();
                let ended = quickstart(&place, seed, &[]).with(0);
                assert!(ended.stdout.starts_with(&format!("seed {seed}\n")), "{}", ended.stdout);
                assert!(ended.stdout.contains(&format!("\nPASS: seed {seed}, 7 faults, ")), "{}", ended.stdout);
                // A client that was told nothing but `no` would prove nothing.
                let journal = place.lines(&format!("{seed}/journal.jsonl"));
                let note = journal.iter().rev().find(|event| event["kind"] == "note").unwrap()["message"].to_string();
                let acknowledged: usize = note[1..].split(' ').next().unwrap().parse().unwrap();
                assert!(acknowledged >= 10, "{note}");
            });
        }
    });
}

#[test]
fn acknowledged_early_writes_are_lost_and_the_run_says_which_and_how_to_see_it_again() {
    if !namespaces(User::Ours) {
        return;
    }
    let ends: Vec<(Ended, Value)> = std::thread::scope(|scope| {
        let runs: Vec<_> = SEEDS
            .map(|seed| {
                scope.spawn(move || {
                    let place = Place::new();
                    let ended = quickstart(&place, seed, &["--set", "acks=one"]);
                    let result = serde_json::from_str(&place.read(&format!("{seed}/result.json"))).unwrap();
                    (ended, result)
                })
            })
            .into_iter()
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut failed = ends.iter().filter(|(ended, _)| ended.code == 1).peekable();
    assert!(failed.peek().is_some(), "{ends:#?}");
    for (ended, result) in failed {
        assert!(ended.stderr.starts_with("error: acknowledged writes are lost: "), "{}", ended.stderr);
        let replay = format!("quickstart.rhai --seed {} --set acks=one\n", result["seed"]);
        assert!(ended.stderr.replace('\'', "").contains(&replay), "{}", ended.stderr);
        let signature = result["failure"]["signature"].as_str().unwrap();
        assert!(signature.ends_with(": acknowledged writes are lost: # of #, from value # to value #"), "{signature}");
    }
}
