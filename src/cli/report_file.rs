//! `blockade report`: a run's folder in, a page out.

use super::place::Place;
use super::report;
use super::setup;
use crate::journal::PastRun;
use crate::report::{Model, Source, junit, page};
use crate::schedule;
use crate::words::{command_line, time};
use crate::{Error, Result, text};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
The page is one file and fetches nothing: it can be mailed, or kept as an artifact of CI. A run that was cut off has one, \
too, which says so.

In JUnit's XML the run and each claim of its script are test cases. What did not hold is a failure; what is unknown, \
a run that was cut off, and a clean-up that failed are errors.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The run's folder, or its name below DATA_DIR/runs
    run: PathBuf,
    /// The page [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write JUnit's XML, beside the page, with the ending .xml
    #[arg(long)]
    junit: bool,
}

impl Args {
    /// As it was named.
    pub(super) fn run(&self) -> &Path {
        &self.run
    }
}

pub(super) fn main(place: &Place, args: &Args) -> Result<()> {
    let run = PastRun::open(&args.run, &place.data_dir().join("runs"))?;
    let model = model(place, &run)?;
    let out = args.out.clone().unwrap_or_else(|| run.folder.file("report.html"));
    write(&out, &page(&model))?;
    if args.junit {
        write(&out.with_extension("xml"), &junit(&model))?;
    }
    Ok(())
}

/// The page about a run.
pub(crate) fn html(place: &Place, run: &PastRun) -> Result<String> {
    Ok(page(&model(place, run)?))
}

fn model(place: &Place, run: &PastRun) -> Result<Model> {
    let minimal = minimal(run)?;
    let commands = commands(place, run, minimal.is_some());
    let source = Source {
        journal: &run.journal,
        result: &run.result,
        script: &run.script,
        cluster: &run.cluster,
        minimal: minimal.as_deref(),
        commands: &commands,
    };
    Ok(source.model())
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| {
        Error::machine(format!("cannot write {}: {error}", path.display())).help("name another file with --out")
    })?;
    report::line(&path.display().to_string());
    Ok(())
}

/// What `shrink` has found, where it was asked.
fn minimal(run: &PastRun) -> Result<Option<String>> {
    text::read_if_there("the smallest schedule", &run.folder.file("minimal.rhai"))
}

/// What a person can type to see it again, each with what it does.
fn commands(place: &Place, run: &PastRun, is_shrunk: bool) -> Vec<(String, String)> {
    let folder = run.folder.path.display().to_string();
    let chaos = |name: &str| command_line(&again(place, run, Some(&run.folder.file(name))));
    let mut commands = if run.journal.header["options"]["chaos"].is_null() {
        vec![("The same seed once more".to_owned(), command_line(&again(place, run, None)))]
    } else {
        vec![("The same seed once more, with the same chaos()".to_owned(), chaos("chaos.rhai"))]
    };
    let on_run = |verb: &str| command_line(&["blockade".to_owned(), verb.to_owned(), folder.clone()]);
    if schedule::recorded(&run.journal).is_ok_and(|recorded| !recorded.schedule.is_empty()) {
        commands.push(("The recorded faults once more, at the recorded times".to_owned(), on_run("replay")));
        if is_shrunk {
            commands.push(("The smallest schedule that was found to fail".to_owned(), chaos("minimal.rhai")));
        } else if run.signature.is_some() {
            commands.push(("Look for a smaller schedule that still fails like this".to_owned(), on_run("shrink")));
        }
    }
    commands
}

/// The words that run it again, with another `chaos()` where one is named.
fn again(place: &Place, run: &PastRun, chaos: Option<&Path>) -> Vec<String> {
    let params: Vec<(String, String)> = run.params.clone().into_iter().collect();
    let place = Place { config: Some(run.cluster_path.clone()), ..place.clone() };
    let mut words = setup::replay(&place, &run.script_path, run.seed, &params);
    words.extend(["--runtime".to_owned(), run.runtime.clone()]);
    words.extend(run.timeout_us.into_iter().flat_map(|us| ["--timeout".to_owned(), time(us)]));
    words.extend(run.shaper.as_str().into_iter().flat_map(|shaper| ["--shaper".to_owned(), shaper.to_owned()]));
    words.extend(run.verify.then(|| "--verify".to_owned()));
    words.extend(chaos.into_iter().flat_map(|file| ["--chaos".to_owned(), file.display().to_string()]));
    words
}
