//! What a link does to packets that it does not drop outright, and how two such things on one link combine.

use super::distribution::Distribution;
use super::loss::{Burst, percent};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// Delay, loss, rate and the rest, of one link. The default changes nothing.
///
/// It is closed under [`and`](Self::and): what several faults do to a link is an impairment again, and exactly what they
/// would do one after the other. What has no sum (two bursts of loss, two jitters) stands in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Impairment {
    /// Added latency, microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub delay_us: u64,
    /// Spreads of the latency, independent of each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jitter: Vec<Jitter>,
    /// Probability that a packet is lost, whatever became of others, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub loss: f64,
    /// Losses in bursts, independent of each other and of `loss`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bursts: Vec<Burst>,
    /// How probably a packet arrives twice.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate: Chance,
    /// How probably a packet arrives with a flipped bit.
    #[serde(skip_serializing_if = "is_default")]
    pub corrupt: Chance,
    /// How probably a packet overtakes those before it: it is not delayed, while they are.
    #[serde(skip_serializing_if = "is_default")]
    pub reorder: Chance,
    /// Only every so-manieth packet may overtake; 0 and 1: each may.
    #[serde(skip_serializing_if = "is_default")]
    pub gap: u32,
    /// Bandwidth, bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_bits: Option<u64>,
}

/// A spread of the latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jitter {
    /// How wide, microseconds: see [`Distribution`].
    pub us: u64,
    /// Its shape.
    #[serde(default, skip_serializing_if = "is_default")]
    pub distribution: Distribution,
    /// Between the deviations of neighbouring packets, 0 to 1.
    #[serde(default, skip_serializing_if = "is_default")]
    pub correlation: f64,
}

/// A probability for each packet, perhaps with a memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chance {
    /// For each packet, 0 to 1.
    pub p: f64,
    /// Between one packet's fate and the next one's, 0 to 1. The share of packets concerned stays `p`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub correlation: f64,
}

impl Chance {
    /// The same for each packet, whatever became of the one before.
    #[must_use]
    pub const fn independent(p: f64) -> Self {
        Self { p, correlation: 0.0 }
    }

    fn and(self, other: Self) -> Self {
        Self { p: either(self.p, other.p), correlation: self.correlation.max(other.correlation) }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A link that reorders delays by at least so much: without a delay there is nobody to overtake.
pub(super) const REORDERS_WITHIN_US: u64 = 10_000;

impl Impairment {
    /// Changes nothing.
    pub const NONE: Self = Self {
        delay_us: 0,
        jitter: Vec::new(),
        loss: 0.0,
        bursts: Vec::new(),
        duplicate: Chance::independent(0.0),
        corrupt: Chance::independent(0.0),
        reorder: Chance::independent(0.0),
        gap: 0,
        rate_bits: None,
    };

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The same without its bandwidth.
    #[must_use]
    pub fn without_rate(&self) -> Self {
        Self { rate_bits: None, ..self.clone() }
    }

    /// The same with a bandwidth and nothing else.
    #[must_use]
    pub fn only_rate(&self) -> Self {
        Self { rate_bits: self.rate_bits, ..Self::NONE }
    }

    /// The delay that packets get which do not overtake others: where some do, there is one.
    #[must_use]
    pub fn base_delay_us(&self) -> u64 {
        if self.reorder.p > 0.0 { self.delay_us.max(REORDERS_WITHIN_US) } else { self.delay_us }
    }

    /// The share of packets that is lost in the long run, a corrupted one not counted.
    #[must_use]
    pub fn loss_rate(&self) -> f64 {
        self.bursts.iter().fold(self.loss, |sum, burst| either(sum, burst.rate()))
    }

    /// The longest that a packet may be held up, microseconds, the queue before a bandwidth left out.
    #[must_use]
    pub fn longest_us(&self) -> u64 {
        let wide = |jitter: &Jitter| (jitter.us as f64 * jitter.distribution.reach().1).ceil() as u64;
        self.jitter.iter().map(wide).fold(self.base_delay_us(), u64::saturating_add)
    }

    /// A total order, for folding in one order whatever the order of the faults.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let whole = |i: &Self| (i.delay_us, i.gap, i.rate_bits);
        let parts = |i: &Self| [i.loss, i.duplicate.p, i.corrupt.p, i.reorder.p];
        let memories = |i: &Self| [i.duplicate.correlation, i.corrupt.correlation, i.reorder.correlation];
        let numbers = parts(self).into_iter().zip(parts(other)).chain(memories(self).into_iter().zip(memories(other)));
        numbers
            .map(|(a, b)| a.total_cmp(&b))
            .fold(whole(self).cmp(&whole(other)), Ordering::then)
            .then_with(|| lexical(&self.jitter, &other.jitter, Jitter::order))
            .then_with(|| lexical(&self.bursts, &other.bursts, Burst::order))
    }

    /// Both at once: delays add, the lowest rate wins, probabilities combine as 1 − ∏(1 − pᵢ), the strongest memory
    /// and the smallest gap hold, and what has no sum stands side by side.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            delay_us: self.delay_us.saturating_add(other.delay_us),
            jitter: merged(&self.jitter, &other.jitter, Jitter::order),
            loss: either(self.loss, other.loss),
            bursts: merged(&self.bursts, &other.bursts, Burst::order),
            duplicate: self.duplicate.and(other.duplicate),
            corrupt: self.corrupt.and(other.corrupt),
            reorder: self.reorder.and(other.reorder),
            gap: match (self.gap, other.gap) {
                (0, gap) | (gap, 0) => gap,
                (a, b) => a.min(b),
            },
            rate_bits: match (self.rate_bits, other.rate_bits) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

impl Jitter {
    fn order(&self, other: &Self) -> Ordering {
        (self.us, self.distribution)
            .cmp(&(other.us, other.distribution))
            .then(self.correlation.total_cmp(&other.correlation))
    }
}

/// The probability that at least one of two independent events happens. One that never does leaves the other's as it is,
/// to the last digit.
fn either(p: f64, q: f64) -> f64 {
    match (p, q) {
        (0.0, other) | (other, 0.0) => other,
        _ => 1.0 - (1.0 - p) * (1.0 - q),
    }
}

fn merged<T: Copy>(a: &[T], b: &[T], order: fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut all = [a, b].concat();
    all.sort_by(order);
    all
}

fn lexical<T>(a: &[T], b: &[T], order: fn(&T, &T) -> Ordering) -> Ordering {
    let pairs = a.iter().zip(b).map(|(a, b)| order(a, b));
    pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
}

impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.delay_us > 0 {
            parts.push(format!("delay {} ms", self.delay_us as f64 / 1e3));
        }
        parts.extend(self.jitter.iter().map(ToString::to_string));
        if self.loss > 0.0 {
            parts.push(format!("loss {} %", percent(self.loss)));
        }
        parts.extend(self.bursts.iter().map(ToString::to_string));
        let chances = [("duplicate", self.duplicate), ("corrupt", self.corrupt), ("reorder", self.reorder)];
        parts.extend(
            chances.iter().filter(|(_, chance)| chance.p > 0.0).map(|(name, chance)| format!("{name} {chance}")),
        );
        if self.gap > 1 {
            parts.push(format!("gap {}", self.gap));
        }
        if let Some(rate) = self.rate_bits {
            parts.push(match rate {
                ..1_000 => format!("rate {rate} bit"),
                _ => format!("rate {} kbit", rate as f64 / 1e3),
            });
        }
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jitter {} ms", self.us as f64 / 1e3)?;
        if self.distribution != Distribution::Uniform {
            write!(f, " {}", self.distribution)?;
        }
        memory(f, self.correlation)
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", percent(self.p))?;
        memory(f, self.correlation)
    }
}

fn memory(f: &mut fmt::Formatter<'_>, correlation: f64) -> fmt::Result {
    if correlation > 0.0 { write!(f, " (correlation {} %)", percent(correlation)) } else { Ok(()) }
}
