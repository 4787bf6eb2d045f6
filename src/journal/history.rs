//! `history.jsonl`: the operations of a run, beside the journal that has them too, for checkers of whatever origin.

use super::lines::Lines;
use crate::Result;
use crate::engine::{Event, Output};
use crate::history::Entry;
use std::path::{Path, PathBuf};

/// Appends the operations to a history, which is there from the first one on.
pub struct HistoryWriter {
    path: PathBuf,
    lines: Option<Lines>,
    count: u64,
}

impl HistoryWriter {
    /// Nothing is written yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), lines: None, count: 0 }
    }
}

impl Output for HistoryWriter {
    fn event(&mut self, event: &Event) -> Result<()> {
        let Some(entry) = Entry::of(self.count, event) else { return Ok(()) };
        let lines = match &mut self.lines {
            Some(lines) => lines,
            none => none.insert(Lines::create("the history", &self.path)?),
        };
        lines.write(&entry)?;
        self.count += 1;
        Ok(())
    }
}
