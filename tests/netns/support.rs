//! A cluster in a line, and a look at what is left of it.

use crate::skip::skip;
use blockade::agent::protocol::*;
use blockade::agent::{Agent, Notifications};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use crate::processes::*;

/// Longer than anything here may take; only a failing test waits for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// The binary under test. The run as an ordinary user brings a copy that everybody may read.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("BLOCKADE_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_blockade").into(), PathBuf::from)
}

/// A cluster of so many nodes; without namespaces on this machine, the end of the test.
macro_rules! cluster {
    ($nodes:expr) => {
        match Cluster::of($nodes).await {
            Some(cluster) => cluster,
            None => return,
        }
    };
}
pub(crate) use cluster;

/// An agent with nodes `n1`, `n2`, … that exist and do not run.
pub(crate) struct Cluster {
    pub(crate) agent: Agent,
    pub(crate) notifications: Notifications,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) addresses: Vec<Vec<IpAddr>>,
}

impl Cluster {
    /// The nodes; without namespaces on this machine, nothing but the reason on the list of skipped tests.
    pub(crate) async fn of(nodes: u8) -> Option<Self> {
        Self::with(nodes, |_| true).await
    }

    /// The same, of all addresses only these.
    pub(crate) async fn with(nodes: u8, has: impl Fn(&IpAddr) -> bool) -> Option<Self> {
        let (agent, notifications) = match Agent::launch_from(&binary()).await {
            Ok(launched) => launched,
            Err(error) => {
                skip(&error.to_string());
                println!("SKIPPED");
                return None;
            }
        };
        let addresses = |number: u8| {
            let both = [format!("10.9.0.{number}/24"), format!("fd00:9::{number:x}/64")];
            both.iter().map(|net| net.parse::<ipnet::IpNet>().unwrap()).filter(|net| has(&net.addr())).collect()
        };
        let nodes = (1..=nodes).map(|number| NodeNet {
            name: format!("n{number}"),
            addresses: addresses(number + 1),
            mac: [2, 0, 0, 0, 0, number],
        });
        let gateway = addresses(1);
        let addresses = agent.call(CreateFabric { gateway, nodes: nodes.collect() }).await.unwrap();
        Some(Self { agent, notifications, folder: tempfile::tempdir().unwrap(), addresses })
    }

    /// What starts this node with a shell line, or idle.
    pub(crate) fn node(&self, node: &str, line: Option<&str>) -> StartNode {
        let program = line.map(|line| self.program(node, &["sh", "-c", line]));
        StartNode {
            node: node.into(),
            program,
            hostname: node.into(),
            hosts: "127.0.0.1 localhost\n10.9.0.2 n1\n10.9.0.3 n2\n".into(),
        }
    }

    pub(crate) fn program(&self, node: &str, argv: &[&str]) -> Program {
        Program {
            argv: argv.iter().map(ToString::to_string).collect(),
            env: environment(),
            cwd: self.folder.path().to_owned(),
            user: None,
            log: self.log_path(node),
        }
    }

    pub(crate) async fn start(&self, node: &str, line: &str) {
        self.agent.call(self.node(node, Some(line))).await.unwrap();
    }

    pub(crate) async fn start_idle(&self, node: &str) {
        self.agent.call(self.node(node, None)).await.unwrap();
    }

    pub(crate) fn log_path(&self, node: &str) -> PathBuf {
        self.folder.path().join(format!("{node}.log"))
    }

    pub(crate) fn log(&self, node: &str) -> String {
        std::fs::read_to_string(self.log_path(node)).unwrap_or_default()
    }

    /// Waits until the node's log holds this.
    pub(crate) async fn logged(&self, node: &str, text: &str) {
        until(|| self.log(node).contains(text)).await;
    }

    pub(crate) async fn sh(&self, node: &str, line: &str) -> Executed {
        self.agent.call(sh(node, line)).await.unwrap()
    }

    pub(crate) async fn notified(&mut self) -> Notification {
        tokio::time::timeout(LONG, self.notifications.recv()).await.unwrap().unwrap()
    }

    /// How long until the next notification of an end, and which.
    pub(crate) async fn exit(&mut self) -> (String, Ended, bool) {
        loop {
            match self.notified().await {
                Notification::Exited { node, ended, expected, .. } => return (node, ended, expected),
                Notification::Interfaces { .. } | Notification::Shaper { .. } => {}
                Notification::Gone(error) => panic!("{error}"),
            }
        }
    }
}

pub(crate) fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())])
}

/// A shell line in a node.
pub(crate) fn sh(node: &str, line: &str) -> Exec {
    Exec {
        node: node.into(),
        argv: ["sh", "-c", line].map(String::from).into(),
        env: environment(),
        timeout_ms: Some(LONG.as_millis() as u64),
        ..Exec::default()
    }
}

pub(crate) fn stop(node: &str, grace_ms: u64) -> StopNode {
    StopNode { node: node.into(), signal: libc::SIGTERM, grace_ms }
}

pub(crate) fn kill(node: &str, signal: i32) -> KillNode {
    KillNode { node: node.into(), signal }
}

pub(crate) fn pause(node: &str) -> Pause {
    Pause { node: node.into() }
}

pub(crate) fn resume(node: &str) -> Resume {
    Resume { node: node.into() }
}

/// Waits until it holds; fails if it never does.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "never happened");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
