//! `blockade check`: what is wrong with scripts, without running them.

use super::place::Place;
use super::report;
use super::setup;
use crate::cluster::{self, RuntimeKind};
use crate::diagnostic::{Diagnostic, Severity};
use crate::script::Script;
use crate::text::without_dots;
use crate::words::counted;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Finds what is wrong with scripts, without running anything.
///
/// Unknown functions, nodes and modules, wrong numbers of arguments, faults that are never healed by name, a check()
/// that is never reached, clients that never wait. All problems of all scripts are told; errors end with exit code 2,
/// warnings alone with 0. Nodes are looked up in the script's cluster file, as `run` finds it; without one they are not
/// checked.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The scripts
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// Give the cluster files a parameter; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setup::parameter)]
    params: Vec<(String, String)>,
    /// Print the problems as JSON: a list of file, line, column, severity, message and help
    #[arg(long)]
    json: bool,
}

/// Checks all scripts; the exit code.
pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let params: BTreeMap<String, String> = args.params.iter().cloned().collect();
    let mut problems = Problems::default();
    let mut without_nodes = Vec::new();
    for path in &args.scripts {
        let nodes = nodes(place, path, &params).map_err(|error| problems.add(error, None));
        let Ok(script) = Script::load(path).map_err(|error| problems.add(error, Some(path))) else { continue };
        if nodes == Ok(None) {
            without_nodes.push(path.display().to_string());
        }
        let nodes = nodes.unwrap_or_default();
        script.check(nodes.as_deref()).into_iter().for_each(|found| problems.add_at(found));
    }
    if !args.json {
        problems.tell();
    }
    if !without_nodes.is_empty() {
        report::message(&format!("no cluster file: nodes are not checked in {}", without_nodes.join(", ")));
    }
    if args.json {
        report::json(&problems.as_json())?;
    } else {
        report::line(&problems.summary(args.scripts.len()));
    }
    Ok(if problems.count(Severity::Error) > 0 { 2 } else { 0 })
}

/// The nodes of a script's cluster; none where it has no cluster file.
fn nodes(place: &Place, script: &Path, params: &BTreeMap<String, String>) -> Result<Option<Vec<String>>> {
    if place.config.is_none() && cluster::find(Some(script), None).is_err() {
        return Ok(None);
    }
    // Planned, not run: the subnets of this machine's networks do not matter.
    let (cluster, _) = place.load(Some(script), 0, params, Some(RuntimeKind::Sim))?;
    Ok(Some(cluster.nodes.into_iter().map(|node| node.name).collect()))
}

/// One that has a place in a file, or one of a file as a whole.
enum Problem {
    At(Diagnostic),
    Of { file: Option<PathBuf>, error: Error },
}

/// All problems, each once: several scripts may have a cluster file or a module in common.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, error: Error, file: Option<&Path>) {
        if !error.diagnostics.is_empty() {
            return error.diagnostics.into_iter().for_each(|found| self.add_at(found));
        }
        let is_told = |problem: &Problem| matches!(problem, Problem::Of { error: told, .. } if *told == error);
        if !self.0.iter().any(is_told) {
            self.0.push(Problem::Of { file: file.map(Path::to_path_buf), error });
        }
    }

    /// What is a warning to one script and an error to another is an error.
    fn add_at(&mut self, found: Diagnostic) {
        let key = |one: &Diagnostic| (without_dots(Path::new(&one.file)), one.span.clone(), one.message.clone());
        let told = self.0.iter_mut().find_map(|problem| match problem {
            Problem::At(told) if key(told) == key(&found) => Some(told),
            _ => None,
        });
        match told {
            Some(told) if found.severity == Severity::Error => *told = found,
            Some(_) => {}
            None => self.0.push(Problem::At(found)),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        let is_such = |problem: &&Problem| match problem {
            Problem::At(found) => found.severity == severity,
            Problem::Of { .. } => severity == Severity::Error,
        };
        self.0.iter().filter(is_such).count()
    }

    fn tell(&self) {
        self.0.iter().for_each(|problem| match problem {
            Problem::At(found) => report::diagnostic(found),
            Problem::Of { error, .. } => report::error(error),
        });
    }

    /// Its keys are an interface.
    fn as_json(&self) -> Vec<Value> {
        let told = self.0.iter().map(|problem| match problem {
            Problem::At(found) => json!({
                "file": found.file, "line": found.line, "column": found.column,
                "severity": found.severity, "message": found.message, "help": found.help,
            }),
            Problem::Of { file, error } => json!({
                "file": file, "line": null, "column": null,
                "severity": Severity::Error, "message": error.message, "help": error.help,
            }),
        });
        told.collect()
    }

    fn summary(&self, scripts: usize) -> String {
        let errors = counted(self.count(Severity::Error), "error");
        let warnings = counted(self.count(Severity::Warning), "warning");
        format!("{} checked: {errors}, {warnings}", counted(scripts, "script"))
    }
}
