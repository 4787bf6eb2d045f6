//! Small typed readers of YAML values. Each takes a value and gives what was wanted, or reports what it found instead
//! and gives nothing, so that one pass over a file finds all that is wrong with it.
//!
//! Pure.

use super::tree::{Kind, Placed, Yaml};
use crate::diagnostic::{Diagnostic, nearest};
use crate::error::{Error, Result};
use crate::script::quantity::{Problem, Raw, duration_us};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

/// Reads the values of one file and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    file: &'a str,
    source: &'a str,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'a> Reader<'a> {
    /// A reader of this file, which has found nothing wrong so far.
    pub(super) fn new(file: &'a str, source: &'a str) -> Self {
        Self { file, source, found: RefCell::default() }
    }

    /// Reports what is wrong at a place. The copies of a node share their places: each is reported once.
    pub(super) fn report(&self, span: &Range<usize>, problem: Problem) {
        let diagnostic = Diagnostic::new(self.file, self.source, span.clone(), problem.message);
        let diagnostic = if problem.help.is_empty() { diagnostic } else { diagnostic.help(problem.help) };
        let mut found = self.found.borrow_mut();
        if !found.contains(&diagnostic) {
            found.push(diagnostic);
        }
    }

    /// Takes the value out of a result, or reports its problem at a place.
    pub(super) fn take<T>(&self, span: &Range<usize>, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.report(span, problem)).ok()
    }

    /// The place of a part of a value behind so many that read the same, where they stand in the file as they are; else
    /// the value's own.
    pub(super) fn part(&self, span: &Range<usize>, part: &str, before: usize) -> Range<usize> {
        let written = self.source.get(span.clone()).unwrap_or_default();
        let found = written.match_indices(part).nth(before).map(|(offset, _)| offset);
        found.map_or(span.clone(), |offset| span.start + offset..span.start + offset + part.len())
    }

    /// An error with all that was found, in the file's order; `Ok` where nothing was.
    pub(super) fn finish(&self) -> Result<()> {
        let mut diagnostics = self.found.borrow().clone();
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        match diagnostics.first() {
            None => Ok(()),
            Some(first) => Err(Error { diagnostics: diagnostics.clone(), ..Error::from(first.clone()) }),
        }
    }

    /// Reports that something else was expected, and gives nothing.
    pub(super) fn expected<T>(&self, yaml: &Yaml, what: &str, expected: &str) -> Option<T> {
        let message = format!("{what} must be {expected}, found {}", yaml.describe());
        self.report(&yaml.span, Problem::new(message, ""));
        None
    }

    /// Text. Numbers and truth values count as the text they were written with, nothing as the empty text.
    pub(super) fn text(&self, yaml: &Yaml, what: &str) -> Option<Placed<String>> {
        match yaml.kind {
            Kind::List(_) | Kind::Map(_) => return self.expected(yaml, what, "text"),
            _ if yaml.text.contains('\0') => {
                self.report(&yaml.span, Problem::new(format!("{what} holds a NUL character"), ""));
                return None;
            }
            _ => {}
        }
        Some(Placed { value: yaml.text.clone(), span: yaml.span.clone() })
    }

    /// Text that is not empty.
    pub(super) fn name(&self, yaml: &Yaml, what: &str) -> Option<Placed<String>> {
        let text = self.text(yaml, what)?;
        if text.value.is_empty() {
            self.report(&text.span, Problem::new(format!("{what} is empty"), ""));
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn truth(&self, yaml: &Yaml, what: &str) -> Option<bool> {
        match yaml.kind {
            Kind::Bool(truth) => Some(truth),
            _ => self.expected(yaml, what, "`true` or `false`"),
        }
    }

    /// An integer within a range.
    pub(super) fn integer(&self, yaml: &Yaml, what: &str, range: RangeInclusive<i64>) -> Option<i64> {
        match yaml.kind {
            Kind::Int(number) if range.contains(&number) => Some(number),
            _ => self.expected(yaml, what, &format!("an integer from {} to {}", range.start(), range.end())),
        }
    }

    /// A TCP or UDP port.
    pub(super) fn port(&self, yaml: &Yaml, what: &str) -> Option<u16> {
        self.integer(yaml, what, 1..=65535).and_then(|port| u16::try_from(port).ok())
    }

    /// A duration in µs.
    pub(super) fn duration_us(&self, yaml: &Yaml, what: &str) -> Option<u64> {
        let raw = self.quantity(yaml, what, "a duration")?;
        self.take(&yaml.span, duration_us(raw))
    }

    /// A number or text, for what has units or names.
    pub(super) fn quantity<'y>(&self, yaml: &'y Yaml, what: &str, expected: &str) -> Option<Raw<'y>> {
        match yaml.kind {
            Kind::Int(number) => Some(Raw::Int(number)),
            Kind::Float(number) => Some(Raw::Float(number)),
            Kind::Text => Some(Raw::Text(&yaml.text)),
            _ => self.expected(yaml, what, expected),
        }
    }

    /// The items of a list, none where there is nothing.
    pub(super) fn list<'y>(&self, yaml: &'y Yaml, what: &str) -> Option<&'y [Yaml]> {
        match &yaml.kind {
            Kind::List(items) => Some(items),
            Kind::Null => Some(&[]),
            _ => self.expected(yaml, what, "a list"),
        }
    }

    /// Keys and values of a mapping, none where there is nothing; a key that comes twice is reported.
    pub(super) fn map<'y>(&self, yaml: &'y Yaml, what: &str) -> Option<Vec<(Placed<String>, &'y Yaml)>> {
        let entries = match &yaml.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Null => &[],
            _ => return self.expected(yaml, what, "a mapping"),
        };
        let mut read: Vec<(Placed<String>, &Yaml)> = Vec::new();
        for (key, value) in entries {
            let Some(key) = self.name(key, &format!("a key of {what}")) else { continue };
            if let Some((first, _)) = read.iter().find(|(known, _)| known.value == key.value) {
                let line = self.source.get(..first.span.start).unwrap_or_default().matches('\n').count() + 1;
                let message = format!("`{}` comes twice in {what}", key.value);
                self.report(&key.span, Problem::new(message, format!("the first one is in line {line}")));
            } else {
                read.push((key, value));
            }
        }
        Some(read)
    }

    /// Keys and values of a mapping that might have been a list as well, which the caller has looked for.
    pub(super) fn list_or_map<'y>(&self, yaml: &'y Yaml, what: &str) -> Vec<(Placed<String>, &'y Yaml)> {
        match yaml.kind {
            Kind::Map(_) => self.map(yaml, what),
            _ => self.expected(yaml, what, "a list or a mapping"),
        }
        .unwrap_or_default()
    }

    /// A mapping with known keys. Any other key is reported with the nearest one.
    pub(super) fn fields<'y>(&self, yaml: &'y Yaml, what: &str, known: &[&str]) -> Option<Fields<'y>> {
        let entries = self.map(yaml, what)?;
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.value.as_str())) {
            let keys = format!("the keys of {what} are {}", enumerate(known));
            let help = match nearest(&key.value, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? {keys}"),
                None => keys,
            };
            self.report(&key.span, Problem::new(format!("{what} has no key `{}`", key.value), help));
        }
        Some(Fields { entries })
    }
}

/// A mapping with known keys.
pub(super) struct Fields<'y> {
    entries: Vec<(Placed<String>, &'y Yaml)>,
}

impl<'y> Fields<'y> {
    /// The value of a key; a key without a value is as good as none.
    pub(super) fn get(&self, key: &str) -> Option<&'y Yaml> {
        let (_, value) = self.entries.iter().find(|(known, _)| known.value == key)?;
        (value.kind != Kind::Null).then_some(value)
    }

    /// The place of a key.
    pub(super) fn place(&self, key: &str) -> Option<&Range<usize>> {
        self.entries.iter().find(|(known, _)| known.value == key).map(|(known, _)| &known.span)
    }
}

/// `a`, `b` and `c`.
pub(super) fn enumerate(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}
