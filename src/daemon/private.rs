//! Files of secrets: read only where nobody but their owner could have read them, and made so from their first moment.

use crate::{Error, Result, entropy};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The text of a file that nobody but its owner may read, or its first `limit` bytes. `what` is what errors call it, as
/// in `the token's file`.
pub(super) fn read(what: &str, path: &Path, limit: usize) -> Result<String> {
    let unreadable = |error| cannot("read", what, path, &error);
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & 0o077 != 0 {
        let message = format!("others can read {what} {}: its mode is {:04o}", path.display(), mode & 0o7777);
        return Err(Error::usage(message).help(format!("`chmod 600 {}`", path.display())));
    }
    let mut text = String::new();
    file.take(limit as u64).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Makes a file of this mode where there is none. Whoever sees it sees all of it; of several who make it at once, the
/// first one's stays.
pub(super) fn keep(what: &str, path: &Path, mode: u32, text: &str) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", entropy::fresh_seed()?)); // nobody else's, whatever process of whatever container he is
    let draft = Path::new(&draft);
    let kept = write(draft, mode, text).and_then(|()| std::fs::hard_link(draft, path));
    let _drafted = std::fs::remove_file(draft);
    match kept {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(cannot("make", what, path, &error)),
        _ => Ok(()),
    }
}

fn write(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn cannot(act: &str, what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::usage(format!("cannot {act} {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_who_make_it_at_once_the_first_ones_stays_whole() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x");
            let made = &|maker: u32| {
                keep("x", &path, 0o600, &maker.to_string().repeat(100_000)).unwrap();
                read("x", &path, 1 << 20).unwrap()
            };
            let seen: Vec<String> = std::thread::scope(|scope| {
                let makers: Vec<_> = (0..8).map(|maker| scope.spawn(move || made(maker))).collect();
                makers.into_iter().map(|maker| maker.join().unwrap()).collect()
            });
            assert!(seen.iter().all(|text| text.len() == 100_000 && *text == seen[0]));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_is_there_stays_and_no_draft_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.key");
        keep("the key", &path, 0o600, "first").unwrap();
        keep("the key", &path, 0o600, "second").unwrap();
        assert_eq!(read("the key", &path, 100).unwrap(), "first");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(keep("the key", &folder.path().join("no/folder"), 0o600, "x").is_err());
    }
}
