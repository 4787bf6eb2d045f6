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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::message::Epoch;

    fn written() -> Durable {
        let epoch = Epoch { number: 4, leader: 3 };
        Durable { promised: epoch, log_epoch: epoch, log: vec!["a".to_owned(), "b".to_owned()] }
    }

    #[test]
    fn what_was_stored_is_there_when_the_node_starts_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(dir.path(), 1).unwrap();
        assert_eq!(*disk.stored(), Durable::default());
        disk.store(&written()).unwrap();
        assert_eq!(*Disk::open(dir.path(), 1).unwrap().stored(), written());
        assert_eq!(*Disk::open(dir.path(), 2).unwrap().stored(), Durable::default());
    }

    #[test]
    fn a_process_killed_while_it_writes_leaves_the_old_state() {
        let dir = tempfile::tempdir().unwrap();
        Disk::open(dir.path(), 1).unwrap().store(&written()).unwrap();
        fs::write(dir.path().join("demo-store-1.json.new"), "{\"promi").unwrap();
        assert_eq!(*Disk::open(dir.path(), 1).unwrap().stored(), written());
    }

    #[test]
    fn a_file_that_is_not_its_own_is_an_error_and_not_an_empty_log() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("demo-store-1.json"), "{").unwrap();
        let error = Disk::open(dir.path(), 1).unwrap_err();
        assert_eq!(error.kind.exit_code(), 3);
        let message = error.to_string().replace(&dir.path().display().to_string(), "DIR");
        insta::assert_snapshot!(message, @"cannot read DIR/demo-store-1.json: EOF while parsing an object at line 1 column 1 (the store stops rather than forget what it promised)");
    }

    #[test]
    fn a_node_that_cannot_store_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(dir.path(), 1).unwrap();
        dir.close().unwrap();
        assert_eq!(disk.store(&written()).unwrap_err().kind.exit_code(), 3);
        assert_eq!(*disk.stored(), Durable::default());
    }
}
