//! What the shaping functions are told: from `#{ delay: "50ms", jitter: "10ms" }` to an impairment. Every refusal says
//! what to write instead, in the words of whoever asked: a script's or the command line's.

use super::quantity::{FINEST_SHARE, Problem};
use super::values::{duration_us, expected, known_keys, probability, rate_bits, share, text};
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
/// Keys whose values are names: on a command line a number there is one, too.
const NAMES: [&str; 3] = ["distribution", "proto", "family"];

/// In whose words a refusal speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    Script,
    CommandLine,
}

impl Tongue {
    /// A function or a command.
    fn verb(self, name: &str) -> String {
        match self {
            Self::Script => format!("{name}()"),
            Self::CommandLine => name.to_owned(),
        }
    }

    /// A key or a flag.
    fn key(self, key: &str) -> String {
        match self {
            Self::Script => format!("`{key}`"),
            Self::CommandLine => format!("--{key}"),
        }
    }

    /// A key or a flag with a value, a number.
    fn pair(self, key: &str, value: &str) -> String {
        match self {
            Self::Script => format!("{key}: {value}"),
            Self::CommandLine => format!("--{key} {value}"),
        }
    }
}

/// What a shaping function is to do.
pub(super) fn impairment(verb: Verb, how: &Dynamic) -> Result<Impairment> {
    let map = match (how.read_lock::<Map>(), verb.short) {
        (Some(map), _) => map.clone(),
        (None, Some(short)) => Map::from([(short.into(), how.clone())]),
        (None, None) => return Err(expected("a map like #{ delay: \"50ms\", loss: 0.1 }", how)),
    };
    Told { verb, map: &map, tongue: Tongue::Script }.checked()
}

/// Whether it is to do what the cluster file says of it: `#{ usual: true }`.
pub(super) fn is_usual(how: &Dynamic) -> bool {
    let is_so = |map: &Map| map.len() == 1 && map.get("usual").is_some_and(|usual| usual.as_bool() == Ok(true));
    how.read_lock::<Map>().is_some_and(|map| is_so(&map))
}

/// The same from words of a command line: `delay`, `100ms`.
pub fn impairment_of_words(verb: &str, words: &[(&str, &str)]) -> Result<Impairment> {
    let known = VERBS.into_iter().find(|known| known.name == verb);
    let verb = known.ok_or_else(|| Error::usage(format!("`{verb}` impairs no links")))?;
    Told { verb, map: &map_of(words), tongue: Tongue::CommandLine }.checked()
}

/// Which packets, from words of a command line: `proto`, `tcp`.
pub fn filter_of_words(words: &[(&str, &str)]) -> Result<Filter> {
    super::values::filter(&map_of(words))
}

/// What is a number is one, where it may be; all else is text, as in a script.
fn map_of(words: &[(&str, &str)]) -> Map {
    let number = |word: &str| {
        let integer = word.parse::<INT>().ok().map(Dynamic::from);
        integer.or_else(|| word.parse::<FLOAT>().ok().map(Dynamic::from))
    };
    let value = |key: &str, word: &str| {
        let number = if NAMES.contains(&key) { None } else { number(word) };
        number.unwrap_or_else(|| word.to_owned().into())
    };
    words.iter().map(|(key, word)| ((*key).into(), value(key, word))).collect()
}

struct Told<'a> {
    verb: Verb,
    map: &'a Map,
    tongue: Tongue,
}

impl Told<'_> {
    fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    fn time(&self, key: &str) -> Result<u64> {
        self.map.get(key).map_or(Ok(0), duration_us)
    }

    fn share(&self, key: &str, otherwise: f64) -> Result<f64> {
        self.map.get(key).map_or(Ok(otherwise), share)
    }

    /// The function or command, as it is called.
    fn name(&self) -> String {
        self.tongue.verb(self.verb.name)
    }

    /// The impairment, if all that was said makes sense and has an effect.
    fn checked(&self) -> Result<Impairment> {
        self.is_known()?;
        self.has_its_model()?;
        self.is_complete()?;
        let impairment = self.impairment()?;
        self.overtakes_somebody(&impairment)?;
        if impairment.is_none() {
            let leave = if self.tongue == Tongue::Script { "leave the call out, or " } else { "" };
            return Err(Error::usage(format!("{} was told to change nothing: all it was given is 0", self.name()))
                .help(format!("{leave}give it something above 0")));
        }
        Ok(impairment)
    }

    fn is_known(&self) -> Result<()> {
        let Verb { name, keys, .. } = self.verb;
        if self.tongue == Tongue::Script {
            return known_keys(self.map, keys);
        }
        let Some(foreign) = self.map.keys().find(|key| !keys.contains(&key.as_str())) else { return Ok(()) };
        let of_others = VERBS.iter().filter(|verb| verb.keys.contains(&foreign.as_str())).map(|verb| verb.name);
        let others: Vec<_> = of_others.collect();
        Err(Error::usage(format!("{name} takes no --{foreign}")).help(format!(
            "{name} takes {}; --{foreign} is for {}",
            self.keys(),
            others.join(", ")
        )))
    }

    /// All that it takes. No flags belong to a model.
    fn keys(&self) -> String {
        let is_said = |key: &&&str| {
            let of_model = **key == "model" || GE_KEYS.contains(key) || STATE_KEYS.contains(key);
            self.tongue == Tongue::Script || !of_model
        };
        let keys = self.verb.keys.iter().filter(is_said);
        let shown = |key: &&str| match self.tongue {
            Tongue::Script => (*key).to_owned(),
            Tongue::CommandLine => self.tongue.key(key),
        };
        keys.map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Whether numbers of a model come with the model.
    fn has_its_model(&self) -> Result<()> {
        let of_model = GE_KEYS.iter().chain(&STATE_KEYS).find(|key| self.has(key));
        match of_model {
            Some(key) if !self.has("model") => {
                let model = if GE_KEYS.contains(key) { "gemodel" } else { "4state" };
                Err(Error::usage(format!("`{key}` belongs to a model")).help(format!("add model: \"{model}\"")))
            }
            _ => Ok(()),
        }
    }

    /// Whether what the function is for was said.
    fn is_complete(&self) -> Result<()> {
        if self.map.is_empty() {
            return Err(Error::usage(format!("{} was told nothing to do", self.name()))
                .help(format!("give it at least one of {}", self.keys())));
        }
        let Verb { name, short: Some(short), .. } = self.verb else { return Ok(()) };
        if self.has(short) || self.has("model") {
            return Ok(());
        }
        let help = match self.tongue {
            Tongue::Script => format!("write {name}(links, #{{ {short}: …, {}: … }})", self.first_key()),
            Tongue::CommandLine => format!("add --{short}"),
        };
        Err(Error::usage(format!("{} was not told its {}", self.name(), self.tongue.key(short))).help(help))
    }

    fn first_key(&self) -> &str {
        self.map.keys().next().map_or("", |key| key.as_str())
    }

    /// Whether there is a packet left to overtake.
    fn overtakes_somebody(&self, impairment: &Impairment) -> Result<()> {
        if impairment.reorder.p < 1.0 || impairment.gap > 1 {
            return Ok(());
        }
        Err(Error::usage("where every packet overtakes, there is none left to overtake").help(format!(
            "write a share below 1, like 0.25, or add {}, so that every fifth packet overtakes",
            self.tongue.pair("gap", "5")
        )))
    }

    fn impairment(&self) -> Result<Impairment> {
        let correlation = self.map.get("correlation").map_or(Ok(0.0), probability)?;
        if correlation >= 1.0 {
            return Err(Error::usage("a correlation of 1 would repeat the first packet's fate for ever")
                .help("write a correlation below 1, like 0.25 or \"25%\""));
        }
        let chance = |key: &str| {
            let p = self.share(key, 0.0)?;
            let has_memory = p > 0.0 && self.verb.short == Some(key);
            Ok::<_, Error>(Chance { p, correlation: if has_memory { correlation } else { 0.0 } })
        };
        let (loss, bursts) = self.loss(correlation)?;
        let reorder = chance("reorder")?;
        Ok(Impairment {
            delay_us: self.time("delay")?,
            jitter: self.jitter(if self.verb.name == "slow" { correlation } else { 0.0 })?,
            loss,
            bursts,
            duplicate: chance("duplicate")?,
            corrupt: chance("corrupt")?,
            reorder,
            gap: self.gap(reorder)?,
            rate_bits: self.map.get("rate").map(rate_bits).transpose()?,
        })
    }

    fn jitter(&self, correlation: f64) -> Result<Vec<Jitter>> {
        let us = self.time("jitter")?;
        let distribution = self.distribution()?;
        if us == 0 {
            let of_jitter = self.verb.keys.contains(&"jitter");
            let alone = ["correlation", "distribution"].into_iter().find(|key| of_jitter && self.has(key));
            return match alone {
                Some(key) => Err(Error::usage(format!("a {key} without a jitter has no effect"))
                    .help(format!("add a jitter, or leave {} out", self.tongue.key(key)))),
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
            let loss = self.share("loss", 0.0)?;
            let has_memory = self.verb.name == "flaky" && correlation > 0.0 && loss > 0.0 && loss < 1.0;
            return if has_memory { Ok((0.0, vec![correlated(loss, correlation)?])) } else { Ok((loss, Vec::new())) };
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
        let p = self.share("p", 0.0)?;
        Ok(Burst::GeModel { p, r: self.share("r", 1.0 - p)?, h: self.share("h", 0.0)?, k: self.share("k", 1.0)? })
    }

    fn four_states(&self) -> Result<Burst> {
        let p13 = self.share("p13", 0.0)?;
        let (p31, p32) = (self.share("p31", 1.0 - p13)?, self.share("p32", 0.0)?);
        let (p23, p14) = (self.share("p23", 1.0)?, self.share("p14", 0.0)?);
        for (one, other, sum) in [("p13", "p14", p13 + p14), ("p31", "p32", p31 + p32)] {
            if sum > 1.0 {
                return Err(Error::usage(format!("{one} and {other} are more than 1 together"))
                    .help("both are ways out of the same state: their sum is at most 1"));
            }
        }
        Ok(Burst::FourState { p13, p31, p32, p23, p14 })
    }

    fn gap(&self, reorder: Chance) -> Result<u32> {
        let Some(value) = self.map.get("gap") else { return Ok(0) };
        let number: INT = value.as_int().map_err(|_| expected("a number of packets for gap", value))?;
        let gap = u32::try_from(number).ok().filter(|gap| *gap > 0);
        let gap = gap.ok_or_else(|| {
            Error::usage(format!("a gap of {number} packets"))
                .help(format!("write 1 to {}: every so-manieth packet may overtake", u32::MAX))
        })?;
        if reorder.p == 0.0 {
            let (reorder, gap) = (self.tongue.pair("reorder", "0.25"), self.tongue.key("gap"));
            return Err(
                Error::usage("a gap without reorder has no effect").help(format!("add {reorder}, or leave {gap} out"))
            );
        }
        Ok(gap)
    }
}

/// Losses with a memory.
///
/// # Errors
/// Their bursts begin or end too seldom to be drawn.
pub fn correlated(loss: f64, correlation: f64) -> std::result::Result<Burst, Problem> {
    let burst = Burst::Correlated { loss, correlation };
    let changes = burst.two_states().map_or(0.0, |chain| chain.p.min(chain.r));
    if changes < FINEST_SHARE * 0.999 {
        return Err(Problem::new(
            "with that correlation losses begin or end with less than one packet in 1,000,000,000",
            "write a correlation further below 1, or a loss further from 0 and 1",
        ));
    }
    Ok(burst)
}
