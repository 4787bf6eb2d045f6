//! `result.json`: the outcome of a run, for people's scripts. Keys are an interface (`format: 1`).

use super::signature::signature;
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every claim held.
    Pass,
    /// A claim did not.
    Fail,
    /// It cannot be said.
    Unknown,
    /// The run itself went wrong.
    Error,
}

impl Verdict {
    /// `pass`, `fail`, `unknown` or `error`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Error => "error",
        }
    }

    /// The verdict of a script that ended so.
    #[must_use]
    pub fn of(outcome: &Result<()>) -> Self {
        match outcome.as_ref().map_err(|error| error.kind) {
            Ok(()) => Self::Pass,
            Err(ErrorKind::Failed) => Self::Fail,
            Err(ErrorKind::Unknown) => Self::Unknown,
            Err(_) => Self::Error,
        }
    }
}

/// One claim of the script.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckResult {
    /// `assert`, `fail`, `wait_until`, …
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// What was claimed.
    pub message: String,
    /// More, where there is more.
    pub details: Value,
}

/// Operations by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Acknowledged.
    pub ok: u64,
    /// Definitely not done.
    pub fail: u64,
    /// Nobody knows.
    pub info: u64,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The same for the same kind of failure, whatever the values in it.
    pub signature: String,
    /// What failed.
    pub message: String,
    /// The script or config.
    pub file: Option<String>,
    /// Where in it.
    pub line: Option<usize>,
    /// Where in the line.
    pub column: Option<usize>,
}

impl Failure {
    /// The failure that this error is.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let place = error.diagnostics.first();
        Self {
            signature: signature(error),
            message: error.message.clone(),
            file: place.map(|d| d.file.clone()),
            line: place.map(|d| d.line),
            column: place.map(|d| d.column),
        }
    }
}

/// How the clean-up went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cleanup {
    /// Whether nothing is left.
    pub ok: bool,
    /// What is.
    pub errors: Vec<String>,
}

/// All of `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunResult {
    /// Always [`super::FORMAT`].
    pub format: u32,
    /// In one word.
    pub verdict: Verdict,
    /// Whether no real node was involved.
    pub simulated: bool,
    /// Of the run.
    pub seed: u64,
    /// The script's path.
    pub script: String,
    /// `netns`, `sim`, `docker`.
    pub runtime: String,
    /// RFC 3339.
    pub started: String,
    /// From start to verdict, milliseconds.
    pub duration_ms: u64,
    /// How many faults were injected.
    pub faults: u64,
    /// Operations by outcome.
    pub operations: Operations,
    /// The script's claims that were recorded.
    pub checks: Vec<CheckResult>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// How the clean-up went.
    pub cleanup: Cleanup,
}

impl RunResult {
    /// Writes it whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::machine(format!("the result cannot be written as JSON: {error}")))?;
        let draft = path.with_extension("json.tmp");
        std::fs::write(&draft, text + "\n").and_then(|()| std::fs::rename(&draft, path)).map_err(|error| {
            let _ = std::fs::remove_file(&draft); // half of it helps nobody
            Error::machine(format!("cannot write {}: {error}", path.display()))
        })
    }
}
