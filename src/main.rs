//! The binary.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(hide = true)]
    Agent(blockade::runtime::netns::agent::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Agent(args) => blockade::runtime::netns::agent::main(args),
    }
}
