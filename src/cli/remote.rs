//! `--host`: which commands are done over there, and how they end here.

use super::repl::afar;
use super::{Command, Global, definitions, report};
use crate::remote::{self, Client, Failure, Here};
use crate::signal::early;
use crate::{Error, Result};
use std::path::Path;
use std::process::ExitCode;

/// Does a command over there, if it is one for there and somebody said where.
pub(super) fn main(global: &Global, command: &Command) -> Result<Option<ExitCode>> {
    let is_named = || Ok::<_, Error>(global.remote.host()?.is_some());
    match command {
        Command::Daemon(_) if is_named()? => {
            Err(Error::usage("`daemon` serves this machine, and --host or BLOCKADE_HOST names another one")
                .help("leave it out; or start the daemon over there, by `ssh` for instance"))
        }
        Command::Report(args) if is_named()? && !is_here(args.run(), &global.data_dir) => fetch(global, args.run()),
        command if command.is_for_a_cluster() => match Client::open(&global.remote)? {
            Some(client) => done(global, command, &client).map(Some),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn done(global: &Global, command: &Command, client: &Client) -> Result<ExitCode> {
    early::end_on_signals();
    let folder = folder()?;
    let here = Here { folder: &folder, data_dir: &global.data_dir, say: report::message, print: report::bytes };
    let ended = match command {
        Command::Run(args) if args.resume().is_some() => {
            let out = args.out().map(Path::to_path_buf);
            remote::rejoin(client, &definitions(), args.resume().unwrap_or_default(), out, here)
        }
        Command::Repl(_) => afar::main(client, &definitions(), words()?, here),
        _ => remote::carry_out(client, &definitions(), &words()?, here),
    };
    ended.map_or_else(told, |code| Ok(ExitCode::from(code)))
}

/// What the daemon has said is printed as it stands.
fn told(failure: Failure) -> Result<ExitCode> {
    match failure {
        Failure::Here(error) | Failure::Way(error) => Err(error),
        Failure::There(answer) => {
            report::message(answer.text.trim_end());
            Ok(ExitCode::from(answer.exit_code))
        }
    }
}

/// Whether a run's folder lies here.
fn is_here(run: &Path, data_dir: &Path) -> bool {
    run.exists() || data_dir.join("runs").join(run).join("journal.jsonl").exists()
}

/// Fetches a run's folder; what is done with it is done here.
fn fetch(global: &Global, run: &Path) -> Result<Option<ExitCode>> {
    let (Some(client), Some(name)) = (Client::open(&global.remote)?, run.to_str()) else { return Ok(None) };
    let folder = folder()?;
    let here = Here { folder: &folder, data_dir: &global.data_dir, say: report::message, print: report::bytes };
    match remote::fetch_run(&client, name, here) {
        Ok(folder) if folder.file_name() == run.file_name() => Ok(None),
        // Something else is called so here.
        Ok(folder) => Err(Error::usage(format!("there is no run in {}", run.display()))
            .help(format!("that of the daemon was fetched: `blockade report {}`", folder.display()))),
        Err(failure) => told(failure).map(Some),
    }
}

fn folder() -> Result<std::path::PathBuf> {
    std::env::current_dir().map_err(|error| Error::machine(format!("there is no current folder: {error}")))
}

/// The command line, without the program's name.
fn words() -> Result<Vec<String>> {
    let word = |word: std::ffi::OsString| {
        word.into_string().map_err(|word| Error::usage(format!("{} is no UTF-8, and cannot be sent", word.display())))
    };
    std::env::args_os().skip(1).map(word).collect()
}
