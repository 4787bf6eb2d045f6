//! `add`: containers that others started become nodes.

use super::{Format, Remote, Shown, show, unless_interrupted};
use crate::Result;
use crate::cli::place::Place;
use crate::engine::{Command, NodeStatus, Reply};
use crate::supervisor;
use clap::Args;

/// Takes in containers.
#[derive(Debug, Args)]
pub struct Add {
    /// Containers, by name or id
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
    #[command(flatten)]
    format: Format,
}

impl Add {
    /// Takes them into the cluster that is up; where none is, into one of such containers alone.
    pub(super) async fn run(self, place: &Place, is_new: bool) -> Result<Shown> {
        let folder = place.folder()?;
        let shown = match supervisor::connect(&folder, None).await {
            Ok(connection) if is_new => unless_interrupted(self.take_in(&Remote(connection))).await,
            Ok(connection) => self.take_in(&Remote(connection)).await,
            Err(error) => Err(error),
        };
        if shown.is_err() && is_new {
            // The error of what was wanted is the one to tell.
            let _removed = supervisor::abandon(&folder).await;
        }
        shown
    }

    async fn take_in(self, remote: &Remote) -> Result<Shown> {
        let added = match remote.call(Command::Add { containers: self.containers }).await? {
            Reply::Added(added) => added,
            other => return Err(other.odd()),
        };
        let lines = match remote.call(Command::Status).await? {
            Reply::Status(lines) => lines,
            other => return Err(other.odd()),
        };
        let lines: Vec<NodeStatus> = lines.into_iter().filter(|line| added.contains(&line.name)).collect();
        show::status(&lines, self.format)
    }
}

/// Where no cluster of this name is, starts one without nodes, for containers to come. Says whether it did.
pub(super) fn start(place: &Place) -> Result<bool> {
    let folder = place.folder()?;
    if !folder.is_free()? {
        return Ok(false);
    }
    supervisor::start_without_nodes(&folder, place.debug, supervisor::interrupted()).map(|()| true)
}
