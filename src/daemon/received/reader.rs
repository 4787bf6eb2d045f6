//! A value as one of our types. Stricter than serde is by itself: a list is no object, and a number no name. Pure.

use super::given::Given;
use super::wrong::{OBJECT, Wrong, words};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Reads it.
pub(super) fn read<T: DeserializeOwned>(given: &Given) -> Result<T, Wrong> {
    T::deserialize(Reader(given)).map_err(|wrong| wrong.sought_in(given))
}

struct Reader<'a>(&'a Given);

impl<'a> Reader<'a> {
    /// That it is something else than was wanted.
    fn is_no(&self, wanted: &dyn Expected) -> Wrong {
        Wrong::kind(self.0, wanted)
    }

    /// A number, which in a query is text.
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong>
    where
        'a: 'de,
    {
        let Given::Loose(text) = self.0 else { return self.deserialize_any(visitor) };
        match text.parse::<u64>() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => Err(self.is_no(&visitor)),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Given::Null => visitor.visit_unit(),
            Given::Bool(is_so) => visitor.visit_bool(*is_so),
            Given::Whole(number) => visitor.visit_u64(*number),
            Given::Negative(number) => visitor.visit_i64(*number),
            Given::Number(number) => visitor.visit_f64(*number),
            Given::Text(text) | Given::Loose(text) => visitor.visit_borrowed_str(text),
            // What has keys would take a list of their values, in the order in which a source file has them.
            Given::List(_) if words(&visitor) == OBJECT => Err(self.is_no(&visitor)),
            Given::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Given::Object(members) => visitor.visit_map(Members { rest: members.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Given::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    /// In a query as the old tool took it: a name alone says yes.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let Given::Loose(text) = self.0 else { return self.deserialize_any(visitor) };
        match text.as_str() {
            "" | "1" | "true" | "True" => visitor.visit_bool(true),
            "0" | "false" | "False" => visitor.visit_bool(false),
            _ => Err(self.is_no(&visitor)),
        }
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.number(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.number(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.number(visitor)
    }

    /// A name; serde would take its number as well.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Given::Text(text) | Given::Loose(text) => visitor.visit_borrowed_str(text),
            _ => Err(self.is_no(&visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Given::Text(text) | Given::Loose(text) => visitor.visit_enum(text_of(text)),
            _ => Err(self.is_no(&"text")),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct ignored_any
    }
}

/// A name as serde reads names.
fn text_of(text: &str) -> StrDeserializer<'_, Wrong> {
    text.into_deserializer()
}

/// What a list has left, with its index.
struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Given>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some((index, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Reader(item)).map(Some).map_err(|wrong| wrong.sought_in(item).at_index(index))
    }
}

/// What an object has left, and the value that belongs to the key read last.
struct Members<'a> {
    rest: std::slice::Iter<'a, (String, Given)>,
    value: Option<&'a (String, Given)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.value = self.rest.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        seed.deserialize(text_of(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let (key, value) = self.value.ok_or_else(|| Wrong::custom("a value has no key"))?;
        seed.deserialize(Reader(value)).map_err(|wrong| wrong.sought_in(value).at_key(key))
    }
}
