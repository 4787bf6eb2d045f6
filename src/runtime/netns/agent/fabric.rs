//! The network of a run and the nodes in it: rules, probes, and what becomes of the addresses.

use super::http;
use super::namespace::NetNs;
use super::node::Node;
use super::rules::{self, Rules};
use super::serve::Outbox;
use super::wire::{self, Wired};
use crate::error::{Error, Result};
use crate::kernel::address::{AddressEvents, hosts};
use crate::kernel::link::{LOOPBACK, Links};
use crate::kernel::probe::{self, Connecting, Endpoint};
use crate::plan::Ruleset;
use crate::runtime::netns::protocol::{Applied, CreateFabric, Notification, Party, Probe, Probed, Reachable};
use crate::runtime::netns::readable::readable;
use ipnet::IpNet;
use rustix::fd::AsFd;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_local};

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

impl Member {
    fn new(name: &str, wired: Wired, outbox: &Outbox) -> Self {
        let Wired { network, links, events, rules, addresses } = wired;
        let watcher = Watcher { name: name.to_owned(), links, known: addresses.clone(), outbox: outbox.clone() };
        let node = Rc::new(Node::new(name, network));
        Self { node, addresses, rules, watch: spawn_local(watcher.watch(events)) }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Fabric {
    /// Creates all of it, and waits until every link carries packets. What exists when an error occurs ends with the
    /// agent.
    pub(super) async fn create(request: &CreateFabric, outbox: &Outbox) -> Result<Self> {
        let home = NetNs::current().map_err(|e| Error::machine(format!("cannot open our network namespace: {e}")))?;
        let wired = wire::wire(&home, request).await?;
        let members =
            request.nodes.iter().zip(wired).map(|(node, wired)| Member::new(&node.name, wired, outbox)).collect();
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
        match self.connecting(node, port)? {
            Some(connecting) => Ok(connecting.accepted(wait).await),
            None => Ok(false),
        }
    }

    /// The status of an HTTP request to the node's own address, if HTTP comes back.
    pub(super) async fn http(&self, node: &str, port: u16, path: &str, wait: Duration) -> Result<Option<u16>> {
        let Some(connecting) = self.connecting(node, port)? else { return Ok(None) };
        let Some(stream) = connecting.connected(wait).await else { return Ok(None) };
        Ok(http::status(stream, node, path, wait).await)
    }

    /// A connection to the node's own address, from inside of it.
    fn connecting(&self, node: &str, port: u16) -> Result<Option<Connecting>> {
        let member = self.member(node)?;
        let Some(address) = member.addresses.first() else {
            return Err(Error::usage(format!("node {node} has no address")));
        };
        let to = SocketAddr::new(*address, port);
        self.home.visit(member.node.network(), || Connecting::start(to))
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
