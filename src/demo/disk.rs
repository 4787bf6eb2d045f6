//! A node's memory across restarts: one JSON file, replaced whole by a rename.
//!
//! A process that is killed at any moment leaves the old file or the new one. Nothing is fsynced: the faults this
//! store is made for end processes, not kernels, and what a kernel was given it keeps.

use super::message::{Durable, Id};
use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where one node's durable state lies, and the state that lies there.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    stored: Durable,
}

impl Disk {
    /// Reads what node `id` stored in `dir`; a node that has no file yet is new.
    pub(super) fn open(dir: &Path, id: Id) -> Result<Self> {
        let path = dir.join(format!("demo-store-{id}.json"));
        let stored = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failure("read", &path, error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Durable::default(),
            Err(error) => return Err(failure("read", &path, error)),
        };
        Ok(Self { path, stored })
    }

    /// What the file holds.
    pub(super) fn stored(&self) -> &Durable {
        &self.stored
    }

    /// Makes the file hold `durable`; on return it does.
    pub(super) fn store(&mut self, durable: &Durable) -> Result<()> {
        if *durable == self.stored {
            return Ok(());
        }
        let text = serde_json::to_vec(durable).map_err(|error| failure("write", &self.path, error))?;
        let beside = self.path.with_extension("json.new");
        fs::write(&beside, text).map_err(|error| failure("write", &beside, error))?;
        fs::rename(&beside, &self.path).map_err(|error| failure("replace", &self.path, error))?;
        self.stored.clone_from(durable);
        Ok(())
    }
}

fn failure(verb: &str, path: &Path, error: impl std::fmt::Display) -> Error {
    Error::machine(format!("cannot {verb} {}: {error}", path.display()))
        .help("the store stops rather than forget what it promised")
}
