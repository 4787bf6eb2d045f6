//! A node's network belongs to its holder, and somebody may stop, restart or remove that, or the daemon with all of
//! them. Then the network is made anew: first the namespace, then the rules in it, and only then the program.
//!
//! A program that ran in the former network is started anew: it cannot change over. Where the holder itself is gone, its
//! container is created anew too, since Docker ties it to that one holder; what it wrote outside of volumes is lost.

use super::error::Explained;
use super::inspect::{self, Look};
use super::life::{Life, State};
use super::member::{Member, Which};
use super::runtime::Inner;
use crate::runtime::Notice;
use crate::{Error, Result};
use bollard::query_parameters::RemoveContainerOptions;
use std::sync::Arc;
use std::time::Duration;

/// A program that ended so shortly before its holder did so for the same reason: the daemon went down, and ends all
/// containers at once.
const AT_ONCE_NS: i64 = 1_000_000_000;
/// How often to try, and how long to wait between two tries, times their number.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(100);

impl Inner {
    /// Sees to a node whose holder has ended, soon.
    pub(super) fn ask_for_repair(self: &Arc<Self>, member: &Arc<Member>) {
        if member.adopted || self.gate.is_closed() || !member.ask_for_repair() {
            return;
        }
        let (inner, member) = (Arc::clone(self), Arc::clone(member));
        tokio::spawn(async move {
            let _turn = member.turn.lock().await;
            member.begin_repair();
            if let Err(error) = inner.repair(&member).await
                && !inner.gate.is_closed()
            {
                inner.give_up(&member, &error).await;
            }
        });
    }

    async fn repair(self: &Arc<Self>, member: &Arc<Member>) -> Result<()> {
        let Some(died_ns) = member.take_holder_death() else { return Ok(()) };
        let ran = member.life(|life| life.ran_until(died_ns, AT_ONCE_NS));
        if self.is_whole(member, ran).await? {
            return Ok(()); // told twice, or a start has seen to it
        }
        if !member.may_be_repaired() {
            return Err(Error::machine("its network was taken from it again and again"));
        }
        let mut tries = 1;
        loop {
            let Err(error) = self.restore(member, ran).await else { return Ok(()) };
            if tries >= TRIES || self.gate.is_closed() || self.docker.ping().await.is_err() {
                member.holder_died(died_ns);
                return Err(error);
            }
            // It may be in the middle of being removed, or restarted by somebody else.
            tokio::time::sleep(PAUSE * tries).await;
            tries += 1;
        }
    }

    /// Whether the node's rules are in the network that its holder has now, and its program too, if it `ran`.
    async fn is_whole(&self, member: &Member, ran: bool) -> Result<bool> {
        let present = self.anchor(member).await?.as_ref().and_then(Look::runs);
        let runs_since =
            |since_ns| move |life: &Life| if life.is_running() { life.since_ns() >= since_ns } else { !ran };
        Ok(present.is_some_and(|(pid, since_ns)| {
            member.attached() == Some(pid) && member.ids().container.is_some() && member.life(runs_since(since_ns))
        }))
    }

    /// Brings a node to where it was: with its program running, if it ran.
    async fn restore(self: &Arc<Self>, member: &Arc<Member>, ran: bool) -> Result<()> {
        let rules = self.keeper.await_rules();
        let before = member.interfaces();
        let since_ns = self.restore_network(member).await?;
        if member.interfaces() != before {
            rules.done().await;
        }
        let mut did = Vec::new();
        if member.ids().container.is_none() && member.state() != State::Missing {
            self.create_container(member).await?;
            did.push("its container was created anew");
        }
        // One that was started since then is in the present network.
        let is_stranded = |life: &Life| if life.is_running() { life.since_ns() < since_ns } else { ran };
        if member.life(is_stranded) {
            self.begin_anew(member).await?;
            did.push("its program was started anew");
        }
        let what = format!("somebody ended the network of node {}: it is back under its faults", member.name());
        let what = std::iter::once(what.as_str()).chain(did).collect::<Vec<_>>().join(", and ");
        self.tell(Notice::Repaired { node: member.index, what });
        Ok(())
    }

    /// Ends the program that still runs in the former network, if any, and starts it in the present one.
    async fn begin_anew(self: &Arc<Self>, member: &Arc<Member>) -> Result<()> {
        let Some(id) = member.ids().container else { return Ok(()) };
        if self.look_at(member).await?.is_some() && member.life(Life::is_running) {
            self.stop_in_turn(member).await?;
        }
        let (docker, doing) = (self.docker.clone(), format!("start node {} anew", member.name()));
        self.gate.pass(async move { docker.start_container(&id, None).await.or_cannot(|| doing) }).await?;
        self.look_at(member).await.map(drop)
    }

    /// The node is without a network from here on: so its program is not to run.
    async fn give_up(self: &Arc<Self>, member: &Arc<Member>, error: &Error) {
        // A daemon that is away comes back, and then all is looked at again.
        if self.docker.ping().await.is_err() {
            return;
        }
        let _ended_already = self.stop_in_turn(member).await;
        let what = format!("node {} is without a network, and was stopped: {error}", member.name());
        self.tell(Notice::Repaired { node: member.index, what });
    }

    /// Sees that a node's holder runs and that the node's rules are in its namespace: in this order, before any program
    /// may run there. Says since when the holder runs, nanoseconds since 1970.
    pub(super) async fn restore_network(self: &Arc<Self>, member: &Arc<Member>) -> Result<i64> {
        let look = self.anchor(member).await?;
        if let Some((pid, since_ns)) = look.as_ref().and_then(Look::runs) {
            if member.attached() != Some(pid) {
                self.attach(member, pid, member.given()).await?;
            }
            return Ok(since_ns);
        }
        if look.is_none() {
            self.forget_holder(member).await?;
        }
        let id = self.create_holder(member).await?;
        self.start_holder(member, &id).await?;
        let look = inspect::container(&self.docker, &id).await?;
        let ended = || Error::machine(format!("the network of node {} ended at once", member.name()));
        let (pid, since_ns) = look.as_ref().and_then(Look::runs).ok_or_else(ended)?;
        self.attach(member, pid, member.given()).await?;
        Ok(since_ns)
    }

    /// A holder that is gone takes the node's container along, which can never be started without it.
    async fn forget_holder(self: &Arc<Self>, member: &Arc<Member>) -> Result<()> {
        member.set_id(Which::Holder, None);
        let Some(id) = member.ids().container else { return Ok(()) };
        self.stop_in_turn(member).await?;
        // From here on its end is no news.
        member.set_id(Which::Container, None);
        let options = RemoveContainerOptions { force: true, v: false, ..RemoveContainerOptions::default() };
        match self.docker.remove_container(&id, Some(options)).await {
            Err(refusal) if super::error::is_missing(&refusal) => Ok(()),
            outcome => outcome.or_cannot(|| format!("remove the container of node {}", member.name())),
        }
    }
}
