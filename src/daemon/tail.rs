//! Reads a journal while it is written: whole lines only, from where the last look ended. Only reads its file.

use serde::Deserialize;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// So much is read at once, bytes.
const PIECE: usize = 64 << 10;

/// A journal, and how far it was read.
pub(super) struct Tail {
    file: File,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

/// A line of it, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counts from 1.
    pub(super) seq: u64,
    /// As `fault.inject`.
    pub(super) kind: String,
    /// All of it, JSON.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct Head {
    seq: u64,
    kind: String,
}

impl Tail {
    /// Opens it at its beginning; none where there is no journal.
    pub(super) fn open(path: &Path) -> std::io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self { file, rest: Vec::new() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next events; none where all there are have been read.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Vec<Line>>> {
        let mut piece = vec![0; PIECE];
        let count = self.file.read(&mut piece)?;
        if count == 0 {
            return Ok(None);
        }
        self.rest.extend_from_slice(&piece[..count]);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Some(Vec::new())) };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        Ok(Some(whole.split(|byte| *byte == b'\n').filter_map(line).collect()))
    }

    /// Which file it is, to tell it from a later one of the same name.
    pub(super) fn identity(&self) -> std::io::Result<(u64, u64)> {
        self.file.metadata().map(|meta| (meta.dev(), meta.ino()))
    }

    /// Whether the file was removed, so that no more will come.
    pub(super) fn is_removed(&self) -> bool {
        self.file.metadata().map_or(true, |meta| meta.nlink() == 0)
    }
}

/// The journal's first line, and what is no line at all, are no events.
fn line(bytes: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(bytes).ok()?;
    let Head { seq, kind } = serde_json::from_str(text).ok()?;
    Some(Line { seq, kind, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_lines_are_read_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        assert!(Tail::open(&path).unwrap().is_none());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"format\":1}\n{\"seq\":1,\"kind\":\"note\"}\n{\"seq\":2,").unwrap();
        let mut tail = Tail::open(&path).unwrap().unwrap();
        let mut seen = || tail.next().unwrap().map(|lines| lines.iter().map(|line| line.seq).collect::<Vec<_>>());
        assert_eq!((seen(), seen()), (Some(vec![1]), None));
        file.write_all(b"\"kind\":\"x\"}\nno json\n{\"seq\":3,\"kind\":\"y\"}\n").unwrap();
        assert_eq!((seen(), seen()), (Some(vec![2, 3]), None));
        assert!(!tail.is_removed());
        std::fs::remove_file(&path).unwrap();
        assert!(tail.is_removed());
    }

    #[test]
    fn a_line_longer_than_a_piece_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let text = format!("{{\"seq\":1,\"kind\":\"{}\"}}", "k".repeat(3 * PIECE));
        std::fs::write(&path, format!("{text}\n")).unwrap();
        let mut tail = Tail::open(&path).unwrap().unwrap();
        let lines: Vec<Line> = std::iter::from_fn(|| tail.next().unwrap()).flatten().collect();
        assert_eq!(lines.iter().map(|line| line.text.len()).collect::<Vec<_>>(), [text.len()]);
    }
}
