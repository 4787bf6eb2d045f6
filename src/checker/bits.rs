//! A set of small numbers.

use smallvec::SmallVec;

/// Grows as it has to; most have one word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bits(SmallVec<[u64; 1]>);

impl Bits {
    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(super) fn add(&mut self, number: usize) {
        if self.0.len() <= number / 64 {
            self.0.resize(number / 64 + 1, 0);
        }
        self.0[number / 64] |= 1 << (number % 64);
    }

    /// Words that became empty go, so that equal sets are equal values.
    pub(super) fn remove(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(|(own, other)| own & !other == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(numbers: &BTreeSet<usize>) -> Bits {
        numbers.iter().fold(Bits::default(), |mut bits, number| {
            bits.add(*number);
            bits
        })
    }

    proptest! {
        #[test]
        fn they_are_sets(a in prop::collection::btree_set(0_usize..150, 0..20), b in prop::collection::btree_set(0_usize..150, 0..20)) {
            let mut all = bits(&a.union(&b).copied().collect());
            prop_assert_eq!(bits(&a).is_within(&bits(&b)), a.is_subset(&b));
            b.difference(&a).for_each(|number| all.remove(*number));
            prop_assert_eq!(&all, &bits(&a));
            prop_assert!((0..200).all(|number| all.has(number) == a.contains(&number)));
        }
    }
}
