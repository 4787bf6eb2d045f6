//! Text files that a person names: scripts, modules, cluster files. Whatever the name leads to, reading it ends, and
//! takes no more memory than a text may be large: `/dev/zero`, or an image in place of a script, is an error.
//!
//! Reads files, and nothing else.

use crate::{Error, Result, errand};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// So many bytes a text may have.
const MAX: u64 = 16 << 20;

/// The text of a file; `what` is what it should be, as in "the script".
///
/// # Errors
/// A file that is not there, cannot be read, is larger than 16 MiB or is no UTF-8.
pub fn read(what: &str, path: &Path) -> Result<String> {
    bounded(path).map_err(|error| unreadable(what, path, &error))
}

/// The same; `None` where there is no such file.
///
/// # Errors
/// A file that is there and cannot be read, is larger than 16 MiB or is no UTF-8.
pub fn read_if_there(what: &str, path: &Path) -> Result<Option<String>> {
    match bounded(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some).map_err(|error| unreadable(what, path, &error)),
    }
}

fn bounded(path: &Path) -> io::Result<String> {
    errand::may_touch(path)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it has more than 16 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

fn unreadable(what: &str, path: &Path, error: &io::Error) -> Error {
    let told = Error::usage(format!("cannot read {what} {}: {error}", path.display()));
    if error.kind() == ErrorKind::FileTooLarge {
        return told.help(format!("{what} is a text of 16 MiB at most: was another file meant?"));
    }
    told
}

/// Whether a path names a place below whatever folder it is joined to, so that it means the same on another machine.
pub fn is_plain(path: &Path) -> bool {
    let mut parts = path.components();
    path.as_os_str().len() <= 1024
        && !path.as_os_str().is_empty()
        && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The same path without `.` and `..`, as it is written: no link is followed.
pub fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read("the script", file.path()).map_err(|error| error.to_string().replace(&*file.path().to_string_lossy(), "F"))
    }

    #[test]
    fn a_text_of_16_mib_is_read_and_no_byte_more() {
        let most = "ä".repeat(8 << 20);
        assert_eq!(of(most.as_bytes()).unwrap().len(), 16 << 20);
        // The end of what is read lies within a letter, and yet it is the size that is wrong.
        insta::assert_snapshot!(of((most + "ä").as_bytes()).unwrap_err(), @"cannot read the script F: it has more than 16 MiB (the script is a text of 16 MiB at most: was another file meant?)");
    }

    #[test]
    fn what_never_ends_is_too_large() {
        for endless in ["/dev/zero", "/dev/full"] {
            assert!(read("the script", Path::new(endless)).unwrap_err().message.ends_with("it has more than 16 MiB"));
        }
    }

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_read() {
        assert_eq!(read_if_there("the module", Path::new("/none.rhai")), Ok(None));
        assert!(read_if_there("the module", Path::new("/dev/zero")).is_err());
        assert!(read_if_there("the module", Path::new("/")).is_err());
        insta::assert_snapshot!(of(&[0xff, 0xfe]).unwrap_err(), @"cannot read the script F: stream did not contain valid UTF-8");
    }

    #[test]
    fn a_plain_path_leads_down() {
        for plain in ["a", "a/b.rhai", "./a", "a/./b"] {
            assert!(is_plain(Path::new(plain)), "{plain}");
        }
        for other in ["", "/", "/a", "..", "a/../b", "../a", "./.."] {
            assert!(!is_plain(Path::new(other)), "{other}");
        }
    }
}
