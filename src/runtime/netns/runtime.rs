//! The [`Runtime`] on top of the agent: from a cluster's nodes to the agent's requests, and back.
//!
//! Runs in the runner, without rights. It writes the nodes' working folders and reads their logs; everything else is
//! asked of the agent.

use super::log;
use super::workdir;
use crate::agent::protocol::{
    ApplyPlans, CountHeld, CreateFabric, Ended as AgentEnded, Exec as AgentExec, Failure, FindMeans, Http, KillNode,
    Measure, NodeNet, Notification, Party, Pause, Probe, Program, Reachable, Resume, StartNode, StopNode, Tcp,
    Teardown,
};
use crate::agent::{Agent, Notifications};
use crate::cluster::{Cluster, Node};
use crate::engine::{Ended, Exec, ExecOutput, Job, ProbeReply};
use crate::plan::{Interfaces, Means, Plan};
use crate::probe::http::{Answer, Request};
use crate::probe::{Arrival, Stream};
use crate::runtime::{Applied, LogPieces, Notice, Notices, Place, Runtime, ready};
use crate::signal::Signal;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a connection within a node may take.
const TCP_WAIT_MS: u64 = 1_000;
/// The kernel ends all processes of all nodes within this time, or the agent is killed.
const TEARDOWN: Duration = Duration::from_secs(10);
/// The exit code of a program that was not run, because its node is down or paused.
const NOT_RUN: i32 = 125;

/// Processes in namespaces.
pub struct Netns {
    inner: Arc<Inner>,
}

/// What jobs share.
pub(super) struct Inner {
    pub(super) agent: Agent,
    pub(super) cluster: Arc<Cluster>,
    folder: PathBuf,
    interfaces: Mutex<Vec<Interfaces>>,
    /// The latest life of each node, and of those whose program ended how the latest one to end did.
    lives: Mutex<Vec<u64>>,
    ended: Mutex<BTreeMap<usize, (u64, Ended)>>,
}

impl Netns {
    /// Starts an agent. Nothing of the cluster exists yet.
    pub async fn create(cluster: &Arc<Cluster>, folder: &Path) -> Result<(Self, Notices)> {
        if let Some(node) = cluster.nodes.iter().find(|node| node.docker.image.is_some() && node.command.is_none()) {
            return Err(Error::usage(format!(
                "node {} has an image and no command: it needs the docker runtime",
                node.name
            ))
            .help("give it a `command`, which netns runs without the image"));
        }
        let (agent, heard) = Agent::launch().await?;
        let inner = Arc::new(Inner {
            agent,
            cluster: Arc::clone(cluster),
            folder: folder.to_owned(),
            interfaces: Mutex::new(crate::runtime::interfaces(cluster)),
            lives: Mutex::new(vec![0; cluster.nodes.len()]),
            ended: Mutex::default(),
        });
        let (notify, notices) = mpsc::unbounded_channel();
        tokio::spawn(listen(Arc::downgrade(&inner), heard, notify));
        Ok((Self { inner }, notices))
    }

    fn job<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Job<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Box::pin(work(Arc::clone(&self.inner)))
    }
}

/// Turns the agent's notifications into notices until it is gone.
async fn listen(inner: std::sync::Weak<Inner>, mut heard: Notifications, notify: mpsc::UnboundedSender<Notice>) {
    while let Some(notification) = heard.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let notice = match notification {
            Notification::Exited { node, life, ended, expected } => inner.position(&node).map(|node| {
                let ended = convert(ended);
                lock(&inner.ended).insert(node, (life, ended));
                Notice::Exited { node, life, ended, expected }
            }),
            Notification::Interfaces { node, interfaces } => inner.position(&node).map(|node| {
                lock(&inner.interfaces)[node].clone_from(&interfaces);
                Notice::Interfaces { node, interfaces }
            }),
            Notification::Shaper { what, is_back: true } => Some(Notice::Repaired { node: 0, what }),
            Notification::Shaper { what, is_back: false } => Some(Notice::Unimpaired { what }),
            Notification::Gone(error) => Some(Notice::Lost { cause: error.to_string() }),
        };
        if let Some(notice) = notice {
            let _ = notify.send(notice); // nobody listens any more at the end of a run
        }
    }
}

fn convert(ended: AgentEnded) -> Ended {
    match ended {
        AgentEnded::Code(code) => Ended::Code(code),
        AgentEnded::Signal(signal) => Ended::Signal(signal),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn position(&self, name: &str) -> Option<usize> {
        self.cluster.position(name)
    }

    pub(super) fn node(&self, index: usize) -> &Node {
        &self.cluster.nodes[index]
    }

    fn name(&self, index: usize) -> String {
        self.node(index).name.clone()
    }

    /// How the node's program ended, if it has since it was last started.
    pub(super) fn ended(&self, node: usize) -> Option<Ended> {
        let latest = lock(&self.lives)[node];
        lock(&self.ended).get(&node).filter(|(life, _)| *life >= latest).map(|(_, ended)| *ended)
    }

    pub(super) fn log_path(&self, node: usize) -> PathBuf {
        self.folder.join("logs").join(format!("{}.log", self.node(node).name))
    }

    fn workdir(&self, node: usize) -> PathBuf {
        workdir::path(&self.folder, self.node(node))
    }

    fn environment(&self, node: usize) -> BTreeMap<String, String> {
        workdir::environment(self.node(node), &self.workdir(node))
    }

    async fn up(self: Arc<Self>) -> Result<()> {
        for node in &self.cluster.nodes {
            workdir::create(&self.folder, node)?;
        }
        std::fs::create_dir_all(self.folder.join("logs")).map_err(|error| {
            Error::machine(format!("cannot create {}: {error}", self.folder.join("logs").display()))
        })?;
        let nodes = self.cluster.nodes.iter().map(|node| NodeNet {
            name: node.name.clone(),
            addresses: node.addresses.clone(),
            mac: node.mac.0,
        });
        let fabric = CreateFabric { gateway: self.cluster.gateways(), nodes: nodes.collect() };
        self.agent.call(fabric).await?;
        ready::start_all(&self).await
    }

    async fn start(&self, node: usize) -> Result<()> {
        let program = self.node(node).command.clone().map(|argv| Program {
            argv,
            env: self.environment(node),
            cwd: self.workdir(node),
            user: self.node(node).user.clone(),
            log: self.log_path(node),
        });
        let start = StartNode {
            node: self.name(node),
            program,
            hostname: self.node(node).hostname.clone(),
            hosts: workdir::hosts(&self.cluster, self.node(node)),
        };
        let life = self.agent.call(start).await?;
        lock(&self.lives)[node] = life;
        Ok(())
    }

    async fn stop(&self, node: usize) -> Result<()> {
        let stop = self.node(node).stop;
        let request =
            StopNode { node: self.name(node), signal: stop.signal.number(), grace_ms: stop.within_us.div_ceil(1_000) };
        unless_down(self.agent.call(request).await.map(drop))
    }

    async fn kill(&self, node: usize, signal: Signal) -> Result<()> {
        let request = KillNode { node: self.name(node), signal: signal.number() };
        unless_down(self.agent.call(request).await)
    }

    pub(super) async fn exec(&self, node: usize, exec: Exec) -> Result<ExecOutput> {
        let request = AgentExec {
            node: self.name(node),
            argv: exec.argv,
            env: self.environment(node),
            cwd: Some(self.workdir(node)),
            user: self.node(node).user.clone(),
            stdin: exec.stdin,
            timeout_ms: Some(exec.timeout_us.div_ceil(1_000)),
        };
        match self.agent.call(request).await {
            Ok(done) => Ok(ExecOutput {
                code: done.code.unwrap_or_else(|| 128 + done.signal.unwrap_or(0)),
                stdout: done.stdout,
                stderr: done.stderr,
                dropped: done.dropped,
                timed_out: done.timed_out,
                took_us: done.took_us,
            }),
            Err(Failure::NotRunning(node)) => Ok(not_run(&node, "down")),
            Err(Failure::Paused(node)) => Ok(not_run(&node, "paused")),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn tcp(&self, node: usize, port: u16) -> Result<bool> {
        Ok(self.agent.call(Tcp { node: self.name(node), port, timeout_ms: TCP_WAIT_MS }).await?)
    }

    async fn http(&self, source: Place, node: usize, request: Request) -> Result<Answer> {
        Ok(self.agent.call(Http { from: self.party(source), to: self.name(node), request }).await?)
    }

    pub(super) fn log(&self, node: usize, last: Option<usize>) -> Result<String> {
        let path = self.log_path(node);
        log::read(&path, last).map_err(|error| Error::machine(format!("cannot read {}: {error}", path.display())))
    }

    fn follow(self: &Arc<Self>, node: usize, last: Option<usize>) -> LogPieces {
        let (inner, life) = (Arc::downgrade(self), lock(&self.lives)[node]);
        log::follow(self.log_path(node), last, move || {
            inner.upgrade().is_none_or(|inner| inner.ended(node).is_some() || lock(&inner.lives)[node] != life)
        })
    }

    async fn apply(&self, plans: Vec<(usize, Plan)>) -> Result<Applied> {
        let plans = plans.into_iter().map(|(node, ruleset)| (self.name(node), ruleset)).collect();
        let applied = self.agent.call(ApplyPlans { plans }).await?;
        if applied.failures.is_empty() {
            return Ok(Applied { spread_us: applied.first_to_last_us });
        }
        let texts: Vec<String> = applied.failures.iter().map(|(node, error)| format!("{node}: {error}")).collect();
        Err(Error::machine(format!("the kernel did not take the rules: {}", texts.join("; "))))
    }

    async fn down(&self) -> Result<()> {
        // Data and namespaces are private to this cluster and go with it: there is nothing to save, no grace to give.
        let failures = match tokio::time::timeout(TEARDOWN, self.agent.call(Teardown::default())).await {
            Ok(Ok(failures)) => failures,
            // Closing an agent that hangs kills it. Of one that is gone nothing is left.
            Ok(Err(Failure::Gone(_))) | Err(_) => Vec::new(),
            Ok(Err(failure)) => vec![failure.into()],
        };
        self.agent.clone().close().await;
        if failures.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Err(Error::new(ErrorKind::Cleanup, texts.join("; ")))
    }

    fn party(&self, place: Place) -> Party {
        match place {
            Place::World => Party::World,
            Place::Node(node) => Party::Node(self.name(node)),
        }
    }
}

/// What is not to run is no failure if it does not: its end, of which we are about to hear, was quicker than we.
fn unless_down(outcome: Result<(), Failure>) -> Result<()> {
    match outcome {
        Ok(()) | Err(Failure::NotRunning(_)) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

fn not_run(node: &str, state: &str) -> ExecOutput {
    ExecOutput { code: NOT_RUN, stderr: format!("blockade: {node} is {state}\n"), ..ExecOutput::default() }
}

impl ready::Nodes for Inner {
    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn start(self: &Arc<Self>, node: usize) -> Result<()> {
        Inner::start(self, node).await
    }

    fn ended(&self, node: usize) -> Option<Ended> {
        self.ended(node)
    }

    async fn succeeds(self: &Arc<Self>, node: usize, exec: Exec) -> Result<bool> {
        let output = self.exec(node, exec).await?;
        Ok(output.code == 0 && !output.timed_out)
    }

    async fn accepts(&self, node: usize, port: u16) -> Result<bool> {
        self.tcp(node, port).await
    }

    async fn asked(&self, node: usize, request: Request) -> Result<Answer> {
        self.http(Place::Node(node), node, request).await
    }

    async fn output(&self, node: usize, last: Option<usize>) -> Result<String> {
        self.log(node, last)
    }
}

impl Runtime for Netns {
    fn name(&self) -> &'static str {
        "netns"
    }

    fn up(&self) -> Job<()> {
        self.job(Inner::up)
    }

    fn down(&self) -> Job<()> {
        self.job(|inner| async move { inner.down().await })
    }

    fn apply(&self, plans: Vec<(usize, Plan)>) -> Job<Applied> {
        self.job(|inner| async move { inner.apply(plans).await })
    }

    fn held(&self) -> Job<usize> {
        self.job(|inner| async move { Ok(inner.agent.call(CountHeld {}).await?) })
    }

    fn means(&self) -> Job<Means> {
        self.job(|inner| async move { Ok(inner.agent.call(FindMeans {}).await?) })
    }

    fn start(&self, node: usize) -> Job<()> {
        self.job(move |inner| async move { inner.start(node).await })
    }

    fn stop(&self, node: usize) -> Job<()> {
        self.job(move |inner| async move { inner.stop(node).await })
    }

    fn kill(&self, node: usize, signal: Signal) -> Job<()> {
        self.job(move |inner| async move { inner.kill(node, signal).await })
    }

    fn pause(&self, node: usize) -> Job<()> {
        self.job(move |inner| async move { unless_down(inner.agent.call(Pause { node: inner.name(node) }).await) })
    }

    fn resume(&self, node: usize) -> Job<()> {
        self.job(move |inner| async move { unless_down(inner.agent.call(Resume { node: inner.name(node) }).await) })
    }

    fn exec(&self, node: usize, exec: Exec) -> Job<ExecOutput> {
        self.job(move |inner| async move { inner.exec(node, exec).await })
    }

    fn logs(&self, node: usize, last: Option<usize>) -> Job<String> {
        self.job(move |inner| async move { inner.log(node, last) })
    }

    fn follow(&self, node: usize, last: Option<usize>) -> Job<LogPieces> {
        self.job(move |inner| async move { Ok(inner.follow(node, last)) })
    }

    fn tcp(&self, node: usize, port: u16) -> Job<bool> {
        self.job(move |inner| async move { inner.tcp(node, port).await })
    }

    fn http(&self, source: Place, node: usize, request: Request) -> Job<Answer> {
        self.job(move |inner| async move { inner.http(source, node, request).await })
    }

    fn probe(&self, source: Place, target: Place, wait_ms: u64) -> Job<ProbeReply> {
        self.job(move |inner| async move {
            let (from, to) = (inner.party(source), inner.party(target));
            let probed = inner.agent.call(Probe { from, to, wait_ms }).await?;
            Ok(ProbeReply { rtt_us: probed.rtt_us })
        })
    }

    fn reachable(&self, source: Place, target: Place, wait_ms: u64) -> Job<bool> {
        self.job(move |inner| async move {
            let (from, to) = (inner.party(source), inner.party(target));
            Ok(inner.agent.call(Reachable { from, to, wait_ms }).await?)
        })
    }

    fn measure(&self, source: Place, target: Place, stream: Stream) -> Job<Vec<Arrival>> {
        self.job(move |inner| async move {
            let (from, to) = (inner.party(source), inner.party(target));
            Ok(inner.agent.call(Measure { from, to, stream }).await?)
        })
    }

    fn life(&self, node: usize) -> u64 {
        lock(&self.inner.lives)[node]
    }

    fn interfaces(&self) -> Vec<Interfaces> {
        lock(&self.inner.interfaces).clone()
    }
}
