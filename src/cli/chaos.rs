//! `blockade chaos`: a program of the standard library on the cluster that is up, until Ctrl-C.

use super::place::Place;
use super::report;
use super::setup::{self, Setup};
use super::timeline::{JsonLines, Timeline};
use crate::chaos::{Event, NAME, PROGRAM, Wishes, check_range};
use crate::engine::Output;
use crate::journal::RunFolder;
use crate::run::{self, Attached, Settings};
use crate::script::Script;
use crate::{Error, ErrorKind, Result};

/// Makes trouble at random in the cluster that is up, until Ctrl-C (exit 130, everything healed).
///
/// Healthy for a random time, then each of some random nodes has one random event for a random time; then every fault
/// is healed and what is down is started; and so on. The same seed makes the same choices.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Which events may happen: PARTITION, STOP, FLAKY, SLOW, DUPLICATE [default: all that work here]
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',', value_parser = Event::parse)]
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
    /// How many different events each of them has at once at least
    #[arg(long, value_name = "N", default_value_t = 1)]
    events_at_once_min: u32,
    /// How many different events each of them has at once at most
    #[arg(long, value_name = "N", default_value_t = 1)]
    events_at_once_max: u32,
    /// Makes every choice; a fresh one is drawn and printed where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Print what happens as JSON Lines
    #[arg(long)]
    json: bool,
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let (wishes, up) = (args.wishes()?, place.folder()?);
    let (events, lacks) = wishes.events()?;
    if let Some(lacks) = lacks {
        report::message(&lacks);
    }
    let seed = args.seed.map_or_else(setup::fresh_seed, Ok)?;
    let say: fn(&str) = if args.json { report::message } else { report::line };
    say(&format!("seed {seed}"));
    let setup = Setup::standing(Script::compile(NAME, PROGRAM)?, Attached::open(&up)?)?;
    let params = wishes.params(&events, &setup.cluster);
    let folder = RunFolder::create(None, &place.data_dir().join("runs"), seed)?;
    // It ends when somebody ends it.
    let settings = setup.settings(seed, params, Some(u64::MAX), Some(folder.clone()));
    let settings = Settings { is_endless: true, ..settings };
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
    fn wishes(&self) -> Result<Wishes> {
        let wishes = Wishes {
            events: self.events.clone(),
            healthy_ms: (self.degrade_delay_min, self.degrade_delay_max),
            troubled_ms: (self.degrade_runtime_min, self.degrade_runtime_max),
            nodes_at_once: (self.containers_at_once_min, self.containers_at_once_max),
            events_at_once: (self.events_at_once_min, self.events_at_once_max),
        };
        check_range(("--degrade-delay-min", "--degrade-delay-max"), wishes.healthy_ms)?;
        check_range(("--degrade-runtime-min", "--degrade-runtime-max"), wishes.troubled_ms)?;
        check_range(("--containers-at-once-min", "--containers-at-once-max"), wishes.nodes_at_once)?;
        check_range(("--events-at-once-min", "--events-at-once-max"), wishes.events_at_once)?;
        Ok(wishes)
    }
}
