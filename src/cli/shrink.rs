//! `blockade shrink`: the smallest schedule that still fails, as a file that people read.

use super::beside;
use super::past::Past;
use super::place::Place;
use super::report;
use super::setup;
use crate::cluster::{Cluster, RuntimeKind};
use crate::journal::RunFolder;
use crate::remote::CALLED;
use crate::run::{Settings, Stop};
use crate::script::Script;
use crate::shrink::{Best, Budget, Clusters, Counts, Demand, Found, Rate, Reruns, TrialFolder, Watch, shrink};
use crate::words::{command_line, counted};
use crate::{Error, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// Enough for a dozen faults that fail for certain, and the runs at the end.
const TRIALS: u32 = 400;

/// What it is kept in.
const MINIMAL: &str = "minimal.rhai";

const AFTER_HELP: &str = "\
First the recorded schedule is run again some times: how often does it fail? Then faults are left out, weakened and \
moved; what still fails with the same signature is kept, in minimal.rhai in the run's folder, from the first success on. \
At the end the smallest schedule, the recorded one and none at all are run 20 times each.

Exit codes: 0 where it was shrunk (the recorded schedule may be the smallest); 5 where the failure did not come again; \
130 when interrupted, with the best so far kept; else those of `blockade run`.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The folder of a run that failed, or its name below DATA_DIR/runs
    run: PathBuf,
    #[command(flatten)]
    effort: Effort,
    /// What the run's folder is called by somebody on another machine
    #[arg(long = CALLED, hide = true, value_name = "DIR")]
    called: Option<String>,
}

/// How much may be tried, and how.
#[derive(clap::Args)]
pub(super) struct Effort {
    /// How many runs at most, those at the end included
    #[arg(long, value_name = "N", default_value_t = TRIALS, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    /// Try no more candidates after this time, like 10m or 2h; then come the runs at the end
    #[arg(long = "for", value_name = "D", value_parser = setup::lasting, allow_hyphen_values = true)]
    lasting: Option<u64>,
    /// How many trials side by side, each with a cluster of its own
    #[arg(long, value_name = "J", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: u32,
}

impl Effort {
    /// What nobody said otherwise.
    pub(super) fn usual(jobs: u32) -> Self {
        Self { trials: TRIALS, lasting: None, jobs }
    }
}

pub(super) fn main(place: &Place, args: Args) -> Result<u8> {
    let found = shrink_run(place, &args.run, args.called.map(PathBuf::from), args.effort, report::line)?;
    Ok(found.interrupted.map_or(0, |error| error.kind.exit_code()))
}

/// Shrinks the schedule of a run that failed. `soak --shrink` does the same. `called` is what its folder is called, where
/// that is not what it is here.
pub(super) fn shrink_run(
    place: &Place,
    run: &Path,
    called: Option<PathBuf>,
    effort: Effort,
    tell: fn(&str),
) -> Result<Found> {
    let Effort { trials, lasting, jobs } = effort;
    let until = lasting.and_then(|us| Instant::now().checked_add(Duration::from_micros(us)));
    let past = Past::open(place, run)?;
    let word = past.run.verdict.as_deref().unwrap_or("cut off");
    let Some(signature) = past.run.signature.clone().filter(|_| word == "fail") else {
        return Err(Error::usage(format!("this run did not fail (it is {word}): there is nothing to shrink"))
            .help("name a run whose verdict is fail"));
    };
    tell(&format!("shrinking {} of seed {}: {signature}", past.schedule.size(), past.run.seed));
    let stop = Stop::listen()?;
    check_side_by_side(place, &past, jobs)?;
    let nodes: Vec<String> = past.nodes();
    let folder = TrialFolder::claim(&past.run.folder.file("shrink"))?;
    let mut lab = Clusters {
        settings: |job, chaos, folder| settings(place, &past, jobs, job, chaos, folder),
        signature,
        folder: folder.path.clone(),
        jobs,
        until,
        stop: &stop,
        spent: Mutex::default(),
        next: AtomicU64::default(),
    };
    let called = called.unwrap_or_else(|| place.shown(&past.run.folder.path));
    let before = crate::text::read_if_there("the smallest schedule", &past.run.folder.file(MINIMAL))?;
    let before = before.as_deref().map(statements);
    let mut told = Told { place, past: &past, called, before, began: Instant::now(), tell };
    let found = shrink(&past.schedule, &nodes, Budget { trials }, &mut lab, &mut told);
    let mean = lab.mean();
    drop(folder);
    let found = found?;
    told.write(&found.best, &heads(&found))?;
    told.conclude(&found, mean);
    Ok(found)
}

/// As for `soak`: a cluster that cannot come up beside another would pass for one that does not fail.
fn check_side_by_side(place: &Place, past: &Past, jobs: u32) -> Result<()> {
    if past.kind() != RuntimeKind::Docker {
        return Ok(());
    }
    let clusters = (0..jobs.min(2) as usize)
        .map(|job| past.cluster(&Place { name: beside::name(place, jobs.into(), job)?, ..place.clone() }));
    let clusters = clusters.collect::<Result<Vec<Cluster>>>()?;
    // Each trial is to choose a subnet of its own.
    clusters.iter().for_each(crate::runtime::unreserve);
    match &clusters[..] {
        [one, other] => beside::check(one, other, jobs.into()),
        _ => Ok(()),
    }
}

/// A trial's run. Containers are called after their blockade: side by side each job's has a name of its own, and each
/// run chooses its network.
fn settings(place: &Place, past: &Past, jobs: u32, job: usize, chaos: Script, folder: RunFolder) -> Result<Settings> {
    let mut settings = past.settings(chaos, Some(folder));
    if past.kind() == RuntimeKind::Docker {
        settings.cluster = past.cluster(&Place { name: beside::name(place, jobs.into(), job)?, ..place.clone() })?;
    }
    Ok(settings)
}

/// What a person is told, and what is kept.
struct Told<'a> {
    place: &'a Place,
    past: &'a Past,
    /// The run's folder, as whoever asks calls it.
    called: PathBuf,
    /// How many statements the schedule has that an earlier shrinking has found.
    before: Option<usize>,
    began: Instant,
    tell: fn(&str),
}

impl Watch for Told<'_> {
    fn estimated(&mut self, counts: Counts, rate: Rate, cost: u32) {
        let Demand { failures, of } = rate.demand();
        (self.tell)(&format!(
            "the recorded schedule failed in {counts} trials: a smaller one must fail {failures} times in {of}; about {cost} trials"
        ));
        if rate.is_flaky() {
            report::message(&format!(
                "warning: it fails too seldom to be shrunk well: --trials {} would be needed, or a seed that fails more often",
                cost.saturating_add(60)
            ));
        }
    }

    fn accepted(&mut self, best: &Best, trials: u32) -> Result<()> {
        let seconds = best.schedule.end_us as f64 / 1e6;
        (self.tell)(&format!("{:>5}  {} in {seconds:.1} s", format!("#{trials}"), best.schedule.size()));
        self.write(best, &["not finished: the smallest schedule so far".to_owned()])
    }
}

impl Told<'_> {
    /// Whether an earlier shrinking has found a smaller one: this one then changes nothing.
    fn is_beaten(&self, best: &Best) -> bool {
        self.before.is_some_and(|before| before < statements(&best.text()))
    }

    /// Writes the best so far, in one step: an interruption leaves this one or the one before.
    fn write(&self, best: &Best, heads: &[String]) -> Result<()> {
        if self.is_beaten(best) {
            return Ok(());
        }
        let (target, draft) = (self.past.run.folder.file(MINIMAL), self.past.run.folder.file("minimal.rhai.new"));
        let text = self.text(best, heads);
        std::fs::write(&draft, text)
            .and_then(|()| std::fs::rename(&draft, &target))
            .map_err(|error| Error::machine(format!("cannot write {}: {error}", target.display())))
    }

    fn text(&self, best: &Best, heads: &[String]) -> String {
        let run = &self.past.run;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "// The smallest schedule that was found to fail like seed {} of {}:",
            run.seed,
            run.script_path.display()
        );
        let _ = writeln!(text, "// {}", run.signature.as_deref().unwrap_or_default().replace('\n', " "));
        for head in heads {
            let _ = writeln!(text, "// {head}");
        }
        let _ = writeln!(text, "//\n//     {}\n", self.command());
        if best.schedule.is_empty() {
            text.push_str("// It takes no fault at all.\n");
        }
        text.push_str(&best.text());
        text
    }

    /// The command that runs it.
    fn command(&self) -> String {
        let run = &self.past.run;
        let params: Vec<(String, String)> = run.params.clone().into_iter().collect();
        let place = Place { config: Some(run.cluster_path.clone()), ..self.place.clone() };
        let mut words = setup::replay(&place, &run.script_path, run.seed, &params);
        words.extend(["--runtime".to_owned(), run.runtime.clone()]);
        words.extend(self.past.options());
        words.extend(["--chaos".to_owned(), self.called.join(MINIMAL).display().to_string()]);
        command_line(&words)
    }

    fn conclude(&self, found: &Found, mean: Duration) {
        for head in heads(found) {
            (self.tell)(&head);
        }
        if let Some(Reruns { none, .. }) = found.reruns
            && none.same > 0
        {
            report::message("warning: it also fails without any fault: the failure is not the faults' doing alone");
        }
        if let Some(Reruns { minimal, recorded, .. }) = found.reruns
            && minimal.same * 2 < recorded.same
        {
            report::message(
                "warning: it fails far more seldom than the recorded one: with more --trials, or another seed, it may not",
            );
        }
        if !found.is_minimal && found.interrupted.is_none() {
            report::message("warning: the trials or the time ran out: something smaller may fail, too");
        }
        if found.interrupted.is_some() {
            report::message("interrupted: the best so far is kept");
        }
        let took = self.began.elapsed().as_secs_f64();
        report::message(&format!(
            "{} in {took:.0} s, {:.1} s each",
            counted(found.trials, "trial"),
            mean.as_secs_f64()
        ));
        let minimal = self.called.join(MINIMAL);
        if self.is_beaten(&found.best) {
            (self.tell)(&format!("{} stays as it is: a smaller one was found before", minimal.display()));
        } else {
            (self.tell)(&format!("{}:", minimal.display()));
            (self.tell)(found.best.text().trim_end());
        }
        (self.tell)(&format!("run it: {}", self.command()));
    }
}

/// How many statements there are in the text of a schedule, which has one in each line.
fn statements(text: &str) -> usize {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// What is known of it: `… 19/20, … 20/20, … 0/20`, and whether each of its faults is needed.
fn heads(found: &Found) -> Vec<String> {
    let rates = match (found.reruns, &found.interrupted) {
        (Some(Reruns { minimal, recorded, none }), _) => {
            format!("the smallest schedule {minimal}, the recorded one {recorded}, no faults at all {none}")
        }
        (None, Some(_)) => format!("the recorded schedule {} (interrupted before they were compared)", found.estimate),
        (None, None) => format!("the recorded schedule {} (there were no trials left to compare)", found.estimate),
    };
    let without: Vec<String> = found.without.iter().map(ToString::to_string).collect();
    let needed = (found.is_minimal && !without.is_empty())
        .then(|| format!("each fault was seen to be needed: without that one alone {}", without.join(", ")));
    std::iter::once(format!("fails like this: {rates}")).chain(needed).collect()
}
