//! The schedule that a run's journal tells of: what its `chaos()` did, and not what other parts of the script did, which
//! do so again by themselves.

use super::spelled::sayable;
use super::{End, Moment, Schedule, Step};
use crate::engine::{Event, EventBody, NodeAction};
use crate::fault::{Fault, FaultId};
use crate::journal::Journal;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What a journal tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What happened.
    pub schedule: Schedule,
    /// Whether the journal ends before `chaos()` does.
    pub is_cut_off: bool,
    /// What `chaos()` did beside injecting faults, which no schedule holds: `exec`, operations.
    pub other_deeds: BTreeSet<String>,
}

/// The part of a run in which its faults are injected.
const CHAOS: &str = "chaos";

/// Reads the schedule of a run.
///
/// # Errors
/// The script has no `chaos()`, the run never got there, or a line of the journal is none of a fault.
pub fn recorded(journal: &Journal) -> Result<Recorded> {
    let events = journal.events.iter().enumerate().filter_map(|(index, value)| {
        let ours = value["kind"].as_str().is_some_and(|kind| OUR_KINDS.contains(&kind));
        ours.then(|| {
            serde_json::from_value::<Event>(value.clone()).map_err(|error| {
                // The header is line 1.
                Error::usage(format!("line {} of the journal is no event: {error}", index + 2))
                    .help("was the journal edited? Run the seed again: its new journal is whole")
            })
        })
    });
    let events = events.collect::<Result<Vec<Event>>>()?;
    in_order(&events)?;
    let phase = |wanted: fn(&str) -> bool, from: usize| {
        let is = |event: &Event| matches!(&event.body, EventBody::Phase { name } if wanted(name));
        events.iter().skip(from).position(is).map(|at| at + from)
    };
    let Some(begin) = phase(|name| name == CHAOS, 0) else { return Err(no_chaos(&events)) };
    let end = phase(|_| true, begin + 1);
    let rest = &events[begin..];
    let (during, after) = rest.split_at(end.map_or(rest.len(), |end| end - begin));
    let is_before = |event: &&serde_json::Value| event["seq"].as_u64().is_some_and(|seq| seq < rest[0].seq);
    let earlier: BTreeSet<&str> =
        journal.events.iter().take_while(is_before).filter_map(|event| event["task"].as_str()).collect();
    let is_chaos = |event: &&Event| {
        let of_a_client = event.task.starts_with("client ");
        event.task == CHAOS || event.task == "engine" || !(of_a_client || earlier.contains(event.task.as_str()))
    };
    let start_us = rest[0].t_us;
    let end_us = after.first().or(during.last()).map_or(start_us, |event| event.t_us);
    let mut reader = Reader { start_us, ..Reader::default() };
    during.iter().filter(is_chaos).for_each(|event| reader.event(event));
    // What was begun before chaos() returned may have come to its end only then.
    for event in after {
        reader.late(event);
    }
    let is_cut_off = end.is_none() && !during.iter().any(|event| matches!(event.body, EventBody::Verdict { .. }));
    let schedule = reader.schedule(end_us - start_us);
    Ok(Recorded { schedule, is_cut_off, other_deeds: reader.other_deeds })
}

/// A journal's times never go back. Where they do, nobody knows how long anything took.
fn in_order(events: &[Event]) -> Result<()> {
    let back = events.windows(2).find(|pair| pair[1].t_us < pair[0].t_us);
    back.map_or(Ok(()), |pair| {
        let (seq, now, before) = (pair[1].seq, pair[1].t_us, pair[0].t_us);
        Err(Error::usage(format!(
            "time goes back in the journal: t_us of event {seq} is {now}, and was {before} before"
        ))
        .help("was the journal edited? Run the seed again: its new journal is whole"))
    })
}

/// The kinds that tell something here; all others may be of a later version.
const OUR_KINDS: [&str; 13] = [
    "fault.inject",
    "fault.active",
    "fault.failed",
    "fault.heal",
    "fault.healed",
    "node.start",
    "node.resume",
    "node.restart",
    "node.up",
    "phase",
    "observe",
    "op.invoke",
    "verdict",
];

fn no_chaos(events: &[Event]) -> Error {
    let injects = events.iter().any(|event| matches!(event.body, EventBody::FaultInject { .. }));
    let has_phase = events.iter().any(|event| matches!(event.body, EventBody::Phase { .. }));
    match (injects, has_phase) {
        (_, false) => Error::usage("the run never got to its script").help("there is nothing to replay"),
        (true, _) => Error::usage("the run has no chaos(): its faults are injected by other parts of the script")
            .help("`blockade run SCRIPT --seed N` does those again; to replay faults alone, inject them in chaos()"),
        (false, _) => {
            Error::usage("the run never got to a chaos()").help("it injected nothing, so there is nothing to replay")
        }
    }
}

/// Goes through the events.
#[derive(Default)]
struct Reader {
    start_us: u64,
    /// By their ids, in the order of injection.
    faults: BTreeMap<FaultId, Seen>,
    acts: Vec<Act>,
    other_deeds: BTreeSet<String>,
}

struct Seen {
    fault: Fault,
    from: Moment,
    failed: bool,
    healed: Option<Moment>,
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
    /// Those that are not up again yet.
    awaited: BTreeSet<String>,
}

impl Reader {
    fn at(&self, event: &Event) -> u64 {
        event.t_us.saturating_sub(self.start_us)
    }

    fn event(&mut self, event: &Event) {
        let at_us = self.at(event);
        match &event.body {
            EventBody::FaultInject { id, fault } => {
                let seen = Seen {
                    fault: fault.clone(),
                    from: Moment::at(at_us),
                    failed: false,
                    healed: None,
                    retired: false,
                    kept: false,
                };
                self.faults.insert(*id, seen);
            }
            EventBody::FaultHeal { id } => {
                let retired = self.faults.get(id).is_some_and(|seen| self.is_retired(seen, event));
                if let Some(seen) = self.faults.get_mut(id) {
                    (seen.healed, seen.retired) = (Some(Moment::at(at_us)), retired);
                }
            }
            EventBody::NodeStart { node } => self.act(event, NodeAction::Start, node),
            EventBody::NodeResume { node } => self.act(event, NodeAction::Resume, node),
            EventBody::NodeRestart { node } => self.act(event, NodeAction::Restart, node),
            EventBody::Observe { what, .. } if event.task != "engine" => _ = self.other_deeds.insert(what.clone()),
            EventBody::OpInvoke(_) => _ = self.other_deeds.insert("op".to_owned()),
            _ => self.late(event),
        }
    }

    /// What an event tells of something that was begun before.
    fn late(&mut self, event: &Event) {
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
            EventBody::NodeUp { node, .. } => {
                let waits = |act: &&mut Act| act.awaited.contains(node);
                if let Some(act) = self.acts.iter_mut().find(waits) {
                    act.awaited.remove(node);
                    act.from.took_us = at_us - act.from.at_us;
                }
            }
            EventBody::Phase { name } if name == "check" => {
                self.faults.values_mut().filter(|seen| seen.healed.is_none()).for_each(|seen| seen.kept = true);
            }
            EventBody::FaultHeal { id } => {
                // Of the recovery: it was still active when chaos() returned, and no heal of the schedule's.
                if let Some(seen) = self.faults.get_mut(id).filter(|seen| seen.healed.is_none() && !seen.kept) {
                    seen.retired = true;
                    seen.healed = Some(Moment::at(at_us));
                }
            }
            _ => {}
        }
    }

    /// Whether a fault ends because its nodes are being started.
    fn is_retired(&self, seen: &Seen, heal: &Event) -> bool {
        let halted = seen.fault.halted();
        let Some(act) = self.acts.iter().rfind(|act| act.task == heal.task) else { return false };
        !halted.is_empty() && !act.awaited.is_empty() && halted.iter().all(|node| act.nodes.contains(node))
    }

    /// One call may name several nodes: these are told of one after the other.
    fn act(&mut self, event: &Event, action: NodeAction, node: &str) {
        let at_us = self.at(event);
        let same = |act: &&mut Act| act.task == event.task && act.action == action && act.from.at_us == at_us;
        let act = match self.acts.last_mut().filter(same) {
            Some(act) if !act.nodes.iter().any(|other| other == node) => act,
            _ => {
                let (task, from) = (event.task.clone(), Moment::at(at_us));
                self.acts.push(Act { task, action, nodes: Vec::new(), from, awaited: BTreeSet::new() });
                let last = self.acts.len() - 1;
                &mut self.acts[last]
            }
        };
        act.nodes.push(node.to_owned());
        act.awaited.insert(node.to_owned());
    }

    fn schedule(&self, end_us: u64) -> Schedule {
        let faults = self.faults.values().filter(|seen| !seen.failed).flat_map(|seen| {
            let end = match seen.healed {
                Some(healed) if !seen.retired => End::Healed(healed),
                _ if seen.kept => End::Kept,
                _ => End::Open,
            };
            let from = seen.from;
            sayable(seen.fault.clone()).into_iter().map(move |fault| Step::Fault { fault, from, end })
        });
        let acts =
            self.acts.iter().map(|act| Step::Node { action: act.action, nodes: act.nodes.clone(), from: act.from });
        let mut steps: Vec<Step> = faults.chain(acts).collect();
        steps.sort_by_key(Step::at_us);
        Schedule { steps, end_us }
    }
}
