//! A request's value before anybody knows what it means. Pure.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    Null,
    Bool(bool),
    Whole(u64),
    Negative(i64),
    Number(f64),
    Text(String),
    /// Text of a query, which may stand for a number or a truth value.
    Loose(String),
    List(Vec<Given>),
    /// Keys and values as they came. A query may bring a key twice.
    Object(Vec<(String, Given)>),
}

impl Given {
    /// The ways to all values in it that are like this one, itself among them: `.key` and `[index]`, from outside.
    pub(super) fn ways_to(&self, sought: &Self) -> Vec<Vec<String>> {
        let mut ways = Vec::new();
        ways.extend(self.is_like(sought).then(Vec::new));
        let mut below = |step: &dyn Fn() -> String, value: &Self| {
            ways.extend(value.ways_to(sought).into_iter().map(|way| [vec![step()], way].concat()));
        };
        match self {
            Self::List(items) => items.iter().enumerate().for_each(|(at, item)| below(&|| format!("[{at}]"), item)),
            Self::Object(members) => members.iter().for_each(|(key, value)| below(&|| format!(".{key}"), value)),
            _ => {}
        }
        ways
    }

    /// One list is like another: no error tells more of them.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(_), Self::List(_)) | (Self::Object(_), Self::Object(_)) => true,
            (Self::Loose(one), Self::Text(other)) => one == other,
            (one, other) => one == other,
        }
    }
}

/// What it is, for people.
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(is_so) => write!(f, "{is_so}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Negative(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(_) | Self::Loose(_) => f.write_str("text"),
            Self::List(_) => f.write_str("a list"),
            Self::Object(_) => f.write_str("an object"),
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Given, E> {
        Ok(Given::Null)
    }

    fn visit_bool<E: Error>(self, is_so: bool) -> Result<Given, E> {
        Ok(Given::Bool(is_so))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Given, E> {
        Ok(Given::Whole(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Given, E> {
        Ok(Given::Negative(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Given, E> {
        Ok(Given::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Given, E> {
        Ok(Given::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Given, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Given::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Given, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry::<String, Given>()? {
            object.push(member);
        }
        Ok(Given::Object(object))
    }
}
