//! A wrong place in a file that the user wrote, shown the way rustc shows one: the line, a caret, what was
//! expected, and the nearest name. Scripts and cluster files use the same type, so that all errors look alike.
//!
//! Pure: a diagnostic carries a copy of the text it points into, and renders to a string.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing can be started with it.
    #[default]
    Error,
    /// Most likely not what was meant.
    Warning,
}

/// One wrong place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The text of the whole file.
    pub source: String,
    /// Byte range of the wrong part within `source`.
    pub span: Range<usize>,
    /// What is written beside the caret.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic at a byte range of a file; line and column follow from it.
    pub fn new(file: &str, source: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor_char_boundary(source, span.start);
        let end = floor_char_boundary(source, span.end.max(start));
        let before = &source[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self {
            severity: Severity::Error,
            message: message.into(),
            file: file.to_owned(),
            line,
            column,
            source: source.to_owned(),
            span: start..end,
            label: String::new(),
            help: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// What to write beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The rendered diagnostic, with a trailing line break.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let annotation = AnnotationKind::Primary.span(self.span.clone());
        let annotation = if self.label.is_empty() { annotation } else { annotation.label(&self.label) };
        let snippet = Snippet::source(&self.source).path(&self.file).annotation(annotation);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut report: Vec<Group<'_>> = vec![Group::with_title(level.primary_title(&self.message)).element(snippet)];
        if let Some(help) = &self.help {
            report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        format!("{}\n", renderer.render(&report))
    }
}

/// The largest char boundary of `text` at or below `index`.
fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// The candidate nearest to `name`, if one is near enough to be a slip of the finger.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let budget = (length / 3).clamp(1, 3);
    // The distance takes time and memory for every pair of characters, and a name may be as long as a text.
    let is_as_long = |candidate: &&str| candidate.chars().count().abs_diff(length) <= budget;
    candidates
        .into_iter()
        .filter(is_as_long)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), differs_at(name, candidate), candidate))
        .filter(|(distance, ..)| *distance <= budget)
        .min_by_key(|(distance, same, candidate)| (*distance, std::cmp::Reverse(*same), *candidate))
        .map(|(.., candidate)| candidate)
}

/// How many characters two names begin with alike.
fn differs_at(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_millions_of_characters_is_like_no_other() {
        let begun = std::time::Instant::now();
        assert_eq!(nearest(&"x".repeat(4_000_000), ["isolate"; 100]), None);
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        assert_eq!(nearest("isolat", ["isolate", "is"]), Some("isolate"));
    }

    #[test]
    fn line_and_column_count_characters_from_one() {
        let d = Diagnostic::new("a.rhai", "let ä = 1;\nlet x = ß;\n", 20..22, "unknown");
        assert_eq!((d.line, d.column), (2, 9));
    }

    #[test]
    fn a_span_inside_a_character_or_past_the_end_is_moved_to_a_boundary() {
        let d = Diagnostic::new("a", "ä", 1..9, "x");
        assert_eq!(d.span, 0..2);
        assert!(d.render(false).contains("error"));
    }

    #[test]
    fn the_nearest_name_is_a_slip_away_or_nothing() {
        assert_eq!(nearest("partitoin", ["partition", "join"]), Some("partition"));
        assert_eq!(nearest("xyz", ["partition", "join"]), None);
        assert_eq!(nearest("prot", ["port", "proto"]), Some("proto"), "of two as near, the one that begins alike");
    }
}
