//! What the supervisor writes about its own doings: `supervisor.log` in the cluster's folder, for people who look for
//! the cause of something. It goes with the folder, and stays where a supervisor has died.

use super::folder::ClusterFolder;
use crate::{Error, Result};
use std::fs::File;
use std::sync::Mutex;
use tracing::Level;

/// From now on what is traced goes into the file; with `debug`, everything. A crash is written down as well.
pub(super) fn to_file(folder: &ClusterFolder, debug: bool) -> Result<()> {
    let path = folder.path().join("supervisor.log");
    let file = File::create(&path)
        .map_err(|error| Error::machine(format!("cannot write the log {}: {error}", path.display())))?;
    let level = if debug { Level::DEBUG } else { Level::INFO };
    let log = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_target(false);
    // Refused only where this process has a log already.
    let _had_one = log.with_writer(Mutex::new(file)).try_init();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("crashed: {panic}");
        usual(panic);
    }));
    Ok(())
}
