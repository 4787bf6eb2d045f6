//! What a session on another machine and the editor in front of its person say to each other: texts of JSON, each between
//! a record separator and a line's end (RFC 7464). What stands between them is plain text. Pure.

use super::words::Words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const SEPARATOR: char = '\u{1e}';
/// So much of a line that has no end yet is kept, bytes.
const LINE_MAX: usize = 32 << 20;

/// From the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frame {
    /// A result, or what happened.
    Line(String),
    /// An error as a person reads it, with its line's end.
    Error(String),
    /// It waits for an entry.
    Ask {
        /// What stands before what is typed.
        prompt: String,
        /// The names that are known now, where they are others than before.
        words: Option<Words>,
    },
}

/// To the session, a line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Typed {
    /// A whole entry.
    Text(String),
    /// A script that lies where the person sits, with what it imports.
    Load {
        /// What it is called.
        path: String,
        /// Texts by what they are called.
        files: BTreeMap<String, String>,
    },
}

impl Frame {
    /// Without its line's end.
    pub(super) fn line(&self) -> String {
        format!("{SEPARATOR}{}", serde_json::to_string(self).unwrap_or_default())
    }
}

/// What comes from a session, in pieces that end anywhere.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A line without its end yet.
    rest: Vec<u8>,
}

impl Reader {
    /// The frames that are whole by what came. Plain text is lines, too.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let before = self.rest.len();
        self.rest.extend_from_slice(bytes);
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| before + at);
        // One without an end is shown in pieces.
        let end = end.or_else(|| (self.rest.len() > LINE_MAX).then(|| self.rest.len() - 1));
        let Some(end) = end else { return Vec::new() };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        String::from_utf8_lossy(&whole).lines().map(frame).collect()
    }
}

fn frame(line: &str) -> Frame {
    let framed = line.strip_prefix(SEPARATOR).and_then(|json| serde_json::from_str(json).ok());
    framed.unwrap_or_else(|| Frame::Line(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_between_plain_lines_wherever_pieces_end() {
        let ask = Frame::Ask { prompt: "> ".into(), words: Some(Words::default()) };
        let frames =
            [Frame::Line("a\nb".into()), Frame::Line("plain ä".into()), Frame::Error("error: x\n".into()), ask];
        let lines = [frames[0].line(), "plain ä".into(), frames[2].line(), frames[3].line()];
        let text = lines.join("\n") + "\nnot whole";
        for size in [1, 7, 1000] {
            let mut reader = Reader::default();
            let found: Vec<Frame> = text.as_bytes().chunks(size).flat_map(|piece| reader.read(piece)).collect();
            assert_eq!(found, frames);
        }
    }

    #[test]
    fn a_line_that_never_ends_is_not_kept_for_ever() {
        let mut reader = Reader::default();
        let piece = vec![b'x'; 1 << 20];
        let shown: Vec<Frame> = (0..40).flat_map(|_| reader.read(&piece)).collect();
        assert!(matches!(&shown[..], [Frame::Line(text)] if text.len() > LINE_MAX), "{}", shown.len());
        assert!(reader.rest.len() < LINE_MAX);
    }
}
