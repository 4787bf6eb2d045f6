//! What front ends may ask of a cluster, and what they get back. Serializable, so that a supervisor in another
//! process answers exactly as the controller in this one.

use crate::Error;
use crate::fault::{Fault, FaultId, Party};
use crate::plan::Mechanism;
use crate::plan::verify::Verified;
use crate::probe::http;
use serde::{Deserialize, Serialize};

/// One request. Names are already resolved: no glob, no random choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Adds a fault and brings the cluster to it.
    Inject {
        /// What to do.
        fault: Fault,
        /// Heal it by itself after this time.
        #[serde(default)]
        for_us: Option<u64>,
    },
    /// Adds a partition in the place of this owner's others, so that what is cut before and after is never open.
    Replace {
        /// What to do.
        fault: Fault,
        /// Heal it by itself after this time.
        #[serde(default)]
        for_us: Option<u64>,
    },
    /// Removes faults.
    Heal {
        /// Which ones.
        which: Selection,
    },
    /// Exempts a fault from `heal()`; it still ends with its run.
    Keep {
        /// Which one.
        id: FaultId,
    },
    /// Starts, resumes or restarts nodes, and retires the faults that kept them down.
    Node {
        /// What to do.
        action: NodeAction,
        /// To whom.
        nodes: Vec<String>,
    },
    /// Runs a program in a node.
    Exec {
        /// Where.
        node: String,
        /// What.
        exec: Exec,
    },
    /// The node's output so far.
    Logs {
        /// Whose.
        node: String,
        /// Only the last so many lines.
        last: Option<usize>,
    },
    /// Does the node accept a TCP connection?
    Tcp {
        /// Whose.
        node: String,
        /// On which port.
        port: u16,
    },
    /// An HTTP request to a node.
    Http {
        /// Who asks.
        source: Party,
        /// Who answers.
        node: String,
        /// What is asked.
        request: http::Request,
    },
    /// A round trip of one packet between two parties.
    Probe {
        /// Who sends.
        source: Party,
        /// Who answers.
        target: Party,
    },
    /// Does one packet arrive?
    Reachable {
        /// Who sends.
        source: Party,
        /// Where it should arrive.
        target: Party,
    },
    /// Takes in containers of others as nodes of the cluster.
    Add {
        /// Their names or ids.
        containers: Vec<String>,
    },
    /// Measures every link that is impaired, or only those of one fault.
    Verify {
        /// Which one.
        fault: Option<FaultId>,
    },
    /// A line for each node.
    Status,
    /// The active faults.
    Faults,
    /// How many packets the user-space shaper holds until they are due.
    Held,
}

impl Command {
    /// Whether it changes the cluster, rather than only looking at it.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(
            self,
            Self::Inject { .. }
                | Self::Replace { .. }
                | Self::Heal { .. }
                | Self::Keep { .. }
                | Self::Node { .. }
                | Self::Add { .. }
        )
    }

    /// Whether packets travel for it.
    #[must_use]
    pub fn sends_packets(&self) -> bool {
        matches!(
            self,
            Self::Tcp { .. } | Self::Http { .. } | Self::Probe { .. } | Self::Reachable { .. } | Self::Verify { .. }
        )
    }

    /// The time after which its fault is healed by whoever carried it out, microseconds.
    #[must_use]
    pub fn for_us(&self) -> Option<u64> {
        match self {
            Self::Inject { for_us, .. } | Self::Replace { for_us, .. } => *for_us,
            _ => None,
        }
    }
}

/// Which faults to heal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// All, but those marked to be kept.
    All,
    /// One of them.
    One(FaultId),
    /// Cuts, but those marked to be kept.
    Partitions,
    /// Of impairments, but those marked to be kept, the links that are these nodes': see [`LinkSet::taken_apart`]. The rest of such a fault goes on.
    ///
    /// [`LinkSet::taken_apart`]: crate::fault::LinkSet::taken_apart
    Impairments(Vec<String>),
}

/// What may be done to a node without its being a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeAction {
    /// Starts it if it is down; retires `stop` and `kill`.
    Start,
    /// Lets it go on if it is frozen; retires `pause`.
    Resume,
    /// Stops and starts it; retires `stop`, `kill` and `pause`.
    Restart,
}

impl NodeAction {
    /// The script's word for it.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Resume => "resume",
            Self::Restart => "restart",
        }
    }

    /// Whether a node that this is done to is no longer under such a fault.
    #[must_use]
    pub fn retires(self, fault: &Fault) -> bool {
        match fault {
            Fault::Pause { .. } => self != Self::Start,
            Fault::Stop { .. } | Fault::Kill { .. } => self != Self::Resume,
            _ => false,
        }
    }
}

/// A program to run in a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it reads on its standard input.
    #[serde(default)]
    pub stdin: String,
    /// Ended by SIGKILL after this time.
    pub timeout_us: u64,
}

/// What a program printed and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutput {
    /// Its exit code; 128 + the signal's number if a signal ended it, 125 if the node is down or paused.
    pub code: i32,
    /// What it wrote, as UTF-8, broken bytes replaced.
    pub stdout: String,
    /// What it wrote to standard error, likewise.
    pub stderr: String,
    /// Whether it wrote more than is kept of either, 4 MiB.
    pub dropped: bool,
    /// Whether the time ran out.
    pub timed_out: bool,
    /// How long it ran, microseconds.
    pub took_us: u64,
}

/// The outcome of one round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReply {
    /// The round-trip time, microseconds; `None` where the packet or its answer was lost.
    pub rtt_us: Option<u64>,
}

/// Whether a node's program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunState {
    /// It runs.
    Up,
    /// It does not.
    Down,
    /// It is frozen.
    Paused,
    /// Somebody has removed it.
    Missing,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match crate::signal::Signal::parse(i64::from(*number)) {
                Ok(signal) => write!(f, "{signal}"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// An active fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultInfo {
    /// Its name.
    pub id: FaultId,
    /// What it does.
    pub fault: Fault,
    /// Whether `heal()` passes it by.
    pub keep: bool,
    /// By what means it impairs links; none for other faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Mechanism>,
}

/// A node's line in `status`; the JSON keys are the old Blockade's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Docker's id of its container; without Docker `<blockade>_<node>`.
    pub container_id: String,
    /// The node's first address.
    pub ip_address: Option<String>,
    /// All its addresses but the link-local ones.
    pub addresses: Vec<String>,
    /// The node's name.
    pub name: String,
    /// NORMAL, SLOW, FLAKY, DUPLICATE or UNKNOWN.
    pub network_state: String,
    /// The number of its partition, from 1; `N` for neutral, `H` for holy; null without partitions.
    pub partition: Option<serde_json::Value>,
    /// UP, DOWN, PAUSED or MISSING.
    pub status: RunState,
    /// For how long its program ran without the faults that held for it when it was started last, microseconds. Only
    /// of a container that was taken in, and only where there was such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_us: Option<u64>,
}

/// The answer to a [`Command`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// Done; nothing to say.
    Done,
    /// The fault that is active now.
    Fault(FaultInfo),
    /// Faults that were healed, or are active.
    Faults(Vec<FaultInfo>),
    /// What a program did.
    Exec(ExecOutput),
    /// Log text.
    Logs(String),
    /// Yes or no.
    Bool(bool),
    /// What an HTTP request came to.
    Http(http::Answer),
    /// A round trip.
    Probe(ProbeReply),
    /// What impaired links did.
    Verified(Vec<Verified>),
    /// A line for each node.
    Status(Vec<NodeStatus>),
    /// The nodes that were taken in.
    Added(Vec<String>),
    /// How many packets are held.
    Held(usize),
}

impl Reply {
    /// What to say of an answer to another question.
    #[must_use]
    pub fn odd(&self) -> Error {
        Error::machine(format!("the cluster gave a reply that does not fit: {self:?}"))
            .help("this is a bug in blockade")
    }
}
