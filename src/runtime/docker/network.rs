//! The network that joins the nodes: one of our own, or one that exists and is left as it is.

use super::error::{self, Explained};
use crate::Result;
use crate::cluster::{Cluster, External};
use bollard::Docker;
use bollard::models::{Ipam, NetworkCreateRequest, NetworkInspect};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use ipnet::IpNet;
use std::net::IpAddr;

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

/// The subnets of all of the daemon's networks.
pub async fn subnets(docker: &Docker) -> Result<Vec<IpNet>> {
    let networks =
        docker.list_networks(None::<ListNetworksOptions>).await.or_cannot(|| "list the networks".to_owned())?;
    Ok(networks.iter().flat_map(|network| subnets_of(network.ipam.as_ref())).collect())
}

/// The network of this name, with the addresses in use on it; nothing where there is none.
pub async fn external(docker: &Docker, name: &str) -> Result<Option<External>> {
    match docker.inspect_network(name, None::<InspectNetworkOptions>).await {
        Err(refusal) if error::is_missing(&refusal) => Ok(None),
        answer => answer.or_cannot(|| format!("look at the network {name}")).map(|network| Some(describe(&network))),
    }
}

fn describe(network: &NetworkInspect) -> External {
    let configs = network.ipam.iter().flat_map(|ipam| ipam.config.iter().flatten());
    let reserved = configs
        .flat_map(|config| config.gateway.iter().chain(config.auxiliary_addresses.iter().flat_map(|aux| aux.values())));
    let endpoints = network.containers.iter().flat_map(|endpoints| endpoints.values());
    let held = endpoints.flat_map(|endpoint| endpoint.ipv4_address.iter().chain(&endpoint.ipv6_address));
    External {
        subnets: subnets_of(network.ipam.as_ref()),
        taken: reserved.chain(held).filter_map(|text| address(text)).collect(),
    }
}

fn subnets_of(ipam: Option<&Ipam>) -> Vec<IpNet> {
    let configs = ipam.iter().flat_map(|ipam| ipam.config.iter().flatten());
    configs.filter_map(|config| config.subnet.as_ref()?.parse().ok()).collect()
}

/// `10.5.0.2` or `10.5.0.2/16`.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_of_gateways_and_containers_are_taken() {
        let network = json!({
            "IPAM": { "Config": [
                { "Subnet": "10.5.0.0/16", "Gateway": "10.5.0.1", "AuxiliaryAddresses": { "router": "10.5.0.9" } },
                { "Subnet": "fd00:5::/64" },
            ] },
            "Containers": { "a": { "IPv4Address": "10.5.0.2/16", "IPv6Address": "" } },
        });
        let external = describe(&serde_json::from_value(network).unwrap());
        let taken: Vec<_> = external.taken.iter().map(ToString::to_string).collect();
        assert_eq!(taken, ["10.5.0.1", "10.5.0.2", "10.5.0.9"]);
        assert_eq!(external.subnets.len(), 2);
    }
}
