//! Losses that come in bursts, as models with a state, and how netem's two models hold them.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// A way of losing packets that remembers. Every model begins in its good state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "lowercase")]
pub enum Burst {
    /// Each packet is lost with probability `loss`, and shares its fate with the packet before it as often as makes a
    /// correlation of `correlation` between neighbours. (netem's own `loss random P CORRELATION` loses far fewer than
    /// `P`; this is a two-state chain that keeps it.)
    Correlated {
        /// The share of all packets that is lost, 0 to 1.
        loss: f64,
        /// Between a packet's fate and the next one's, 0 to 1.
        correlation: f64,
    },
    /// Gilbert and Elliott's: a good and a bad state, each with its own loss. A packet meets the loss of the state that
    /// it finds; then the state may change.
    GeModel {
        /// From the good to the bad state, probability for each packet.
        p: f64,
        /// From the bad to the good state.
        r: f64,
        /// How probably a packet gets through in the bad state.
        h: f64,
        /// How probably a packet gets through in the good state.
        k: f64,
    },
    /// Four states: 1 received in a gap between bursts, 2 received within a burst, 3 lost within a burst, 4 lost alone in
    /// a gap. `pAB` is the probability to go from state A to state B with the next packet. (RFC 3611's model, after
    /// Salsano et al., as netem has it.)
    #[serde(rename = "4state")]
    FourState {
        /// A burst begins.
        p13: f64,
        /// It ends.
        p31: f64,
        /// A packet gets through within it.
        p32: f64,
        /// The next one is lost again.
        p23: f64,
        /// A packet is lost alone.
        p14: f64,
    },
}

/// Gilbert and Elliott's model, whatever it was asked for as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// From good to bad.
    pub p: f64,
    /// From bad to good.
    pub r: f64,
    /// Loss in the bad state.
    pub bad_loss: f64,
    /// Loss in the good state.
    pub good_loss: f64,
}

impl Burst {
    /// The same as a chain of two states, if it is one.
    #[must_use]
    pub fn two_states(&self) -> Option<GilbertElliott> {
        match *self {
            // Stationary share of the bad state p / (p + r) = loss; correlation of neighbours 1 − p − r.
            Self::Correlated { loss, correlation } => Some(GilbertElliott {
                p: loss * (1.0 - correlation),
                r: (1.0 - loss) * (1.0 - correlation),
                bad_loss: 1.0,
                good_loss: 0.0,
            }),
            Self::GeModel { p, r, h, k } => Some(GilbertElliott { p, r, bad_loss: 1.0 - h, good_loss: 1.0 - k }),
            Self::FourState { .. } => None,
        }
    }

    /// The share of packets that is lost in the long run.
    #[must_use]
    pub fn rate(&self) -> f64 {
        match *self {
            Self::FourState { p13, p31, p32, p23, p14 } => four_state_rate(p13, p31, p32, p23, p14),
            _ => self.two_states().map_or(0.0, |chain| chain.rate()),
        }
    }

    /// A total order, for folding in one order whatever the order of the faults.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let numbers = |burst: &Self| match *burst {
            Self::Correlated { loss, correlation } => (0, [loss, correlation, 0.0, 0.0, 0.0]),
            Self::GeModel { p, r, h, k } => (1, [p, r, h, k, 0.0]),
            Self::FourState { p13, p31, p32, p23, p14 } => (2, [p13, p31, p32, p23, p14]),
        };
        let ((kind, own), (other_kind, others)) = (numbers(self), numbers(other));
        let by_numbers = own.iter().zip(others).map(|(a, b)| a.total_cmp(&b));
        by_numbers.fold(kind.cmp(&other_kind), Ordering::then)
    }
}

impl GilbertElliott {
    /// The same with an independent loss on top.
    #[must_use]
    pub fn and_independent(self, loss: f64) -> Self {
        let with = |own: f64| 1.0 - (1.0 - own) * (1.0 - loss);
        Self { bad_loss: with(self.bad_loss), good_loss: with(self.good_loss), ..self }
    }

    /// The share of packets that is lost in the long run.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let changes = self.p + self.r;
        let bad = if changes > 0.0 { self.p / changes } else { 0.0 };
        bad * self.bad_loss + (1.0 - bad) * self.good_loss
    }
}

/// From the balance of flows between the states: 4 → 1 always, 2 → 3 with p23.
fn four_state_rate(p13: f64, p31: f64, p32: f64, p23: f64, p14: f64) -> f64 {
    if p13 == 0.0 || p31 == 0.0 {
        // No burst begins, or the first one never ends.
        return if p13 == 0.0 { p14 / (1.0 + p14) } else { p23 / (p23 + p32) };
    }
    let one = 1.0;
    let three = one * p13 / p31;
    let two = if p23 > 0.0 { three * p32 / p23 } else { 0.0 };
    let four = one * p14;
    (three + four) / (one + two + three + four)
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Correlated { loss, correlation } => {
                write!(f, "loss {} % (correlation {} %)", percent(*loss), percent(*correlation))
            }
            Self::GeModel { p, r, h, k } => write!(f, "loss gemodel p {p} r {r} h {h} k {k}"),
            Self::FourState { p13, p31, p32, p23, p14 } => {
                write!(f, "loss 4state p13 {p13} p31 {p31} p32 {p32} p23 {p23} p14 {p14}")
            }
        }
    }
}

/// A probability in percent, without the noise of binary fractions. What is not nothing is not shown as 0 %, and what is
/// not everything not as 100 %.
pub(super) fn percent(p: f64) -> f64 {
    let rounded = (p * 1e9).round() / 1e7;
    let hides = (rounded <= 0.0 && p > 0.0) || (rounded >= 100.0 && p < 1.0);
    if hides { p * 100.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::percent;
    use proptest::prelude::*;

    #[test]
    fn a_percentage_has_no_noise_and_hides_nothing() {
        let shown = [0.0, 0.07, 0.3, 1e-9, 1e-12, 0.999_999_999, 0.999_999_999_9, 1.0_f64.next_down(), 1.0];
        insta::assert_snapshot!(shown.map(|p| format!("{} %", percent(p))).join("\n"), @"
        0 %
        7 %
        30 %
        0.0000001 %
        0.0000000001 %
        99.9999999 %
        99.99999998999999 %
        99.99999999999999 %
        100 %
        ");
    }

    proptest! {
        #[test]
        fn only_nothing_is_0_and_only_everything_100_percent(p in prop_oneof![0.0..1.0_f64, 0.0..1e-8_f64]) {
            for p in [p, 1.0 - p] {
                prop_assert_eq!((percent(p) <= 0.0, percent(p) >= 100.0), (p <= 0.0, p >= 1.0), "{}", p);
            }
        }
    }
}
