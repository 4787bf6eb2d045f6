//! The network of one node: its namespace, the rules in it, the addresses and devices that it has.
//!
//! A [`Network`] keeps its namespace alive for as long as somebody has it. Addresses and devices come and go without us:
//! a [`Watch`] follows them, tells the runner, and puts the rules of a device that was replaced back in their place.

use super::claim::Claim;
use super::namespace::NetNs;
use super::outbox::Outbox;
use super::protocol::Notification;
use super::readable::readable;
use super::rules::Rules;
use super::trees::Trees;
use crate::error::Result;
use crate::kernel::address::{AddressEvents, Interface, InterfaceAddress};
use crate::kernel::link::{LOOPBACK, Links};
use crate::plan::Interfaces;
use ipnet::IpNet;
use rustix::fd::{AsFd, BorrowedFd};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use tokio::task::{JoinHandle, spawn_local};

/// A node's namespace and the sockets that stay in it.
pub(super) struct Network {
    pub(super) namespace: NetNs,
    pub(super) rules: Rules,
    pub(super) trees: Trees,
    links: RefCell<Links>,
    seen: RefCell<Seen>,
    /// Of a namespace that is not of our making, where another agent might be at work.
    claim: Option<Claim>,
}

/// What was found in a namespace, loopback left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The first one is the one that the node is known by.
    pub(super) nets: Vec<IpNet>,
    pub(super) devices: Vec<Interface>,
}

impl Seen {
    /// All addresses and devices. Names that are no UTF-8 cannot be written in a ruleset and are left out.
    pub(super) fn look(links: &mut Links) -> Result<Self> {
        let mut devices = links.interfaces()?;
        devices.retain(|device| device.index != LOOPBACK.index);
        let mut addresses = links.addresses()?;
        addresses.retain(|address| address.index != LOOPBACK.index);
        Ok(Self { nets: addresses.into_iter().map(|InterfaceAddress { net, .. }| net).collect(), devices })
    }

    /// The same with these addresses first.
    pub(super) fn with_first(mut self, addresses: &[IpAddr]) -> Self {
        let place = |net: &IpNet| addresses.iter().position(|known| *known == net.addr()).unwrap_or(addresses.len());
        self.nets.sort_by_key(place);
        self
    }

    /// The same with those addresses first that stood first before.
    fn in_the_order_of(mut self, before: &[IpNet]) -> Self {
        let place = |net: &IpNet| before.iter().position(|known| known == net).unwrap_or(before.len());
        self.nets.sort_by_key(|net| (place(net), *net));
        self
    }

    pub(super) fn interfaces(&self) -> Interfaces {
        let addresses = self.nets.iter().map(IpNet::addr).collect();
        Interfaces { addresses, devices: self.devices.iter().map(|device| device.name.clone()).collect() }
    }
}

impl AsFd for Network {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

impl Network {
    pub(super) fn new(namespace: NetNs, links: Links, rules: Rules, trees: Trees, seen: Seen) -> Self {
        Self { namespace, rules, trees, links: links.into(), seen: seen.into(), claim: None }
    }

    /// The same, and nobody else's.
    pub(super) fn claimed(self, claim: Claim) -> Self {
        Self { claim: Some(claim), ..self }
    }

    /// All that keeps the namespace alive. From here on it may be another agent's.
    pub(super) fn into_sockets(self) -> impl Send {
        drop(self.claim);
        (self.namespace, self.links, self.rules.into_sockets(), self.trees.into_sockets())
    }

    /// Its devices but loopback.
    pub(super) fn devices(&self) -> Vec<Interface> {
        self.seen.borrow().devices.clone()
    }

    /// Makes sure that the kernel holds what is wanted, whatever somebody has done to it meanwhile.
    pub(super) fn enforce(&self) -> Result<()> {
        let trees = self.trees.enforce(&self.devices());
        self.rules.enforce().and(trees)
    }

    /// Its addresses and devices.
    pub(super) fn interfaces(&self) -> Interfaces {
        self.seen.borrow().interfaces()
    }

    /// Its addresses with the prefixes of their subnets, the one it is known by first.
    pub(super) fn nets(&self) -> Vec<IpNet> {
        self.seen.borrow().nets.clone()
    }

    /// Looks again, and puts rules back that went with a device. Whether addresses or names of devices are others than before.
    pub(super) fn look(&self) -> Result<bool> {
        let before = self.seen.borrow().clone();
        let now = Seen::look(&mut self.links.borrow_mut())?.in_the_order_of(&before.nets);
        self.seen.replace(now.clone());
        if now.devices != before.devices {
            // With a device went its chains, and one of the same name may have taken its place. Where this fails, the
            // next ruleset starts over from what the kernel has.
            let _ = self.enforce();
        }
        Ok(now.interfaces() != before.interfaces())
    }
}

/// The task that follows a namespace's addresses and devices; it ends with this.
pub(super) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    pub(super) fn new(name: &str, network: &Rc<Network>, events: AddressEvents, outbox: &Outbox) -> Self {
        let watcher = Watcher { name: name.to_owned(), network: Rc::downgrade(network), outbox: outbox.clone() };
        Self(spawn_local(watcher.watch(events)))
    }
}

/// Tells the runner about addresses and devices that come and go.
struct Watcher {
    name: String,
    network: Weak<Network>,
    outbox: Outbox,
}

impl Watcher {
    async fn watch(self, events: AddressEvents) {
        let Ok(waiting) = events.as_fd().try_clone_to_owned().and_then(readable) else { return };
        while let Ok(mut ready) = waiting.readable().await {
            ready.clear_ready();
            // Whatever was reported: the whole list is what counts.
            let Some(network) = self.network.upgrade().filter(|_| events.read().is_ok()) else { return };
            let differs = network.look();
            if differs.is_ok_and(|differs| differs) {
                let interfaces = network.interfaces();
                self.outbox.notify(Notification::Interfaces { node: self.name.clone(), interfaces });
            }
        }
    }
}
