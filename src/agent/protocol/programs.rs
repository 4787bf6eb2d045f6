//! What a fabric's agent is asked about nodes that it makes, and what runs in them.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Creates the whole network: bridge, namespaces, links, addresses. Once, before anything else. Answered with the
/// addresses of each node, link-local ones included, IPv4 first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CreateFabric {
    /// The bridge's own addresses: they stand for the world.
    pub gateway: Vec<IpNet>,
    /// The nodes, none of which runs yet.
    pub nodes: Vec<NodeNet>,
}

/// A node's place in the network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeNet {
    /// The node's name.
    pub name: String,
    /// Its addresses with the prefix of their subnet.
    pub addresses: Vec<IpNet>,
    /// The hardware address of its `eth0`; its link-local IPv6 address follows from it.
    pub mac: [u8; 6],
}

/// Starts a node's processes. Answered when its program runs, that is after a successful `execve`, with the number of
/// the life that begins: the first is 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartNode {
    /// Which node.
    pub node: String,
    /// What runs in it; a node without a program idles until it is stopped.
    pub program: Option<Program>,
    /// The node's host name.
    pub hostname: String,
    /// The content of its private `/etc/hosts`.
    pub hosts: String,
}

/// A node's main program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// Name and arguments; a name of `blockade` is the running binary itself.
    pub argv: Vec<String>,
    /// The whole environment; its `PATH` finds the program.
    pub env: BTreeMap<String, String>,
    /// The absolute path of the working folder, which exists.
    pub cwd: PathBuf,
    /// The user to run as; needs root.
    pub user: Option<String>,
    /// The file that stdout and stderr are appended to.
    pub log: PathBuf,
}

/// Ends a node: the signal to its program, and when the grace is over, SIGKILL to all of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StopNode {
    /// Which node.
    pub node: String,
    /// The signal's number.
    pub signal: i32,
    /// How long the program may take to end.
    pub grace_ms: u64,
}

/// Sends a signal. SIGKILL ends the whole node, and is answered when it is gone; any other goes to the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KillNode {
    /// Which node.
    pub node: String,
    /// The signal's number.
    pub signal: i32,
}

/// Stops all of a node's processes at once. Answered when none of them runs any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// Which node.
    pub node: String,
}

/// Lets a paused node's processes run again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resume {
    /// Which node.
    pub node: String,
}

/// Runs a command inside a running node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Exec {
    /// Which node.
    pub node: String,
    /// Name and arguments, as in [`Program::argv`].
    pub argv: Vec<String>,
    /// The whole environment; its `PATH` finds the command.
    pub env: BTreeMap<String, String>,
    /// The working folder; `/` where not given.
    pub cwd: Option<PathBuf>,
    /// The user to run as; needs root.
    pub user: Option<String>,
    /// What the command reads.
    pub stdin: String,
    /// After this long it dies, with all that it started.
    pub timeout_ms: Option<u64>,
}

/// Nobody waits any more for the answer of the [`Exec`] or [`super::Http`] with this id: the command dies as when its time
/// is over, the connection is closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Abandon {
    /// Its id, as the runner numbers requests.
    pub call: u64,
}

/// What a command did. One that could not be started has code 127 (not found) or 126, as in a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executed {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its output, at most [`OUTPUT_BYTES_MAX`](super::OUTPUT_BYTES_MAX) of it; what is no UTF-8 is replaced.
    pub stdout: String,
    /// Its error output, bounded in the same way.
    pub stderr: String,
    /// Whether it wrote more than that of either.
    pub dropped: bool,
    /// Whether it was killed because its time was over.
    pub timed_out: bool,
    /// From the request to the end.
    pub took_us: u64,
}

/// Ends all nodes and removes the network. Answered, with what failed, when no process of a node is left.
///
/// A host agent heals every network that it is attached to and lets go of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Teardown {
    /// Nodes that get a signal and a grace, all at the same time; the others are killed.
    pub stops: Vec<StopNode>,
}

/// How a node's program ended: with a code, or by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// It exited with this code.
    Code(i32),
    /// The signal with this number ended it.
    Signal(i32),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
