//! Whole files: what they mean, and every way in which one can be wrong, as the user sees it.

mod addresses;
mod files;
mod meaning;
mod nodes;
mod robust;
mod shared;

use super::*;
use crate::error::ErrorKind;
use ipnet::IpNet;

/// A host as a test wants it.
struct Host {
    used: Vec<IpNet>,
    /// Taken by others while the cluster is read.
    reserved: Vec<IpNet>,
    ipv6: bool,
    /// The one network that exists, `shared`.
    network: Option<External>,
}

impl Surroundings for Host {
    fn used(&self, _: RuntimeKind) -> Result<Vec<IpNet>> {
        Ok(self.used.clone())
    }

    fn reserve(&self, subnet: IpNet, _: RuntimeKind) -> bool {
        !self.reserved.contains(&subnet)
    }

    fn ipv6(&self) -> bool {
        self.ipv6
    }

    fn external(&self, name: &str) -> Result<Option<External>> {
        Ok(self.network.clone().filter(|_| name == "shared"))
    }
}

fn try_load_on(host: &Host, text: &str, params: &[(&str, &str)]) -> Result<Cluster> {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let env = |name: &str| (name == "HOME").then(|| "/home/user".to_owned());
    let variables = Variables { name: "test", seed: 7, params: &params, env: &env, kind: None, surroundings: host };
    load(Path::new("blockade.yaml"), text, &variables)
}

fn try_load(text: &str, params: &[(&str, &str)], used: &[IpNet]) -> Result<Cluster> {
    try_load_on(&Host { used: used.to_vec(), reserved: Vec::new(), ipv6: true, network: None }, text, params)
}

fn cluster(text: &str) -> Cluster {
    try_load(text, &[], &[]).unwrap_or_else(|error| panic!("{}", rendered(&error)))
}

/// The nodes' values under one key of `containers: { n1: { KEY } }`.
fn node(keys: &str) -> Node {
    cluster(&format!("containers:\n  n1:\n    {}\n", keys.replace('\n', "\n    "))).nodes.remove(0)
}

fn rendered(error: &crate::Error) -> String {
    if error.diagnostics.is_empty() {
        return error.to_string();
    }
    error.diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect()
}

/// What the user sees of a wrong file.
fn wrong(text: &str) -> String {
    let error = try_load(text, &[], &[]).expect_err("the file is wrong");
    assert_eq!(error.kind, ErrorKind::Usage);
    rendered(&error)
}

/// What the user sees of a wrong key of a node.
fn wrong_node(keys: &str) -> String {
    wrong(&format!("containers:\n  n1:\n    {}\n", keys.replace('\n', "\n    ")))
}

fn ips(cluster: &Cluster) -> String {
    let ip = |node: &Node| node.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    cluster.nodes.iter().map(|node| format!("{} {}", node.name, ip(node))).collect::<Vec<_>>().join("\n")
}
