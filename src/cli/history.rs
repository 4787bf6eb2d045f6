//! `blockade history check`: the checkers on a recorded history.

use super::report;
use super::setup;
use crate::checker::read::{Format, Read, Source};
use crate::checker::{self, Limit, Misfit, Model, Report, Told, Verdict, Witness};
use crate::diagnostic::nearest;
use crate::words::counted;
use crate::{Error, Result, platform};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to do with a recorded history.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check whether a history is linearizable
    ///
    /// Exit codes: 0 it is; 1 it is not; 2 the file or the arguments are wrong; 5 it cannot be said, since not a single
    /// operation succeeded or the time ran out. Each key is an object of its own. An operation whose outcome nobody knows
    /// (`info`, or never completed) may take effect at any later time or never; one that failed never happened.
    Check(Check),
}

/// The arguments of `history check`.
#[derive(clap::Args)]
struct Check {
    /// The history, such as a run's history.jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is a history of: register, cas-register, kv, lock, queue, counter or set
    #[arg(long, value_name = "M", value_parser = model)]
    model: Model,
    /// How it is written: jsonl, jepsen or porcupine-kv [default: as its first line looks]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// Give up after so long, with exit code 5
    #[arg(long, value_name = "D", value_parser = setup::duration, default_value = "60s")]
    timeout: u64,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

fn model(name: &str) -> std::result::Result<Model, String> {
    Model::named(name).map_err(|error| error.to_string())
}

fn format(name: &str) -> std::result::Result<Format, String> {
    if let Some((_, format)) = Format::ALL.iter().find(|(known, _)| *known == name) {
        return Ok(*format);
    }
    let names = Format::ALL.map(|(known, _)| known);
    let near = nearest(name, names).map_or(String::new(), |near| format!("did you mean `{near}`? "));
    Err(format!("unknown format ({near}known are {})", names.join(", ")))
}

/// Does it; the exit code.
pub(super) fn main(args: &Args) -> Result<u8> {
    let Command::Check(args) = &args.command;
    let path = args.file.display().to_string();
    let bytes = read_file(&args.file)?;
    let source = Source::new(&path, &bytes);
    let read = source.read(args.format)?;
    read.warnings.iter().for_each(report::diagnostic);
    if read.history.events.is_empty() {
        report::message(&format!("warning: no line of {path} is an operation: there is nothing to check"));
    }
    let begun = Instant::now();
    let timeout = Duration::from_micros(args.timeout);
    let is_over = || begun.elapsed() >= timeout;
    let found = checker::check(&read.history, args.model, &Limit::new(&is_over))
        .map_err(|misfit| wrong(&source, &read, misfit))?;
    if args.json {
        report::line(&as_json(&found, &read, begun.elapsed()).to_string());
    } else {
        tell(&found);
    }
    Ok(match found.verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Unknown => 5,
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    // A pipe has an end, as `<(zcat history.gz)`; a device need not have one.
    let kind = std::fs::metadata(path).map(|found| found.file_type()).ok();
    let odd = match kind {
        Some(kind) if kind.is_dir() => Some("folder"),
        Some(kind) if platform::is_device(kind) => Some("device"),
        _ => None,
    };
    if let Some(odd) = odd {
        return Err(Error::usage(format!("{shown} is a {odd}, not a history"))
            .help("the history of a run is `history.jsonl` in its folder"));
    }
    std::fs::read(path).map_err(|error| Error::usage(format!("cannot read {shown}: {error}")))
}

/// An event that fits no history, at its line.
fn wrong(source: &Source<'_>, read: &Read, misfit: Misfit) -> Error {
    let line = read.history.events.get(misfit.event).map_or(1, |event| event.line);
    let diagnostic = source.at_line(line, misfit.message);
    match misfit.help {
        Some(help) => diagnostic.help(help).into(),
        None => diagnostic.into(),
    }
}

fn as_json(found: &Report, read: &Read, took: Duration) -> serde_json::Value {
    let mut all = json!(found);
    all["format"] = read.format.name().into();
    all["took_us"] = (took.as_micros() as u64).into();
    all
}

fn tell(found: &Report) {
    let counts = found.operations;
    let keys = if found.objects > 1 { format!(" on {} keys", found.objects) } else { String::new() };
    let of = format!(
        "{}{keys}: {} ok, {} fail, {} info; model {}",
        counted(counts.all(), "operation"),
        counts.ok,
        counts.fail,
        counts.info,
        found.model
    );
    match found.verdict {
        Verdict::Pass => report::line(&format!("PASS: linearizable ({of})")),
        Verdict::Fail => report::line(&format!("FAIL: not linearizable ({of})")),
        Verdict::Unknown => report::line(&format!("UNKNOWN: {} ({of})", found.message)),
    }
    if let Some(witness) = &found.witness {
        tell_witness(witness);
    }
}

fn tell_witness(witness: &Witness) {
    let operation = &witness.operation;
    let key = if operation.key.is_null() { String::new() } else { format!(" on key {}", operation.key) };
    report::line(&format!("  no order explains  {}{key}", told(operation)));
    if !witness.states.is_empty() {
        report::line(&format!("  before it          {}", witness.states.join(" or ")));
    }
    if let Some(failed) = &witness.failed {
        report::line(&format!("  since              {}", told(failed)));
    }
    for (number, other) in witness.concurrent.iter().enumerate() {
        let mark = if number == 0 { "under way" } else { "" };
        report::line(&format!("  {mark:<18} {}", told(other)));
    }
    let certain =
        if witness.is_shortest { "" } else { " (the time ran out before it was certain that none is shorter)" };
    let events = counted(witness.events, "event");
    report::line(&format!("  shortest history   the first {events}, up to line {}{certain}", witness.line));
}

fn told(operation: &Told) -> String {
    let lines = match operation.completed {
        Some(completed) => format!("lines {} to {completed}", operation.invoked),
        None => format!("from line {}", operation.invoked),
    };
    format!("{} by process {}, {lines}", operation.words(), operation.process)
}
