//! What is known of one container's lives: from what the daemon tells of them and from looking at the container, in
//! whatever order the two come in.
//!
//! Pure. Times are the daemon's, nanoseconds since 1970: what is older than what is known changes nothing, so that an
//! event which was overtaken by a look at the container, or told twice, is harmless.

use crate::engine::Ended;
use crate::signal::Signal;

/// What a container is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing: it was never started, or its program has ended.
    #[default]
    Down,
    /// It runs.
    Up,
    /// It is frozen.
    Paused,
    /// It is not there any more.
    Missing,
}

/// What the daemon tells of a container, as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Its program was started.
    Start,
    /// Its program has ended with this code.
    Die(i32),
    /// It was frozen.
    Pause,
    /// It goes on.
    Unpause,
    /// It was removed.
    Destroy,
}

/// What a look at a container shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It runs since then.
    Running {
        /// When its program was started.
        started_ns: i64,
        /// Whether it is frozen.
        paused: bool,
    },
    /// Its program has ended, or never began.
    Ended {
        /// When.
        finished_ns: i64,
        /// With which code.
        code: i32,
    },
    /// There is no such container.
    Nothing,
}

/// What is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// This life began.
    Started(u64),
    /// This life ended.
    Exited {
        /// Which.
        life: u64,
        /// How.
        ended: Ended,
        /// Whether we had asked for it.
        expected: bool,
    },
    /// Somebody else froze it, in this life.
    Paused(u64),
    /// Somebody else let it go on, in this life.
    Resumed(u64),
    /// Somebody else removed it, in or after this life.
    Missing(u64),
}

/// What we are about to do to a container, so that it is not taken for somebody else's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// End it, whatever it takes.
    Stop,
    /// Send it this signal.
    Signal(Signal),
    /// Freeze it.
    Pause,
    /// Let it go on.
    Resume,
}

/// The lives of a container, up to the present one.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    number: u64,
    state: State,
    /// When it came to that state, at the earliest.
    since_ns: i64,
    /// Up to when it is known whether it is frozen: from what was told last, or a look.
    told_ns: i64,
    asked: Vec<Ask>,
    last_exit: Option<Exit>,
}

#[derive(Clone, Copy, Debug)]
struct Exit {
    ended: Ended,
    at_ns: i64,
    expected: bool,
}

impl Life {
    /// The number of the latest life; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What it is doing.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Since when, nanoseconds since 1970.
    pub(super) fn since_ns(&self) -> i64 {
        self.since_ns
    }

    /// Whether its program runs, frozen or not.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Up | State::Paused)
    }

    /// How its latest life ended, if it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.last_exit.filter(|_| !self.is_running()).map(|exit| exit.ended)
    }

    /// Whether its program runs, or would if something that happened at `at_ns` had not ended it: no sooner than that
    /// (but for `slack_ns`), and not because we asked for it.
    pub(super) fn ran_until(&self, at_ns: i64, slack_ns: i64) -> bool {
        let ended_by_it = |exit: Exit| !exit.expected && exit.at_ns >= at_ns - slack_ns;
        self.is_running() || self.last_exit.is_some_and(ended_by_it)
    }

    /// We are about to do something to it.
    pub(super) fn ask(&mut self, ask: Ask) {
        self.asked.push(ask);
    }

    /// It did not come to that.
    pub(super) fn take_back(&mut self, ask: Ask) {
        if let Some(at) = self.asked.iter().rposition(|asked| *asked == ask) {
            self.asked.remove(at);
        }
    }

    /// Takes in what the daemon tells.
    pub(super) fn hear(&mut self, heard: Heard, at_ns: i64) -> Vec<Change> {
        if at_ns < self.since_ns {
            return Vec::new();
        }
        match (heard, self.state) {
            (Heard::Start, State::Down | State::Missing) => vec![self.start(at_ns)],
            (Heard::Die(code), State::Up | State::Paused) => vec![self.exit(code, at_ns)],
            (Heard::Pause | Heard::Unpause, State::Up | State::Paused) if at_ns >= self.told_ns => {
                self.told_ns = at_ns;
                self.freeze(heard == Heard::Pause)
            }
            (Heard::Destroy, State::Up | State::Paused | State::Down) => self.vanish(at_ns),
            _ => Vec::new(),
        }
    }

    /// Takes in what a look has shown that began at `at_ns`. Something else may have been told since then.
    pub(super) fn see(&mut self, seen: Seen, at_ns: i64) -> Vec<Change> {
        match seen {
            Seen::Running { started_ns, paused } => self.see_running(started_ns, paused, at_ns),
            Seen::Ended { finished_ns, code } if self.is_running() && finished_ns >= self.since_ns => {
                vec![self.exit(code, finished_ns)]
            }
            Seen::Nothing if self.state != State::Missing => self.vanish(self.since_ns),
            Seen::Ended { .. } | Seen::Nothing => Vec::new(),
        }
    }

    fn see_running(&mut self, started_ns: i64, paused: bool, at_ns: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        if started_ns > self.since_ns {
            if self.is_running() {
                // One life ended and another began, and nobody told us. With which code it ended nobody knows now.
                changes.push(self.exit(128 + Signal::KILL.number(), started_ns));
            }
            changes.push(self.start(started_ns));
        }
        // Of a life that is over by now, nothing more is to be learnt.
        if self.is_running() && at_ns > self.told_ns {
            self.told_ns = at_ns;
            changes.extend(self.freeze(paused));
        }
        changes
    }

    fn start(&mut self, at_ns: i64) -> Change {
        self.number += 1;
        self.asked.clear();
        self.set(State::Up, at_ns);
        Change::Started(self.number)
    }

    fn exit(&mut self, code: i32, at_ns: i64) -> Change {
        let ended = ended(code);
        let expected = self.was_asked_for(ended);
        self.last_exit = Some(Exit { ended, at_ns, expected });
        self.set(State::Down, at_ns);
        Change::Exited { life: self.number, ended, expected }
    }

    fn freeze(&mut self, freeze: bool) -> Vec<Change> {
        if freeze == (self.state == State::Paused) {
            return Vec::new();
        }
        let (state, ask, change) = if freeze {
            (State::Paused, Ask::Pause, Change::Paused(self.number))
        } else {
            (State::Up, Ask::Resume, Change::Resumed(self.number))
        };
        self.state = state;
        let ours = self.asked.contains(&ask);
        self.take_back(ask);
        if ours { Vec::new() } else { vec![change] }
    }

    fn vanish(&mut self, at_ns: i64) -> Vec<Change> {
        let exit = self.is_running().then(|| self.exit(128 + Signal::KILL.number(), at_ns));
        self.set(State::Missing, at_ns);
        exit.into_iter().chain([Change::Missing(self.number)]).collect()
    }

    fn set(&mut self, state: State, at_ns: i64) {
        self.state = state;
        self.since_ns = at_ns;
    }

    /// Whether a stop or a kill explains this end. A program may turn SIGTERM into exit code 0; one that got SIGUSR1 and
    /// exits does so for its own reasons.
    fn was_asked_for(&self, ended: Ended) -> bool {
        self.asked.iter().any(|ask| match ask {
            Ask::Stop => true,
            Ask::Signal(signal) => signal.is_deadly() || ended == Ended::Signal(signal.number()),
            Ask::Pause | Ask::Resume => false,
        })
    }
}

/// An exit code as Docker tells it: 128 and the signal's number where a signal ended the program. One that exits with
/// such a code by itself, as shells do for their children, cannot be told apart.
pub(super) fn ended(code: i32) -> Ended {
    match code.checked_sub(128) {
        Some(signal @ 1..=64) => Ended::Signal(signal),
        _ => Ended::Code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exited(life: u64, code: i32, expected: bool) -> Change {
        Change::Exited { life, ended: ended(code), expected }
    }

    #[test]
    fn a_life_that_is_told_of_and_looked_at_is_one_life() {
        for look_first in [true, false] {
            let mut life = Life::default();
            let running = Seen::Running { started_ns: 10, paused: false };
            let mut changes = Vec::new();
            if look_first {
                changes.extend(life.see(running, 12));
            }
            changes.extend(life.hear(Heard::Start, 11));
            changes.extend(life.see(running, 12));
            assert_eq!(changes, [Change::Started(1)]);
            assert_eq!(life.state(), State::Up);
        }
    }

    #[test]
    fn the_end_of_an_earlier_life_does_not_end_the_present_one() {
        let mut life = Life::default();
        life.hear(Heard::Start, 10);
        let changes = life.see(Seen::Running { started_ns: 30, paused: false }, 30);
        assert_eq!(changes, [exited(1, 137, false), Change::Started(2)]);
        assert_eq!(life.hear(Heard::Die(0), 20), []);
        assert_eq!(life.hear(Heard::Start, 31), []);
        assert!(life.is_running());
    }

    #[test]
    fn a_look_from_before_the_end_does_not_bring_it_back() {
        let mut life = Life::default();
        life.hear(Heard::Start, 10);
        assert_eq!(life.hear(Heard::Die(3), 20), [exited(1, 3, false)]);
        assert_eq!(life.see(Seen::Running { started_ns: 9, paused: false }, 15), []);
        assert_eq!(life.state(), State::Down);
    }

    #[test]
    fn what_we_asked_for_is_expected_and_not_told_as_somebody_elses() {
        let mut life = Life::default();
        life.hear(Heard::Start, 1);
        life.ask(Ask::Pause);
        assert_eq!(life.see(Seen::Running { started_ns: 1, paused: true }, 2), []);
        assert_eq!(life.hear(Heard::Pause, 2), []);
        assert_eq!(life.hear(Heard::Unpause, 3), [Change::Resumed(1)]);
        assert_eq!(life.see(Seen::Running { started_ns: 1, paused: true }, 2), []);
        life.ask(Ask::Signal(Signal::TERM));
        assert_eq!(life.hear(Heard::Die(0), 4), [exited(1, 0, true)]);
        life.hear(Heard::Start, 5);
        assert_eq!(life.hear(Heard::Die(0), 6), [exited(2, 0, false)]);
    }

    #[test]
    fn what_is_told_late_of_a_freeze_changes_nothing_that_a_look_has_shown() {
        let mut life = Life::default();
        life.hear(Heard::Start, 1);
        assert_eq!(life.see(Seen::Running { started_ns: 1, paused: true }, 10), [Change::Paused(1)]);
        assert_eq!(life.hear(Heard::Unpause, 5), []);
        assert_eq!(life.see(Seen::Running { started_ns: 1, paused: false }, 9), []);
        assert_eq!(life.state(), State::Paused);
        assert_eq!(life.hear(Heard::Unpause, 11), [Change::Resumed(1)]);
    }

    #[test]
    fn a_container_that_was_removed_ends_and_is_missing_once() {
        let mut life = Life::default();
        life.hear(Heard::Start, 1);
        assert_eq!(life.hear(Heard::Destroy, 2), [exited(1, 137, false), Change::Missing(1)]);
        assert_eq!(life.see(Seen::Nothing, 3), []);
        assert_eq!(life.hear(Heard::Start, 3), [Change::Started(2)]);
    }

    #[test]
    fn what_ended_with_its_network_is_told_from_what_ended_before_and_what_was_stopped() {
        let mut life = Life::default();
        life.hear(Heard::Start, 100);
        assert!(life.ran_until(500, 10));
        life.hear(Heard::Die(137), 495);
        assert!(life.ran_until(500, 10));
        assert!(!life.ran_until(600, 10));
        life.hear(Heard::Start, 700);
        life.ask(Ask::Stop);
        life.hear(Heard::Die(0), 800);
        assert!(!life.ran_until(800, 10));
    }

    proptest! {
        #[test]
        fn lives_begin_and_end_in_turn_whatever_is_told_and_seen(
            steps in proptest::collection::vec((0..7_u8, 0..50_i64), 0..60)
        ) {
            let mut life = Life::default();
            let (mut begun, mut over) = (0, 0);
            for (step, at) in steps {
                let changes = match step {
                    0 => life.hear(Heard::Start, at),
                    1 => life.hear(Heard::Die(1), at),
                    2 => life.hear(Heard::Pause, at),
                    3 => life.hear(Heard::Unpause, at),
                    4 => life.hear(Heard::Destroy, at),
                    5 => life.see(Seen::Running { started_ns: at, paused: at % 2 == 0 }, at + 1),
                    _ => life.see(Seen::Ended { finished_ns: at, code: 1 }, at + 1),
                };
                for change in changes {
                    match change {
                        Change::Started(number) => {
                            prop_assert_eq!((number, over), (begun + 1, begun));
                            begun += 1;
                        }
                        Change::Exited { life, .. } => {
                            prop_assert_eq!((life, over), (begun, begun - 1));
                            over += 1;
                        }
                        _ => {}
                    }
                }
                prop_assert_eq!(life.is_running(), begun > over);
                prop_assert_eq!(life.number(), begun);
            }
        }
    }
}
