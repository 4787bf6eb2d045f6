//! Containers of others that are taken in: without a holder, so that a restart gives them a new network namespace, in
//! which their programs may talk before our rules are there. How long that was is told.

use super::inspect::{self, Look, now_ns};
use super::life::{Life, State};
use super::member::{Member, Which};
use super::runtime::Inner;
use crate::cluster::{self, Mac, Node, Stop};
use crate::plan::Interfaces;
use crate::runtime::Notice;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Docker's own grace where a container has none, seconds.
const GRACE_S: i64 = 10;
/// How long the rules of a container that we started may take.
const RULED_WITHIN: Duration = Duration::from_secs(10);

impl Inner {
    /// Takes in containers: all of them or none.
    pub(super) async fn adopt(self: &Arc<Self>, containers: Vec<String>) -> Result<Vec<Node>> {
        let looks = self.find(&containers).await?;
        let mut members: Vec<Arc<Member>> = Vec::new();
        for look in looks {
            let index = self.members().len() + members.len();
            let id = look.raw.id.clone();
            if members.iter().any(|member| member.ids().container == id) {
                continue; // named twice
            }
            let node = self.describe(&look, &members);
            let member = Arc::new(Member::new(index, node, true, Interfaces::default()));
            member.set_id(Which::Container, id);
            member.change(|life| life.see(look.seen, look.at_ns));
            if let Some((pid, _)) = look.runs()
                && let Err(error) = self.enter(&member, pid, look.addresses()).await
            {
                self.let_go(&members).await;
                return Err(error.context(format!("cannot add {}", member.name())));
            }
            members.push(member);
        }
        self.add_members(members.iter().cloned());
        for member in &members {
            // What became of it before it was known as a member, nobody has told. Where a look fails, the daemon has
            // gone, and all is looked at once it is back.
            let _ = self.look_at(member).await;
            if member.state() == State::Paused {
                let (node, life) = (member.index, member.life(Life::number));
                self.tell(Notice::Paused { node, life });
            }
        }
        let nodes = members.iter().map(|member| member.node.clone()).collect();
        Ok(nodes)
    }

    async fn let_go(&self, members: &[Arc<Member>]) {
        for member in members {
            // The agent itself is gone then, and its rules with it.
            let _ = self.keeper.detach(member.name()).await;
        }
    }

    /// Looks at all of them; an error names those that are not there, and those that are nodes already.
    async fn find(&self, containers: &[String]) -> Result<Vec<Look>> {
        let (mut looks, mut unknown, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for name in containers {
            // Anything else would be part of another address of the daemon's.
            let look = if can_be_called(name) { inspect::container(&self.docker, name).await? } else { None };
            match look {
                None => unknown.push(format!("`{name}`")),
                Some(look) if self.is_taken(&look) => known.push(format!("`{name}`")),
                Some(look) => looks.push(look),
            }
        }
        if !unknown.is_empty() {
            return Err(Error::usage(format!("Docker knows no container {}", unknown.join(", ")))
                .help("`docker ps --all` shows those that there are"));
        }
        if !known.is_empty() {
            return Err(Error::usage(format!("{} cannot be added: a cluster has it already", known.join(", "))));
        }
        Ok(looks)
    }

    fn is_taken(&self, look: &Look) -> bool {
        let labels = look.raw.config.as_ref().and_then(|config| config.labels.as_ref());
        let id = look.raw.id.as_deref().unwrap_or_default();
        labels.is_some_and(|labels| labels.contains_key(super::labels::ID))
            || self.members().iter().any(|member| member.which(id).is_some())
    }

    /// The node that a container becomes.
    fn describe(&self, look: &Look, others: &[Arc<Member>]) -> Node {
        let name = look.raw.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
        let members = self.members();
        let taken = |name: &str| members.iter().chain(others).any(|member| member.name() == name);
        let node_name = unique(&valid(&name), taken);
        let config = look.raw.config.clone().unwrap_or_default();
        let grace_s = config.stop_timeout.unwrap_or(GRACE_S).unsigned_abs();
        let docker = cluster::Docker { image: config.image, container_name: Some(name), ..cluster::Docker::default() };
        Node {
            name: node_name,
            hostname: config.hostname.unwrap_or_default(),
            command: None,
            environment: BTreeMap::new(),
            workdir: None,
            files: BTreeMap::new(),
            ready: None,
            stop: Stop { signal: look.stop_signal, within_us: grace_s.saturating_mul(1_000_000) },
            addresses: Vec::new(),
            mac: Mac([0; 6]),
            user: None,
            links: Vec::new(),
            aliases: BTreeMap::new(),
            start_delay_us: 0,
            neutral: false,
            holy: false,
            docker: cluster::Docker { adopted: look.raw.id.clone(), ..docker },
        }
    }

    /// A life of an adopted container has begun: its network is a new one.
    pub(super) fn adopted_started(self: &Arc<Self>, member: &Arc<Member>, life: u64) {
        member.set_attached(None);
        let (inner, member) = (Arc::clone(self), Arc::clone(member));
        tokio::spawn(async move {
            match inner.follow_into(&member, life).await {
                Ok(Some(gap_us)) => inner.tell(Notice::Started { node: member.index, life, gap_us }),
                Ok(None) => {}
                Err(error) => inner.tell(Notice::Repaired {
                    node: member.index,
                    what: format!("node {} was started and is not under its faults: {error}", member.name()),
                }),
            }
        });
    }

    /// Puts the rules into the network of this life: for how long its program ran without; nothing if it is over.
    async fn follow_into(&self, member: &Member, life: u64) -> Result<Option<Option<u64>>> {
        let _alone = member.attaching.lock().await;
        let look = self.anchor(member).await?;
        let present = || member.life(|lives| lives.number() == life && lives.is_running());
        let Some(look) = look.filter(|_| present()) else { return Ok(None) };
        let Some((pid, started_ns)) = look.runs() else { return Ok(None) };
        let ruled = self.keeper.is_under_rules(member.name());
        let rules = self.keeper.await_rules();
        match self.attach(member, pid, look.addresses()).await {
            Ok(differ) => {
                if ruled && differ {
                    rules.done().await;
                }
                let gap_us = u64::try_from((now_ns() - started_ns) / 1_000).unwrap_or_default();
                Ok(Some(ruled.then_some(gap_us)))
            }
            Err(_) if !present() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its namespace ends with it, and must not be kept alive.
    pub(super) fn adopted_ended(self: &Arc<Self>, member: &Arc<Member>) {
        member.set_attached(None);
        let (inner, member) = (Arc::clone(self), Arc::clone(member));
        tokio::spawn(async move {
            let _alone = member.attaching.lock().await;
            if !member.life(Life::is_running) {
                // Where that fails, the agent itself is about to be another one, which knows of no such namespace.
                let _ = inner.keeper.detach(member.name()).await;
            }
        });
    }

    /// After the daemon was away: what still runs has kept its network.
    pub(super) fn adopted_again(self: &Arc<Self>, member: &Arc<Member>) {
        if member.life(Life::is_running) && member.attached().is_none() {
            self.adopted_started(member, member.life(Life::number));
        }
    }

    /// Waits until the rules of a container that we started are in its new network.
    pub(super) async fn await_rules(&self, member: &Member) -> Result<()> {
        let ruled = async {
            while member.attached().is_none() && member.life(Life::is_running) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(RULED_WITHIN, ruled).await.map_err(|_| {
            Error::machine(format!("node {} was started, and its faults could not follow it", member.name()))
        })
    }
}

/// Whether there can be a container of this name or id.
fn can_be_called(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// A container's name as a node's: what a node may not be called is replaced.
fn valid(name: &str) -> String {
    let fitting = |c: char| if c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c) { c } else { '-' };
    let name: String = name.chars().map(fitting).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() || name == "world" { format!("c-{name}") } else { name.to_owned() }
}

fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        assert!(can_be_called("a_b-1.c") && !["", "a/b", "../images", "a?b", "a b"].into_iter().any(can_be_called));
    }

    #[test]
    fn a_container_is_a_node_of_its_name_unless_that_is_taken() {
        assert_eq!(valid("shop_db_1"), "shop_db_1");
        assert_eq!(valid("world"), "c-world");
        assert_eq!(unique("db", |name| ["db", "db-2"].contains(&name)), "db-3");
        assert_eq!(unique("db", |_| false), "db");
    }
}
