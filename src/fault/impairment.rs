//! What a link does to packets that it does not drop outright, and how two such things on one link combine.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// Delay, loss, rate and the rest, of one link. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Impairment {
    /// Added latency, microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub delay_us: u64,
    /// Spread of the latency, microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub jitter_us: u64,
    /// Probability that a packet is lost, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub loss: f64,
    /// Probability that a packet arrives twice, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate: f64,
    /// Probability that a packet arrives with a flipped bit, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub corrupt: f64,
    /// Probability that a packet overtakes those before it, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub reorder: f64,
    /// Bandwidth, bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_bits: Option<u64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Impairment {
    /// Changes nothing.
    pub const NONE: Self =
        Self { delay_us: 0, jitter_us: 0, loss: 0.0, duplicate: 0.0, corrupt: 0.0, reorder: 0.0, rate_bits: None };

    /// A total order, for folding in one order whatever the order of the faults.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let whole = |i: &Self| (i.delay_us, i.jitter_us, i.rate_bits);
        let parts = |i: &Self| [i.loss, i.duplicate, i.corrupt, i.reorder];
        parts(self)
            .iter()
            .zip(parts(other))
            .map(|(a, b)| a.total_cmp(&b))
            .fold(whole(self).cmp(&whole(other)), Ordering::then)
    }

    /// Both at once: delays and jitters add, probabilities combine as 1 − ∏(1 − pᵢ), the lowest rate wins.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            delay_us: self.delay_us.saturating_add(other.delay_us),
            jitter_us: self.jitter_us.saturating_add(other.jitter_us),
            loss: either(self.loss, other.loss),
            duplicate: either(self.duplicate, other.duplicate),
            corrupt: either(self.corrupt, other.corrupt),
            reorder: either(self.reorder, other.reorder),
            rate_bits: match (self.rate_bits, other.rate_bits) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

/// The probability that at least one of two independent events happens.
fn either(p: f64, q: f64) -> f64 {
    if p == 0.0 { q } else { 1.0 - (1.0 - p) * (1.0 - q) }
}

impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.delay_us > 0 {
            parts.push(format!("delay {} ms", self.delay_us as f64 / 1e3));
        }
        if self.jitter_us > 0 {
            parts.push(format!("jitter {} ms", self.jitter_us as f64 / 1e3));
        }
        for (name, p) in
            [("loss", self.loss), ("duplicate", self.duplicate), ("corrupt", self.corrupt), ("reorder", self.reorder)]
        {
            if p > 0.0 {
                parts.push(format!("{name} {} %", p * 100.0));
            }
        }
        if let Some(rate) = self.rate_bits {
            parts.push(format!("rate {} kbit", rate as f64 / 1e3));
        }
        f.write_str(&parts.join(", "))
    }
}
