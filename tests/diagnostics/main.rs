//! Whatever is wrong with a script or a cluster file is told whole: the message, the place with its caret, the help
//! and the exit code, as a user of the binary sees them.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod config;
mod in_vain;
mod limits;
mod names;
mod shaping;
mod syntax;
mod tasks;
mod values;
mod verdicts;

#[path = "../common/mod.rs"]
mod common;

use common::{Place, THREE};

/// The exit code of planning this script on three nodes, and what it says to the user.
fn told(script: &str) -> String {
    plan(script, THREE)
}

/// The same for a cluster file.
fn config(cluster: &str) -> String {
    plan("note(\"never\")\n", cluster)
}

fn plan(script: &str, cluster: &str) -> String {
    let ended = Place::with(script, cluster).blockade(&["plan", "s.rhai", "--seed", "1"]);
    assert!(!ended.stdout.contains("never"), "{}", ended.stdout);
    format!("exit {}\n{}", ended.code, ended.stderr)
}

#[test]
fn a_missing_file_is_named() {
    let place = Place::with("isolate(\"n1\");", THREE);
    let told = |arguments: &[&str]| {
        let ended = place.blockade(arguments);
        format!("exit {}\n{}", ended.code, ended.stderr)
    };
    insta::assert_snapshot!(told(&["plan", "chaos.rhai"]), @r"
    exit 2
    error: cannot read the script chaos.rhai: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(told(&["plan", "s.rhai", "--config", "cluster.yaml"]), @r"
    exit 2
    error: there is no file cluster.yaml, which --config names
    ");
    std::fs::remove_file(place.path().join("s.yaml")).unwrap();
    insta::assert_snapshot!(told(&["plan", "s.rhai"]), @r"
    exit 2
    error: there is no cluster file: looked for s.yaml, blockade.yaml, blockade.yml
    help: write one, or name it with --config
    ");
}
