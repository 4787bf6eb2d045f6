//! What a supervisor writes down about itself, for commands that no longer reach it and for people.

use crate::cluster::RuntimeKind;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of `state.json` that is written.
const FORMAT: u32 = 1;

/// The content of `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Of this file; later versions may add fields.
    pub format: u32,
    /// The cluster's name.
    pub name: String,
    /// The supervisor's process id.
    pub pid: u32,
    /// When the cluster was up, RFC 3339.
    pub started: String,
    /// Where the nodes live: `netns`, `docker`, `sim`.
    pub runtime: String,
    /// The cluster's file.
    pub config: PathBuf,
    /// The nodes' names, in the cluster's order.
    pub nodes: Vec<String>,
    /// Why the supervisor gave up, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
}

impl State {
    /// The state of a cluster that this process has just brought up.
    pub(super) fn of(cluster: &crate::cluster::Cluster, runtime: &str) -> Self {
        Self {
            format: FORMAT,
            name: cluster.name.clone(),
            pid: std::process::id(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            runtime: runtime.to_owned(),
            config: cluster.file.clone(),
            nodes: cluster.names().map(str::to_owned).collect(),
            died: None,
        }
    }

    /// Whether the nodes outlive their supervisor.
    pub(super) fn outlives(&self) -> bool {
        self.runtime == RuntimeKind::Docker.to_string()
    }

    /// The state in a file, if there is one that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Replaces the file as a whole: a reader sees the old state or the new one.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let fresh = path.with_extension("json.tmp");
        let mut file = std::fs::File::create(&fresh)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        std::fs::rename(fresh, path)
    }
}
