//! Keeps an agent at work: starts one, another in its place when it dies, and brings the new one to where the old one
//! was. Requests that were under way go to the new one.
//!
//! An agent that dies leaves the rules in the namespaces as they are, and the one that follows replaces them in one
//! transaction each: there is no gap.

use super::lock;
use crate::agent::protocol::{ApplyPlans, Ask, Attach, Detach, Failure, Notification};
use crate::agent::{Agent, Notifications};
use crate::plan::{Interfaces, Plan};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// So many agents that do not last in a row, and there is no point in another one.
const TRIES: u32 = 5;
/// An agent that lives as long as this was a good one.
const LASTING: Duration = Duration::from_secs(10);
/// How long to wait before another try, times the number of tries.
const PAUSE: Duration = Duration::from_millis(200);

/// How soon the rules follow a change of addresses, if they do.
const FOLLOWS_WITHIN: Duration = Duration::from_millis(200);
/// How long a request waits for an agent, when there is none.
const AT_WORK_WITHIN: Duration = Duration::from_secs(60);

/// Starts an agent.
pub(super) type Launch =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(Agent, Notifications)>> + Send>> + Send + Sync>;

/// What an agent has to say beside its answers.
#[derive(Debug)]
pub(super) enum News {
    /// The addresses or devices of a node changed.
    Interfaces { node: String, interfaces: Interfaces },
    /// Something happened to the user-space shaper.
    Shaper { what: String, is_back: bool },
    /// There is no agent any more, nor will there be one.
    Lost(Error),
}

/// The present agent, and what it was told so far.
#[derive(Clone, Default)]
pub(super) struct Keeper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    present: watch::Sender<Present>,
    wanted: Mutex<BTreeMap<String, Plan>>,
    attached: Mutex<BTreeMap<String, Attach>>,
    /// How often rulesets were applied so far.
    applied: watch::Sender<u64>,
}

#[derive(Clone, Default)]
enum Present {
    /// There is none yet, or none again.
    #[default]
    Awaited,
    /// The so-manieth one is at work.
    At(u64, Agent),
    /// There will be none any more.
    Never(Error),
}

impl Keeper {
    /// Starts an agent and keeps one at work until [`Keeper::close`]. Returns at once: requests wait for it.
    pub(super) fn begin(&self, launch: Launch) -> mpsc::UnboundedReceiver<News> {
        let (tell, news) = mpsc::unbounded_channel();
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let (mut tries, mut count) = (0, 0);
            loop {
                let began = Instant::now();
                let launched = launch().await;
                let Some(keeper) = shared.upgrade().map(Keeper) else { return };
                count += 1;
                let heard = match launched {
                    Ok((agent, heard)) => keeper.install(count, agent).await.map(|()| heard),
                    Err(error) => Err(error),
                };
                let (error, was_at_work) = match heard {
                    Ok(heard) => {
                        drop(keeper);
                        (listen(heard, &tell).await, true)
                    }
                    Err(error) => (error, false),
                };
                let Some(keeper) = shared.upgrade().map(Keeper) else { return };
                tries = if was_at_work && began.elapsed() > LASTING { 0 } else { tries + 1 };
                // The first one's failure is most often for good, and somebody waits for it to be told.
                if keeper.is_closed() || tries >= TRIES || (count == 1 && !was_at_work) {
                    keeper.give_up(error, &tell);
                    return;
                }
                tracing::warn!("the agent is gone ({error}): starting another one");
                keeper.0.present.send_if_modified(|present| {
                    let at_work = matches!(present, Present::At(..));
                    if at_work {
                        *present = Present::Awaited;
                    }
                    at_work
                });
                drop(keeper);
                tokio::time::sleep(PAUSE * (tries.saturating_sub(1))).await;
            }
        });
        news
    }

    /// Brings a new agent to where the last one was, and lets requests through to it.
    async fn install(&self, count: u64, agent: Agent) -> Result<()> {
        let plans = lock(&self.0.wanted).iter().map(|(node, rules)| (node.clone(), rules.clone())).collect();
        agent.call(ApplyPlans { plans }).await?;
        let attached: Vec<Attach> = lock(&self.0.attached).values().cloned().collect();
        for attach in attached {
            match agent.call(attach).await {
                Err(failure @ Failure::Gone(_)) => return Err(failure.into()),
                // Its container may have ended meanwhile: whoever sees to that attaches it anew.
                Err(failure) => tracing::warn!("not under a new agent: {}", Error::from(failure)),
                Ok(_) => {}
            }
        }
        self.0.present.send_if_modified(|present| {
            let awaited = matches!(present, Present::Awaited);
            if awaited {
                *present = Present::At(count, agent);
            }
            awaited
        });
        Ok(())
    }

    fn give_up(&self, error: Error, tell: &mpsc::UnboundedSender<News>) {
        if !self.is_closed() {
            self.0.present.send_replace(Present::Never(error.clone()));
            // Whoever heard has gone at the end of a run.
            let _ = tell.send(News::Lost(error));
        }
    }

    fn is_closed(&self) -> bool {
        matches!(*self.0.present.borrow(), Present::Never(_))
    }

    /// Asks the agent; if it goes away meanwhile, asks the next one.
    pub(super) async fn call<A: Ask + Clone>(&self, request: A) -> Result<A::Answer, Failure> {
        let (count, agent) = self.agent(0).await?;
        match agent.call(request.clone()).await {
            Err(Failure::Gone(_)) => {
                let (_, agent) = self.agent(count + 1).await?;
                agent.call(request).await
            }
            answer => answer,
        }
    }

    /// Asks the agent; if it goes away meanwhile, nobody else: for what must not be done twice.
    pub(super) async fn once<A: Ask>(&self, request: A) -> Result<A::Answer, Failure> {
        let (_, agent) = self.agent(0).await?;
        agent.call(request).await
    }

    /// The present agent, if it is the so-manieth or a later one; else the one to come.
    async fn agent(&self, least: u64) -> Result<(u64, Agent)> {
        let mut present = self.0.present.subscribe();
        let usable = |present: &Present| match present {
            Present::Awaited => false,
            Present::At(count, _) => *count >= least,
            Present::Never(_) => true,
        };
        let found = tokio::time::timeout(AT_WORK_WITHIN, present.wait_for(usable)).await;
        match found.map(|found| found.map(|present| present.clone())) {
            Ok(Ok(Present::At(count, agent))) => Ok((count, agent)),
            Ok(Ok(Present::Never(error))) => Err(error),
            Ok(Ok(Present::Awaited) | Err(_)) | Err(_) => {
                Err(Error::machine("the helper container is gone, and another one cannot be started at present")
                    .help("`docker info` shows whether Docker runs"))
            }
        }
    }

    /// Brings namespaces to these rulesets; those of nodes that have none at present, when they get one.
    pub(super) async fn apply(&self, plans: Vec<(String, Plan)>) -> Result<crate::agent::protocol::Applied> {
        lock(&self.0.wanted).extend(plans.iter().cloned());
        let applied = self.call(ApplyPlans { plans }).await?;
        self.0.applied.send_modify(|count| *count += 1);
        Ok(applied)
    }

    /// Begins to wait for rulesets to be applied: for [`Follow::done`].
    pub(super) fn await_rules(&self) -> Follow {
        Follow(self.0.applied.subscribe())
    }

    /// Whether the node is to be under any rules.
    pub(super) fn is_under_rules(&self, node: &str) -> bool {
        lock(&self.0.wanted).get(node).is_some_and(|ruleset| !ruleset.is_empty())
    }

    /// Puts the node's rules into the namespace of a process.
    pub(super) async fn attach(&self, attach: Attach) -> Result<Interfaces> {
        let interfaces = self.call(attach.clone()).await?;
        // By the time another agent attaches there, the process may be somebody else's.
        let is_global = |address: &std::net::IpAddr| !crate::kernel::probe::is_link_local(*address);
        let expected = interfaces.addresses.iter().copied().filter(is_global).collect();
        lock(&self.0.attached).insert(attach.node.clone(), Attach { expected, ..attach });
        Ok(interfaces)
    }

    /// Lets go of a node's namespace, without any rules of ours in it.
    pub(super) async fn detach(&self, node: &str) -> Result<()> {
        lock(&self.0.attached).remove(node);
        Ok(self.call(Detach { node: node.to_owned() }).await?)
    }

    /// Ends the agent, which takes all rules out of all namespaces first.
    pub(super) async fn close(&self) {
        let former = self.0.present.send_replace(Present::Never(Error::machine("the agent was closed")));
        if let Present::At(_, agent) = former {
            agent.close().await;
        }
    }
}

/// Waits for rulesets to be applied from now on.
pub(super) struct Follow(watch::Receiver<u64>);

impl Follow {
    /// Returns when some were, or it is clear that nothing has changed for them.
    pub(super) async fn done(mut self) {
        // A change of addresses that concerns no rule is followed by no rules.
        let _ = tokio::time::timeout(FOLLOWS_WITHIN, self.0.changed()).await;
    }
}

/// Passes on what an agent says, to its end: the reason for it.
async fn listen(mut heard: Notifications, tell: &mpsc::UnboundedSender<News>) -> Error {
    while let Some(notification) = heard.recv().await {
        match notification {
            Notification::Interfaces { node, interfaces } => {
                // Whoever heard has gone at the end of a run.
                let _ = tell.send(News::Interfaces { node, interfaces });
            }
            Notification::Shaper { what, is_back } => _ = tell.send(News::Shaper { what, is_back }),
            Notification::Gone(error) => return error,
            Notification::Exited { .. } => {}
        }
    }
    Error::machine("the agent is gone")
}
