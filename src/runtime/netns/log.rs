//! Reads what a node has written, all of it or only its end, and what it writes from then on.

use crate::runtime::LogPieces;
use crate::runtime::text::Text;
use crate::{Error, Result as Outcome};
use std::fs::File;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How much is read at a time, bytes.
const BLOCK: u64 = 64 << 10;
/// How often a log that is followed is looked at. Nobody reads faster.
const INTERVAL: Duration = Duration::from_millis(50);
/// So many pieces wait for whoever reads them.
const PIECES: usize = 4;

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
    let (_, end) = tail(&mut file, last)?;
    Ok(String::from_utf8_lossy(last_lines(&end, last)).into_owned())
}

/// Follows a log until its program `is_over`, or nobody reads any more. Must be called within tokio.
pub(super) fn follow(path: PathBuf, last: Option<usize>, is_over: impl Fn() -> bool + Send + 'static) -> LogPieces {
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        if let Err(error) = hand_on(&path, last, is_over, &sender).await {
            let error = Error::machine(format!("cannot read {}: {error}", path.display()));
            let _nobody_reads = sender.send(Err(error)).await;
        }
    });
    pieces
}

async fn hand_on(
    path: &Path,
    last: Option<usize>,
    is_over: impl Fn() -> bool,
    sender: &mpsc::Sender<Outcome<String>>,
) -> Result<()> {
    let (mut file, mut text) = (None, Text::default());
    loop {
        // Before the look: what it wrote until its end is there by then.
        let over = is_over();
        if file.is_none() {
            file = open_at(path, last)?;
        }
        let mut block = Vec::new();
        if let Some(file) = &mut file {
            file.by_ref().take(BLOCK).read_to_end(&mut block)?;
        }
        if block.is_empty() && over {
            break;
        }
        let piece = text.push(&block);
        if !piece.is_empty() && sender.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
        if block.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = sender.closed() => return Ok(()),
            }
        }
    }
    let rest = text.finish();
    if !rest.is_empty() {
        let _nobody_reads = sender.send(Ok(rest)).await;
    }
    Ok(())
}

/// The log from its beginning or from its last lines on; `None` where there is none yet.
fn open_at(path: &Path, last: Option<usize>) -> Result<Option<File>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let start = match last {
        None => 0,
        Some(last) => {
            let (start, end) = tail(&mut file, last)?;
            start + (end.len() - last_lines(&end, last).len()) as u64
        }
    };
    file.seek(SeekFrom::Start(start))?;
    Ok(Some(file))
}

/// The end of a file with at least so many lines, or all of it, and where that end begins. A log may be much larger
/// than what is asked for.
fn tail(file: &mut File, lines: usize) -> Result<(u64, Vec<u8>)> {
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
    Ok((start, end))
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

    #[tokio::test]
    async fn a_log_is_followed_from_its_last_lines_to_the_end_of_its_program() {
        use std::io::Write;
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n1.log");
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let mut unwritten = follow(path.clone(), None, || true);
        assert!(unwritten.recv().await.is_none());
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        let mut pieces = follow(path.clone(), Some(2), move || seen.load(Ordering::SeqCst));
        assert_eq!(pieces.recv().await.unwrap().unwrap(), "two\nthr");
        let mut log = File::options().append(true).open(&path).unwrap();
        log.write_all(b"ee \xe2\x82").unwrap();
        assert_eq!(pieces.recv().await.unwrap().unwrap(), "ee ");
        log.write_all(b"\xac\n\xff").unwrap();
        over.store(true, Ordering::SeqCst);
        let mut rest = String::new();
        while let Some(piece) = pieces.recv().await {
            rest += &piece.unwrap();
        }
        assert_eq!(rest, "€\n\u{fffd}");
    }
}
