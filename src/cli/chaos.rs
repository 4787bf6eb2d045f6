//! `blockade chaos`: a program of the standard library on the cluster that is up, until Ctrl-C.

use super::place::Place;
use super::report;
use super::setup::{self, Setup};
use super::timeline::{JsonLines, Timeline};
use crate::cluster::Cluster;
use crate::doctor;
use crate::engine::Output;
use crate::journal::RunFolder;
use crate::run::{self, Attached};
use crate::script::Script;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// What it runs.
const PROGRAM: &str = include_str!("../../stdlib/chaos.rhai");
/// What its errors call it.
const NAME: &str = "stdlib/chaos.rhai";

/// Makes trouble at random in the cluster that is up, until Ctrl-C (exit 130, everything healed).
///
/// Healthy for a random time, then each of some random nodes has one random event for a random time; then every fault
/// is healed and what is down is started; and so on. The same seed makes the same choices.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Which events may happen: PARTITION, STOP, FLAKY, SLOW, DUPLICATE [default: all that work here]
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',', value_parser = event)]
    events: Vec<Event>,
    /// How long the cluster is healthy at least, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    degrade_delay_min: u32,
    /// How long it is healthy at most, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300_000)]
    degrade_delay_max: u32,
    /// How long it is in trouble at least, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    degrade_runtime_min: u32,
    /// How long it is in trouble at most, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300_000)]
    degrade_runtime_max: u32,
    /// How many nodes are in trouble at once at least
    #[arg(long, value_name = "N", default_value_t = 1)]
    containers_at_once_min: u32,
    /// How many nodes are in trouble at once at most
    #[arg(long, value_name = "N", default_value_t = 1)]
    containers_at_once_max: u32,
    /// Makes every choice; a fresh one is drawn and printed where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Print what happens as JSON Lines
    #[arg(long)]
    json: bool,
}

/// What may happen to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Partition,
    Stop,
    Flaky,
    Slow,
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

    fn name(self) -> &'static str {
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

fn event(text: &str) -> std::result::Result<Event, String> {
    let named = Event::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
    named.map(|(_, event)| *event).ok_or_else(|| "expected PARTITION, STOP, FLAKY, SLOW or DUPLICATE".to_owned())
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    args.check()?;
    let events = args.events()?;
    let seed = args.seed.map_or_else(setup::fresh_seed, Ok)?;
    let say: fn(&str) = if args.json { report::message } else { report::line };
    say(&format!("seed {seed}"));
    let setup = Setup::standing(Script::compile(NAME, PROGRAM)?, Attached::open(&place.folder()?)?)?;
    let params = args.params(&events, &setup.cluster);
    let folder = RunFolder::create(None, &place.data_dir.join("runs"), seed)?;
    // It ends when somebody ends it.
    let settings = setup.settings(seed, params, Some(u64::MAX), Some(folder.clone()));
    let output: Box<dyn Output> =
        if args.json { Box::new(JsonLines::start(&run::header(&settings)?)) } else { Box::new(Timeline::live()) };
    let outcome = run::run(settings, vec![output])?;
    let is_ended = |error: &&Error| error.kind != ErrorKind::Interrupted;
    outcome.error.iter().chain(&outcome.cleanup).filter(is_ended).for_each(report::error);
    if outcome.cleanup.is_none() {
        say("chaos is over, and its faults are healed");
    }
    report::message(&format!("run folder: {}", folder.path.display()));
    Ok(outcome.exit_code())
}

impl Args {
    /// A range the wrong way round is an error: the old Blockade took its upper end for both, silently.
    fn check(&self) -> Result<()> {
        let ranges = [
            ("degrade-delay", self.degrade_delay_min, self.degrade_delay_max),
            ("degrade-runtime", self.degrade_runtime_min, self.degrade_runtime_max),
            ("containers-at-once", self.containers_at_once_min, self.containers_at_once_max),
        ];
        match ranges.iter().find(|(_, min, max)| min > max) {
            None => Ok(()),
            Some((name, min, max)) => Err(Error::usage(format!("--{name}-min {min} is above --{name}-max {max}"))
                .help(format!(
                    "give both, where the default of one does not fit: --{name}-min {max} --{name}-max {min}"
                ))),
        }
    }

    /// The events that were named, which must work here; else all that do.
    fn events(&self) -> Result<Vec<Event>> {
        if !self.events.is_empty() {
            self.events.iter().try_for_each(|event| event.works())?;
            return Ok(self.events.clone());
        }
        let (works, lacks): (Vec<Event>, Vec<Event>) =
            Event::ALL.iter().map(|(_, event)| *event).partition(|event| event.works().is_ok());
        if let Some(error) = lacks.first().and_then(|event| event.works().err()) {
            let names: Vec<&str> = lacks.iter().map(|event| event.name()).collect();
            report::message(&format!("without {}: {}", names.join(", "), error.message));
        }
        Ok(works)
    }

    /// What the program asks for.
    fn params(&self, events: &[Event], cluster: &Cluster) -> BTreeMap<String, String> {
        let events: Vec<&str> = events.iter().map(|event| event.name()).collect();
        let of = |wanted: fn(&crate::cluster::Node) -> bool| {
            let nodes = cluster.nodes.iter().filter(|node| wanted(node));
            nodes.map(|node| node.name.as_str()).collect::<Vec<_>>().join(",")
        };
        BTreeMap::from(
            [
                ("events", events.join(",")),
                ("holy", of(|node| node.holy)),
                ("neutral", of(|node| node.neutral)),
                ("degrade-delay-min", self.degrade_delay_min.to_string()),
                ("degrade-delay-max", self.degrade_delay_max.to_string()),
                ("degrade-runtime-min", self.degrade_runtime_min.to_string()),
                ("degrade-runtime-max", self.degrade_runtime_max.to_string()),
                ("containers-at-once-min", self.containers_at_once_min.to_string()),
                ("containers-at-once-max", self.containers_at_once_max.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}
