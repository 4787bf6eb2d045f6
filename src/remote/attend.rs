//! A person in front of a command that runs over there: its output as it comes, their Ctrl-C as it is meant.

use super::failure::Failure;
use super::http::Client;
use super::interrupts::Interrupts;
use super::output::Output;
use super::wire::{Command, Kind, Said, command_path};
use crate::{Error, ErrorKind};
use std::io::Write;

/// How the last moment of a command came.
pub(super) enum End {
    /// With this exit code.
    Exit(u8),
    /// Nobody wants to hear the rest: `| head`, or Ctrl-C once more.
    Left(u8),
}

/// Prints what a command says until it ends. The first interrupt ends the command over there, which heals; the second
/// one leaves at once. `print` takes results, and says whether somebody reads them; see [`Here`](super::Here).
pub(super) async fn attend(
    client: &Client,
    command: &Command,
    interrupts: &mut Interrupts,
    print: fn(&[u8]) -> bool,
) -> Result<End, Failure> {
    let mut output = Output::new(client, command);
    let mut asked_to_end = false;
    loop {
        let said = tokio::select! {
            said = output.next() => said.map_err(|failure| left_behind(client, command, failure))?,
            () = interrupts.next() => {
                if asked_to_end {
                    return Ok(End::Left(ErrorKind::Interrupted.exit_code()));
                }
                asked_to_end = true;
                if end(client, command, interrupts).await? {
                    continue;
                }
                return Ok(End::Left(ErrorKind::Interrupted.exit_code()));
            }
        };
        if said.kind == Kind::Exit {
            return Ok(End::Exit(said.code.unwrap_or(ErrorKind::Machine.exit_code())));
        }
        // A reader that has gone does not end a run, and does not end it here either.
        if !show(said, print) && !outlives(command) {
            end(client, command, interrupts).await?;
            return Ok(End::Left(0));
        }
    }
}

/// Asks for its end; false where an interrupt came before the answer.
async fn end(client: &Client, command: &Command, interrupts: &mut Interrupts) -> Result<bool, Failure> {
    tokio::select! {
        told = cancel(client, command) => {
            told.map(|()| true).map_err(|failure| left_behind(client, command, failure))
        }
        () = interrupts.next() => Ok(false),
    }
}

/// As Ctrl-C over there.
pub(super) async fn cancel(client: &Client, command: &Command) -> Result<(), Failure> {
    client.post::<Command>(&command_path(&command.id, "/cancel"), Vec::new()).await.map(drop)
}

/// Whether there is somebody who reads results.
fn show(said: Said, print: fn(&[u8]) -> bool) -> bool {
    if said.kind == Kind::Out {
        return print(&said.bytes());
    }
    // Nobody reads messages: nothing can be told about that.
    let _nobody = std::io::stderr().write_all(&said.bytes());
    true
}

/// Whether it goes on where nobody listens.
fn outlives(command: &Command) -> bool {
    ["run", "replay", "soak", "shrink"].contains(&command.verb.as_str())
}

/// It has ended, and what it left is not all here.
pub(super) fn unfetched(client: &Client, command: &Command, error: Error) -> Error {
    let help = outlives(command).then(|| format!("{} fetches it", rejoining(client, command))).or(error.help);
    Error { message: format!("{}: not all that `{}` left is here", error.message, command.verb), help, ..error }
}

/// How a person gets back to it.
fn rejoining(client: &Client, command: &Command) -> String {
    format!("`blockade run --host {} --resume {}`", client.host(), command.id)
}

/// The way is lost, and what is over there goes on.
pub(super) fn left_behind(client: &Client, command: &Command, failure: Failure) -> Failure {
    let Failure::Way(error) = failure else { return failure };
    let verb = &command.verb;
    let (what, help) = if outlives(command) {
        // With its daemon it ends, and heals: the next daemon tells how.
        (
            "goes on over there, unless its daemon has ended",
            format!("{} goes on with it, or tells how it ended", rejoining(client, command)),
        )
    } else {
        ("ends over there, since nobody listens any more", "give the command again".to_owned())
    };
    Failure::Way(Error { help: Some(help), ..Error::machine(format!("{}: `{verb}` {what}", error.message)) })
}
