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

/// A candidate that fails as often as the recorded schedule is rejected in at most so many of all cases.
const DOUBT: f64 = 0.05;
/// More than anybody will wait for.
const TRIES_MAX: u32 = 100_000;
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
    pub const fn all(of: u32) -> Self {
        Self { failures: u32::MAX, of }
    }

    /// Whether it is met.
    #[must_use]
    pub const fn is_met(self, counts: Counts) -> bool {
        counts.same >= self.failures
    }

    /// Whether no more trials are needed. Where all are to be counted, all are.
    #[must_use]
    pub const fn is_decided(self, counts: Counts) -> bool {
        let passed = counts.of - counts.same;
        let is_out_of_reach = self.failures <= self.of && passed > self.of - self.failures;
        counts.of >= self.of || self.is_met(counts) || is_out_of_reach
    }
}

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

    /// What is asked of a schedule that does without something: to fail twice. Once may be chance, or the beginning of a
    /// series of ever rarer failures. One that fails as often as this misses it in one of twenty cases, the doubt about
    /// the rate included.
    #[must_use]
    pub fn demand(self) -> Demand {
        let of = (2..TRIES_MAX).find(|of| self.fewer_than_two(*of) <= DOUBT).unwrap_or(TRIES_MAX);
        Demand { failures: 2, of }
    }

    /// How likely it fails never or once in so many trials. Each further trial without a failure makes the next one
    /// without one likelier (Laplace's rule of succession), since the rate may have been estimated too high.
    fn fewer_than_two(self, of: u32) -> f64 {
        let (failed, passed) = (f64::from(self.0.same) + 1.0, f64::from(self.0.of - self.0.same) + 1.0);
        let passes = |failed: f64, times: u32| -> f64 {
            (0..times).map(f64::from).map(|more| (passed + more) / (failed + passed + more)).product()
        };
        let never = passes(failed, of);
        let once = f64::from(of) * failed / (failed + passed) * passes(failed + 1.0, of - 1);
        never + once
    }

    /// What is asked of a schedule that is only rounder or shorter: to fail as often.
    #[must_use]
    pub fn strict_demand(self) -> Demand {
        let Demand { failures, of } = self.demand();
        Demand { failures: failures.max((self.likely() * f64::from(of)).floor() as u32), of }
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
        let all = [of(5, 5), of(3, 5), of(3, 10), of(1, 20)];
        assert!(all[0] == 4 && all.is_sorted() && all[3] > 72, "{all:?}");
        assert!(rate(1, 20).is_flaky() && !rate(3, 12).is_flaky());
        assert_eq!(rate(5, 5).strict_demand(), Demand { failures: 3, of: 4 });
    }

    #[test]
    fn a_demand_is_decided_as_soon_as_it_can_be() {
        let decided = |same, of| Demand { failures: 2, of: 4 }.is_decided(Counts { same, of });
        let all = [decided(2, 2), decided(1, 2), decided(0, 2), decided(0, 3), decided(1, 4)];
        assert_eq!(all, [true, false, false, true, true]);
        let counted = |same, of| Demand::all(3).is_decided(Counts { same, of });
        assert_eq!([counted(0, 2), counted(2, 2), counted(2, 3)], [false, false, true]);
    }

    proptest::proptest! {
        /// By the integral that the product stands for: all rates, each as likely as the trials make it.
        #[test]
        fn a_rejection_is_wrong_in_one_of_twenty_cases_at_most(same in 1_u32..20, more in 0_u32..20) {
            let missed = |of: u32| {
                let (mut with, mut all) = (0.0, 0.0);
                for step in 1..20_000 {
                    let p = f64::from(step) / 20_000.0;
                    let likely = p.powi(same as i32) * (1.0 - p).powi(more as i32);
                    let fewer = (1.0 - p).powi(of as i32) + f64::from(of) * p * (1.0 - p).powi(of as i32 - 1);
                    (with, all) = (with + likely * fewer, all + likely);
                }
                with / all
            };
            let of = rate(same, same + more).demand().of;
            proptest::prop_assert!(missed(of) <= DOUBT + 1e-3 && (of == 2 || missed(of - 1) > DOUBT - 1e-3));
        }
    }
}
