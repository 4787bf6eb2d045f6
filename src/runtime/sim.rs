//! No nodes at all: a virtual clock and the rulesets the nodes would hold. It plans schedules, tests scripts and is
//! the deterministic arm of the tests. Programs answer as those of a healthy node would: exit code 0, no output.
//!
//! Reachability is read from the same rulesets that the kernel would get, so that a wrong plan shows here too.

use super::{Applied, LogPieces, Place, Runtime};
use crate::cluster::Cluster;
use crate::engine::{Clock, Exec, ExecOutput, Job, ProbeReply, RunState, ready};
use crate::fate::Simulated;
use crate::fault::{Family, Filter, Impairment, Proto};
use crate::plan::{Addresses, Interfaces, Leaving, Means, Plan, Treatment};
use crate::probe::http::{Answer, Request, Response};
use crate::probe::{Arrival, Stream};
use crate::signal::Signal;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a look costs in virtual time, so that a loop that only looks comes to its deadline.
const LOOK_US: u64 = 1_000;
/// The headers before what a probe says.
const IP_AND_UDP: usize = 28;
/// A packet of a probe, with its headers.
const PROBE_BYTES: usize = 44;
/// The round trip of an unimpaired link.
const RTT_US: u64 = 200;

/// How long TCP waits before it sends again what was lost: of the connection, and of what is said over it.
const RESEND_US: [u64; 2] = [1_000_000, 200_000];
/// What somebody says who does not want a connection.
const REFUSED: &str = "connection refused";

/// The simulated nodes.
pub struct Sim {
    clock: Arc<Clock>,
    interfaces: Vec<Interfaces>,
    names: Vec<String>,
    /// What has crossed impaired links so far, by the links' names.
    links: Mutex<BTreeMap<String, Simulated>>,
    nodes: Mutex<Vec<Node>>,
}

#[derive(Clone)]
struct Node {
    state: RunState,
    /// Whether a signal stopped its program.
    stopped: bool,
    plan: Plan,
}

impl Node {
    /// What its program does: one that a signal stopped answers nobody, as a frozen one.
    fn does(&self) -> RunState {
        if self.stopped && self.state == RunState::Up { RunState::Paused } else { self.state }
    }
}

impl Sim {
    /// The nodes of this cluster, down.
    #[must_use]
    pub fn new(cluster: &Cluster, clock: Arc<Clock>) -> Self {
        let node = Node { state: RunState::Down, stopped: false, plan: Plan::default() };
        let names = cluster.nodes.iter().map(|node| node.name.clone()).collect();
        Self {
            clock,
            interfaces: super::interfaces(cluster),
            names,
            links: Mutex::default(),
            nodes: Mutex::new(vec![node; cluster.nodes.len()]),
        }
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

    /// Whether one packet from `source` to `target` meets a rule that refuses it: the kernel of a frozen node still
    /// receives, that of a node that is down does too, for its namespace stays.
    fn refused(&self, packet: Filter, source: Place, target: Place) -> bool {
        let nodes = self.nodes();
        let refuses = |treatment: &Treatment| matches!(treatment, Treatment::Drop | Treatment::Reject);
        self.arriving(&nodes, packet, source, target).iter().any(|(_, treatment)| refuses(treatment))
            || self
                .leaving(&nodes, packet, source, target)
                .iter()
                .any(|(_, leaving)| matches!(leaving, Leaving::Drop | Leaving::Reject))
    }

    /// Whether it vanishes without an answer, or as an answer of a reject: these no reject refuses.
    fn dropped(&self, packet: Filter, source: Place, target: Place) -> bool {
        let nodes = self.nodes();
        self.arriving(&nodes, packet, source, target).iter().any(|(_, treatment)| *treatment == Treatment::Drop)
            || self.leaving(&nodes, packet, source, target).iter().any(|(_, leaving)| *leaving == Leaving::Drop)
    }

    /// Whether the first packet of a connection is answered with a refusal, and the answer comes.
    fn rejected(&self, packet: Filter, source: Place, target: Place) -> bool {
        let met = self.arriving(&self.nodes(), packet, source, target);
        met.iter().any(|(_, treatment)| *treatment == Treatment::Reject)
            && !self.dropped(packet, source, target)
            && !self.dropped(packet, target, source)
    }

    /// How much later than without any fault one packet from `source` arrives at `target`, microseconds; `None`: never.
    fn crosses(&self, packet: Filter, source: Place, target: Place) -> Option<u64> {
        if self.refused(packet, source, target) {
            return None;
        }
        let name = |place| match place {
            Place::Node(node) => self.names[node].as_str(),
            Place::World => "world",
        };
        let (seed, impairment) = self.impairment(packet, source, target);
        if impairment.is_none() {
            return Some(0);
        }
        let name = format!("{} → {}", name(source), name(target));
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let link = links.entry(name.clone()).or_insert_with(|| Simulated::new(seed, &name, Impairment::NONE));
        link.change(seed, &name, impairment);
        link.cross(PROBE_BYTES, self.clock.now_us()).into_iter().min()
    }

    /// A packet there and its answer back, microseconds.
    fn round_trip_us(&self, packet: Filter, source: Place, target: Place) -> Option<u64> {
        let there = self.crosses(packet, source, target)?;
        Some(RTT_US + there + self.crosses(packet, target, source)?)
    }

    /// The connection and the request, microseconds; what is lost is sent again, each time later, as TCP does it.
    fn exchange_us(&self, packet: Filter, source: Place, target: Place, within_us: u64) -> Option<u64> {
        let mut took_us = 0;
        for mut pause_us in RESEND_US {
            loop {
                let rtt_us = self.round_trip_us(packet, source, target);
                took_us += rtt_us.unwrap_or(pause_us);
                if took_us >= within_us {
                    return None;
                }
                if rtt_us.is_some() {
                    break;
                }
                pause_us *= 2;
            }
        }
        Some(took_us)
    }

    /// What the node's kernel or its program answers, or somebody on the way.
    fn answer(&self, source: Place, node: usize, request: &Request) -> Answer {
        let target = Place::Node(node);
        let packet = Filter { proto: Some(Proto::Tcp), port: Some(request.port), family: None };
        let is_own = source == target;
        let is_cut = !is_own && [(source, target), (target, source)].iter().any(|(a, b)| self.refused(packet, *a, *b));
        let state = self.nodes()[node].does();
        match state {
            _ if is_cut && self.rejected(packet, source, target) => Answer::none(REFUSED, LOOK_US),
            RunState::Down | RunState::Missing if !is_cut => Answer::none(REFUSED, LOOK_US),
            RunState::Up if is_own => healthy(LOOK_US),
            RunState::Up if !is_cut => self
                .exchange_us(packet, source, target, request.timeout_us)
                .map_or_else(|| Answer::late(request), |took_us| healthy(LOOK_US + took_us)),
            _ => Answer::late(request),
        }
    }

    /// What happens to a packet on its way from `source` to `target`, by whatever means.
    fn impairment(&self, packet: Filter, source: Place, target: Place) -> (u64, Impairment) {
        let nodes = self.nodes();
        let mut met = Vec::new();
        for (_, treatment) in self.arriving(&nodes, packet, source, target) {
            if let Treatment::Lose(share) = treatment {
                met.push(Impairment { loss: share.share(), ..Impairment::NONE });
            }
        }
        for (_, leaving) in self.leaving(&nodes, packet, source, target) {
            if let Leaving::Lose(share) = leaving {
                met.push(Impairment { loss: share.share(), ..Impairment::NONE });
            }
        }
        met.extend(self.class(&nodes, packet, source, target));
        met.extend(self.shaped(&nodes, packet, source, target));
        let of = |place| match place {
            Place::Node(node) => Some(&nodes[node].plan),
            Place::World => None,
        };
        let seed = of(source).or(of(target)).map_or(0, |plan| plan.seed);
        (seed, met.iter().fold(Impairment::NONE, |sum, impairment| sum.and(impairment)))
    }

    /// What the receiver's rules say of a packet.
    fn arriving(&self, nodes: &[Node], packet: Filter, source: Place, target: Place) -> Vec<(Filter, Treatment)> {
        let Place::Node(target) = target else { return Vec::new() };
        let ruleset = &nodes[target].plan.ruleset;
        match source {
            Place::World => {
                let Some(address) = self.address(target) else { return Vec::new() };
                ruleset
                    .world
                    .from_world
                    .iter()
                    .filter(|(filter, _)| covers(*filter, packet, address))
                    .copied()
                    .collect()
            }
            Place::Node(source) => {
                let Some(address) = self.address(source) else { return Vec::new() };
                let met = ruleset
                    .treated
                    .iter()
                    .filter(|((filter, _), sources)| covers(*filter, packet, address) && sources.contains(address));
                met.map(|(met, _)| *met).collect()
            }
        }
    }

    /// What the sender's rules say of a packet that goes to the world.
    fn leaving(&self, nodes: &[Node], packet: Filter, source: Place, target: Place) -> Vec<(Filter, Leaving)> {
        let (Place::Node(source), Place::World) = (source, target) else { return Vec::new() };
        let Some(address) = self.address(source) else { return Vec::new() };
        let to_world = &nodes[source].plan.ruleset.world.to_world;
        to_world.iter().filter(|(filter, _)| covers(*filter, packet, address)).copied().collect()
    }

    /// What a packet meets in the class that it leaves through: that of the filter that asks most.
    fn class(&self, nodes: &[Node], packet: Filter, source: Place, target: Place) -> Option<Impairment> {
        let Place::Node(sender) = source else { return None };
        let plan = &nodes[sender].plan;
        let id = match target {
            Place::Node(target) => {
                let address = self.address(target)?;
                let sorting = plan.ruleset.classed.iter().filter(|((filter, _), _)| covers(*filter, packet, address));
                let found = sorting.filter_map(|((filter, _), classes)| Some((filter.asks(), *classes.get(&address)?)));
                found.max_by_key(|(asks, _)| *asks)?.1
            }
            Place::World => {
                let found =
                    self.leaving(nodes, packet, source, target).into_iter().filter_map(
                        |(filter, leaving)| match leaving {
                            Leaving::Class(id) => Some((filter.asks(), id)),
                            _ => None,
                        },
                    );
                found.max_by_key(|(asks, _)| *asks)?.1
            }
        };
        Some(plan.tree.classes.get(&id)?.impairment.clone())
    }

    /// What the user-space shaper does to a packet.
    fn shaped(&self, nodes: &[Node], packet: Filter, source: Place, target: Place) -> Option<Impairment> {
        let (link, address) = match (source, target) {
            (Place::Node(source), Place::World) => (nodes[source].plan.shaped.leaving.as_ref()?, self.address(source)?),
            (Place::Node(source), Place::Node(target)) => {
                let address = self.address(source)?;
                let mut links = nodes[target].plan.shaped.arriving.iter();
                let is_from = |sources: &Addresses| sources.contains(address);
                (links.find(|link| link.sources.as_ref().is_some_and(is_from))?, address)
            }
            (Place::World, Place::Node(target)) => {
                let mut links = nodes[target].plan.shaped.arriving.iter();
                (links.find(|link| link.sources.is_none())?, self.address(target)?)
            }
            (Place::World, Place::World) => return None,
        };
        Some(link.effect(|filter| covers(filter, packet, address)))
    }

    /// The address that a node's packets carry here.
    fn address(&self, node: usize) -> Option<IpAddr> {
        self.interfaces[node].addresses.first().copied()
    }
}

/// Of a server that has nothing to say.
fn healthy(took_us: u64) -> Answer {
    Answer { response: Ok(Response { status: 200, body: String::new() }), took_us }
}

/// The packet that looks at a link: UDP, between ports that no filter means.
const PROBE: Filter = Filter { proto: Some(Proto::Udp), port: None, family: None };

/// Whether a filter covers a packet between addresses of this one's family.
fn covers(filter: Filter, packet: Filter, address: IpAddr) -> bool {
    let family = if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    filter.port.is_none_or(|port| packet.port == Some(port))
        && filter.proto.is_none_or(|proto| packet.proto == Some(proto))
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

    fn apply(&self, plans: Vec<(usize, Plan)>) -> Job<Applied> {
        let mut nodes = self.nodes();
        for (node, plan) in plans {
            nodes[node].plan = plan;
        }
        ready(Ok(Applied::default()))
    }

    fn is_quiet(&self) -> bool {
        true
    }

    fn means(&self) -> Job<Means> {
        ready(Ok(Means::ALL))
    }

    fn start(&self, node: usize) -> Job<()> {
        self.nodes()[node].stopped = false;
        self.set(node, RunState::Up)
    }

    fn stop(&self, node: usize) -> Job<()> {
        self.set(node, RunState::Down)
    }

    fn kill(&self, node: usize, signal: Signal) -> Job<()> {
        if signal.stops_or_continues() {
            self.nodes()[node].stopped = signal.stops();
        }
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

    fn http(&self, source: Place, node: usize, request: Request) -> Job<Answer> {
        let answer = self.answer(source, node, &request);
        self.clock.spend(answer.took_us);
        ready(Ok(answer))
    }

    fn probe(&self, source: Place, target: Place, wait_ms: u64) -> Job<ProbeReply> {
        let rtt_us = self.round_trip_us(PROBE, source, target);
        self.clock.spend(rtt_us.unwrap_or(wait_ms * 1_000));
        ready(Ok(ProbeReply { rtt_us }))
    }

    fn reachable(&self, source: Place, target: Place, _: u64) -> Job<bool> {
        let arrives = self.crosses(PROBE, source, target).is_some();
        self.look(arrives)
    }

    fn measure(&self, source: Place, target: Place, stream: Stream) -> Job<Vec<Arrival>> {
        let began = self.clock.now_us();
        let mut arrivals = Vec::new();
        if !self.refused(PROBE, source, target) {
            let (seed, impairment) = self.impairment(PROBE, source, target);
            let name = format!("{source:?} → {target:?} measured");
            let mut link = Simulated::new(seed, &name, impairment);
            for number in 0..stream.count {
                let sent_us = u64::from(number) * stream.interval_us;
                let late = link.cross(usize::from(stream.bytes) + IP_AND_UDP, began + sent_us);
                arrivals.extend(late.into_iter().map(|took_us| Arrival { number, took_us, at_us: sent_us + took_us }));
            }
        }
        arrivals.sort_by_key(|arrival| arrival.at_us);
        self.clock.spend(u64::from(stream.count) * stream.interval_us + stream.wait_ms * 1_000);
        ready(Ok(arrivals))
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
