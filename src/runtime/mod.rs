//! Where nodes live. One trait, so that a script cannot tell processes in namespaces from a simulation except by
//! what they answer.
//!
//! A runtime knows nothing of faults: it is told what each node's namespace must hold, and when to start, stop or
//! freeze a node.

pub mod docker;
mod here;
pub mod netns;
mod reserve;
pub mod sim;

pub use here::Here;

use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{Clock, Ended, Exec, ExecOutput, Job, ProbeReply};
use crate::plan::Ruleset;
use crate::signal::Signal;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

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
    /// Its addresses are others now.
    Addresses {
        /// Which node.
        node: usize,
        /// All of them, link-local ones included.
        addresses: Vec<IpAddr>,
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

    /// Brings namespaces to these rulesets.
    fn apply(&self, rulesets: Vec<(usize, Ruleset)>) -> Job<Applied>;

    /// Starts a node's program.
    fn start(&self, node: usize) -> Job<()>;

    /// Ends a node's program with its own signal and grace. A node that is down is left so.
    fn stop(&self, node: usize) -> Job<()>;

    /// Sends a signal; for SIGKILL the job is done when the node is down.
    fn kill(&self, node: usize, signal: Signal) -> Job<()>;

    /// Freezes all processes of a node.
    fn pause(&self, node: usize) -> Job<()>;

    /// Lets them go on.
    fn resume(&self, node: usize) -> Job<()>;

    /// Runs a program in a node.
    fn exec(&self, node: usize, exec: Exec) -> Job<ExecOutput>;

    /// The node's output so far, or only its last lines.
    fn logs(&self, node: usize, last: Option<usize>) -> Job<String>;

    /// Does the node accept a TCP connection on its own address?
    fn tcp(&self, node: usize, port: u16) -> Job<bool>;

    /// A round trip of one packet.
    fn probe(&self, source: Place, target: Place) -> Job<ProbeReply>;

    /// Does one packet that `source` sends arrive at `target`?
    fn reachable(&self, source: Place, target: Place) -> Job<bool>;

    /// The number of the node's latest life; 0 before its first.
    fn life(&self, node: usize) -> u64;

    /// Whether the node is known to be down already, so that no notice of its end will come.
    fn is_down(&self, _: usize) -> bool {
        false
    }

    /// All addresses of every node, link-local ones included.
    fn addresses(&self) -> Vec<Vec<IpAddr>>;
}

/// Sees that what a cluster needs from elsewhere is there, before anything is created: Docker answers, and has the nodes'
/// images. Called by the user's own process, because it may take long and shows its progress on stderr.
pub fn prepare(kind: RuntimeKind, cluster: &Cluster) -> Result<()> {
    match kind {
        RuntimeKind::Docker => docker::connection::ask(async |docker| docker::images::prepare(&docker, cluster).await),
        RuntimeKind::Netns | RuntimeKind::Sim => Ok(()),
    }
}

/// What a runtime's nodes do by themselves.
pub type Notices = tokio::sync::mpsc::UnboundedReceiver<Notice>;

/// The runtime for a cluster, with nothing started yet. Node logs and working folders go below `folder`.
pub async fn create(kind: RuntimeKind, cluster: &Arc<Cluster>, folder: &Path) -> Result<(Arc<dyn Runtime>, Notices)> {
    match kind {
        RuntimeKind::Netns => {
            let (netns, notices) = netns::Netns::create(cluster, folder).await?;
            Ok((Arc::new(netns), notices))
        }
        RuntimeKind::Docker => Err(Error::machine("the docker runtime is not in this version of blockade yet")
            .help("give each node a `command` and use --runtime netns")),
        RuntimeKind::Sim => {
            let (_, notices) = tokio::sync::mpsc::unbounded_channel();
            Ok((Arc::new(sim::Sim::new(cluster, Arc::new(Clock::simulated()))), notices))
        }
    }
}

/// The threads that wait for a real runtime's processes and sockets, and for signals.
pub fn io_threads() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::machine(format!("cannot start the I/O threads: {error}")))
}
