//! `blockade repl`: a person at the script API.
//!
//! Two threads share it. `input` reads entries, from a terminal or from standard input; `conversation` evaluates them on
//! the script's thread ([`Session`](crate::script::Session)) and answers. All that is printed passes through `screen`, so
//! that what happens while a person types does not tear their line. `command` is what begins with a colon; `complete` and
//! `hint` are what the line editor shows of the names that are known (`words`), and pure.
//!
//! With `--host` the two are on two machines: `afar` has the editor here, `heard` takes its place there, and what they say
//! to each other are `frames`.

pub(super) mod afar;
mod command;
mod complete;
mod conversation;
mod frames;
mod heard;
mod hint;
mod input;
mod prompt;
mod recent;
mod screen;
mod words;

use super::place::Place;
use super::setup;
use super::timeline::Timeline;
use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::Output;
use crate::run::{self, Attached, Ends, Signals, Stage};
use crate::runtime::Options;
use crate::script::{Interrupt, Session};
use crate::supervisor;
use crate::words::command_line;
use crate::{Error, ErrorKind, Result};
use conversation::{Again, Conversation};
use recent::Recent;
use screen::Screen;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Evaluates what is typed on a cluster: the one that is up, else one of its own, which goes with the session. Faults
/// go with it in any case.
///
/// An entry may have several lines. TAB completes functions, methods, variables and nodes; Ctrl-C interrupts a call that
/// runs and keeps the session; Ctrl-D leaves. `:help` lists what else can be said. Without a terminal the entries are
/// read from standard input, and the exit code is the first error's.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the nodes live: docker, netns or sim [default: docker where a node has an image, else netns]
    #[arg(long, value_parser = setup::runtime)]
    runtime: Option<RuntimeKind>,
    /// Makes every choice; a fresh one is drawn and printed where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Give the session and the cluster file a parameter; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setup::parameter)]
    params: Vec<(String, String)>,
    /// Only use a cluster that is up already
    #[arg(long, conflicts_with = "runtime")]
    attach: bool,
    /// Who asks from another machine, in frames; said by blockade itself
    #[arg(long, hide = true)]
    afar: Option<Who>,
}

/// Who sits at the other machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Who {
    /// At a terminal.
    Person,
    /// Entries come from a file, or a pipe.
    Program,
}

pub(super) fn main(place: &Place, args: &Args) -> Result<u8> {
    let seed = args.seed.map_or_else(setup::fresh_seed, Ok)?;
    let params: BTreeMap<String, String> = args.params.iter().cloned().collect();
    let stand = Stand::find(place, args, seed, &params)?;
    let (screen, lines) = input::open(&place.data_dir().join("repl_history"), args.afar)?;
    screen.line(&greeting(&stand, seed));
    let (recent, shown) = (Recent::default(), screen.clone());
    let leave_up = Arc::new(AtomicBool::new(false));
    let conversation = Conversation::new(
        lines,
        screen.clone(),
        again(place, args, &stand),
        recent.clone(),
        stand.attached.is_some().then(|| Arc::clone(&leave_up)),
    );
    let first_error = conversation.first_error();
    let interrupt = Arc::new(Interrupt::default());
    let timeline = Timeline::to(move |line| shown.line(line));
    let editor = screen.clone();
    let body = move |session: &mut Session| {
        let held = conversation.hold(session);
        // How all is removed is told without it.
        editor.close();
        held
    };
    let outputs: Vec<Box<dyn Output>> = vec![Box::new(recent), Box::new(timeline)];
    let ends = run::session(&stand.stage(seed, &params, &interrupt), outputs, body);
    let left = stand.leave(place, leave_up.load(Ordering::SeqCst));
    screen.close();
    let typed = first_error.get().filter(|_| !screen.is_terminal());
    Ok(exit_code(typed, &screen, ends, left))
}

/// The code of the first error in what was read, unless the end itself was worse.
fn exit_code(typed: Option<ErrorKind>, screen: &Screen, (verdict, cleanup): Ends, left: Result<()>) -> u8 {
    let errors = [verdict.err(), cleanup.err(), left.err()];
    errors.iter().flatten().for_each(|error| screen.error(error));
    let kinds: Vec<ErrorKind> = errors.iter().flatten().map(|error| error.kind).collect();
    let worst = kinds.iter().find(|kind| **kind == ErrorKind::Cleanup).or(kinds.first());
    worst.copied().or(typed).map_or(0, ErrorKind::exit_code)
}

/// How a saved session is run: where this one was held.
fn again(place: &Place, args: &Args, stand: &Stand) -> Again {
    let (place, params) = (place.clone(), args.params.clone());
    let is_standing = stand.attached.is_some() && !stand.is_own;
    let runtime = args.runtime.filter(|_| !is_standing);
    Box::new(move |script, seed| {
        let mut words = setup::replay(&place, script, seed, &params);
        words.extend(is_standing.then(|| "--attach".to_owned()));
        words.extend(runtime.iter().flat_map(|kind| ["--runtime".to_owned(), kind.to_string()]));
        command_line(&words)
    })
}

fn greeting(stand: &Stand, seed: u64) -> String {
    let names: Vec<&str> = stand.cluster.names().collect();
    let how = match (&stand.attached, stand.is_own) {
        (None, _) => "simulated: nothing is real, and time passes only where something waits",
        (Some(_), true) => "started for this session",
        (Some(_), false) => "up already; only this session's faults go with it",
    };
    format!("seed {seed}\ncluster {} on {}, {how}\nnodes {}", stand.cluster.name, stand.kind, names.join(" "))
}

/// The cluster of the session.
struct Stand {
    cluster: Cluster,
    kind: RuntimeKind,
    attached: Option<Attached>,
    /// Whether it was started for the session.
    is_own: bool,
}

impl Stand {
    fn find(place: &Place, args: &Args, seed: u64, params: &BTreeMap<String, String>) -> Result<Self> {
        let simulates = args.runtime == Some(RuntimeKind::Sim);
        if args.attach || (!simulates && place.folder()?.is_up()?) {
            let stand = Self::attached(Attached::open(&place.folder()?)?)?;
            return match args.runtime {
                Some(kind) if kind != stand.kind => Err(other_runtime(&stand, kind)),
                _ => Ok(stand),
            };
        }
        let (cluster, _) = place.load(None, seed, params, args.runtime)?;
        let kind = args.runtime.unwrap_or_else(|| cluster.runtime_kind());
        crate::runtime::prepare(kind, &cluster)?;
        if kind == RuntimeKind::Sim {
            return Ok(Self { cluster, kind, attached: None, is_own: true });
        }
        let stand = Self::attached(setup::bring_up(place, cluster, kind, params, seed, Options::default())?)?;
        stand.attached.iter().try_for_each(|attached| attached.lease(true))?;
        Ok(Self { is_own: true, ..stand })
    }

    fn attached(attached: Attached) -> Result<Self> {
        let kind = setup::runtime(attached.runtime()).map_err(Error::machine)?;
        Ok(Self { cluster: attached.cluster().clone(), kind, attached: Some(attached), is_own: false })
    }

    fn stage<'a>(
        &'a self,
        seed: u64,
        params: &'a BTreeMap<String, String>,
        interrupt: &'a Arc<Interrupt>,
    ) -> Stage<'a> {
        Stage {
            cluster: &self.cluster,
            kind: self.kind,
            seed,
            params,
            folder: None,
            shaper: None,
            verify: false,
            attached: self.attached.as_ref(),
            interrupt,
            signals: Signals::Session,
        }
    }

    /// Its faults are healed by now. A cluster of its own goes, unless it is to stay; it would go with the connection
    /// as well, but nobody would hear how.
    fn leave(self, place: &Place, leave_up: bool) -> Result<()> {
        let (Some(attached), true) = (self.attached, self.is_own) else { return Ok(()) };
        if leave_up {
            return attached.lease(false);
        }
        crate::runtime::io_threads()?.block_on(supervisor::destroy(&place.folder()?)).map(|_| ())
    }
}

fn other_runtime(stand: &Stand, kind: RuntimeKind) -> Error {
    Error::usage(format!("the cluster `{}` is up already, on {}, not on {kind}", stand.cluster.name, stand.kind))
        .help("leave --runtime out to work with it; another cluster needs another --name")
}
