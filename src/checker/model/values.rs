//! Values as small numbers, so that states are compared and copied at no cost.

use super::Unfit;
use serde_json::Value;
use std::collections::HashMap;

/// The number of null.
pub(super) const NOTHING: u32 = 0;

/// A value in the form in which it is compared: 1 and 1.0 are the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Datum {
    Int(i64),
    Text(String),
    Other(String),
}

impl Datum {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                // Integers up to 2^53 are exact as floats.
                (None, Some(float)) if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => {
                    Self::Int(float as i64)
                }
                _ => Self::Other(number.to_string()),
            },
            Value::String(text) => Self::Text(text.clone()),
            other => Self::Other(other.to_string()),
        }
    }

    /// The same written as another type: a number as text, or a text as a number.
    fn twin(&self) -> Option<Self> {
        match self {
            Self::Int(int) => Some(Self::Text(int.to_string())),
            Self::Text(text) => text.trim().parse().ok().map(Self::Int),
            Self::Other(_) => None,
        }
    }
}

/// The values of a history.
#[derive(Debug)]
pub(super) struct Values {
    known: Vec<Value>,
    numbers: HashMap<Datum, u32>,
}

impl Default for Values {
    fn default() -> Self {
        let numbers = HashMap::from([(Datum::of(&Value::Null), NOTHING)]);
        Self { known: vec![Value::Null], numbers }
    }
}

impl Values {
    /// The number of a value.
    pub(super) fn number(&mut self, value: &Value) -> u32 {
        let next = self.known.len() as u32;
        let number = *self.numbers.entry(Datum::of(value)).or_insert(next);
        if number == next {
            self.known.push(value.clone());
        }
        number
    }

    /// The number of a value that an object gave. It is most likely no finding but a slip if it is one that was put in,
    /// as another type.
    pub(super) fn given(&mut self, value: &Value) -> Result<u32, Unfit> {
        let datum = Datum::of(value);
        if let Some(number) = self.numbers.get(&datum) {
            return Ok(*number);
        }
        match datum.twin().filter(|twin| self.numbers.contains_key(twin)) {
            None => Ok(self.number(value)),
            Some(Datum::Int(int)) => Err(Unfit::new(format!("gave the text {value}, but the number {int} was put in"))
                .help("in a script, parse_int() makes a number of a text")),
            Some(_) => Err(Unfit::new(format!("gave the number {value}, but it was put in as a text"))
                .help("in a script, to_string() makes a text of a number")),
        }
    }

    /// The value with this number, as text.
    pub(super) fn show(&self, number: u32) -> String {
        self.known.get(number as usize).map_or(String::new(), Value::to_string)
    }

    /// Several of them, as a list.
    pub(super) fn show_all(&self, numbers: &[u32]) -> String {
        const SHOWN: usize = 10;
        let rest = if numbers.len() > SHOWN { format!(", … {} in all", numbers.len()) } else { String::new() };
        let shown: Vec<String> = numbers.iter().take(SHOWN).map(|number| self.show(*number)).collect();
        format!("[{}{rest}]", shown.join(", "))
    }
}
