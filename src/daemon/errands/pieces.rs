//! What an errand's process says, as lines of JSON: pieces of its two streams in the order in which they came, and at
//! last its exit code. Only [`exit_code`] touches a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Out(Vec<u8>),
    Err(Vec<u8>),
    /// Its end; cut where the daemon's came before.
    Exit {
        code: u8,
        is_cut: bool,
    },
}

/// The keys are an interface.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// Where the bytes are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupted: Option<bool>,
}

impl Piece {
    /// With its end.
    pub(super) fn line(&self, seq: u64) -> String {
        let empty = Line { seq, kind: "", text: None, base64: None, code: None, interrupted: None };
        let line = match self {
            Self::Out(bytes) => said(Line { kind: "out", ..empty }, bytes),
            Self::Err(bytes) => said(Line { kind: "err", ..empty }, bytes),
            Self::Exit { code, is_cut } => {
                Line { kind: "exit", code: Some(*code), interrupted: is_cut.then_some(true), ..empty }
            }
        };
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn said<'a>(line: Line<'a>, bytes: &'a [u8]) -> Line<'a> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Line { text: Some(text), ..line },
        Err(_) => Line { base64: Some(STANDARD.encode(bytes)), ..line },
    }
}

/// How many of these bytes can be said now: a letter whose end has not come yet waits for it.
pub(super) fn sayable(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// What the last line of a file of them says, if it is the last one: the code, and whether it was cut.
pub(super) fn exit_code(path: &Path) -> Option<(u8, bool)> {
    const LINE_MAX: u64 = 256;
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_MAX))).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    let line = end.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()?;
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    let code = line["code"].as_u64().filter(|_| line["kind"] == "exit")?;
    Some((u8::try_from(code).unwrap_or(u8::MAX), line["interrupted"] == true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_where_they_are_and_are_lost_nowhere() {
        let lines = [
            Piece::Out(b"one\n".to_vec()).line(1),
            Piece::Err(vec![b'a', 0xff]).line(2),
            Piece::Exit { code: 3, is_cut: false }.line(3),
            Piece::Exit { code: 130, is_cut: true }.line(4),
        ];
        insta::assert_snapshot!(lines.concat(), @r#"
        {"seq":1,"kind":"out","text":"one\n"}
        {"seq":2,"kind":"err","base64":"Yf8="}
        {"seq":3,"kind":"exit","code":3}
        {"seq":4,"kind":"exit","code":130,"interrupted":true}
        "#);
    }

    #[test]
    fn a_letter_is_said_in_one_piece() {
        let text = "aä€𝄞".as_bytes();
        let whole: Vec<usize> = (0..=text.len()).map(|end| sayable(&text[..end])).collect();
        assert_eq!(whole, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
        assert_eq!(sayable(&[0xff, b'a', 0xe2]), 3); // no text anyway
    }

    #[test]
    fn the_exit_code_is_in_the_last_line_and_nowhere_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |text: String| {
            std::fs::write(file.path(), text).unwrap();
            exit_code(file.path())
        };
        let exit = Piece::Exit { code: 4, is_cut: false }.line(2);
        assert_eq!(of(Piece::Out(vec![b'x'; 1000]).line(1) + exit.as_str()), Some((4, false)));
        assert_eq!(of(exit.clone() + Piece::Out(b"x".to_vec()).line(3).as_str()), None);
        assert_eq!(of(Piece::Out(exit.clone().into_bytes()).line(1)), None);
        assert_eq!((of(exit.trim_end().to_owned()), of(String::new())), (None, None));
        assert_eq!(of(Piece::Exit { code: 130, is_cut: true }.line(9)), Some((130, true)));
    }
}
