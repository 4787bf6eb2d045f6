//! The network of a run: a bridge, and for each node a namespace whose `eth0` is plugged into it.
//!
//! The bridge lies in the agent's own network namespace, which nothing outside can see; its address stands for the
//! world. There is no default route and no forwarding: packets stay between the nodes and the bridge.

use super::namespace::NetNs;
use super::node::Node;
use super::rules::{self, Rules};
use super::serve::Outbox;
use crate::error::{Error, Result};
use crate::kernel::address::{AddressEvents, hosts};
use crate::kernel::link::{Change, Device, End, LOOPBACK, Links, Mac, link_local};
use crate::kernel::probe::{self, Connecting, Endpoint};
use crate::plan::Ruleset;
use crate::runtime::netns::protocol::{Applied, CreateFabric, NodeNet, Notification, Party, Probe, Probed, Reachable};
use crate::runtime::netns::readable::readable;
use ipnet::{IpNet, Ipv6Net};
use rustix::fd::AsFd;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_local};

const BRIDGE: Device<'static> = Device { index: 2, name: "br0" };
const NODE_DEVICE: Device<'static> = Device { index: 2, name: "eth0" };
/// The first index of a veth's end at the bridge.
const FIRST_PORT: u32 = 10;

/// The network and all nodes in it.
pub(super) struct Fabric {
    home: NetNs,
    gateway: Vec<IpAddr>,
    members: Vec<Member>,
}

/// A node and what the agent holds of its network.
struct Member {
    node: Rc<Node>,
    addresses: Vec<IpAddr>,
    rules: Rules,
    watch: JoinHandle<()>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Fabric {
    /// Creates all of it. What exists when an error occurs ends with the agent.
    pub(super) fn create(request: &CreateFabric, outbox: &Outbox) -> Result<Self> {
        let home = NetNs::current().map_err(|e| Error::machine(format!("cannot open our network namespace: {e}")))?;
        quiet_bridge();
        let nodes: Vec<_> = request.nodes.iter().map(|node| Made::new(&home, node)).collect::<Result<_>>()?;
        connect(&request.gateway, &nodes)?;
        let members = nodes.into_iter().map(|made| made.finish(outbox)).collect::<Result<_>>()?;
        let gateway = request.gateway.iter().map(IpNet::addr).collect();
        Ok(Self { home, gateway, members })
    }

    /// Each node's addresses, link-local ones included, in the order of the nodes.
    pub(super) fn addresses(&self) -> Vec<Vec<IpAddr>> {
        self.members.iter().map(|member| member.addresses.clone()).collect()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Rc<Node>> {
        self.members.iter().map(|member| &member.node)
    }

    pub(super) fn node(&self, name: &str) -> Result<Rc<Node>> {
        Ok(self.member(name)?.node.clone())
    }

    fn member(&self, name: &str) -> Result<&Member> {
        let member = self.members.iter().find(|member| member.node.name() == name);
        member.ok_or_else(|| Error::usage(format!("there is no node {name}")))
    }

    /// Whether somebody accepts a connection at the node's own address.
    pub(super) async fn tcp(&self, node: &str, port: u16, wait: Duration) -> Result<bool> {
        let member = self.member(node)?;
        let Some(address) = member.addresses.first() else {
            return Err(Error::usage(format!("node {node} has no address")));
        };
        let to = SocketAddr::new(*address, port);
        let connecting = self.home.visit(member.node.network(), || Connecting::start(to))?;
        match connecting {
            Some(connecting) => Ok(connecting.accepted(wait).await),
            None => Ok(false),
        }
    }

    /// A packet there and its answer back.
    pub(super) async fn probe(&self, request: &Probe) -> Result<Probed> {
        let (from, to) = self.endpoints(&request.from, &request.to)?;
        let outcome = probe::probe(&from, &to, Duration::from_millis(request.wait_ms)).await?;
        Ok(Probed { rtt_us: outcome.took_us() })
    }

    /// A packet there.
    pub(super) async fn reachable(&self, request: &Reachable) -> Result<bool> {
        let (from, to) = self.endpoints(&request.from, &request.to)?;
        Ok(probe::reachable(&from, &to, Duration::from_millis(request.wait_ms)).await?.arrived())
    }

    fn endpoints(&self, from: &Party, to: &Party) -> Result<(Endpoint, Endpoint)> {
        let (from, to) = (self.party(from)?, self.party(to)?);
        let (source, target) = probe::choose(from.1, to.1)
            .ok_or_else(|| Error::usage("the two have no address of the same family").help("give both IPv4 or IPv6"))?;
        Ok((self.open(from.0, source)?, self.open(to.0, target)?))
    }

    /// Where a party's sockets are opened (nowhere else than here for the world), and its addresses.
    fn party(&self, party: &Party) -> Result<(Option<&NetNs>, &[IpAddr])> {
        match party {
            Party::World => Ok((None, &self.gateway)),
            Party::Node(name) => {
                let member = self.member(name)?;
                Ok((Some(member.node.network()), &member.addresses))
            }
        }
    }

    fn open(&self, network: Option<&NetNs>, address: IpAddr) -> Result<Endpoint> {
        match network {
            Some(network) => self.home.visit(network, || Endpoint::open(address)),
            None => Endpoint::open(address),
        }
    }

    /// Brings namespaces to these rulesets.
    pub(super) fn apply(&self, plans: Vec<(String, Ruleset)>) -> Applied {
        let mut failures = Vec::new();
        let mut found = Vec::new();
        for (name, ruleset) in plans {
            match self.member(&name) {
                Ok(member) => found.push((name, &member.rules, ruleset)),
                Err(error) => failures.push((name, error)),
            }
        }
        let mut applied = rules::apply(found);
        applied.failures.extend(failures);
        applied
    }
}

/// A namespace that is not connected yet.
struct Made<'a> {
    request: &'a NodeNet,
    network: NetNs,
    links: Links,
    events: AddressEvents,
    rules: Rules,
}

impl<'a> Made<'a> {
    fn new(home: &NetNs, request: &'a NodeNet) -> Result<Self> {
        let made = home.create(|| {
            let links = Links::open()?;
            open_ports_and_ping();
            Ok((links, AddressEvents::open()?, Rules::open()?))
        });
        let (network, (links, events, rules)) =
            made.map_err(|error| error.context(format!("node {}", request.name)))?;
        Ok(Self { request, network, links, events, rules })
    }

    /// Gives `eth0`, which is there by now, its addresses, and watches them from then on.
    fn finish(mut self, outbox: &Outbox) -> Result<Member> {
        let name = &self.request.name;
        let nets = self.nets();
        let addresses: Vec<_> = nets.iter().map(IpNet::addr).collect();
        let mut changes = vec![Change::Up(LOOPBACK)];
        if has_ipv6() {
            changes.push(Change::NoLinkLocal(NODE_DEVICE));
        }
        changes.push(Change::Up(NODE_DEVICE));
        changes.extend(nets.into_iter().map(|net| Change::AddAddress(NODE_DEVICE, net)));
        self.links.apply(&changes).map_err(|error| error.context(format!("node {name}")))?;
        let node = Rc::new(Node::new(name, self.network));
        let watcher =
            Watcher { name: name.clone(), links: self.links, known: addresses.clone(), outbox: outbox.clone() };
        Ok(Member { node, addresses, rules: self.rules, watch: spawn_local(watcher.watch(self.events)) })
    }

    /// What `eth0` gets: IPv4 first, since the first address is the one that the node is known by.
    fn nets(&self) -> Vec<IpNet> {
        let mut nets = self.request.addresses.clone();
        nets.sort_by_key(|net| net.addr().is_ipv6());
        if let Ok(local) = Ipv6Net::new(link_local(self.request.mac), 64) {
            nets.push(local.into());
        }
        nets.retain(|net| net.addr().is_ipv4() || has_ipv6());
        nets
    }
}

/// Bridge, its addresses, and a veth to each node: one batch.
fn connect(gateway: &[IpNet], nodes: &[Made<'_>]) -> Result<()> {
    let names: Vec<_> = (0..nodes.len()).map(|position| format!("v{position}")).collect();
    let mut changes = vec![Change::Up(LOOPBACK), Change::AddBridge(End { device: BRIDGE, mac: fabric_mac(0) })];
    let reachable = gateway.iter().filter(|net| net.addr().is_ipv4() || has_ipv6());
    changes.extend(reachable.map(|net| Change::AddAddress(BRIDGE, *net)));
    changes.extend(nodes.iter().zip(&names).zip(FIRST_PORT..).map(|((node, name), index)| Change::AddVeth {
        end: End { device: Device { index, name }, mac: fabric_mac(index) },
        master: BRIDGE,
        peer: End { device: NODE_DEVICE, mac: node.request.mac },
        peer_namespace: node.network.as_fd(),
    }));
    Links::open()?.apply(&changes).map_err(|error| error.context("the network"))
}

/// Locally administered, and different from what nodes get: those begin with 02.
fn fabric_mac(index: u32) -> Mac {
    let [a, b, c, d] = index.to_be_bytes();
    [0x06, 0xb1, a, b, c, d]
}

fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

/// No packet on the bridge passes through a firewall of the machine's, and the bridge's ports talk no IPv6 themselves.
fn quiet_bridge() {
    for call in ["iptables", "ip6tables", "arptables"] {
        set(&format!("bridge/bridge-nf-call-{call}"), "0");
    }
    set("ipv6/conf/default/addr_gen_mode", "1");
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

/// Tells the runner about addresses that come and go.
struct Watcher {
    name: String,
    links: Links,
    known: Vec<IpAddr>,
    outbox: Outbox,
}

impl Watcher {
    async fn watch(mut self, events: AddressEvents) {
        let Ok(waiting) = events.as_fd().try_clone_to_owned().and_then(readable) else { return };
        while let Ok(mut ready) = waiting.readable().await {
            ready.clear_ready();
            // Whatever was reported: the whole list is what counts.
            if events.read().is_err() || self.look().is_err() {
                return;
            }
        }
    }

    fn look(&mut self) -> Result<()> {
        let mut all = self.links.addresses()?;
        all.retain(|address| address.index != LOOPBACK.index);
        let mut addresses: Vec<_> = hosts(&all).collect();
        addresses.sort();
        self.known.sort();
        if addresses != self.known {
            self.known.clone_from(&addresses);
            self.outbox.notify(Notification::Addresses { node: self.name.clone(), addresses });
        }
        Ok(())
    }
}
