//! The command line: arguments to commands, replies and events to the terminal.

pub mod oneshot;
pub mod place;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A chaos engine one scripts.
#[derive(Debug, Parser)]
#[command(name = "blockade", version)]
struct Cli {
    /// The cluster's file [default: ./blockade.yaml, ./blockade.yml]
    #[arg(short, long, global = true)]
    config: Option<PathBuf>,
    /// Where clusters and runs keep their files
    #[arg(short, long, global = true, default_value = "./.blockade")]
    data_dir: PathBuf,
    /// The cluster's name [default: the current folder's]
    #[arg(short, long, global = true)]
    name: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    OneShot(oneshot::OneShot),
    #[command(hide = true)]
    Supervise,
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let place = place::Place { config: cli.config, data_dir: cli.data_dir, name: cli.name };
    let outcome = match cli.command {
        Command::OneShot(command) => oneshot::run(command, &place),
        Command::Supervise => crate::supervisor::supervise(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for diagnostic in &error.diagnostics {
                eprint!("{}", diagnostic.render(false));
            }
            if error.diagnostics.is_empty() {
                eprintln!("error: {}", error.message);
                error.help.iter().for_each(|help| eprintln!("help: {help}"));
            }
            ExitCode::from(error.kind.exit_code())
        }
    }
}
