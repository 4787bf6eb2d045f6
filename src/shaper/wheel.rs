//! What is to happen when: a timer wheel. Pure: it is told the time.
//!
//! Items come out in the order of their times, and where these are equal in the order they were put in, as if the wheel
//! were one sorted list. It is three parts of that list: what is due soon, sorted; what is due within a turn of the
//! wheel, in one unsorted slot for each [`SLOT_NS`]; what is due later, sorted. So an item is put in and taken out in the
//! same time however many there are.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A slot's width: some 65 µs, in which few items are due.
const SLOT_NS: u64 = 1 << 16;
/// How many slots a turn has: 134 ms in all.
const SLOTS: u64 = 2048;

/// Items with times.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    /// All that is due before slot `next`, earliest on top.
    soon: BinaryHeap<Reverse<Entry<T>>>,
    /// All that is due in the slots from `next` on, for a whole turn. A slot's place is its number modulo the turn.
    slots: Vec<Vec<Entry<T>>>,
    /// How many lie in `slots`.
    in_slots: usize,
    /// All that is due after that turn.
    later: BinaryHeap<Reverse<Entry<T>>>,
    /// The first slot, counted from the beginning of time, whose items are not in `soon`.
    next: u64,
    /// How many items there ever were.
    count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due_ns: u64,
    number: u64,
    item: T,
}

impl<T> Entry<T> {
    fn slot(&self) -> u64 {
        self.due_ns / SLOT_NS
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due_ns, self.number).cmp(&(other.due_ns, other.number))
    }
}

impl<T> Wheel<T> {
    /// An empty one.
    pub(super) fn new() -> Self {
        let slots = std::iter::repeat_with(Vec::new).take(SLOTS as usize).collect();
        Self { soon: BinaryHeap::new(), slots, in_slots: 0, later: BinaryHeap::new(), next: 0, count: 0 }
    }

    /// Puts an item in.
    pub(super) fn insert(&mut self, due_ns: u64, item: T) {
        let entry = Entry { due_ns, number: self.count, item };
        self.count += 1;
        self.place(entry);
        self.turn();
    }

    /// When the next item is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.soon.peek().map(|Reverse(entry)| entry.due_ns)
    }

    /// Takes out the next item, if it is due by now.
    pub(super) fn pop(&mut self, now_ns: u64) -> Option<T> {
        if self.next_due().is_none_or(|due| due > now_ns) {
            return None;
        }
        let Reverse(entry) = self.soon.pop()?;
        self.turn();
        Some(entry.item)
    }

    fn place(&mut self, entry: Entry<T>) {
        let slot = entry.slot();
        if slot < self.next {
            self.soon.push(Reverse(entry));
        } else if slot - self.next < SLOTS {
            self.slots[(slot % SLOTS) as usize].push(entry);
            self.in_slots += 1;
        } else {
            self.later.push(Reverse(entry));
        }
    }

    /// Goes on until something is soon, if there is anything at all.
    fn turn(&mut self) {
        while self.soon.is_empty() && (self.in_slots > 0 || !self.later.is_empty()) {
            if self.in_slots == 0 {
                // Nothing for a whole turn: straight to what comes then.
                self.next = self.later.peek().map_or(self.next, |Reverse(entry)| entry.slot());
            }
            self.fetch();
            let slot = std::mem::take(&mut self.slots[(self.next % SLOTS) as usize]);
            self.in_slots -= slot.len();
            self.soon.extend(slot.into_iter().map(Reverse));
            self.next += 1;
            self.fetch();
        }
    }

    /// Brings what is within a turn by now from `later` to its slot.
    fn fetch(&mut self) {
        while self.later.peek().is_some_and(|Reverse(entry)| entry.slot() < self.next.saturating_add(SLOTS)) {
            if let Some(Reverse(entry)) = self.later.pop() {
                self.place(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What happens to a wheel: an item comes, or time goes on.
    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Within a slot, within a turn, and beyond it.
        let span = || prop_oneof![0..SLOT_NS, 0..SLOT_NS * SLOTS, 0..SLOT_NS * SLOTS * 5, Just(SLOT_NS)];
        prop::collection::vec(prop_oneof![3 => span().prop_map(Step::Insert), 1 => span().prop_map(Step::Wait)], 0..200)
    }

    proptest! {
        #[test]
        fn items_come_out_as_from_a_sorted_list(steps in steps(), start in prop_oneof![Just(0), any::<u32>().prop_map(|s| u64::from(s) * 1_000_000)]) {
            let (mut wheel, mut list, mut now) = (Wheel::new(), Vec::new(), start);
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(after) => {
                        wheel.insert(now + after, number);
                        list.push((now + after, number));
                        list.sort_unstable();
                    }
                    Step::Wait(span) => now += span,
                }
                while let Some(item) = wheel.pop(now) {
                    let (due, expected) = list.remove(0);
                    prop_assert!(due <= now && item == expected);
                }
                prop_assert_eq!(wheel.next_due(), list.first().map(|(due, _)| *due));
                prop_assert!(wheel.next_due().is_none_or(|due| due > now));
            }
        }
    }

    #[test]
    fn the_end_of_time_is_a_time() {
        let mut wheel = Wheel::new();
        wheel.insert(u64::MAX, 1);
        wheel.insert(5, 0);
        assert_eq!((wheel.pop(10), wheel.pop(10), wheel.pop(u64::MAX)), (Some(0), None, Some(1)));
    }
}
