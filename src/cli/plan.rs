//! `blockade plan`: what a seed would do, without doing it.

use super::place::Place;
use super::report;
use super::setup::{self, ScriptArgs};
use super::timeline::{JsonLines, Timeline};
use crate::cluster::RuntimeKind;
use crate::engine::Output;
use crate::run::{self, Outcome, Settings};
use crate::{Error, Result};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    common: ScriptArgs,
    /// Plan many seeds, both ends included
    #[arg(long, value_name = "A..B", conflicts_with = "seed", value_parser = seeds)]
    seeds: Option<(u64, u64)>,
    /// End the run after this (virtual) time
    #[arg(long, value_name = "D", value_parser = setup::duration, allow_hyphen_values = true)]
    timeout: Option<u64>,
    /// Print the journal's lines
    #[arg(long)]
    json: bool,
    /// Print only a summary
    #[arg(short, long)]
    quiet: bool,
}

/// `A..B`, both ends included.
fn seeds(text: &str) -> std::result::Result<(u64, u64), String> {
    let ends = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match ends {
        Some((a, b)) if a <= b && i64::try_from(b).is_ok() => Ok((a, b)),
        _ => Err("expected A..B with A ≤ B, like 1..100".to_owned()),
    }
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let (first, last) = match args.seeds {
        Some(range) => range,
        None => args.common.seed().map(|seed| (seed, seed))?,
    };
    let params = args.common.params();
    let mut worst = 0;
    let mut passed = 0_u64;
    for seed in first..=last {
        let setup = setup::load(place, &args.common.script, seed, &params, Some(RuntimeKind::Sim))?;
        if seed == first {
            setup::warn_of_unused(&params, &setup);
        }
        let outcome = plan(args, setup.settings(seed, params.clone(), args.timeout, None))?;
        passed += u64::from(outcome.exit_code() == 0);
        worst = worst.max(outcome.exit_code());
        let failure = outcome.error.as_ref().or(outcome.cleanup.as_ref());
        if let Some(error) = failure.filter(|_| !args.quiet || args.seeds.is_none()) {
            report::error(error);
        }
    }
    if args.seeds.is_some() {
        report::line(&format!("{} seeds planned, {passed} passed (simulated)", last - first + 1));
    }
    Ok(worst)
}

fn plan(args: &Args, settings: Settings) -> Result<Outcome> {
    let seed = settings.seed;
    let output: Vec<Box<dyn Output>> = match (args.json, args.quiet) {
        (true, _) => vec![Box::new(JsonLines::start(&run::header(&settings)?))],
        (false, true) => Vec::new(),
        (false, false) => {
            report::line(&format!("seed {seed}"));
            vec![Box::new(Timeline::new())]
        }
    };
    let outcome = run::run(settings, output)?;
    if !args.json && !args.quiet {
        let word = outcome.result.verdict.word().to_uppercase();
        report::line(&format!("{word} (simulated): seed {seed}, {} faults", outcome.result.faults));
    }
    outcome.result.cleanup.ok.then_some(()).ok_or_else(|| Error::machine("the simulation left faults behind"))?;
    Ok(outcome)
}
