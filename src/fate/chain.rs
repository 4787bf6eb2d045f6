//! What one packet's fate has to do with the next one's: chains of states, moved by numbers that are drawn elsewhere.
//!
//! Pure. A `u` is uniform in [0, 1).

use crate::fault::{Burst, Chance, GilbertElliott, Jitter, normal_quantile, normal_share};

/// A [`Chance`]'s memory: whether the packet before met it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory(Option<bool>);

impl Memory {
    /// Whether the next packet meets it. The first one does with the plain probability, so that the share is `p` from
    /// the beginning.
    pub(crate) fn meets(&mut self, chance: Chance, u: f64) -> bool {
        let before = self.0.map_or(chance.p, |met| if met { 1.0 } else { 0.0 });
        let met = u < chance.p + chance.correlation * (before - chance.p);
        self.0 = Some(met);
        met
    }
}

/// The state of a [`Burst`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LossState {
    /// The good or the bad one of two.
    Two { bad: bool },
    /// One of four, as netem numbers them.
    Four(Four),
}

/// The states of the four-state model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Four {
    /// 1: received between bursts.
    Gap,
    /// 2: received within a burst.
    Burst,
    /// 3: lost within a burst.
    LostInBurst,
    /// 4: lost alone, between bursts.
    LostInGap,
}

impl LossState {
    /// The one in which a model begins.
    pub(crate) fn of(burst: &Burst) -> Self {
        match burst {
            Burst::Correlated { .. } | Burst::GeModel { .. } => Self::Two { bad: false },
            Burst::FourState { .. } => Self::Four(Four::Gap),
        }
    }

    /// The same where the model knows it, else the one in which it begins: for a model that takes another's place.
    pub(crate) fn kept_by(self, burst: &Burst) -> Self {
        let begin = Self::of(burst);
        if std::mem::discriminant(&self) == std::mem::discriminant(&begin) { self } else { begin }
    }

    /// Whether the model loses the next packet. The first number decides where the model has two states, the second
    /// moves it; with four states one decides and moves.
    pub(crate) fn loses(&mut self, burst: &Burst, [u, move_u]: [f64; 2]) -> bool {
        match (&mut *self, burst, burst.two_states()) {
            (Self::Two { bad }, _, Some(chain)) => two(bad, &chain, u, move_u),
            (Self::Four(state), Burst::FourState { p13, p31, p32, p23, p14 }, _) => {
                *state = four(*state, [*p13, *p31, *p32, *p23, *p14], u);
                matches!(state, Four::LostInBurst | Four::LostInGap)
            }
            _ => false,
        }
    }
}

fn two(bad: &mut bool, chain: &GilbertElliott, u: f64, move_u: f64) -> bool {
    let (loss, change) = if *bad { (chain.bad_loss, chain.r) } else { (chain.good_loss, chain.p) };
    *bad ^= move_u < change;
    u < loss
}

/// As `loss_4state()` in the kernel's `net/sched/sch_netem.c`: the state that is reached is the packet's.
fn four(state: Four, [p13, p31, p32, p23, p14]: [f64; 5], u: f64) -> Four {
    match state {
        Four::Gap if u < p14 => Four::LostInGap,
        Four::Gap if u < p14 + p13 => Four::LostInBurst,
        Four::Burst if u < p23 => Four::LostInBurst,
        Four::Burst => Four::Burst,
        Four::LostInBurst if u < p32 => Four::Burst,
        Four::LostInBurst if u >= p32 + p31 => Four::LostInBurst,
        Four::Gap | Four::LostInBurst | Four::LostInGap => Four::Gap,
    }
}

/// A [`Jitter`]'s memory: the last packet's deviation as a quantile of the normal distribution.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deviation(Option<f64>);

impl Deviation {
    /// How far the next packet's delay is from its middle, in nanoseconds. `u` lies in (0, 1).
    ///
    /// With a correlation the deviations are a Gaussian copula: an autoregressive chain of normal numbers, each mapped
    /// through the jitter's own distribution, which so stays exact.
    pub(crate) fn next_ns(&mut self, jitter: &Jitter, u: f64) -> f64 {
        let rho = jitter.correlation;
        let u = if rho == 0.0 {
            self.0 = None;
            u
        } else {
            let fresh = normal_quantile(u);
            let normal = self.0.map_or(fresh, |last| rho * last + libm::sqrt(1.0 - rho * rho) * fresh);
            self.0 = Some(normal);
            normal_share(normal).clamp(f64::EPSILON, 1.0 - f64::EPSILON)
        };
        jitter.distribution.quantile(u) * jitter.us as f64 * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Distribution;
    use crate::random::Stream;

    const MANY: usize = 40_000;

    fn lost(burst: Burst, seed: u64) -> Vec<bool> {
        let (mut state, mut stream) = (LossState::of(&burst), Stream::root(seed));
        (0..MANY).map(|_| state.loses(&burst, [stream.unit(), stream.unit()])).collect()
    }

    fn share(of: &[bool]) -> f64 {
        of.iter().filter(|met| **met).count() as f64 / of.len() as f64
    }

    /// Between neighbours.
    fn correlation(of: &[bool]) -> f64 {
        let p = share(of);
        let both = of.windows(2).filter(|pair| pair[0] && pair[1]).count() as f64 / (of.len() - 1) as f64;
        (both - p * p) / (p * (1.0 - p))
    }

    #[test]
    fn every_model_loses_the_share_it_says() {
        for burst in [
            Burst::Correlated { loss: 0.1, correlation: 0.0 },
            Burst::Correlated { loss: 0.3, correlation: 0.5 },
            Burst::GeModel { p: 0.05, r: 0.3, h: 0.2, k: 0.99 },
            Burst::FourState { p13: 0.05, p31: 0.2, p32: 0.3, p23: 0.4, p14: 0.02 },
        ] {
            let lost = lost(burst, 1);
            // A chain's share varies more than independent losses' do; a tenth is ten times what these runs are off.
            let (share, expected) = (share(&lost), burst.rate());
            assert!((share / expected - 1.0).abs() < 0.1, "{burst}: {share} instead of {expected}");
        }
    }

    #[test]
    fn correlated_losses_and_chances_have_their_correlation_and_keep_their_share() {
        let losses = lost(Burst::Correlated { loss: 0.2, correlation: 0.6 }, 2);
        assert!((correlation(&losses) - 0.6).abs() < 0.03, "{}", correlation(&losses));
        let (mut memory, mut stream) = (Memory::default(), Stream::root(3));
        let chance = Chance { p: 0.2, correlation: 0.6 };
        let met: Vec<_> = (0..MANY).map(|_| memory.meets(chance, stream.unit())).collect();
        assert!((share(&met) - 0.2).abs() < 0.02 && (correlation(&met) - 0.6).abs() < 0.03, "{}", share(&met));
    }

    #[test]
    fn certain_chances_are_met_by_the_first_packet_too() {
        for correlation in [0.0, 0.5, 1.0] {
            let (mut certain, mut impossible) = (Memory::default(), Memory::default());
            for u in [0.0, 0.5, 1.0_f64.next_down()] {
                assert!(certain.meets(Chance { p: 1.0, correlation }, u));
                assert!(!impossible.meets(Chance { p: 0.0, correlation }, u));
            }
        }
    }

    #[test]
    fn a_burst_begins_good_and_keeps_its_state_where_the_new_model_knows_it() {
        let always = Burst::GeModel { p: 1.0, r: 0.0, h: 0.0, k: 1.0 };
        let mut state = LossState::of(&always);
        assert!(!state.loses(&always, [0.0, 0.0]) && state.loses(&always, [0.0, 0.0]));
        assert_eq!(state.kept_by(&Burst::Correlated { loss: 0.1, correlation: 0.1 }), LossState::Two { bad: true });
        let four = Burst::FourState { p13: 0.1, p31: 0.1, p32: 0.1, p23: 0.1, p14: 0.0 };
        assert_eq!(state.kept_by(&four), LossState::Four(Four::Gap));
    }

    /// Kolmogorov and Smirnov's: the greatest distance between what came and what was asked for, times √n.
    fn distance(mut values: Vec<f64>, distribution: Distribution) -> f64 {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        // The share below a value, by halving: quantiles rise. Where many packets lie at one end, that end's own share.
        let share = |value: f64, or_equal: bool| {
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..50 {
                let middle = f64::midpoint(low, high);
                let at = distribution.quantile(middle);
                if at < value || or_equal && at <= value { low = middle } else { high = middle }
            }
            low
        };
        let off = |(place, value): (usize, &f64)| {
            let above = (place as f64 + 1.0) / n - share(*value + 1e-9, true);
            let below = share(*value - 1e-9, false) - place as f64 / n;
            above.max(below)
        };
        values.iter().enumerate().map(off).fold(0.0, f64::max) * n.sqrt()
    }

    #[test]
    fn deviations_have_the_distribution_that_was_asked_for() {
        for (seed, distribution) in (0..).zip(Distribution::ALL) {
            let jitter = Jitter { us: 1_000, distribution, correlation: 0.0 };
            let (mut deviation, mut stream) = (Deviation::default(), Stream::root(seed));
            let values = (0..5_000).map(|_| deviation.next_ns(&jitter, stream.unit().max(1e-12)) / 1e6).collect();
            // 1.95 is exceeded once in a thousand times.
            let distance = distance(values, distribution);
            assert!(distance < 1.95, "{distribution}: {distance}");
        }
    }

    #[test]
    fn correlated_deviations_follow_each_other_and_keep_their_distribution() {
        let jitter = Jitter { us: 1_000, distribution: Distribution::Uniform, correlation: 0.8 };
        let (mut deviation, mut stream) = (Deviation::default(), Stream::root(8));
        let values: Vec<_> = (0..MANY).map(|_| deviation.next_ns(&jitter, stream.unit().max(1e-12)) / 1e6).collect();
        let product: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / MANY as f64;
        let square: f64 = values.iter().map(|value| value * value).sum::<f64>() / MANY as f64;
        // Of the uniform ones behind a copula of 0.8: 6/π·asin(0.4).
        assert!((product / square - 0.786).abs() < 0.02, "{}", product / square);
        // Every twentieth is as good as independent of the one before.
        let distance = distance(values.into_iter().step_by(20).collect(), Distribution::Uniform);
        assert!(distance < 1.95, "{distance}");
    }
}
