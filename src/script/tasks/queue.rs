//! Whose turn it is. Pure: time is given, chance is the seed's.

use super::TaskId;
use crate::random::Stream;
use std::collections::{BTreeMap, VecDeque};

/// A place among those who sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    t_us: u64,
    /// Who goes to sleep first is woken first.
    order: u64,
}

impl Due {
    /// When, microseconds of the run.
    pub(super) fn t_us(self) -> u64 {
        self.t_us
    }
}

/// Tasks that can go on, and tasks that sleep.
pub(super) struct Queue {
    ready: VecDeque<TaskId>,
    sleeping: BTreeMap<Due, TaskId>,
    order: u64,
    choices: Option<Stream>,
}

impl Queue {
    /// An empty one. With `choices` the next of several is drawn from them; without, it is the first.
    pub(super) fn new(choices: Option<Stream>) -> Self {
        Self { ready: VecDeque::new(), sleeping: BTreeMap::new(), order: 0, choices }
    }

    /// The same with other choices, if it has any.
    pub(super) fn reseed(&mut self, choices: &Stream) {
        self.choices = self.choices.take().map(|_| choices.clone());
    }

    /// This task can go on.
    pub(super) fn ready(&mut self, task: TaskId) {
        self.ready.push_back(task);
    }

    /// This task can go on at that time.
    pub(super) fn sleep(&mut self, task: TaskId, t_us: u64) -> Due {
        self.order += 1;
        let due = Due { t_us, order: self.order };
        self.sleeping.insert(due, task);
        due
    }

    /// A task that sleeps no more.
    pub(super) fn forget(&mut self, due: Due) {
        self.sleeping.remove(&due);
    }

    /// Whether nobody else could go on before or at this time.
    pub(super) fn is_alone_until(&self, t_us: u64) -> bool {
        self.ready.is_empty() && self.first_due().is_none_or(|first_us| first_us > t_us)
    }

    /// When the first sleeper wakes, microseconds.
    pub(super) fn first_due(&self) -> Option<u64> {
        self.sleeping.first_key_value().map(|(due, _)| due.t_us)
    }

    /// Those whose time has come.
    pub(super) fn take_due(&mut self, now_us: u64) -> Vec<TaskId> {
        let later = self.sleeping.split_off(&Due { t_us: now_us.saturating_add(1), order: 0 });
        std::mem::replace(&mut self.sleeping, later).into_values().collect()
    }

    /// The task whose turn it is.
    pub(super) fn next(&mut self) -> Option<TaskId> {
        match &mut self.choices {
            Some(choices) if self.ready.len() > 1 => {
                let chosen = choices.index(self.ready.len());
                self.ready.swap_remove_back(chosen)
            }
            _ => self.ready.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seeded(seed: u64) -> Queue {
        Queue::new(Some(Stream::root(seed)))
    }

    proptest! {
        #[test]
        fn everyone_who_can_go_on_has_a_turn_and_only_one(seed: u64, tasks in 0_u64..50) {
            let mut queue = seeded(seed);
            (0..tasks).for_each(|task| queue.ready(task));
            let mut turns: Vec<TaskId> = std::iter::from_fn(|| queue.next()).collect();
            turns.sort_unstable();
            prop_assert_eq!(turns, (0..tasks).collect::<Vec<_>>());
        }

        #[test]
        fn sleepers_wake_when_it_is_time_and_in_the_order_of_their_times(times in prop::collection::vec(0_u64..20, 0..30), now in 0_u64..20) {
            let mut queue = Queue::new(None);
            for (task, t_us) in (0..).zip(&times) {
                queue.sleep(task, *t_us);
            }
            let woken = queue.take_due(now);
            let mut expected: Vec<TaskId> = (0..times.len() as u64).filter(|task| times[*task as usize] <= now).collect();
            expected.sort_by_key(|task| (times[*task as usize], *task));
            prop_assert_eq!(woken, expected);
            prop_assert_eq!(queue.first_due(), times.iter().copied().filter(|t_us| *t_us > now).min());
        }
    }

    #[test]
    fn the_seed_draws_the_order_and_another_seed_another_one() {
        let order = |seed| {
            let mut queue = seeded(seed);
            (0..20).for_each(|task| queue.ready(task));
            std::iter::from_fn(|| queue.next()).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn without_a_seed_who_has_waited_for_longest_is_next() {
        let mut queue = Queue::new(None);
        for task in [3, 1, 2] {
            queue.ready(task);
        }
        assert_eq!(std::iter::from_fn(|| queue.next()).collect::<Vec<_>>(), [3, 1, 2]);
    }

    #[test]
    fn nobody_is_alone_beside_one_who_wakes_at_the_same_time() {
        let mut queue = Queue::new(None);
        let due = queue.sleep(1, 10);
        assert_eq!([queue.is_alone_until(9), queue.is_alone_until(10)], [true, false]);
        queue.forget(due);
        assert!(queue.is_alone_until(10));
    }
}
