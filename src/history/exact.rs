//! Values as a program writes them, kept exactly or refused: JSON's integers have no bounds, ours have 64 bits.

use serde_json::Value;
use serde_json::value::RawValue;

/// The value of a part of a line; `null` where it is missing.
pub(super) fn value(raw: Option<&RawValue>) -> Result<Value, String> {
    let Some(text) = raw.map(RawValue::get) else { return Ok(Value::Null) };
    if let Some(integer) = inexact_integer(text, |number| number.parse::<i64>().is_ok()) {
        let range = format!("{} to {}", i64::MIN, i64::MAX);
        return Err(format!(
            "has the integer {integer}, beyond those that are kept exactly ({range}; write it as text)"
        ));
    }
    serde_json::from_str(text).map_err(|error| format!("is no operation ({error})"))
}

/// The first integer in a JSON text that would become another number: one that is not among those that are kept.
pub(crate) fn inexact_integer(json: &str, is_kept: fn(&str) -> bool) -> Option<&str> {
    let is_inexact = |number: &&str| !number.contains(['.', 'e', 'E']) && !number.is_empty() && !is_kept(number);
    // Outside of texts numbers are all that is written with these characters, but for the `e` of `true` and the like.
    let words = |piece| str::split(piece, |c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let numbers = outside_texts(json).into_iter().flat_map(words).filter(|word| !word.starts_with(char::is_alphabetic));
    numbers.into_iter().find(is_inexact)
}

/// What stands between the texts of a JSON text.
fn outside_texts(json: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut inside, mut escaped) = (0, false, false);
    for (at, c) in json.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => {
                if !inside {
                    pieces.push(&json[start..at]);
                }
                (inside, start) = (!inside, at + 1);
            }
            _ => {}
        }
    }
    pieces.push(&json[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_beyond_64_bits_are_found_wherever_they_stand() {
        let found = |json| inexact_integer(json, |number| number.parse::<i64>().is_ok());
        assert_eq!(found("9223372036854775808"), Some("9223372036854775808"));
        assert_eq!(found(r#"{"a":[1,true,{"b":-9223372036854775809}]}"#), Some("-9223372036854775809"));
        assert_eq!(found(r#"["\"9223372036854775808\"", 9223372036854775807, -9223372036854775808, -0, null]"#), None);
        assert_eq!(found(r#"{"92233720368547758080":"\\", "x":1.5e300}"#), None);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_exactly(number: i128, text: String) {
            let json = serde_json::json!([text, number.to_string()]).to_string().replace(&format!("\"{number}\""), &number.to_string());
            let raw = RawValue::from_string(json).unwrap();
            match value(Some(&raw)) {
                Ok(kept) => prop_assert_eq!(kept[1].to_string(), number.to_string()),
                Err(_) => prop_assert!(i64::try_from(number).is_err()),
            }
        }
    }
}
