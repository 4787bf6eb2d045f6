//! The part of a run's journal that tells of its `chaos()`: what that did, and not what other parts of the script did,
//! which do so again by themselves.

use super::Schedule;
use super::reader::Reader;
use crate::engine::{Event, EventBody};
use crate::fault::FaultId;
use crate::journal::Journal;
use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a journal tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What happened.
    pub schedule: Schedule,
    /// How `chaos()` ended.
    pub course: Course,
    /// What `chaos()` did beside injecting faults, which no schedule holds: `exec`, operations.
    pub other_deeds: BTreeSet<String>,
    /// Faults that `chaos()` healed and had not injected: no schedule holds that either.
    pub others_healed: BTreeSet<FaultId>,
}

/// How `chaos()` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It returned.
    Returned,
    /// The run ended within it: it threw, something else failed meanwhile, or somebody interrupted it.
    Ended,
    /// The journal ends within it.
    CutOff,
}

/// The part of a run in which its faults are injected.
const CHAOS: &str = "chaos";
/// What no task of the script asked for.
const ENGINE: &str = "engine";
/// Where the run ended within `chaos()`, nobody knows how long that would have gone on. What ended the run may come a
/// little later another time, and is not to find the network healed already; microseconds.
const GRACE_US: u64 = 2_000_000;
/// What a script heals while it is being ended follows at once; microseconds.
const AT_ONCE_US: u64 = 100_000;

/// Reads the schedule of a run.
///
/// # Errors
/// The script has no `chaos()`, the run never got there, or a line of the journal is none of a fault.
pub fn recorded(journal: &Journal) -> Result<Recorded> {
    let events = events(journal)?;
    in_order(&events)?;
    let is_phase = |event: &Event| matches!(event.body, EventBody::Phase { .. });
    let is_chaos = |event: &Event| matches!(&event.body, EventBody::Phase { name, .. } if name == CHAOS);
    let Some(begin) = events.iter().position(is_chaos) else { return Err(no_chaos(&events)) };
    let rest = &events[begin..];
    let end = rest.iter().skip(1).position(is_phase).map_or(rest.len(), |end| end + 1);
    let (during, after) = rest.split_at(end);
    let is_over = during.iter().any(|event| matches!(event.body, EventBody::Verdict { .. }));
    let (course, during) = match (after, is_over) {
        ([], true) => (Course::Ended, without_clean_up(during)),
        ([], false) => (Course::CutOff, during),
        _ => (Course::Returned, during),
    };
    let start_us = rest[0].t_us;
    let last_us = rest.get(during.len()).or(during.last()).map_or(start_us, |event| event.t_us);
    let end_us = last_us - start_us + if course == Course::Ended { GRACE_US } else { 0 };
    let others = Others::of(journal, &rest[0]);
    let mut reader = Reader::new(start_us);
    during.iter().filter(|event| !others.own(&event.task)).for_each(|event| reader.event(event));
    // What was begun before chaos() returned may have come to its end only then.
    for event in after {
        reader.late(event);
    }
    let schedule = reader.schedule(end_us);
    Ok(Recorded { schedule, course, other_deeds: reader.other_deeds, others_healed: reader.others_healed })
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
const OUR_KINDS: [&str; 15] = [
    "fault.inject",
    "fault.active",
    "fault.failed",
    "fault.heal",
    "fault.healed",
    "fault.narrow",
    "fault.narrowed",
    "node.start",
    "node.resume",
    "node.restart",
    "node.up",
    "phase",
    "observe",
    "op.invoke",
    "verdict",
];

fn events(journal: &Journal) -> Result<Vec<Event>> {
    let ours = |value: &Value| value["kind"].as_str().is_some_and(|kind| OUR_KINDS.contains(&kind));
    let read = |(index, value): (usize, &Value)| {
        serde_json::from_value::<Event>(value.clone()).map_err(|error| {
            // The header is line 1.
            Error::usage(format!("line {} of the journal is no event: {error}", index + 2))
                .help("was the journal edited? Run the seed again: its new journal is whole")
        })
    };
    journal.events.iter().enumerate().filter(|(_, value)| ours(value)).map(read).collect()
}

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

/// What a run healed because it ended is nothing that `chaos()` did: the heals at the very end, those of tasks that were
/// told to end and those of the clean-up.
fn without_clean_up(during: &[Event]) -> &[Event] {
    let mut kept = during;
    let mut next_us = u64::MAX;
    while let [before @ .., last] = kept {
        let heals =
            matches!(last.body, EventBody::FaultHeal { .. } | EventBody::FaultHealed { .. } | EventBody::NodeUp { .. });
        let is_late = last.task == ENGINE || next_us - last.t_us < AT_ONCE_US;
        if !(matches!(last.body, EventBody::Verdict { .. }) || heals && is_late) {
            break;
        }
        (kept, next_us) = (before, last.t_us);
    }
    kept
}

/// Whose deeds are not those of `chaos()`: the clients', and those of tasks that earlier parts have started.
struct Others<'a> {
    /// How many tasks earlier parts have started, which are numbered.
    tasks: u64,
    /// Who did something before; journals of old do not say how many tasks there were.
    seen: BTreeSet<&'a str>,
}

impl<'a> Others<'a> {
    fn of(journal: &'a Journal, chaos: &Event) -> Self {
        let tasks = if let EventBody::Phase { tasks, .. } = chaos.body { tasks } else { 0 };
        let is_before = |event: &&Value| event["seq"].as_u64().is_some_and(|seq| seq < chaos.seq);
        let before = journal.events.iter().take_while(is_before);
        Self { tasks, seen: before.filter_map(|event| event["task"].as_str()).collect() }
    }

    /// Whether a task is one of theirs. Its name tells from whom it descends: `every 2`, `task 2.1`, `client 0.1`.
    fn own(&self, task: &str) -> bool {
        if [CHAOS, ENGINE].contains(&task) {
            return false;
        }
        let (kind, numbers) = task.split_once(' ').unwrap_or((task, ""));
        let number = numbers.split('.').next().and_then(|first| first.parse::<u64>().ok());
        kind == "client" || self.seen.contains(task) || number.is_some_and(|number| number <= self.tasks)
    }
}
