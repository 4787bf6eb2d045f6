//! The folder of one run: `.blockade/runs/<UTC time>-<seed>/`.

use crate::{Error, Result, platform};
use std::path::{Path, PathBuf};

/// Where a run keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    /// The folder itself, absolute.
    pub path: PathBuf,
}

impl RunFolder {
    /// Creates the folder that `--out` names, or a fresh one below `runs`.
    pub fn create(out: Option<&Path>, runs: &Path, seed: u64) -> Result<Self> {
        let path = out.map_or_else(|| fresh(runs, seed), Path::to_path_buf);
        std::fs::create_dir_all(&path).map_err(|error| cannot("create", &path, &error))?;
        let path = path.canonicalize().map_err(|error| cannot("find", &path, &error))?;
        if path.join("journal.jsonl").exists() {
            return Err(Error::usage(format!("{} holds a run already", path.display()))
                .help("name another folder with --out, or remove this one"));
        }
        Ok(Self { path })
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

fn fresh(runs: &Path, seed: u64) -> PathBuf {
    let name = format!("{}-{seed}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
    let first = runs.join(&name);
    if !first.exists() {
        return first;
    }
    // Two runs of one seed within a second.
    (2..=u32::MAX).map(|n| runs.join(format!("{name}-{n}"))).find(|path| !path.exists()).unwrap_or(first)
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
