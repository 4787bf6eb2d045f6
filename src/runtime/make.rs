//! From a cluster to the runtime that is to hold it, on this machine.

pub use super::here::Here;
use super::{Notices, Options, Runtime, docker, netns, reserve, sim};
use crate::Result;
use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::Clock;
use std::path::Path;
use std::sync::Arc;

/// Sees that what a cluster needs from elsewhere is there, before anything is created: Docker answers, and has the nodes'
/// images. Called by the user's own process, because it may take long and shows its progress on stderr.
pub fn prepare(kind: RuntimeKind, cluster: &Cluster) -> Result<()> {
    match kind {
        RuntimeKind::Docker => docker::connection::ask(async |docker| docker::images::prepare(&docker, cluster).await),
        RuntimeKind::Netns | RuntimeKind::Sim => Ok(()),
    }
}

/// Gives up the subnets that were kept for a cluster when it was read: it is not going to be made.
pub fn unreserve(cluster: &Cluster) {
    reserve::release(cluster.gateways().iter().map(ipnet::IpNet::trunc));
}

/// The runtime for a cluster, with nothing started yet. Node logs and working folders go below `folder`.
pub async fn create(
    kind: RuntimeKind,
    cluster: &Arc<Cluster>,
    folder: &Path,
    options: Options,
) -> Result<(Arc<dyn Runtime>, Notices)> {
    match kind {
        RuntimeKind::Netns => {
            let (netns, notices) = netns::Netns::create(cluster, folder).await?;
            Ok((Arc::new(netns), notices))
        }
        RuntimeKind::Docker => {
            let (docker, notices) = docker::Docker::create(cluster, folder, options).await?;
            Ok((Arc::new(docker), notices))
        }
        RuntimeKind::Sim => {
            let (_, notices) = tokio::sync::mpsc::unbounded_channel();
            Ok((Arc::new(sim::Sim::new(cluster, Arc::new(Clock::simulated()))), notices))
        }
    }
}

/// Removes what a cluster of this name has left outside of its own folder, whoever made it, a live one included. Says
/// whether there was anything. Only containers outlive their runner: of the other runtimes nothing can be left.
pub async fn remove_leftovers(name: &str) -> Result<bool> {
    docker::destroy_by_labels(name).await
}
