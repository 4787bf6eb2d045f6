//! The nodes' programs: halted by faults, started and resumed again, and brought to what the active faults leave.

use super::begun::{Begun, Rest, Stopping};
use super::jobs::{all, merge};
use super::{Active, Controller};
use crate::engine::{Ended, EventBody, Job, NodeAction, RunState};
use crate::fault::{Fault, FaultId};
use crate::signal::Signal;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a program runs, frozen or not.
fn runs(state: RunState) -> bool {
    matches!(state, RunState::Up | RunState::Paused)
}

impl Controller {
    /// Those of the nodes whose program runs, frozen or not.
    pub(super) fn running(&self, names: &[String]) -> BTreeSet<usize> {
        self.named(names).into_iter().filter(|&node| runs(self.nodes[node])).collect()
    }

    /// Brings programs to a fault that has just joined the active ones. Nodes that are down stay so.
    pub(super) async fn halt(&mut self, fault: &Fault) -> Result<()> {
        let nodes = self.running(fault.halted());
        let jobs = nodes.iter().map(|&node| self.halting(fault, node)).collect::<Result<Vec<_>>>()?;
        let outcomes = all(jobs).await;
        self.halted(fault, nodes.into_iter().zip(outcomes).collect())
    }

    /// Takes in what came of halting programs.
    pub(super) fn halted(&mut self, fault: &Fault, outcomes: Vec<(usize, Result<()>)>) -> Result<()> {
        for &(node, _) in outcomes.iter().filter(|(_, outcome)| outcome.is_ok()) {
            self.nodes[node] = match fault {
                Fault::Pause { .. } => RunState::Paused,
                // Of any other signal the program may die later or never: its exit will tell.
                Fault::Kill { signal, .. } if signal != Signal::KILL.name() && !self.runtime.is_down(node) => continue,
                _ => RunState::Down,
            };
            self.take_note(node);
        }
        merge(outcomes.into_iter().filter_map(|(_, outcome)| outcome.err()))
    }

    /// What stops these nodes, with their grace.
    pub(super) fn stops(&self, nodes: &BTreeSet<usize>) -> Vec<(usize, Job<()>)> {
        nodes.iter().map(|&node| (node, self.runtime.stop(node))).collect()
    }

    fn halting(&self, fault: &Fault, node: usize) -> Result<Job<()>> {
        Ok(match fault {
            Fault::Pause { .. } => self.runtime.pause(node),
            Fault::Kill { signal, .. } => self.runtime.kill(node, Signal::parse(signal.as_str())?),
            _ => self.runtime.stop(node),
        })
    }

    /// Starts or resumes nodes: what needs no grace.
    pub(super) async fn act(&mut self, action: NodeAction, names: &[String]) -> Result<()> {
        self.announce_action(action, names)?;
        let before = self.clock.now_us();
        self.bring_back(action, names, before, Vec::new()).await
    }

    /// A restart, as far as the nodes have begun to stop.
    pub(super) fn begin_restart(&mut self, names: Vec<String>) -> Result<Begun> {
        self.announce_action(NodeAction::Restart, &names)?;
        let before = self.clock.now_us();
        let nodes = self.running(&names);
        // Whatever ends them now, they are started by us.
        self.dying.retain(|node| !nodes.contains(node));
        Ok(Begun::Stopping(Stopping { jobs: self.stops(&nodes), rest: Rest::Restart { names, before } }))
    }

    /// The rest of a restart. Those that did not stop are left as they are.
    pub(super) async fn start_again(
        &mut self,
        names: &[String],
        before: u64,
        stopped: Vec<(usize, Result<()>)>,
    ) -> Result<()> {
        for &(node, _) in stopped.iter().filter(|(_, outcome)| outcome.is_ok()) {
            self.nodes[node] = RunState::Down;
            self.take_note(node);
        }
        let errors = stopped.into_iter().filter_map(|(_, outcome)| outcome.err()).collect();
        self.bring_back(NodeAction::Restart, names, before, errors).await
    }

    fn announce_action(&self, action: NodeAction, names: &[String]) -> Result<()> {
        for name in names {
            self.at(name)?;
        }
        names.iter().cloned().try_for_each(|node| {
            self.record(match action {
                NodeAction::Start => EventBody::NodeStart { node },
                NodeAction::Resume => EventBody::NodeResume { node },
                NodeAction::Restart => EventBody::NodeRestart { node },
            })
        })
    }

    /// Ends what faults halted these nodes, and brings their programs to what is left. A node that does not start stays
    /// under the faults that halted it: healing them tries again.
    async fn bring_back(
        &mut self,
        action: NodeAction,
        names: &[String],
        before: u64,
        mut errors: Vec<Error>,
    ) -> Result<()> {
        let former = self.faults.clone();
        let over = self.retire(|fault| action.retires(fault), names)?;
        let nodes: BTreeSet<usize> = self.named(names).into_iter().collect();
        let failed = self.revive(&nodes, action != NodeAction::Resume).await;
        let back: Vec<String> = self
            .named(names)
            .into_iter()
            .filter(|node| !failed.contains_key(node))
            .map(|node| self.members[node].name.clone())
            .collect();
        self.unretire(action, former, &back);
        errors.extend(failed.into_values());
        merge(errors)?;
        let took_us = self.clock.now_us() - before;
        over.into_iter().try_for_each(|id| self.record(EventBody::FaultHealed { id, took_us }))
    }

    /// Faults are again as they were, but for these nodes, which are back.
    fn unretire(&mut self, action: NodeAction, former: BTreeMap<FaultId, Active>, back: &[String]) {
        for (id, mut active) in former.into_iter().filter(|(_, active)| action.retires(&active.fault)) {
            active.fault.spare(back);
            if !active.fault.halted().is_empty() {
                self.faults.insert(id, active);
            }
        }
    }

    /// Takes the nodes out of the faults that these are. Returns those that are over, having no node left.
    pub(super) fn retire(&mut self, ends: impl Fn(&Fault) -> bool, names: &[String]) -> Result<Vec<FaultId>> {
        let touched = self.faults.iter().filter(|(_, active)| ends(&active.fault));
        let (touched, faults): (Vec<FaultId>, Vec<Fault>) = touched.map(|(id, a)| (*id, a.fault.clone())).unzip();
        let is_over = |fault: &Fault| fault.halted().iter().all(|node| names.contains(node));
        let over = touched.iter().zip(&faults).filter(|(_, fault)| is_over(fault)).map(|(id, _)| *id);
        let over: Vec<FaultId> = over.collect();
        for id in &over {
            self.record(EventBody::FaultHeal { id: *id })?;
        }
        self.expect_deaths(&faults.iter().collect::<Vec<_>>(), Some(names));
        for id in &touched {
            if let Some(active) = self.faults.get_mut(id) {
                active.fault.spare(names);
            }
        }
        self.faults.retain(|id, _| !over.contains(id));
        Ok(over)
    }

    /// Undoes what faults that are no longer active did to programs. Returns the nodes where that failed.
    pub(super) async fn let_go(&mut self, faults: &[&Fault]) -> BTreeMap<usize, Error> {
        let nodes = |wanted: fn(&Fault) -> bool| {
            let names = faults.iter().filter(|fault| wanted(fault)).flat_map(|fault| fault.halted());
            names.collect::<Vec<&String>>()
        };
        let (frozen, stopped) = (nodes(Fault::freezes), nodes(|fault| !fault.freezes()));
        let frozen = self.named(frozen).into_iter().collect();
        let stopped: BTreeSet<usize> = self.named(stopped).into_iter().collect();
        self.expect_deaths(faults, None);
        let mut failed = self.unstop(faults).await;
        failed.extend(self.revive(&stopped, true).await);
        failed.extend(self.revive(&frozen, false).await);
        failed
    }

    /// A signal may have stopped a program instead of ending it: it goes on with the end of the last such fault.
    pub(super) async fn unstop(&self, faults: &[&Fault]) -> BTreeMap<usize, Error> {
        let mut failed = BTreeMap::new();
        for fault in faults {
            let stopped = fault.stops().map_or(&[][..], |_| fault.halted());
            for node in self.running(stopped).into_iter().filter(|&node| self.demanded(node).stopped.is_none()) {
                failed.extend(self.runtime.kill(node, Signal::CONT).await.err().map(|error| (node, error)));
            }
        }
        failed
    }

    /// A program that was told to end may take its time. If it ends only after its fault, it is started again then.
    fn expect_deaths(&mut self, over: &[&Fault], only: Option<&[String]>) {
        for fault in over {
            let Fault::Kill { nodes, .. } = fault else { continue };
            let wanted = |name: &&String| only.is_none_or(|only| only.contains(name));
            let names: Vec<String> =
                nodes.iter().filter(wanted).filter(|name| fault.keeps_down(name)).cloned().collect();
            self.dying.extend(self.running(&names));
        }
    }

    /// Takes in that a node's program has ended.
    pub(super) async fn exited(&mut self, node: usize, life: u64, ended: Ended, expected: bool) -> Result<()> {
        let is_present = life >= self.runtime.life(node);
        if is_present && self.nodes[node] != RunState::Missing {
            self.nodes[node] = RunState::Down;
            self.take_note(node);
        }
        let log = if expected { Vec::new() } else { self.last_lines(node).await };
        let name = self.members[node].name.clone();
        self.recorder.record_engine(EventBody::NodeExit { node: name, ended, expected, log })?;
        if is_present && self.dying.remove(&node) && expected { self.revive_one(node, true).await } else { Ok(()) }
    }

    async fn last_lines(&self, node: usize) -> Vec<String> {
        const SHOWN: usize = 5;
        let text = self.runtime.logs(node, Some(SHOWN)).await.unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Brings these nodes' programs to what the active faults leave of them: running, frozen or down. Those that are
    /// down are started only if they `may_start`: a program that ended by itself is not a fault's to start. Returns
    /// the nodes where that failed.
    pub(super) async fn revive(&mut self, nodes: &BTreeSet<usize>, may_start: bool) -> BTreeMap<usize, Error> {
        let mut failed = BTreeMap::new();
        for &node in nodes {
            failed.extend(self.revive_one(node, may_start).await.err().map(|error| (node, error)));
        }
        failed
    }

    async fn revive_one(&mut self, node: usize, may_start: bool) -> Result<()> {
        let name = self.members[node].name.clone();
        let demanded = self.demanded(node);
        if !runs(self.nodes[node]) && may_start && !demanded.down {
            self.dying.remove(&node);
            self.gaps[node] = None;
            self.runtime.start(node).await?;
            self.nodes[node] = RunState::Up;
            self.take_note(node);
            self.recorder.record_engine(EventBody::NodeUp { node: name, gap_us: None })?;
            self.hold(node).await?;
        }
        match self.nodes[node] {
            RunState::Paused if !demanded.frozen => {
                self.runtime.resume(node).await?;
                self.nodes[node] = RunState::Up;
            }
            RunState::Up if demanded.frozen => {
                self.runtime.pause(node).await?;
                self.nodes[node] = RunState::Paused;
            }
            _ => {}
        }
        Ok(())
    }
}
