//! Files below a folder that a person may fetch: listed, and opened without leaving it. Only reads.

use crate::{Error, Result, text};
use axum::body::Body;
use futures_util::stream;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// So many files are listed, and one more, which shows that it is not all.
pub(super) const LISTED_MAX: usize = 100_000;
/// So much is read at once, bytes.
const PIECE: usize = 64 << 10;

/// All files below a folder with their bytes, by their names. No link is followed.
pub(super) fn listed(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.is_file()
                && found.len() <= LISTED_MAX
                && let Ok(path) = entry.path().strip_prefix(folder)
            {
                found.push((path.to_path_buf(), meta.len()));
            }
        }
    }
    found.sort();
    found
}

/// The names of what lies in a folder, the latest first where they begin with a time.
pub(super) fn latest_first(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable_by(|one, other| other.cmp(one));
    names
}

/// Opens one of them; none where there is no such file there.
pub(super) fn open(folder: &Path, path: &str) -> Result<Option<File>> {
    let named = Path::new(path);
    if !text::is_plain(named) {
        return Err(
            Error::usage(format!("{path:?} is no path of a file here")).help("a path is relative, without `..`")
        );
    }
    let (Ok(folder), Ok(real)) = (folder.canonicalize(), folder.join(named).canonicalize()) else { return Ok(None) };
    if !real.starts_with(folder) || !real.is_file() {
        return Ok(None);
    }
    Ok(File::open(real).ok())
}

/// A file's bytes, piece by piece. Reads are short.
pub(super) fn body(file: File) -> Body {
    Body::from_stream(stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                Some((Ok::<_, std::io::Error>(piece), Some(file)))
            }
            Err(error) => Some((Err(error), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_listed_and_opened_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run");
        std::fs::create_dir_all(folder.join("logs")).unwrap();
        std::fs::write(folder.join("logs/n1.log"), "one").unwrap();
        std::fs::write(folder.join("a"), "").unwrap();
        std::fs::write(place.path().join("secret"), "of the host").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        assert_eq!(listed(&folder), [(PathBuf::from("a"), 0), (PathBuf::from("logs/n1.log"), 3)]);
        let opens = |path: &str| open(&folder, path).map(|file| file.is_some());
        assert_eq!((opens("logs/n1.log"), opens("a"), opens("./a")), (Ok(true), Ok(true), Ok(true)));
        for none in ["logs", "b", "link", "up/secret", "logs/none"] {
            assert_eq!(opens(none), Ok(false), "{none}");
        }
        for wrong in ["../secret", "/etc/passwd", "", "logs/../../secret"] {
            assert!(opens(wrong).is_err(), "{wrong}");
        }
    }
}
