//! A node as Docker has it: its containers, their lives, its network.

use super::life::{Life, State};
use crate::cluster::Node;
use crate::kernel::probe::is_link_local;
use crate::plan::Interfaces;
use crate::runtime::docker::lock;
use crate::signal::Signal;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// So many repairs within [`TROUBLE`], and somebody is at work against us.
const REPAIRS_MAX: usize = 5;
const TROUBLE: Duration = Duration::from_secs(60);

/// One node.
pub(super) struct Member {
    /// Its place in the cluster.
    pub(super) index: usize,
    /// As the cluster file, or what was found when it was taken in, has it.
    pub(super) node: Node,
    /// Whether it is somebody else's container, without a holder.
    pub(super) adopted: bool,
    ids: Mutex<Ids>,
    /// Whether all of it but its program is there.
    prepared: watch::Sender<bool>,
    life: watch::Sender<Life>,
    /// The last signal that stops its program or lets it go on and waits until the node is no longer frozen.
    waiting: Mutex<Option<Signal>>,
    /// One change to the node at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// One change to where the agent is attached at a time, for those whose network comes and goes with their program.
    pub(super) attaching: tokio::sync::Mutex<()>,
    interfaces: Mutex<Interfaces>,
    /// The process whose namespace has the node's rules.
    attached: Mutex<Option<i32>>,
    /// When its holder ended, until somebody sees to it.
    holder_died_ns: Mutex<Option<i64>>,
    repair_is_due: AtomicBool,
    repairs: Mutex<Vec<Instant>>,
}

/// The ids of a node's containers, from when they were created.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    /// Who holds its network; none of an adopted node.
    pub(super) holder: Option<String>,
    /// Who runs its program.
    pub(super) container: Option<String>,
}

/// Which of a node's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Holder,
    Container,
}

impl Member {
    pub(super) fn new(index: usize, node: Node, adopted: bool, interfaces: Interfaces) -> Self {
        Self {
            index,
            node,
            adopted,
            ids: Mutex::default(),
            prepared: watch::Sender::default(),
            life: watch::Sender::default(),
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            attaching: tokio::sync::Mutex::default(),
            interfaces: Mutex::new(interfaces),
            attached: Mutex::default(),
            holder_died_ns: Mutex::default(),
            repair_is_due: AtomicBool::default(),
            repairs: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.node.name
    }

    pub(super) fn ids(&self) -> Ids {
        lock(&self.ids).clone()
    }

    /// Remembers, or with nothing forgets, the id of one of its containers.
    pub(super) fn set_id(&self, which: Which, id: Option<String>) {
        let mut ids = lock(&self.ids);
        match which {
            Which::Holder => ids.holder = id,
            Which::Container => ids.container = id,
        }
    }

    /// Which of its containers this is, if any.
    pub(super) fn which(&self, id: &str) -> Option<Which> {
        let ids = lock(&self.ids);
        match id {
            id if ids.container.as_deref() == Some(id) => Some(Which::Container),
            id if ids.holder.as_deref() == Some(id) => Some(Which::Holder),
            _ => None,
        }
    }

    /// The container that the node's network namespace belongs to.
    pub(super) fn anchor(&self) -> Option<String> {
        let ids = self.ids();
        if self.adopted { ids.container } else { ids.holder }
    }

    /// A look at its lives.
    pub(super) fn life<T>(&self, look: impl FnOnce(&Life) -> T) -> T {
        look(&self.life.borrow())
    }

    /// Changes what is known of its lives; whoever waits for them looks again.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Life) -> T) -> T {
        let mut outcome = None;
        self.life.send_modify(|life| outcome = Some(change(life)));
        // `send_modify` always calls it; the compiler cannot know.
        #[expect(clippy::unwrap_used, reason = "the closure has run")]
        outcome.unwrap()
    }

    pub(super) fn state(&self) -> State {
        self.life(Life::state)
    }

    /// Has a signal wait until the node is no longer frozen, or with nothing takes back the one that does.
    pub(super) fn set_waiting(&self, signal: Option<Signal>) -> Option<Signal> {
        std::mem::replace(&mut lock(&self.waiting), signal)
    }

    /// From now on its program may be started.
    pub(super) fn is_prepared(&self) {
        self.prepared.send_replace(true);
    }

    /// Waits until its program may be started.
    pub(super) async fn prepared(&self) {
        // The sender is our own.
        let _ = self.prepared.subscribe().wait_for(|prepared| *prepared).await;
    }

    /// Waits until a life later than this one has begun.
    pub(super) async fn begun_after(&self, life: u64) {
        // The sender is our own.
        let _ = self.life.subscribe().wait_for(|present| present.number() > life).await;
    }

    /// Waits until its program does not run.
    pub(super) async fn down(&self) {
        // The sender is our own.
        let _ = self.life.subscribe().wait_for(|life| !life.is_running()).await;
    }

    /// The addresses that its cluster file or the choice of free ones gave it; none of an adopted node.
    pub(super) fn given(&self) -> Vec<IpAddr> {
        self.node.addresses.iter().map(ipnet::IpNet::addr).collect()
    }

    pub(super) fn interfaces(&self) -> Interfaces {
        lock(&self.interfaces).clone()
    }

    /// What addresses and devices that were found say of the node.
    ///
    /// Those that a node of ours was given stay its own while its network is made anew: the rules of others that concern
    /// it must not go for a while. A network that has lost all is at its end, and says nothing.
    pub(super) fn settled(&self, found: Interfaces) -> Option<Interfaces> {
        if self.adopted {
            return Some(found).filter(|found| !found.addresses.is_empty());
        }
        if found.addresses.iter().all(|address| is_link_local(*address)) {
            return None;
        }
        let given = self.node.all_addresses();
        let others = found.addresses.into_iter().filter(|address| !given.contains(address));
        let addresses = given.iter().copied().chain(others.collect::<Vec<_>>()).collect();
        Some(Interfaces { addresses, devices: found.devices })
    }

    /// Whether they differ from those known before.
    pub(super) fn set_interfaces(&self, interfaces: &Interfaces) -> bool {
        let mut known = lock(&self.interfaces);
        let differ = *known != *interfaces;
        known.clone_from(interfaces);
        differ
    }

    pub(super) fn attached(&self) -> Option<i32> {
        *lock(&self.attached)
    }

    pub(super) fn set_attached(&self, pid: Option<i32>) {
        *lock(&self.attached) = pid;
    }

    /// Its holder ended then, by the daemon's clock, and nobody has seen to it so far.
    pub(super) fn holder_died(&self, at_ns: i64) {
        *lock(&self.attached) = None;
        lock(&self.holder_died_ns).get_or_insert(at_ns);
    }

    /// When its holder ended, for whoever sees to it.
    pub(super) fn take_holder_death(&self) -> Option<i64> {
        lock(&self.holder_died_ns).take()
    }

    /// Asks for a repair; whether nobody had before.
    pub(super) fn ask_for_repair(&self) -> bool {
        !self.repair_is_due.swap(true, Ordering::SeqCst)
    }

    /// From here on another repair may be asked for.
    pub(super) fn begin_repair(&self) {
        self.repair_is_due.store(false, Ordering::SeqCst);
    }

    /// Counts a repair. Whether there were not too many of late.
    pub(super) fn may_be_repaired(&self) -> bool {
        let mut repairs = lock(&self.repairs);
        repairs.retain(|at| at.elapsed() < TROUBLE);
        repairs.push(Instant::now());
        repairs.len() <= REPAIRS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{self, Nowhere, Variables};

    fn member() -> Member {
        let (params, env) = (std::collections::BTreeMap::new(), |_: &str| None);
        let variables =
            Variables { name: "c", seed: 0, params: &params, env: &env, kind: None, surroundings: &Nowhere };
        let cluster = cluster::load("c.yaml".as_ref(), "nodes: { n1: {} }", &variables).unwrap();
        Member::new(0, cluster.nodes[0].clone(), false, Interfaces::default())
    }

    #[test]
    fn an_address_on_another_network_counts_also_when_the_clusters_own_network_is_gone() {
        let member = member();
        let found = |addresses: &[&str]| Interfaces {
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            devices: vec!["eth1".to_owned()],
        };
        let settled = member.settled(found(&["192.168.16.2"])).unwrap();
        let other = "192.168.16.2".parse().unwrap();
        assert!(settled.addresses.contains(&other) && settled.addresses.contains(&member.given()[0]));
        assert_eq!(member.settled(found(&["fe80::2"])), None);
        assert_eq!(member.settled(found(&[])), None);
    }
}
