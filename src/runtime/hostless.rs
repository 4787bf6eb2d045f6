//! A build without `host` can only simulate: whatever needs real nodes is refused here, before anything else is done.

use super::{Notices, Options, Runtime};
pub use crate::cluster::Nowhere as Here;
use crate::cluster::{Cluster, RuntimeKind};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// What is done by a daemon only.
#[must_use]
pub fn elsewhere() -> Error {
    Error::usage("this build of blockade is a client: name a daemon with --host URL")
}

/// Refuses clusters of real nodes.
pub fn prepare(kind: RuntimeKind, _: &Cluster) -> Result<()> {
    match kind {
        RuntimeKind::Netns | RuntimeKind::Docker => Err(elsewhere()),
        RuntimeKind::Sim => Ok(()),
    }
}

/// Nothing is kept for a cluster.
pub fn unreserve(_: &Cluster) {}

/// Refused: a simulation has its own way.
#[allow(clippy::unused_async, reason = "as on a host")]
pub async fn create(_: RuntimeKind, _: &Arc<Cluster>, _: &Path, _: Options) -> Result<(Arc<dyn Runtime>, Notices)> {
    Err(elsewhere())
}
