//! No nodes at all: a virtual clock and the rulesets the nodes would hold. It plans schedules, tests scripts and is
//! the deterministic arm of the tests. Programs answer as those of a healthy node would: exit code 0, no output.
//!
//! Reachability is read from the same rulesets that the kernel would get, so that a wrong plan shows here too.

use super::{Applied, LogPieces, Place, Runtime};
use crate::cluster::Cluster;
use crate::engine::{Clock, Exec, ExecOutput, Job, ProbeReply, RunState, ready};
use crate::fault::{Family, Filter, Proto};
use crate::plan::{Interfaces, Ruleset};
use crate::signal::Signal;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a look costs in virtual time, so that a loop that only looks comes to its deadline.
const LOOK_US: u64 = 1_000;
/// The round trip of an unimpaired link.
const RTT_US: u64 = 200;
/// How long a probe waits for its answer.
const PROBE_WAIT_US: u64 = 1_000_000;

/// The simulated nodes.
pub struct Sim {
    clock: Arc<Clock>,
    interfaces: Vec<Interfaces>,
    nodes: Mutex<Vec<Node>>,
}

#[derive(Clone)]
struct Node {
    state: RunState,
    ruleset: Ruleset,
}

impl Sim {
    /// The nodes of this cluster, down.
    #[must_use]
    pub fn new(cluster: &Cluster, clock: Arc<Clock>) -> Self {
        let node = Node { state: RunState::Down, ruleset: Ruleset::default() };
        Self { clock, interfaces: super::interfaces(cluster), nodes: Mutex::new(vec![node; cluster.nodes.len()]) }
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, node: usize, state: RunState) -> Job<()> {
        self.nodes()[node].state = state;
        ready(Ok(()))
    }

    fn look<T: Send + 'static>(&self, answer: T) -> Job<T> {
        self.clock.spend(LOOK_US);
        ready(Ok(answer))
    }

    /// Whether one packet from `source` arrives at `target`: the kernel of a frozen node still receives, that of a
    /// node that is down does too, for its namespace stays.
    fn arrives(&self, source: Place, target: Place) -> bool {
        let nodes = self.nodes();
        let ruleset = |node: usize| &nodes[node].ruleset;
        match (source, target) {
            (Place::Node(source), Place::Node(target)) => self.address(source).is_none_or(|address| {
                let mut refused = ruleset(target).treated.iter();
                !refused.any(|((filter, _), sources)| covers(*filter, address) && sources.contains(address))
            }),
            (Place::World, Place::Node(target)) => self.address(target).is_none_or(|address| {
                !ruleset(target).world.from_world.iter().any(|(filter, _)| covers(*filter, address))
            }),
            (Place::Node(source), Place::World) => self
                .address(source)
                .is_none_or(|address| !ruleset(source).world.to_world.iter().any(|filter| covers(*filter, address))),
            (Place::World, Place::World) => true,
        }
    }

    /// The address that a node's packets carry here.
    fn address(&self, node: usize) -> Option<IpAddr> {
        self.interfaces[node].addresses.first().copied()
    }
}

/// Whether a filter covers the packet that looks at a link: UDP, between ports that no filter means.
fn covers(filter: Filter, address: IpAddr) -> bool {
    let family = if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    filter.port.is_none()
        && filter.proto.is_none_or(|proto| proto == Proto::Udp)
        && filter.family.is_none_or(|filtered| filtered == family)
}

impl Runtime for Sim {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn up(&self) -> Job<()> {
        for node in self.nodes().iter_mut() {
            node.state = RunState::Up;
        }
        ready(Ok(()))
    }

    fn down(&self) -> Job<()> {
        for node in self.nodes().iter_mut() {
            node.state = RunState::Down;
        }
        ready(Ok(()))
    }

    fn apply(&self, rulesets: Vec<(usize, Ruleset)>) -> Job<Applied> {
        let mut nodes = self.nodes();
        for (node, ruleset) in rulesets {
            nodes[node].ruleset = ruleset;
        }
        ready(Ok(Applied::default()))
    }

    fn start(&self, node: usize) -> Job<()> {
        self.set(node, RunState::Up)
    }

    fn stop(&self, node: usize) -> Job<()> {
        self.set(node, RunState::Down)
    }

    fn kill(&self, node: usize, signal: Signal) -> Job<()> {
        if signal.is_deadly() { self.set(node, RunState::Down) } else { ready(Ok(())) }
    }

    fn pause(&self, node: usize) -> Job<()> {
        self.set(node, RunState::Paused)
    }

    fn resume(&self, node: usize) -> Job<()> {
        self.set(node, RunState::Up)
    }

    fn exec(&self, _: usize, _: Exec) -> Job<ExecOutput> {
        self.look(ExecOutput { took_us: LOOK_US, ..ExecOutput::default() })
    }

    fn logs(&self, _: usize, _: Option<usize>) -> Job<String> {
        self.look(String::new())
    }

    fn follow(&self, _: usize, _: Option<usize>) -> Job<LogPieces> {
        let (_nothing_is_written, pieces) = tokio::sync::mpsc::channel(1);
        self.look(pieces)
    }

    fn tcp(&self, node: usize, _: u16) -> Job<bool> {
        let up = self.nodes()[node].state == RunState::Up;
        self.look(up)
    }

    fn probe(&self, source: Place, target: Place) -> Job<ProbeReply> {
        let whole = self.arrives(source, target) && self.arrives(target, source);
        self.clock.spend(if whole { RTT_US } else { PROBE_WAIT_US });
        ready(Ok(ProbeReply { rtt_us: whole.then_some(RTT_US) }))
    }

    fn reachable(&self, source: Place, target: Place) -> Job<bool> {
        let arrives = self.arrives(source, target);
        self.look(arrives)
    }

    fn is_down(&self, node: usize) -> bool {
        self.nodes()[node].state == RunState::Down
    }

    fn life(&self, _: usize) -> u64 {
        0
    }

    fn interfaces(&self) -> Vec<Interfaces> {
        self.interfaces.clone()
    }
}
