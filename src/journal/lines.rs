//! A file of JSON lines, each written at once, before what it announces is done.
//!
//! No fsync: a crash of blockade, however it dies, loses no line, since the kernel holds what was written.

use crate::{Error, Result, platform};
use serde::Serialize;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Appends to one file.
pub(super) struct Lines {
    /// What errors call it.
    what: &'static str,
    file: File,
    path: PathBuf,
    line: Vec<u8>,
    /// Where the next line begins.
    end: u64,
}

impl Lines {
    /// Creates the file, locked as long as it is written: see [`is_locked`].
    pub(super) fn create(what: &'static str, path: &Path) -> Result<Self> {
        let mut options = File::options();
        options.create_new(true).append(true);
        if FOR_ITS_OWNER.load(Ordering::Relaxed) {
            platform::for_its_owner(&mut options);
        }
        let file = options.open(path).map_err(|error| broken(what, path, &error))?;
        // Whoever looks holds it for a moment. Some file systems have no locks; then nobody can tell.
        let _known = file.lock();
        Ok(Self { what, file, path: path.to_owned(), line: Vec::new(), end: 0 })
    }

    /// Appends a line.
    pub(super) fn write(&mut self, value: &impl Serialize) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)
            .map_err(|error| Error::machine(format!("an event cannot be written as JSON: {error}")))?;
        self.line.push(b'\n');
        if let Err(error) = self.file.write_all(&self.line) {
            // Half a line would swallow the next one. If this fails too, a reader passes over a half line at the end.
            let _ = self.file.set_len(self.end);
            return Err(broken(self.what, &self.path, &error));
        }
        self.end += self.line.len() as u64;
        Ok(())
    }
}

/// Whether the files are for nobody but this process's user.
static FOR_ITS_OWNER: AtomicBool = AtomicBool::new(false);

/// From now on what this process writes here is for nobody but its user, whatever the umask: it works for others, whose
/// secrets are in their cluster's environment, or for a cluster that stays up.
pub fn for_its_owner() {
    FOR_ITS_OWNER.store(true, Ordering::Relaxed);
}

/// Whether somebody holds the lock on the file at this path: writes a journal, runs a soak, is an errand. Takes it for a
/// moment itself.
pub fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn broken(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot write {what} {}: {error}", path.display()))
        .help("nothing is done that is not on record; free some space or choose another folder with --out")
}
