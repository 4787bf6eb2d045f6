//! What is done to one node: start, stop, kill, pause, resume.
//!
//! What comes of it is known by a look at the container, and by the daemon's events, whichever is first. One change to a
//! node at a time.

use super::error::{self, Explained};
use super::inspect;
use super::life::{Ask, Life, State};
use super::member::Member;
use super::runtime::Inner;
use crate::signal::Signal;
use crate::{Error, Result};
use bollard::errors::Error as Refusal;
use bollard::query_parameters::KillContainerOptions;
use std::sync::Arc;
use std::time::Duration;

/// How long the daemon may take to end a program that was killed.
const DEAD_WITHIN: Duration = Duration::from_secs(30);
/// How soon after its answer the daemon tells of what was started, if it does.
const TOLD_WITHIN: Duration = Duration::from_millis(250);
/// How often to look, should the daemon's events not come.
const INTERVAL: Duration = Duration::from_secs(1);

impl Inner {
    /// Starts a node's program, in a new container where the old one is gone.
    pub(super) async fn start(self: &Arc<Self>, node: usize) -> Result<()> {
        let member = self.member(node);
        let _turn = member.turn.lock().await;
        if member.life(Life::is_running) {
            return Ok(());
        }
        if member.adopted {
            self.container(node)?; // gone, it is not ours to make anew
        } else {
            self.restore_network(&member).await?;
            self.create_container(&member).await?;
        }
        self.begin_life(&member).await
    }

    /// Starts a node's program for the first time, as soon as the rest of it is there.
    pub(super) async fn start_prepared(self: &Arc<Self>, node: usize) -> Result<()> {
        let member = self.member(node);
        member.prepared().await;
        let _turn = member.turn.lock().await;
        self.begin_life(&member).await
    }

    async fn begin_life(self: &Arc<Self>, member: &Arc<Member>) -> Result<()> {
        let before = member.life(Life::number);
        member.set_waiting(None);
        match self.start_container(member).await {
            // Its removal was not heard of yet.
            Err(refusal) if error::is_missing(&refusal) && !member.adopted => {
                self.look_at(member).await?;
                self.create_container(member).await?;
                self.begun(member, before, self.start_container(member).await).await
            }
            outcome => self.begun(member, before, outcome).await,
        }
    }

    /// The daemon's own answer; an error of ours where there is no container, or there is to be none any more.
    async fn start_container(&self, member: &Member) -> Result<(), Refusal> {
        let Ok(id) = self.container(member.index) else { return Err(missing()) };
        let docker = self.docker.clone();
        let start = async move { Ok(docker.start_container(&id, None).await) };
        self.gate.pass(start).await.unwrap_or_else(|_| Err(missing()))
    }

    /// Waits until the life that a start began is known of: mostly it was told of before the daemon's answer.
    async fn begun(self: &Arc<Self>, member: &Arc<Member>, before: u64, outcome: Result<(), Refusal>) -> Result<()> {
        outcome.or_cannot(|| format!("start node {}", member.name()))?;
        if tokio::time::timeout(TOLD_WITHIN, member.begun_after(before)).await.is_err() {
            self.look_at(member).await?;
        }
        if member.adopted { self.await_rules(member).await } else { Ok(()) }
    }

    /// Ends a node's program with its own signal and grace.
    pub(super) async fn stop(self: &Arc<Self>, node: usize) -> Result<()> {
        let member = self.member(node);
        let _turn = member.turn.lock().await;
        self.stop_in_turn(&member).await
    }

    pub(super) async fn stop_in_turn(self: &Arc<Self>, member: &Arc<Member>) -> Result<()> {
        let look = self.look_at(member).await?;
        let Some(look) = look.filter(|_| member.life(Life::is_running)) else { return Ok(()) };
        member.change(|life| life.ask(Ask::Stop));
        self.send(member, look.stop_signal).await?;
        if member.state() == State::Paused {
            self.thaw(member).await?;
        }
        if tokio::time::timeout(Duration::from_micros(member.node.stop.within_us), self.down_at_last(member))
            .await
            .is_ok()
        {
            return Ok(());
        }
        self.send(member, Signal::KILL).await?;
        self.dead(member).await
    }

    /// Sends a signal; after SIGKILL waits for the end.
    pub(super) async fn kill(self: &Arc<Self>, node: usize, signal: Signal) -> Result<()> {
        let member = self.member(node);
        if !member.life(Life::is_running) {
            return Ok(());
        }
        if signal.stops_or_continues() && member.state() == State::Paused {
            // The daemon may thaw whom it sends a signal.
            member.set_waiting(Some(signal));
            return Ok(());
        }
        member.change(|life| life.ask(Ask::Signal(signal)));
        self.send(&member, signal).await?;
        if signal != Signal::KILL {
            return Ok(());
        }
        if member.state() == State::Paused {
            self.thaw(&member).await?;
        }
        self.dead(&member).await
    }

    /// What does not run any more needs no signal.
    async fn send(&self, member: &Member, signal: Signal) -> Result<()> {
        let Ok(id) = self.container(member.index) else { return Ok(()) };
        let options = KillContainerOptions { signal: signal.name().to_owned() };
        unless_over(self.docker.kill_container(&id, Some(options)).await)
            .or_cannot(|| format!("send {signal} to node {}", member.name()))
    }

    async fn thaw(&self, member: &Member) -> Result<()> {
        let Ok(id) = self.container(member.index) else { return Ok(()) };
        member.change(|life| life.ask(Ask::Resume));
        unless_over(self.docker.unpause_container(&id).await).or_cannot(|| format!("resume node {}", member.name()))?;
        self.send_waiting(member).await
    }

    /// Sends what a node was to get as soon as it is no longer frozen.
    async fn send_waiting(&self, member: &Member) -> Result<()> {
        match member.set_waiting(None) {
            Some(signal) => self.send(member, signal).await,
            None => Ok(()),
        }
    }

    /// Waits for the end of what was killed.
    async fn dead(self: &Arc<Self>, member: &Arc<Member>) -> Result<()> {
        match tokio::time::timeout(DEAD_WITHIN, self.down_at_last(member)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::machine(format!("node {} does not end though it was killed", member.name()))
                .help("a program that waits for a device or a network file system cannot be ended")),
        }
    }

    /// Waits for the end of a node's program; whoever waits sets a limit.
    async fn down_at_last(self: &Arc<Self>, member: &Arc<Member>) {
        while tokio::time::timeout(INTERVAL, member.down()).await.is_err() {
            // Where even this fails, the daemon is away, and will be looked for.
            let _ = self.look_at(member).await;
        }
    }

    /// Freezes all processes of a node.
    pub(super) async fn pause(self: &Arc<Self>, node: usize) -> Result<()> {
        self.freeze(node, Ask::Pause).await
    }

    /// Lets them go on.
    pub(super) async fn resume(self: &Arc<Self>, node: usize) -> Result<()> {
        self.freeze(node, Ask::Resume).await
    }

    async fn freeze(self: &Arc<Self>, node: usize, ask: Ask) -> Result<()> {
        let member = self.member(node);
        let _turn = member.turn.lock().await;
        let (from, verb) = if ask == Ask::Pause { (State::Up, "pause") } else { (State::Paused, "resume") };
        if member.state() != from {
            // Somebody else may have let it go on.
            return if member.state() == State::Up { self.send_waiting(&member).await } else { Ok(()) };
        }
        let id = self.container(node)?;
        member.change(|life| life.ask(ask));
        let outcome = match ask {
            Ask::Pause => self.docker.pause_container(&id).await,
            _ => self.docker.unpause_container(&id).await,
        };
        if outcome.is_err() {
            member.change(|life| life.take_back(ask));
        }
        unless_over(outcome).or_cannot(|| format!("{verb} node {}", member.name()))?;
        if ask == Ask::Resume {
            self.send_waiting(&member).await?;
        }
        self.look_at(&member).await.map(drop)
    }

    /// The present look of the container that a node's network belongs to.
    pub(super) async fn anchor(&self, member: &Member) -> Result<Option<inspect::Look>> {
        match member.anchor() {
            Some(id) => inspect::container(&self.docker, &id).await,
            None => Ok(None),
        }
    }
}

/// What the daemon says of a container that is not there.
fn missing() -> Refusal {
    Refusal::DockerResponseServerError { status_code: 404, message: "No such container".to_owned() }
}

/// The words for that. A signal to a frozen container lets it go on, and it may have ended of it before it is asked to.
const OVER: [&str; 4] = ["is not running", "is already paused", "is not paused", "cannot resume a stopped container"];

/// What is not to run is no failure if it does not, nor if it is so already.
fn unless_over(outcome: Result<(), Refusal>) -> Result<(), Refusal> {
    match outcome {
        Err(refusal) if error::is_conflict(&refusal) || error::is_missing(&refusal) => Ok(()),
        // Docker 20.10 has no number of its own for a container that is paused or not.
        Err(Refusal::DockerResponseServerError { message, .. }) if OVER.iter().any(|text| message.contains(text)) => {
            Ok(())
        }
        outcome => outcome,
    }
}
