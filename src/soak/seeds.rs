//! Which seeds are still to be run. Pure.

use crate::{Error, Result};
use std::collections::BTreeSet;

/// Scripts see a seed as a signed integer.
pub const GREATEST: u64 = i64::MAX as u64;

/// Seeds from one on, without those that were run already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds {
    next: u64,
    last: u64,
    /// Those beyond `next`: as many as there were jobs, not as there were runs.
    done: BTreeSet<u64>,
}

impl Seeds {
    /// So many from this one on; without a number all there are.
    pub fn new(start: u64, runs: Option<u64>) -> Result<Self> {
        let last = match runs {
            None => Some(GREATEST),
            Some(runs) => start.checked_add(runs.saturating_sub(1)).filter(|last| *last <= GREATEST),
        };
        let too_many = || {
            Error::usage(format!("there are not so many seeds from {start} on: the greatest is {GREATEST}"))
                .help("start at a smaller seed, or ask for fewer runs")
        };
        last.map(|last| Self { next: start, last, done: BTreeSet::new() }).ok_or_else(too_many)
    }

    /// This one was run in an earlier sitting.
    pub(super) fn done(&mut self, seed: u64) {
        if seed >= self.next {
            self.done.insert(seed);
            self.skip();
        }
    }

    /// The next to be run.
    pub(super) fn next(&mut self) -> Option<u64> {
        let seed = self.next;
        if seed > self.last {
            return None;
        }
        self.next += 1;
        self.skip();
        Some(seed)
    }

    fn skip(&mut self) {
        while self.done.remove(&self.next) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rest(mut seeds: Seeds) -> Vec<u64> {
        std::iter::from_fn(|| seeds.next()).collect()
    }

    proptest! {
        #[test]
        fn every_seed_that_was_not_run_comes_once_and_in_order(
            start in 0_u64..50, runs in 1_u64..40, done in proptest::collection::vec(0_u64..100, 0..60)
        ) {
            let mut seeds = Seeds::new(start, Some(runs)).unwrap();
            for seed in &done {
                seeds.done(*seed);
            }
            let expected: Vec<u64> = (start..start + runs).filter(|seed| !done.contains(seed)).collect();
            prop_assert_eq!(rest(seeds), expected);
        }
    }

    #[test]
    fn seeds_that_were_run_in_order_take_no_room() {
        let mut seeds = Seeds::new(7, None).unwrap();
        (7..10_000).for_each(|seed| seeds.done(seed));
        assert!(seeds.done.is_empty());
        assert_eq!(seeds.next(), Some(10_000));
    }

    #[test]
    fn there_is_a_greatest_seed() {
        assert_eq!(rest(Seeds::new(GREATEST, Some(1)).unwrap()), [GREATEST]);
        assert!(Seeds::new(GREATEST, Some(2)).is_err());
        assert!(Seeds::new(2, Some(u64::MAX)).is_err());
    }
}
