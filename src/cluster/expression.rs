//! `network: {slow: 75ms 100ms distribution normal}`: impairments as `tc netem` and the old Blockade write them. Pure.

use crate::fault::{Burst, Chance, Distribution, Impairment, Jitter};
use crate::script::correlated;
use crate::script::quantity::{Problem, duration_us, probability, share};

const SLOW_HELP: &str = "write TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], \
                         like `75ms 100ms distribution normal`";
const SHARE_HELP: &str = "write [random] PERCENT [CORRELATION], like `30%` or `30% 25%`";

/// What `tc` calls its units of time beside ours, in whatever case (`man tc`, TIMES).
const TC_UNITS: [(&str, &str); 8] = [
    ("sec", "s"),
    ("secs", "s"),
    ("msec", "ms"),
    ("msecs", "ms"),
    ("usec", "us"),
    ("usecs", "us"),
    ("nsec", "ns"),
    ("nsecs", "ns"),
];

/// What `slow` does: `TIME [JITTER [CORRELATION]] [distribution NAME]`. The jitter may be larger than the time: then
/// some packets are not delayed.
pub fn slow(text: &str) -> Result<Impairment, Problem> {
    let wrong = |what: String| Problem::new(what, SLOW_HELP);
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let distribution = match words[..] {
        [.., "distribution"] => return Err(wrong("a name is missing behind `distribution`".to_owned())),
        [.., "distribution", name] => {
            words.truncate(words.len() - 2);
            let known = Distribution::ALL.into_iter().find(|known| known.name() == name);
            Some(known.ok_or_else(|| wrong(format!("unknown distribution `{name}`")))?)
        }
        _ => None,
    };
    let (time, jitter, correlation) = match words[..] {
        [time] => (time, None, None),
        [time, jitter] => (time, Some(jitter), None),
        [time, jitter, correlation] => (time, Some(jitter), Some(correlation)),
        _ => return Err(wrong(format!("{text:?} is no delay"))),
    };
    let (delay_us, us) = (time_us(time)?, jitter.map_or(Ok(0), time_us)?);
    let correlation = correlation.map(correlation_of).transpose()?;
    if us == 0 {
        let alone = [("correlation", correlation.is_some()), ("distribution", distribution.is_some())];
        if let Some((what, _)) = alone.into_iter().find(|(_, is_given)| *is_given) {
            let help = format!("add a jitter, or leave the {what} out: {}", SLOW_HELP.trim_start_matches("write "));
            return Err(Problem::new(format!("a {what} without a jitter has no effect"), help));
        }
        return something(text, Impairment { delay_us, ..Impairment::NONE });
    }
    let jitter =
        Jitter { us, distribution: distribution.unwrap_or_default(), correlation: correlation.unwrap_or_default() };
    Ok(Impairment { delay_us, jitter: vec![jitter], ..Impairment::NONE })
}

/// What `flaky` does: `[random] PERCENT [CORRELATION]`.
pub fn flaky(text: &str) -> Result<Impairment, Problem> {
    let chance = packets(text)?;
    if chance.correlation > 0.0 && chance.p > 0.0 && chance.p < 1.0 {
        let burst: Burst = correlated(chance.p, chance.correlation)?;
        return Ok(Impairment { bursts: vec![burst], ..Impairment::NONE });
    }
    something(text, Impairment { loss: chance.p, ..Impairment::NONE })
}

/// What `duplicate` does: `[random] PERCENT [CORRELATION]`.
pub fn duplicate(text: &str) -> Result<Impairment, Problem> {
    let chance = packets(text)?;
    let duplicate = if chance.p > 0.0 { chance } else { Chance::default() };
    something(text, Impairment { duplicate, ..Impairment::NONE })
}

/// The impairment, unless it is none.
fn something(text: &str, impairment: Impairment) -> Result<Impairment, Problem> {
    if impairment.is_none() {
        let message = format!("{text:?} changes nothing: all of it is 0");
        return Err(Problem::new(message, "write something above 0, or leave the key out for what is usual"));
    }
    Ok(impairment)
}

fn packets(text: &str) -> Result<Chance, Problem> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.strip_prefix(&["random"]).unwrap_or(&words) {
        words if words.contains(&"random") => Err(Problem::new(format!("{text:?} is no probability"), SHARE_HELP)),
        [p] => Ok(Chance::independent(share(*p).map_err(|problem| in_words(p, problem, SHARE_HELP))?)),
        [p, correlation] => Ok(Chance { p: share(*p)?, correlation: correlation_of(correlation)? }),
        _ => Err(Problem::new(format!("{text:?} is no probability"), SHARE_HELP)),
    }
}

/// A time in our units or `tc`'s, microseconds.
fn time_us(text: &str) -> Result<u64, Problem> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_lowercase();
    match TC_UNITS.iter().find(|(known, _)| *known == unit) {
        Some((_, ours)) => duration_us(format!("{digits}{ours}").as_str()),
        None => duration_us(text).map_err(|problem| in_words(text, problem, SLOW_HELP)),
    }
}

/// Where a bare number is a quantity, as in a script, help would tell of one; here only text is.
fn in_words(text: &str, problem: Problem, help: &str) -> Problem {
    if text.parse::<f64>().is_ok() { Problem::new(problem.message, help) } else { problem }
}

fn correlation_of(text: &str) -> Result<f64, Problem> {
    match probability(text)? {
        correlation if correlation < 1.0 => Ok(correlation),
        _ => Err(Problem::new(
            format!("a correlation of {text} would repeat the first packet's fate for ever"),
            "write less",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bare_number_is_told_what_a_cluster_file_takes() {
        assert_eq!([slow("75").unwrap_err().help, flaky("0.3").unwrap_err().help], [SLOW_HELP, SHARE_HELP]);
    }

    #[test]
    fn expressions_of_tc_are_read() {
        let old = slow("75ms 100ms distribution normal").unwrap();
        assert_eq!(old.to_string(), "delay 75 ms, jitter 100 ms normal");
        assert_eq!(slow("100ms 10ms 25%").unwrap().to_string(), "delay 100 ms, jitter 10 ms (correlation 25 %)");
        assert_eq!(slow("1s").unwrap().to_string(), "delay 1000 ms");
        assert_eq!(slow("2secs 3msecs 25%").unwrap().to_string(), "delay 2000 ms, jitter 3 ms (correlation 25 %)");
        for (text, us) in [
            ("1sec", 1_000_000),
            ("1s", 1_000_000),
            ("1.5secs", 1_500_000),
            ("75msec", 75_000),
            ("75MSECS", 75_000),
            ("75ms", 75_000),
            ("7usec", 7),
            ("7usecs", 7),
            ("7us", 7),
            ("7000nsecs", 7),
        ] {
            assert_eq!(slow(text).unwrap().delay_us, us, "{text}");
        }
        assert_eq!(flaky("random 30%").unwrap().to_string(), "loss 30 %");
        assert_eq!(flaky("30% 25%").unwrap().to_string(), "loss 30 % (correlation 25 %)");
        assert_eq!(duplicate("5%").unwrap().to_string(), "duplicate 5 %");
    }

    #[test]
    fn wrong_ones_say_what_to_write() {
        let told = [
            slow("").unwrap_err(),
            slow("fast").unwrap_err(),
            slow("75ms distribution bell").unwrap_err(),
            slow("75ms 10ms distribution").unwrap_err(),
            slow("75ms distribution normal").unwrap_err(),
            slow("75ms 0ms 25%").unwrap_err(),
            slow("-1sec").unwrap_err(),
            slow("0ms").unwrap_err(),
            flaky("0% 25%").unwrap_err(),
            flaky("random random 30%").unwrap_err(),
            flaky("30% random").unwrap_err(),
            flaky("0.00000001%").unwrap_err(),
            flaky("0.001% 99.9999%").unwrap_err(),
            duplicate("0% 25%").unwrap_err(),
            flaky("30").unwrap_err(),
            flaky("30% 100%").unwrap_err(),
            duplicate("5% 1% 1%").unwrap_err(),
        ];
        insta::assert_snapshot!(told.map(|problem| problem.message).join("\n"), @r#"
        "" is no delay
        "fast" is no duration
        unknown distribution `bell`
        a name is missing behind `distribution`
        a distribution without a jitter has no effect
        a correlation without a jitter has no effect
        the duration "-1s" is negative
        "0ms" changes nothing: all of it is 0
        "0% 25%" changes nothing: all of it is 0
        "random random 30%" is no probability
        "30% random" is no probability
        the share "0.00000001%" cannot be told from none: packets are drawn one in 1,000,000,000 at best
        with that correlation losses begin or end with less than one packet in 1,000,000,000
        "0% 25%" changes nothing: all of it is 0
        the probability "30" has no unit
        a correlation of 100% would repeat the first packet's fate for ever
        "5% 1% 1%" is no probability
        "#);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in ".*") {
            let _ = (slow(&text), flaky(&text), duplicate(&text));
        }
    }
}
