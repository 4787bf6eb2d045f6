//! `start`, `restart` and `resume`: what is done to nodes without being a fault.

use super::targets::Targets;
use super::{Format, Remote, Shown, show};
use crate::Result;
use crate::engine::{Command, NodeAction, NodeStatus, Reply};
use clap::Args;

/// Does something to nodes and shows them.
#[derive(Debug, Args)]
pub struct Act {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    format: Format,
}

impl Act {
    pub(super) async fn run(self, remote: &Remote, action: NodeAction) -> Result<Shown> {
        let (nodes, told) = self.targets.resolve(remote.cluster())?;
        remote.call(Command::Node { action, nodes: nodes.clone() }).await?;
        let lines = match remote.call(Command::Status).await? {
            Reply::Status(lines) => lines,
            other => return Err(other.odd()),
        };
        let lines: Vec<NodeStatus> = lines.into_iter().filter(|line| nodes.contains(&line.name)).collect();
        Ok(Shown { messages: told, ..show::status(&lines, self.format)? })
    }
}
