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
    /// The way to the only value in it that is like this one: `.key` and `[index]`, from outside. None where there is no
    /// such value, or where there are several.
    pub(super) fn way_to(&self, sought: &Self) -> Option<Vec<String>> {
        let mut search = Search { sought, way: Vec::new(), found: Vec::new() };
        search.look_at(self);
        let [way] = &search.found[..] else { return None };
        Some(way.iter().map(ToString::to_string).collect())
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

/// A look through a value, which ends at the second that is sought: a request may hold millions.
struct Search<'a> {
    sought: &'a Given,
    way: Vec<Step<'a>>,
    found: Vec<Vec<Step<'a>>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Search<'a> {
    /// Whether to go on.
    fn look_at(&mut self, value: &'a Given) -> bool {
        if value.is_like(self.sought) {
            self.found.push(self.way.clone());
        }
        self.found.len() < 2
            && match value {
                Given::List(items) => items.iter().enumerate().all(|(at, item)| self.step(Step::Index(at), item)),
                Given::Object(members) => members.iter().all(|(key, value)| self.step(Step::Key(key), value)),
                _ => true,
            }
    }

    fn step(&mut self, step: Step<'a>, value: &'a Given) -> bool {
        self.way.push(step);
        let goes_on = self.look_at(value);
        self.way.pop();
        goes_on
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, ".{key}"),
            Self::Index(at) => write!(f, "[{at}]"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(value: &serde_json::Value) -> Given {
        Given::deserialize(value).unwrap()
    }

    #[test]
    fn the_only_value_like_one_is_found_with_its_way() {
        let value = given(&json!({ "a": [1, { "b": "x" }], "c": "y" }));
        let way = |sought: serde_json::Value| value.way_to(&given(&sought)).map(|way| way.concat());
        assert_eq!(way(json!("x")).as_deref(), Some(".a[1].b"));
        assert_eq!(way(json!([])).as_deref(), Some(".a"));
        assert_eq!((way(json!("z")), way(json!({}))), (None, None));
        assert_eq!(way(json!(1)).as_deref(), Some(".a[0]"));
    }

    #[test]
    fn a_value_of_millions_is_not_looked_through_twice() {
        // Nested as deep as JSON may be. All ways to what it holds would be gigabytes.
        let wide = serde_json::Value::Array(vec![json!({}); 200_000]);
        let deep = (0..100).fold(wide, |inner, _| json!([inner]));
        assert_eq!(given(&deep).way_to(&Given::Object(Vec::new())), None);
    }
}
