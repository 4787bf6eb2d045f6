//! A build without `host` knows of no cluster that is up: whatever needs one is refused where it asks for its folder.
//!
//! All that a supervisor would be needed for has no value here, and the compiler knows that it cannot happen.

mod audit;
mod protocol;

pub use audit::{Audit, Entry, Status};
pub use protocol::{Destroyed, Events, Info, Launch};

use crate::cluster::Cluster;
use crate::engine::{Command, Job, Port, Reply};
use crate::runtime::elsewhere;
use crate::{Error, Result};
use std::convert::Infallible;
use std::path::Path;

/// Where a cluster keeps its files while it is up: nowhere here.
#[derive(Clone, Debug)]
pub enum ClusterFolder {}

impl ClusterFolder {
    /// Refused.
    pub fn new(_: &Path, _: &str) -> Result<Self> {
        Err(elsewhere())
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match *self {}
    }

    /// Its trail.
    #[must_use]
    pub fn audit(&self) -> Audit {
        match *self {}
    }

    /// Whether no cluster of this name is up.
    pub fn is_free(&self) -> Result<bool> {
        match *self {}
    }

    /// Whether one is.
    pub fn is_up(&self) -> Result<bool> {
        match *self {}
    }
}

/// A cluster that is up, and the way to it.
pub struct Connection {
    /// Takes commands.
    pub port: RemotePort,
    /// Who answers.
    pub info: Info,
}

/// The way to a supervisor.
#[derive(Clone, Debug)]
pub struct RemotePort(Infallible);

#[allow(clippy::unused_async, reason = "as on a host")]
impl RemotePort {
    /// Heals the session's faults.
    pub async fn release(&self) -> Result<()> {
        match self.0 {}
    }

    /// Whether the cluster ends with this connection.
    pub async fn lease(&self, _: bool) -> Result<()> {
        match self.0 {}
    }

    /// What became of the supervisor.
    #[must_use]
    pub fn loss(&self) -> Option<Error> {
        match self.0 {}
    }

    /// Waits until it is gone.
    pub fn gone(&self) -> std::future::Ready<()> {
        match self.0 {}
    }

    /// Hands on what a node writes.
    pub async fn follow(&self, _: &str, _: Option<usize>, _: impl FnMut(&str) -> bool) -> Result<()> {
        match self.0 {}
    }
}

impl Port for RemotePort {
    fn call(&self, _: &str, _: Command) -> Job<Reply> {
        match self.0 {}
    }
}

/// Connects to the supervisor of a cluster.
#[allow(clippy::unused_async, reason = "as on a host")]
pub async fn connect(folder: &ClusterFolder, _: Option<Events>) -> Result<Connection> {
    match *folder {}
}

/// Removes the cluster.
#[allow(clippy::unused_async, reason = "as on a host")]
pub async fn destroy(folder: &ClusterFolder) -> Result<Destroyed> {
    match *folder {}
}

/// Removes it if it has no nodes.
#[allow(clippy::unused_async, reason = "as on a host")]
pub async fn abandon(folder: &ClusterFolder) -> Result<()> {
    match *folder {}
}

/// Brings a cluster up that outlives this process.
pub fn start(folder: &ClusterFolder, _: Launch, _: impl Future<Output = std::io::Result<()>>) -> Result<()> {
    match *folder {}
}

/// The same without nodes.
pub fn start_without_nodes(
    folder: &ClusterFolder,
    _: bool,
    _: impl Future<Output = std::io::Result<()>>,
) -> Result<()> {
    match *folder {}
}

/// Puts an `up` on the audit trail that came to nothing.
pub fn not_started(folder: &ClusterFolder, _: &Cluster, _: &Error) {
    match *folder {}
}

/// Waits for Ctrl-C.
pub async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
