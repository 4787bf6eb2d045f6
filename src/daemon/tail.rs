//! Reads a journal, or another file of lines, while it is written: whole lines only, from where the last look ended. Only
//! reads its file.

use serde::Deserialize;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
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

    /// The same not long before this event, so that those behind it cost nobody who has them: sequence numbers grow, and
    /// the half of a file in which one lies is seen from the line in its middle.
    pub(super) fn open_before(path: &Path, seq: u64) -> std::io::Result<Option<Self>> {
        let Some(mut tail) = Self::open(path)? else { return Ok(None) };
        let (mut low, mut high) = (0, tail.file.metadata()?.len());
        while high - low > PIECE as u64 {
            let middle = low + (high - low) / 2;
            match tail.line_behind(middle, high)? {
                Some((start, line)) if line.seq < seq => low = start,
                _ => high = middle,
            }
        }
        tail.file.seek(SeekFrom::Start(low))?;
        Ok(Some(tail))
    }

    /// An event whose line begins behind the one place and before the other, and where; mostly the first one.
    fn line_behind(&self, place: u64, end: u64) -> std::io::Result<Option<(u64, Line)>> {
        let mut piece = vec![0; PIECE];
        // A piece may lie within one long line, or hold none but that are cut.
        for place in (place..end).step_by(PIECE) {
            let count = self.file.read_at(&mut piece, place)?;
            let mut lines = piece[..count].split_inclusive(|byte| *byte == b'\n');
            let start = place + lines.next().map_or(0, |before| before.len() as u64);
            let whole = lines.next().and_then(|line| line.strip_suffix(b"\n"));
            if let Some(line) = whole.and_then(line) {
                return Ok((start < end).then_some((start, line)));
            }
        }
        Ok(None)
    }

    /// The next events; none where all there are have been read.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Vec<Line>>> {
        let whole = self.next_piece()?;
        Ok(whole.map(|whole| whole.split(|byte| *byte == b'\n').filter_map(line).collect()))
    }

    /// The next lines with their ends, whatever they are; none where all there are have been read.
    pub(super) fn next_piece(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let before = self.rest.len();
        self.rest.reserve(PIECE);
        if (&self.file).take(PIECE as u64).read_to_end(&mut self.rest)? == 0 {
            return Ok(None);
        }
        let Some(end) = self.rest[before..].iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Some(Vec::new()));
        };
        let rest = self.rest.split_off(before + end + 1);
        Ok(Some(std::mem::replace(&mut self.rest, rest)))
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

    #[test]
    fn who_wants_late_events_need_not_read_the_early_ones() {
        use std::fmt::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut text = "{\"format\":1}\n".to_owned();
        for seq in 1..=20_000_u64 {
            // Some are long, and some are no events.
            let long = "x".repeat(if seq % 997 == 0 { 2 * PIECE } else { seq as usize % 90 });
            writeln!(text, "{{\"seq\":{seq},\"kind\":\"note\",\"text\":\"{long}\"}}").unwrap();
            text += if seq % 501 == 0 { "torn\n" } else { "" };
        }
        std::fs::write(&path, &text).unwrap();
        for seq in [0, 1, 2, 500, 996, 997, 998, 9_999, 19_999, 20_000, 20_001, u64::MAX] {
            let mut tail = Tail::open_before(&path, seq).unwrap().unwrap();
            let begins = tail.file.stream_position().unwrap();
            let all = std::iter::from_fn(|| tail.next().unwrap()).flatten().map(|line| line.seq);
            let seen: Vec<u64> = all.filter(|one| *one >= seq).collect();
            assert_eq!(seen, (seq.max(1)..=20_000).collect::<Vec<_>>(), "from {seq}");
            let wanted = text.find(&format!("{{\"seq\":{},", seq.min(20_000))).unwrap_or(0) as u64;
            assert!(wanted - begins < 6 * PIECE as u64, "from {seq}: {wanted} lies far behind {begins}");
        }
    }
}
