//! What others do to the nodes: somebody's `docker start`, `stop`, `pause` or `rm`, a restart policy, containers that
//! are taken in.
//!
//! A node is shown as it is, whoever made it so. A fault that says of a node what somebody else has undone is no
//! longer true of it (invariant 9): it ends for this node, as `start`, `resume` and `restart` end it, and is not done
//! again, since whoever undid it will have had a reason. Faults of the network are of our making alone and stand.

use super::jobs::merge;
use super::{Active, Controller};
use crate::engine::{EventBody, NodeAction, RunState};
use crate::fault::{Fault, Member};
use crate::{Error, Result};

impl Controller {
    /// Lives up to the present one are known from here on.
    pub(super) fn take_note(&mut self, node: usize) {
        self.lives[node] = self.lives[node].max(self.runtime.life(node));
    }

    /// A program was started, perhaps by us.
    pub(super) fn started(&mut self, node: usize, life: u64, gap_us: Option<u64>) -> Result<()> {
        if life >= self.lives[node] {
            self.gaps[node] = gap_us;
        }
        if life <= self.lives[node] {
            return Ok(());
        }
        self.lives[node] = life;
        self.nodes[node] = RunState::Up;
        self.recorder.record_engine(EventBody::NodeUp { node: self.name(node), gap_us })?;
        let over = self.undone(node, NodeAction::Restart);
        // Whatever it was to die of, it has.
        self.dying.remove(&node);
        over
    }

    /// Somebody else froze a program, in that life of it: it may have been started again since.
    pub(super) fn paused(&mut self, node: usize, life: u64) -> Result<()> {
        if life < self.lives[node] || self.nodes[node] != RunState::Up {
            return Ok(());
        }
        self.nodes[node] = RunState::Paused;
        self.recorder.record_engine(EventBody::NodePaused { node: self.name(node) })
    }

    /// Somebody else let it go on.
    pub(super) fn resumed(&mut self, node: usize, life: u64) -> Result<()> {
        if life < self.lives[node] || self.nodes[node] != RunState::Paused {
            return Ok(());
        }
        self.nodes[node] = RunState::Up;
        self.recorder.record_engine(EventBody::NodeUp { node: self.name(node), gap_us: None })?;
        self.undone(node, NodeAction::Resume)
    }

    /// Somebody else removed it, in that life of it.
    pub(super) fn missing(&mut self, node: usize, life: u64) -> Result<()> {
        if life < self.lives[node] {
            return Ok(()); // it was made anew before we heard of that
        }
        self.take_note(node);
        self.dying.remove(&node);
        self.nodes[node] = RunState::Missing;
        self.recorder.record_engine(EventBody::NodeMissing { node: self.name(node) })?;
        // One that was taken in is not ours to make anew: no fault keeps its program from anything any more.
        let is_gone = self.cluster.nodes[node].docker.adopted.is_some();
        if is_gone { self.undone(node, NodeAction::Restart) } else { Ok(()) }
    }

    /// Ends the faults on programs that are no longer true of a node, because somebody else did what this action does.
    fn undone(&mut self, node: usize, action: NodeAction) -> Result<()> {
        let over = self.retire(|fault| action.retires(fault), &[self.name(node)])?;
        over.into_iter().try_for_each(|id| self.recorder.record_engine(EventBody::FaultHealed { id, took_us: 0 }))
    }

    /// Takes in containers of others, all of them or none, under the faults that are active.
    pub(super) async fn adopt(&mut self, containers: Vec<String>) -> Result<Vec<String>> {
        let nodes = self.runtime.adopt(containers).await?;
        let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
        for node in nodes {
            let place = self.members.len();
            self.members.push(Member::from(&node));
            std::sync::Arc::make_mut(&mut self.cluster).nodes.push(node);
            // What an earlier supervisor may have left there is unknown.
            self.applied.push(None);
            self.nodes.push(if self.runtime.is_down(place) { RunState::Down } else { RunState::Up });
            self.lives.push(self.runtime.life(place));
            self.gaps.push(None);
        }
        self.interfaces = self.runtime.interfaces();
        self.recorder.record_engine(EventBody::ClusterAdd { nodes: names.clone() })?;
        self.reconcile().await.map(|_| names.clone()).map_err(|error| Error {
            message: format!("{} came in, but not under the faults: {}", names.join(", "), error.message),
            ..error
        })
    }

    /// Undoes what faults did to programs that others started: nodes of our own are removed, those go on.
    pub(super) async fn let_go_of_adopted(&mut self, faults: Vec<Active>) -> Result<()> {
        let own = self.cluster.nodes.iter().filter(|node| node.docker.adopted.is_none());
        let own: Vec<String> = own.map(|node| node.name.clone()).collect();
        let mut faults: Vec<Fault> = faults.into_iter().map(|active| active.fault).collect();
        for fault in &mut faults {
            fault.spare(&own);
        }
        merge(self.let_go(&faults.iter().collect::<Vec<_>>()).await.into_values())
    }

    fn name(&self, node: usize) -> String {
        self.members[node].name.clone()
    }
}
