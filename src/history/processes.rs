//! Whose operation it is.
//!
//! Checkers take a process for one that does one thing at a time. Of an operation whose outcome nobody knows it cannot be
//! said when it ends, so whoever began it goes on as another process.

use std::collections::BTreeMap;

/// The present process of everyone who has one.
#[derive(Clone, Debug, Default)]
pub struct Processes {
    /// How many there have been.
    count: u64,
    present: BTreeMap<String, Process>,
}

#[derive(Clone, Copy, Debug)]
struct Process {
    number: u64,
    /// Whether it is at work.
    is_open: bool,
}

impl Processes {
    /// Begins an operation of this actor: its process, or nothing while an earlier one is not over.
    pub fn begin(&mut self, actor: &str) -> Option<u64> {
        let next = Process { number: self.count, is_open: false };
        let process = self.present.entry(actor.to_owned()).or_insert_with(|| {
            self.count += 1;
            next
        });
        (!std::mem::replace(&mut process.is_open, true)).then_some(process.number)
    }

    /// Ends its operation, whose outcome is known: the process goes on.
    pub fn end(&mut self, actor: &str) {
        if let Some(process) = self.present.get_mut(actor) {
            process.is_open = false;
        }
    }

    /// Its operation, if it is not over, has no known outcome: the process is never heard of again.
    pub fn retire(&mut self, actor: &str) {
        if self.present.get(actor).is_some_and(|process| process.is_open) {
            self.present.remove(actor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Processes;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_process_does_one_thing_at_a_time_and_is_retired_when_it_cannot_be_known_what_it_did() {
        let mut processes = Processes::default();
        assert_eq!((processes.begin("a"), processes.begin("b"), processes.begin("a")), (Some(0), Some(1), None));
        processes.end("a");
        assert_eq!(processes.begin("a"), Some(0));
        processes.retire("a");
        processes.retire("b");
        assert_eq!((processes.begin("b"), processes.begin("a")), (Some(2), Some(3)));
    }

    proptest! {
        #[test]
        fn no_two_actors_are_ever_the_same_process(steps in prop::collection::vec((0..4_u8, any::<bool>()), 0..100)) {
            let mut processes = Processes::default();
            let mut owners = std::collections::BTreeMap::new();
            let mut retired = BTreeSet::new();
            for (actor, is_known) in steps {
                let name = actor.to_string();
                let process = processes.begin(&name).unwrap();
                prop_assert!(!retired.contains(&process));
                prop_assert_eq!(*owners.entry(process).or_insert(actor), actor);
                if is_known {
                    processes.end(&name);
                } else {
                    retired.insert(process);
                    processes.retire(&name);
                }
            }
        }
    }
}
