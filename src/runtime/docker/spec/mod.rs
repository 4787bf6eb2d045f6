//! A cluster → the bodies of the requests that create it.
//!
//! Pure: what the host and the images look like comes in as values ([`Host`], [`Image`]).
//!
//! Everything that Docker refuses on a container with `network_mode: container:…` (hostname, name servers, ports, hosts,
//! addresses) belongs to the holder; what a program sees of its file system, user and environment belongs to the node.

mod agent;
mod files;
mod holder;
mod host;
mod links;
mod node;

#[cfg(test)]
mod tests;

pub use host::{Host, LAYOUT};
pub use node::with_our_binary;

use super::labels::{Labels, Owner, Role};
use crate::cluster::{Cluster, Node, Port, Transport};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// What an image says of itself, as far as its containers' bodies depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Where its program starts; the root folder where the image does not say.
    pub workdir: PathBuf,
    /// Ports that its maker exposed.
    pub expose: Vec<Port>,
    /// Whether it says what to run.
    pub has_program: bool,
}

/// A cluster and what the bodies of its containers depend on beside it.
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Who looks after it.
    pub owner: Owner,
    /// Our own image, for holders, the helper and nodes without an image of theirs.
    pub own_image: &'a str,
    /// The nodes' images, by name. One that is not there counts as saying nothing.
    pub images: &'a BTreeMap<String, Image>,
    /// What nodes without an image see of the host.
    pub host: &'a Host,
    /// The network's name, where it is not [`network_name`].
    pub network: Option<&'a str>,
}

impl Spec<'_> {
    /// The network that joins the nodes.
    pub fn network_name(&self) -> String {
        self.network.map_or_else(|| network_name(self.cluster), str::to_owned)
    }

    /// The body for the cluster's own network. Both drivers of `blockade.yaml` mean a user-defined bridge: Docker's
    /// default one can neither give addresses nor resolve names.
    pub fn network(&self) -> NetworkCreateRequest {
        let configs = self.cluster.gateways().into_iter().map(|gateway| IpamConfig {
            subnet: Some(gateway.trunc().to_string()),
            gateway: Some(gateway.addr().to_string()),
            ..IpamConfig::default()
        });
        NetworkCreateRequest {
            name: self.network_name(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam { config: Some(configs.collect()), ..Ipam::default() }),
            enable_ipv6: Some(self.cluster.gateways().iter().any(|gateway| matches!(gateway, IpNet::V6(_)))),
            labels: Some(self.labels(Role::Network, None)),
            ..NetworkCreateRequest::default()
        }
    }

    fn labels(&self, role: Role, node: Option<&Node>) -> HashMap<String, String> {
        let id = self.cluster.name.clone();
        Labels { id, role, node: node.map(|node| node.name.clone()), owner: self.owner }.to_map()
    }

    fn image(&self, node: &Node) -> Option<&Image> {
        self.images.get(node.docker.image.as_deref()?)
    }

    /// The ports of a node that others are told of: those of its image, its `expose` and its `ports`, without
    /// repetition.
    fn exposed(&self, node: &Node) -> Vec<Port> {
        let image = self.image(node).map(|image| image.expose.clone()).unwrap_or_default();
        let forwarded = node.docker.ports.iter().map(|forward| forward.container);
        let mut ports: Vec<Port> =
            image.into_iter().chain(node.docker.expose.iter().copied()).chain(forwarded).collect();
        ports.sort_by_key(|port| (port.number, port.transport == Transport::Udp));
        ports.dedup();
        ports
    }
}

/// The network that joins the nodes: `<blockade>_net`, or the external one.
pub fn network_name(cluster: &Cluster) -> String {
    cluster.network.external.clone().unwrap_or_else(|| format!("{}_net", cluster.name))
}

/// The name of a node's container: the one its file gives, else `<blockade>_<node>`.
pub fn container_name(cluster: &Cluster, node: &Node) -> String {
    node.docker.container_name.clone().unwrap_or_else(|| format!("{}_{}", cluster.name, node.name))
}

/// The name of a node's holder. No blockade's name holds a `_` and no node's begins with one, so that it is no node's.
pub fn holder_name(cluster: &Cluster, node: &Node) -> String {
    format!("{}__{}", cluster.name, node.name)
}

/// The name of the helper container. No node is called so.
pub fn agent_name(cluster: &Cluster) -> String {
    format!("{}__.agent", cluster.name)
}

/// `53/udp`, as Docker writes ports.
fn port_key(port: Port) -> String {
    let transport = match port.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    format!("{}/{transport}", port.number)
}
