//! The single writer: the active faults, what the nodes' programs should be doing, and what the kernel was told last.
//!
//! The network is computed anew from the set of faults at every change; only rulesets that differ are handed to the
//! runtime. No kernel, clock or terminal is touched here.

mod begun;
mod faults;
mod halts;
mod jobs;
mod narrow;
mod nodes;
mod others;
mod verify;

use super::command::RunState;
use super::turns::Turns;
use super::{Clock, Command, EventBody, FaultInfo, Job, Recorder, Reply, Selection, status};
use crate::cluster::Cluster;
use crate::fault::{Fault, FaultId, Matrix, Member, Party};
use crate::plan::{Interfaces, Plan, Planner, Shaper};
use crate::runtime::{LogPieces, Notice, Place, Runtime};
use crate::{Error, Result};
pub(super) use begun::Begun;
use jobs::{Troubles, then};
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// Whose faults: healed when their owner goes. 0 is nobody's: one-shot commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u64);

impl Owner {
    /// One-shot commands: their faults stand until healed.
    pub const STANDING: Self = Self(0);
}

#[derive(Clone, Debug)]
struct Active {
    fault: Fault,
    keep: bool,
    owner: Owner,
}

/// The state of one cluster under faults.
pub struct Controller {
    cluster: Arc<Cluster>,
    runtime: Arc<dyn Runtime>,
    pub(super) recorder: Arc<Recorder>,
    clock: Arc<Clock>,
    members: Vec<Member>,
    interfaces: Vec<Interfaces>,
    faults: BTreeMap<FaultId, Active>,
    next: u64,
    /// What each namespace holds, where that is known for sure.
    applied: Vec<Option<Plan>>,
    /// Whether the namespaces are still to be brought to the active faults: where it is quiet, before the next look.
    is_behind: bool,
    planner: Planner,
    /// Whether the planner knows by what means links can be impaired here.
    knows_means: bool,
    /// What is to do it alone.
    only: Option<Shaper>,
    nodes: Vec<RunState>,
    /// Nodes whose program was told to end by a fault that is over, and has not ended yet.
    dying: BTreeSet<usize>,
    /// The latest life of each node that we have begun, ended or heard of: a later one is somebody else's doing.
    lives: Vec<u64>,
    /// For how long a node's program ran without its faults at its last start.
    gaps: Vec<Option<u64>>,
    hurry: Hurry,
    /// Who is at which nodes' programs.
    pub(super) turns: Turns,
    /// Whether the cluster was removed.
    removed: bool,
    /// On whose behalf the change under way is: the task of its events.
    by: String,
}

/// Gives up the change that is under way and every later one: the cluster is about to go, and all of it with it.
#[derive(Clone, Debug, Default)]
pub struct Hurry(watch::Sender<bool>);

impl Hurry {
    /// From now on.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn raised(&self) {
        // The sender is our own.
        let _ = self.0.subscribe().wait_for(|raised| *raised).await;
    }
}

impl Controller {
    /// A controller for a cluster that is not up yet.
    pub fn new(cluster: Arc<Cluster>, runtime: Arc<dyn Runtime>, recorder: Arc<Recorder>, clock: Arc<Clock>) -> Self {
        let members: Vec<Member> = cluster.nodes.iter().map(Member::from).collect();
        let size = members.len();
        let interfaces = runtime.interfaces();
        Self {
            cluster,
            runtime,
            recorder,
            clock,
            members,
            interfaces,
            faults: BTreeMap::new(),
            next: 1,
            applied: vec![Some(Plan::default()); size],
            is_behind: false,
            planner: Planner::default(),
            knows_means: false,
            only: None,
            nodes: vec![RunState::Down; size],
            dying: BTreeSet::new(),
            lives: vec![0; size],
            gaps: vec![None; size],
            hurry: Hurry::default(),
            turns: Turns::default(),
            removed: false,
            by: "engine".to_owned(),
        }
    }

    /// The events of later changes belong to this task.
    pub fn on_behalf_of(&mut self, task: &str) -> &mut Self {
        task.clone_into(&mut self.by);
        self
    }

    fn record(&self, body: EventBody) -> Result<()> {
        self.recorder.record_as(&self.by, body)
    }

    /// The same, its links impaired by decisions from this seed, and if so asked, by one shaper alone.
    #[must_use]
    pub fn shaping(mut self, seed: u64, only: Option<Shaper>) -> Self {
        self.planner.seed = seed;
        self.only = only;
        self
    }

    /// The way to give up a change that takes too long.
    #[must_use]
    pub fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// Creates and starts everything.
    pub async fn up(&mut self) -> Result<()> {
        let before = self.clock.now_us();
        self.runtime.up().await?;
        self.nodes.fill(RunState::Up);
        (0..self.nodes.len()).for_each(|node| self.take_note(node));
        let nodes = self.members.iter().map(|member| member.name.clone()).collect();
        self.recorder.record_engine(EventBody::ClusterUp { nodes, took_us: self.clock.now_us() - before })
    }

    /// Removes the cluster, and with its namespaces every fault; what others started is left as it was before its
    /// faults. Goes on after failures and reports all of them.
    pub async fn down(&mut self) -> Result<()> {
        self.removed = true;
        let before = self.clock.now_us();
        let mut troubles = Troubles::default();
        let (ids, faults): (Vec<FaultId>, Vec<Active>) = std::mem::take(&mut self.faults).into_iter().unzip();
        for id in &ids {
            troubles.unrecorded(self.record(EventBody::FaultHeal { id: *id }));
        }
        troubles.left(self.let_go_of_adopted(faults).await);
        let down = self.runtime.down().await;
        let left: Vec<String> = down.as_ref().err().into_iter().map(ToString::to_string).collect();
        let took_us = self.clock.now_us() - before;
        for id in ids.into_iter().filter(|_| down.is_ok()) {
            troubles.unrecorded(self.record(EventBody::FaultHealed { id, took_us }));
        }
        troubles.left(down);
        troubles.unrecorded(self.recorder.record_engine(EventBody::ClusterDown { errors: left }));
        self.nodes.fill(RunState::Down);
        troubles.outcome()
    }

    /// The faults that belong to this owner.
    pub(super) fn owned(&self, owner: Owner) -> Vec<FaultId> {
        self.faults.iter().filter(|(_, active)| active.owner == owner).map(|(id, _)| *id).collect()
    }

    /// Takes in what a node did by itself. A failure to follow is an error for the caller to report.
    pub async fn notice(&mut self, notice: Notice) -> Result<()> {
        if self.removed {
            return Ok(()); // its end is part of the removal
        }
        match notice {
            Notice::Exited { node, life, ended, expected } => self.exited(node, life, ended, expected).await,
            Notice::Started { node, life, gap_us } => self.started(node, life, gap_us),
            Notice::Paused { node, life } => self.paused(node, life),
            Notice::Resumed { node, life } => {
                self.resumed(node, life)?;
                // What it was sent while it was frozen is for now.
                self.runtime.resume(node).await
            }
            Notice::Missing { node, life } => self.missing(node, life),
            Notice::Repaired { what, .. } => self.recorder.record_engine(EventBody::Note { message: what }),
            Notice::Unimpaired { what } => {
                let recorded = self.recorder.record_engine(EventBody::Note { message: what.clone() });
                recorded.and(Err(Error::machine(what)))
            }
            Notice::Interfaces { node, interfaces } => {
                self.interfaces[node] = interfaces;
                self.reconcile().await.map(|_| ())
            }
            Notice::Lost { cause } => {
                self.nodes.fill(RunState::Down);
                Err(Error::machine(format!("the nodes are gone: {cause}")))
            }
        }
    }

    /// The answer to a command that changes nothing; `None` for one that does.
    pub async fn observe(&mut self, command: &Command) -> Option<Job<Reply>> {
        if command.sends_packets()
            && let Err(error) = self.catch_up().await
        {
            return Some(super::ready(Err(error)));
        }
        let runtime = &self.runtime;
        let job = match command {
            Command::Exec { node, exec } => {
                self.at(node).map(|node| then(runtime.exec(node, exec.clone()), Reply::Exec))
            }
            Command::Logs { node, last } => self.at(node).map(|node| then(runtime.logs(node, *last), Reply::Logs)),
            Command::Tcp { node, port } => self.at(node).map(|node| then(runtime.tcp(node, *port), Reply::Bool)),
            Command::Http { source, node, request } => self
                .place(source)
                .and_then(|from| Ok((from, self.at(node)?)))
                .map(|(from, node)| then(runtime.http(from, node, request.clone()), Reply::Http)),
            Command::Probe { source, target } => self.ends(source, target).map(|(a, b)| {
                let wait_ms = self.patience_ms(&[(a, b), (b, a)]);
                then(runtime.probe(a, b, wait_ms), Reply::Probe)
            }),
            Command::Reachable { source, target } => self
                .ends(source, target)
                .map(|(a, b)| then(runtime.reachable(a, b, self.patience_ms(&[(a, b)])), Reply::Bool)),
            Command::Verify { fault } => self.verify(*fault).map(|job| then(job, Reply::Verified)),
            Command::Status => Ok(super::ready(Ok(Reply::Status(self.status())))),
            Command::Held => Ok(then(runtime.held(), Reply::Held)),
            Command::Faults => Ok(super::ready(Ok(Reply::Faults(self.active().collect())))),
            Command::Inject { .. }
            | Command::Replace { .. }
            | Command::Heal { .. }
            | Command::Keep { .. }
            | Command::Node { .. }
            | Command::Add { .. } => return None,
        };
        Some(job.unwrap_or_else(|error| super::ready(Err(error))))
    }

    async fn carry_out(&mut self, owner: Owner, command: Command) -> Result<Reply> {
        match command {
            Command::Inject { fault, .. } => self.inject(owner, fault).await.map(Reply::Fault),
            Command::Replace { fault, .. } => self.replace(owner, fault).await.map(Reply::Fault),
            Command::Heal { which: Selection::Impairments(nodes) } => self.fast(&nodes).await.map(Reply::Faults),
            Command::Heal { which } => {
                let ids = self.selected(&which);
                self.heal(ids).await.map(Reply::Faults)
            }
            Command::Keep { id } => {
                if let Some(active) = self.faults.get_mut(&id) {
                    active.keep = true;
                }
                Ok(Reply::Done)
            }
            Command::Node { action, nodes } => self.act(action, &nodes).await.map(|()| Reply::Done),
            Command::Add { containers } => self.adopt(containers).await.map(Reply::Added),
            other => match self.observe(&other).await {
                Some(observation) => observation.await,
                None => Ok(Reply::Done),
            },
        }
    }

    /// What a node writes, from now on.
    pub fn follow(&self, node: &str, last: Option<usize>) -> Result<Job<LogPieces>> {
        Ok(self.runtime.follow(self.at(node)?, last))
    }

    /// The active faults, oldest first.
    pub fn active(&self) -> impl Iterator<Item = FaultInfo> + '_ {
        let matrix = LazyCell::new(|| self.matrix());
        self.faults.iter().map(move |(id, active)| self.info(&matrix, *id, active))
    }

    /// The cluster's nodes with what they are doing.
    #[must_use]
    pub fn status(&self) -> Vec<super::NodeStatus> {
        let faults: Vec<&Fault> = self.faults.values().map(|active| &active.fault).collect();
        let line = |node| status::Line {
            state: self.nodes[node],
            container_id: self.runtime.container_id(node),
            addresses: &self.interfaces[node].addresses,
            gap_us: self.gaps[node],
        };
        status::of(&self.cluster, &self.matrix(), &faults, line)
    }

    /// The cluster as it is now: it grows where containers are taken in.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn matrix(&self) -> Matrix {
        Matrix::fold(&self.members, self.faults.values().map(|active| &active.fault))
    }

    fn at(&self, name: &str) -> Result<usize> {
        self.members.iter().position(|member| member.name == name).ok_or_else(|| unknown_node(name, &self.members))
    }

    fn named<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Vec<usize> {
        let mut nodes: Vec<usize> = names.into_iter().filter_map(|name| self.at(name).ok()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    fn ends(&self, source: &Party, target: &Party) -> Result<(Place, Place)> {
        Ok((self.place(source)?, self.place(target)?))
    }

    fn place(&self, party: &Party) -> Result<Place> {
        match party {
            Party::World => Ok(Place::World),
            Party::Node(name) => self.at(name).map(Place::Node),
        }
    }
}

fn unknown_node(name: &str, members: &[Member]) -> Error {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    Error::usage(format!("`{name}` is no node")).help(format!("the nodes are {}", names.join(", ")))
}
