//! The body of a holder: the owner of a node's network namespace, with everything that belongs to the network.

use super::agent::no_log;
use super::{Spec, holder_name, port_key};
use crate::cluster::Node;
use crate::runtime::docker::labels::Role;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig, PortBinding, PortMap,
};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

impl Spec<'_> {
    /// The body for a node's holder, under [`holder_name`].
    pub fn holder(&self, node: usize) -> ContainerCreateBody {
        let node = &self.cluster.nodes[node];
        let exposed: Vec<_> = self.exposed(node).into_iter().map(port_key).collect();
        let endpoint = HashMap::from([(self.network_name(), self.endpoint(node))]);
        ContainerCreateBody {
            hostname: Some(node.hostname.clone()),
            image: Some(self.own_image.to_owned()),
            entrypoint: Some(vec!["/blockade".to_owned(), "hold".to_owned()]),
            exposed_ports: Some(exposed).filter(|exposed| !exposed.is_empty()),
            labels: Some(self.labels(Role::Holder, Some(node))),
            host_config: Some(self.holder_host(node)),
            networking_config: Some(NetworkingConfig { endpoints_config: Some(endpoint) }),
            ..ContainerCreateBody::default()
        }
    }

    fn holder_host(&self, node: &Node) -> HostConfig {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let dns: Vec<_> = node.docker.dns.iter().map(IpAddr::to_string).collect();
        HostConfig {
            network_mode: Some(self.network_name()),
            dns: Some(dns).filter(|dns| !dns.is_empty()),
            port_bindings: Some(bindings(node)).filter(|bindings| !bindings.is_empty()),
            extra_hosts: Some(self.extra_hosts(node)),
            cap_drop: words(&["ALL"]),
            log_config: Some(no_log()),
            ..HostConfig::default()
        }
    }

    fn endpoint(&self, node: &Node) -> EndpointSettings {
        let address = |v4: bool| node.addresses.iter().map(IpNet::addr).find(|address| address.is_ipv4() == v4);
        let ipam = EndpointIpamConfig {
            ipv4_address: address(true).map(|address| address.to_string()),
            ipv6_address: address(false).map(|address| address.to_string()),
            link_local_ips: None,
        };
        EndpointSettings {
            ipam_config: Some(ipam),
            mac_address: Some(node.mac.to_string()),
            aliases: Some(self.names(node)),
            ..EndpointSettings::default()
        }
    }

    /// The names that every node knows this one by.
    pub(super) fn names(&self, node: &Node) -> Vec<String> {
        let mut names = vec![node.name.clone(), self.container_name(node)];
        names.extend((node.hostname != node.name).then(|| node.hostname.clone()));
        names
    }

    /// The name of a node's holder.
    pub fn holder_name(&self, node: usize) -> String {
        holder_name(self.cluster, &self.cluster.nodes[node])
    }
}

fn bindings(node: &Node) -> PortMap {
    let mut bindings = PortMap::new();
    for forward in &node.docker.ports {
        let binding = PortBinding { host_ip: None, host_port: Some(forward.host.to_string()) };
        bindings.entry(port_key(forward.container)).or_default().get_or_insert_default().push(binding);
    }
    bindings
}
