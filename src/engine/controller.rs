//! The single writer: the active faults, what the nodes' programs should be doing, and what the kernel was told last.
//!
//! The network is computed anew from the set of faults at every change; only rulesets that differ are handed to the
//! runtime. No kernel, clock or terminal is touched here.

use super::command::RunState;
use super::{Clock, Command, EventBody, FaultInfo, Job, NodeAction, Recorder, Reply, Selection, status};
use crate::cluster::Cluster;
use crate::fault::{Fault, FaultId, Matrix, Member, Party};
use crate::plan::{self, Ruleset};
use crate::runtime::{Notice, Place, Runtime};
use crate::signal::Signal;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

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
    recorder: Arc<Recorder>,
    clock: Arc<Clock>,
    members: Vec<Member>,
    addresses: Vec<Vec<IpAddr>>,
    faults: BTreeMap<FaultId, Active>,
    next: u64,
    /// What each namespace holds, where that is known for sure.
    applied: Vec<Option<Ruleset>>,
    nodes: Vec<RunState>,
    /// Whether the cluster was removed.
    removed: bool,
}

impl Controller {
    /// A controller for a cluster that is not up yet.
    pub fn new(cluster: Arc<Cluster>, runtime: Arc<dyn Runtime>, recorder: Arc<Recorder>, clock: Arc<Clock>) -> Self {
        let member =
            |node: &crate::cluster::Node| Member { name: node.name.clone(), neutral: node.neutral, holy: node.holy };
        let members: Vec<Member> = cluster.nodes.iter().map(member).collect();
        let size = members.len();
        let addresses = runtime.addresses();
        Self {
            cluster,
            runtime,
            recorder,
            clock,
            members,
            addresses,
            faults: BTreeMap::new(),
            next: 1,
            applied: vec![Some(Ruleset::default()); size],
            nodes: vec![RunState::Down; size],
            removed: false,
        }
    }

    /// Creates and starts everything.
    pub async fn up(&mut self) -> Result<()> {
        let before = self.clock.now_us();
        self.runtime.up().await?;
        self.nodes.fill(RunState::Up);
        let nodes = self.members.iter().map(|member| member.name.clone()).collect();
        self.recorder.record_engine(EventBody::ClusterUp { nodes, took_us: self.clock.now_us() - before })
    }

    /// Heals every fault of a run without restarting nodes that are about to be removed anyway, then removes the
    /// cluster. Goes on after failures and reports all of them.
    pub async fn down(&mut self) -> Result<()> {
        self.removed = true;
        let (healed, unrecorded) = self.heal_network().await;
        let down = self.runtime.down().await;
        // With everything removed nothing is left of a fault either, whatever became of its healing.
        let errors: Vec<Error> = match down {
            Ok(()) => Vec::new(),
            Err(error) => healed.err().into_iter().chain([error]).collect(),
        };
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let recorded = self.recorder.record_engine(EventBody::ClusterDown { errors: texts });
        match cleanup_failure(errors) {
            Some(error) => Err(error),
            None => unrecorded.and(recorded),
        }
    }

    /// Heals all that belongs to this owner: the end of its run.
    pub async fn release(&mut self, owner: Owner) -> Result<()> {
        let ids: Vec<FaultId> =
            self.faults.iter().filter(|(_, active)| active.owner == owner).map(|(id, _)| *id).collect();
        self.heal(ids).await.map(|_| ())
    }

    /// Takes in what a node did by itself. A failure to follow is an error for the caller to report.
    pub async fn notice(&mut self, notice: Notice) -> Result<()> {
        if self.removed {
            return Ok(()); // its end is part of the removal
        }
        match notice {
            Notice::Exited { node, life, ended, expected } => {
                if life >= self.runtime.life(node) {
                    self.nodes[node] = RunState::Down;
                }
                let log = if expected { Vec::new() } else { self.last_lines(node).await };
                let node = self.members[node].name.clone();
                self.recorder.record_engine(EventBody::NodeExit { node, ended, expected, log })
            }
            Notice::Addresses { node, addresses } => {
                self.addresses[node] = addresses;
                self.reconcile().await.map(|_| ())
            }
            Notice::Lost { cause } => {
                self.nodes.fill(RunState::Down);
                Err(Error::machine(format!("the nodes are gone: {cause}")))
            }
        }
    }

    async fn last_lines(&self, node: usize) -> Vec<String> {
        const SHOWN: usize = 5;
        let text = self.runtime.logs(node, Some(SHOWN)).await.unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The answer to a command that changes nothing; `None` for one that does.
    pub fn observe(&self, command: &Command) -> Option<Job<Reply>> {
        let runtime = &self.runtime;
        let job = match command {
            Command::Exec { node, exec } => {
                self.at(node).map(|node| then(runtime.exec(node, exec.clone()), Reply::Exec))
            }
            Command::Logs { node, last } => self.at(node).map(|node| then(runtime.logs(node, *last), Reply::Logs)),
            Command::Tcp { node, port } => self.at(node).map(|node| then(runtime.tcp(node, *port), Reply::Bool)),
            Command::Probe { source, target } => {
                self.ends(source, target).map(|(a, b)| then(runtime.probe(a, b), Reply::Probe))
            }
            Command::Reachable { source, target } => {
                self.ends(source, target).map(|(a, b)| then(runtime.reachable(a, b), Reply::Bool))
            }
            Command::Status => Ok(super::ready(Ok(Reply::Status(self.status())))),
            Command::Faults => Ok(super::ready(Ok(Reply::Faults(self.active().collect())))),
            Command::Inject { .. }
            | Command::Replace { .. }
            | Command::Heal { .. }
            | Command::Keep { .. }
            | Command::Node { .. } => return None,
        };
        Some(job.unwrap_or_else(|error| super::ready(Err(error))))
    }

    /// Carries out a command that changes something.
    pub async fn change(&mut self, owner: Owner, command: Command) -> Result<Reply> {
        match command {
            Command::Inject { fault, .. } => self.inject(owner, fault).await.map(Reply::Fault),
            Command::Replace { fault, .. } => self.replace(owner, fault).await.map(Reply::Fault),
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
            other => match self.observe(&other) {
                Some(observation) => observation.await,
                None => Ok(Reply::Done),
            },
        }
    }

    /// The active faults, oldest first.
    pub fn active(&self) -> impl Iterator<Item = FaultInfo> + '_ {
        self.faults.iter().map(|(id, active)| FaultInfo { id: *id, fault: active.fault.clone(), keep: active.keep })
    }

    /// The cluster's nodes with what they are doing.
    #[must_use]
    pub fn status(&self) -> Vec<super::NodeStatus> {
        let faults: Vec<&Fault> = self.faults.values().map(|active| &active.fault).collect();
        status::of(&self.cluster, &self.matrix(), &faults, &self.nodes)
    }

    fn matrix(&self) -> Matrix {
        Matrix::fold(&self.members, self.faults.values().map(|active| &active.fault))
    }

    // --- faults -------------------------------------------------------------------------------------------------

    async fn inject(&mut self, owner: Owner, fault: Fault) -> Result<FaultInfo> {
        self.admit(&fault)?;
        let before = self.clock.now_us();
        let id = self.announce(&fault)?;
        self.faults.insert(id, Active { fault: fault.clone(), keep: false, owner });
        self.settle(id, fault, before, Vec::new()).await
    }

    /// Puts a partition in the place of this owner's others: one step for the network. Where it fails, they stand.
    async fn replace(&mut self, owner: Owner, fault: Fault) -> Result<FaultInfo> {
        self.admit(&fault)?;
        let before = self.clock.now_us();
        let replaced = |active: &Active| active.owner == owner && matches!(active.fault, Fault::Partition { .. });
        let ids: Vec<FaultId> = self.faults.iter().filter(|(_, a)| replaced(a)).map(|(id, _)| *id).collect();
        let id = self.announce(&fault)?;
        for id in &ids {
            self.recorder.record(EventBody::FaultHeal { id: *id })?;
        }
        // From here on nothing but the network itself can fail.
        let former = ids.iter().filter_map(|id| Some((*id, self.faults.remove(id)?))).collect();
        self.faults.insert(id, Active { fault: fault.clone(), keep: false, owner });
        let info = self.settle(id, fault, before, former).await?;
        let took_us = self.clock.now_us() - before;
        for id in ids {
            self.recorder.record(EventBody::FaultHealed { id, took_us })?;
        }
        Ok(info)
    }

    /// Records that a fault is about to be injected, and names it.
    fn announce(&mut self, fault: &Fault) -> Result<FaultId> {
        let id = FaultId(self.next);
        self.recorder.record(EventBody::FaultInject { id, fault: fault.clone() })?;
        self.next += 1;
        Ok(id)
    }

    /// Carries out a fault that has just joined the active ones. Where that fails, it leaves them again, and those
    /// that made way for it return.
    async fn settle(
        &mut self,
        id: FaultId,
        fault: Fault,
        before: u64,
        former: Vec<(FaultId, Active)>,
    ) -> Result<FaultInfo> {
        let halting: Vec<usize> =
            self.named(fault.halted()).into_iter().filter(|&node| self.nodes[node] != RunState::Down).collect();
        match self.carry_out(&fault).await {
            Ok(spread_us) => {
                self.recorder.record(EventBody::FaultActive {
                    id,
                    took_us: self.clock.now_us() - before,
                    spread_us,
                })?;
                Ok(FaultInfo { id, fault, keep: false })
            }
            Err(error) => {
                self.faults.remove(&id);
                self.faults.extend(former);
                let undone = match self.reconcile().await {
                    Ok(_) => self.revive(&halting).await,
                    failed => failed.map(drop),
                };
                self.recorder.record(EventBody::FaultFailed { id, error: error.to_string() })?;
                Err(undone.err().map_or(error, |undo| undo.context("undoing a fault that failed half-way")))
            }
        }
    }

    /// Refuses what this cluster or this version cannot do, before anything changes.
    fn admit(&self, fault: &Fault) -> Result<()> {
        if let Fault::Degrade { verb, .. } = fault {
            return Err(Error::machine(format!("{verb}() cannot shape links yet in this version of blockade"))
                .help("cuts, pauses, stops and kills work; shaping comes with a later version"));
        }
        if let Fault::Partition { groups } = fault
            && let Some(holy) =
                self.members.iter().find(|m| m.holy && groups.iter().flatten().any(|name| *name == m.name))
        {
            return Err(Error::usage(format!("{} is holy: it may not be named in a partition", holy.name)));
        }
        Ok(())
    }

    /// Brings programs or links to a fault that has just joined the set. Returns the spread over nodes, microseconds.
    async fn carry_out(&mut self, fault: &Fault) -> Result<u64> {
        if fault.is_network() {
            return self.reconcile().await;
        }
        let nodes = fault.halted().iter().map(|name| self.at(name)).collect::<Result<Vec<_>>>()?;
        let running: Vec<usize> = nodes.into_iter().filter(|&node| self.nodes[node] != RunState::Down).collect();
        let jobs = running.iter().map(|&node| self.halt(fault, node)).collect::<Result<Vec<_>>>()?;
        let outcomes = all(jobs).await;
        for (&node, outcome) in running.iter().zip(&outcomes) {
            if outcome.is_ok() {
                self.nodes[node] = match fault {
                    Fault::Pause { .. } => RunState::Paused,
                    Fault::Kill { signal, .. } if signal != "SIGKILL" => self.nodes[node], // its exit will tell
                    _ => RunState::Down,
                };
            }
        }
        outcomes.into_iter().collect::<Result<Vec<()>>>().map(|_| 0)
    }

    fn halt(&self, fault: &Fault, node: usize) -> Result<Job<()>> {
        Ok(match fault {
            Fault::Pause { .. } => self.runtime.pause(node),
            Fault::Kill { signal, .. } => self.runtime.kill(node, Signal::parse(signal.as_str())?),
            _ => self.runtime.stop(node),
        })
    }

    fn selected(&self, which: &Selection) -> Vec<FaultId> {
        let wanted = |id: &FaultId, active: &Active| match which {
            Selection::All => !active.keep,
            Selection::Everything => true,
            Selection::One(one) => id == one,
            Selection::Partitions => active.fault.is_partition() && !active.keep,
            Selection::Impairments(nodes) => matches!(&active.fault, Fault::Degrade { links, .. }
                if links.pairs.iter().any(|(a, b)| [a, b].iter().any(|end| nodes.contains(&end.to_string())))),
        };
        self.faults.iter().filter(|(id, active)| wanted(id, active)).map(|(id, _)| *id).collect()
    }

    /// Heals these faults, all of them, whatever fails on the way.
    async fn heal(&mut self, ids: Vec<FaultId>) -> Result<Vec<FaultInfo>> {
        let before = self.clock.now_us();
        let mut errors = Vec::new();
        let mut recorded = Ok(());
        let mut healed = Vec::new();
        for id in ids {
            if let Some(active) = self.faults.remove(&id) {
                recorded = recorded.and(self.recorder.record(EventBody::FaultHeal { id }));
                healed.push(FaultInfo { id, fault: active.fault, keep: active.keep });
            }
        }
        if healed.iter().any(|info| info.fault.is_network()) {
            errors.extend(self.reconcile().await.err());
        }
        let released: Vec<usize> = self.named(healed.iter().flat_map(|info| info.fault.halted()));
        errors.extend(self.revive(&released).await.err());
        for info in &healed {
            let took_us = self.clock.now_us() - before;
            recorded = recorded.and(self.recorder.record(EventBody::FaultHealed { id: info.id, took_us }));
        }
        cleanup_failure(errors).map_or(recorded.map(|()| healed), Err)
    }

    /// Brings all links to what they are without faults. Returns what came of it, and what came of recording it.
    async fn heal_network(&mut self) -> (Result<()>, Result<()>) {
        let ids: Vec<FaultId> = std::mem::take(&mut self.faults).into_keys().collect();
        let mut recorded = Ok(());
        for id in &ids {
            recorded = recorded.and(self.recorder.record(EventBody::FaultHeal { id: *id }));
        }
        let healed = self.reconcile().await.map(|_| ());
        for id in ids {
            recorded = recorded.and(self.recorder.record(EventBody::FaultHealed { id, took_us: 0 }));
        }
        (healed, recorded)
    }

    /// Brings every namespace to what the active faults demand; what is right already is not touched.
    async fn reconcile(&mut self) -> Result<u64> {
        let wanted = plan::rulesets(&self.matrix(), &self.addresses);
        let changed: Vec<(usize, Ruleset)> = wanted
            .iter()
            .enumerate()
            .filter(|(node, ruleset)| self.applied[*node].as_ref() != Some(ruleset))
            .map(|(node, ruleset)| (node, ruleset.clone()))
            .collect();
        if changed.is_empty() {
            return Ok(0);
        }
        let nodes: Vec<usize> = changed.iter().map(|(node, _)| *node).collect();
        for &node in &nodes {
            self.applied[node] = None; // a failure may leave either
        }
        let applied = self.runtime.apply(changed).await?;
        for node in nodes {
            self.applied[node] = Some(wanted[node].clone());
        }
        Ok(applied.spread_us)
    }

    // --- nodes --------------------------------------------------------------------------------------------------

    async fn act(&mut self, action: NodeAction, names: &[String]) -> Result<()> {
        for name in names {
            self.at(name)?;
        }
        for name in names {
            let node = name.clone();
            self.recorder.record(match action {
                NodeAction::Start => EventBody::NodeStart { node },
                NodeAction::Resume => EventBody::NodeResume { node },
                NodeAction::Restart => EventBody::NodeRestart { node },
            })?;
        }
        let nodes = self.named(names);
        if action == NodeAction::Restart {
            let running = nodes.iter().copied().filter(|&node| self.nodes[node] != RunState::Down);
            let jobs: Vec<Job<()>> = running.map(|node| self.runtime.stop(node)).collect();
            let stopped = all(jobs).await;
            stopped.into_iter().collect::<Result<Vec<()>>>()?;
            for &node in &nodes {
                self.nodes[node] = RunState::Down;
            }
        }
        self.retire(action, names)?;
        self.revive(&nodes).await
    }

    /// Takes the nodes out of the faults that this action ends; a fault without nodes is over.
    fn retire(&mut self, action: NodeAction, names: &[String]) -> Result<()> {
        let mut over = Vec::new();
        for (id, active) in &mut self.faults {
            let nodes = match (&mut active.fault, action) {
                (Fault::Pause { nodes }, NodeAction::Resume | NodeAction::Restart)
                | (Fault::Stop { nodes } | Fault::Kill { nodes, .. }, NodeAction::Start | NodeAction::Restart) => nodes,
                _ => continue,
            };
            let before = nodes.len();
            nodes.retain(|node| !names.contains(node));
            if nodes.is_empty() && before > 0 {
                over.push(*id);
            }
        }
        for id in over {
            self.recorder.record(EventBody::FaultHeal { id })?;
            self.faults.remove(&id);
            self.recorder.record(EventBody::FaultHealed { id, took_us: 0 })?;
        }
        Ok(())
    }

    /// Brings these nodes' programs to what the active faults leave of them: running, frozen or down.
    async fn revive(&mut self, nodes: &[usize]) -> Result<()> {
        let mut errors = Vec::new();
        for &node in nodes {
            errors.extend(self.revive_one(node).await.err());
        }
        merge(errors).map_or(Ok(()), Err)
    }

    async fn revive_one(&mut self, node: usize) -> Result<()> {
        let name = self.members[node].name.clone();
        let covers = |fault: &Fault| fault.halted().contains(&name);
        let down = self.faults.values().any(|a| !matches!(a.fault, Fault::Pause { .. }) && covers(&a.fault));
        let frozen = self.faults.values().any(|a| matches!(a.fault, Fault::Pause { .. }) && covers(&a.fault));
        if self.nodes[node] == RunState::Down && !down {
            self.runtime.start(node).await?;
            self.nodes[node] = RunState::Up;
            self.recorder.record_engine(EventBody::NodeUp { node: name })?;
        }
        match self.nodes[node] {
            RunState::Paused if !frozen => {
                self.runtime.resume(node).await?;
                self.nodes[node] = RunState::Up;
            }
            RunState::Up if frozen => {
                self.runtime.pause(node).await?;
                self.nodes[node] = RunState::Paused;
            }
            _ => {}
        }
        Ok(())
    }

    // --- names --------------------------------------------------------------------------------------------------

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
        let place = |party: &Party| match party {
            Party::World => Ok(Place::World),
            Party::Node(name) => self.at(name).map(Place::Node),
        };
        Ok((place(source)?, place(target)?))
    }
}

fn unknown_node(name: &str, members: &[Member]) -> Error {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    Error::usage(format!("`{name}` is no node")).help(format!("the nodes are {}", names.join(", ")))
}

fn then<T: 'static>(job: Job<T>, reply: fn(T) -> Reply) -> Job<Reply> {
    Box::pin(async move { job.await.map(reply) })
}

/// Waits for all jobs side by side.
async fn all(jobs: Vec<Job<()>>) -> Vec<Result<()>> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    match tokio::runtime::Handle::try_current() {
        Ok(handle) => {
            let tasks: Vec<_> = jobs.into_iter().map(|job| handle.spawn(job)).collect();
            for task in tasks {
                outcomes
                    .push(task.await.unwrap_or_else(|panic| Err(Error::machine(format!("a job crashed: {panic}")))));
            }
        }
        Err(_) => {
            for job in jobs {
                outcomes.push(job.await);
            }
        }
    }
    outcomes
}

/// One error that tells of all.
fn merge(errors: Vec<Error>) -> Option<Error> {
    let mut errors = errors.into_iter();
    let first = errors.next()?;
    Some(errors.fold(first, |mut sum, error| {
        sum.message = format!("{}; {}", sum.message, error.message);
        sum.help = sum.help.or(error.help);
        sum
    }))
}

fn cleanup_failure(errors: Vec<Error>) -> Option<Error> {
    merge(errors).map(|error| Error { kind: ErrorKind::Cleanup, ..error }.context("could not clean up"))
}
