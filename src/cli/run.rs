//! `blockade run`.

use super::place::Place;
use super::report;
use super::setup::{self, ScriptArgs, Setup};
use super::timeline::{JsonLines, Timeline};
use crate::cluster::RuntimeKind;
use crate::engine::Output;
use crate::journal::{RunFolder, Verdict};
use crate::plan::Shaper;
use crate::run::{self, Attached, Outcome, Settings};
use crate::runtime::Options;
use crate::script::Script;
use crate::words::{command_line, counted, option};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(super) struct Args {
    /// The script
    #[arg(required_unless_present = "resume")]
    script: Option<PathBuf>,
    #[command(flatten)]
    common: ScriptArgs,
    /// Where the nodes live: docker, netns or sim [default: docker where a node has an image, else netns]
    #[arg(long, value_parser = setup::runtime)]
    runtime: Option<RuntimeKind>,
    /// The statements of this file in the place of the script's chaos()
    #[arg(long, value_name = "FILE")]
    chaos: Option<PathBuf>,
    /// End the run after this time, like 90s or 10m [default: the script's OPTIONS.timeout, else 10m]
    #[arg(long, value_name = "D", value_parser = setup::duration, allow_hyphen_values = true)]
    timeout: Option<u64>,
    /// Print the journal's lines instead of the timeline
    #[arg(long)]
    json: bool,
    /// The run's folder [default: DATA_DIR/runs/<UTC time>-<seed>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print only the verdict
    #[arg(short, long)]
    quiet: bool,
    /// What alone is to impair links [default: netem where there is one, the user-space shaper for the rest]
    #[arg(long, value_name = "SHAPER", conflicts_with = "attach")]
    shaper: Option<Shaper>,
    /// Measure each impairment as soon as it is in force; one that is not as asked ends the run (exit 3)
    #[arg(long)]
    verify: bool,
    /// Leave the cluster up; the run's faults go all the same
    #[arg(long)]
    keep: bool,
    /// Use the cluster that is up; only the run's faults go
    #[arg(long, conflicts_with_all = ["keep", "runtime"])]
    attach: bool,
    /// Go on with a run that goes on elsewhere, where its connection was lost: its output from its beginning, its folder, its
    /// exit code. ID is what its folder there is called, like 20261126T204501Z-7; with --host
    #[arg(long, value_name = "ID", conflicts_with_all = NOT_RESUMED)]
    resume: Option<String>,
}

/// What a run that goes on has got already.
const NOT_RESUMED: [&str; 12] =
    ["script", "seed", "params", "runtime", "chaos", "timeout", "json", "quiet", "shaper", "verify", "keep", "attach"];

impl Args {
    /// The run to go on with.
    pub(super) fn resume(&self) -> Option<&str> {
        self.resume.as_deref()
    }

    /// The run's folder, where it was named.
    pub(super) fn out(&self) -> Option<&Path> {
        self.out.as_deref()
    }

    fn script(&self) -> Result<&Path> {
        self.script.as_deref().ok_or_else(|| {
            Error::usage("--resume is for a run on another machine")
                .help("name its daemon with --host or BLOCKADE_HOST")
        })
    }
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let script = args.script()?;
    let (seed, params) = (args.common.seed()?, args.common.params());
    if args.json {
        report::message(&format!("seed {seed}"));
    } else {
        report::line(&format!("seed {seed}"));
    }
    let chaos = args.chaos.as_deref().map(Script::load).transpose()?;
    let setup = prepare(place, script, args, seed, &params)?;
    if let Some(chaos) = &chaos {
        setup::check_in_place(chaos, &setup)?;
    }
    setup::warn_of_unused(&params, &setup);
    let folder = RunFolder::create(place.out(args.out.as_deref()), &place.data_dir().join("runs"), seed)?;
    let settings = setup.settings(seed, params, args.timeout, Some(folder.clone()));
    let settings = Settings { chaos, shaper: args.shaper, verify: args.verify, ..settings };
    let outputs = outputs(&settings, args.json, args.quiet)?;
    let outcome = run::run(settings, outputs)?;
    if !args.json {
        conclude(&outcome);
    }
    explain(&outcome, args, place, script, seed);
    report::message(&format!("run folder: {}", folder.path.display()));
    Ok(outcome.exit_code())
}

/// The script and its cluster: read from its file, or the one that is up.
fn prepare(place: &Place, script: &Path, args: &Args, seed: u64, params: &BTreeMap<String, String>) -> Result<Setup> {
    if args.attach {
        let script = Script::load(script)?;
        let setup = Setup::standing(script, Attached::open(&place.folder()?)?)?;
        return setup::check(&setup, args.quiet).map(|()| setup);
    }
    let setup = setup::load(place, script, seed, params, args.runtime)?;
    setup::check(&setup, args.quiet)?;
    setup::check_shaper(args.shaper, setup.kind)?;
    crate::runtime::prepare(setup.kind, &setup.cluster)?;
    if !args.keep || setup.kind == RuntimeKind::Sim {
        return Ok(setup);
    }
    let options = Options { shaper: args.shaper, ..Options::default() };
    let attached = setup::bring_up(place, setup.cluster, setup.kind, params, seed, options)?;
    Setup::standing(setup.script, attached)
}

/// Who tells the person or the program in front of it.
pub(super) fn outputs(settings: &Settings, json: bool, quiet: bool) -> Result<Vec<Box<dyn Output>>> {
    Ok(match (json, quiet) {
        (true, _) => vec![Box::new(JsonLines::start(&run::header(settings)?))],
        (false, true) => Vec::new(),
        (false, false) => vec![Box::new(Timeline::live())],
    })
}

/// The verdict, on stdout.
pub(super) fn conclude(outcome: &Outcome) {
    let result = &outcome.result;
    let simulated = if result.simulated { " (simulated)" } else { "" };
    let seconds = result.duration_ms as f64 / 1e3;
    let faults = counted(result.faults, "fault");
    let word = result.verdict.word().to_uppercase();
    report::line(&format!("{word}{simulated}: seed {}, {faults}, {seconds:.1} s", result.seed));
}

/// Why, and how to see it again, on stderr.
fn explain(outcome: &Outcome, args: &Args, place: &Place, script: &Path, seed: u64) {
    for error in [&outcome.error, &outcome.cleanup].into_iter().flatten() {
        report::error(error);
    }
    // What was interrupted, or what this machine cannot do, no replay would show.
    let elsewhere = [ErrorKind::Interrupted, ErrorKind::Machine];
    let repeats = outcome.error.as_ref().is_some_and(|error| !elsewhere.contains(&error.kind));
    if outcome.result.verdict != Verdict::Pass && repeats {
        report::message(&format!("replay: {}", replay(args, place, script, seed)));
    }
}

/// The one command that does it again.
fn replay(args: &Args, place: &Place, script: &Path, seed: u64) -> String {
    let mut words = setup::replay(place, script, seed, &args.common.params);
    for (flag, given) in [("--keep", args.keep), ("--attach", args.attach)] {
        words.extend(given.then(|| flag.to_owned()));
    }
    words.extend(setup::options(args.timeout, args.shaper, args.verify));
    if let Some(chaos) = &args.chaos {
        words.extend(option("--chaos", chaos.display()));
    }
    if let Some(kind) = args.runtime {
        words.extend(["--runtime".to_owned(), kind.to_string()]);
    }
    command_line(&words)
}
