//! Where nodes live. One trait, so that a script cannot tell processes in namespaces from a simulation except by
//! what they answer.
//!
//! A runtime knows nothing of faults: it is told what each node's namespace must hold, and when to start, stop or
//! freeze a node.

#[cfg(feature = "host")]
pub mod docker;
#[cfg(feature = "host")]
mod here;
#[cfg(feature = "host")]
mod make;
#[cfg(not(feature = "host"))]
#[path = "hostless.rs"]
mod make;
#[cfg(feature = "host")]
pub mod netns;
#[cfg(feature = "host")]
mod ready;
#[cfg(feature = "host")]
mod reserve;
pub mod sim;
#[cfg(feature = "host")]
mod text;

pub use make::*;

use crate::cluster::{Cluster, Node};
use crate::engine::{Ended, Exec, ExecOutput, Job, ProbeReply, ready};
use crate::plan::{Interfaces, Means, Plan, Shaper};
use crate::probe::{Arrival, Stream, http};
use crate::signal::Signal;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Something a node did by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its program ended.
    Exited {
        /// Which node, by its place in the cluster.
        node: usize,
        /// Which of its lives: the end of an earlier one may be heard of after it was started again.
        life: u64,
        /// How.
        ended: Ended,
        /// Whether we had asked it to.
        expected: bool,
    },
    /// Its program was started. A start that we asked for may be told too: it is known by its life.
    Started {
        /// Which node.
        node: usize,
        /// The life that began.
        life: u64,
        /// For how long its program ran without the faults of the network that held for it, microseconds; `None`
        /// where it was under them before its first instruction, and where none held.
        gap_us: Option<u64>,
    },
    /// Somebody else froze it. What we asked for is not told.
    Paused {
        /// Which node.
        node: usize,
        /// In which of its lives.
        life: u64,
    },
    /// Somebody else let it go on. What we asked for is not told.
    Resumed {
        /// Which node.
        node: usize,
        /// In which of its lives.
        life: u64,
    },
    /// It is not there any more: somebody else removed it. [`Runtime::start`] makes it anew.
    Missing {
        /// Which node.
        node: usize,
        /// In which of its lives.
        life: u64,
    },
    /// It was in a state that somebody else had brought it to and that is not to last, and was mended.
    Repaired {
        /// Which node.
        node: usize,
        /// What had happened and what was done about it, a sentence without a full stop.
        what: String,
    },
    /// What impairs links is gone, and cannot be brought back: those links are whole.
    Unimpaired {
        /// What happened, a sentence without a full stop.
        what: String,
    },
    /// Its addresses or devices are others now.
    Interfaces {
        /// Which node.
        node: usize,
        /// All of them.
        interfaces: Interfaces,
    },
    /// The runtime is gone, and every node with it.
    Lost {
        /// What is known of the cause.
        cause: String,
    },
}

/// What applying rulesets cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// From the first node's commit to the last one's, microseconds.
    pub spread_us: u64,
}

/// A node by its place in the cluster, or everything that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A node.
    Node(usize),
    /// What is not a node.
    World,
}

/// Why a program could not be run in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The node is down.
    Down,
    /// The node is frozen.
    Paused,
}

/// What a node writes, as it writes it: pieces of text, the first of them perhaps long. It ends with the node's life.
pub type LogPieces = tokio::sync::mpsc::Receiver<Result<String>>;

/// How a runtime is to go about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Remove what stands in the way under the name of one of the nodes, whoever's it is.
    pub force: bool,
    /// What alone is to impair links.
    #[serde(default)]
    pub shaper: Option<Shaper>,
}

/// Creates, runs and removes the nodes of one cluster. Nodes are named by their place in the cluster.
///
/// Every method returns a job that does not borrow the runtime; jobs for different nodes may run side by side.
pub trait Runtime: Send + Sync {
    /// Its name: `netns`, `sim`, `docker`.
    fn name(&self) -> &'static str;

    /// Creates everything, starts the nodes in the order of their links and waits until they are ready.
    fn up(&self) -> Job<()>;

    /// Stops the nodes and removes everything. Goes on after failures; the error lists them all.
    fn down(&self) -> Job<()>;

    /// Brings namespaces to these plans.
    fn apply(&self, plans: Vec<(usize, Plan)>) -> Job<Applied>;

    /// Whether no packet travels here but those that somebody asks for: then namespaces are brought to their plans
    /// before these do, and not at every change.
    fn is_quiet(&self) -> bool {
        false
    }

    /// What can impair links here.
    fn means(&self) -> Job<Means>;

    /// How many packets the user-space shaper holds until they are due.
    fn held(&self) -> Job<usize> {
        ready(Ok(0))
    }

    /// Starts a node's program. When the job is done, [`Runtime::life`] counts the life that began.
    fn start(&self, node: usize) -> Job<()>;

    /// Ends a node's program with its own signal and grace. A node that is down is left so.
    fn stop(&self, node: usize) -> Job<()>;

    /// Sends a signal; for SIGKILL the job is done when the node is down. One that stops a program or lets it go on
    /// counts for a frozen node from when it is resumed.
    fn kill(&self, node: usize, signal: Signal) -> Job<()>;

    /// Freezes all processes of a node.
    fn pause(&self, node: usize) -> Job<()>;

    /// Lets them go on, but those that a signal has stopped. One that somebody else let go on gets the signals that
    /// waited for that.
    fn resume(&self, node: usize) -> Job<()>;

    /// Runs a program in a node.
    fn exec(&self, node: usize, exec: Exec) -> Job<ExecOutput>;

    /// The node's output so far, or only its last lines.
    fn logs(&self, node: usize, last: Option<usize>) -> Job<String>;

    /// The node's output so far, or its last lines, and from then on what it writes until its program ends.
    fn follow(&self, _node: usize, _last: Option<usize>) -> Job<LogPieces> {
        ready(Err(Error::machine(format!("the {} runtime cannot follow a node's output", self.name()))))
    }

    /// Does the node accept a TCP connection on its own address?
    fn tcp(&self, node: usize, port: u16) -> Job<bool>;

    /// What an HTTP request to a node comes to; from a node to itself it goes to its own address.
    fn http(&self, source: Place, node: usize, request: http::Request) -> Job<http::Answer>;

    /// A round trip of one packet, which may take so long.
    fn probe(&self, source: Place, target: Place, wait_ms: u64) -> Job<ProbeReply>;

    /// Does one packet that `source` sends arrive at `target` within this time?
    fn reachable(&self, source: Place, target: Place, wait_ms: u64) -> Job<bool>;

    /// Sends packets one way and hears what becomes of them.
    fn measure(&self, source: Place, target: Place, stream: Stream) -> Job<Vec<Arrival>>;

    /// The number of the node's latest life; 0 before its first.
    fn life(&self, node: usize) -> u64;

    /// Whether the node is known to be down already, so that no notice of its end will come.
    fn is_down(&self, _: usize) -> bool {
        false
    }

    /// The node's id where others than we know it by one.
    fn container_id(&self, _: usize) -> Option<String> {
        None
    }

    /// Takes in containers of others, by name or id, as nodes behind those that are there; all of them or, with the
    /// error, none. They have the next places from when the job is done, are up unless [`Runtime::is_down`], and are
    /// released by [`Runtime::down`], not removed.
    fn adopt(&self, _: Vec<String>) -> Job<Vec<Node>> {
        ready(Err(Error::usage(format!("only the docker runtime takes in containers, and this is {}", self.name()))
            .help("bring the cluster up with --runtime docker")))
    }

    /// The addresses and devices of every node.
    fn interfaces(&self) -> Vec<Interfaces>;
}

/// What every node of a cluster has when it is made.
fn interfaces(cluster: &Cluster) -> Vec<Interfaces> {
    let made = |node: &Node| Interfaces { addresses: node.all_addresses(), devices: vec!["eth0".to_owned()] };
    cluster.nodes.iter().map(made).collect()
}

/// What a runtime's nodes do by themselves.
pub type Notices = tokio::sync::mpsc::UnboundedReceiver<Notice>;

/// The threads that wait for a real runtime's processes and sockets, and for signals.
pub fn io_threads() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::machine(format!("cannot start the I/O threads: {error}")))
}
