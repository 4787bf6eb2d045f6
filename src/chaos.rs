//! The program of `blockade chaos` and of the daemon's `…/chaos`: what it is told, and what of that works here.
//!
//! Asks the doctor what this machine can do; touches nothing else.

use crate::cluster::{Cluster, Node};
use crate::doctor;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// The program.
pub const PROGRAM: &str = include_str!("../stdlib/chaos.rhai");
/// What its errors call it.
pub const NAME: &str = "stdlib/chaos.rhai";

/// What may happen to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is cut off from everybody who is not neutral.
    Partition,
    /// It is stopped.
    Stop,
    /// It loses some of what it sends.
    Flaky,
    /// What it sends is late.
    Slow,
    /// It sends some of it twice.
    Duplicate,
}

impl Event {
    const ALL: [(&str, Self); 5] = [
        ("PARTITION", Self::Partition),
        ("STOP", Self::Stop),
        ("FLAKY", Self::Flaky),
        ("SLOW", Self::Slow),
        ("DUPLICATE", Self::Duplicate),
    ];

    /// The event of this name, in whatever case.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let named = Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
        named.map(|(_, event)| *event).ok_or_else(|| "expected PARTITION, STOP, FLAKY, SLOW or DUPLICATE".to_owned())
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, event)| *event == self).map_or("", |(name, _)| name)
    }

    /// Whether it can be made to happen here.
    fn works(self) -> Result<()> {
        match self {
            Self::Partition | Self::Stop => Ok(()),
            Self::Flaky | Self::Slow | Self::Duplicate => doctor::can_shape(),
        }
    }
}

/// From the first to the second, both included.
pub type Range = (u32, u32);

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// What may happen; all that works here, where none are named.
    pub events: Vec<Event>,
    /// How long the cluster is healthy, milliseconds.
    pub healthy_ms: Range,
    /// How long it is in trouble, milliseconds.
    pub troubled_ms: Range,
    /// How many nodes are in trouble at once.
    pub nodes_at_once: Range,
    /// How many different events each of them has at once.
    pub events_at_once: Range,
}

impl Default for Wishes {
    fn default() -> Self {
        let (healthy_ms, troubled_ms) = ((30_000, 300_000), (30_000, 300_000));
        Self { events: Vec::new(), healthy_ms, troubled_ms, nodes_at_once: (1, 1), events_at_once: (1, 1) }
    }
}

impl Wishes {
    /// The events that were named, which must work here; else all that do, and what is to be told of the others.
    pub fn events(&self) -> Result<(Vec<Event>, Option<String>)> {
        if !self.events.is_empty() {
            self.events.iter().try_for_each(|event| event.works())?;
            return Ok((self.events.clone(), None));
        }
        let (works, lacks): (Vec<Event>, Vec<Event>) =
            Event::ALL.iter().map(|(_, event)| *event).partition(|event| event.works().is_ok());
        let told = lacks.first().and_then(|event| event.works().err()).map(|error| {
            let names: Vec<&str> = lacks.iter().map(|event| event.name()).collect();
            format!("without {}: {}", names.join(", "), error.message)
        });
        Ok((works, told))
    }

    /// What the program asks for.
    pub fn params(&self, events: &[Event], cluster: &Cluster) -> BTreeMap<String, String> {
        let events: Vec<&str> = events.iter().map(|event| event.name()).collect();
        let of = |wanted: fn(&Node) -> bool| {
            let nodes = cluster.nodes.iter().filter(|node| wanted(node));
            nodes.map(|node| node.name.as_str()).collect::<Vec<_>>().join(",")
        };
        let texts =
            [("events", events.join(",")), ("holy", of(|node| node.holy)), ("neutral", of(|node| node.neutral))];
        let ranges = [
            ("degrade-delay", self.healthy_ms),
            ("degrade-runtime", self.troubled_ms),
            ("containers-at-once", self.nodes_at_once),
            ("events-at-once", self.events_at_once),
        ];
        let ends = |(name, (min, max)): (&str, Range)| {
            [(format!("{name}-min"), min.to_string()), (format!("{name}-max"), max.to_string())]
        };
        texts.map(|(name, text)| (name.to_owned(), text)).into_iter().chain(ranges.into_iter().flat_map(ends)).collect()
    }
}

/// A range the wrong way round is an error: the old Blockade took its upper end for both, silently. The names are those
/// under which it was given.
pub fn check_range((least, most): (&str, &str), (min, max): Range) -> Result<()> {
    if min <= max {
        return Ok(());
    }
    Err(Error::usage(format!("{least} {min} is above {most} {max}"))
        .help(format!("give both, where the default of one does not fit: {least} {max} {most} {min}")))
}
