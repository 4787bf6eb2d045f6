//! `events`: the audit trail of a cluster, which need not be up.

use super::{Shown, show};
use crate::cli::place::Place;
use crate::supervisor::{Entry, Status};
use crate::{Error, Result};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Shows what was done to the cluster.
#[derive(Debug, Args)]
pub struct Events {
    /// Print them as JSON: {"events": […]}
    #[arg(long)]
    json: bool,
    /// Write them to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Events {
    pub(super) fn run(&self, place: &Place) -> Result<Shown> {
        let folder = place.folder()?;
        let audit = folder.audit();
        let (entries, torn) = audit.read()?;
        let mut shown = match &entries[..] {
            entries if self.json => show::json(&json!({ "events": entries }))?,
            [] => Shown::message(&format!("nothing was ever done to a cluster `{}` here", folder.name())),
            entries => Shown::results(table(entries)),
        };
        if torn > 0 {
            let path = audit.path().display();
            let warning = format!("warning: {torn} lines of {path} are no entries, torn by a crash perhaps\n");
            shown.messages.push_str(&warning);
        }
        match &self.output {
            None => Ok(shown),
            Some(path) => {
                let text = std::mem::take(&mut shown.results);
                std::fs::write(path, text)
                    .map_err(|error| Error::usage(format!("cannot write {}: {error}", path.display())))?;
                Ok(shown)
            }
        }
    }
}

fn table(entries: &[Entry]) -> String {
    let row = |entry: &Entry| {
        let status = match entry.status {
            Status::Success => "Success",
            Status::Failed => "Failed",
        };
        let targets: Vec<String> = entry.targets.iter().map(target).collect();
        let message = entry.message.split_whitespace().collect::<Vec<_>>().join(" ");
        [entry.event.clone(), targets.join(" "), status.to_owned(), entry.timestamp.clone(), message]
    };
    show::table(&["EVENT", "TARGET", "STATUS", "TIME", "MESSAGE"], entries.iter().map(row))
}

/// A node or a fault by its name, a group of a partition with commas as the command line takes it.
fn target(value: &Value) -> String {
    match value {
        Value::String(name) => name.clone(),
        Value::Array(group) => group.iter().map(target).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
