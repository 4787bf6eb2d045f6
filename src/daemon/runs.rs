//! The runs of the data folder, whoever started them, as their folders tell. Only reads.

use super::files::latest_first;
use crate::cluster::check_name;
use crate::journal::{STAMP, is_locked};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// A journal's head holds the whole cluster; a larger one is no head, bytes.
const HEAD_MAX: u64 = 16 << 20;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Run {
    /// The name of its folder.
    pub(super) id: String,
    /// `running`; `ended`; `interrupted` where it was cut off before it had a result, or its daemon ended before it.
    pub(super) state: RunState,
    /// Of every choice.
    pub(super) seed: Option<u64>,
    /// The script as it was named.
    pub(super) script: Option<String>,
    /// `docker`, `netns`, `sim`.
    pub(super) runtime: Option<String>,
    /// RFC 3339; before its end to the second, and only where its folder is called after it.
    pub(super) started: Option<String>,
    /// With which it ended, where the daemon ran it.
    pub(super) exit_code: Option<u8>,
    /// `pass`, `fail`, `unknown`, `error`.
    pub(super) verdict: Option<String>,
    /// Its `result.json`; left out in lists.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    pub(super) result: Value,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RunState {
    Running,
    Ended,
    Interrupted,
}

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) path: PathBuf,
}

impl Found {
    /// The run of this name below `runs`.
    pub(super) fn named(runs: &Path, id: &str) -> Option<Self> {
        // A name that leads nowhere else.
        check_name(id).ok()?;
        let path = runs.join(id);
        let is_run = path.join("journal.jsonl").is_file() || path.join("result.json").is_file();
        is_run.then(|| Self { id: id.to_owned(), path })
    }

    /// All of them, the latest first.
    pub(super) fn all(runs: &Path) -> Vec<Self> {
        latest_first(runs).iter().filter_map(|id| Self::named(runs, id)).collect()
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// Whether nothing more will happen in it.
    pub(super) fn is_over(&self) -> bool {
        self.state() != RunState::Running
    }

    /// A run's journal is locked while it is written, which it is until the result is there.
    fn state(&self) -> RunState {
        let is_written = is_locked(&self.journal());
        match (self.path.join("result.json").is_file(), is_written) {
            (true, _) => RunState::Ended,
            (false, true) => RunState::Running,
            (false, false) => RunState::Interrupted,
        }
    }

    /// What its folder tells.
    pub(super) fn look(&self) -> Run {
        let state = self.state();
        let result = read(&self.path.join("result.json"));
        let head = if result.is_null() { head(&self.journal()) } else { Value::Null };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Run {
            id: self.id.clone(),
            state,
            seed: result["seed"].as_u64().or(head["seed"].as_u64()),
            script: text(&result["script"]).or(text(&head["script"]["path"])),
            runtime: text(&result["runtime"]).or(text(&head["runtime"])),
            started: text(&result["started"]).or_else(|| begun(&self.id)),
            exit_code: None,
            verdict: text(&result["verdict"]),
            result,
        }
    }
}

/// When a run was begun whose folder was called after the time and the seed: `20261126T204501Z-7`.
fn begun(id: &str) -> Option<String> {
    let (time, _) = id.split_once('-')?;
    let time = jiff::civil::DateTime::strptime(STAMP, time).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn read(path: &Path) -> Value {
    let text = std::fs::read(path).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn head(journal: &Path) -> Value {
    let mut line = Vec::new();
    let read = File::open(journal).map(|file| BufReader::new(file.take(HEAD_MAX)).read_until(b'\n', &mut line));
    read.ok().and_then(|_| serde_json::from_slice(&line).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_called_after_a_time_tells_when_its_run_began() {
        assert_eq!(begun("20261126T204501Z-7").as_deref(), Some("2026-11-26T20:45:01Z"));
        for other in ["20261126T204501Z", "20261426T204501Z-7", "mine-7", "-7", ""] {
            assert_eq!(begun(other), None, "{other}");
        }
    }
}
