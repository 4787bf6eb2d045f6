//! Commands that blockade itself starts: the processes that a host needs beside the one that a person sees.

use crate::Result;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// None of them is shown.
#[derive(Subcommand)]
pub(super) enum Internal {
    /// Owns a cluster that is left up; started by blockade itself
    #[command(hide = true)]
    Supervise,
    /// Tries out what this machine can do; started by blockade itself
    #[command(hide = true)]
    Probe,
    /// Owns the namespaces of a run; started by blockade itself
    #[command(hide = true)]
    Agent(crate::agent::Args),
    /// Holds packets where the kernel cannot; started by blockade itself
    #[command(hide = true)]
    Shaper(crate::shaper::Args),
    /// Runs a workload, and ends all that it has started; started by blockade itself
    #[command(hide = true)]
    Workload {
        /// The socket of whoever listens, where it is not standard input
        #[arg(long)]
        to: Option<PathBuf>,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
    /// Keeps a container's network namespace; started by blockade itself
    #[command(hide = true)]
    Hold,
    /// Runs a node's program as PID 1 of its container; started by blockade itself
    #[command(hide = true)]
    Init {
        /// The program and its arguments
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
}

/// Is one of them, to its end.
pub(super) fn main(command: Internal) -> Result<ExitCode> {
    match command {
        Internal::Supervise => crate::supervisor::supervise()?,
        Internal::Probe => crate::doctor::probe(),
        Internal::Agent(args) => return Ok(crate::agent::main(args)),
        Internal::Shaper(args) => return Ok(crate::shaper::main(&args)),
        Internal::Workload { to, program } => {
            return Ok(ExitCode::from(crate::script::hold_workload(to.as_deref(), &program)));
        }
        Internal::Hold => crate::runtime::docker::hold(),
        Internal::Init { program } => return Ok(ExitCode::from(crate::runtime::docker::init(&program))),
    }
    Ok(ExitCode::SUCCESS)
}
