//! `blockade plan`: what a seed would do, without doing it.

use super::place::Place;
use super::report;
use super::setup::{self, ScriptArgs, Setup};
use super::timeline::{JsonLines, Timeline};
use crate::cluster::RuntimeKind;
use crate::engine::Output;
use crate::journal::Verdict;
use crate::run::{self, Outcome, Settings};
use crate::soak::GREATEST;
use crate::words::counted;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many seeds of a kind are listed.
const LISTED: usize = 10;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The script
    script: PathBuf,
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
    let expected = || "expected A..B with A ≤ B, like 1..100".to_owned();
    let (a, b) = text.split_once("..").ok_or_else(expected)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(a) || !is_number(b) {
        return Err(expected());
    }
    let seed = |text: &str| text.parse().ok().filter(|seed| *seed <= GREATEST);
    match (seed(a), seed(b)) {
        (Some(a), Some(b)) if a <= b => Ok((a, b)),
        (Some(_), Some(_)) => Err(expected()),
        _ => Err(format!("the greatest seed is {GREATEST}")),
    }
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let (first, last) = match args.seeds {
        Some(range) => range,
        None => args.common.seed().map(|seed| (seed, seed))?,
    };
    let planner = Planner::new(place, args, first)?;
    let sums = if args.seeds.is_some() && args.quiet && !args.json {
        planner.side_by_side(first, last)?
    } else {
        planner.one_by_one(first, last)?
    };
    if args.seeds.is_some() {
        if args.quiet && !args.json {
            sums.lists().iter().for_each(|list| report::line(list));
        }
        let planned = counted(last - first + 1, "seed");
        report::line(&format!("{planned} planned, {} passed{} (simulated)", sums.passed, sums.others()));
    }
    Ok(sums.worst)
}

/// What came of several seeds.
#[derive(Default)]
struct Sums {
    passed: u64,
    failed: BTreeSet<u64>,
    unknown: BTreeSet<u64>,
    errors: BTreeSet<u64>,
    worst: u8,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        let seed = outcome.result.seed;
        match outcome.result.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail => _ = self.failed.insert(seed),
            Verdict::Unknown => _ = self.unknown.insert(seed),
            Verdict::Error => _ = self.errors.insert(seed),
        }
        self.worst = run::worst([self.worst, outcome.exit_code()]);
    }

    fn and(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.unknown.extend(other.unknown);
        self.errors.extend(other.errors);
        self.worst = run::worst([self.worst, other.worst]);
        self
    }

    /// What did not pass, and what that is called where it is one, or several.
    fn kinds(&self) -> impl Iterator<Item = (&BTreeSet<u64>, &'static str)> {
        let errors = if self.errors.len() == 1 { "error" } else { "errors" };
        let kinds = [(&self.failed, "failed"), (&self.unknown, "unknown"), (&self.errors, errors)];
        kinds.into_iter().filter(|(seeds, _)| !seeds.is_empty())
    }

    fn others(&self) -> String {
        let others: Vec<String> = self.kinds().map(|(seeds, what)| format!(", {} {what}", seeds.len())).collect();
        others.concat()
    }

    /// A line for each kind, with its first seeds.
    fn lists(&self) -> Vec<String> {
        let list = |(seeds, what): (&BTreeSet<u64>, &str)| {
            let listed: Vec<String> = seeds.iter().take(LISTED).map(ToString::to_string).collect();
            let more = if seeds.len() > LISTED { ", …" } else { "" };
            let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
            format!("{what}: {noun} {}{more}", listed.join(", "))
        };
        self.kinds().map(list).collect()
    }
}

struct Planner<'a> {
    place: &'a Place,
    args: &'a Args,
    params: BTreeMap<String, String>,
    /// Where the cluster is the same for all seeds.
    setup: Option<Setup>,
}

impl<'a> Planner<'a> {
    fn new(place: &'a Place, args: &'a Args, first: u64) -> Result<Self> {
        let params = args.common.params();
        let setup = setup::load(place, &args.script, first, &params, Some(RuntimeKind::Sim))?;
        setup::check(&setup, args.quiet)?;
        setup::warn_of_unused(&params, &setup);
        let setup = (!setup.cluster_text.contains("${seed")).then_some(setup);
        Ok(Self { place, args, params, setup })
    }

    fn setup(&self, seed: u64) -> Result<Setup> {
        match &self.setup {
            Some(setup) => Ok(setup.again()),
            None => setup::load(self.place, &self.args.script, seed, &self.params, Some(RuntimeKind::Sim)),
        }
    }

    fn plan(&self, seed: u64) -> Result<Outcome> {
        plan(self.args, self.setup(seed)?.settings(seed, self.params.clone(), self.args.timeout, None))
    }

    fn one_by_one(&self, first: u64, last: u64) -> Result<Sums> {
        let mut sums = Sums::default();
        for seed in first..=last {
            let outcome = self.plan(seed)?;
            sums.add(&outcome);
            let failure = outcome.error.as_ref().or(outcome.cleanup.as_ref());
            if let Some(error) = failure.filter(|_| !self.args.quiet || self.args.seeds.is_none()) {
                report::error(error);
            }
        }
        Ok(sums)
    }

    /// Nothing is printed of any: they may come in any order.
    fn side_by_side(&self, first: u64, last: u64) -> Result<Sums> {
        let next = AtomicU64::new(first);
        let worker = || -> Result<Sums> {
            let mut sums = Sums::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if !(first..=last).contains(&seed) {
                    return Ok(sums);
                }
                sums.add(&self.plan(seed)?);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
            let ended = workers.into_iter().map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(Error::machine("a planner crashed").help("this is a bug in blockade")))
            });
            ended.collect::<Vec<_>>().into_iter().try_fold(Sums::default(), |sums, more| Ok(sums.and(more?)))
        })
    }
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
        report::line(&format!("{word} (simulated): seed {seed}, {}", counted(outcome.result.faults, "fault")));
    }
    outcome.result.cleanup.ok.then_some(()).ok_or_else(|| Error::machine("the simulation left faults behind"))?;
    Ok(outcome)
}
