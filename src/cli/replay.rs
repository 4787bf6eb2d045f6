//! `blockade replay`: the recorded schedule once more.

use super::past::Past;
use super::place::Place;
use super::report;
use super::run::{conclude, outputs};
use crate::Result;
use crate::journal::{RunFolder, Verdict};
use crate::run::{self, Outcome, Settings};
use crate::schedule::Times;
use crate::script::Script;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
The script's setup(), clients and check() run as they did, with the same seed, parameters and cluster file, all as they \
lie in the run's folder; in the place of chaos() its faults are injected and healed at the recorded times, their targets \
being those that were chosen then.

Exit codes: those of `blockade run`.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The run's folder, or its name below DATA_DIR/runs
    run: PathBuf,
    /// Print the journal's lines instead of the timeline
    #[arg(long)]
    json: bool,
    /// The new run's folder [default: DATA_DIR/runs/<UTC time>-<seed>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print only the verdict
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let past = Past::open(place, &args.run)?;
    let seed = past.run.seed;
    let tell = if args.json { report::message } else { report::line };
    tell(&format!("replaying {}: seed {seed}, {}", place.shown(&past.run.folder.path).display(), past.schedule.size()));
    let folder = RunFolder::create(place.out(args.out.as_deref()), &place.data_dir().join("runs"), seed)?;
    let chaos = Script::compile(&folder.file("chaos.rhai").display().to_string(), &past.schedule.text(Times::Exact))?;
    let settings: Settings = past.settings(chaos, Some(folder.clone()));
    let outputs = outputs(&settings, args.json, args.quiet)?;
    let outcome = run::run(settings, outputs)?;
    if !args.json {
        conclude(&outcome);
    }
    for error in [&outcome.error, &outcome.cleanup].into_iter().flatten() {
        report::error(error);
    }
    report::message(&comparison(&past, &outcome));
    report::message(&format!("run folder: {}", folder.path.display()));
    Ok(outcome.exit_code())
}

/// Whether it came out as before.
fn comparison(past: &Past, outcome: &Outcome) -> String {
    let then = past.run.signature.as_deref();
    let now = outcome.result.failure.as_ref().map(|failure| failure.signature.as_str());
    let word = past.run.verdict.as_deref().unwrap_or("cut off");
    match (then, now) {
        (Some(then), Some(now)) if then == now => format!("the same failure as recorded: {now}"),
        (Some(then), Some(now)) => format!("another failure than recorded, which was: {then}; now: {now}"),
        (Some(then), None) => format!("the recorded failure did not come again: {then}"),
        (None, Some(now)) => format!("the recorded run did not fail ({word}); now: {now}"),
        (None, None) if outcome.result.verdict == Verdict::Pass && word == "pass" => "passed, as recorded".to_owned(),
        (None, None) => format!("recorded: {word}; now: {}", outcome.result.verdict.word()),
    }
}
