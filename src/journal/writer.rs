//! Writes the journal: JSON Lines, each in one `write` before what it announces is done.
//!
//! No fsync: a crash of blockade, however it dies, loses no line, since the kernel holds what was written.

use crate::engine::{Event, Output};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

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
pub struct JournalWriter {
    file: File,
    path: PathBuf,
    line: Vec<u8>,
    /// Where the next line begins.
    end: u64,
}

impl JournalWriter {
    /// Creates the file and writes its head.
    pub fn create(path: &Path, header: &Header) -> Result<Self> {
        let file = File::options().create_new(true).append(true).open(path).map_err(|error| broken(path, &error))?;
        let mut writer = Self { file, path: path.to_owned(), line: Vec::new(), end: 0 };
        writer.write(header)?;
        Ok(writer)
    }

    fn write(&mut self, value: &impl Serialize) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)
            .map_err(|error| Error::machine(format!("an event cannot be written as JSON: {error}")))?;
        self.line.push(b'\n');
        if let Err(error) = self.file.write_all(&self.line) {
            // Half a line would swallow the next one. If this fails too, a reader passes over a half line at the end.
            let _ = self.file.set_len(self.end);
            return Err(broken(&self.path, &error));
        }
        self.end += self.line.len() as u64;
        Ok(())
    }
}

fn broken(path: &Path, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot write the journal {}: {error}", path.display()))
        .help("nothing is done that is not on record; free some space or choose another folder with --out")
}

impl Output for JournalWriter {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.write(event)
    }
}
