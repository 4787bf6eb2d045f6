//! From the events of `chaos()` to its schedule. It follows the controller, which does one thing after the other: what a
//! node's start, resumption or restart ends is known from the faults that are active then.

use super::spelled::sayable;
use super::{End, Moment, Schedule, Step};
use crate::engine::{Event, EventBody, NodeAction};
use crate::fault::{Fault, FaultId, LinkSet};
use std::collections::{BTreeMap, BTreeSet};

/// One call that names several nodes is told of node by node, as fast as they can be written down; microseconds.
const TOGETHER_US: u64 = 10_000;

/// Goes through the events.
#[derive(Default)]
pub(super) struct Reader {
    start_us: u64,
    /// By their ids, in the order of injection.
    faults: BTreeMap<FaultId, Seen>,
    acts: Vec<Act>,
    /// Whether the last of the acts is what the controller did last.
    acting: bool,
    pub(super) other_deeds: BTreeSet<String>,
    pub(super) others_healed: BTreeSet<FaultId>,
}

struct Seen {
    fault: Fault,
    from: Moment,
    failed: bool,
    healed: Option<Moment>,
    /// What is to be left of it, while some of its links are being healed.
    narrowing: Option<(Fault, Moment)>,
    /// Its links that were healed before it: together with what is left, they are the fault that was injected.
    parts: Vec<(Fault, Moment)>,
    /// The nodes that it keeps from running, as long as nobody starts them.
    halted: BTreeSet<String>,
    /// Whether a start or a restart brought its end.
    retired: bool,
    /// Whether it outlived the recovery.
    kept: bool,
}

struct Act {
    task: String,
    action: NodeAction,
    nodes: Vec<String>,
    from: Moment,
    /// When the last of its nodes was told of.
    told_us: u64,
    /// Whether any of them runs since.
    has_risen: bool,
}

impl Reader {
    pub(super) fn new(start_us: u64) -> Self {
        Self { start_us, ..Self::default() }
    }

    fn at(&self, event: &Event) -> u64 {
        event.t_us.saturating_sub(self.start_us)
    }

    fn moment(&self, event: &Event) -> Moment {
        Moment { seq: event.seq, ..Moment::at(self.at(event)) }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match &event.body {
            EventBody::FaultInject { id, fault } => self.inject(*id, fault, self.moment(event)),
            EventBody::FaultHeal { id } => self.heal(*id, event),
            EventBody::FaultNarrow { id, fault } => self.narrow(*id, fault, event),
            EventBody::NodeStart { node } => self.act(event, NodeAction::Start, node),
            EventBody::NodeResume { node } => self.act(event, NodeAction::Resume, node),
            EventBody::NodeRestart { node } => self.act(event, NodeAction::Restart, node),
            EventBody::Observe { what, .. } if event.task != "engine" => _ = self.other_deeds.insert(what.clone()),
            EventBody::OpInvoke(_) => _ = self.other_deeds.insert("op".to_owned()),
            _ => self.late(event),
        }
    }

    /// What an event tells of something that was begun before.
    pub(super) fn late(&mut self, event: &Event) {
        let at_us = self.at(event);
        match &event.body {
            EventBody::FaultActive { id, .. } => {
                if let Some(seen) = self.faults.get_mut(id) {
                    seen.from.took_us = at_us - seen.from.at_us;
                }
            }
            EventBody::FaultFailed { id, .. } => {
                if let Some(seen) = self.faults.get_mut(id) {
                    seen.failed = true;
                }
            }
            EventBody::FaultHealed { id, .. } => {
                if let Some(healed) = self.faults.get_mut(id).and_then(|seen| seen.healed.as_mut()) {
                    healed.took_us = at_us - healed.at_us;
                }
            }
            EventBody::FaultNarrowed { id, .. } => {
                if let Some(seen) = self.faults.get_mut(id) {
                    seen.narrowed(at_us);
                }
            }
            EventBody::NodeUp { node, .. } => self.risen(node, at_us),
            EventBody::Phase { name, .. } if name == "check" => {
                self.faults.values_mut().filter(|seen| seen.healed.is_none()).for_each(|seen| seen.kept = true);
            }
            EventBody::FaultHeal { id } => {
                // Of the recovery: it was still active when chaos() returned, and no heal of the schedule's.
                if let Some(seen) = self.faults.get_mut(id).filter(|seen| seen.healed.is_none() && !seen.kept) {
                    (seen.healed, seen.retired) = (Some(Moment::at(at_us)), true);
                }
            }
            _ => {}
        }
    }

    fn inject(&mut self, id: FaultId, fault: &Fault, from: Moment) {
        self.acting = false;
        let seen = Seen {
            fault: fault.clone(),
            from,
            failed: false,
            healed: None,
            narrowing: None,
            parts: Vec::new(),
            halted: fault.halted().iter().cloned().collect(),
            retired: false,
            kept: false,
        };
        self.faults.insert(id, seen);
    }

    fn heal(&mut self, id: FaultId, event: &Event) {
        let at = self.moment(event);
        let Some(seen) = self.faults.get_mut(&id) else {
            if event.task != "engine" {
                self.others_healed.insert(id);
            }
            return;
        };
        seen.healed = Some(at);
        seen.retired = !seen.fault.halted().is_empty() && seen.halted.is_empty();
        self.acting &= seen.retired;
    }

    /// Some links of a fault are being healed.
    fn narrow(&mut self, id: FaultId, left: &Fault, event: &Event) {
        let at = self.moment(event);
        match self.faults.get_mut(&id) {
            Some(seen) => seen.narrowing = Some((left.clone(), at)),
            None if event.task != "engine" => _ = self.others_healed.insert(id),
            None => {}
        }
        self.acting = false;
    }

    fn act(&mut self, event: &Event, action: NodeAction, node: &str) {
        let at_us = self.at(event);
        let active = self.faults.values_mut().filter(|seen| seen.healed.is_none() && !seen.failed);
        for seen in active.filter(|seen| action.retires(&seen.fault)) {
            seen.halted.remove(node);
        }
        let is_acting = std::mem::replace(&mut self.acting, true);
        let same = |act: &&mut Act| is_acting && act.takes(&event.task, action, node, at_us);
        if let Some(act) = self.acts.last_mut().filter(same) {
            act.nodes.push(node.to_owned());
            act.told_us = at_us;
            return;
        }
        let (task, nodes, from) = (event.task.clone(), vec![node.to_owned()], self.moment(event));
        self.acts.push(Act { task, action, nodes, from, told_us: at_us, has_risen: false });
    }

    /// A node runs: that is the end of an act on it, if there is one under way.
    fn risen(&mut self, node: &str, at_us: u64) {
        let of_it = |act: &&mut Act| self.acting && act.nodes.iter().any(|other| other == node);
        if let Some(act) = self.acts.last_mut().filter(of_it) {
            act.has_risen = true;
            act.from.took_us = at_us - act.from.at_us;
        }
    }

    pub(super) fn schedule(&self, end_us: u64) -> Schedule {
        let faults = self.faults.values().filter(|seen| !seen.failed).flat_map(Seen::steps);
        let acts =
            self.acts.iter().map(|act| Step::Node { action: act.action, nodes: act.nodes.clone(), from: act.from });
        let mut steps: Vec<Step> = faults.chain(acts).collect();
        steps.sort_by_key(|step| (step.at_us(), step.from().seq));
        Schedule { steps, end_us }
    }
}

impl Seen {
    /// From here on it is a fault with fewer links, beside one of the others that is over.
    fn narrowed(&mut self, at_us: u64) {
        let Some((left, from)) = self.narrowing.take() else { return };
        let gone = without(&self.fault, &left);
        self.fault = left;
        self.parts.push((gone, Moment { took_us: at_us - from.at_us, ..from }));
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        let end = match self.healed {
            Some(healed) if !self.retired => End::Healed(healed),
            _ if self.kept => End::Kept,
            _ => End::Open,
        };
        let from = self.from;
        let parts = self.parts.iter().map(|(fault, healed)| (fault, End::Healed(*healed)));
        let all: Vec<(&Fault, End)> = parts.chain([(&self.fault, end)]).collect();
        all.into_iter().flat_map(move |(fault, end)| {
            sayable(fault.clone()).into_iter().map(move |fault| Step::Fault { fault, from, end })
        })
    }
}

/// An impairment without the links that another has, too.
fn without(fault: &Fault, other: &Fault) -> Fault {
    let mut rest = fault.clone();
    if let (Fault::Degrade { links: LinkSet { pairs, .. }, .. }, Fault::Degrade { links: taken, .. }) =
        (&mut rest, other)
    {
        pairs.retain(|pair| !taken.pairs.contains(pair));
    }
    rest
}

impl Act {
    /// Whether the same call does this, too.
    fn takes(&self, task: &str, action: NodeAction, node: &str, at_us: u64) -> bool {
        let is_same = self.task == task && self.action == action && !self.nodes.iter().any(|other| other == node);
        is_same && !self.has_risen && at_us - self.told_us < TOGETHER_US
    }
}
