//! `blockade check`: what is wrong with scripts, without running them.

use super::place::Place;
use super::report;
use super::setup;
use crate::cluster::{self, RuntimeKind};
use crate::diagnostic::Severity;
use crate::script::Script;
use crate::{Error, Result};
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
}

/// How many problems there were.
#[derive(Default)]
struct Count {
    errors: usize,
    warnings: usize,
}

/// Checks all scripts; the exit code.
pub(super) fn main(place: &Place, args: &Args) -> u8 {
    let params: BTreeMap<String, String> = args.params.iter().cloned().collect();
    let mut count = Count::default();
    let mut told: Vec<Error> = Vec::new();
    let mut without_nodes = Vec::new();
    for path in &args.scripts {
        let nodes = nodes(place, path, &params).map_err(|error| count.tell(&error, &mut told));
        let Ok(script) = Script::load(path).map_err(|error| count.tell(&error, &mut told)) else { continue };
        if nodes == Ok(None) {
            without_nodes.push(path.display().to_string());
        }
        let nodes = nodes.unwrap_or_default();
        for diagnostic in script.check(nodes.as_deref()) {
            report::diagnostic(&diagnostic);
            count.add(diagnostic.severity);
        }
    }
    if !without_nodes.is_empty() {
        report::message(&format!("no cluster file: nodes are not checked in {}", without_nodes.join(", ")));
    }
    report::line(&count.summary(args.scripts.len()));
    if count.errors > 0 { 2 } else { 0 }
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

impl Count {
    fn add(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
    }

    /// An error of a file, told once where several scripts have it in common.
    fn tell(&mut self, error: &Error, told: &mut Vec<Error>) {
        if !told.contains(error) {
            report::error(error);
            self.errors += error.diagnostics.len().max(1);
            told.push(error.clone());
        }
    }

    fn summary(&self, scripts: usize) -> String {
        let some = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (errors, warnings) = (some(self.errors, "error"), some(self.warnings, "warning"));
        format!("{} checked: {errors}, {warnings}", some(scripts, "script"))
    }
}
