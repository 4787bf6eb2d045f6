//! How nodes find each other: hosts for every node, and the variables of Docker's old links.

use super::Spec;
use crate::cluster::{Node, Port, Transport};
use ipnet::IpNet;

impl Spec<'_> {
    /// `name:address` for every node, itself included, and for the names this one gave to those it links to. In `/etc/hosts`, because
    /// Docker's own name server answers only while Docker runs.
    pub(super) fn extra_hosts(&self, node: &Node) -> Vec<String> {
        let nodes = self.cluster.nodes.iter();
        let known = nodes.flat_map(|other| self.names(other).into_iter().map(move |name| (name, other)));
        let aliases = node
            .aliases
            .iter()
            .filter_map(|(alias, target)| Some((alias.clone(), &self.cluster.nodes[self.cluster.position(target)?])));
        let lines = known.chain(aliases).flat_map(|(name, other)| {
            other.addresses.iter().map(move |net| format!("{name}:{}", net.addr())).collect::<Vec<_>>()
        });
        lines.collect()
    }

    /// The variables that `docker run --link` set, for every node this one links to.
    pub(super) fn link_variables(&self, node: &Node) -> Vec<(String, String)> {
        let targets = node.links.iter().filter_map(|link| self.cluster.position(link));
        let variables = targets.flat_map(|target| {
            let target = &self.cluster.nodes[target];
            let aliases = node.aliases.iter().filter(|(_, name)| **name == target.name);
            let mut names: Vec<&str> = aliases.map(|(alias, _)| alias.as_str()).collect();
            if names.is_empty() {
                names.push(&target.name);
            }
            names.into_iter().flat_map(|alias| self.variables_of(node, alias, target)).collect::<Vec<_>>()
        });
        variables.collect()
    }

    fn variables_of(&self, node: &Node, alias: &str, target: &Node) -> Vec<(String, String)> {
        let prefix = alias.to_uppercase().replace('-', "_");
        let address = target.addresses.iter().map(IpNet::addr).find(std::net::IpAddr::is_ipv4);
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        let ports = self.exposed(target);
        let mut variables = vec![(format!("{prefix}_NAME"), format!("/{}/{alias}", self.container_name(node)))];
        variables.extend(ports.first().map(|port| (format!("{prefix}_PORT"), url(*port, &address))));
        for port in ports {
            let (transport, word) = transport(port);
            let prefix = format!("{prefix}_PORT_{}_{word}", port.number);
            variables.extend([
                (prefix.clone(), url(port, &address)),
                (format!("{prefix}_ADDR"), address.clone()),
                (format!("{prefix}_PORT"), port.number.to_string()),
                (format!("{prefix}_PROTO"), transport.to_owned()),
            ]);
        }
        let environment = target.environment.iter();
        variables.extend(environment.map(|(name, value)| (format!("{prefix}_ENV_{name}"), value.clone())));
        variables
    }
}

fn url(port: Port, address: &str) -> String {
    format!("{}://{address}:{}", transport(port).0, port.number)
}

fn transport(port: Port) -> (&'static str, &'static str) {
    match port.transport {
        Transport::Tcp => ("tcp", "TCP"),
        Transport::Udp => ("udp", "UDP"),
    }
}
