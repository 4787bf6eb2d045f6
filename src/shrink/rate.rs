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

/// How often a schedule fails, as far as these trials tell: after each, more often or less is likely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(Counts);

/// A schedule that fails as it did before is taken for one that does not in at most so many of all cases.
const DOUBT: f64 = 0.05;
/// More than anybody will wait for.
const TRIES_MAX: u32 = 100_000;
/// A failure that is rarer than this takes too many trials.
const FLAKY: f64 = 0.15;

impl Rate {
    /// What these trials tell.
    #[must_use]
    pub const fn of(counts: Counts) -> Self {
        Self(counts)
    }

    /// Laplace's estimate, 0 to 1: three failures of three are no certainty.
    fn likely(self) -> f64 {
        (f64::from(self.0.same) + 1.0) / (f64::from(self.0.of) + 2.0)
    }

    /// So many trials without a failure rule out, but for a doubt of one in twenty, that a schedule fails as often.
    ///
    /// Each further trial without one makes the next one without one likelier (Laplace's rule of succession), since the
    /// rate may have been estimated too high.
    #[must_use]
    pub fn tries(self) -> u32 {
        let (passed, of) = (f64::from(self.0.of - self.0.same) + 1.0, f64::from(self.0.of) + 2.0);
        let mut missed = 1.0;
        let mut tries = 0;
        while missed > DOUBT && tries < TRIES_MAX {
            missed *= (passed + f64::from(tries)) / (of + f64::from(tries));
            tries += 1;
        }
        tries
    }

    /// Whether shrinking would take too many trials to be worth it.
    #[must_use]
    pub fn is_flaky(self) -> bool {
        self.likely() < FLAKY
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
        assert_eq!([tries(5, 5), tries(3, 5), tries(3, 10), tries(1, 20)], [2, 5, 11, 72]);
        assert!(Rate::of(Counts { same: 1, of: 20 }).is_flaky() && !Rate::of(Counts { same: 3, of: 12 }).is_flaky());
    }

    proptest::proptest! {
        /// By the integral that the product stands for: all rates, each as likely as the trials make it.
        #[test]
        fn a_rejection_is_wrong_in_one_of_twenty_cases_at_most(same in 1_u32..20, more in 0_u32..20) {
            let missed = |tries: u32| {
                let (mut with, mut all) = (0.0, 0.0);
                for step in 1..20_000 {
                    let rate = f64::from(step) / 20_000.0;
                    let likely = rate.powi(same as i32) * (1.0 - rate).powi(more as i32);
                    (with, all) = (with + likely * (1.0 - rate).powi(tries as i32), all + likely);
                }
                with / all
            };
            let tries = tries(same, same + more);
            proptest::prop_assert!(missed(tries) <= DOUBT + 1e-3 && missed(tries - 1) > DOUBT - 1e-3);
        }
    }
}
