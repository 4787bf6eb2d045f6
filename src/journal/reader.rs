//! Reads a journal back, whoever wrote it. A broken line is an error with its number; a line cut off at the very end
//! is what a crash leaves, and is passed over.

use super::FORMAT;
use crate::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// A journal as it lies on disk. Events stay JSON, so that kinds this version does not know are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// The first line.
    pub header: Value,
    /// The others.
    pub events: Vec<Value>,
    /// Whether the last line was cut off.
    pub truncated: bool,
}

/// Reads the journal at this path, which may be as large as it likes, but must be a file: of others the end may never
/// come.
pub fn read(path: &Path) -> Result<Journal> {
    let cannot =
        |error: &dyn std::fmt::Display| Error::usage(format!("cannot read the journal {}: {error}", path.display()));
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(cannot(&"it is no file"));
    }
    let bytes = std::fs::read(path).map_err(|error| cannot(&error))?;
    parse(whole(&bytes).map_err(|error| cannot(&error))?).map_err(|error| error.context(path.display()))
}

/// The text, without a character at the very end that was cut off in its middle.
fn whole(bytes: &[u8]) -> std::result::Result<&str, std::str::Utf8Error> {
    std::str::from_utf8(bytes).or_else(|error| match error.error_len() {
        None => std::str::from_utf8(&bytes[..error.valid_up_to()]),
        Some(_) => Err(error),
    })
}

fn parse(text: &str) -> Result<Journal> {
    let truncated = !text.is_empty() && !text.ends_with('\n');
    let mut lines = text.lines().enumerate().peekable();
    let mut values = Vec::new();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.is_object() => values.push(value),
            Err(_) if truncated && lines.peek().is_none() => break,
            Ok(_) => return Err(corrupt(index, "not an object")),
            Err(error) => return Err(corrupt(index, &error.to_string())),
        }
    }
    if values.is_empty() {
        return Err(
            Error::usage("the journal is empty").help("the run ended before it began; there is nothing to read")
        );
    }
    let header = values.remove(0);
    match header.get("format").and_then(Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => Ok(Journal { header, events: values, truncated }),
        Some(format) => {
            Err(Error::usage(format!("the journal has format {format}, this version reads format {FORMAT}"))
                .help("use the version of blockade that wrote it, or a newer one"))
        }
        None => Err(Error::usage("line 1 is no journal header: it has no `format`")),
    }
}

fn corrupt(index: usize, why: &str) -> Error {
    Error::usage(format!("line {} is no journal line: {why}", index + 1))
        .help("the lines before it are whole; remove the broken line to read the rest")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "{\"format\":1,\"seed\":7}\n";

    #[test]
    fn kinds_of_later_versions_are_kept() {
        let journal = parse(&format!("{HEAD}{{\"seq\":1,\"kind\":\"moon.phase\",\"x\":1}}\n")).unwrap();
        assert_eq!(journal.events[0]["kind"], "moon.phase");
        assert!(!journal.truncated);
    }

    #[test]
    fn a_line_cut_off_at_the_end_is_what_a_crash_leaves() {
        let journal = parse(&format!("{HEAD}{{\"seq\":1}}\n{{\"seq\":2,\"ki")).unwrap();
        assert_eq!(journal.events.len(), 1);
        assert!(journal.truncated);
    }

    #[test]
    fn a_character_cut_off_at_the_end_is_a_line_cut_off() {
        let text = format!("{HEAD}{{\"seq\":1}}\n{{\"message\":\"n1 →");
        let journal = parse(whole(&text.as_bytes()[..text.len() - 1]).unwrap()).unwrap();
        assert_eq!((journal.events.len(), journal.truncated), (1, true));
        assert!(whole(b"{\"\xff\"}").is_err());
    }

    #[test]
    fn a_corrupted_line_is_named_by_its_number() {
        let error = parse(&format!("{HEAD}{{\"seq\":1}}\n{{\"se\u{fffd}\n{{\"seq\":3}}\n")).unwrap_err();
        assert!(error.message.starts_with("line 3 is no journal line"), "{error}");
        assert_eq!(error.kind.exit_code(), 2);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        insta::assert_snapshot!(read(Path::new("/dev/zero")).unwrap_err(), @"cannot read the journal /dev/zero: it is no file");
        assert!(read(Path::new("/")).is_err());
        insta::assert_snapshot!(read(Path::new("/none")).unwrap_err(), @"cannot read the journal /none: No such file or directory (os error 2)");
    }

    #[test]
    fn a_newer_format_is_refused_with_what_to_do() {
        insta::assert_snapshot!(parse("{\"format\":2}\n").unwrap_err(),
            @"the journal has format 2, this version reads format 1 (use the version of blockade that wrote it, or a newer one)");
        assert!(parse("").is_err() && parse("{}\n").is_err());
    }
}
