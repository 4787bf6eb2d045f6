//! `blockade plan`: what a seed would do, without doing it.

use super::place::Place;
use super::timeline::{JsonLines, Timeline};
use super::{report, setup};
use crate::cluster::RuntimeKind;
use crate::engine::Output;
use crate::run::{self, Outcome, Settings};
use crate::script::Interrupt;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The script
    script: PathBuf,
    /// Makes every choice of the script; a fresh one is drawn and printed where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Plan many seeds, both ends included
    #[arg(long, value_name = "A..B", conflicts_with = "seed", value_parser = seeds)]
    seeds: Option<(u64, u64)>,
    /// Give the script and the cluster file a parameter; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setup::parameter)]
    params: Vec<(String, String)>,
    /// End the run after this (virtual) time
    #[arg(long, value_name = "D", value_parser = setup::duration)]
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
    let (first, last) = match (args.seeds, args.seed) {
        (Some(range), _) => range,
        (None, Some(seed)) => (seed, seed),
        (None, None) => setup::fresh_seed().map(|seed| (seed, seed))?,
    };
    let params: BTreeMap<String, String> = args.params.iter().cloned().collect();
    setup::warn_of_unused(&params, &setup::load(place, &args.script, first, &params, Some(RuntimeKind::Sim))?);
    let mut worst = 0;
    let mut passed = 0_u64;
    for seed in first..=last {
        let outcome = plan(place, args, seed, &params)?;
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

fn plan(place: &Place, args: &Args, seed: u64, params: &BTreeMap<String, String>) -> Result<Outcome> {
    let setup = setup::load(place, &args.script, seed, params, Some(RuntimeKind::Sim))?;
    let settings = Settings {
        script: setup.script,
        cluster: setup.cluster,
        cluster_text: setup.cluster_text,
        kind: RuntimeKind::Sim,
        seed,
        params: params.clone(),
        timeout_us: args.timeout,
        folder: None,
        attached: None,
        interrupt: Arc::new(Interrupt::default()),
    };
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
