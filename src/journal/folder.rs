//! The folder of one run: `.blockade/runs/<UTC time>-<seed>/`.

use crate::{Error, Result, platform};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The time in a folder's name, UTC.
pub const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// What a folder may be called that should have this name, in their order: so, or with a number from 2 on behind it.
pub fn names_like(first: &str) -> impl Iterator<Item = String> {
    std::iter::once(first.to_owned()).chain((2..=u32::MAX).map(move |number| format!("{first}-{number}")))
}

/// Where a run keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    /// The folder itself, absolute.
    pub path: PathBuf,
}

impl RunFolder {
    /// Creates the folder that `--out` names, or a fresh one below `runs`.
    pub fn create(out: Option<&Path>, runs: &Path, seed: u64) -> Result<Self> {
        let Some(path) = out else { return Self::fresh(runs, seed, |_| false) };
        std::fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))?;
        let path = path.canonicalize().map_err(|error| cannot("find", path, &error))?;
        if path.join("journal.jsonl").exists() {
            return Err(Error::usage(format!("{} holds a run already", path.display()))
                .help("name another folder with --out, or remove this one"));
        }
        Ok(Self { path })
    }

    /// Creates one below `runs`, called after the time and the seed. Nobody else has it, and no name is taken that is
    /// known to mean something.
    pub fn fresh(runs: &Path, seed: u64, is_known: impl Fn(&str) -> bool) -> Result<Self> {
        std::fs::create_dir_all(runs).map_err(|error| cannot("create", runs, &error))?;
        let runs = runs.canonicalize().map_err(|error| cannot("find", runs, &error))?;
        let first = format!("{}-{seed}", jiff::Timestamp::now().strftime(STAMP));
        // Several runs of one seed within a second.
        for name in names_like(&first).filter(|name| !is_known(name)) {
            let path = runs.join(name);
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map_err(|error| cannot("create", &path, &error)).map(|()| Self { path }),
            }
        }
        Err(Error::machine(format!("{} is full", runs.display())))
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        std::fs::write(&path, text).map_err(|error| cannot("write", &path, &error))
    }
}

/// Removes a folder with all that is in it: programs may have made folders of theirs read-only.
///
/// # Errors
/// Something in it is somebody else's.
pub fn remove_folder(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            std::fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

/// All folders from this one down; no link is followed.
fn make_writable(folder: &Path) -> std::io::Result<()> {
    platform::make_writable(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    let error_text = format!("cannot {what} {}: {error}", path.display());
    Error::machine(error_text).help("the run's folder must be writable; choose another with --out")
}
