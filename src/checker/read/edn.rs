//! As much of EDN, Clojure's notation, as histories are written in.

use serde_json::{Map, Number, Value};
use std::ops::Range;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Edn {
    Nil,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Without its colon.
    Keyword(String),
    /// A vector, list or set.
    List(Vec<Edn>),
    Map(Vec<(Edn, Edn)>),
}

/// What is wrong, and where, bytes.
#[derive(Debug, PartialEq)]
pub(super) struct NoEdn {
    pub(super) message: String,
    pub(super) at: Range<usize>,
}

impl Edn {
    /// All values of a text, one after the other.
    pub(super) fn all(text: &str) -> Result<Vec<Self>, NoEdn> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let mut values = Vec::new();
        while !reader.is_at_end() {
            values.push(reader.value()?);
        }
        Ok(values)
    }

    /// The same as JSON; keywords become texts.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Nil => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) | Self::Keyword(text) => Value::String(text.clone()),
            Self::List(values) => values.iter().map(Self::json).collect(),
            Self::Map(pairs) => {
                let text = |key: &Self| key.json().as_str().map_or_else(|| key.json().to_string(), str::to_owned);
                pairs.iter().map(|(key, value)| (text(key), value.json())).collect::<Map<_, _>>().into()
            }
        }
    }
}

/// So deep may values be nested.
const DEPTH: usize = 64;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn wrong(&self, message: impl Into<String>, length: usize) -> NoEdn {
        NoEdn { message: message.into(), at: self.at..self.at + length }
    }

    /// Commas are blanks.
    fn is_at_end(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
        self.at == self.text.len()
    }

    fn value(&mut self) -> Result<Edn, NoEdn> {
        if self.is_at_end() {
            return Err(self.wrong("it ends where a value should be", 0));
        }
        let rest = self.rest();
        match rest.chars().next() {
            Some('"') => self.quoted(),
            Some('[') => self.list(1, ']').map(Edn::List),
            Some('(') => self.list(1, ')').map(Edn::List),
            Some('#') if rest.starts_with("#{") => self.list(2, '}').map(Edn::List),
            Some('{') => self.map(),
            _ => self.token(),
        }
    }

    fn list(&mut self, opening: usize, end: char) -> Result<Vec<Edn>, NoEdn> {
        let start = self.at;
        self.at += opening;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("this is nested too deep", 1));
        }
        let mut values = Vec::new();
        loop {
            if self.is_at_end() {
                return Err(NoEdn {
                    message: format!("this is never closed with `{end}`"),
                    at: start..start + opening,
                });
            }
            if self.rest().starts_with(end) {
                self.at += 1;
                self.depth -= 1;
                return Ok(values);
            }
            values.push(self.value()?);
        }
    }

    fn map(&mut self) -> Result<Edn, NoEdn> {
        let start = self.at;
        let mut values = self.list(1, '}')?.into_iter();
        let mut pairs = Vec::new();
        while let Some(key) = values.next() {
            let no_value = || NoEdn { message: "the last key of this map has no value".to_owned(), at: start..self.at };
            pairs.push((key, values.next().ok_or_else(no_value)?));
        }
        Ok(Edn::Map(pairs))
    }

    fn quoted(&mut self) -> Result<Edn, NoEdn> {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += at + 1;
                    return Ok(Edn::Text(text));
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, 'u')) => {
                        let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let letter = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                        text.push(letter.ok_or_else(|| self.wrong(format!("`\\u{digits}` is no character"), at + 1))?);
                    }
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(self.wrong("this text is never closed", 1))
    }

    fn token(&mut self) -> Result<Edn, NoEdn> {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '[' | ']' | '(' | ')' | '{' | '}');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let value = match word {
            "" => return Err(self.wrong("this closes what was not opened", 1)),
            "nil" => Edn::Nil,
            "true" => Edn::Bool(true),
            "false" => Edn::Bool(false),
            _ => match word.strip_prefix(':') {
                Some(name) if !name.is_empty() => Edn::Keyword(name.to_owned()),
                _ => Edn::Number(number(word).ok_or_else(|| self.wrong(no_number(word), word.len()))?),
            },
        };
        self.at += word.len();
        Ok(value)
    }
}

/// A number; Clojure marks long ones with an `N` or `M`.
fn number(word: &str) -> Option<Number> {
    let digits = word.trim_end_matches(['N', 'M']);
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let whole = digits.parse::<i64>().map(Number::from).ok().or_else(|| digits.parse::<u64>().map(Number::from).ok());
    // An integer of more than 64 bits would become another one as a float.
    let is_float = digits.starts_with(|c: char| c.is_ascii_digit() || c == '-') && digits.contains(['.', 'e', 'E']);
    whole.or_else(|| digits.parse().ok().filter(|_| is_float).and_then(Number::from_f64))
}

fn no_number(word: &str) -> String {
    let digits = word.trim_start_matches(['+', '-']).trim_end_matches(['N', 'M']);
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return format!("the integer {word} is beyond those that are kept exactly ({} to {})", i64::MIN, u64::MAX);
    }
    format!("`{word}` is no value")
}

#[cfg(test)]
mod tests {
    use super::Edn;
    use proptest::prelude::*;

    fn json(text: &str) -> String {
        match Edn::all(text) {
            Ok(values) => values.iter().map(|value| value.json().to_string()).collect::<Vec<_>>().join(" "),
            Err(wrong) => format!("{} at {:?}", wrong.message, wrong.at),
        }
    }

    #[test]
    fn values_are_read() {
        assert_eq!(
            json(r#"nil true -3 1.5 12N "a \"b\"\n\u00e9" :timed-out"#),
            r#"null true -3 1.5 12 "a \"b\"\né" "timed-out""#
        );
        assert_eq!(json("[3 0] (1, 2) #{5} []"), "[3,0] [1,2] [5] []");
        assert_eq!(json(r#"{:process 9, :value {"k" [1 nil]}}"#), r#"{"process":9,"value":{"k":[1,null]}}"#);
    }

    #[test]
    fn what_is_no_value_is_shown() {
        assert_eq!(json("[3 0"), "this is never closed with `]` at 0..1");
        assert_eq!(json("3 ]"), "this closes what was not opened at 2..3");
        assert_eq!(json("\"abc"), "this text is never closed at 0..1");
        assert_eq!(json("nul"), "`nul` is no value at 0..3");
        assert_eq!(json("{:a}"), "the last key of this map has no value at 0..4");
        assert_eq!(json(&"[".repeat(100)), "this is nested too deep at 65..66");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}()#:\",\\\\a-f0-9 é]*") {
            let _ = Edn::all(&text);
        }
    }
}
