//! How a delay spreads around its middle: one quantile function for each distribution, from which the kernel's tables
//! are made and the user-space shaper draws, so that the two cannot differ.
//!
//! Pure, and the same on every platform: logarithms and powers are libm's.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The shape of a jitter. In units of the jitter, a delay is away from its middle by
/// [`quantile`](Self::quantile)`(u)`, `u` being uniform in (0, 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Everything from delay − jitter to delay + jitter is equally likely.
    #[default]
    Uniform,
    /// A bell around the delay; the jitter is its standard deviation.
    Normal,
    /// Most are a little faster than the delay, some far slower: Pareto's distribution with exponent 3, the jitter
    /// being its standard deviation.
    Pareto,
    /// A quarter of the normal and three quarters of the Pareto distribution, as `tc` has it.
    ParetoNormal,
}

/// What is further away than so many jitters is drawn in to there: as far as the kernel's tables reach.
pub const FARTHEST: f64 = 4.0;

/// Pareto's distribution with exponent 3 and least value 1 has this mean and this standard deviation (√¾).
const PARETO_MEAN: f64 = 1.5;
const PARETO_DEVIATION: f64 = 0.866_025_403_784_438_6;

impl Distribution {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Uniform, Self::Normal, Self::Pareto, Self::ParetoNormal];

    /// Its name, as scripts and `tc` have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Pareto => "pareto",
            Self::ParetoNormal => "paretonormal",
        }
    }

    /// The deviation, in jitters, that a share of `u` of all packets stays below. `u` lies in (0, 1).
    #[must_use]
    pub fn quantile(self, u: f64) -> f64 {
        match self {
            Self::Uniform => 2.0 * u - 1.0,
            Self::Normal => normal_quantile(u).clamp(-FARTHEST, FARTHEST),
            Self::Pareto => pareto_quantile(u),
            Self::ParetoNormal => 0.25 * Self::Normal.quantile(u) + 0.75 * pareto_quantile(u),
        }
    }

    /// How far below and above its middle a packet can be, in jitters.
    #[must_use]
    pub fn reach(self) -> (f64, f64) {
        match self {
            Self::Uniform => (1.0, 1.0),
            Self::Normal => (FARTHEST, FARTHEST),
            Self::Pareto => (-pareto_quantile(0.0), FARTHEST),
            Self::ParetoNormal => (0.25 * FARTHEST - 0.75 * pareto_quantile(0.0), FARTHEST),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `u = 1 − x⁻³`, solved for `x`, then centred and scaled.
fn pareto_quantile(u: f64) -> f64 {
    ((libm::pow(1.0 - u, -1.0 / 3.0) - PARETO_MEAN) / PARETO_DEVIATION).min(FARTHEST)
}

/// The inverse of the standard normal distribution function, exact to about 16 digits: Wichura, "Algorithm AS 241: The
/// Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), routine PPND16.
#[must_use]
pub fn normal_quantile(u: f64) -> f64 {
    const NEAR: [[f64; 8]; 2] = [
        [
            3.387_132_872_796_366_5,
            1.331_416_678_917_843_8e2,
            1.971_590_950_306_551_3e3,
            1.373_169_376_550_946e4,
            4.592_195_393_154_987e4,
            6.726_577_092_700_87e4,
            3.343_057_558_358_813e4,
            2.509_080_928_730_122_7e3,
        ],
        [
            1.0,
            4.231_333_070_160_091e1,
            6.871_870_074_920_579e2,
            5.394_196_021_424_751e3,
            2.121_379_430_158_659_7e4,
            3.930_789_580_009_271e4,
            2.872_908_573_572_194_3e4,
            5.226_495_278_852_545e3,
        ],
    ];
    const FAR: [[f64; 8]; 2] = [
        [
            1.423_437_110_749_683_5,
            4.630_337_846_156_546,
            5.769_497_221_460_691,
            3.647_848_324_763_204_5,
            1.270_458_252_452_368_4,
            2.417_807_251_774_506e-1,
            2.272_384_498_926_918_4e-2,
            7.745_450_142_783_414e-4,
        ],
        [
            1.0,
            2.053_191_626_637_759,
            1.676_384_830_183_803_8,
            6.897_673_349_851e-1,
            1.481_039_764_274_800_8e-1,
            1.519_866_656_361_645_7e-2,
            5.475_938_084_995_345e-4,
            1.050_750_071_644_416_9e-9,
        ],
    ];
    const FARTHER: [[f64; 8]; 2] = [
        [
            6.657_904_643_501_103,
            5.463_784_911_164_114,
            1.784_826_539_917_291_3,
            2.965_605_718_285_048_7e-1,
            2.653_218_952_657_612_4e-2,
            1.242_660_947_388_078_4e-3,
            2.711_555_568_743_487_6e-5,
            2.010_334_399_292_288_1e-7,
        ],
        [
            1.0,
            5.998_322_065_558_88e-1,
            1.369_298_809_227_358e-1,
            1.487_536_129_085_061_5e-2,
            7.868_691_311_456_133e-4,
            1.846_318_317_510_054_8e-5,
            1.421_511_758_316_446e-7,
            2.044_263_103_389_939_8e-15,
        ],
    ];
    let ratio = |[above, below]: &[[f64; 8]; 2], x: f64| {
        let polynomial = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * x + c);
        polynomial(above) / polynomial(below)
    };
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&NEAR, 0.180_625 - q * q);
    }
    let r = libm::sqrt(-libm::log(if q < 0.0 { u } else { 1.0 - u }));
    let x = if r <= 5.0 { ratio(&FAR, r - 1.6) } else { ratio(&FARTHER, r - 5.0) };
    if q < 0.0 { -x } else { x }
}

/// The standard normal distribution function, from libm's error function.
#[must_use]
pub fn normal_share(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_normal_quantile_is_the_inverse_of_the_distribution(u in 1e-9..0.999_999_999_f64) {
            prop_assert!((normal_share(normal_quantile(u)) - u).abs() < 1e-12);
        }

        #[test]
        fn quantiles_rise_and_stay_within_their_reach(a in 0.000_001..0.999_999_f64, b in 0.000_001..0.999_999_f64) {
            for distribution in Distribution::ALL {
                let (low, high) = (distribution.quantile(a.min(b)), distribution.quantile(a.max(b)));
                let (below, above) = distribution.reach();
                prop_assert!(low <= high && -below <= low && high <= above, "{distribution}: {low} {high}");
            }
        }
    }

    #[test]
    fn the_jitter_is_the_standard_deviation_but_of_the_uniform_distribution() {
        const PARTS: usize = 100_000;
        for distribution in Distribution::ALL {
            let values: Vec<f64> = (0..PARTS).map(|n| distribution.quantile((n as f64 + 0.5) / PARTS as f64)).collect();
            let mean = values.iter().sum::<f64>() / PARTS as f64;
            let deviation = libm::sqrt(values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / PARTS as f64);
            // Pareto's tail beyond four jitters is drawn in, which makes mean and deviation a little smaller.
            let (far, expected) = match distribution {
                Distribution::Uniform => (0.001, 1.0 / libm::sqrt(3.0)),
                Distribution::Normal => (0.001, 1.0),
                Distribution::Pareto => (0.06, 0.74),
                Distribution::ParetoNormal => (0.06, 0.78),
            };
            assert!(mean.abs() < far && (deviation - expected).abs() < 0.03, "{distribution}: {mean} ± {deviation}");
        }
    }
}
