//! Stage B's event loop: reads requests, answers each when it is done, never waits for one before the next.

use super::fabric::Fabric;
use super::image::Defaults;
use super::node::Node;
use super::{exec, sys};
use crate::error::{Error, Result};
use crate::runtime::netns::protocol::{self as p, Ask, Call, Failure, Hello, Message, Notification, Request};
use rustix::fd::OwnedFd;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

/// What all requests share.
pub(super) struct Agent {
    pub(super) defaults: Defaults,
    /// Ourselves, for the way back from a node's pid namespace.
    pub(super) own: OwnedFd,
    pub(super) outbox: Outbox,
    fabric: RefCell<Option<Rc<Fabric>>>,
}

/// Where everything for the runner goes.
#[derive(Clone)]
pub(super) struct Outbox(mpsc::UnboundedSender<Message>);

impl Outbox {
    /// Tells the runner something unasked.
    pub(super) fn notify(&self, notification: Notification) {
        self.send(Message::Notification(notification));
    }

    fn send(&self, message: Message) {
        // Without a runner the process is about to end.
        let _ = self.0.send(message);
    }
}

/// Serves the runner until it hangs up. Returns the exit code.
pub(super) fn serve(control: &OwnedFd, defaults: Defaults, rootless: bool) -> i32 {
    let served = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stream = std::os::unix::net::UnixStream::from(control.try_clone()?);
        stream.set_nonblocking(true)?;
        let (outbox, inbox) = mpsc::unbounded_channel();
        outbox.send(Message::Hello(Ok(Hello { rootless }))).ok();
        let own = sys::own_pidfd()?;
        let agent = Rc::new(Agent { defaults, own, outbox: Outbox(outbox), fabric: RefCell::default() });
        LocalSet::new().block_on(&runtime, talk(agent, stream, inbox))
    };
    // The runner is gone: what is left ends with this process, which is PID 1.
    i32::from(served().is_err())
}

async fn talk(
    agent: Rc<Agent>,
    stream: std::os::unix::net::UnixStream,
    mut inbox: mpsc::UnboundedReceiver<Message>,
) -> std::io::Result<()> {
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
            let result = agent.answer(request).await;
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
    async fn answer(self: &Rc<Self>, request: Request) -> Result<serde_json::Value, Failure> {
        match request {
            Request::CreateFabric(request) => encode::<p::CreateFabric>(self.create(&request).await),
            Request::StartNode(request) => encode::<p::StartNode>(self.start(request).await),
            Request::StopNode(request) => encode::<p::StopNode>(self.stop(&request).await),
            Request::KillNode(request) => encode::<p::KillNode>(self.kill(&request).await),
            Request::Pause(request) => encode::<p::Pause>(self.pause(&request.node).await),
            Request::Resume(request) => encode::<p::Resume>(self.resume(&request.node).await),
            Request::Exec(request) => encode::<p::Exec>(self.exec(request).await),
            Request::ApplyPlans(request) => encode::<p::ApplyPlans>(self.apply(request)),
            Request::Probe(request) => encode::<p::Probe>(self.probe(&request).await),
            Request::Reachable(request) => encode::<p::Reachable>(self.reachable(&request).await),
            Request::Tcp(request) => encode::<p::Tcp>(self.tcp(&request).await),
            Request::Http(request) => encode::<p::Http>(self.http(&request).await),
            Request::Teardown(request) => encode::<p::Teardown>(Ok(self.tear_down(request).await)),
        }
    }

    fn fabric(&self) -> Result<Rc<Fabric>> {
        self.fabric.borrow().clone().ok_or_else(|| Error::machine("there is no network yet"))
    }

    fn node(&self, name: &str) -> Result<Rc<Node>> {
        self.fabric()?.node(name)
    }

    async fn create(&self, request: &p::CreateFabric) -> Answer<p::CreateFabric> {
        if self.fabric.borrow().is_some() {
            return Err(Error::machine("the network is there already").into());
        }
        let fabric = Fabric::create(request, &self.outbox).await?;
        let addresses = fabric.addresses();
        self.fabric.replace(Some(Rc::new(fabric)));
        Ok(addresses)
    }

    async fn start(&self, request: p::StartNode) -> Answer<p::StartNode> {
        self.node(&request.node)?.start(&request, &self.defaults, &self.outbox).await
    }

    async fn stop(&self, request: &p::StopNode) -> Answer<p::StopNode> {
        self.node(&request.node)?.stop(request.signal, Duration::from_millis(request.grace_ms)).await
    }

    async fn kill(&self, request: &p::KillNode) -> Answer<p::KillNode> {
        self.node(&request.node)?.kill(request.signal).await
    }

    async fn pause(&self, node: &str) -> Answer<p::Pause> {
        self.node(node)?.pause().await
    }

    async fn resume(&self, node: &str) -> Answer<p::Resume> {
        self.node(node)?.resume().await
    }

    async fn exec(&self, request: p::Exec) -> Answer<p::Exec> {
        exec::exec(self, &*self.node(&request.node)?, request).await
    }

    fn apply(&self, request: p::ApplyPlans) -> Answer<p::ApplyPlans> {
        Ok(self.fabric()?.apply(request.plans))
    }

    async fn probe(&self, request: &p::Probe) -> Answer<p::Probe> {
        Ok(self.fabric()?.probe(request).await?)
    }

    async fn reachable(&self, request: &p::Reachable) -> Answer<p::Reachable> {
        Ok(self.fabric()?.reachable(request).await?)
    }

    async fn tcp(&self, request: &p::Tcp) -> Answer<p::Tcp> {
        let wait = Duration::from_millis(request.timeout_ms);
        Ok(self.fabric()?.tcp(&request.node, request.port, wait).await?)
    }

    async fn http(&self, request: &p::Http) -> Answer<p::Http> {
        let wait = Duration::from_millis(request.timeout_ms);
        Ok(self.fabric()?.http(&request.node, request.port, &request.path, wait).await?)
    }

    /// All nodes end at the same time; then the network goes, and with it every rule.
    async fn tear_down(&self, request: p::Teardown) -> Vec<Error> {
        let Some(fabric) = self.fabric.take() else { return Vec::new() };
        let mut ending = tokio::task::JoinSet::new();
        for node in fabric.nodes() {
            let stop = request.stops.iter().find(|stop| stop.node == node.name()).cloned();
            let node = node.clone();
            ending.spawn_local(async move { node.end(stop).await });
        }
        ending.join_all().await.into_iter().filter_map(Result::err).collect()
    }
}
