//! A command line that somebody on another machine has sent: whether it is one, and may be run for them.
//!
//! Pure: looked at by the same definitions as a local one, and not done.

use super::Cli;
use crate::{Error, Result, text};
use clap::builder::ValueParser;
use clap::{ArgMatches, Command, CommandFactory};
use std::path::{Path, PathBuf};

/// What the daemon must know of a command before it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// As `run`.
    pub(crate) verb: String,
    /// The seed that was asked for.
    pub(crate) seed: Option<u64>,
    /// The past run that it is about.
    pub(crate) run: Option<PathBuf>,
    /// How many runs side by side.
    pub(crate) jobs: u64,
    /// Whether it reads standard input.
    pub(crate) is_typed: bool,
}

/// What is done over there only by who sits there, or needs no other machine at all.
const NOT_SENT: [&str; 4] = ["daemon", "demo-store", "completions", "history"];
/// Paths that mean places on the machine of whoever asks; an errand passes them over.
const THEIRS: [&str; 1] = ["data_dir"];
/// So many arguments and bytes of each.
const ARGS_MAX: (usize, usize) = (4096, 64 << 10);

/// Reads a command line without the program's name.
pub(crate) fn sent(args: &[String]) -> Result<Sent> {
    if args.len() > ARGS_MAX.0 || args.iter().any(|arg| arg.len() > ARGS_MAX.1) {
        return Err(Error::usage(format!(
            "more than {} arguments, or one of more than {} bytes",
            ARGS_MAX.0, ARGS_MAX.1
        )));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err(Error::usage("an argument holds a zero byte"));
    }
    let mut cli = Cli::command();
    cli.build();
    let words = std::iter::once("blockade").chain(args.iter().map(String::as_str));
    let matches = cli.try_get_matches_from_mut(words).map_err(refused)?;
    let (verb, chosen) = matches.subcommand().ok_or_else(|| Error::usage("a command line without a command"))?;
    let command = cli.find_subcommand(verb).filter(|command| !command.is_hide_set() && !NOT_SENT.contains(&verb));
    let command = command.ok_or_else(|| {
        Error::usage(format!("`blockade {verb}` is not run for another machine")).help("run it where you are")
    })?;
    if matches.contains_id("errand") {
        return Err(Error::usage("only the daemon says what is an errand"));
    }
    plain_paths(command, chosen)?;
    Ok(Sent {
        verb: verb.to_owned(),
        seed: given::<u64>(chosen, "seed").or_else(|| given::<u64>(chosen, "seed_start")),
        run: given::<PathBuf>(chosen, "run"),
        jobs: given::<u64>(chosen, "jobs").or_else(|| given::<u32>(chosen, "jobs").map(u64::from)).unwrap_or(1),
        is_typed: verb == "repl" || given::<bool>(chosen, "stdin") == Some(true),
    })
}

fn given<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.try_get_one::<T>(name).ok().flatten().cloned()
}

/// All files that are named lie among those that were sent, or are to lie beside them.
fn plain_paths(command: &Command, matches: &ArgMatches) -> Result<()> {
    let a_path = ValueParser::path_buf().type_id();
    let paths = command.get_arguments().filter(|arg| arg.get_value_parser().type_id() == a_path);
    for arg in paths.filter(|arg| !THEIRS.contains(&arg.get_id().as_str())) {
        let values = matches.try_get_raw(arg.get_id().as_str()).ok().flatten().into_iter().flatten();
        if let Some(value) = values.map(Path::new).find(|value| !text::is_plain(value)) {
            return Err(Error::usage(format!("{} leads out of the files that were sent", value.display()))
                .help("a path of a command that is run for another machine is relative, without `..`"));
        }
    }
    Ok(())
}

/// What clap says, without colours.
fn refused(mut error: clap::Error) -> Error {
    super::hide_what_is_internal(&mut error);
    let text = error.render().to_string();
    let text = text.trim_end();
    Error::usage(text.strip_prefix("error: ").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Sent> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        sent(&args)
    }

    #[test]
    fn what_the_daemon_must_know_is_read_wherever_it_stands() {
        let run = of("--data-dir /home/me/x run a/b.rhai --seed 7 -n c1").unwrap();
        assert_eq!(run, Sent { verb: "run".to_owned(), seed: Some(7), jobs: 1, ..Sent::default() });
        assert_eq!(of("soak a.rhai --jobs 3 --seed-start 9").map(|soak| (soak.jobs, soak.seed)), Ok((3, Some(9))));
        assert_eq!(
            of("shrink 2026-7 --jobs 2").map(|shrink| (shrink.jobs, shrink.run)),
            Ok((2, Some("2026-7".into())))
        );
        let typed = |line: &str| of(line).unwrap().is_typed;
        assert!(typed("repl") && typed("exec --stdin n1 -- cat") && !typed("exec n1 -- cat") && !typed("status"));
    }

    #[test]
    fn what_is_not_run_for_others_is_refused_with_words() {
        let lines = [
            "",
            "ruin a.rhai",
            "daemon",
            "supervise",
            "agent",
            "demo-store",
            "run /etc/passwd",
            "run ../x.rhai",
            "run a.rhai -c /etc/x.yaml",
            "run a.rhai --chaos a/../../b",
            "run a.rhai --out /tmp/x",
            "events --output /etc/cron.d/x",
            "--errand x status",
            "run",
        ];
        let said =
            lines.map(|line| format!("{line} => {}", of(line).unwrap_err().message.lines().next().unwrap_or("")));
        insta::assert_snapshot!(said.join("\n"), @r"
         => A chaos engine one scripts: fault injection for distributed systems
        ruin a.rhai => unrecognized subcommand 'ruin'
        daemon => `blockade daemon` is not run for another machine
        supervise => `blockade supervise` is not run for another machine
        agent => the following required arguments were not provided:
        demo-store => A small replicated store: the patient of the quickstart
        run /etc/passwd => /etc/passwd leads out of the files that were sent
        run ../x.rhai => ../x.rhai leads out of the files that were sent
        run a.rhai -c /etc/x.yaml => /etc/x.yaml leads out of the files that were sent
        run a.rhai --chaos a/../../b => a/../../b leads out of the files that were sent
        run a.rhai --out /tmp/x => /tmp/x leads out of the files that were sent
        events --output /etc/cron.d/x => /etc/cron.d/x leads out of the files that were sent
        --errand x status => only the daemon says what is an errand
        run => the following required arguments were not provided:
        ");
    }

    #[test]
    fn what_is_internal_is_suggested_to_nobody() {
        let message = of("helper").unwrap_err().message;
        assert!(message.contains("'heal'") && !message.contains("shaper"), "{message}");
    }
}
