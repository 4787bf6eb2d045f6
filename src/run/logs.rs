//! What the nodes of a standing cluster wrote, for the folder of a run that took place there: they go on writing, and
//! where they are removed one day, so is what they wrote. Nodes of a run's own write into its folder themselves.

use super::attach::Attached;
use crate::engine::{Command, Port, Reply};
use crate::{Error, Result};
use std::path::Path;
use std::time::Duration;

/// How many lines of each node.
const LINES: usize = 10_000;
/// How long one may take to be read.
const WITHIN: Duration = Duration::from_secs(5);

/// Copies the end of each node's log to `logs/<node>.log` in the folder, also of nodes that were added meanwhile. A log
/// that cannot be read says why there, and fails no run; a cluster that is gone has none left to give.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn keep(attached: &Attached, folder: &Path) -> Result<()> {
    attached.tokio.block_on(async {
        let Ok(Reply::Status(nodes)) = asked(attached, Command::Status).await else { return Ok(()) };
        for node in nodes.into_iter().map(|status| status.name) {
            let text = read(attached, &node).await;
            if attached.port.loss().is_some() {
                break;
            }
            write(&folder.join("logs"), &node, &text)?;
        }
        Ok(())
    })
}

async fn read(attached: &Attached, node: &str) -> String {
    match asked(attached, Command::Logs { node: node.to_owned(), last: Some(LINES) }).await {
        Ok(Reply::Logs(text)) => text,
        Ok(other) => untold(&other.odd()),
        Err(error) => untold(&error),
    }
}

async fn asked(attached: &Attached, command: Command) -> Result<Reply> {
    let asked = tokio::time::timeout(WITHIN, attached.port.call("engine", command)).await;
    asked.unwrap_or_else(|_| Err(Error::machine(format!("the cluster took more than {} s", WITHIN.as_secs()))))
}

fn untold(error: &Error) -> String {
    format!("[blockade: this log could not be read: {error}]\n")
}

fn write(logs: &Path, node: &str, text: &str) -> Result<()> {
    let path = logs.join(format!("{node}.log"));
    let written = std::fs::create_dir_all(logs).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| Error::machine(format!("cannot write {}: {error}", path.display())))
}
