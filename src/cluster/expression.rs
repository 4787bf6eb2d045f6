//! `network: {slow: 75ms 100ms distribution normal}`: impairments as `tc netem` and the old Blockade write them. Pure.

use crate::fault::{Burst, Chance, Distribution, Impairment, Jitter};
use crate::script::quantity::{Problem, duration_us, probability};

const SLOW_HELP: &str = "write TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], \
                         like `75ms 100ms distribution normal`";
const SHARE_HELP: &str = "write [random] PERCENT [CORRELATION], like `30%` or `30% 25%`";

/// What `slow` does: `TIME [JITTER [CORRELATION]] [distribution NAME]`. The jitter may be larger than the time: then
/// some packets are not delayed.
pub fn slow(text: &str) -> Result<Impairment, Problem> {
    let wrong = |what: String| Problem::new(what, SLOW_HELP);
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let mut distribution = Distribution::Uniform;
    if let [.., "distribution", name] = words[..] {
        distribution = Distribution::ALL
            .into_iter()
            .find(|known| known.name() == name)
            .ok_or_else(|| wrong(format!("unknown distribution `{name}`")))?;
        words.truncate(words.len() - 2);
    }
    let (time, jitter, correlation) = match words[..] {
        [time] => (time, "0ms", "0%"),
        [time, jitter] => (time, jitter, "0%"),
        [time, jitter, correlation] => (time, jitter, correlation),
        _ => return Err(wrong(format!("{text:?} is no delay"))),
    };
    let (delay_us, us, correlation) = (duration_us(time)?, duration_us(jitter)?, correlation_of(correlation)?);
    let jitter = if us > 0 { vec![Jitter { us, distribution, correlation }] } else { Vec::new() };
    Ok(Impairment { delay_us, jitter, ..Impairment::NONE })
}

/// What `flaky` does: `[random] PERCENT [CORRELATION]`.
pub fn flaky(text: &str) -> Result<Impairment, Problem> {
    let chance = share(text)?;
    Ok(if chance.correlation > 0.0 && chance.p > 0.0 && chance.p < 1.0 {
        let burst = Burst::Correlated { loss: chance.p, correlation: chance.correlation };
        Impairment { bursts: vec![burst], ..Impairment::NONE }
    } else {
        Impairment { loss: chance.p, ..Impairment::NONE }
    })
}

/// What `duplicate` does: `[random] PERCENT [CORRELATION]`.
pub fn duplicate(text: &str) -> Result<Impairment, Problem> {
    Ok(Impairment { duplicate: share(text)?, ..Impairment::NONE })
}

fn share(text: &str) -> Result<Chance, Problem> {
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "random").collect();
    match words[..] {
        [p] => Ok(Chance::independent(probability(p)?)),
        [p, correlation] => Ok(Chance { p: probability(p)?, correlation: correlation_of(correlation)? }),
        _ => Err(Problem::new(format!("{text:?} is no probability"), SHARE_HELP)),
    }
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
    fn expressions_of_tc_are_read() {
        let old = slow("75ms 100ms distribution normal").unwrap();
        assert_eq!(old.to_string(), "delay 75 ms, jitter 100 ms normal");
        assert_eq!(slow("100ms 10ms 25%").unwrap().to_string(), "delay 100 ms, jitter 10 ms (correlation 25 %)");
        assert_eq!(slow("1s").unwrap().to_string(), "delay 1000 ms");
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
            flaky("30").unwrap_err(),
            flaky("30% 100%").unwrap_err(),
            duplicate("5% 1% 1%").unwrap_err(),
        ];
        insta::assert_snapshot!(told.map(|problem| problem.message).join("\n"), @r#"
        "" is no delay
        "fast" is no duration
        unknown distribution `bell`
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
