//! `blockade soak`: many seeds of a script, and which of them fail.

mod progress;

use super::beside;
use super::place::Place;
use super::report;
use super::setup::{self, Setup};
use super::shrink;
use crate::cluster::{Cluster, RuntimeKind};
use crate::journal::Verdict;
use crate::run::{Settings, Stop, sha256, worst};
use crate::soak::{self, Bounds, Ended, Failed, Group, Record, Seeds, SoakFolder, State, Summary, Turn, Watch};
use crate::words::{command_line, counted};
use crate::{Error, ErrorKind, Result, errand};
use progress::{Pace, Progress};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many runs there are where nothing else is said.
const RUNS: u64 = 20;

/// Each has a cluster of its own, with threads and processes: more than any machine has use for.
const JOBS_MAX: i64 = 1024;

/// So many seeds of a kind of failure are listed at the end.
const LISTED: usize = 10;

const AFTER_HELP: &str = "\
Every seed is a run like that of `blockade run SCRIPT --seed N`, with its folder in the soak's; of a run that passes only \
the result.json stays. Ctrl-C heals the runs under way; the same command with --out DIR then goes on with the seeds that \
are left (with --host, where each soak is a new one, the same command with the --seed-start that is printed then).

Exit codes: the worst of all runs, in the order 4, 1, 3, 5; 130 when interrupted.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The script
    script: PathBuf,
    /// How many runs, those of an interrupted soak included [default: 20, or as many as `--for` has time for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// Begin no more runs after this time, like 10m or 8h
    #[arg(long = "for", value_name = "D", value_parser = setup::lasting, allow_hyphen_values = true)]
    lasting: Option<u64>,
    /// How many runs side by side, each with a cluster of its own
    #[arg(long, value_name = "J", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX as u64))]
    jobs: u64,
    /// The first seed; the others follow it. A fresh one is drawn and printed where none is given
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed_start: Option<u64>,
    /// Begin no more runs after one that does not pass
    #[arg(long)]
    stop_on_failure: bool,
    /// Shrink the first run of each kind of failure afterwards, with the same jobs
    #[arg(long)]
    shrink: bool,
    /// Holds the runs' folders; one that holds this soak already goes on with it [default: DATA_DIR/soak/<UTC
    /// time>-<seed>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the nodes live: docker, netns or sim [default: docker where a node has an image, else netns]
    #[arg(long, value_parser = setup::runtime)]
    runtime: Option<RuntimeKind>,
    /// Give the script and the cluster file a parameter; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setup::parameter)]
    params: Vec<(String, String)>,
    /// Print a line of JSON for each run, and one for all
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The given one, that of the soak that goes on, or a fresh one.
    fn seed_start(&self) -> Result<u64> {
        let stored = self.out.as_deref().map(State::read).transpose()?.flatten();
        self.seed_start.or(stored.map(|state| state.seed_start)).map_or_else(setup::fresh_seed, Ok)
    }

    /// Without a number and without a time there are some.
    fn runs(&self) -> Option<u64> {
        self.runs.or(self.lasting.is_none().then_some(RUNS))
    }
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let began = Instant::now();
    let start = args.seed_start()?;
    let tell = if args.json { report::message } else { report::line };
    tell(&format!("seeds from {start}"));
    let seeds = Seeds::new(start, args.runs())?;
    let source = Source::prepare(place, args, start)?;
    let folder =
        SoakFolder::open(place.out(args.out.as_deref()), &place.data_dir().join("soak"), &source.state(start))?;
    // Whoever reads the next line may interrupt it, and is told how it goes on.
    let stop = Stop::listen()?;
    report::message(&format!("soak folder: {}", folder.path.display()));
    let path = folder.path.clone();
    let until = args.lasting.and_then(|us| began.checked_add(Duration::from_micros(us)));
    let bounds = Bounds { jobs: args.jobs as usize, until, stop_on_failure: args.stop_on_failure };
    let pace = Pace { began, runs: args.runs(), until };
    let mut told = Told { source: &source, json: args.json, progress: Progress::start(pace) };
    let ended = soak::soak(folder, seeds, bounds, &stop, |turn| source.settings(turn), &mut told)?;
    told.progress.end();
    conclude(&ended, args.json, source.kind);
    if ended.interrupted {
        report::message(&interrupted(&path, start, args.runs()));
    }
    let mut code = ended.exit_code();
    if args.shrink && !ended.interrupted && ended.trouble.is_none() {
        code = shrink_failures(place, args, &ended).map_or_else(|error| also(code, &error), |()| code);
    }
    ended.trouble.map_or(Ok(code), Err)
}

/// What there is to do about the seeds that are left. An errand's soak begins anew each time it is asked for.
fn interrupted(path: &Path, start: u64, runs: Option<u64>) -> String {
    if errand::current().is_none() {
        return format!("interrupted: the same command with --out {} goes on", path.display());
    }
    // Of a run that was cut short nothing stays.
    let is_left = |seed: &u64| !path.join(seed.to_string()).join("result.json").exists();
    let next = (start..=u64::MAX).find(is_left).unwrap_or(start);
    let left = runs.map(|runs| format!(" --runs {}", (start + runs).saturating_sub(next).max(1)));
    let left = left.unwrap_or_default();
    format!(
        "interrupted: seeds from {next} are left: the same command with --seed-start {next}{left} runs them, as a new soak"
    )
}

/// The exit code where shrinking came to an early end, too: as that of the soak, for which see [`Ended::exit_code`].
fn also(code: u8, error: &Error) -> u8 {
    report::error(error);
    match (code, error.kind) {
        (4, _) => 4,
        (_, ErrorKind::Interrupted) => error.kind.exit_code(),
        _ => worst([code, error.kind.exit_code()]),
    }
}

/// Shrinks one run of each kind of failure: where none failed, but ended unknown or in an error, there is nothing to
/// shrink. What cannot be shrunk is told, and the others still are.
fn shrink_failures(place: &Place, args: &Args, ended: &Ended) -> Result<()> {
    let tell = if args.json { report::message } else { report::line };
    for group in ended.summary.groups() {
        let is_first = |failed: &&Failed| failed.verdict == Verdict::Fail && failed.signature == group.signature;
        let Some(first) = ended.summary.failures.iter().find(is_first) else { continue };
        match shrink::shrink_run(place, Path::new(&first.run), None, shrink::Effort::usual(args.jobs as u32), tell) {
            Ok(found) => found.interrupted.map_or(Ok(()), Err)?,
            Err(error) if matches!(error.kind, ErrorKind::Usage | ErrorKind::Unknown) => report::error(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What all runs are made from.
struct Source<'a> {
    place: &'a Place,
    args: &'a Args,
    params: BTreeMap<String, String>,
    kind: RuntimeKind,
    /// That of the first seed.
    setup: Setup,
}

impl<'a> Source<'a> {
    /// Finds everything that would hit every run, before the first one.
    fn prepare(place: &'a Place, args: &'a Args, seed: u64) -> Result<Self> {
        let params = args.params.iter().cloned().collect();
        let setup = setup::load(place, &args.script, seed, &params, args.runtime)?;
        setup::check(&setup, false)?;
        setup::warn_of_unused(&params, &setup);
        crate::runtime::prepare(setup.kind, &setup.cluster)?;
        let source = Self { place, args, params, kind: setup.kind, setup };
        source.check_side_by_side(seed)?;
        Ok(source)
    }

    /// Clusters in Docker share the host's names, ports and networks.
    fn check_side_by_side(&self, seed: u64) -> Result<()> {
        if self.kind != RuntimeKind::Docker {
            return Ok(());
        }
        let ours = &self.setup.cluster;
        let other = (self.args.jobs > 1).then(|| self.cluster(1, seed)).transpose();
        // Each run is to choose a subnet of its own.
        crate::runtime::unreserve(ours);
        let Some(other) = other? else { return Ok(()) };
        crate::runtime::unreserve(&other);
        beside::check(ours, &other, self.args.jobs)
    }

    fn state(&self, seed_start: u64) -> State {
        State {
            format: crate::journal::FORMAT,
            script: self.setup.script.path().to_owned(),
            script_sha256: sha256(self.setup.script.text()),
            cluster_sha256: sha256(&self.setup.cluster_text),
            runtime: self.kind.to_string(),
            set: self.params.clone(),
            seed_start,
        }
    }

    /// One turn's run. Where the cluster depends on the seed, or takes names and networks of the host's, it is read anew.
    fn settings(&self, turn: Turn) -> Result<Settings> {
        let mut setup = self.setup.again();
        if self.kind == RuntimeKind::Docker || setup.cluster_text.contains("${seed") {
            setup.cluster = self.cluster(turn.job, turn.seed)?;
        }
        Ok(setup.settings(turn.seed, self.params.clone(), None, Some(turn.folder)))
    }

    fn cluster(&self, job: usize, seed: u64) -> Result<Cluster> {
        let place = Place { name: self.name(job)?, ..self.place.clone() };
        let (cluster, text) = place.load(Some(&self.args.script), seed, &self.params, Some(self.kind))?;
        if text != self.setup.cluster_text {
            let changed = format!("the cluster file {} has changed since the soak began", cluster.file.display());
            return Err(Error::usage(changed).help("another cluster is another soak"));
        }
        Ok(cluster)
    }

    /// Containers are called after their blockade: side by side each job's has a name of its own.
    fn name(&self, job: usize) -> Result<Option<String>> {
        if self.kind == RuntimeKind::Docker {
            beside::name(self.place, self.args.jobs, job)
        } else {
            Ok(self.place.name.clone())
        }
    }

    fn replay(&self, seed: u64) -> String {
        let mut words = setup::replay(self.place, &self.args.script, seed, &self.args.params);
        words.extend(self.args.runtime.iter().flat_map(|kind| ["--runtime".to_owned(), kind.to_string()]));
        command_line(&words)
    }
}

/// What a person, or a program, is told.
struct Told<'a> {
    source: &'a Source<'a>,
    json: bool,
    progress: Progress,
}

impl Watch for Told<'_> {
    fn resumed(&mut self, summary: &Summary) {
        self.progress.resumed(summary.runs);
        if summary.runs > 0 {
            self.progress.above(|| report::message(&format!("going on: so far {}", sums(summary))));
        }
    }

    fn ended(&mut self, record: &Record, summary: &Summary) {
        if self.json {
            self.progress.above(|| json(record));
        } else if !record.passed() {
            self.progress.above(|| report::line(&failure(record, &self.source.replay(record.seed))));
        }
        self.progress.show(summary);
    }

    fn warn(&mut self, message: &str) {
        self.progress.above(|| report::message(&format!("warning: {message}")));
    }
}

fn json(value: &impl serde::Serialize) {
    report::line(&serde_json::to_string(value).unwrap_or_default());
}

/// One line, whatever the failure says.
fn failure(record: &Record, replay: &str) -> String {
    let (word, seed) = (record.verdict.word().to_uppercase(), record.seed);
    let signature = record.signature.as_deref().unwrap_or_default();
    format!("{word} seed {seed}: {signature}; run folder: {}; replay: {replay}", record.run)
}

fn conclude(ended: &Ended, as_json: bool, kind: RuntimeKind) {
    let summary = &ended.summary;
    if as_json {
        return json(summary);
    }
    if summary.runs == 0 && ended.trouble.is_some() {
        return; // only that is to be told
    }
    for group in summary.groups() {
        report::line(&listed(&group));
    }
    let simulated = if kind == RuntimeKind::Sim { " (simulated)" } else { "" };
    report::line(&format!("{}{simulated}", sums(summary)));
}

fn sums(summary: &Summary) -> String {
    let runs = counted(summary.runs, "run");
    let errors = if summary.errors == 1 { "error" } else { "errors" };
    let others = [(summary.failed, "failed"), (summary.unknown, "unknown"), (summary.errors, errors)];
    let others = others.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!(", {number} {what}"));
    format!("{runs}, {} passed{}", summary.passed, others.collect::<String>())
}

/// A kind of failure, with its first seeds.
fn listed(group: &Group) -> String {
    let seeds: Vec<String> = group.seeds.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if group.seeds.len() > LISTED { ", …" } else { "" };
    let what = if group.seeds.len() == 1 { "seed" } else { "seeds" };
    format!("{} × {} ({what} {}{more})", group.seeds.len(), group.signature, seeds.join(", "))
}
