//! What the runner and the agent say to each other: requests, their answers, notifications.
//!
//! Requests carry an id and may be answered in any order. Both ends are the same binary: the protocol has no versions.

mod frames;
mod networks;
mod output;
mod programs;

use crate::error::{Error, Result};
use crate::plan::Interfaces;
pub(super) use frames::write;
pub(crate) use frames::{frame, read};
pub use networks::*;
pub use output::*;
pub use programs::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A request and the type of its answer.
pub trait Ask: Into<Request> {
    /// What the agent answers on success.
    type Answer: Serialize + DeserializeOwned;
}

/// Declares [`Request`] from its payloads, and ties each of them to its answer.
macro_rules! requests {
    ($($name:ident => $answer:ty,)*) => {
        /// Everything the agent can be asked.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each variant is the type of its name")]
        pub enum Request { $($name($name),)* }

        $(
            impl From<$name> for Request {
                fn from(request: $name) -> Self { Self::$name(request) }
            }
            impl Ask for $name { type Answer = $answer; }
        )*
    };
}

requests! {
    CreateFabric => Vec<Vec<IpAddr>>,
    StartNode => u64,
    StopNode => Ended,
    KillNode => (),
    Pause => (),
    Resume => (),
    Exec => Executed,
    Abandon => (),
    ApplyPlans => Applied,
    FindMeans => crate::plan::Means,
    CountHeld => usize,
    Probe => Probed,
    Reachable => bool,
    Measure => Vec<crate::probe::Arrival>,
    Tcp => bool,
    Http => crate::probe::http::Answer,
    Teardown => Vec<Error>,
    Attach => Interfaces,
    Detach => (),
    KillTree => (),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The node does not run, or is not attached.
    NotRunning(String),
    /// The node is paused.
    Paused(String),
    /// The agent is gone, and with a fabric's every node.
    Gone(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotRunning(node) => Self::usage(format!("node {node} does not run")).help("start it first"),
            Failure::Paused(node) => Self::usage(format!("node {node} is paused")).help("resume it first"),
            Failure::Gone(error) | Failure::Other(error) => error,
        }
    }
}

/// What the agent tells unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notification {
    /// A node's program ended, and so did the rest of the node. Comes before the answer to the request that ended it.
    Exited {
        /// Which node.
        node: String,
        /// Which of its lives.
        life: u64,
        /// How.
        ended: Ended,
        /// Whether it was asked for: by a stop, a kill, a teardown.
        expected: bool,
    },
    /// The addresses or devices of a node's namespace changed.
    Interfaces {
        /// Which node.
        node: String,
        /// All of them.
        interfaces: Interfaces,
    },
    /// Something happened to the user-space shaper, a sentence without a full stop.
    Shaper {
        /// What.
        what: String,
        /// Whether what was asked of it is in force again.
        is_back: bool,
    },
    /// The agent is gone, and with a fabric's every node. The last notification.
    Gone(Error),
}

/// A request on its way to the agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) request: Request,
}

/// Everything the agent writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// First: the agent is ready, or says why it cannot be.
    Hello(Result<Hello>),
    Reply {
        id: u64,
        result: Result<serde_json::Value, Failure>,
    },
    Notification(Notification),
}

/// What a ready agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Whether it lives in a user namespace of its own, because it was not started by root.
    pub rootless: bool,
    /// Whether it attaches to nodes of others: these outlive it.
    pub host: bool,
}
