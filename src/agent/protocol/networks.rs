//! What every agent is asked about the networks of nodes, and a host's agent about whose they are.

use crate::error::Error;
use crate::plan::Plan;
use crate::probe::Stream;
use crate::probe::http;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Brings the namespaces of these nodes to these plans, in this order. Nodes not named stay as they are.
///
/// A host agent remembers them: a node that is not attached gets its ruleset when it is ([`Attach`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyPlans {
    /// Node and all that its namespace must hold.
    pub plans: Vec<(String, Plan)>,
}

/// What became of [`ApplyPlans`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The nodes whose namespace could not be brought there, and why.
    pub failures: Vec<(String, Error)>,
    /// From before the first node's commit until after the last one's.
    pub first_to_last_us: u64,
    /// The whole request.
    pub took_us: u64,
}

/// By what means links can be impaired on this machine: tried, in a namespace that is made for it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct FindMeans {}

/// How many packets does the user-space shaper hold?
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CountHeld {}

/// A place packets come from or go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// Where the agent itself is: at the fabric's bridge, on the host.
    World,
    /// A node.
    Node(String),
}

/// One packet from `from` to `to` and back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Who sends.
    pub from: Party,
    /// Who answers.
    pub to: Party,
    /// How long the answer may take.
    pub wait_ms: u64,
}

/// What became of a [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// The round trip; none where a packet was lost.
    pub rtt_us: Option<u64>,
}

/// Whether one packet that `from` sends arrives at `to`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reachable {
    /// Who sends.
    pub from: Party,
    /// Who receives.
    pub to: Party,
    /// How long the packet may take.
    pub wait_ms: u64,
}

/// Packets from `from` to `to`, one way: which of them arrive, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// Who sends.
    pub from: Party,
    /// Who receives.
    pub to: Party,
    /// What is sent.
    pub stream: Stream,
}

/// Whether somebody accepts connections at a node's own address, tried from inside of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tcp {
    /// Which node.
    pub node: String,
    /// The port.
    pub port: u16,
    /// How long the connection may take.
    pub timeout_ms: u64,
}

/// An HTTP request from `from` to the node `to`, made inside of the former; from a node to itself it goes to its own
/// address. It ends when nobody waits for its answer any more ([`super::Abandon`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Http {
    /// Who asks.
    pub from: Party,
    /// Who answers.
    pub to: String,
    /// What is asked.
    pub request: http::Request,
}

/// Host agents: the node's network is that of this process from now on. Answered with its addresses (expected ones first)
/// and devices, when the ruleset last wanted for the node is in force there: to be sent before anything that must not
/// see the node without it is started.
///
/// A new agent that takes over from a dead one is told the rulesets first ([`ApplyPlans`]) and then attached, so that
/// the rules which stand in the namespace are replaced by the same ones and never removed. A network that the node had
/// before is healed and released, unless it is the same one.
///
/// # Errors
/// The process has ended, is in the host's own network, in that of another node or of another blockade, or its network has
/// none of the `expected` addresses: nothing was touched. Or the rules could not be put there: then the network is the node's
/// nevertheless, and is healed at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attach {
    /// Which node.
    pub node: String,
    /// The process, as the host numbers them.
    pub pid: i32,
    /// One of these it must have; empty: no matter which.
    pub expected: Vec<IpAddr>,
}

/// Host agents: heals the node's network and lets go of it, so that it may end with its last process. The ruleset last
/// wanted is remembered for the next [`Attach`]. No error for a node that is not attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detach {
    /// Which node.
    pub node: String,
}

/// Host agents: SIGKILL for a process, its descendants and its session. Nothing happens where it has ended already.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct KillTree {
    /// The process, as the host numbers them.
    pub pid: i32,
}
