//! What the shaping functions are told: from `#{ delay: "50ms", jitter: "10ms" }` to an impairment. Every refusal says
//! what to write instead.

use super::values::{duration_us, expected, known_keys, probability, rate_bits, text};
use crate::fault::{Burst, Chance, Distribution, Filter, Impairment, Jitter};
use crate::{Error, Result};
use rhai::{Dynamic, FLOAT, INT, Map};

/// A shaping function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verb {
    pub(super) name: &'static str,
    /// What its second argument means if it is not a map; a function without one takes only maps.
    short: Option<&'static str>,
    /// The keys that it takes; the first must be there, unless a `model` is or there is no short form.
    keys: &'static [&'static str],
}

/// All of them.
pub(super) const VERBS: [Verb; 7] = [
    Verb { name: "slow", short: Some("delay"), keys: &["delay", "jitter", "correlation", "distribution"] },
    Verb {
        name: "flaky",
        short: Some("loss"),
        keys: &["loss", "correlation", "model", "p", "r", "h", "k", "p13", "p31", "p32", "p23", "p14"],
    },
    Verb { name: "duplicate", short: Some("duplicate"), keys: &["duplicate", "correlation"] },
    Verb { name: "corrupt", short: Some("corrupt"), keys: &["corrupt", "correlation"] },
    Verb { name: "reorder", short: Some("reorder"), keys: &["reorder", "correlation", "gap", "delay"] },
    Verb { name: "throttle", short: Some("rate"), keys: &["rate"] },
    Verb {
        name: "degrade",
        short: None,
        keys: &["delay", "jitter", "distribution", "loss", "duplicate", "corrupt", "reorder", "gap", "rate"],
    },
];

const GE_KEYS: [&str; 4] = ["p", "r", "h", "k"];
const STATE_KEYS: [&str; 5] = ["p13", "p31", "p32", "p23", "p14"];

/// What a shaping function is to do.
pub(super) fn impairment(verb: Verb, how: &Dynamic) -> Result<Impairment> {
    let map = match (how.read_lock::<Map>(), verb.short) {
        (Some(map), _) => map.clone(),
        (None, Some(short)) => Map::from([(short.into(), how.clone())]),
        (None, None) => return Err(expected("a map like #{ delay: \"50ms\", loss: 0.1 }", how)),
    };
    known_keys(&map, verb.keys)?;
    let told = Told { verb, map: &map };
    told.is_complete()?;
    let impairment = told.impairment()?;
    if impairment.is_none() {
        return Err(Error::usage(format!("{}() was told to change nothing: all it was given is 0", verb.name))
            .help("leave the call out, or give it something above 0"));
    }
    Ok(impairment)
}

/// The same from words of a command line: `delay`, `100ms`.
pub fn impairment_of_words(verb: &str, words: &[(&str, &str)]) -> Result<Impairment> {
    let known = VERBS.into_iter().find(|known| known.name == verb);
    let verb = known.ok_or_else(|| Error::usage(format!("`{verb}` impairs no links")))?;
    impairment(verb, &Dynamic::from(map_of(words)))
}

/// Which packets, from words of a command line: `proto`, `tcp`.
pub fn filter_of_words(words: &[(&str, &str)]) -> Result<Filter> {
    super::values::filter(&map_of(words))
}

/// What is a number is one; all else is text, as in a script.
fn map_of(words: &[(&str, &str)]) -> Map {
    let value = |word: &str| {
        let integer = word.parse::<INT>().ok().map(Dynamic::from);
        integer.or_else(|| word.parse::<FLOAT>().ok().map(Dynamic::from)).unwrap_or_else(|| word.to_owned().into())
    };
    words.iter().map(|(key, word)| ((*key).into(), value(word))).collect()
}

struct Told<'a> {
    verb: Verb,
    map: &'a Map,
}

impl Told<'_> {
    fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    fn time(&self, key: &str) -> Result<u64> {
        self.map.get(key).map_or(Ok(0), duration_us)
    }

    fn chance(&self, key: &str, otherwise: f64) -> Result<f64> {
        self.map.get(key).map_or(Ok(otherwise), probability)
    }

    /// Whether what the function is for was said.
    fn is_complete(&self) -> Result<()> {
        let Verb { name, short, keys } = self.verb;
        if self.map.is_empty() {
            return Err(Error::usage(format!("{name}() was told nothing to do"))
                .help(format!("give it at least one of {}", keys.join(", "))));
        }
        match short {
            Some(short) if !self.has(short) && !self.has("model") => {
                Err(Error::usage(format!("{name}() was not told its `{short}`"))
                    .help(format!("write {name}(links, #{{ {short}: …, {}: … }})", self.first_key())))
            }
            _ => Ok(()),
        }
    }

    fn first_key(&self) -> &str {
        self.map.keys().next().map_or("", |key| key.as_str())
    }

    fn impairment(&self) -> Result<Impairment> {
        let correlation = self.chance("correlation", 0.0)?;
        if correlation >= 1.0 {
            return Err(Error::usage("a correlation of 1 would repeat the first packet's fate for ever")
                .help("write a correlation below 1, like 0.25 or \"25%\""));
        }
        let chance = |key: &str| Ok::<_, Error>(Chance { p: self.chance(key, 0.0)?, correlation: 0.0 });
        let own =
            |key: &str, chance: Chance| if self.verb.short == Some(key) { correlation } else { chance.correlation };
        let with_memory = |key: &str| {
            let chance = chance(key)?;
            Ok::<_, Error>(if chance.p > 0.0 { Chance { correlation: own(key, chance), ..chance } } else { chance })
        };
        let (loss, bursts) = self.loss(correlation)?;
        Ok(Impairment {
            delay_us: self.time("delay")?,
            jitter: self.jitter(if self.verb.name == "slow" { correlation } else { 0.0 })?,
            loss,
            bursts,
            duplicate: with_memory("duplicate")?,
            corrupt: with_memory("corrupt")?,
            reorder: with_memory("reorder")?,
            gap: self.gap()?,
            rate_bits: self.map.get("rate").map(rate_bits).transpose()?,
        })
    }

    fn jitter(&self, correlation: f64) -> Result<Vec<Jitter>> {
        let us = self.time("jitter")?;
        let distribution = self.distribution()?;
        if us == 0 {
            let alone =
                ["correlation", "distribution"].into_iter().find(|key| self.verb.name == "slow" && self.has(key));
            return match alone {
                Some(key) => Err(Error::usage(format!("a {key} without a jitter has no effect"))
                    .help(format!("add a jitter, or leave `{key}` out"))),
                None => Ok(Vec::new()),
            };
        }
        if us > self.time("delay")? {
            return Err(Error::usage("the jitter is larger than the delay")
                .help("a packet cannot arrive before it was sent: raise the delay or lower the jitter"));
        }
        Ok(vec![Jitter { us, distribution, correlation }])
    }

    fn distribution(&self) -> Result<Distribution> {
        let Some(value) = self.map.get("distribution") else { return Ok(Distribution::Uniform) };
        let word = text(value, "text for distribution")?;
        let names = Distribution::ALL.map(Distribution::name);
        Distribution::ALL.into_iter().find(|one| one.name() == word).ok_or_else(|| {
            Error::usage(format!("unknown distribution `{word}`")).help(format!("one of {}", names.join(", ")))
        })
    }

    /// Independent loss, and loss in bursts.
    fn loss(&self, correlation: f64) -> Result<(f64, Vec<Burst>)> {
        let Some(model) = self.map.get("model") else {
            if let Some(key) = GE_KEYS.iter().chain(&STATE_KEYS).find(|key| self.has(key)) {
                let model = if GE_KEYS.contains(key) { "gemodel" } else { "4state" };
                return Err(Error::usage(format!("`{key}` belongs to a model")).help(format!("add model: \"{model}\"")));
            }
            let loss = self.chance("loss", 0.0)?;
            let has_memory = self.verb.name == "flaky" && correlation > 0.0 && loss > 0.0 && loss < 1.0;
            return Ok(if has_memory {
                (0.0, vec![Burst::Correlated { loss, correlation }])
            } else {
                (loss, Vec::new())
            });
        };
        let model = text(model, "text for model")?;
        let own: &[&str] = match model.as_str() {
            "gemodel" => &GE_KEYS,
            "4state" => &STATE_KEYS,
            _ => return Err(Error::usage(format!("unknown model `{model}`")).help("one of gemodel, 4state")),
        };
        let foreign = self.map.keys().find(|key| key.as_str() != "model" && !own.contains(&key.as_str()));
        if let Some(key) = foreign {
            return Err(
                Error::usage(format!("the model {model} has no `{key}`")).help(format!("it takes {}", own.join(", ")))
            );
        }
        if !self.has(own[0]) {
            return Err(Error::usage(format!("the model {model} needs `{}`", own[0]))
                .help("the probability that a burst of losses begins"));
        }
        let burst = if own.len() == GE_KEYS.len() { self.gilbert_elliott()? } else { self.four_states()? };
        if burst.rate() == 0.0 {
            return Err(Error::usage(format!(
                "{}() was told to change nothing: that model never loses a packet",
                self.verb.name
            ))
            .help("leave the call out, or let a burst begin"));
        }
        Ok((0.0, vec![burst]))
    }

    /// As with `tc`: without `r` a burst ends with probability 1 − p; in the bad state everything is lost, in the good
    /// one nothing.
    fn gilbert_elliott(&self) -> Result<Burst> {
        let p = self.chance("p", 0.0)?;
        Ok(Burst::GeModel { p, r: self.chance("r", 1.0 - p)?, h: self.chance("h", 0.0)?, k: self.chance("k", 1.0)? })
    }

    fn four_states(&self) -> Result<Burst> {
        let p13 = self.chance("p13", 0.0)?;
        let (p31, p32) = (self.chance("p31", 1.0 - p13)?, self.chance("p32", 0.0)?);
        let (p23, p14) = (self.chance("p23", 1.0)?, self.chance("p14", 0.0)?);
        for (one, other, sum) in [("p13", "p14", p13 + p14), ("p31", "p32", p31 + p32)] {
            if sum > 1.0 {
                return Err(Error::usage(format!("{one} and {other} are more than 1 together"))
                    .help("both are ways out of the same state: their sum is at most 1"));
            }
        }
        Ok(Burst::FourState { p13, p31, p32, p23, p14 })
    }

    fn gap(&self) -> Result<u32> {
        let Some(value) = self.map.get("gap") else { return Ok(0) };
        let number: INT = value.as_int().map_err(|_| expected("a number of packets for gap", value))?;
        let gap = u32::try_from(number).ok().filter(|gap| *gap > 0);
        let gap = gap.ok_or_else(|| {
            Error::usage(format!("a gap of {number} packets"))
                .help("write 1 or more: every so-manieth packet may overtake")
        })?;
        if !self.has("reorder") {
            return Err(
                Error::usage("a gap without reorder has no effect").help("add reorder: 0.25, or leave `gap` out")
            );
        }
        Ok(gap)
    }
}
