//! Writes the journal: JSON Lines, the head first.

use super::lines::Lines;
use crate::Result;
use crate::engine::{Event, Output};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// The journal's first line.
#[derive(Clone, Debug, Serialize)]
pub struct Header {
    /// Always [`super::FORMAT`].
    pub format: u32,
    /// Of blockade.
    pub blockade: String,
    /// Of the run.
    pub seed: u64,
    /// `{path, sha256}`.
    pub script: Value,
    /// The resolved cluster.
    pub cluster: Value,
    /// `netns`, `sim`, `docker`.
    pub runtime: String,
    /// Of the machine, where it matters.
    pub kernel: Option<String>,
    /// `--set` and the rest.
    pub options: Value,
}

/// Appends to one journal.
pub struct JournalWriter(Lines);

impl JournalWriter {
    /// Creates the file and writes its head.
    pub fn create(path: &Path, header: &Header) -> Result<Self> {
        let mut lines = Lines::create("the journal", path)?;
        lines.write(header)?;
        Ok(Self(lines))
    }
}

impl Output for JournalWriter {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.0.write(event)
    }
}
