//! Programs that a signal stops: they stay so as long as a fault of this kind is active on them, whatever else ends.
//!
//! `SIGCONT` means what it says: a fault that stopped a program with a signal is over for a node whose program gets it.
//! It does not thaw: a node under a `pause` gets it when that is over.

use super::Controller;
use crate::engine::{EventBody, RunState};
use crate::fault::{Fault, NodeState};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

impl Controller {
    /// What the active faults demand of a node's program.
    pub(super) fn demanded(&self, node: usize) -> NodeState {
        NodeState::fold(&self.members[node].name, self.faults.values().map(|active| &active.fault))
    }

    /// Stops a program that runs and should not, with the signal that an active fault names.
    pub(super) async fn hold(&self, node: usize) -> Result<()> {
        match self.demanded(node).stopped {
            Some(signal) if self.nodes[node] == RunState::Up => self.runtime.kill(node, signal).await,
            _ => Ok(()),
        }
    }

    /// The same for several. Returns the nodes where that failed.
    pub(super) async fn hold_all(&self, nodes: &BTreeSet<usize>) -> BTreeMap<usize, Error> {
        let mut failed = BTreeMap::new();
        for &node in nodes {
            failed.extend(self.hold(node).await.err().map(|error| (node, error)));
        }
        failed
    }

    /// Ends, for the nodes whose program got a signal that lets it go on, the faults that had stopped it.
    pub(super) fn continued(&mut self, fault: &Fault, nodes: &BTreeSet<usize>) -> Result<()> {
        if !fault.continues() {
            return Ok(());
        }
        let names: Vec<String> = nodes.iter().map(|&node| self.members[node].name.clone()).collect();
        let over = self.retire(|fault| fault.stops().is_some(), &names)?;
        over.into_iter().try_for_each(|id| self.record(EventBody::FaultHealed { id, took_us: 0 }))
    }
}
