//! The [`Runtime`] on top of the daemon and the agent: who takes part, and which of the neighbouring modules does what.
//!
//! Runs in the runner, which needs no rights but those to use Docker's socket.

use super::gate::Gate;
use super::helper::Origin;
use super::images;
use super::keeper::{Keeper, News};
use super::labels::Owner;
use super::life::{Change, State};
use super::member::{Member, Which};
use super::spec::{Host, Image, Spec};
use super::{connection, create, inspect, lock, own_image, remove, watch};
use crate::agent::protocol::{Attach, CountHeld, Failure, FindMeans, Http, Measure, Party, Probe, Reachable, Tcp};
use crate::cluster::{Cluster, Node};
use crate::engine::{Ended, Exec, ExecOutput, Job, ProbeReply};
use crate::plan::{Interfaces, Means, Plan};
use crate::probe::http::{Answer, Request};
use crate::probe::{Arrival, Stream};
use crate::runtime::{self, Applied, LogPieces, Notice, Notices, Options, Place, Runtime, ready};
use crate::signal::Signal;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// How long a connection within a node may take.
const TCP_WAIT_MS: u64 = 1_000;

/// Nodes in containers.
pub struct Docker {
    inner: Arc<Inner>,
}

/// What jobs share.
pub(super) struct Inner {
    pub(super) docker: bollard::Docker,
    pub(super) cluster: Arc<Cluster>,
    pub(super) options: Options,
    pub(super) folder: PathBuf,
    pub(super) owner: Owner,
    pub(super) keeper: Keeper,
    pub(super) gate: Gate,
    /// Those who join the network now.
    pub(super) joining: Semaphore,
    own_image: String,
    images: BTreeMap<String, Image>,
    host: Host,
    /// The network's name, once it is known.
    pub(super) network: OnceLock<String>,
    members: Mutex<Vec<Arc<Member>>>,
    notify: mpsc::UnboundedSender<Notice>,
}

impl Docker {
    /// Connects to the daemon. Nothing of the cluster exists yet.
    pub async fn create(cluster: &Arc<Cluster>, folder: &Path, options: Options) -> Result<(Self, Notices)> {
        let docker = connection::connect().await?;
        let own_image = own_image::own_image(&docker).await?;
        let images = images::describe(&docker, cluster).await?;
        let (notify, notices) = mpsc::unbounded_channel();
        let nodes = cluster.nodes.iter().zip(runtime::interfaces(cluster)).enumerate();
        let members = nodes.map(|(index, (node, made))| Arc::new(Member::new(index, node.clone(), false, made)));
        let inner = Inner {
            docker,
            cluster: Arc::clone(cluster),
            options,
            folder: folder.to_owned(),
            owner: Owner::current()?,
            keeper: Keeper::default(),
            gate: Gate::default(),
            joining: Semaphore::new(create::JOINING),
            own_image,
            images,
            host: Host::read(),
            network: OnceLock::new(),
            members: Mutex::new(members.collect()),
            notify,
        };
        Ok((Self { inner: Arc::new(inner) }, notices))
    }

    fn job<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Job<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Box::pin(work(Arc::clone(&self.inner)))
    }
}

impl Inner {
    pub(super) fn spec(&self) -> Spec<'_> {
        Spec {
            cluster: &self.cluster,
            owner: self.owner,
            own_image: &self.own_image,
            images: &self.images,
            host: &self.host,
            network: self.network.get().map(String::as_str),
        }
    }

    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        lock(&self.members).clone()
    }

    pub(super) fn member(&self, node: usize) -> Arc<Member> {
        Arc::clone(&lock(&self.members)[node])
    }

    /// Those that are ours to create and to remove.
    pub(super) fn own_members(&self) -> Vec<Arc<Member>> {
        self.members().into_iter().filter(|member| !member.adopted).collect()
    }

    pub(super) fn add_members(&self, members: impl IntoIterator<Item = Arc<Member>>) {
        lock(&self.members).extend(members);
    }

    pub(super) fn tell(&self, notice: Notice) {
        // Nobody listens any more at the end of a run.
        let _ = self.notify.send(notice);
    }

    /// Begins to follow what Docker and the agent tell.
    pub(super) fn begin(self: &Arc<Self>) {
        watch::begin(self);
        let weak = Arc::downgrade(self);
        let body = move |arguments: &[String], socket: &Path| {
            let inner = weak.upgrade();
            inner.map(|inner| inner.spec().agent(arguments, socket)).unwrap_or_default()
        };
        let origin = Origin {
            docker: self.docker.clone(),
            gate: self.gate.clone(),
            name: self.spec().agent_name(),
            body: Arc::new(body),
        };
        let launch = move || {
            let origin = origin.clone();
            let launched: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
                Box::pin(async move { origin.launch().await });
            launched
        };
        tokio::spawn(listen(Arc::downgrade(self), self.keeper.begin(Box::new(launch))));
    }

    /// Makes notices of what happened to a container.
    pub(super) fn told(self: &Arc<Self>, member: &Arc<Member>, changes: Vec<Change>) {
        let node = member.index;
        for change in changes {
            match change {
                Change::Started(life) if member.adopted => self.adopted_started(member, life),
                Change::Started(life) => self.tell(Notice::Started { node, life, gap_us: None }),
                Change::Exited { life, ended, expected } => {
                    if member.adopted {
                        self.adopted_ended(member);
                    }
                    self.tell(Notice::Exited { node, life, ended, expected });
                }
                Change::Paused(life) => self.tell(Notice::Paused { node, life }),
                Change::Resumed(life) => self.tell(Notice::Resumed { node, life }),
                Change::Missing(life) => {
                    member.set_id(Which::Container, None);
                    self.tell(Notice::Missing { node, life });
                }
            }
        }
    }

    /// Looks at a node's container and takes in what there is to see.
    pub(super) async fn look_at(self: &Arc<Self>, member: &Arc<Member>) -> Result<Option<inspect::Look>> {
        let Some(id) = member.ids().container else { return Ok(None) };
        let look = inspect::container(&self.docker, &id).await?;
        // Meanwhile somebody may have put another container in its place.
        if member.which(&id) == Some(Which::Container) {
            let (seen, at_ns) = look.as_ref().map_or((super::life::Seen::Nothing, 0), |look| (look.seen, look.at_ns));
            let changes = member.change(|life| life.see(seen, at_ns));
            self.told(member, changes);
        }
        Ok(look)
    }

    /// Puts a node's rules into the network namespace that it has now, which is known by one of these addresses. Says
    /// whether its addresses or devices are others than before, so that the rules of others have to follow.
    pub(super) async fn attach(&self, member: &Member, pid: i32, expected: Vec<IpAddr>) -> Result<bool> {
        let differ = self.enter(member, pid, expected).await?;
        if let Some(interfaces) = differ.clone() {
            self.tell(Notice::Interfaces { node: member.index, interfaces });
        }
        Ok(differ.is_some())
    }

    /// The same without telling anybody: its addresses and devices, where they are others than before.
    pub(super) async fn enter(&self, member: &Member, pid: i32, expected: Vec<IpAddr>) -> Result<Option<Interfaces>> {
        let attach = Attach { node: member.name().to_owned(), pid, expected };
        let found = self.keeper.attach(attach).await?;
        member.set_attached(Some(pid));
        Ok(member.settled(found).filter(|interfaces| member.set_interfaces(interfaces)))
    }

    async fn apply(&self, plans: Vec<(usize, Plan)>) -> Result<Applied> {
        let name = |node| self.member(node).name().to_owned();
        let plans = plans.into_iter().map(|(node, ruleset)| (name(node), ruleset)).collect();
        let applied = self.keeper.apply(plans).await?;
        if applied.failures.is_empty() {
            return Ok(Applied { spread_us: applied.first_to_last_us });
        }
        let texts: Vec<String> = applied.failures.iter().map(|(node, error)| format!("{node}: {error}")).collect();
        Err(Error::machine(format!("the kernel did not take the rules: {}", texts.join("; "))))
    }

    fn party(&self, place: Place) -> Party {
        match place {
            Place::World => Party::World,
            Place::Node(node) => Party::Node(self.member(node).name().to_owned()),
        }
    }

    async fn tcp(&self, node: usize, port: u16) -> Result<bool> {
        let node = self.member(node).name().to_owned();
        Ok(self.keeper.call(Tcp { node, port, timeout_ms: TCP_WAIT_MS }).await?)
    }

    /// Asked once: a second agent must not send what the server may have had from the first.
    async fn http(&self, source: Place, node: usize, request: Request) -> Result<Answer> {
        let to = self.member(node).name().to_owned();
        match self.keeper.once(Http { from: self.party(source), to, request }).await {
            Err(failure @ (Failure::Gone(_) | Failure::NotRunning(_))) => {
                Ok(Answer::none(Error::from(failure).message, 0))
            }
            answer => Ok(answer?),
        }
    }

    /// The id of a node's container, where it has one.
    pub(super) fn container(&self, node: usize) -> Result<String> {
        let member = self.member(node);
        member.ids().container.ok_or_else(|| {
            let error = Error::usage(format!("node {} has no container: somebody removed it", member.name()));
            if member.adopted { error } else { error.help("start it anew") }
        })
    }
}

/// Takes in what the agent tells.
async fn listen(inner: std::sync::Weak<Inner>, mut news: mpsc::UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        match news {
            News::Shaper { what, is_back: true } => inner.tell(Notice::Repaired { node: 0, what }),
            News::Shaper { what, is_back: false } => inner.tell(Notice::Unimpaired { what }),
            News::Interfaces { node, interfaces } => {
                let members = inner.members();
                let Some(member) = members.iter().find(|member| member.name() == node) else { continue };
                if let Some(interfaces) = member.settled(interfaces).filter(|new| member.set_interfaces(new)) {
                    inner.tell(Notice::Interfaces { node: member.index, interfaces });
                }
            }
            News::Lost(error) => inner.tell(Notice::Lost { cause: error.to_string() }),
        }
    }
}

impl ready::Nodes for Inner {
    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn start(self: &Arc<Self>, node: usize) -> Result<()> {
        self.start_prepared(node).await
    }

    /// A busy daemon knows of an end later than a parent does.
    fn settling(&self) -> Duration {
        Duration::from_millis(150)
    }

    fn ended(&self, node: usize) -> Option<Ended> {
        self.member(node).life(super::life::Life::ended)
    }

    async fn look(self: &Arc<Self>, nodes: &[usize]) -> Result<()> {
        let running = remove::running(&self.docker, &self.cluster.name).await?;
        for member in nodes.iter().map(|&node| self.member(node)) {
            if member.ids().container.is_none_or(|id| !running.contains(&id)) {
                self.look_at(&member).await?;
            }
        }
        Ok(())
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
        self.logs(node, last).await
    }
}

impl Runtime for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn up(&self) -> Job<()> {
        self.job(|inner| async move { inner.up().await })
    }

    fn down(&self) -> Job<()> {
        self.job(|inner| async move { inner.down().await })
    }

    fn apply(&self, plans: Vec<(usize, Plan)>) -> Job<Applied> {
        self.job(|inner| async move { inner.apply(plans).await })
    }

    fn held(&self) -> Job<usize> {
        self.job(|inner| async move { Ok(inner.keeper.call(CountHeld {}).await?) })
    }

    fn means(&self) -> Job<Means> {
        self.job(|inner| async move { Ok(inner.keeper.call(FindMeans {}).await?) })
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
        self.job(move |inner| async move { inner.pause(node).await })
    }

    fn resume(&self, node: usize) -> Job<()> {
        self.job(move |inner| async move { inner.resume(node).await })
    }

    fn exec(&self, node: usize, exec: Exec) -> Job<ExecOutput> {
        self.job(move |inner| async move { inner.exec(node, exec).await })
    }

    fn logs(&self, node: usize, last: Option<usize>) -> Job<String> {
        self.job(move |inner| async move { inner.logs(node, last).await })
    }

    fn follow(&self, node: usize, last: Option<usize>) -> Job<LogPieces> {
        self.job(move |inner| async move { inner.follow(node, last) })
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
            let probed = inner.keeper.call(Probe { from, to, wait_ms }).await?;
            Ok(ProbeReply { rtt_us: probed.rtt_us })
        })
    }

    fn reachable(&self, source: Place, target: Place, wait_ms: u64) -> Job<bool> {
        self.job(move |inner| async move {
            let (from, to) = (inner.party(source), inner.party(target));
            Ok(inner.keeper.call(Reachable { from, to, wait_ms }).await?)
        })
    }

    fn measure(&self, source: Place, target: Place, stream: Stream) -> Job<Vec<Arrival>> {
        self.job(move |inner| async move {
            let (from, to) = (inner.party(source), inner.party(target));
            Ok(inner.keeper.call(Measure { from, to, stream }).await?)
        })
    }

    fn life(&self, node: usize) -> u64 {
        self.inner.member(node).life(super::life::Life::number)
    }

    fn is_down(&self, node: usize) -> bool {
        matches!(self.inner.member(node).state(), State::Down | State::Missing)
    }

    fn container_id(&self, node: usize) -> Option<String> {
        self.inner.member(node).ids().container
    }

    fn adopt(&self, containers: Vec<String>) -> Job<Vec<Node>> {
        self.job(|inner| async move { inner.adopt(containers).await })
    }

    fn interfaces(&self) -> Vec<Interfaces> {
        self.inner.members().iter().map(|member| member.interfaces()).collect()
    }
}
