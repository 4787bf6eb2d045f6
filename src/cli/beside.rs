//! Clusters side by side in Docker, for `soak --jobs` and `shrink --jobs`: there they share the host's names, ports and
//! networks. Pure.

use super::place::Place;
use crate::cluster::Cluster;
use crate::{Error, Result};

/// The name of a job's cluster: containers are called after it.
pub(super) fn name(place: &Place, jobs: u64, job: usize) -> Result<Option<String>> {
    if jobs == 1 {
        return Ok(place.name.clone());
    }
    Ok(Some(format!("{}-{}", place.name()?, job + 1)))
}

/// Refuses clusters of which only one can be up.
pub(super) fn check(one: &Cluster, other: &Cluster, jobs: u64) -> Result<()> {
    shared(one, other).map_or(Ok(()), |what| {
        Err(Error::usage(format!("--jobs {jobs}: {what}, and clusters side by side cannot share it"))
            .help("leave it out of the cluster file, or run with --jobs 1"))
    })
}

/// What two clusters in Docker would both have.
fn shared(one: &Cluster, other: &Cluster) -> Option<String> {
    if let Some(network) = &one.network.external {
        return Some(format!("the nodes live on the external network `{network}`"));
    }
    if one.network.subnet == other.network.subnet {
        return Some(format!("the cluster file fixes the subnet {}", one.network.subnet));
    }
    one.nodes.iter().find_map(|node| match (&node.docker.container_name, node.docker.ports.first()) {
        (Some(name), _) => Some(format!("{} is always called `{name}`", node.name)),
        (None, Some(port)) => Some(format!("{} publishes the port {}", node.name, port.host)),
        (None, None) => None,
    })
}
