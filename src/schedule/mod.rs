//! A schedule: resolved faults with times, as a value.
//!
//! It is read from the journal of a run (`recorded`, `reader`), can be made smaller (`crate::shrink`), and is written as the body
//! of a script's `chaos()` (`text`, with the faults themselves in `spelled`), which any run can take. So replaying needs
//! no machinery of its own. Pure.

mod reader;
mod recorded;
mod spelled;
mod text;

pub use recorded::{Course, Recorded, recorded};
pub use text::Times;

use crate::engine::NodeAction;
use crate::fault::Fault;
use crate::words::counted;

/// What happens, and when: microseconds since `chaos()` began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// In the order in which they begin.
    pub steps: Vec<Step>,
    /// When `chaos()` returns, and all that is still active is healed.
    pub end_us: u64,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A fault, from its injection to its end.
    Fault {
        /// What it does.
        fault: Fault,
        /// When it is injected.
        from: Moment,
        /// How it ends.
        end: End,
    },
    /// Nodes are started, resumed or restarted.
    Node {
        /// What is done.
        action: NodeAction,
        /// To whom.
        nodes: Vec<String>,
        /// When.
        from: Moment,
    },
}

/// When something is begun, and how long it took then: what comes earlier than its end was done beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since `chaos()` began.
    pub at_us: u64,
    /// Microseconds.
    pub took_us: u64,
    /// Of what is begun at one instant, which on virtual time can be much, the least comes first: the number of its event
    /// in the journal; 0 where no journal tells.
    pub seq: u64,
}

/// How a fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is healed.
    Healed(Moment),
    /// It lasts until `chaos()` returns, or until a start or a restart of its nodes retires it.
    Open,
    /// `heal()` passes it by, so that it still holds in `check()`.
    Kept,
}

impl Moment {
    /// Something that took no time.
    #[must_use]
    pub const fn at(at_us: u64) -> Self {
        Self { at_us, took_us: 0, seq: 0 }
    }
}

impl Step {
    /// When it begins.
    #[must_use]
    pub fn from(&self) -> Moment {
        match self {
            Self::Fault { from, .. } | Self::Node { from, .. } => *from,
        }
    }

    /// When it begins, microseconds.
    #[must_use]
    pub fn at_us(&self) -> u64 {
        self.from().at_us
    }
}

impl Schedule {
    /// How many faults, the actions on nodes counted, too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The same for people: `1 fault`, `2 faults and 1 start`.
    #[must_use]
    pub fn size(&self) -> String {
        let acts = self.steps.iter().filter(|step| matches!(step, Step::Node { .. })).count();
        let faults = counted(self.len() - acts, "fault");
        if acts == 0 { faults } else { format!("{faults} and {}", counted(acts, "start")) }
    }

    /// Whether nothing happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

#[cfg(test)]
mod tests;
