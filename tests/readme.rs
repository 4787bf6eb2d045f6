//! The README's own examples run as they stand there.

mod common;

use common::Place;

/// The text of the first fenced block of this kind.
fn block(kind: &str) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let fence = format!("```{kind}\n");
    let start = readme.find(&fence).unwrap_or_else(|| panic!("the README has no {kind} block")) + fence.len();
    let length = readme[start..].find("```").expect("a closed block");
    readme[start..start + length].to_owned()
}

fn first() -> Place {
    let place = Place::new();
    place.write("first.rhai", &block("rhai"));
    place.write("first.yaml", &block("yaml"));
    place
}

#[test]
fn the_first_script_is_planned() {
    let planned = first().blockade(&["plan", "first.rhai", "--seed", "7"]).with(0);
    assert!(planned.stdout.contains("partition {n1} | {n2, n3}"), "{}", planned.stdout);
}

#[test]
fn the_first_script_runs_and_the_cluster_stays_where_it_is_told_to() {
    if !common::namespaces(common::User::Ours) {
        return;
    }
    let place = first();
    place.blockade(&["run", "first.rhai", "--seed", "7"]).with(0);
    place.blockade(&["-c", "first.yaml", "up"]).with(0);
    place.blockade(&["partition", "n1", "n2,n3"]).with(0);
    place.blockade(&["one-way", "n1", "n2", "--for", "30s"]).with(0);
    let status = place.blockade(&["status"]).with(0);
    assert!(status.stdout.contains("n3") && status.stdout.contains("UP"), "{}", status.stdout);
    place.blockade(&["join"]).with(0);
    place.blockade(&["run", "first.rhai", "--attach", "--seed", "7"]).with(0);
    place.blockade(&["destroy"]).with(0);
}

#[test]
fn every_command_that_the_readme_names_exists() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let place = Place::new();
    let named = readme.split('`').flat_map(str::lines).filter_map(|text| text.trim().strip_prefix("blockade "));
    let commands: std::collections::BTreeSet<&str> = named
        .filter_map(|rest| rest.split_whitespace().find(|word| !word.starts_with('-') && !word.contains('.')))
        .collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        place.blockade(&[command, "--help"]).with(0);
    }
}
