//! A command over there that is typed to: `repl`.

use super::attend::{cancel, left_behind};
use super::failure::Failure;
use super::fetch;
use super::http::Client;
use super::interrupts::Interrupts;
use super::output::Output;
use super::wire::{Command, Input, Kind, command_path};
use super::{Here, argv::Argv, begin, threads};
use crate::ErrorKind;
use std::path::Path;

/// What comes next.
#[derive(Debug)]
pub enum Heard {
    /// A piece of its standard output.
    Out(Vec<u8>),
    /// A piece of its standard error.
    Err(Vec<u8>),
    /// Ctrl-C on this side.
    Interrupt,
    /// This process was asked to end.
    End,
    /// Its end.
    Exit(u8),
}

/// Both ends of it.
pub struct Dialogue<'a> {
    client: &'a Client,
    command: &'a Command,
    output: Output<'a>,
    interrupts: Interrupts,
}

impl Dialogue<'_> {
    /// Begins a command over there and lets `hold` lead the dialogue to its exit code.
    ///
    /// # Errors
    /// As for [`carry_out`](super::carry_out).
    pub fn hold(
        client: &Client,
        program: &clap::Command,
        words: &[String],
        here: Here<'_>,
        hold: impl AsyncFnOnce(&mut Dialogue<'_>) -> Result<u8, Failure>,
    ) -> Result<u8, Failure> {
        threads()?.block_on(async {
            let (command, _, interrupts) = begin(client, Argv::new(program, words), here).await?;
            let output = Output::new(client, &command);
            hold(&mut Dialogue { client, command: &command, output, interrupts }).await
        })
    }

    /// Waits for what comes next. May be given up and asked for again.
    pub async fn next(&mut self) -> Result<Heard, Failure> {
        let said = tokio::select! {
            said = self.output.next() => {
                said.map_err(|failure| left_behind(self.client, self.command, failure))?
            }
            () = self.interrupts.next() => {
                return Ok(if self.interrupts.is_end() { Heard::End } else { Heard::Interrupt });
            }
        };
        Ok(match said.kind {
            Kind::Exit => Heard::Exit(said.code.unwrap_or(ErrorKind::Machine.exit_code())),
            Kind::Err => Heard::Err(said.bytes()),
            Kind::Out | Kind::Other => Heard::Out(said.bytes()),
        })
    }

    /// Types something.
    pub async fn type_in(&self, text: String) -> Result<(), Failure> {
        self.client.tell(&command_path(&self.command.id, "/input"), &Input::Text(text)).await
    }

    /// No more will be typed.
    pub async fn end(&self) -> Result<(), Failure> {
        self.client.tell(&command_path(&self.command.id, "/input"), &Input::End(true)).await
    }

    /// Interrupts what it does.
    pub async fn cancel(&self) -> Result<(), Failure> {
        cancel(self.client, self.command).await
    }

    /// Fetches a file that it has written; false where it has not.
    pub async fn fetch(&self, name: &str, to: &Path) -> Result<bool, Failure> {
        fetch::one(self.client, &self.command.id, name, to).await
    }
}
