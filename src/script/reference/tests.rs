//! Nothing is without its description, and every example runs.

use super::*;
use crate::diagnostic::Severity;
use crate::run;
use crate::script::Script;
use std::collections::{BTreeMap, BTreeSet};

/// Arguments that are quantities: what they mean must say units or ranges.
const QUANTITIES: [&str; 15] = [
    "delay", "loss", "p", "rate", "how", "duration", "timeout", "time", "mean", "low", "high", "port", "count",
    "options", "request",
];

fn all() -> impl Iterator<Item = &'static Reference> {
    GROUPS.iter().flat_map(|group| group.functions)
}

#[test]
fn every_function_is_described_once() {
    let mut described: BTreeMap<&str, usize> = BTreeMap::new();
    all().for_each(|function| *described.entry(function.name).or_default() += 1);
    let named: BTreeMap<&str, usize> = BUILTINS.iter().map(|builtin| (builtin.name, 1)).collect();
    assert_eq!(described, named);
}

#[test]
fn nothing_is_left_empty() {
    for function in all() {
        let texts = [function.text, function.returns, function.example];
        assert!(texts.iter().all(|text| !text.trim().is_empty()), "{}", function.name);
        assert!(function.text.ends_with('.') && !function.returns.ends_with('.'), "{}", function.name);
        assert!(function.example.contains(&format!("{}(", function.name)), "{}: not in its example", function.name);
    }
}

#[test]
fn every_argument_is_explained_and_no_other() {
    for function in all() {
        let parameters: BTreeSet<&str> = function.forms().flat_map(Builtin::parameters).collect();
        let explained: BTreeSet<&str> = function.takes.iter().map(|(name, _)| *name).collect();
        assert_eq!(explained, parameters, "{}", function.name);
    }
}

#[test]
fn quantities_have_units_or_ranges() {
    for function in all() {
        for (name, meaning) in function.takes.iter().filter(|(name, _)| QUANTITIES.contains(name)) {
            let says = ["unit", " to ", "integer", "list", "same", "duration", "0 or more", "a map"];
            assert!(says.iter().any(|word| meaning.contains(word)), "{}: {name}: {meaning}", function.name);
        }
    }
}

#[test]
fn every_line_of_an_example_fits_80_columns() {
    for line in all().flat_map(|function| function.example.lines()) {
        assert!(line.chars().count() <= 76, "{line}");
    }
}

#[test]
fn every_example_is_found_right_by_the_check() {
    let nodes = ["n1", "n2", "n3"].map(str::to_owned);
    for function in all() {
        let script = Script::compile(function.name, function.example).unwrap();
        let errors: Vec<_> = script
            .check(Some(&nodes))
            .into_iter()
            .filter(|one| one.severity == Severity::Error)
            .map(|one| one.render(false))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
    }
}

#[test]
fn the_definition_files_name_every_function_and_have_a_form() {
    let files = definition_files().unwrap();
    assert!(files.iter().all(|(name, text)| name.ends_with(".d.rhai") && text.lines().count() > 3), "{files:?}");
    let (_, ours) = files.iter().find(|(name, _)| name == "blockade.d.rhai").unwrap();
    for builtin in BUILTINS {
        assert!(ours.contains(&format!("\nfn {}(", builtin.name)), "{}", builtin.signature);
    }
    // A definition is a function without a body: with one, Rhai itself must take each of them.
    let as_script: String = ours
        .lines()
        .skip(1)
        .map(|line| match line.strip_prefix("fn ") {
            Some(rest) => format!("fn {} {{}}\n", rest.trim_end_matches(" -> ?;").replace(": ?", "")),
            None => format!("{line}\n"),
        })
        .collect();
    let functions = doc_comments::functions("blockade", &as_script).unwrap();
    assert_eq!(functions.len(), BUILTINS.len());
    assert!(functions.iter().all(|function| function.comment.len() > 4), "each with its comment");
}

/// A run of a script on a simulated cluster of n1, n2 and n3.
fn simulated(name: &str, text: &str) -> run::Outcome {
    let settings = run::Settings::simulated(Script::compile(name, text).unwrap(), "nodes: { n1: , n2: , n3: }");
    run::run(settings, Vec::new()).unwrap()
}

#[test]
fn every_example_passes_on_three_nodes() {
    for function in all() {
        let outcome = simulated(function.name, function.example);
        let told: Vec<String> =
            outcome.error.iter().flat_map(|error| &error.diagnostics).map(|d| d.render(false)).collect();
        assert_eq!(outcome.exit_code(), 0, "{}: {:?}\n{}", function.name, outcome.error, told.join("\n"));
    }
}
