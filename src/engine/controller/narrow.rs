//! `fast`: heals the impairments of what some nodes send, and lets those of others go on, also where one fault is both.

use super::Controller;
use super::jobs::{Troubles, merge};
use crate::Result;
use crate::engine::{EventBody, FaultInfo};
use crate::fault::{Fault, FaultId, LinkSet};

/// A fault of which some links are to be healed.
struct Part {
    id: FaultId,
    gone: Fault,
    left: Fault,
}

impl Controller {
    /// Heals the links of impairments that are these nodes', but of those marked to be kept. A fault without another link is over; one that has others
    /// goes on for those, under its name. Returns what was healed of each.
    pub(super) async fn fast(&mut self, nodes: &[String]) -> Result<Vec<FaultInfo>> {
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        for (id, active) in &self.faults {
            let (false, Fault::Degrade { verb, links, impairment }) = (active.keep, &active.fault) else { continue };
            let (gone, left) = links.taken_apart(nodes);
            let of = |links: LinkSet| Fault::Degrade { verb: verb.clone(), links, impairment: impairment.clone() };
            match (gone.pairs.is_empty(), left.pairs.is_empty()) {
                (true, _) => {}
                (false, true) => whole.push(*id),
                (false, false) => parts.push(Part { id: *id, gone: of(gone), left: of(left) }),
            }
        }
        let (narrowed, healed) = (self.narrow(parts).await, self.heal(whole).await);
        let mut gone = Vec::new();
        let mut errors = Vec::new();
        for outcome in [narrowed, healed] {
            outcome.map_or_else(|error| errors.push(error), |infos| gone.extend(infos));
        }
        gone.sort_by_key(|info| info.id);
        merge(errors).map(|()| gone)
    }

    /// Leaves these faults only a part of their links, all in one step for the network. Where that fails, they are as
    /// they were.
    async fn narrow(&mut self, parts: Vec<Part>) -> Result<Vec<FaultInfo>> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.clock.now_us();
        let mut troubles = Troubles::default();
        let mut former = Vec::new();
        for Part { id, left, .. } in &parts {
            troubles.unrecorded(self.record(EventBody::FaultNarrow { id: *id, fault: left.clone() }));
            let Some(active) = self.faults.get_mut(id) else { continue };
            former.push((*id, std::mem::replace(&mut active.fault, left.clone())));
        }
        if let Err(error) = self.reconcile().await {
            for (id, fault) in former {
                self.faults.entry(id).and_modify(|active| active.fault = fault);
            }
            troubles.left(Err(error));
            return troubles.outcome().map(|()| Vec::new());
        }
        let took_us = self.clock.now_us() - before;
        let mut narrowed = Vec::new();
        for Part { id, gone, .. } in parts {
            troubles.unrecorded(self.record(EventBody::FaultNarrowed { id, took_us }));
            narrowed.push(FaultInfo { id, fault: gone, keep: false, by: Vec::new() });
        }
        troubles.outcome().map(|()| narrowed)
    }
}
