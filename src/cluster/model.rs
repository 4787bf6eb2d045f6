//! What a cluster is once its file has been read: plain values that the runtimes, the scripts and the journal share.

use crate::signal::Signal;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// A cluster: its nodes in the file's order, each with its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// The blockade's name.
    pub name: String,
    /// The file it was read from, as the user named it.
    pub file: PathBuf,
    /// The runtime that the file asks for.
    pub runtime: Option<RuntimeKind>,
    /// The network that joins the nodes.
    pub network: Network,
    /// The nodes, in the file's order, copies in numeric order.
    pub nodes: Vec<Node>,
    /// What the file's `${param:…}` were given, by name.
    pub params: BTreeMap<String, String>,
}

/// Where nodes live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeKind {
    /// Docker containers.
    Docker,
    /// Processes in network namespaces.
    Netns,
    /// Nowhere: a virtual clock and the link matrix.
    Sim,
}

impl RuntimeKind {
    /// All, with the names they are written with.
    pub const NAMES: [(&str, Self); 3] = [("docker", Self::Docker), ("netns", Self::Netns), ("sim", Self::Sim)];

    /// The one for a cluster that asks for none: Docker where a node has an image, else network namespaces.
    pub(super) fn of_images(any: bool) -> Self {
        if any { Self::Docker } else { Self::Netns }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name))
    }
}

/// The network that joins the nodes. The first host of each subnet stands for the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The nodes' IPv4 subnet.
    pub subnet: Ipv4Net,
    /// The nodes' IPv6 subnet; none where the kernel or an external network has no IPv6.
    pub subnet6: Option<Ipv6Net>,
    /// Docker's network driver.
    pub driver: Driver,
    /// An existing Docker network to join instead of one of our own.
    pub external: Option<String>,
    /// What `flaky` does where nothing else is said, as `tc netem` writes it.
    pub flaky: Option<String>,
    /// What `slow` does where nothing else is said, as `tc netem` writes it.
    pub slow: Option<String>,
    /// What `duplicate` does where nothing else is said, as `tc netem` writes it.
    pub duplicate: Option<String>,
}

/// Docker's network driver, by the names of `blockade.yaml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// Docker's own bridge.
    #[default]
    Default,
    /// A user-defined network of the blockade's own.
    Udn,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name, unique in the cluster, never `world`.
    pub name: String,
    /// Its host name.
    pub hostname: String,
    /// Its program and arguments. Without one, the node idles (or, in Docker, runs what its image says).
    pub command: Option<Vec<String>>,
    /// Variables of its program's environment.
    pub environment: BTreeMap<String, String>,
    /// Its working directory, relative to the run's own folder.
    pub workdir: Option<PathBuf>,
    /// Files that are written into the working directory before the start, by relative path.
    pub files: BTreeMap<PathBuf, String>,
    /// When it counts as ready. Without, once its program runs.
    pub ready: Option<Ready>,
    /// How it is stopped.
    pub stop: Stop,
    /// Its addresses with their subnet's prefix: one of IPv4, then one of IPv6 where its network has it.
    pub addresses: Vec<IpNet>,
    /// The hardware address of its interface.
    pub mac: Mac,
    /// Who its program runs as.
    pub user: Option<String>,
    /// The nodes that must be started before it.
    pub links: Vec<String>,
    /// Names under which it knows linked nodes: alias → node.
    pub aliases: BTreeMap<String, String>,
    /// How long its start waits after the nodes it links to.
    pub start_delay_us: u64,
    /// Never in a partition, sees every node.
    pub neutral: bool,
    /// Never touched by any fault on the network.
    pub holy: bool,
    /// What only Docker knows.
    pub docker: Docker,
}

impl Node {
    /// Every address it has from its start on: those given to it and the link-local one of its hardware address.
    pub fn all_addresses(&self) -> Vec<IpAddr> {
        let given = self.addresses.iter().map(IpNet::addr);
        given.chain([IpAddr::V6(self.mac.link_local())]).collect()
    }

    /// The address that stands for it where one is wanted: its IPv4 address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.addresses.first().map(IpNet::addr)
    }
}

/// A hardware address, written `02:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The locally administered address of the node with this IPv4 address: the one that Docker's bridges derive, whose
    /// older versions cannot be told another.
    pub fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x02, 0x42, a, b, c, d])
    }

    /// The IPv6 link-local address that the kernel derives from it (RFC 4291, appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        let mac = self.0;
        let id = [pair(mac[0] ^ 2, mac[1]), pair(mac[2], 0xff), pair(0xfe, mac[3]), pair(mac[4], mac[5])];
        Ipv6Addr::new(0xfe80, 0, 0, 0, id[0], id[1], id[2], id[3])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.map(|byte| format!("{byte:02x}"));
        f.write_str(&bytes.join(":"))
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes: Result<Vec<_>, _> = text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| format!("{text:?} is no hardware address"))
    }
}

/// When a node counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// What must hold.
    pub check: Check,
    /// How long that may take.
    pub within_us: u64,
}

/// What must hold for a node to be ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It accepts a TCP connection on this port.
    Tcp(u16),
    /// A line of its output matches this regular expression, which is valid.
    Log(String),
    /// This program and its arguments, run within the node, exit with 0.
    Exec(Vec<String>),
    /// It answers a GET with a status below 400.
    Http {
        /// The port.
        port: u16,
        /// The path, with its leading slash.
        path: String,
    },
}

/// How a node is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// What is sent first.
    pub signal: Signal,
    /// How long it may take before SIGKILL.
    pub within_us: u64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::TERM, within_us: 3_000_000 }
    }
}

/// What only Docker knows of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docker {
    /// Its image.
    pub image: Option<String>,
    /// Its container's name, where it is not `<blockade>_<node>`.
    pub container_name: Option<String>,
    /// Its name servers.
    pub dns: Vec<IpAddr>,
    /// Capabilities it has beyond Docker's own set, without `CAP_`.
    pub cap_add: Vec<String>,
    /// What is mounted into it.
    pub volumes: Vec<Volume>,
    /// Ports that the host forwards to it.
    pub ports: Vec<Forward>,
    /// Ports that linked containers are told of.
    pub expose: Vec<Port>,
    /// The id of the container that it is, where that is somebody else's and was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<String>,
}

/// A folder, file or named volume within a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The path on the host, or the volume's name.
    pub host: String,
    /// The path in the container.
    pub container: String,
    /// Docker's mount options, such as `ro`.
    pub options: Option<String>,
}

/// A port of the host that leads to a port of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The host's port.
    pub host: u16,
    /// The container's.
    pub container: Port,
}

/// A port and its transport, written `53/udp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Its transport.
    pub transport: Transport,
}

/// What carries a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Cluster {
    /// A cluster without nodes, for containers that are yet to be taken in: it has no network of its own, and its
    /// subnet (one of RFC 5737, which nobody has) is never used.
    pub fn of_containers(name: &str) -> Self {
        let network = Network {
            subnet: Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24),
            subnet6: None,
            driver: Driver::default(),
            external: None,
            flaky: None,
            slow: None,
            duplicate: None,
        };
        Self {
            name: name.to_owned(),
            file: PathBuf::new(),
            runtime: Some(RuntimeKind::Docker),
            network,
            nodes: Vec::new(),
            params: BTreeMap::new(),
        }
    }

    /// The runtime: the file's, else Docker where a node has an image, else network namespaces.
    pub fn runtime_kind(&self) -> RuntimeKind {
        let images = self.nodes.iter().any(|node| node.docker.image.is_some());
        self.runtime.unwrap_or_else(|| RuntimeKind::of_images(images))
    }

    /// The addresses that stand for the world on the nodes' network: the first host of each subnet.
    pub fn gateways(&self) -> Vec<IpNet> {
        super::subnet::gateways(self.network.subnet, self.network.subnet6)
    }

    /// The place of a node in `nodes`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The nodes' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.nodes.iter().map(|node| node.name.as_str())
    }
}
