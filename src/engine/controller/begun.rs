//! Changes in two parts: what is told at once, and what follows when programs have stopped. Between the two nobody needs
//! the controller, and others may have it.

use super::jobs::all;
use super::{Controller, Owner};
use crate::Result;
use crate::engine::change::unless;
use crate::engine::{Command, Job, NodeAction, Reply};
use crate::fault::{Fault, FaultId};
use std::collections::BTreeSet;

/// How far a change has come.
pub(in crate::engine) enum Begun {
    /// To its end.
    Done(Reply),
    /// Programs stop.
    Stopping(Stopping),
}

/// Programs on their way to their end, and what waits for that.
pub(in crate::engine) struct Stopping {
    pub(super) jobs: Vec<(usize, Job<()>)>,
    pub(super) rest: Rest,
}

/// What came of it.
pub(in crate::engine) struct Stopped {
    pub(super) outcomes: Vec<(usize, Result<()>)>,
    pub(super) rest: Rest,
}

/// The second part of a change.
pub(super) enum Rest {
    /// Of a fault, injected since this time.
    Fault { id: FaultId, fault: Fault, before: u64 },
    /// Of a restart of these nodes, wanted since this time.
    Restart { names: Vec<String>, before: u64 },
}

impl Stopping {
    /// Waits until none of them runs any more, or cannot be stopped.
    pub(in crate::engine) async fn wait(self) -> Stopped {
        let (nodes, jobs): (Vec<_>, Vec<_>) = self.jobs.into_iter().unzip();
        Stopped { outcomes: nodes.into_iter().zip(all(jobs).await).collect(), rest: self.rest }
    }
}

impl Controller {
    /// Carries out a command that changes something, as far as that needs no grace; unless there is a hurry.
    pub(in crate::engine) async fn begin(&mut self, owner: Owner, command: Command) -> Result<Begun> {
        let hurry = self.hurry();
        unless(&hurry, async {
            match command {
                Command::Inject { fault, .. } if matches!(fault, Fault::Stop { .. }) => {
                    self.begin_stop(owner, fault).await
                }
                Command::Node { action: NodeAction::Restart, nodes } => self.begin_restart(nodes),
                other => self.carry_out(owner, other).await.map(Begun::Done),
            }
        })
        .await
    }

    /// The second part; unless there is a hurry.
    pub(in crate::engine) async fn conclude(&mut self, Stopped { outcomes, rest }: Stopped) -> Result<Reply> {
        let hurry = self.hurry();
        unless(&hurry, async {
            match rest {
                Rest::Fault { id, fault, before } => {
                    let halted = outcomes.iter().map(|(node, _)| *node).collect();
                    let outcome = self.halted(&fault, outcomes);
                    let taken = self.take_in(id, fault, before, Vec::new(), halted, outcome.map(|()| 0));
                    taken.await.map(Reply::Fault)
                }
                Rest::Restart { names, before } => {
                    self.start_again(&names, before, outcomes).await.map(|()| Reply::Done)
                }
            }
        })
        .await
    }

    /// The whole of it, while nobody else has the controller.
    pub async fn change(&mut self, owner: Owner, command: Command) -> Result<Reply> {
        match self.begin(owner, command).await? {
            Begun::Done(reply) => Ok(reply),
            Begun::Stopping(stopping) => {
                let stopped = unless(&self.hurry(), async { Ok(stopping.wait().await) }).await?;
                self.conclude(stopped).await
            }
        }
    }

    /// The nodes at whose programs this command is.
    pub(in crate::engine) fn programs_of(&self, command: &Command) -> BTreeSet<usize> {
        match command {
            Command::Inject { fault, .. } => self.named(fault.halted()).into_iter().collect(),
            Command::Node { nodes, .. } => self.named(nodes).into_iter().collect(),
            _ => BTreeSet::new(),
        }
    }

    /// The nodes whose programs these faults halt.
    pub(in crate::engine) fn programs_under(&self, ids: &[FaultId]) -> BTreeSet<usize> {
        let faults = ids.iter().filter_map(|id| self.faults.get(id));
        faults.flat_map(|active| self.named(active.fault.halted())).collect()
    }

    /// Whether nobody is at the programs that this fault halts.
    pub(in crate::engine) fn is_free(&self, id: FaultId) -> bool {
        self.turns.are_free(&self.programs_under(&[id]))
    }
}
