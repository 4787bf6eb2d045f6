//! The network that joins the nodes: one of our own, or one that exists and is left as it is.

use super::error::{self, Explained};
use super::labels;
use crate::Result;
use crate::cluster::{Cluster, External};
use crate::runtime;
use bollard::Docker;
use bollard::models::{Ipam, NetworkCreateRequest, NetworkInspect};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// How often, and how far apart, a network is removed that Docker still counts as used while nothing is connected to it:
/// its books lag behind the end of containers. (Where many end at once, Docker 20.10 may lose count for good, about once
/// in 70 times eight of them; then only its restart helps, and the error says so.)
const TRIES: u32 = 8;
const APART: Duration = Duration::from_millis(250);

/// The name for a blockade's own network: `name`, unless an empty shell of one that was ours still has it, which Docker
/// will not remove before its own next start (see [`remove`]).
pub async fn free_name(docker: &Docker, name: &str, blockade: &str) -> Result<String> {
    let mut free = name.to_owned();
    for number in 2.. {
        let Some(found) = inspect(docker, &free).await? else { break };
        let is_ours =
            found.labels.as_ref().is_some_and(|labels| labels.get(labels::ID).is_some_and(|id| id == blockade));
        if !is_ours || !users(&found).is_empty() {
            break;
        }
        free = format!("{name}_{number}");
    }
    Ok(free)
}

/// Creates the cluster's own network; an external one is there already.
///
/// Docker would make a second network of the same name, and then refuse to start containers on either.
pub async fn create(docker: &Docker, cluster: &Cluster, request: NetworkCreateRequest) -> Result<()> {
    if cluster.network.external.is_some() {
        return Ok(());
    }
    let name = request.name.clone();
    if inspect(docker, &name).await?.is_some_and(|found| found.name.as_ref() == Some(&name)) {
        return Err(error::network_taken(&name).context(format!("cannot create the network {name}")));
    }
    let created = docker.create_network(request).await.or_cannot(|| format!("create the network {name}")).map(drop);
    runtime::unreserve(cluster);
    created
}

/// Removes a network by name or id. One that is gone already counts as removed.
///
/// Docker counts a network's containers, and may lose count for good where three of them come or go at once: its own
/// next start puts that right.
pub async fn remove(docker: &Docker, name: &str) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match docker.remove_network(name).await {
            Err(refusal) if error::is_missing(&refusal) => return Ok(()),
            Err(refusal) if error::is_in_use(&refusal) => {
                let Some(network) = inspect(docker, name).await? else { return Ok(()) };
                let users = users(&network);
                if !users.is_empty() || tries == TRIES {
                    return Err(error::network_used(&users).context(format!("cannot remove the network {name}")));
                }
                tokio::time::sleep(APART).await;
            }
            result => return result.or_cannot(|| format!("remove the network {name}")),
        }
    }
}

/// The names of the containers that are connected to a network, in order.
fn users(network: &NetworkInspect) -> Vec<String> {
    let endpoints = network.containers.iter().flatten();
    let mut users: Vec<_> =
        endpoints.map(|(id, endpoint)| endpoint.name.clone().unwrap_or_else(|| id.clone())).collect();
    users.sort();
    users
}

async fn inspect(docker: &Docker, name: &str) -> Result<Option<NetworkInspect>> {
    match docker.inspect_network(name, None::<InspectNetworkOptions>).await {
        Err(refusal) if error::is_missing(&refusal) => Ok(None),
        answer => answer.or_cannot(|| format!("look at the network {name}")).map(Some),
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
    Ok(inspect(docker, name).await?.as_ref().map(describe))
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
