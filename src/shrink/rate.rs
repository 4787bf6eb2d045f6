//! How often a schedule fails, as far as some trials tell, and how many trials a claim takes.

use std::fmt;

/// What came of some trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many failed in the way in question.
    pub same: u32,
    /// Of how many.
    pub of: u32,
}

impl Counts {
    /// Of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { same: self.same + other.same, of: self.of + other.of }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.same, self.of)
    }
}

/// How often a schedule fails, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(f64);

/// A schedule that fails as it did before is taken for one that does not in at most so many of all cases.
const DOUBT: f64 = 0.05;
/// A failure that is rarer than this takes too many trials.
const FLAKY: f64 = 0.15;

impl Rate {
    /// Laplace's estimate: three failures of three are no certainty.
    #[must_use]
    pub fn of(counts: Counts) -> Self {
        Self((f64::from(counts.same) + 1.0) / (f64::from(counts.of) + 2.0))
    }

    /// So many trials without a failure rule out, but for a doubt of one in twenty, that a schedule fails at this rate.
    #[must_use]
    pub fn tries(self) -> u32 {
        // The rate is below 1, so this is finite and positive.
        (DOUBT.ln() / (1.0 - self.0).ln()).ceil().max(1.0) as u32
    }

    /// Whether shrinking would take too many trials to be worth it.
    #[must_use]
    pub fn is_flaky(self) -> bool {
        self.0 < FLAKY
    }

    /// About how many trials it takes to shrink so many faults: most of the candidates are rejected.
    #[must_use]
    pub fn cost(self, faults: usize) -> u32 {
        const CANDIDATES_FOR_EACH: usize = 4;
        self.tries().saturating_mul(u32::try_from(faults * CANDIDATES_FOR_EACH).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(same: u32, of: u32) -> u32 {
        Rate::of(Counts { same, of }).tries()
    }

    #[test]
    fn the_rarer_a_failure_the_more_trials_a_rejection_takes() {
        assert_eq!([tries(5, 5), tries(3, 5), tries(3, 10), tries(1, 20)], [2, 4, 8, 32]);
        assert!(Rate::of(Counts { same: 1, of: 20 }).is_flaky() && !Rate::of(Counts { same: 3, of: 12 }).is_flaky());
    }

    proptest::proptest! {
        #[test]
        fn a_rejection_is_wrong_in_one_of_twenty_cases_at_most(same in 0_u32..50, more in 0_u32..50) {
            let rate = Rate::of(Counts { same, of: same + more });
            let missed = (1.0 - rate.0).powi(i32::try_from(rate.tries()).unwrap());
            proptest::prop_assert!(missed <= DOUBT + 1e-12 && missed > DOUBT * (1.0 - rate.0) * 0.99);
        }
    }
}
