//! Everything that happens, in one type. The terminal, the journal and `--json` are readers of it.
//!
//! The serialized form is the journal's (format 1): fields may be added, never renamed; a reader keeps unknown kinds.

use super::command::Ended;
use crate::diagnostic::Diagnostic;
use crate::fault::{Fault, FaultId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that happened, with its place in the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts the events of a run from 1.
    pub seq: u64,
    /// Microseconds since the run's start.
    pub t_us: u64,
    /// The script's task it belongs to: `main`, `setup`, `chaos`, `check`; `engine` for what no task asked for.
    pub task: String,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What a client asked of the system under test, or what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Whose: a process does one thing at a time.
    pub process: u64,
    /// What is done: `read`, `write`, …
    pub f: String,
    /// To which of many objects; null where there is one.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub key: Value,
    /// With what; of one that is done, its result.
    pub value: Value,
    /// Why it was not done, or is not known to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What happened. Intentions are recorded before they are carried out, outcomes after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum EventBody {
    /// All nodes run and are ready.
    #[serde(rename = "cluster.up")]
    ClusterUp {
        /// Their names.
        nodes: Vec<String>,
        /// How long it took, microseconds.
        took_us: u64,
    },
    /// Containers of others belong to the cluster now.
    #[serde(rename = "cluster.add")]
    ClusterAdd {
        /// Their names as nodes.
        nodes: Vec<String>,
    },
    /// Everything was removed, or what could not be.
    #[serde(rename = "cluster.down")]
    ClusterDown {
        /// What is left.
        errors: Vec<String>,
    },
    /// A fault is about to be injected.
    #[serde(rename = "fault.inject")]
    FaultInject {
        /// Its name.
        id: FaultId,
        /// Its resolved value.
        fault: Fault,
    },
    /// The fault holds now.
    #[serde(rename = "fault.active")]
    FaultActive {
        /// Its name.
        id: FaultId,
        /// From the call until it held everywhere, microseconds.
        took_us: u64,
        /// From the first to the last node, microseconds.
        spread_us: u64,
    },
    /// The fault could not be injected; nothing of it is left.
    #[serde(rename = "fault.failed")]
    FaultFailed {
        /// Its name.
        id: FaultId,
        /// Why.
        error: String,
    },
    /// A fault is about to be healed.
    #[serde(rename = "fault.heal")]
    FaultHeal {
        /// Its name.
        id: FaultId,
    },
    /// The fault is gone.
    #[serde(rename = "fault.healed")]
    FaultHealed {
        /// Its name.
        id: FaultId,
        /// How long healing took, microseconds.
        took_us: u64,
    },
    /// A fault is about to be healed on some of its links.
    #[serde(rename = "fault.narrow")]
    FaultNarrow {
        /// Its name.
        id: FaultId,
        /// What is left of it.
        fault: Fault,
    },
    /// Only the rest of the fault holds now.
    #[serde(rename = "fault.narrowed")]
    FaultNarrowed {
        /// Its name.
        id: FaultId,
        /// How long that took, microseconds.
        took_us: u64,
    },
    /// A node is about to be started.
    #[serde(rename = "node.start")]
    NodeStart {
        /// Which.
        node: String,
    },
    /// A node is about to go on.
    #[serde(rename = "node.resume")]
    NodeResume {
        /// Which.
        node: String,
    },
    /// A node is about to be stopped and started.
    #[serde(rename = "node.restart")]
    NodeRestart {
        /// Which.
        node: String,
    },
    /// A node's program runs.
    #[serde(rename = "node.up")]
    NodeUp {
        /// Which.
        node: String,
        /// For how long it ran without the faults that held for it, microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gap_us: Option<u64>,
    },
    /// A node was frozen by somebody else.
    #[serde(rename = "node.paused")]
    NodePaused {
        /// Which.
        node: String,
    },
    /// A node was removed by somebody else.
    #[serde(rename = "node.missing")]
    NodeMissing {
        /// Which.
        node: String,
    },
    /// A node's program ended.
    #[serde(rename = "node.exit")]
    NodeExit {
        /// Which.
        node: String,
        /// How.
        ended: Ended,
        /// Whether it was asked to.
        expected: bool,
        /// The last lines of its log, where it was not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log: Vec<String>,
    },
    /// The script looked at something.
    #[serde(rename = "observe")]
    Observe {
        /// With which function.
        what: String,
        /// At what.
        target: String,
        /// What it saw.
        result: Value,
    },
    /// A client is about to do something.
    #[serde(rename = "op.invoke")]
    OpInvoke(Operation),
    /// It was done.
    #[serde(rename = "op.ok")]
    OpOk(Operation),
    /// It was definitely not done.
    #[serde(rename = "op.fail")]
    OpFail(Operation),
    /// Nobody knows whether it was done.
    #[serde(rename = "op.info")]
    OpInfo(Operation),
    /// `param()` gave this.
    #[serde(rename = "param")]
    Param {
        /// The parameter.
        name: String,
        /// Its value.
        value: Value,
    },
    /// The script said something.
    #[serde(rename = "note")]
    Note {
        /// What.
        message: String,
    },
    /// The script measured something.
    #[serde(rename = "metric")]
    Metric {
        /// What.
        name: String,
        /// How much.
        value: f64,
    },
    /// An invariant was looked at.
    #[serde(rename = "check")]
    Check {
        /// `assert`, `fail`, `always`, …
        name: String,
        /// Whether it held.
        ok: bool,
        /// Whether that cannot be said; then it is not `ok`, and is no failure either.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unknown: bool,
        /// What was claimed, or what was found.
        message: String,
        /// More, where there is more.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        details: Value,
        /// Where it is made, if it does not hold: not for the journal, but for whoever has to show a claim whose error
        /// the script has caught.
        #[serde(skip)]
        place: Option<Box<Diagnostic>>,
    },
    /// A part of the script begins.
    #[serde(rename = "phase")]
    Phase {
        /// `main`, `setup`, `chaos`, `recovery`, `check`.
        name: String,
        /// How many tasks the parts before it have started: whose numbers are greater are its own.
        #[serde(default, skip_serializing_if = "is_zero")]
        tasks: u64,
    },
    /// The run is over.
    #[serde(rename = "verdict")]
    Verdict {
        /// pass, fail, unknown or error.
        verdict: String,
        /// Why, where it is not pass.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

/// For serde, which hands out references.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl EventBody {
    /// An invariant was looked at: whether it held.
    #[must_use]
    pub fn claim(name: &str, ok: bool, message: &str) -> Self {
        let (name, message) = (name.to_owned(), message.to_owned());
        Self::Check { name, ok, unknown: false, message, details: Value::Null, place: None }
    }
}
