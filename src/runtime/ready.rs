//! Bringing the nodes of a real cluster up: in the order of their links, each one ready before those that need it start.
//!
//! What it takes to start a node and to look at it is the runtime's: see [`Nodes`].

use crate::cluster::{Check, Cluster};
use crate::engine::{Ended, Exec};
use crate::probe::http::{Answer, Request};
use crate::{Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(10);
/// A single look may take so long.
const LOOK_US: u64 = 2_000_000;
/// A single answer may take so long.
const HTTP_WAIT: Duration = Duration::from_secs(1);
/// How much of its log a node that failed shows.
const LINES: usize = 10;
/// The nodes of a cluster, by their place in it.
pub(super) trait Nodes: Send + Sync + 'static {
    /// The cluster.
    fn cluster(&self) -> &Cluster;

    /// Starts a node's program.
    fn start(self: &Arc<Self>, node: usize) -> impl Future<Output = Result<()>> + Send;

    /// A program without a readiness check that is known to have ended this soon after its start has died in `up`.
    fn settling(&self) -> Duration {
        Duration::from_millis(25)
    }

    /// How the node's program ended, if it has since it was started.
    fn ended(&self, node: usize) -> Option<Ended>;

    /// Brings what is known of these nodes' ends up to date.
    fn look(self: &Arc<Self>, _nodes: &[usize]) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether a program, run in the node, succeeds.
    fn succeeds(self: &Arc<Self>, node: usize, exec: Exec) -> impl Future<Output = Result<bool>> + Send;

    /// Whether the node accepts a connection.
    fn accepts(&self, node: usize, port: u16) -> impl Future<Output = Result<bool>> + Send;

    /// What the node answers to an HTTP request of its own.
    fn asked(&self, node: usize, request: Request) -> impl Future<Output = Result<Answer>> + Send;

    /// What the node wrote, or its last lines.
    fn output(&self, node: usize, last: Option<usize>) -> impl Future<Output = Result<String>> + Send;
}

/// Starts all nodes.
pub(super) async fn start_all<N: Nodes>(nodes: &Arc<N>) -> Result<()> {
    for wave in nodes.cluster().start_order() {
        start_wave(nodes, &wave).await?;
    }
    Ok(())
}

/// Starts nodes side by side and waits until all of them are ready. What is under way when one fails goes on to its end.
async fn start_wave<N: Nodes>(nodes: &Arc<N>, wave: &[usize]) -> Result<()> {
    let mut tasks = JoinSet::new();
    for &node in wave {
        let nodes = Arc::clone(nodes);
        tasks.spawn(async move {
            tokio::time::sleep(Duration::from_micros(nodes.cluster().nodes[node].start_delay_us)).await;
            nodes.start(node).await?;
            wait(&nodes, node).await
        });
    }
    let mut outcome = Ok(());
    while let Some(result) = tasks.join_next().await {
        outcome = outcome.and(result.unwrap_or_else(|crash| Err(Error::machine(format!("a start crashed: {crash}")))));
    }
    outcome?;
    settle(nodes, wave).await
}

/// Gives programs whose readiness nobody checks the time to fail.
async fn settle<N: Nodes>(nodes: &Arc<N>, wave: &[usize]) -> Result<()> {
    let unchecked = |node: &usize| {
        let node = &nodes.cluster().nodes[*node];
        node.ready.is_none() && (node.command.is_some() || node.docker.image.is_some())
    };
    let unchecked: Vec<usize> = wave.iter().copied().filter(unchecked).collect();
    if !unchecked.is_empty() {
        tokio::time::sleep(nodes.settling()).await;
    }
    nodes.look(&unchecked).await?;
    for &node in wave {
        still_running(nodes, node).await?;
    }
    Ok(())
}

/// Returns when the node is ready; at once if it has no check.
async fn wait<N: Nodes>(nodes: &Arc<N>, node: usize) -> Result<()> {
    let Some(ready) = &nodes.cluster().nodes[node].ready else { return Ok(()) };
    let end = Instant::now() + Duration::from_micros(ready.within_us);
    loop {
        still_running(nodes, node).await?;
        if holds(nodes, node, &ready.check).await? {
            return Ok(());
        }
        if Instant::now() >= end {
            let within = ready.within_us as f64 / 1e6;
            let what = format!("was not ready within {within} s: {}", lacks(&ready.check));
            return Err(failed(&**nodes, node, &what).await);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// An error if the node's program has ended.
async fn still_running<N: Nodes>(nodes: &Arc<N>, node: usize) -> Result<()> {
    match nodes.ended(node) {
        None => Ok(()),
        Some(ended) => Err(failed(&**nodes, node, &format!("ended as soon as it was started: {ended}")).await),
    }
}

async fn failed(nodes: &impl Nodes, node: usize, what: &str) -> Error {
    let log = nodes.output(node, Some(LINES)).await.unwrap_or_default();
    let tail = if log.is_empty() { String::new() } else { format!("\nthe end of its log:\n{}", log.trim_end()) };
    Error::machine(format!("node {} {what}{tail}", nodes.cluster().nodes[node].name))
        .help("see its `command:` and `ready:` in the cluster file")
}

fn lacks(check: &Check) -> String {
    match check {
        Check::Tcp(port) => format!("port {port} did not open"),
        Check::Log(regex) => format!("no line of its log matched /{regex}/"),
        Check::Exec(argv) => format!("`{}` did not succeed", argv.join(" ")),
        Check::Http { port, path } => format!("http://…:{port}{path} did not answer with a success"),
    }
}

async fn holds<N: Nodes>(nodes: &Arc<N>, node: usize, check: &Check) -> Result<bool> {
    match check {
        Check::Tcp(port) => nodes.accepts(node, *port).await,
        Check::Log(pattern) => {
            let regex = regex::Regex::new(pattern)
                .map_err(|error| Error::usage(format!("`{pattern}` is no regular expression: {error}")))?;
            Ok(nodes.output(node, None).await?.lines().any(|line| regex.is_match(line)))
        }
        Check::Exec(argv) => {
            let exec = Exec { argv: argv.clone(), stdin: String::new(), timeout_us: LOOK_US };
            nodes.succeeds(node, exec).await
        }
        Check::Http { port, path } => {
            let answer = nodes.asked(node, Request::get(*port, path, HTTP_WAIT)).await?;
            Ok(answer.status().is_some_and(|status| (200..400).contains(&status)))
        }
    }
}
