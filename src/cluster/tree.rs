//! A YAML file as a tree in which every value knows its place, so that whatever is found wrong with a value later can
//! be shown where the user wrote it.
//!
//! Pure. serde-saphyr reads the text; nothing here knows what a cluster is.

use crate::diagnostic::Diagnostic;
use crate::error::Result;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};
use std::fmt;
use std::ops::Range;

/// Something and the bytes of the file that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed<T> {
    /// The thing.
    pub(super) value: T,
    /// Where it stands.
    pub(super) span: Range<usize>,
}

/// A value and the bytes of the file that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Yaml {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it stands. Of a list or mapping, only its first character.
    pub(super) span: Range<usize>,
    /// A scalar as it was written: `1.10` and `yes` are that text where text is wanted.
    pub(super) text: String,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number with a decimal point, or an integer beyond `i64`.
    Float(f64),
    /// Text.
    Text,
    /// A list.
    List(Vec<Yaml>),
    /// Keys and values in the file's order; a key may come twice.
    Map(Vec<(Yaml, Yaml)>),
}

impl Yaml {
    /// What it is, for "expected …, found …".
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(_) => format!("the truth value `{}`", self.text),
            Kind::Int(_) | Kind::Float(_) => format!("the number {}", self.text),
            Kind::Text if self.text.len() <= 24 && !self.text.contains('\n') => format!("the text `{}`", self.text),
            Kind::Text => "text".to_owned(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// How many values a file may hold, aliases resolved: a thousand nodes with all their keys.
const MOST_VALUES: usize = 100_000;

/// Reads a file. An empty one is `Null`.
pub(super) fn parse(file: &str, source: &str) -> Result<Yaml> {
    let options = serde_saphyr::options! {
        // Told by the reader of the mapping, which knows the first one's place too.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // Told by the reader of the number, which knows what is wanted.
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MOST_VALUES },
    };
    serde_saphyr::from_str_with_options::<Option<Spanned<Value>>>(source, options)
        .map(|tree| {
            let null = Spanned::new(Value::Null, Location::UNKNOWN, Location::UNKNOWN);
            Yaml::place(tree.unwrap_or(null), source)
        })
        .map_err(|error| syntax(file, source, error.without_snippet()).into())
}

fn syntax(file: &str, source: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let span = error.location().map_or(0..0, |location| place(source, location));
    let text = error.to_string();
    // A limit reached within an alias comes as text only.
    if text.starts_with("budget breached") {
        return Diagnostic::new(file, source, span, "the file holds too much to be a cluster")
            .help(format!("it may hold {MOST_VALUES} values, repeated ones counted each time"));
    }
    if matches!(error, serde_saphyr::Error::MultipleDocuments { .. }) {
        return Diagnostic::new(file, source, span, "the file holds more than one YAML document")
            .help("keep one: leave out the lines `---` and `...`");
    }
    // The library ends its messages with the place, which the caret shows already.
    let text = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    Diagnostic::new(file, source, span, format!("this is not YAML: {text}"))
}

/// The bytes of a place. Syntax errors have a line and a column only.
fn place(source: &str, location: Location) -> Range<usize> {
    if location.span().byte_offset().is_some_and(|offset| offset > 0) {
        return range(location);
    }
    let line = (location.line() as usize).saturating_sub(1);
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &source[start..];
    let column = (location.column() as usize).saturating_sub(1);
    let offset = start + rest.char_indices().nth(column).map_or(rest.len(), |(index, _)| index);
    offset..offset
}

fn range(location: Location) -> Range<usize> {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    start..start + span.byte_len().unwrap_or(0) as usize
}

impl Yaml {
    fn place(value: Spanned<Value>, source: &str) -> Self {
        let span = range(value.defined);
        let written = || source.get(span.clone()).unwrap_or_default().to_owned();
        let (kind, text) = match value.value {
            Value::Null => (Kind::Null, String::new()),
            Value::Bool(truth) => (Kind::Bool(truth), written()),
            Value::Int(number) => (Kind::Int(number), written()),
            Value::Float(number) => (Kind::Float(number), written()),
            Value::Text(text) => (Kind::Text, text),
            Value::List(items) => {
                (Kind::List(items.into_iter().map(|item| Self::place(item, source)).collect()), String::new())
            }
            Value::Map(entries) => {
                let entries = entries.into_iter();
                let placed = entries.map(|(key, value)| (Self::place(key, source), Self::place(value, source)));
                (Kind::Map(placed.collect()), String::new())
            }
        };
        Self { kind, span, text }
    }
}

/// A value as serde-saphyr gives it, before it is placed.
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Value>>),
    Map(Vec<(Spanned<Value>, Spanned<Value>)>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}
