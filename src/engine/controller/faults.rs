//! Faults: adding them to the active ones, taking them out again, and bringing the network to what is left.

use super::begun::{Begun, Rest, Stopping};
use super::jobs::{Troubles, merge};
use super::{Active, Controller, Owner};
use crate::engine::{EventBody, FaultInfo, Selection};
use crate::fault::{Fault, FaultId, Matrix, Member};
use crate::plan::{Means, Plan};
use crate::{Error, Result};
use std::cell::LazyCell;
use std::collections::BTreeSet;

impl Controller {
    pub(super) async fn inject(&mut self, owner: Owner, fault: Fault) -> Result<FaultInfo> {
        let (id, fault, before) = self.enter(owner, fault).await?;
        let reached = self.running(fault.halted());
        let info = self.settle(id, fault, before, Vec::new()).await?;
        self.continued(&info.fault, &reached).map(|()| info)
    }

    /// Lets a fault join the active ones. Returns its name, what there is of it to do, and when that began.
    async fn enter(&mut self, owner: Owner, fault: Fault) -> Result<(FaultId, Fault, u64)> {
        let fault = self.admit(fault).await?;
        let before = self.clock.now_us();
        let id = self.announce(&fault)?;
        self.faults.insert(id, Active { fault: fault.clone(), keep: false, owner });
        Ok((id, fault, before))
    }

    /// As far as the nodes have begun to stop.
    pub(super) async fn begin_stop(&mut self, owner: Owner, fault: Fault) -> Result<Begun> {
        let (id, fault, before) = self.enter(owner, fault).await?;
        let jobs = self.stops(&self.running(fault.halted()));
        Ok(Begun::Stopping(Stopping { jobs, rest: Rest::Fault { id, fault, before } }))
    }

    /// Puts a partition in the place of this owner's others: one step for the network. Where it fails, they stand.
    pub(super) async fn replace(&mut self, owner: Owner, fault: Fault) -> Result<FaultInfo> {
        let fault = self.admit(fault).await?;
        let before = self.clock.now_us();
        let replaced = |active: &Active| active.owner == owner && matches!(active.fault, Fault::Partition { .. });
        let ids: Vec<FaultId> = self.faults.iter().filter(|(_, a)| replaced(a)).map(|(id, _)| *id).collect();
        let id = self.announce(&fault)?;
        for id in &ids {
            self.record(EventBody::FaultHeal { id: *id })?;
        }
        // From here on nothing but the network itself can fail.
        let former = ids.iter().filter_map(|id| Some((*id, self.faults.remove(id)?))).collect();
        self.faults.insert(id, Active { fault: fault.clone(), keep: false, owner });
        let info = self.settle(id, fault, before, former).await?;
        let took_us = self.clock.now_us() - before;
        for id in ids {
            self.record(EventBody::FaultHealed { id, took_us })?;
        }
        Ok(info)
    }

    /// Refuses what this cluster or this machine cannot do, before anything changes; else says what there is of it to
    /// do: the links of a holy node are left out of a fault that has others.
    async fn admit(&mut self, mut fault: Fault) -> Result<Fault> {
        for name in fault.names() {
            self.at(name)?;
        }
        if let Fault::Degrade { .. } = fault {
            self.learn_means().await?;
            let faults = self.faults.values().map(|active| &active.fault).chain([&fault]);
            self.planner.means.suffice(&Matrix::fold(&self.members, faults))?;
        }
        let holy = self.members.iter().find(|member| member.holy && fault.names().contains(&member.name.as_str()));
        match (holy, &fault) {
            (Some(holy), Fault::Partition { .. }) => {
                return Err(Error::usage(format!("{} is holy: it may not be named in a partition", holy.name)));
            }
            (Some(holy), _) if fault.is_network() && self.is_spared(&fault) => {
                return Err(Error::usage(format!("{} is holy: no fault of the network touches its links", holy.name)));
            }
            _ => {}
        }
        fault.spare_links(|name| self.members.iter().any(|member| member.holy && member.name == name));
        Ok(fault)
    }

    /// Finds out by what means links can be impaired here, once.
    async fn learn_means(&mut self) -> Result<()> {
        if !self.knows_means {
            self.planner.means = Means { only: self.only, ..self.runtime.means().await? };
            self.knows_means = true;
        }
        Ok(())
    }

    /// Whether nothing would come of the fault, because of who is holy.
    fn is_spared(&self, fault: &Fault) -> bool {
        let common: Vec<Member> = self.members.iter().map(|member| Member { holy: false, ..member.clone() }).collect();
        Matrix::fold(&self.members, [fault]).is_whole() && !Matrix::fold(&common, [fault]).is_whole()
    }

    /// Records that a fault is about to be injected, and names it.
    fn announce(&mut self, fault: &Fault) -> Result<FaultId> {
        let id = FaultId(self.next);
        self.record(EventBody::FaultInject { id, fault: fault.clone() })?;
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
        let halting: BTreeSet<usize> = self.running(fault.halted());
        let carried_out = if fault.is_network() { self.reconcile().await } else { self.halt(&fault).await.map(|()| 0) };
        self.take_in(id, fault, before, former, halting, carried_out).await
    }

    /// Takes in what came of a fault. Where it failed, it is taken back, from the nodes that were to be halted too.
    pub(super) async fn take_in(
        &mut self,
        id: FaultId,
        fault: Fault,
        before: u64,
        former: Vec<(FaultId, Active)>,
        halting: BTreeSet<usize>,
        carried_out: Result<u64>,
    ) -> Result<FaultInfo> {
        let held = carried_out.and_then(|spread_us| {
            let took_us = self.clock.now_us() - before;
            self.record(EventBody::FaultActive { id, took_us, spread_us })
        });
        let Err(error) = held else {
            let active = Active { fault, keep: false, owner: Owner::STANDING };
            return Ok(self.info(&LazyCell::new(|| self.matrix()), id, &active));
        };
        self.faults.remove(&id);
        self.faults.extend(former);
        let undone = self.undo(&fault, &halting).await;
        let error = match undone {
            Ok(()) => error,
            Err(left) => Error { message: format!("{}; undoing it half-way failed: {}", error.message, left), ..error },
        };
        // The error itself is on its way to whoever wanted the fault.
        let _journal_full = self.record(EventBody::FaultFailed { id, error: error.to_string() });
        Err(error)
    }

    /// Takes back what a fault has done that is no longer active.
    async fn undo(&mut self, fault: &Fault, halting: &BTreeSet<usize>) -> Result<()> {
        if fault.is_network() {
            return self.reconcile().await.map(drop);
        }
        let mut failed = self.unstop(&[fault]).await;
        failed.extend(self.revive(halting, !fault.freezes()).await);
        failed.extend(self.hold_all(halting).await);
        merge(failed.into_values())
    }

    /// The ids of the faults that a selection means now.
    pub(in crate::engine) fn selected(&self, which: &Selection) -> Vec<FaultId> {
        let wanted = |id: &FaultId, active: &Active| match which {
            Selection::All => !active.keep,
            Selection::One(one) => id == one,
            Selection::Partitions => active.fault.is_partition() && !active.keep,
            Selection::Impairments(_) => false, // of those only parts may be meant: see `fast`
        };
        self.faults.iter().filter(|(id, active)| wanted(id, active)).map(|(id, _)| *id).collect()
    }

    /// Heals these faults, all of them, whatever fails on the way. One that could not be healed stays active, so that
    /// it is seen and can be healed again.
    pub(in crate::engine) async fn heal(&mut self, ids: Vec<FaultId>) -> Result<Vec<FaultInfo>> {
        let before = self.clock.now_us();
        let mut troubles = Troubles::default();
        let healing: Vec<(FaultId, Active)> =
            ids.into_iter().filter_map(|id| Some((id, self.faults.remove(&id)?))).collect();
        for (id, _) in &healing {
            troubles.unrecorded(self.record(EventBody::FaultHeal { id: *id }));
        }
        let network = if healing.iter().any(|(_, active)| active.fault.is_network()) {
            self.reconcile().await.map(drop)
        } else {
            Ok(())
        };
        let network_failed = network.is_err();
        troubles.left(network);
        let faults: Vec<&Fault> = healing.iter().map(|(_, active)| &active.fault).collect();
        let mut failed: BTreeSet<usize> = BTreeSet::new();
        for (node, error) in self.let_go(&faults).await {
            failed.insert(node);
            troubles.left(Err(error));
        }
        let took_us = self.clock.now_us() - before;
        let mut healed = Vec::new();
        for (id, active) in healing {
            let is_left = if active.fault.is_network() {
                network_failed
            } else {
                self.named(active.fault.halted()).iter().any(|node| failed.contains(node))
            };
            if is_left {
                self.faults.insert(id, active);
                continue;
            }
            troubles.unrecorded(self.record(EventBody::FaultHealed { id, took_us }));
            healed.push(FaultInfo { id, fault: active.fault, keep: active.keep, by: Vec::new() });
        }
        troubles.outcome().map(|()| healed)
    }

    /// Brings every namespace to what the active faults demand; where no packet would notice, only before the next look.
    /// That they can be made was seen to when each of them was admitted. Returns the spread over nodes, microseconds.
    pub(super) async fn reconcile(&mut self) -> Result<u64> {
        if self.runtime.is_quiet() {
            self.is_behind = true;
            return Ok(0);
        }
        self.apply().await
    }

    /// Brings namespaces to it before somebody looks.
    pub(super) async fn catch_up(&mut self) -> Result<()> {
        if self.is_behind {
            self.apply().await?;
            self.is_behind = false;
        }
        Ok(())
    }

    /// What is right already is not touched.
    async fn apply(&mut self) -> Result<u64> {
        let matrix = self.matrix();
        let wanted = self.planner.plans(&matrix, &self.interfaces)?;
        let changed: Vec<(usize, Plan)> = wanted
            .iter()
            .enumerate()
            .filter(|(node, plan)| self.applied[*node].as_ref() != Some(plan))
            .map(|(node, plan)| (node, plan.clone()))
            .collect();
        if changed.is_empty() {
            return Ok(0);
        }
        for (node, _) in &changed {
            self.applied[*node] = None; // a failure may leave either
        }
        let applied = self.runtime.apply(changed).await?;
        for (held, wanted) in self.applied.iter_mut().zip(wanted) {
            held.get_or_insert(wanted); // the others hold it already
        }
        Ok(applied.spread_us)
    }
}
