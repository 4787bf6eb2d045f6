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

/// A candidate that fails as often as the recorded schedule is rejected in at most so many of all cases.
const DOUBT: f64 = 0.05;
/// A failure that is rarer than this takes too many trials.
const FLAKY: f64 = 0.15;

/// What is asked of a schedule: does it fail so often in so many trials? The answer may be clear before the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many times it must fail.
    pub failures: u32,
    /// In at most so many trials.
    pub of: u32,
}

impl Demand {
    /// All of so many trials, to count.
    #[must_use]
    pub fn all(of: u32) -> Self {
        Self { failures: u32::MAX, of }
    }

    /// Whether it is met.
    #[must_use]
    pub fn is_met(self, counts: Counts) -> bool {
        counts.same >= self.failures
    }

    /// Whether no more trials are needed. Where all are to be counted, all are.
    #[must_use]
    pub fn is_decided(self, counts: Counts) -> bool {
        let passed = counts.of - counts.same;
        let is_out_of_reach = self.failures <= self.of && passed > self.of - self.failures;
        counts.of >= self.of || self.is_met(counts) || is_out_of_reach
    }
}

impl Rate {
    /// Laplace's estimate: three failures of three are no certainty.
    #[must_use]
    pub fn of(counts: Counts) -> Self {
        Self((f64::from(counts.same) + 1.0) / (f64::from(counts.of) + 2.0))
    }

    /// What is asked of a schedule that does without something: to fail twice. Once may be chance, or the beginning of a
    /// series of ever rarer failures. One that fails at this rate misses it in one of twenty cases.
    #[must_use]
    pub fn demand(self) -> Demand {
        let misses = |of: u32| {
            let passes = 1.0 - self.0;
            passes.powi(of as i32) + f64::from(of) * self.0 * passes.powi(of as i32 - 1)
        };
        // The rate is above 0, so this comes to an end.
        let of = (2..).find(|of| misses(*of) <= DOUBT).unwrap_or(u32::MAX);
        Demand { failures: 2, of }
    }

    /// What is asked of a schedule that is only rounder or shorter: to fail as often.
    #[must_use]
    pub fn strict_demand(self) -> Demand {
        let Demand { failures, of } = self.demand();
        Demand { failures: failures.max((self.0 * f64::from(of)).floor() as u32), of }
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
        self.demand().of.saturating_mul(u32::try_from(faults * CANDIDATES_FOR_EACH).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(same: u32, of: u32) -> Rate {
        Rate::of(Counts { same, of })
    }

    #[test]
    fn the_rarer_a_failure_the_more_trials_a_rejection_takes() {
        let of = |same, of| rate(same, of).demand().of;
        assert_eq!([of(5, 5), of(3, 5), of(3, 10), of(1, 20)], [4, 7, 13, 51]);
        assert!(rate(1, 20).is_flaky() && !rate(3, 12).is_flaky());
        assert_eq!(rate(5, 5).strict_demand(), Demand { failures: 3, of: 4 });
    }

    #[test]
    fn a_demand_is_decided_as_soon_as_it_can_be() {
        let decided = |same, of| Demand { failures: 2, of: 4 }.is_decided(Counts { same, of });
        assert_eq!(
            [decided(2, 2), decided(1, 2), decided(0, 2), decided(0, 3), decided(1, 4)],
            [true, false, false, true, true]
        );
        let counted = |same, of| Demand::all(3).is_decided(Counts { same, of });
        assert_eq!([counted(0, 2), counted(2, 2), counted(2, 3)], [false, false, true]);
    }

    proptest::proptest! {
        #[test]
        fn a_rejection_is_wrong_in_one_of_twenty_cases_at_most(same in 0_u32..50, more in 0_u32..50) {
            let Rate(p) = rate(same, same + more);
            let of = rate(same, same + more).demand().of as i32;
            let misses = |of: i32| (1.0 - p).powi(of) + f64::from(of) * p * (1.0 - p).powi(of - 1);
            proptest::prop_assert!(misses(of) <= DOUBT && (of == 2 || misses(of - 1) > DOUBT));
        }
    }
}
