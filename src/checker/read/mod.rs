//! Recorded histories from files: our own `history.jsonl`, Jepsen's log lines, and the maps that Porcupine's tests hold.
//!
//! Pure: bytes in, events out. Every line is understood, known to be none of an operation, or an error with its place.

mod edn;
mod jepsen;
mod jsonl;
mod map;

use crate::checker::{Event, History};
use crate::diagnostic::Diagnostic;
use crate::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

/// How a history is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, as a run's `history.jsonl`.
    Jsonl,
    /// Lines of a Jepsen log: `INFO jepsen.util - PROCESS :TYPE :F VALUE`.
    Jepsen,
    /// One EDN map a line: `{:process 0, :type :invoke, :f :get, :key "a", :value nil}`.
    PorcupineKv,
}

impl Format {
    /// Their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("jsonl", Self::Jsonl), ("jepsen", Self::Jepsen), ("porcupine-kv", Self::PorcupineKv)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// What the first line that is not blank looks like.
    fn of(line: &str) -> Option<Self> {
        let is_map = |next: fn(&char) -> bool| {
            line.strip_prefix('{').is_some_and(|rest| rest.trim_start().chars().next().as_ref().is_some_and(next))
        };
        if is_map(|next| matches!(next, '"' | '}')) {
            Some(Self::Jsonl)
        } else if is_map(|next| *next == ':') {
            Some(Self::PorcupineKv)
        } else {
            jepsen::is_log(line).then_some(Self::Jepsen)
        }
    }
}

/// A line that cannot be read: what is wrong, what to do, and where in the line, bytes.
#[derive(Debug, PartialEq)]
struct Wrong {
    message: String,
    help: String,
    at: Range<usize>,
}

impl Wrong {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), at: 0..usize::MAX }
    }

    fn at(mut self, at: Range<usize>) -> Self {
        self.at = at;
        self
    }
}

/// What stands in a file.
#[derive(Debug)]
pub struct Read {
    /// How it was written.
    pub format: Format,
    /// What it says.
    pub history: History,
    /// What is odd about it, and does not keep it from being checked.
    pub warnings: Vec<Diagnostic>,
}

/// A file's text, to point into.
pub struct Source<'a> {
    /// As the user named it.
    path: &'a str,
    bytes: &'a [u8],
}

impl<'a> Source<'a> {
    /// The bytes of a file.
    #[must_use]
    pub fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        Self { path, bytes: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) }
    }

    /// A diagnostic at a line, from 1.
    #[must_use]
    pub fn at_line(&self, line: usize, message: impl Into<String>) -> Diagnostic {
        self.at(line, 0..usize::MAX, message)
    }

    /// The line stands for the whole file, which may be large; the lines before it are left blank.
    fn at(&self, line: usize, within: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let text = self.bytes.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end();
        let before = line.saturating_sub(1);
        let start = before + within.start.min(text.len());
        let end = before + within.end.min(text.len());
        Diagnostic::new(self.path, &("\n".repeat(before) + text), start..end, message)
    }

    /// Reads a history; its format is told by its first line where it is not given.
    ///
    /// # Errors
    /// Names the first line that cannot be understood.
    pub fn read(&self, format: Option<Format>) -> Result<Read> {
        let lines = self.lines();
        let Some((number, first)) = lines.iter().find(|(_, line)| !line.trim().is_empty()) else {
            let history = History::default();
            return Ok(Read { format: format.unwrap_or(Format::Jsonl), history, warnings: Vec::new() });
        };
        let format = format.or_else(|| Format::of(first.trim())).ok_or_else(|| self.no_format(*number))?;
        let mut reader = Reader::new(format);
        let mut warnings = Vec::new();
        for (at, (number, line)) in lines.iter().enumerate() {
            let is_open = at > 0 && at + 1 == lines.len() && !self.bytes.ends_with(b"\n");
            match reader.line(*number, line) {
                Ok(true) if is_open && !line.trim_end().ends_with(['}', ']']) => warnings.push(
                    self.at_line(*number, "the last line has no line break: if it was cut off, its value is another")
                        .warning(),
                ),
                Err(_) | Ok(false) if is_open => warnings.push(
                    self.at_line(*number, "the file is cut off in the middle of its last line; the rest is checked")
                        .warning(),
                ),
                Ok(_) => {}
                Err(wrong) => {
                    let diagnostic = self.at(*number, wrong.at, wrong.message);
                    let diagnostic = if wrong.help.is_empty() { diagnostic } else { diagnostic.help(wrong.help) };
                    return Err(diagnostic.into());
                }
            }
        }
        let history = History { events: reader.events, fail_is_answer: format == Format::Jepsen };
        Ok(Read { format, history, warnings })
    }

    fn no_format(&self, line: usize) -> Error {
        let names = Format::ALL.map(|(name, _)| name).join(", ");
        self.at_line(line, "this line is of no format that is known")
            .help(format!("--format says which it should be: {names}"))
            .into()
    }

    /// The lines, numbered from 1.
    fn lines(&self) -> Vec<(usize, Cow<'a, str>)> {
        let lines = self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes).split(|byte| *byte == b'\n');
        lines.enumerate().map(|(at, line)| (at + 1, String::from_utf8_lossy(line))).collect()
    }
}

/// Takes a file line by line.
struct Reader {
    format: Format,
    events: Vec<Event>,
    order: jsonl::Order,
}

impl Reader {
    fn new(format: Format) -> Self {
        Self { format, events: Vec::new(), order: jsonl::Order::default() }
    }

    /// Whether there is an event in it.
    fn line(&mut self, number: usize, line: &str) -> Result<bool, Wrong> {
        let line = line.trim_end();
        if line.trim().is_empty() {
            return Ok(false);
        }
        if let Some(at) = line.find(char::REPLACEMENT_CHARACTER) {
            return Err(Wrong::new("this is no text: it is not UTF-8", "").at(at..at + 1));
        }
        let event = match self.format {
            Format::Jsonl => Some(self.order.event(number, line)?),
            Format::Jepsen => jepsen::event(number, line)?,
            Format::PorcupineKv => Some(map::event(number, line)?),
        };
        let is_event = event.is_some();
        self.events.extend(event);
        Ok(is_event)
    }
}
