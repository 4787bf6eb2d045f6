//! Durations, rates and probabilities as people write them, read the same way in scripts, cluster files and
//! arguments: `5`, `"100ms"`, `"10mbit"`, `"30%"`.
//!
//! Pure. Whatever could mean two things is refused with what to write instead, never guessed.

use crate::diagnostic::nearest;
use std::fmt;

/// A quantity as it was written: scripts and YAML have numbers and text, the command line only text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// An integer.
    Int(i64),
    /// A number with a decimal point.
    Float(f64),
    /// Text, which needs a unit.
    Text(&'a str),
}

impl From<i64> for Raw<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Raw<'_> {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl<'a> From<&'a str> for Raw<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// What is wrong with a quantity, for the caller to show at its place in the user's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, naming what was written.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Problem {
    /// What is wrong, and what to write instead.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.help)
    }
}

impl std::error::Error for Problem {}

/// The longest duration, in µs: every whole number up to it is exact as a float. 285 years.
const LONGEST_US: f64 = 9_007_199_254_740_992.0;
/// The highest rate, in bits per second: what the kernel's own shapers can hold as bytes in 64 bits is far above it.
const HIGHEST_BITS: f64 = 1e15;
/// The lowest rate, in bits per second: the kernel's own shapers count whole bytes.
const LOWEST_BITS: f64 = 8.0;
/// The smallest share of packets, and how near to all of them a share can be that is not all: the coarsest of what
/// draws, nftables' random numbers, draws one of so many.
pub const FINEST_SHARE: f64 = 1e-9;

const DURATION_HELP: &str = "write a number of seconds, or text with a unit like \"500us\", \"100ms\", \"1.5s\", \
                             \"2m\" or \"1h\"";
const RATE_HELP: &str = "write text with a unit like \"500kbit\", \"10mbit\", \"1.5gbit\" or \"500kbyte\"";
const PROBABILITY_HELP: &str = "write a number from 0 to 1 like 0.3, or text like \"30%\"";

/// The second and the third differ: Unicode has a micro sign and a Greek letter.
const DURATION_UNITS: [(&str, f64); 9] = [
    ("us", 1.0),
    ("\u{b5}s", 1.0),
    ("\u{3bc}s", 1.0),
    ("ns", 1e-3),
    ("ms", 1e3),
    ("s", 1e6),
    ("m", 60e6),
    ("min", 60e6),
    ("h", 3600e6),
];
const RATE_UNITS: [(&str, f64); 10] = [
    ("bit", 1.0),
    ("kbit", 1e3),
    ("mbit", 1e6),
    ("gbit", 1e9),
    ("tbit", 1e12),
    ("byte", 8.0),
    ("kbyte", 8e3),
    ("mbyte", 8e6),
    ("gbyte", 8e9),
    ("tbyte", 8e12),
];
/// Rates that some read as bits and some as bytes, or some as 1000 and some as 1024.
const AMBIGUOUS_RATES: [&str; 18] = [
    "b", "k", "m", "g", "t", "kb", "mb", "gb", "tb", "bps", "kbps", "mbps", "gbps", "tbps", "kib", "mib", "gib", "tib",
];

/// A duration in µs, from a number of seconds or text with a unit.
pub fn duration_us<'a>(raw: impl Into<Raw<'a>>) -> Result<u64, Problem> {
    let raw = raw.into();
    let us = match raw {
        Raw::Int(seconds) => seconds as f64 * 1e6,
        Raw::Float(seconds) => seconds * 1e6,
        Raw::Text(text) => {
            let written = Written::read(text, "duration", DURATION_HELP)?;
            written.number * unit(&written, &DURATION_UNITS, "duration", DURATION_HELP)?
        }
    };
    let problem = |what: &str| Problem::new(format!("the duration {raw} is {what}"), DURATION_HELP);
    match us {
        _ if us.is_nan() => Err(problem("not a number")),
        _ if us < 0.0 => Err(problem("negative")),
        _ if us > LONGEST_US => Err(problem("too long")),
        _ if us > 0.0 && us < 0.5 => Err(problem("shorter than a microsecond")),
        _ => Ok(us.round() as u64),
    }
}

/// A rate in bits per second, from text with a unit. A bare number is refused: bits or bytes? Below 1 kbit it is what the
/// kernel would make of it, whole bytes: further up they differ by less than a packet's header.
pub fn rate_bits<'a>(raw: impl Into<Raw<'a>>) -> Result<u64, Problem> {
    let raw = raw.into();
    let Raw::Text(text) = raw else {
        return Err(Problem::new(format!("the rate {raw} has no unit"), RATE_HELP));
    };
    let written = Written::read(text, "rate", RATE_HELP)?;
    let bits = written.number * rate_unit(&written)?;
    let problem = |what: &str| Problem::new(format!("the rate {raw} is {what}"), RATE_HELP);
    match bits {
        _ if bits < 0.0 => Err(problem("negative")),
        _ if bits == 0.0 => Err(Problem::new(format!("the rate {raw} is zero"), "block the links instead")),
        _ if bits < LOWEST_BITS => Err(Problem::new(
            format!("the rate {raw} is too low: the kernel counts whole bytes per second"),
            "write \"8bit\" or more, or block the links instead",
        )),
        _ if bits > HIGHEST_BITS => Err(problem("too high")),
        _ if bits < 1e3 => Ok((bits / LOWEST_BITS) as u64 * LOWEST_BITS as u64),
        _ => Ok(bits.round() as u64),
    }
}

/// A probability in [0, 1], from a number in that range or text with a percent sign.
pub fn probability<'a>(raw: impl Into<Raw<'a>>) -> Result<f64, Problem> {
    let raw = raw.into();
    let p = match raw {
        Raw::Int(number) => number as f64,
        Raw::Float(number) => number,
        Raw::Text(text) => {
            let written = Written::read(text, "probability", PROBABILITY_HELP)?;
            written.number / unit(&written, &[("%", 100.0)], "probability", PROBABILITY_HELP)?
        }
    };
    if (0.0..=1.0).contains(&p) {
        Ok(p)
    } else {
        Err(Problem::new(format!("the probability {raw} is not between 0 and 1"), PROBABILITY_HELP))
    }
}

/// A share of packets in [0, 1], as a probability is written; one that cannot be told from none or from all is refused.
pub fn share<'a>(raw: impl Into<Raw<'a>>) -> Result<f64, Problem> {
    let raw = raw.into();
    let share = probability(raw)?;
    let problem = |nearly: &str, instead: &str| {
        Problem::new(
            format!("the share {raw} cannot be told from {nearly}: packets are drawn one in 1,000,000,000 at best"),
            format!("write {instead}"),
        )
    };
    // The nearest binary fraction of a decimal one may be a little nearer to none or to all.
    let finest = FINEST_SHARE * 0.999_999;
    match share {
        _ if share > 0.0 && share < finest => Err(problem("none", "0.000000001 (\"0.0000001%\") or more, or 0")),
        _ if share < 1.0 && 1.0 - share < finest => Err(problem("all", "0.999999999 (\"99.9999999%\") or less, or 1")),
        _ => Ok(share),
    }
}

/// Text, taken apart into its number and its unit.
struct Written<'a> {
    text: &'a str,
    number: f64,
    unit: &'a str,
}

impl<'a> Written<'a> {
    fn read(text: &'a str, what: &str, help: &str) -> Result<Self, Problem> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(end);
        let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
        match number {
            Some(number) => Ok(Self { text, number, unit: unit.trim_start() }),
            None => Err(Problem::new(format!("{text:?} is no {what}"), help)),
        }
    }
}

/// How much one of the written unit is.
fn unit(written: &Written<'_>, units: &[(&str, f64)], what: &str, help: &str) -> Result<f64, Problem> {
    if let Some((_, size)) = units.iter().find(|(name, _)| *name == written.unit) {
        return Ok(*size);
    }
    if written.unit.is_empty() {
        return Err(Problem::new(format!("the {what} {:?} has no unit", written.text), help));
    }
    let near = nearest(&written.unit.to_lowercase(), units.iter().map(|(name, _)| *name));
    let help = near.map_or_else(|| help.to_owned(), |name| format!("did you mean `{name}`? {help}"));
    Err(Problem::new(format!("{:?} is no unit of a {what}, in {:?}", written.unit, written.text), help))
}

fn rate_unit(written: &Written<'_>) -> Result<f64, Problem> {
    let lower = written.unit.to_lowercase();
    if AMBIGUOUS_RATES.contains(&lower.as_str()) {
        let prefix = if lower.starts_with('b') { "" } else { &lower[..1] };
        let message = format!("the rate {:?} is ambiguous: bits or bytes", written.text);
        let number = written.number;
        return Err(Problem::new(message, format!("write \"{number}{prefix}bit\" or \"{number}{prefix}byte\"")));
    }
    unit(written, &RATE_UNITS, "rate", RATE_HELP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_seconds_or_carry_a_unit() {
        let cases: [(Raw<'_>, u64); 15] = [
            (Raw::Int(5), 5_000_000),
            (Raw::Float(0.1), 100_000),
            (Raw::Text("500us"), 500),
            (Raw::Text("10\u{b5}s"), 10),
            (Raw::Text("10\u{3bc}s"), 10),
            (Raw::Text("5000ns"), 5),
            (Raw::Text("100ms"), 100_000),
            (Raw::Text("1.5s"), 1_500_000),
            (Raw::Text("2m"), 120_000_000),
            (Raw::Text("2min"), 120_000_000),
            (Raw::Text("1h"), 3_600_000_000),
            (Raw::Text(" 5 s "), 5_000_000),
            (Raw::Int(0), 0),
            (Raw::Text("0ms"), 0),
            (Raw::Text(".5ms"), 500),
        ];
        for (raw, us) in cases {
            assert_eq!(duration_us(raw), Ok(us), "{raw}");
        }
    }

    fn problem<T: fmt::Debug>(result: Result<T, Problem>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_duration_says_what_to_write() {
        insta::assert_snapshot!(problem(duration_us("5")), @r#"the duration "5" has no unit (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("5S")), @r#""S" is no unit of a duration, in "5S" (did you mean `s`? write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("5 days")), @r#""days" is no unit of a duration, in "5 days" (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("soon")), @r#""soon" is no duration (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("1e3s")), @r#""e3s" is no unit of a duration, in "1e3s" (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("1.2.3s")), @r#""1.2.3s" is no duration (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("")), @r#""" is no duration (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("-1s")), @r#"the duration "-1s" is negative (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us(-1)), @r#"the duration -1 is negative (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us(f64::NAN)), @r#"the duration NaN is not a number (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us(f64::INFINITY)), @r#"the duration inf is too long (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("1ns")), @r#"the duration "1ns" is shorter than a microsecond (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us("5Ms")), @r#""Ms" is no unit of a duration, in "5Ms" (did you mean `ms`? write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
        insta::assert_snapshot!(problem(duration_us(1e-9)), @r#"the duration 1e-9 is shorter than a microsecond (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")"#);
    }

    #[test]
    fn rates_spell_out_bits_and_bytes() {
        let cases = [
            ("800bit", 800),
            ("64kbit", 64_000),
            ("10mbit", 10_000_000),
            ("1.5gbit", 1_500_000_000),
            ("1tbit", 1_000_000_000_000),
            ("8bit", 8),
            ("12bit", 8),
            ("999bit", 992),
            ("1001bit", 1_001),
            ("1byte", 8),
            ("500kbyte", 4_000_000),
            ("2mbyte", 16_000_000),
            ("1gbyte", 8_000_000_000),
        ];
        for (text, bits) in cases {
            assert_eq!(rate_bits(text), Ok(bits), "{text}");
        }
    }

    #[test]
    fn a_wrong_rate_says_what_to_write() {
        insta::assert_snapshot!(problem(rate_bits("10mbps")), @r#"the rate "10mbps" is ambiguous: bits or bytes (write "10mbit" or "10mbyte")"#);
        insta::assert_snapshot!(problem(rate_bits("10B")), @r#"the rate "10B" is ambiguous: bits or bytes (write "10bit" or "10byte")"#);
        insta::assert_snapshot!(problem(rate_bits("10mbits")), @r#""mbits" is no unit of a rate, in "10mbits" (did you mean `mbit`? write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte")"#);
        insta::assert_snapshot!(problem(rate_bits("10")), @r#"the rate "10" has no unit (write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte")"#);
        insta::assert_snapshot!(problem(rate_bits(10)), @r#"the rate 10 has no unit (write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte")"#);
        insta::assert_snapshot!(problem(rate_bits("0mbit")), @r#"the rate "0mbit" is zero (block the links instead)"#);
        insta::assert_snapshot!(problem(rate_bits("0.1bit")), @r#"the rate "0.1bit" is too low: the kernel counts whole bytes per second (write "8bit" or more, or block the links instead)"#);
        insta::assert_snapshot!(problem(rate_bits("1bit")), @r#"the rate "1bit" is too low: the kernel counts whole bytes per second (write "8bit" or more, or block the links instead)"#);
        insta::assert_snapshot!(problem(rate_bits("1tb")), @r#"the rate "1tb" is ambiguous: bits or bytes (write "1tbit" or "1tbyte")"#);
        insta::assert_snapshot!(problem(rate_bits("-1mbit")), @r#"the rate "-1mbit" is negative (write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte")"#);
        insta::assert_snapshot!(problem(rate_bits("9999999gbit")), @r#"the rate "9999999gbit" is too high (write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte")"#);
    }

    #[test]
    fn probabilities_are_fractions_or_percentages() {
        for (raw, p) in [(Raw::Float(0.3), 0.3), (Raw::Int(1), 1.0), (Raw::Text("30%"), 0.3), (Raw::Text("100 %"), 1.0)]
        {
            assert_eq!(probability(raw), Ok(p), "{raw}");
        }
    }

    #[test]
    fn a_wrong_probability_says_what_to_write() {
        insta::assert_snapshot!(problem(probability(30)), @r#"the probability 30 is not between 0 and 1 (write a number from 0 to 1 like 0.3, or text like "30%")"#);
        insta::assert_snapshot!(problem(probability("130%")), @r#"the probability "130%" is not between 0 and 1 (write a number from 0 to 1 like 0.3, or text like "30%")"#);
        insta::assert_snapshot!(problem(probability("0.3")), @r#"the probability "0.3" has no unit (write a number from 0 to 1 like 0.3, or text like "30%")"#);
        insta::assert_snapshot!(problem(probability(f64::NAN)), @r#"the probability NaN is not between 0 and 1 (write a number from 0 to 1 like 0.3, or text like "30%")"#);
        insta::assert_snapshot!(problem(probability(-0.1)), @r#"the probability -0.1 is not between 0 and 1 (write a number from 0 to 1 like 0.3, or text like "30%")"#);
    }

    #[test]
    fn a_share_that_cannot_be_told_from_none_or_all_is_refused() {
        insta::assert_snapshot!(problem(share(1e-12)), @r#"the share 1e-12 cannot be told from none: packets are drawn one in 1,000,000,000 at best (write 0.000000001 ("0.0000001%") or more, or 0)"#);
        insta::assert_snapshot!(problem(share("0.00000005%")), @r#"the share "0.00000005%" cannot be told from none: packets are drawn one in 1,000,000,000 at best (write 0.000000001 ("0.0000001%") or more, or 0)"#);
        insta::assert_snapshot!(problem(share(0.999_999_999_9)), @r#"the share 0.9999999999 cannot be told from all: packets are drawn one in 1,000,000,000 at best (write 0.999999999 ("99.9999999%") or less, or 1)"#);
        for (raw, p) in [(Raw::Int(0), 0.0), (Raw::Float(1e-9), 1e-9), (Raw::Float(0.999_999_999), 0.999_999_999)] {
            assert_eq!(share(raw), Ok(p), "{raw}");
        }
        assert!(share("0.0000001%").is_ok() && share("99.9999999%").is_ok() && share(1) == Ok(1.0));
    }

    #[test]
    fn the_finest_share_is_one_that_the_kernel_can_draw() {
        use crate::plan::Billionths;
        assert_eq!(Billionths::of(FINEST_SHARE), Billionths(1));
        assert_eq!(Billionths::of(1.0 - FINEST_SHARE), Billionths(Billionths::ONE - 1));
    }

    proptest! {
        #[test]
        fn every_whole_number_of_microseconds_is_read_exactly(us in 0_u64..=9_007_199_254_740_992) {
            prop_assert_eq!(duration_us(format!("{us}us").as_str()), Ok(us));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in ".*") {
            let _ = (duration_us(text.as_str()), rate_bits(text.as_str()), probability(text.as_str()));
        }
    }
}
