//! The event loop: reads requests, answers each when it is done, never waits for one before the next.

use super::fabric::Programs;
use super::networks::Networks;
use super::outbox::{Inbox, Outbox};
use super::protocol::{self as p, Ask, Call, Failure, Hello, Message, Request};
use super::{host, tree};
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

/// What all requests share.
pub(super) struct Agent {
    pub(super) outbox: Outbox,
    pub(super) networks: Rc<Networks>,
    /// The nodes' programs, where they are ours to start.
    pub(super) programs: Option<Programs>,
    /// How to tell a command or an HTTP request that nobody waits for it any more, by the id of its request.
    pub(super) awaited: RefCell<BTreeMap<u64, oneshot::Sender<()>>>,
}

/// Serves the runner until it hangs up or `end` is over, then does `after`.
pub(super) fn serve<E: Future<Output = ()>>(
    stream: StdUnixStream,
    hello: Hello,
    agent: impl FnOnce(Outbox) -> Result<Agent>,
    end: impl FnOnce() -> std::io::Result<E>,
    after: impl FnOnce(&Agent),
) -> Result<()> {
    let cannot = |error: std::io::Error| Error::machine(format!("the agent cannot serve: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    stream.set_nonblocking(true).map_err(cannot)?;
    let (outbox, inbox) = Outbox::new();
    let agent = Rc::new(agent(outbox)?);
    agent.outbox.send(Message::Hello(Ok(hello)));
    let work = async {
        agent.networks.watch_shaper();
        let end = end()?;
        tokio::select! {
            talked = talk(agent.clone(), stream, inbox) => talked,
            () = end => Ok(()),
        }
    };
    let tasks = LocalSet::new();
    let talked = tasks.block_on(&runtime, work).map_err(cannot);
    after(&agent);
    // One of the tasks keeps the socket open: the runner sees our end when all is done, not before.
    drop(tasks);
    talked
}

async fn talk(agent: Rc<Agent>, stream: StdUnixStream, mut inbox: Inbox) -> std::io::Result<()> {
    let (mut reader, mut writer) = UnixStream::from_std(stream)?.into_split();
    spawn_local(async move {
        while let Some(message) = inbox.recv().await {
            if p::write(&mut writer, &message).await.is_err() {
                return;
            }
        }
    });
    while let Some(Call { id, request }) = p::read(&mut reader).await? {
        let agent = agent.clone();
        spawn_local(async move {
            let answering = spawn_local({
                let agent = agent.clone();
                async move { agent.answer(id, request).await }
            });
            // Whoever asked gets an answer in any case.
            let crashed = |panic| Err(Error::machine(format!("a request crashed the agent: {panic}")).into());
            let result = answering.await.unwrap_or_else(crashed);
            agent.outbox.send(Message::Reply { id, result });
        });
    }
    Ok(())
}

type Answer<A> = Result<<A as Ask>::Answer, Failure>;

/// The answer of a request of type `A`, as it travels.
fn encode<A: Ask>(answer: Answer<A>) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(answer?)
        .map_err(|error| Error::machine(format!("an answer cannot be encoded: {error}")).into())
}

impl Agent {
    async fn answer(self: &Rc<Self>, id: u64, request: Request) -> Result<serde_json::Value, Failure> {
        match request {
            Request::CreateFabric(request) => encode::<p::CreateFabric>(self.create(&request).await),
            Request::StartNode(request) => encode::<p::StartNode>(self.start(request).await),
            Request::StopNode(request) => encode::<p::StopNode>(self.stop(&request).await),
            Request::KillNode(request) => encode::<p::KillNode>(self.kill(&request).await),
            Request::Pause(request) => encode::<p::Pause>(self.pause(&request.node).await),
            Request::Resume(request) => encode::<p::Resume>(self.resume(&request.node).await),
            Request::Exec(request) => encode::<p::Exec>(self.exec(id, request).await),
            Request::Abandon(request) => {
                self.abandon(request);
                encode::<p::Abandon>(Ok(()))
            }
            Request::Teardown(request) => encode::<p::Teardown>(self.tear_down(request).await),
            Request::Attach(request) => encode::<p::Attach>(self.attach(&request).await),
            Request::Detach(request) => encode::<p::Detach>(self.detach(&request).await),
            Request::KillTree(request) => encode::<p::KillTree>(self.kill_tree(request)),
            Request::ApplyPlans(request) => encode::<p::ApplyPlans>(Ok(self.networks.apply(request.plans).await)),
            Request::CountHeld(_) => encode::<p::CountHeld>(self.networks.held().await.map_err(Failure::from)),
            Request::FindMeans(_) => encode::<p::FindMeans>(self.networks.means().map_err(Failure::from)),
            Request::Probe(request) => encode::<p::Probe>(self.networks.probe(&request).await),
            Request::Reachable(request) => encode::<p::Reachable>(self.networks.reachable(&request).await),
            Request::Measure(request) => encode::<p::Measure>(self.networks.measure(&request).await),
            Request::Tcp(request) => encode::<p::Tcp>(self.tcp(&request).await),
            Request::Http(request) => encode::<p::Http>(self.http(id, &request).await),
        }
    }

    fn programs(&self) -> Result<&Programs> {
        self.programs.as_ref().ok_or_else(|| Error::machine("this agent starts no nodes: it attaches to them"))
    }

    async fn create(&self, request: &p::CreateFabric) -> Answer<p::CreateFabric> {
        Ok(self.programs()?.create(request, &self.networks).await?)
    }

    async fn start(&self, request: p::StartNode) -> Answer<p::StartNode> {
        self.programs()?.start(&request, &self.outbox).await
    }

    async fn stop(&self, request: &p::StopNode) -> Answer<p::StopNode> {
        self.programs()?.node(&request.node)?.stop(request.signal, Duration::from_millis(request.grace_ms)).await
    }

    async fn kill(&self, request: &p::KillNode) -> Answer<p::KillNode> {
        self.programs()?.node(&request.node)?.kill(request.signal).await
    }

    async fn pause(&self, node: &str) -> Answer<p::Pause> {
        self.programs()?.node(node)?.pause().await
    }

    async fn resume(&self, node: &str) -> Answer<p::Resume> {
        self.programs()?.node(node)?.resume().await
    }

    async fn exec(&self, id: u64, request: p::Exec) -> Answer<p::Exec> {
        let programs = self.programs()?;
        self.unless_abandoned(id, |abandoned| programs.exec(request, abandoned)).await
    }

    /// Does work that can be told that nobody waits for it any more.
    async fn unless_abandoned<T>(&self, id: u64, work: impl AsyncFnOnce(oneshot::Receiver<()>) -> T) -> T {
        let (awaited, abandoned) = oneshot::channel();
        self.awaited.borrow_mut().insert(id, awaited);
        let done = work(abandoned).await;
        self.awaited.borrow_mut().remove(&id);
        done
    }

    fn abandon(&self, request: p::Abandon) {
        if let Some(awaited) = self.awaited.borrow_mut().remove(&request.call) {
            // It may just have ended.
            let _ = awaited.send(());
        }
    }

    /// All nodes end at the same time; then the network goes, and with it every rule.
    async fn tear_down(&self, request: p::Teardown) -> Answer<p::Teardown> {
        let Some(programs) = &self.programs else { return Ok(host::release(&self.networks)) };
        let failures = programs.end(request.stops).await;
        self.networks.clear();
        Ok(failures)
    }

    /// Only an agent that made the network itself knows better than to attach to another.
    fn is_host(&self) -> Result<()> {
        match self.programs {
            None => Ok(()),
            Some(_) => Err(Error::machine("this agent makes its nodes itself: there is nothing to attach to")),
        }
    }

    async fn attach(&self, request: &p::Attach) -> Answer<p::Attach> {
        self.is_host()?;
        Ok(host::attach(&self.networks, request).await?)
    }

    async fn detach(&self, request: &p::Detach) -> Answer<p::Detach> {
        self.is_host()?;
        let outcome = host::detach(&self.networks, &request.node);
        self.networks.shaping.forget(&request.node).await;
        Ok(outcome?)
    }

    fn kill_tree(&self, request: p::KillTree) -> Answer<p::KillTree> {
        self.is_host()?;
        Ok(tree::kill_host_tree(request.pid)?)
    }

    async fn tcp(&self, request: &p::Tcp) -> Answer<p::Tcp> {
        let wait = Duration::from_millis(request.timeout_ms);
        self.networks.tcp(&request.node, request.port, wait).await
    }

    async fn http(&self, id: u64, request: &p::Http) -> Answer<p::Http> {
        let work = async |abandoned| {
            tokio::select! {
                biased;
                answer = self.networks.http(request) => answer,
                // Nobody reads this.
                _ = abandoned => Ok(crate::probe::http::Answer::none("nobody waits for it", 0)),
            }
        };
        self.unless_abandoned(id, work).await
    }
}
