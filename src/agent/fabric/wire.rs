//! Wires the network of a run: a bridge, and for each node a namespace whose `eth0` is plugged into it.
//!
//! The bridge lies in the agent's own network namespace, which nothing outside can see; its address stands for the
//! world. There is no default route and no forwarding: packets stay between the nodes and the bridge.

use crate::agent::namespace::NetNs;
use crate::agent::network::{Network, Seen};
use crate::agent::protocol::{CreateFabric, NodeNet};
use crate::agent::rules::Rules;
use crate::agent::trees::Trees;
use crate::error::{Error, Result};
use crate::kernel::address::{AddressEvents, Interface};
use crate::kernel::link::{Change, Device, End, LOOPBACK, Links, Mac, link_local};
use ipnet::{IpNet, Ipv6Net};
use rustix::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

const BRIDGE: Device<'static> = Device { index: 2, name: "br0" };
const NODE_DEVICE: Device<'static> = Device { index: 2, name: "eth0" };
/// The first index of a veth's end at the bridge.
const FIRST_PORT: u32 = 10;

/// Longer than any kernel needs to bring a veth pair to life, even one that does so once a second.
const LINK_UP_MAX: Duration = Duration::from_secs(5);
/// Kernels before 6.8 have to be asked again.
const LINK_UP_PAUSE: Duration = Duration::from_millis(1);

/// A node's namespace and the sockets that stay in it.
pub(super) struct Wired {
    network: NetNs,
    links: Links,
    /// Reports what comes after the addresses that we gave ourselves.
    events: AddressEvents,
    rules: Rules,
    trees: Trees,
    /// What `eth0` has got, IPv4 first: the first address is the one that the node is known by.
    nets: Vec<IpNet>,
}

/// Creates bridge and nodes; returns, in the order of the nodes, when every link carries packets.
pub(super) async fn wire(home: &NetNs, request: &CreateFabric) -> Result<Vec<Wired>> {
    quiet_bridge();
    let mut nodes: Vec<_> = request.nodes.iter().map(|node| create(home, node)).collect::<Result<_>>()?;
    let mut bridge = Links::open()?;
    connect(&mut bridge, request, &nodes)?;
    for (wired, node) in nodes.iter_mut().zip(&request.nodes) {
        wired.bring_up(node).map_err(|error| error.context(format!("node {}", node.name)))?;
    }
    let deadline = Instant::now() + LINK_UP_MAX;
    for ((wired, node), index) in nodes.iter_mut().zip(&request.nodes).zip(FIRST_PORT..) {
        while !(bridge.carries(Device { index, name: &node.name })? && wired.links.carries(NODE_DEVICE)?) {
            if Instant::now() > deadline {
                return Err(Error::machine(format!("the link of node {} does not come up", node.name)));
            }
            tokio::time::sleep(LINK_UP_PAUSE).await;
        }
    }
    Ok(nodes)
}

/// A namespace that is not connected yet.
fn create(home: &NetNs, node: &NodeNet) -> Result<Wired> {
    let created = home.create(|| {
        let links = Links::open()?;
        forward_nothing();
        open_ports_and_ping();
        Ok((links, AddressEvents::open()?, Rules::of_new()?, Trees::of_new()?))
    });
    let (network, (links, events, rules, trees)) =
        created.map_err(|error| error.context(format!("node {}", node.name)))?;
    Ok(Wired { network, links, events, rules, trees, nets: Vec::new() })
}

/// The bridge, its addresses, and a veth to each node: one batch.
fn connect(links: &mut Links, request: &CreateFabric, nodes: &[Wired]) -> Result<()> {
    let names: Vec<_> = (0..nodes.len()).map(|position| format!("v{position}")).collect();
    let mut changes = vec![Change::Up(LOOPBACK), Change::AddBridge(End { device: BRIDGE, mac: fabric_mac(0) })];
    changes.extend(request.gateway.iter().filter(|net| usable(**net)).map(|net| Change::AddAddress(BRIDGE, *net)));
    let ends = nodes.iter().zip(&request.nodes).zip(names.iter().zip(FIRST_PORT..));
    changes.extend(ends.map(|((wired, node), (name, index))| Change::AddVeth {
        end: End { device: Device { index, name }, mac: fabric_mac(index) },
        master: BRIDGE,
        peer: End { device: NODE_DEVICE, mac: node.mac },
        peer_namespace: wired.network.as_fd(),
    }));
    links.apply(&changes).map_err(|error| error.context("the network"))
}

impl Wired {
    /// What a node keeps of it, and what is to be followed.
    pub(super) fn into_network(self) -> (Network, AddressEvents) {
        let eth0 = Interface { index: NODE_DEVICE.index, name: NODE_DEVICE.name.to_owned() };
        let seen = Seen { nets: self.nets, devices: vec![eth0] };
        (Network::new(self.network, self.links, self.rules, self.trees, seen), self.events)
    }

    /// Gives `eth0`, which is there by now, its addresses.
    fn bring_up(&mut self, node: &NodeNet) -> Result<()> {
        let mut changes = vec![Change::Up(LOOPBACK)];
        if has_ipv6() {
            changes.push(Change::NoLinkLocal(NODE_DEVICE));
        }
        changes.push(Change::Up(NODE_DEVICE));
        let nets = nets(node);
        changes.extend(nets.iter().map(|net| Change::AddAddress(NODE_DEVICE, *net)));
        self.links.apply(&changes)?;
        self.nets = nets;
        // Our own doing is no news.
        self.events.read().map(drop)
    }
}

/// All that `eth0` gets.
fn nets(node: &NodeNet) -> Vec<IpNet> {
    let local = Ipv6Net::new(link_local(node.mac), 64).map(IpNet::from);
    let mut nets: Vec<_> = node.addresses.iter().copied().chain(local).filter(|net| usable(*net)).collect();
    nets.sort_by_key(|net| net.addr().is_ipv6());
    nets
}

/// A machine without IPv6 has nodes without it.
fn usable(net: IpNet) -> bool {
    net.addr().is_ipv4() || has_ipv6()
}

/// Locally administered, and different from what nodes get: those begin with 02.
fn fabric_mac(index: u32) -> Mac {
    let [a, b, c, d] = index.to_be_bytes();
    [0x06, 0xb1, a, b, c, d]
}

fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

/// No packet on the bridge passes through a firewall of the machine's, none is forwarded, and the bridge's ports talk no
/// IPv6 themselves.
fn quiet_bridge() {
    forward_nothing();
    for call in ["iptables", "ip6tables", "arptables"] {
        set(&format!("bridge/bridge-nf-call-{call}"), "0");
    }
    set("ipv6/conf/default/addr_gen_mode", "1");
}

/// A new namespace forwards IPv4 where the machine does, as one with Docker.
fn forward_nothing() {
    set("ipv4/ip_forward", "0");
}

/// A program without rights may ping and listen below port 1024: in its own namespace that harms nobody.
fn open_ports_and_ping() {
    set("ipv4/ip_unprivileged_port_start", "0");
    // In a user namespace only ids that are mapped there can be named: our own.
    let own = rustix::process::getegid().as_raw();
    if !set("ipv4/ping_group_range", "0 2147483647") {
        set("ipv4/ping_group_range", &format!("{own} {own}"));
    }
}

/// Sets a sysctl of the present network namespace. Some kernels do not have all of them: whether this one has.
fn set(name: &str, value: &str) -> bool {
    std::fs::write(Path::new("/proc/sys/net").join(name), value).is_ok()
}
