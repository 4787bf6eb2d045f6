//! What the nodes of a standing cluster wrote, for the folder of a run that took place there: they go on writing, and
//! where they are removed one day, so is what they wrote. Nodes of a run's own write into its folder themselves.

use super::attach::Attached;
use crate::engine::{Command, Port, Reply};
use crate::runtime::LOG_LINES_KEPT;
use crate::{Error, Result};
use std::path::Path;
use std::time::Duration;

/// How long it may take to read all of them.
const WITHIN: Duration = Duration::from_secs(10);

/// Copies the end of each node's log to `logs/<node>.log` in the folder, also of nodes that were added meanwhile. A
/// cluster that is gone has none left to give.
pub(super) fn keep(attached: &Attached, folder: &Path) -> Result<()> {
    if attached.port.loss().is_some() {
        return Ok(());
    }
    let too_long = || Error::machine(format!("the nodes' logs could not be read within {} s", WITHIN.as_secs()));
    let copied = async { tokio::time::timeout(WITHIN, copy(attached, folder)).await.map_err(|_| too_long())? };
    attached.tokio.block_on(copied)
}

async fn copy(attached: &Attached, folder: &Path) -> Result<()> {
    let nodes = match attached.port.call("engine", Command::Status).await? {
        Reply::Status(nodes) => nodes,
        other => return Err(other.odd()),
    };
    for node in nodes.into_iter().map(|status| status.name) {
        let read = Command::Logs { node: node.clone(), last: Some(LOG_LINES_KEPT) };
        match attached.port.call("engine", read).await? {
            Reply::Logs(text) => write(&folder.join("logs"), &node, &text)?,
            other => return Err(other.odd()),
        }
    }
    Ok(())
}

fn write(logs: &Path, node: &str, text: &str) -> Result<()> {
    let path = logs.join(format!("{node}.log"));
    let written = std::fs::create_dir_all(logs).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| Error::machine(format!("cannot write {}: {error}", path.display())))
}
