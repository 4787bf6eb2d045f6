//! What is counted for `/metrics`: journals of clusters as they grow, and the verdicts of runs. Only reads their files.

use super::clusters::Daemon;
use super::histogram::Histogram;
use super::tail::{Line, Tail};
use crate::engine::{Event, EventBody};
use crate::journal::Verdict;
use crate::supervisor::Standing;
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What was counted so far.
#[derive(Default)]
pub(super) struct Counts {
    /// Of each cluster that is up.
    journals: Mutex<BTreeMap<String, Read>>,
    /// Of each run that has ended.
    runs: Mutex<BTreeMap<OsString, Verdict>>,
}

/// What all of it comes to.
pub(super) struct Counted {
    /// By cluster.
    pub(super) journals: Vec<(String, Tally)>,
    /// How many runs ended so; every verdict is there.
    pub(super) runs: Vec<(Verdict, u64)>,
}

struct Read {
    tail: Tail,
    tally: Tally,
}

/// What a journal tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) events: BTreeMap<String, u64>,
    pub(super) restarts: BTreeMap<String, u64>,
    pub(super) exits: BTreeMap<(String, bool), u64>,
    pub(super) inject: Histogram,
    pub(super) heal: Histogram,
}

impl Counts {
    /// Reads what is new, and gives what all of it comes to. What is gone is forgotten.
    pub(super) fn count(&self, daemon: &Daemon) -> Result<Counted> {
        Ok(Counted { journals: self.journals(daemon)?, runs: self.runs(&daemon.data_dir().join("runs")) })
    }

    fn journals(&self, daemon: &Daemon) -> Result<Vec<(String, Tally)>> {
        let mut counted = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *counted);
        for (folder, standing) in daemon.all()? {
            if standing == Standing::Up
                && let Some(entry) = grown(before.remove(folder.name()), &folder.journal())?
            {
                counted.insert(folder.name().to_owned(), entry);
            }
        }
        Ok(counted.iter().map(|(name, entry)| (name.clone(), entry.tally.clone())).collect())
    }

    /// A run's result is there once, and whole, when the run has ended: none is read twice.
    fn runs(&self, folder: &Path) -> Vec<(Verdict, u64)> {
        let mut known = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        // A folder that is not there holds none.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if let Some(verdict) = before.remove(&name).or_else(|| verdict(&entry.path().join("result.json"))) {
                known.insert(name, verdict);
            }
        }
        let ended = |one| known.values().filter(|verdict| **verdict == one).count() as u64;
        [Verdict::Pass, Verdict::Fail, Verdict::Unknown, Verdict::Error].map(|one| (one, ended(one))).into()
    }
}

/// The verdict of a run that has ended.
fn verdict(path: &Path) -> Option<Verdict> {
    #[derive(Deserialize)]
    struct Ended {
        verdict: Verdict,
    }
    serde_json::from_slice::<Ended>(&std::fs::read(path).ok()?).ok().map(|ended| ended.verdict)
}

/// The same journal read further, or another one from its beginning.
fn grown(before: Option<Read>, path: &Path) -> Result<Option<Read>> {
    let cannot = |error| Error::machine(format!("cannot read the journal {}: {error}", path.display()));
    let Some(fresh) = Tail::open(path).map_err(cannot)? else { return Ok(None) };
    let identity = fresh.identity().map_err(cannot)?;
    let is_same = |entry: &Read| entry.tail.identity().is_ok_and(|same| same == identity);
    let mut entry = before.filter(is_same).unwrap_or_else(|| Read { tail: fresh, tally: Tally::default() });
    while let Some(lines) = entry.tail.next().map_err(cannot)? {
        for line in &lines {
            entry.tally.add(line);
        }
    }
    Ok(Some(entry))
}

impl Tally {
    pub(super) fn add(&mut self, line: &Line) {
        *self.events.entry(line.kind.clone()).or_default() += 1;
        // A kind of a later version is only counted.
        let Ok(Event { body, .. }) = serde_json::from_str(&line.text) else { return };
        match body {
            EventBody::NodeRestart { node } => *self.restarts.entry(node).or_default() += 1,
            EventBody::NodeExit { node, expected, .. } => *self.exits.entry((node, expected)).or_default() += 1,
            EventBody::FaultActive { took_us, .. } => self.inject.add(took_us),
            EventBody::FaultHealed { took_us, .. } => self.heal.add(took_us),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_how_they_ended_and_each_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, result: &str| {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("result.json"), result).unwrap();
        };
        let counts = Counts::default();
        let told = || counts.runs(folder.path()).iter().map(|(_, count)| *count).collect::<Vec<_>>();
        assert_eq!(counts.runs(&folder.path().join("nowhere")).len(), 4);
        std::fs::create_dir(folder.path().join("running")).unwrap();
        run("a", r#"{"format":1,"verdict":"pass","seed":1}"#);
        run("b", r#"{"verdict":"fail"}"#);
        run("odd", r#"{"verdict":"moon"}"#);
        assert_eq!(told(), [1, 1, 0, 0]);
        run("a", "no longer read");
        run("running", r#"{"verdict":"error"}"#);
        std::fs::remove_dir_all(folder.path().join("b")).unwrap();
        assert_eq!(told(), [1, 0, 0, 1]);
    }
}
