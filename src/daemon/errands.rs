//! Errands: the command lines that the daemon runs for people on other machines, each as a process of its own.
//!
//! A process, so that a script that takes all it can get takes nothing from the daemon; and the same binary, so that
//! what it says is what a local user reads. It ends with the daemon, and heals. What it was, what it said and how it
//! ended lies in its [`folder`], and a later daemon finds it there.

mod attend;
mod folder;
mod pieces;

pub(super) use folder::{ErrandFolder, State as CommandState, Told};

use super::clusters::blocking;
use super::runs::Found;
use crate::cli::sent::{Sent, sent};
use crate::errand::Errand;
use crate::journal::{RunFolder, STAMP};
use crate::words::counted;
use crate::{Error, Result, entropy, text};
use attend::{Attendant, Order};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The command line without the program's name.
    pub(super) args: Vec<String>,
    /// What it finds in its working directory.
    pub(super) files: BTreeMap<String, String>,
    /// The cluster's name where the arguments give none.
    pub(super) name: Option<String>,
    /// What `${env:NAME}` stand for.
    pub(super) env: BTreeMap<String, String>,
}

/// How much the daemon does for others at once, and what it lets them do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// So many commands at once.
    pub commands: usize,
    /// So many runs side by side in one of them.
    pub jobs: u64,
    /// Whether scripts may start programs on this machine outside of the nodes.
    pub host_commands: bool,
}

/// So many commands that have ended are remembered. The folders of runs and soaks stay.
const KEPT: usize = 200;
/// So many files may be sent with a command.
const FILES_MAX: usize = 1000;
/// Commands that go on where nobody listens; others end soon.
const LASTING: [&str; 4] = ["run", "replay", "soak", "shrink"];
/// How long those who have heard the end of their commands may take to begin with the next file of theirs when the daemon
/// ends, and how long with all.
const BETWEEN_FILES: Duration = Duration::from_secs(2);
const FETCHING_MAX: Duration = Duration::from_secs(60);
/// How long all may take to heal when the daemon ends.
const END_MAX: Duration = Duration::from_secs(60);

/// Whether a command goes on where nobody listens.
fn is_lasting(verb: &str) -> bool {
    LASTING.contains(&verb)
}

/// Those that run, by their ids; the others are found in their folders.
pub(super) struct Errands {
    data_dir: PathBuf,
    limits: Limits,
    running: Mutex<BTreeMap<String, Arc<Attendant>>>,
    /// Whether no more are begun. Set while nobody else has those that run.
    is_ending: AtomicBool,
    /// Turns true when all have ended, and no more will come.
    over: watch::Sender<bool>,
    /// Changes whenever somebody begins to fetch a file.
    fetching: watch::Sender<()>,
    /// Held by whoever looks for folders to forget.
    tidying: Mutex<()>,
}

/// Why a command was not begun.
#[derive(Debug)]
pub(super) enum Refused {
    /// Too many run.
    Busy(Error),
    Wrong(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl Errands {
    /// Those of a data folder. What an earlier daemon left is brought to its end, and stays to be read.
    pub(super) fn new(data_dir: &Path, limits: Limits) -> Self {
        let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_path_buf());
        for folder in ErrandFolder::all(&data_dir).into_iter().filter(|folder| folder.told().exit_code.is_none()) {
            // It heals, which may take a while.
            drop(std::thread::Builder::new().name("errand".to_owned()).spawn(move || folder.conclude_for_the_dead()));
        }
        Self {
            data_dir,
            limits,
            running: Mutex::default(),
            is_ending: AtomicBool::new(false),
            over: watch::Sender::new(false),
            fetching: watch::Sender::new(()),
            tidying: Mutex::default(),
        }
    }

    /// Begins one. It goes on whether or not whoever asked waits, also if they leave before it was begun.
    pub(super) async fn begin(self: &Arc<Self>, asked: Asked) -> Result<Told, Refused> {
        let errands = Arc::clone(self);
        let begun = tokio::spawn(async move { errands.begin_surely(asked).await });
        begun.await.unwrap_or_else(|crash| Err(Error::machine(format!("beginning a command crashed: {crash}")).into()))
    }

    async fn begin_surely(self: Arc<Self>, asked: Asked) -> Result<Told, Refused> {
        let known = sent(&asked.args)?;
        self.check(&known, &asked)?;
        let (errands, verb) = (Arc::clone(&self), known.verb.clone());
        let order = Order { is_typed: known.is_typed, is_lasting: is_lasting(&verb) };
        let (folder, errand, output) = blocking(move || errands.prepare(known, &asked)).await?;
        let mut running = self.running();
        if let Err(refused) = self.has_room(&running, order) {
            drop(running);
            forget(&folder, &errand);
            return Err(refused);
        }
        let out = errand.out.clone();
        let at_last = move || remove_if_empty(out.as_deref());
        let begun = Attendant::begin(&folder, output, order, at_last).inspect_err(|_| forget(&folder, &errand));
        let attendant = Arc::new(begun?);
        running.insert(folder.id().to_owned(), Arc::clone(&attendant));
        drop(running);
        tokio::spawn(async move {
            attendant.ended().await;
            self.running().remove(attendant.folder().id());
            let lasts = |told: &Told| is_lasting(&told.verb);
            let tidied = tokio::task::spawn_blocking(move || {
                // Where somebody is at it, the next one sees to the rest.
                if let Ok(_alone) = self.tidying.try_lock() {
                    ErrandFolder::keep_the_latest(&self.data_dir, KEPT, lasts);
                }
            });
            let _next_time = tidied.await;
        });
        Ok(folder.told())
    }

    /// Asked for last, so that two that come at once are two. What lasts leaves room for what heals it and looks at it.
    fn has_room(&self, running: &BTreeMap<String, Arc<Attendant>>, order: Order) -> Result<(), Refused> {
        if self.is_ending.load(Ordering::SeqCst) {
            let error = Error::machine("the daemon is about to end, and begins nothing more");
            return Err(Refused::Busy(error.help("ask again once it has been started again")));
        }
        let alike = running.values().filter(|other| !other.is_gone() && other.order().is_brief() == order.is_brief());
        if alike.count() < self.limits.commands {
            return Ok(());
        }
        let limit = counted(self.limits.commands, "command");
        let error = Error::machine(format!("the limit of {limit} for others is reached"));
        let help = "wait for one to end, cancel one, or start the daemon with a larger --max-commands";
        Err(Refused::Busy(error.help(help)))
    }

    fn check(&self, known: &Sent, asked: &Asked) -> Result<()> {
        if known.jobs > self.limits.jobs {
            let message = format!("{} runs side by side are more than this daemon allows", known.jobs);
            return Err(Error::usage(message)
                .help(format!("at most --jobs {}; see `blockade daemon --help`", self.limits.jobs)));
        }
        if asked.files.len() > FILES_MAX {
            return Err(Error::usage(format!("{} files are too many to send: {FILES_MAX} at most", asked.files.len())));
        }
        if let Some(path) = asked.files.keys().find(|path| !text::is_plain(Path::new(path))) {
            return Err(Error::usage(format!("{path:?} is no place for a file that is sent"))
                .help("a path is relative, without `..`"));
        }
        asked.name.as_deref().map_or(Ok(()), crate::cluster::check_name)
    }

    /// Its folder, with all that the process needs to begin, and the file of its output.
    fn prepare(&self, known: Sent, asked: &Asked) -> Result<(ErrandFolder, Errand, File)> {
        let mut args = asked.args.clone();
        let runs = self.data_dir.join("runs");
        let (seed, below) = match known.verb.as_str() {
            "run" => (Some(seeded(&mut args, "--seed", known.seed)?), Some("runs")),
            "soak" => (Some(seeded(&mut args, "--seed-start", known.seed)?), Some("soak")),
            "replay" => (Some(past_seed(known.run.as_deref().unwrap_or(Path::new("")), asked, &runs)?), Some("runs")),
            _ => (None, None),
        };
        let is_known = |id: &str| ErrandFolder::find(&self.data_dir, id).is_some();
        let out = seed.zip(below).map(|(seed, below)| RunFolder::fresh(&self.data_dir.join(below), seed, is_known));
        let out = out.transpose()?.map(|folder| folder.path);
        let run = out.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let id = run.clone().map_or_else(fresh_id, Ok)?;
        // A past run names its script, and the modules beside it, as they were sent then; and so the variables. One that
        // was sent along now is another one, even if it is called like one here.
        let before = known.run.as_deref().filter(|run| sent_journal(run, asked).is_none()).and_then(Path::file_name);
        let before = before.and_then(|id| ErrandFolder::find(&self.data_dir, &id.to_string_lossy()));
        let mut env = before.as_ref().map(ErrandFolder::env).unwrap_or_default();
        env.extend(asked.env.clone());
        let errand = Errand {
            data_dir: self.data_dir.clone(),
            name: asked.name.clone(),
            out,
            env,
            host_commands: self.limits.host_commands,
        };
        let told = Told::new(id, known.verb, args, run.filter(|_| below == Some("runs")));
        let created = ErrandFolder::create(&self.data_dir, &told, &errand);
        let (folder, output) = created.inspect_err(|_| remove_if_empty(errand.out.as_deref()))?;
        let taken_over = before.map_or(Ok(()), |before| folder.take_over(&before));
        match taken_over.and_then(|()| folder.receive(&asked.files)) {
            Ok(()) => Ok((folder, errand, output)),
            Err(error) => {
                forget(&folder, &errand);
                Err(error)
            }
        }
    }

    /// One of this id, also one that has ended.
    pub(super) fn find(&self, id: &str) -> Option<ErrandFolder> {
        ErrandFolder::find(&self.data_dir, id)
    }

    /// All that are known, the latest first.
    pub(super) fn all(&self) -> Vec<ErrandFolder> {
        ErrandFolder::all(&self.data_dir)
    }

    /// Whether one runs.
    pub(super) fn is_running(&self, id: &str) -> bool {
        self.running().contains_key(id)
    }

    /// Asks one to end, if it is under way here; whether it is.
    pub(super) fn cancel(&self, id: &str) -> bool {
        self.attendant(id).inspect(|attendant| attendant.cancel()).is_some()
    }

    /// Who looks after one that runs.
    pub(super) fn attendant(&self, id: &str) -> Option<Arc<Attendant>> {
        self.running().get(id).cloned()
    }

    /// Turns true when the daemon has ended all of them.
    pub(super) fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// Asks all to end, and waits until they have healed. Whether somebody listened to one that leaves files.
    pub(super) async fn end_all(&self) -> bool {
        let all: Vec<Arc<Attendant>> = {
            let running = self.running();
            self.is_ending.store(true, Ordering::SeqCst);
            running.values().cloned().collect()
        };
        let is_heard = all.iter().any(|attendant| attendant.order().is_lasting && attendant.is_heard());
        for attendant in &all {
            attendant.end();
        }
        let ended = async {
            for attendant in &all {
                attendant.ended().await;
            }
        };
        if tokio::time::timeout(END_MAX, ended).await.is_err() {
            tracing::warn!("commands are still under way; they end by themselves");
        }
        self.over.send_replace(true);
        is_heard
    }

    /// Somebody begins to fetch a file.
    pub(super) fn somebody_fetches(&self) {
        self.fetching.send_replace(());
    }

    /// Waits until nobody has begun to fetch a file for a while: each takes a connection of its own.
    pub(super) async fn all_are_fetched(&self) {
        let mut fetching = self.fetching.subscribe();
        let quiet = async { while tokio::time::timeout(BETWEEN_FILES, fetching.changed()).await.is_ok() {} };
        let _given_up = tokio::time::timeout(FETCHING_MAX, quiet).await;
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Attendant>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes all of one that was never begun.
fn forget(folder: &ErrandFolder, errand: &Errand) {
    folder.forget();
    remove_if_empty(errand.out.as_deref());
}

/// What was refused before it began has no run.
fn remove_if_empty(out: Option<&Path>) {
    if let Some(out) = out {
        let _holds_a_run = std::fs::remove_dir(out);
    }
}

/// The seed that was asked for, or a fresh one, which the arguments then hold, too.
fn seeded(args: &mut Vec<String>, option: &str, seed: Option<u64>) -> Result<u64> {
    if let Some(seed) = seed {
        return Ok(seed);
    }
    let seed = entropy::fresh_seed()?;
    args.extend([option.to_owned(), seed.to_string()]);
    Ok(seed)
}

/// The seed of a past run: of one that was sent along, whose process finds out whether it is whole, or of one here.
fn past_seed(named: &Path, asked: &Asked, runs: &Path) -> Result<u64> {
    if let Some(text) = sent_journal(named, asked) {
        let head = text.lines().next().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        return Ok(head.and_then(|head| head["seed"].as_u64()).unwrap_or_default());
    }
    let here = Found::named(runs, &named.components().as_path().to_string_lossy());
    here.and_then(|run| run.look().seed).ok_or_else(|| {
        Error::usage(format!("there is no run in {}", named.display()))
            .help("name a run of the daemon's, as `blockade run` prints it, or a run's folder where you are")
    })
}

/// The journal of a past run, where that was sent along.
fn sent_journal<'a>(named: &Path, asked: &'a Asked) -> Option<&'a str> {
    let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_path_buf();
    let journal = plain(&named.join("journal.jsonl"));
    asked.files.iter().find(|(path, _)| plain(Path::new(path)) == journal).map(|(_, text)| text.as_str())
}

/// When it began, and a number that makes it one of its kind.
fn fresh_id() -> Result<String> {
    let now = jiff::Timestamp::now().strftime(STAMP);
    Ok(format!("{now}-c{}", entropy::fresh_seed()?))
}
