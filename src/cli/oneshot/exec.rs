//! `exec` and `logs`: looking into a node.

use super::{Format, Remote, Shown, show};
use crate::cli::setup;
use crate::engine::{self, Command, ExecOutput, Reply};
use crate::resolve;
use crate::{Error, ErrorKind, Result};
use clap::Args;
use std::io::Read;

/// Runs a program in a node.
#[derive(Debug, Args)]
pub struct Exec {
    /// The node
    node: String,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    argv: Vec<String>,
    /// Hand standard input, read to its end, to the program
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Kill the program after this time
    #[arg(long, value_name = "D", default_value = "10m", value_parser = setup::duration, allow_hyphen_values = true)]
    timeout: u64,
    #[command(flatten)]
    format: Format,
}

impl Exec {
    /// The program's output; one that did not end with exit code 0 is a failure (exit 1).
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let node = one(remote, &self.node)?;
        let stdin = if self.stdin { read_stdin()? } else { String::new() };
        let exec = engine::Exec { argv: self.argv.clone(), stdin, timeout_us: self.timeout };
        let output = match remote.call(Command::Exec { node: node.clone(), exec }).await? {
            Reply::Exec(output) => output,
            other => return Err(other.odd()),
        };
        let failure = failure(&self.argv[0], &node, &output);
        let shown = if self.format.json {
            show::json(&output)?
        } else {
            Shown { messages: output.stderr, ..Shown::results(output.stdout) }
        };
        Ok(Shown { failure, ..shown })
    }
}

/// The exit codes of blockade are its own: the program's is told in words, and by `--json`.
fn failure(program: &str, node: &str, output: &ExecOutput) -> Option<Error> {
    let end = match output {
        ExecOutput { timed_out: true, .. } => "did not end in time and was killed".to_owned(),
        ExecOutput { code: 0, dropped: false, .. } => return None,
        ExecOutput { code: 0, .. } => {
            let error = Error::new(ErrorKind::Failed, format!("`{program}` on {node} wrote more than 4 MiB"));
            return Some(error.help("the rest was dropped: let it write into a file of the node, or less"));
        }
        ExecOutput { code, .. } => format!("ended with exit code {code}"),
    };
    Some(Error::new(ErrorKind::Failed, format!("`{program}` on {node} {end}")))
}

fn read_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

/// Prints what a node has written.
#[derive(Debug, Args)]
pub struct Logs {
    /// The node
    node: String,
    /// Only the last so many lines
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Go on with what the node writes, until its program ends
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
    #[command(flatten)]
    format: Format,
}

impl Logs {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let node = one(remote, &self.node)?;
        if self.follow {
            // A reader that has gone away has read enough.
            let hear = |text: &str| show::piece(text).is_ok();
            return remote.0.port.follow(&node, self.last, hear).await.map(|()| Shown::default());
        }
        match remote.call(Command::Logs { node: node.clone(), last: self.last }).await? {
            Reply::Logs(log) if self.format.json => show::json(&serde_json::json!({ "name": node, "log": log })),
            Reply::Logs(log) => Ok(Shown::results(log)),
            other => Err(other.odd()),
        }
    }
}

fn one(remote: &Remote, name: &str) -> Result<String> {
    let mut nodes = resolve::nodes(remote.cluster(), [name].into_iter())?;
    match nodes.len() {
        1 => Ok(nodes.remove(0)),
        _ => Err(Error::usage(format!("`{name}` means several nodes: {}", nodes.join(", "))).help("name one of them")),
    }
}
