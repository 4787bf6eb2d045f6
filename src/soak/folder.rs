//! A soak's folder: `soak.json` (what it is a soak of), `runs.jsonl` (a line for each run that has ended) and the
//! folder of each run, named by its seed.
//!
//! A seed counts as run once its line is written; what an earlier sitting left of any other is removed before that is
//! run anew.

use super::record::Record;
use super::seeds::Seeds;
use super::summary::Summary;
use crate::journal::{RunFolder, is_locked, remove_folder};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STATE: &str = "soak.json";
const RUNS: &str = "runs.jsonl";
const RESULT: &str = "result.json";

/// What makes two sittings parts of one soak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Always [`crate::journal::FORMAT`].
    pub format: u32,
    /// The script as it was named.
    pub script: String,
    /// The fingerprint of its text.
    pub script_sha256: String,
    /// The fingerprint of the cluster file's text.
    pub cluster_sha256: String,
    /// Where the nodes live.
    pub runtime: String,
    /// `--set NAME=VALUE`.
    pub set: BTreeMap<String, String>,
    /// The first seed.
    pub seed_start: u64,
}

impl State {
    /// That of the soak in a folder, if there is one.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(STATE);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.is_empty() => Ok(None),
            Ok(text) => Self::parse(&path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot("read", &path, &error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::usage(format!("{} does not say what this is a soak of: {error}", path.display()))
                .help("remove the folder, or name another with --out")
        })
    }

    /// What differs, in words.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            ("the format of its files", self.format == other.format),
            ("the script", self.script_sha256 == other.script_sha256),
            ("the cluster file", self.cluster_sha256 == other.cluster_sha256),
            ("--runtime", self.runtime == other.runtime),
            ("--set", self.set == other.set),
            ("--seed-start", self.seed_start == other.seed_start),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
    }
}

/// A soak's folder, which nobody else uses meanwhile.
#[derive(Debug)]
pub struct SoakFolder {
    /// Absolute.
    pub path: PathBuf,
    /// Locked as long as it is open.
    _state: File,
    runs: File,
}

impl SoakFolder {
    /// Opens the folder that `--out` names, or a fresh one below `soaks`. One that holds another soak is an error.
    pub fn open(out: Option<&Path>, soaks: &Path, state: &State) -> Result<Self> {
        let RunFolder { path } = RunFolder::create(out, soaks, state.seed_start)?;
        let locked = claim(&path, state)?;
        let runs = path.join(RUNS);
        let file = OpenOptions::new().read(true).append(true).create(true).open(&runs);
        let runs = file.map_err(|error| cannot("open", &runs, &error))?;
        Ok(Self { path, _state: locked, runs })
    }

    /// Goes on where an earlier sitting ended: with its sums, and the seeds that it left.
    pub(super) fn resume(self, mut seeds: Seeds) -> Result<(Self, Summary, Seeds)> {
        let path = self.path.join(RUNS);
        let (mut reader, mut line) = (BufReader::new(&self.runs), Vec::new());
        let (mut summary, mut whole) = (Summary::default(), 0);
        while reader.read_until(b'\n', &mut line).map_err(|error| cannot("read", &path, &error))? > 0 {
            if line.last() != Some(&b'\n') {
                break; // the sitting ended while it was being written
            }
            whole += line.len() as u64;
            let record: Record = serde_json::from_slice(&line).map_err(|error| {
                Error::usage(format!("{} holds what is no run: {error}", path.display()))
                    .help("remove the folder, or name another with --out")
            })?;
            seeds.done(record.seed);
            // The folder may have been moved since.
            summary.add(&Record { run: self.run_path(record.seed).display().to_string(), ..record });
            line.clear();
        }
        self.runs.set_len(whole).map_err(|error| cannot("write", &path, &error))?;
        Ok((self, summary, seeds))
    }

    /// Whether the soak in a folder is under way, and what came of its runs so far. Only reads.
    pub fn look(path: &Path) -> (bool, Summary) {
        let runs = std::fs::read(path.join(RUNS)).unwrap_or_default();
        let mut summary = Summary::default();
        for line in runs.split(|byte| *byte == b'\n') {
            // What is being written is no line yet.
            let Ok(record) = serde_json::from_slice::<Record>(line) else { continue };
            summary.add(&record);
        }
        (is_locked(&path.join(STATE)), summary)
    }

    fn run_path(&self, seed: u64) -> PathBuf {
        self.path.join(seed.to_string())
    }

    /// An empty folder for a run.
    pub(super) fn run(&self, seed: u64) -> Result<RunFolder> {
        self.forget(seed)?;
        RunFolder::create(Some(&self.run_path(seed)), &self.path, seed)
    }

    /// Removes all of a run.
    pub(super) fn forget(&self, seed: u64) -> Result<()> {
        let path = self.run_path(seed);
        if path.exists() { remove_folder(&path).map_err(|error| cannot("remove", &path, &error)) } else { Ok(()) }
    }

    /// Removes all of a run but its result. Goes on after failures; the error is the last.
    pub(super) fn keep_result(&self, seed: u64) -> Result<()> {
        let folder = self.run_path(seed);
        let entries = std::fs::read_dir(&folder).map_err(|error| cannot("read", &folder, &error))?;
        let mut outcome = Ok(());
        for entry in entries.flatten().filter(|entry| entry.file_name() != RESULT) {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let path = entry.path();
            let removed = if is_folder { remove_folder(&path) } else { std::fs::remove_file(&path) };
            outcome = removed.map_err(|error| cannot("remove", &path, &error)).and(outcome);
        }
        outcome
    }

    /// From now on this seed counts as run.
    pub(super) fn record(&self, record: &Record) -> Result<()> {
        let line = serde_json::to_string(record)
            .map_err(|error| Error::machine(format!("a run cannot be written as JSON: {error}")))?;
        // In one write, so that a line is there whole or is the last.
        (&self.runs).write_all((line + "\n").as_bytes()).map_err(|error| cannot("write", &self.path.join(RUNS), &error))
    }
}

/// Locks the folder's state, and writes it where it is new.
fn claim(folder: &Path, state: &State) -> Result<File> {
    let path = folder.join(STATE);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(|error| cannot("open", &path, &error))?;
    patiently_lock(&file).map_err(|error| match error {
        TryLockError::WouldBlock => Error::usage(format!("a soak is under way in {}", folder.display()))
            .help("wait for its end, or name another folder with --out"),
        TryLockError::Error(error) => cannot("lock", &path, &error),
    })?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| cannot("read", &path, &error))?;
    if text.is_empty() {
        let json = serde_json::to_string_pretty(state)
            .map_err(|error| Error::machine(format!("a soak cannot be written as JSON: {error}")))?;
        file.write_all((json + "\n").as_bytes()).map_err(|error| cannot("write", &path, &error))?;
        return Ok(file);
    }
    match State::parse(&path, &text)?.differences(state)[..] {
        [] => Ok(file),
        ref differ => Err(Error::usage(format!(
            "{} holds a soak of its own: it differs in {}",
            folder.display(),
            differ.join(", ")
        ))
        .help("go on with what it was begun with (see its soak.json), or name another folder with --out")),
    }
}

/// Whoever only looks whether it is locked holds it for a moment.
fn patiently_lock(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..10 {
        if file.try_lock().is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    file.try_lock()
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot {what} {}: {error}", path.display()))
        .help("the soak's folder must be writable; choose another with --out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Verdict;

    fn state() -> State {
        State {
            format: crate::journal::FORMAT,
            script: "s.rhai".into(),
            script_sha256: "5".into(),
            cluster_sha256: "c".into(),
            runtime: "sim".into(),
            set: BTreeMap::new(),
            seed_start: 10,
        }
    }

    fn record(seed: u64) -> Record {
        Record { seed, verdict: Verdict::Pass, exit_code: 0, signature: None, duration_ms: 1, run: "moved".into() }
    }

    #[test]
    fn a_line_that_was_cut_short_is_no_run() {
        let place = tempfile::tempdir().unwrap();
        let folder = SoakFolder::open(Some(place.path()), place.path(), &state()).unwrap();
        folder.record(&record(10)).unwrap();
        folder.record(&record(12)).unwrap();
        (&folder.runs).write_all(br#"{"seed":11,"verd"#).unwrap();
        drop(folder);
        let open = || SoakFolder::open(Some(place.path()), place.path(), &state()).unwrap();
        let (folder, summary, mut seeds) = open().resume(Seeds::new(10, Some(4)).unwrap()).unwrap();
        assert_eq!((summary.runs, seeds.next(), seeds.next(), seeds.next()), (2, Some(11), Some(13), None));
        folder.record(&record(11)).unwrap();
        drop(folder);
        assert_eq!(open().resume(Seeds::new(10, Some(4)).unwrap()).unwrap().1.runs, 3);
    }

    #[test]
    fn two_soaks_do_not_share_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let open = |state: &State| SoakFolder::open(Some(place.path()), place.path(), state);
        let first = open(&state()).unwrap();
        assert!(open(&state()).unwrap_err().message.starts_with("a soak is under way in "));
        drop(first);
        let other = State { runtime: "netns".into(), script_sha256: "6".into(), ..state() };
        let error = open(&other).unwrap_err().message;
        assert!(error.ends_with("holds a soak of its own: it differs in the script, --runtime"), "{error}");
        open(&state()).unwrap();
    }
}
