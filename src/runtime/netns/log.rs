//! Reads what a node has written, all of it or only its end.

use std::fs::File;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::Path;

/// How much is read at a time from the end, bytes.
const BLOCK: u64 = 64 << 10;

/// The log's text, broken bytes replaced, or only its last lines; empty where there is no log yet.
pub(super) fn read(path: &Path, last: Option<usize>) -> Result<String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let Some(last) = last else {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    };
    let end = tail(&mut file, last)?;
    Ok(String::from_utf8_lossy(last_lines(&end, last)).into_owned())
}

/// The end of a file with at least so many lines, or all of it. A log may be much larger than what is asked for.
fn tail(file: &mut File, lines: usize) -> Result<Vec<u8>> {
    let mut start = file.seek(SeekFrom::End(0))?;
    let mut end = Vec::new();
    while start > 0 && end.split(|byte| *byte == b'\n').nth(lines.saturating_add(1)).is_none() {
        let length = start.min(BLOCK.max(end.len() as u64));
        start -= length;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        file.by_ref().take(length).read_to_end(&mut block)?;
        block.append(&mut end);
        end = block;
    }
    Ok(end)
}

fn last_lines(text: &[u8], count: usize) -> &[u8] {
    let end = text.strip_suffix(b"\n").unwrap_or(text);
    let breaks = end.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = breaks.take(count).nth(count.saturating_sub(1)).unwrap_or(0);
    if count == 0 { &[] } else { &text[start..] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_log() {
        assert_eq!(last_lines(b"a\nb\nc\n", 2), b"b\nc\n");
        assert_eq!(last_lines(b"a\nb", 1), b"b");
        assert_eq!(last_lines(b"a\n", 5), b"a\n");
        assert_eq!(last_lines(b"a\n", 0), b"");
        assert_eq!(last_lines(b"", 3), b"");
    }

    #[test]
    fn the_end_of_a_long_log_is_the_same_as_that_of_its_whole_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n1.log");
        assert_eq!(read(&path, Some(3)).unwrap(), "");
        let text = (0..40_000).map(|line| format!("line {line}\n")).collect::<Vec<_>>().concat();
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(&path, None).unwrap(), text);
        for last in [0, 1, 3, 10_000, 39_999, 40_000, 50_000] {
            let expected: Vec<&str> = text.split_inclusive('\n').skip(40_000_usize.saturating_sub(last)).collect();
            assert_eq!(read(&path, Some(last)).unwrap(), expected.concat(), "{last}");
        }
    }
}
