//! Commands on another machine: the client of [`daemon`](crate::daemon).
//!
//! A command line is looked at here as ever, and then sent as it stands, with the files that it names ([`argv`],
//! [`upload`], [`root`]). Over there it runs as a process of its own, as if the person sat there; its output comes back
//! byte for byte ([`output`], [`attend`]), and at last what it has written ([`fetch`], [`draft`], [`back`]). So messages, places
//! and exit codes are those of a local command, and nothing is known of the command here but which words are paths.
//!
//! Touches the network, files that are named on the command line and those that they need, and folders of runs. Nothing
//! in here is for Linux only.

mod argv;
mod attend;
mod back;
mod connect;
mod dialogue;
mod draft;
mod failure;
mod fetch;
mod host;
mod http;
mod input;
mod interrupts;
mod known;
mod options;
mod output;
mod root;
mod sse;
pub mod tls;
mod token;
mod upload;
mod wire;

pub use dialogue::{Dialogue, Heard};
pub use failure::{Answer, Failure};
pub use host::Host;
pub use http::Client;
pub use options::Options;
pub use upload::CALLED;

use crate::journal::RunFolder;
use crate::{Error, ErrorKind, Result};
use argv::Argv;
use attend::{End, attend, cancel, unfetched};
use back::Back;
use draft::Place;
use interrupts::Interrupts;
use known::known_run;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wire::Command;

/// Where things lie here.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// The current folder, absolute.
    pub folder: &'a Path,
    /// The data folder, in which runs that were fetched lie as local ones do.
    pub data_dir: &'a Path,
    /// How the person is told what is no result.
    pub say: fn(&str),
    /// How results are printed; false where nobody reads them any more. Whoever gives this tells at the end what else kept
    /// them from being written.
    pub print: fn(&[u8]) -> bool,
}

impl Here<'_> {
    /// A script with what it imports, as it is sent: what it is called over there, and texts by what they are called.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn script(&self, path: &Path) -> Result<(String, BTreeMap<String, String>)> {
        upload::script(self.folder, path)
    }
}

/// Does a command line over there: its exit code. `program` are the definitions by which it was looked at.
///
/// # Errors
/// What is wrong with the files here, the way, or what the daemon refuses.
pub fn carry_out(client: &Client, program: &clap::Command, words: &[String], here: Here<'_>) -> Result<u8, Failure> {
    let argv = Argv::new(program, words);
    threads()?.block_on(async {
        let takes_input = argv.verb().1;
        let (command, back, mut interrupts) = begin(client, argv, here).await?;
        tokio::select! {
            code = follow(client, &command, &back, &mut interrupts, here) => code,
            Err(failure) = input::hand_on(client, &command.id), if takes_input => {
                let _what_is_wrong_says_more = cancel(client, &command).await;
                Err(failure)
            }
        }
    })
}

/// Rejoins a command that goes on over there, from its beginning: its exit code. `program` are the definitions of its
/// command line, `out` is where a run's folder is to lie here.
///
/// # Errors
/// As for [`carry_out`]; there is no such command.
pub fn rejoin(
    client: &Client,
    program: &clap::Command,
    id: &str,
    out: Option<PathBuf>,
    here: Here<'_>,
) -> Result<u8, Failure> {
    threads()?.block_on(async {
        let command = known_command(client, id).await?;
        // What it was told to write may mean anything by now; the folder of a run is known by its name.
        let past = upload::past_run(&Argv::new(program, &command.args));
        let past = past.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let renewed = past.and_then(|run| Some((run.clone(), Place::below(&here.data_dir.join("runs"), &run)?)));
        let mut interrupts = Interrupts::listen()?;
        follow(client, &command, &Back { out, renewed, ..Back::default() }, &mut interrupts, here).await
    })
}

/// A command that the daemon remembers.
async fn known_command(client: &Client, id: &str) -> Result<Command, Failure> {
    let unknown = || {
        let error = Error::usage(format!("the daemon at {} knows no command `{id}`", client.host()));
        error.help(
            "a run's is what its folder over there is called, like 20261126T204501Z-7: see `run folder: …` in what it said",
        )
    };
    if Place::below(Path::new(""), id).is_none() {
        return Err(unknown().into());
    }
    let command = client.get(&wire::command_path(id, "")).await;
    command.map_err(|failure| if failure.is_unknown() { unknown().into() } else { failure })
}

/// Fetches the folder of a run of this name into the data folder: where it lies now.
///
/// # Errors
/// As for [`carry_out`]; there is no such run.
pub fn fetch_run(client: &Client, id: &str, here: Here<'_>) -> Result<PathBuf, Failure> {
    let unknown = || {
        let error = Error::usage(format!("there is no run in {id}, and the daemon at {} has none", client.host()));
        error.help("name a run's folder here, or the last part of that of one over there, like 20261126T204501Z-7")
    };
    let place = Place::below(&here.data_dir.join("runs"), id).ok_or_else(unknown)?;
    match threads()?.block_on(fetch::folder(client, "runs", id, &place)) {
        Ok(folder) => Ok(folder.ok_or_else(unknown)?),
        Err(failure) if failure.is_unknown() => Err(unknown().into()),
        Err(failure) => Err(failure),
    }
}

/// Sends a command line, with all that belongs to it. Until then nothing is over there that could be ended, and an
/// interrupt ends this process; from then on it is heard.
async fn begin(client: &Client, argv: Argv<'_>, here: Here<'_>) -> Result<(Command, Back, Interrupts), Failure> {
    let known = known_run(client, &argv, here.data_dir).await?;
    let upload = upload::gather(argv, here.folder, here.data_dir, known.as_deref())?;
    if let Some(out) = &upload.back.out {
        check_out(out, &upload.verb)?;
    }
    upload.back.outputs().try_for_each(check_output)?;
    let mut interrupts = Interrupts::listen()?;
    // What was sent may run already: it is not given up at the first sign.
    let command = tokio::select! {
        sent = client.post("/v1/commands", upload.body) => sent.map_err(|failure| old(client, failure))?,
        () = interrupts.second() => return Err(interrupted().into()),
    };
    Ok((command, upload.back, interrupts))
}

/// Refuses a file here that cannot be written, as the command would have.
fn check_output(path: &Path) -> Result<()> {
    let room = path.parent().filter(|room| !room.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if room.is_dir() && !path.is_dir() {
        return Ok(());
    }
    // Why not; nothing comes of it.
    let opened = std::fs::File::options().append(true).open(path);
    opened.map(drop).map_err(|error| Error::usage(format!("cannot write {}: {error}", path.display())))
}

/// Refuses a folder here that is to hold something new, and holds something.
fn check_out(out: &Path, verb: &str) -> Result<()> {
    if verb != "soak" {
        return RunFolder::create(Some(out), out, 0).map(drop);
    }
    if out.join("soak.json").exists() {
        return Err(Error::usage(format!("{} holds a soak already, and over there one begins anew", out.display()))
            .help("name another folder with --out"));
    }
    Ok(())
}

/// To its end, and with what it leaves.
async fn follow(
    client: &Client,
    command: &Command,
    back: &Back,
    interrupts: &mut Interrupts,
    here: Here<'_>,
) -> Result<u8, Failure> {
    let code = match attend(client, command, interrupts, here.print).await? {
        End::Exit(code) => code,
        End::Left(code) => return Ok(code),
    };
    let brought = tokio::select! {
        brought = bring(client, command, back, here) => brought,
        () = interrupts.next() => return Err(unfetched(client, command, interrupted()).into()),
    };
    let brought = brought.map_err(|failure| match failure {
        Failure::Way(error) => Failure::Way(unfetched(client, command, error)),
        other => other,
    });
    match brought {
        // The command's own end says more.
        Err(failure) if code != 0 => {
            (here.say)(failure.rendered(false).trim_end());
            Ok(code)
        }
        brought => brought.map(|()| code),
    }
}

/// Fetches what belongs here, and says where it lies.
async fn bring(client: &Client, command: &Command, back: &Back, here: Here<'_>) -> Result<(), Failure> {
    let place = |folder: &str, id: &str| {
        let foreign = || client.foreign(&format!("{id:?} is no name"));
        let usual = || Place::below(&here.data_dir.join(folder), id).ok_or_else(foreign);
        back.out.clone().map_or_else(usual, |out| Ok(Place::Named(out)))
    };
    let own = command.run.as_ref().map(|run| Ok::<_, Error>(("runs", run, place("runs", run)?))).transpose()?;
    let is_soak = command.verb == "soak";
    let soak = is_soak.then(|| Ok::<_, Error>(("soaks", &command.id, place("soak", &command.id)?))).transpose()?;
    let renewed = back.renewed.as_ref().filter(|_| command.verb == "shrink");
    let renewed = renewed.map(|(run, place)| ("runs", run, place.clone()));
    for (kind, id, place) in own.into_iter().chain(soak).chain(renewed) {
        match fetch::folder(client, kind, id, &place).await {
            Ok(Some(folder)) => (here.say)(&fetched(&folder, &place)),
            // What was refused before it began has left nothing.
            Ok(None) => {}
            Err(failure) if failure.is_unknown() => {}
            Err(failure) => return Err(failure),
        }
    }
    for path in fetch::written(client, &command.id, back).await? {
        (here.say)(&format!("fetched {}", path.display()));
    }
    Ok(())
}

/// Where a folder lies now.
fn fetched(folder: &Path, place: &Place) -> String {
    let usual = place.usual();
    let why = if folder == usual { String::new() } else { format!(", since {} holds another one", usual.display()) };
    format!("fetched into {}{why}", folder.display())
}

/// Where there is a daemon, but one that runs no commands.
fn old(client: &Client, failure: Failure) -> Failure {
    if failure.is_unknown() { client.foreign("it runs no commands").into() } else { failure }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
}

fn threads() -> Result<tokio::runtime::Runtime> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio.map_err(|error| Error::machine(format!("cannot wait for the network: {error}")))
}
