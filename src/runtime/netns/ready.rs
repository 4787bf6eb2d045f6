//! Waiting until a node does what its `ready:` says, and noticing when it dies instead.

use super::runtime::Inner;
use crate::cluster::Check;
use crate::engine::Exec;
use crate::{Error, Result};
use std::time::{Duration, Instant};

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(10);
/// A single look may take so long.
const LOOK_US: u64 = 2_000_000;
/// How much of its log a node that failed shows.
const LINES: usize = 10;

/// Returns when the node is ready; at once if it has no check.
pub(super) async fn wait(inner: &Inner, node: usize) -> Result<()> {
    let Some(ready) = &inner.node(node).ready else { return Ok(()) };
    let end = Instant::now() + Duration::from_micros(ready.within_us);
    loop {
        still_running(inner, node)?;
        if holds(inner, node, &ready.check).await? {
            return Ok(());
        }
        if Instant::now() >= end {
            let within = ready.within_us as f64 / 1e6;
            return Err(failed(inner, node, &format!("was not ready within {within} s: {}", lacks(&ready.check))));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// An error if the node's program has ended.
pub(super) fn still_running(inner: &Inner, node: usize) -> Result<()> {
    match inner.ended(node) {
        None => Ok(()),
        Some(ended) => Err(failed(inner, node, &format!("ended as soon as it was started: {ended}"))),
    }
}

fn failed(inner: &Inner, node: usize, what: &str) -> Error {
    let log = inner.log(node, Some(LINES)).unwrap_or_default();
    let tail = if log.is_empty() { String::new() } else { format!("\nthe end of its log:\n{}", log.trim_end()) };
    Error::machine(format!("node {} {what}{tail}", inner.node(node).name))
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

async fn holds(inner: &Inner, node: usize, check: &Check) -> Result<bool> {
    match check {
        Check::Tcp(port) => inner.tcp(node, *port).await,
        Check::Log(pattern) => {
            let regex = regex::Regex::new(pattern)
                .map_err(|error| Error::usage(format!("`{pattern}` is no regular expression: {error}")))?;
            Ok(inner.log(node, None)?.lines().any(|line| regex.is_match(line)))
        }
        Check::Exec(argv) => {
            let exec = Exec { argv: argv.clone(), stdin: String::new(), timeout_us: LOOK_US };
            let output = inner.exec(node, exec).await?;
            Ok(output.code == 0 && !output.timed_out)
        }
        Check::Http { port, path } => inner.http(node, *port, path).await,
    }
}
