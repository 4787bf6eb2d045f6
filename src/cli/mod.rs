//! The command line: arguments in, commands out; events in, text out. A file for each family of subcommands.
//!
//! Results go to stdout, messages to stderr. Errors are printed here, once, and decide the exit code.

mod beside;
mod chaos;
mod check;
mod daemon;
mod doc;
mod doctor;
mod history;
#[cfg(feature = "host")]
mod internal;
pub mod oneshot;
mod past;
pub mod place;
mod plan;
mod remote;
mod repl;
mod replay;
mod report;
pub(crate) mod report_file;
mod run;
#[cfg(feature = "host")]
pub(crate) mod sent;
mod setup;
mod shrink;
mod soak;
mod timeline;

use crate::signal::early;
use crate::{Result, errand};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A chaos engine one scripts: fault injection for distributed systems.
///
/// Exit codes: 0 the run passed; 1 an invariant or assertion failed; 2 the script, the config or the arguments are
/// wrong; 3 this machine cannot do it; 4 faults or nodes could not be cleaned up; 5 the verdict is unknown;
/// 130 interrupted (and healed).
#[derive(Parser)]
#[command(name = "blockade", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    /// What the daemon says about a command that it runs for somebody else
    #[arg(long, hide = true, value_name = "FILE")]
    errand: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const DATA_DIR: &str = ".blockade";

/// Under which the help lists what every command takes, apart from a command's own.
const EVERYWHERE: &str = "Options of every command";

/// What every command takes.
#[derive(clap::Args)]
pub(crate) struct Global {
    /// The cluster file [default: ./blockade.yaml, then ./blockade.yml; for a script, first SCRIPT with .yaml]
    #[arg(short, long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where blockade keeps its files
    #[arg(short, long, global = true, help_heading = EVERYWHERE, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// The cluster's name [default: from the current folder's]
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    name: Option<String>,
    /// Tell on stderr what is asked and done, with times
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    verbose: bool,
    /// Tell everything, and let a supervisor write it into its log
    #[arg(short = 'D', long, global = true, help_heading = EVERYWHERE)]
    debug: bool,
    #[command(flatten)]
    remote: crate::remote::Options,
}

impl Global {
    fn level(&self) -> Option<tracing::Level> {
        match (self.verbose, self.debug) {
            (_, true) => Some(tracing::Level::DEBUG),
            (true, false) => Some(tracing::Level::INFO),
            (false, false) => None,
        }
    }

    fn place(self) -> place::Place {
        place::Place { config: self.config, data_dir: self.data_dir, name: self.name, debug: self.debug }
    }
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one for each process")]
enum Command {
    /// Run a script against its cluster
    Run(run::Args),
    /// Print the schedule that a seed gives, on a simulated cluster; touches nothing
    Plan(plan::Args),
    /// Run many seeds of a script, and tell which ones fail
    Soak(soak::Args),
    /// Inject the recorded schedule of a run again
    Replay(replay::Args),
    /// Find a smaller schedule that still fails as a run did
    Shrink(shrink::Args),
    /// Write a page that shows what a run was like, and JUnit's XML for CI
    Report(report_file::Args),
    /// Find what is wrong with scripts, without running them
    Check(check::Args),
    /// Type functions of the script API and see at once what they do
    Repl(repl::Args),
    /// Make trouble at random in the cluster that is up, until Ctrl-C
    Chaos(chaos::Args),
    /// Serve the clusters that are up over HTTP: the old tool's REST API, and a new one
    Daemon(daemon::Args),
    /// Check recorded histories: are they linearizable?
    History(history::Args),
    /// Print the functions that scripts can call
    Doc(doc::Args),
    /// Show what this machine can do, and how to mend what it cannot
    Doctor(doctor::Args),
    /// Print completions for a shell
    Completions {
        /// bash, zsh, fish, …
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// A small replicated store: the patient of the quickstart
    DemoStore(crate::demo::Args),
    #[command(flatten)]
    OneShot(oneshot::OneShot),
    #[cfg(feature = "host")]
    #[command(flatten)]
    Internal(internal::Internal),
}

impl Command {
    /// Whether it is about a cluster, and so about the machine that has it.
    fn is_for_a_cluster(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Soak(_)
                | Self::Replay(_)
                | Self::Shrink(_)
                | Self::Repl(_)
                | Self::Chaos(_)
                | Self::Doctor(_)
                | Self::OneShot(_)
        )
    }

    /// Whether it ends with 130 when it is interrupted: it may have something to heal or to remove, or is a run all the
    /// same, as a plan is.
    fn is_interrupted(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Plan(_) | Self::Soak(_) | Self::Repl(_) | Self::Chaos(_) | Self::OneShot(_))
    }
}

/// Parses the arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(mut error) => {
            hide_what_is_internal(&mut error);
            // --help and --version are no errors to clap's printer either, and go to stdout with exit code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(cli).and_then(|code| match report::lost() {
        Some(error) if code == ExitCode::SUCCESS => Err(error),
        _ => Ok(code),
    }) {
        Ok(code) => code,
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// How a command line is read.
pub(crate) fn definitions() -> clap::Command {
    let mut program = Cli::command();
    program.build();
    program
}

/// clap suggests hidden commands, too.
fn hide_what_is_internal(error: &mut clap::Error) {
    let Some(ContextValue::Strings(suggested)) = error.remove(ContextKind::SuggestedSubcommand) else { return };
    let cli = Cli::command();
    let is_hidden = |name: &str| cli.find_subcommand(name).is_some_and(clap::Command::is_hide_set);
    let shown: Vec<String> = suggested.into_iter().filter(|name| !is_hidden(name)).collect();
    if !shown.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(shown));
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    if let Some(file) = &cli.errand {
        errand::begin(file)?;
    }
    if let Some(level) = cli.global.level() {
        report::trace(level);
    }
    if cli.errand.is_none()
        && let Some(code) = remote::main(&cli.global, &cli.command)?
    {
        return Ok(code);
    }
    #[cfg(feature = "host")]
    let options = cli.global.remote.clone();
    let place = cli.global.place();
    if cli.command.is_interrupted() {
        early::end_on_signals();
    }
    match cli.command {
        Command::Run(args) => run::main(&place, &args).map(ExitCode::from),
        Command::Plan(args) => plan::main(&place, &args).map(ExitCode::from),
        Command::Soak(args) => soak::main(&place, &args).map(ExitCode::from),
        Command::Replay(args) => replay::main(&place, &args).map(ExitCode::from),
        Command::Shrink(args) => shrink::main(&place, args).map(ExitCode::from),
        Command::Repl(args) => repl::main(&place, &args).map(ExitCode::from),
        Command::Chaos(args) => chaos::main(&place, &args).map(ExitCode::from),
        Command::Check(args) => check::main(&place, &args).map(ExitCode::from),
        Command::History(args) => history::main(&args).map(ExitCode::from),
        Command::Doc(args) => doc::main(&args).map(|()| ExitCode::SUCCESS),
        Command::DemoStore(args) => crate::demo::run(&args).map(ExitCode::from),
        Command::Report(args) => report_file::main(&place, &args).map(|()| ExitCode::SUCCESS),
        Command::OneShot(command) => oneshot::run(command, &place).map(|()| ExitCode::SUCCESS),
        Command::Completions { shell } => {
            // Into memory: the generator panics where its output breaks, as with `| head`.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "blockade", &mut script);
            report::line(String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Version { json } => {
            let version = env!("CARGO_PKG_VERSION");
            if json {
                report::json(&serde_json::json!({ "version": version }))?;
            } else {
                report::line(&format!("blockade {version}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "host")]
        Command::Doctor(args) => doctor::main(&args).map(ExitCode::from),
        #[cfg(feature = "host")]
        Command::Daemon(args) => daemon::main(place, args, options).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "host")]
        Command::Internal(command) => internal::main(command),
        #[cfg(not(feature = "host"))]
        Command::Doctor(_) | Command::Daemon(_) => Err(crate::runtime::elsewhere()),
    }
}
