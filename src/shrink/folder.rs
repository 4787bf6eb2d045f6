//! Where trials keep their files as long as they last: a folder that one shrinking has to itself.

use crate::journal::remove_folder;
use crate::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The folder, which goes with this.
pub struct TrialFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Held as long as trials may be under way.
    _lock: File,
}

impl TrialFolder {
    /// Makes it empty: one that was killed may have left something there.
    ///
    /// # Errors
    /// Another process shrinks there, or it cannot be written.
    pub fn claim(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))?;
        let lock = File::open(path).map_err(|error| cannot("open", path, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                Error::usage(format!("this run is being shrunk already, in {}", path.display()))
                    .help("wait for its end, or end it with Ctrl-C: it keeps what it has found")
            }
            TryLockError::Error(error) => cannot("lock", path, &error),
        })?;
        for left in std::fs::read_dir(path).map_err(|error| cannot("read", path, &error))?.flatten() {
            remove_folder(&left.path()).map_err(|error| cannot("remove", &left.path(), &error))?;
        }
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }
}

impl Drop for TrialFolder {
    fn drop(&mut self) {
        // What is left is nobody's, and the next one to shrink this run removes it.
        let _ = remove_folder(&self.path);
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot {what} {}: {error}", path.display())).help("the run's folder must be writable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shrinking_at_a_time_and_what_a_killed_one_left_is_gone() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join("shrink");
        std::fs::create_dir_all(path.join("0/logs")).unwrap();
        let first = TrialFolder::claim(&path).unwrap();
        assert!(!path.join("0").exists());
        let second = TrialFolder::claim(&path).err().unwrap();
        assert!(second.message.contains("is being shrunk already") && second.kind.exit_code() == 2, "{second}");
        drop(first);
        assert!(!path.exists());
    }
}
