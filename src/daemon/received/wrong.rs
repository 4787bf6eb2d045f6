//! What is wrong with a value, and where: as serde finds it, in words of people who send JSON and know no Rust. Pure.

use super::given::Given;
use crate::Error;
use crate::diagnostic::nearest;
use serde::de::{self, Expected, Unexpected};
use std::borrow::Cow;
use std::fmt;

/// So much of a text is shown, characters.
const SHOWN_MAX: usize = 40;
/// And of the keys on the way to a value, which a client may have made up.
const WAY_MAX: usize = 200;

/// One wrong value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    what: String,
    help: Option<String>,
    /// From the value outwards: `.key` and `[index]`.
    way: Vec<String>,
    /// The value, where its place is not known.
    lost: Option<Given>,
    /// Whether the way ends at something that holds the value.
    is_inside: bool,
}

impl Wrong {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None, way: Vec::new(), lost: None, is_inside: false }
    }

    /// That this value is something else than was wanted.
    pub(super) fn kind(found: &Given, wanted: &dyn Expected) -> Self {
        Self::new(format!("{} stands where {} should", shown(found), words(wanted)))
    }

    /// The same, sought below the value in which it was met: serde holds an object that a tag decides in a buffer, in
    /// which nothing knows its place.
    pub(super) fn sought_in(mut self, given: &Given) -> Self {
        if let Some(lost) = self.lost.take() {
            match given.way_to(&lost) {
                Some(way) => self.way = way.into_iter().rev().collect(),
                None => self.is_inside = true,
            }
        }
        self
    }

    /// The same, seen from the object that holds the value.
    pub(super) fn at_key(mut self, key: &str) -> Self {
        self.way.push(format!(".{key}"));
        self
    }

    /// The same, seen from the list that holds the value.
    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.way.push(format!("[{index}]"));
        self
    }

    /// As the user is told it: where in which part of the request, and what.
    pub(super) fn in_the(self, part: &str) -> Error {
        let way: String = self.way.into_iter().rev().collect();
        let place = match &*cut(way.trim_start_matches('.'), WAY_MAX) {
            "" => format!("the {part}"),
            way if self.is_inside => format!("the {part}, in `{way}`"),
            way => format!("the {part}, at `{way}`"),
        };
        let help = self.help;
        let error = Error::usage(format!("{place}: {}", self.what));
        help.into_iter().fold(error, Error::help)
    }

    /// A name that is not known, among those that are.
    fn unknown(what: String, name: &str, kind: &str, known: &[&str]) -> Self {
        let nearest = nearest(name, known.iter().copied()).map(|nearest| format!("did you mean `{nearest}`? "));
        let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let all =
            if known.is_empty() { format!("there are no other {kind} here") } else { format!("the {kind} are {all}") };
        Self { help: Some(format!("{}{all}", nearest.unwrap_or_default())), ..Self::new(what) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let found = owned(found);
        Self { lost: Some(found.clone()), ..Self::kind(&found, wanted) }
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn invalid_length(length: usize, wanted: &dyn Expected) -> Self {
        Self::new(format!("{length} values stand where {} should", words(wanted)))
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::unknown(format!("{} is not known here", quoted(name)), name, "words", known)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::unknown(format!("there is no key {}", quoted(name)), name, "keys", known)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(format!("the key `{name}` is missing"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(format!("the key `{name}` is given twice"))
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", cut(name, SHOWN_MAX))
}

fn cut(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// What was found, so short that it can be read.
fn shown(found: &Given) -> String {
    match found {
        Given::Text(text) | Given::Loose(text) => format!("{:?}", cut(text, SHOWN_MAX)),
        other => other.to_string(),
    }
}

/// What serde found; of lists and objects it tells no more than that they are.
fn owned(found: Unexpected<'_>) -> Given {
    match found {
        Unexpected::Bool(is_so) => Given::Bool(is_so),
        Unexpected::Unsigned(number) => Given::Whole(number),
        Unexpected::Signed(number) => Given::Negative(number),
        Unexpected::Float(number) => Given::Number(number),
        Unexpected::Str(text) => Given::Text(text.to_owned()),
        Unexpected::Unit | Unexpected::Option => Given::Null,
        Unexpected::Seq => Given::List(Vec::new()),
        _ => Given::Object(Vec::new()),
    }
}

/// What should have been: serde names types of Rust, where nobody has said it better.
pub(super) fn words(wanted: &dyn Expected) -> String {
    let wanted = wanted.to_string();
    let words = match wanted.as_str() {
        "u64" | "usize" => "a whole number from 0",
        "u32" => "a whole number from 0 to 4294967295",
        "u16" => "a whole number from 0 to 65535",
        "u8" => "a whole number from 0 to 255",
        "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string or map" | "variant identifier" | "field identifier" => "text",
        "a sequence" => "a list",
        _ if is_object(&wanted) => OBJECT,
        other => other,
    };
    words.to_owned()
}

/// What [`words`] calls whatever has keys.
pub(super) const OBJECT: &str = "an object";

fn is_object(wanted: &str) -> bool {
    let kinds = ["struct ", "enum ", "internally tagged enum ", "adjacently tagged enum ", "struct variant "];
    wanted == "a map" || kinds.iter().any(|kind| wanted.starts_with(kind))
}
