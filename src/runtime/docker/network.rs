//! The network that joins the nodes: one of our own, or one that exists and is left as it is.

use super::error::{self, Explained};
use crate::Result;
use crate::cluster::Cluster;
use bollard::Docker;
use bollard::models::NetworkCreateRequest;

/// Creates the cluster's own network; an external one is only looked for.
pub async fn create(docker: &Docker, cluster: &Cluster, request: NetworkCreateRequest) -> Result<()> {
    if cluster.network.external.is_some() {
        return Ok(());
    }
    let name = request.name.clone();
    docker.create_network(request).await.or_cannot(|| format!("create the network {name}")).map(drop)
}

/// Removes a network by name or id. One that is gone already counts as removed.
pub async fn remove(docker: &Docker, name: &str) -> Result<()> {
    match docker.remove_network(name).await {
        Err(refusal) if error::is_missing(&refusal) => Ok(()),
        result => result.or_cannot(|| format!("remove the network {name}")),
    }
}
