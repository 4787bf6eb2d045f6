//! An errand's folder below `commands` in the data folder: `command.json` (what it is), `received.json` (what
//! was sent along), `errand.json` (what its process
//! is told; locked while that lives), `output.jsonl` (what it says, and at last its exit code) and `files`, its working
//! directory.

use super::pieces::{self, Piece};
use crate::daemon::files::{latest_first, listed};
use crate::daemon::tail::Tail;
use crate::errand::{self, Errand};
use crate::journal::{is_locked, remove_folder};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

const COMMANDS: &str = "commands";
const RECEIVED: &str = "received.json";
/// How long a process may go on whose daemon has died: it heals.
const AFTERLIFE_MAX: Duration = Duration::from_secs(120);
/// For so long one is there after its end, however many there are: for whoever has lost the connection, or fetches its
/// files.
const SPARED: Duration = Duration::from_secs(3600);
/// But no more than so many times those that are kept.
const SPARED_MAX: usize = 5;

/// A command that was run here for somebody on another machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(in crate::daemon) struct Told {
    /// Of the command; of a run, a replay and a soak the name of its folder, too.
    pub(in crate::daemon) id: String,
    /// As `run`.
    pub(in crate::daemon) verb: String,
    /// The command line without the program's name, with the seed that was drawn.
    pub(in crate::daemon) args: Vec<String>,
    /// `running`; `ended`; `interrupted` where the daemon ended before it.
    #[serde(default)]
    pub(in crate::daemon) state: State,
    /// As the command line has them, once it has ended.
    #[serde(default)]
    pub(in crate::daemon) exit_code: Option<u8>,
    /// RFC 3339.
    pub(in crate::daemon) started: String,
    /// The run that it is or repeats anew.
    pub(in crate::daemon) run: Option<String>,
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CommandState)]
pub(in crate::daemon) enum State {
    /// It has not ended.
    #[default]
    Running,
    /// It has come to its end.
    Ended,
    /// The daemon ended before it; what it did was healed.
    Interrupted,
}

impl Told {
    pub(super) fn new(id: String, verb: String, args: Vec<String>, run: Option<String>) -> Self {
        let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        Self { id, verb, args, state: State::Running, exit_code: None, started, run }
    }
}

/// An errand's folder.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct ErrandFolder {
    path: PathBuf,
    id: String,
}

impl ErrandFolder {
    /// Creates it, and the file of its output, locked: whoever holds that attends to it. What it will say and hold is for
    /// its user only.
    pub(super) fn create(data_dir: &Path, told: &Told, errand: &Errand) -> Result<(Self, File)> {
        let folder = Self { path: data_dir.join(COMMANDS).join(&told.id), id: told.id.clone() };
        let room = data_dir.join(COMMANDS);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&room);
        // This one is nobody else's.
        let made = made.and_then(|()| DirBuilder::new().mode(0o700).create(&folder.path));
        made.map_err(|error| cannot("create", &folder.path, &error))?;
        match folder.fill(told, errand) {
            Ok(output) => Ok((folder, output)),
            Err(error) => {
                folder.forget();
                Err(error)
            }
        }
    }

    fn fill(&self, told: &Told, errand: &Errand) -> Result<File> {
        std::fs::create_dir(self.files()).map_err(|error| cannot("create", &self.files(), &error))?;
        let output = File::options().create_new(true).append(true).open(self.output());
        let output = output.and_then(|file| file.lock().map(|()| file));
        let output = output.map_err(|error| cannot("write", &self.output(), &error))?;
        self.write("errand.json", errand)?;
        // Last: from now on others find it.
        self.write("command.json", told)?;
        Ok(output)
    }

    /// That of this id, if there is one.
    pub(super) fn find(data_dir: &Path, id: &str) -> Option<Self> {
        let is_one = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let path = data_dir.join(COMMANDS).join(id);
        let is_there =
            !id.is_empty() && id.len() <= 64 && id.chars().all(is_one) && path.join("command.json").is_file();
        is_there.then(|| Self { path, id: id.to_owned() })
    }

    /// All of them, the latest first.
    pub(super) fn all(data_dir: &Path) -> Vec<Self> {
        latest_first(&data_dir.join(COMMANDS)).iter().filter_map(|id| Self::find(data_dir, id)).collect()
    }

    /// Removes those that ended first, but none of which whoever asked may not have heard yet. What lasts is counted
    /// apart, lest a hundred looks at a cluster push out what a night has found.
    pub(super) fn keep_the_latest(data_dir: &Path, kept: usize, lasts: impl Fn(&Told) -> bool) {
        let ended = Self::all(data_dir).into_iter().map(|folder| (folder.told(), folder));
        let ended = ended.filter(|(told, _)| told.exit_code.is_some());
        let (lasting, short): (Vec<_>, Vec<_>) = ended.partition(|(told, _)| lasts(told));
        for sort in [lasting, short] {
            let mut sort: Vec<_> = sort.into_iter().map(|(_, folder)| (folder.ended(), folder)).collect();
            sort.sort_by_key(|(ended, _)| std::cmp::Reverse(*ended));
            let is_old = |ended: &SystemTime| ended.elapsed().is_ok_and(|ago| ago > SPARED);
            let is_over = |place: usize, ended: &SystemTime| is_old(ended) || place >= SPARED_MAX * kept;
            let over = sort.iter().enumerate().skip(kept).filter(|(place, (ended, _))| is_over(*place, ended));
            over.for_each(|(_, (_, folder))| folder.forget());
        }
    }

    /// When its last line was written.
    fn ended(&self) -> SystemTime {
        let written = std::fs::metadata(self.output()).and_then(|output| output.modified());
        written.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Removes it.
    pub(super) fn forget(&self) {
        if let Err(error) = remove_folder(&self.path) {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }

    pub(in crate::daemon) fn id(&self) -> &str {
        &self.id
    }

    /// Whether another daemon attends to it.
    pub(in crate::daemon) fn is_anothers(&self) -> bool {
        let output = File::open(self.output());
        output.is_ok_and(|output| matches!(output.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// What its process is told.
    pub(super) fn errand(&self) -> PathBuf {
        self.path.join("errand.json")
    }

    /// Where it runs.
    pub(in crate::daemon) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// What it says.
    pub(in crate::daemon) fn output(&self) -> PathBuf {
        self.path.join(errand::OUTPUT)
    }

    /// What there is to tell of it now.
    pub(in crate::daemon) fn told(&self) -> Told {
        let read = std::fs::read(self.path.join("command.json")).ok();
        let told = read.and_then(|bytes| serde_json::from_slice::<Told>(&bytes).ok());
        let mut told = told.unwrap_or_else(|| Told::new(self.id.clone(), "unknown".to_owned(), Vec::new(), None));
        if let Some((code, is_cut)) = self.exit_code() {
            told.exit_code = Some(code);
            told.state = if is_cut { State::Interrupted } else { State::Ended };
        }
        told
    }

    /// With which code it has ended, and whether before its time; none while it runs.
    fn exit_code(&self) -> Option<(u8, bool)> {
        pieces::exit_code(&self.output())
    }

    /// Writes what was sent.
    pub(super) fn receive(&self, files: &BTreeMap<String, String>) -> Result<()> {
        for (name, text) in files {
            let path = self.files().join(name);
            let written =
                std::fs::create_dir_all(path.parent().unwrap_or(&path)).and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| unwritable(name, &path, &error))?;
        }
        let received: BTreeSet<PathBuf> = self.listed().into_iter().map(|(path, _)| path).collect();
        self.write(RECEIVED, &received)
    }

    /// Has all that was sent for another one.
    pub(super) fn take_over(&self, before: &Self) -> Result<()> {
        for name in before.received() {
            let path = self.files().join(&name);
            let copied = std::fs::create_dir_all(path.parent().unwrap_or(&path))
                .and_then(|()| std::fs::copy(before.files().join(&name), &path));
            copied.map_err(|error| cannot("write", &path, &error))?;
        }
        Ok(())
    }

    /// The variables that were sent.
    pub(super) fn env(&self) -> BTreeMap<String, String> {
        let read = std::fs::read(self.errand()).ok();
        let errand = read.and_then(|bytes| serde_json::from_slice::<Errand>(&bytes).ok());
        errand.map(|errand| errand.env).unwrap_or_default()
    }

    /// What was sent, which is no result.
    fn received(&self) -> BTreeSet<PathBuf> {
        let read = std::fs::read(self.path.join(RECEIVED)).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// What it has written: paths below its working directory, and bytes.
    pub(in crate::daemon) fn written(&self) -> Vec<(PathBuf, u64)> {
        let received = self.received();
        self.listed().into_iter().filter(|(path, _)| !received.contains(path)).collect()
    }

    fn listed(&self) -> Vec<(PathBuf, u64)> {
        listed(&self.files())
    }

    /// Waits until no daemon attends to it any more: there may be another one on this data folder. Where that one died
    /// before the process told its end, waits for that, and puts it on record.
    pub(super) fn conclude_for_the_dead(&self) {
        // One that was refused is gone with its folder.
        let Ok(output) = File::options().read(true).append(true).open(self.output()) else { return };
        // Shared: the process waits for the same, and must not wait for us.
        let attended = output.lock_shared();
        let until = std::time::Instant::now() + AFTERLIFE_MAX;
        while is_locked(&self.errand()) && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        // Several daemons may have waited.
        if let Err(error) = attended.and_then(|()| output.lock()) {
            tracing::warn!("cannot lock {}: {error}", self.output().display());
        }
        if self.exit_code().is_none() {
            self.conclude(&output);
        }
    }

    fn conclude(&self, mut output: &File) {
        let seq = self.last_seq() + 1;
        let said = "error: interrupted: the daemon ended before this command; what it had done to nodes was healed\n";
        let lines =
            [Piece::Err(said.as_bytes().to_vec()).line(seq), Piece::Exit { code: 130, is_cut: true }.line(seq + 1)];
        // What the old daemon began to write may have no end.
        if let Err(error) = output.write_all(format!("\n{}", lines.concat()).as_bytes()) {
            tracing::warn!("cannot write {}: {error}", self.output().display());
        }
    }

    fn last_seq(&self) -> u64 {
        let Ok(Some(mut tail)) = Tail::open(&self.output()) else { return 0 };
        std::iter::from_fn(|| tail.next().ok().flatten()).flatten().last().map_or(0, |line| line.seq)
    }

    /// In one step, so that it is read whole or not at all.
    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let (path, fresh) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let text = serde_json::to_vec(value)
            .map_err(|error| Error::machine(format!("a command cannot be written as JSON: {error}")))?;
        let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &path));
        written.map_err(|error| cannot("write", &path, &error))
    }
}

/// A name that no file can have, or a file in the place of a folder, is the fault of whoever sent it.
fn unwritable(name: &str, path: &Path, error: &std::io::Error) -> Error {
    use ErrorKind::{AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    match error.kind() {
        AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory => {
            Error::usage(format!("{name:?} cannot be written beside the other files that were sent: {error}"))
        }
        _ => cannot("write", path, error),
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot {what} {}: {error}", path.display()))
        .help("the daemon's data folder must be writable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_ended_first_are_forgotten_and_what_lasts_is_counted_apart() {
        let place = tempfile::tempdir().unwrap();
        let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(3600 * hours);
        let create = |id: &str, verb: &str, ended: Option<SystemTime>| {
            let told = Told::new(id.to_owned(), verb.to_owned(), Vec::new(), None);
            let (_, mut output) = ErrandFolder::create(place.path(), &told, &Errand::default()).unwrap();
            if let Some(ended) = ended {
                output.write_all(Piece::Exit { code: 0, is_cut: false }.line(1).as_bytes()).unwrap();
                output.set_modified(ended).unwrap();
            }
        };
        // The names say when they began.
        create("1", "soak", Some(hours_ago(2)));
        create("2", "status", Some(hours_ago(9)));
        create("3", "run", Some(hours_ago(8)));
        create("4", "status", Some(hours_ago(3)));
        create("5", "status", None);
        create("6", "status", Some(hours_ago(4)));
        create("7", "status", Some(hours_ago(0)));
        create("8", "status", Some(SystemTime::now() + Duration::from_secs(5 * 3600)));
        let left = |kept: usize| {
            ErrandFolder::keep_the_latest(place.path(), kept, |told| told.verb != "status");
            let mut ids: Vec<String> = ErrandFolder::all(place.path()).into_iter().map(|folder| folder.id).collect();
            ids.sort();
            ids.concat()
        };
        assert_eq!(left(4), "1345678");
        assert_eq!(left(3), "134578");
        assert_eq!(left(1), "1578");
        assert_eq!(left(0), "5");
    }

    #[test]
    fn the_folder_of_another_one_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let told = Told::new("one".to_owned(), "run".to_owned(), Vec::new(), None);
        let (theirs, _output) = ErrandFolder::create(place.path(), &told, &Errand::default()).unwrap();
        assert!(ErrandFolder::create(place.path(), &told, &Errand::default()).is_err());
        assert!(theirs.errand().is_file());
    }

    #[test]
    fn the_end_of_a_command_is_told_by_the_daemon_that_attends_to_it_or_by_one_after_it() {
        let place = tempfile::tempdir().unwrap();
        let create = |id: &str| {
            let told = Told::new(id.to_owned(), "run".to_owned(), Vec::new(), None);
            ErrandFolder::create(place.path(), &told, &Errand::default()).unwrap()
        };
        let (ours, mut attended) = create("one");
        let concluding = {
            let theirs = ErrandFolder::find(place.path(), "one").unwrap();
            std::thread::spawn(move || theirs.conclude_for_the_dead())
        };
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(ours.exit_code(), None);
        attended.write_all(Piece::Exit { code: 0, is_cut: false }.line(1).as_bytes()).unwrap();
        drop(attended);
        concluding.join().unwrap();
        assert_eq!(ours.exit_code(), Some((0, false)));
        let (left, attended) = create("two");
        drop(attended);
        left.conclude_for_the_dead();
        assert_eq!(left.exit_code(), Some((130, true)));
    }
}
