//! `down`, and removing what a runner has left that did not come to its end: by their labels, never by names.

use super::connection;
use super::error::{self, Explained};
use super::labels::{self, Labels, Owner, Role};
use super::member::Member;
use super::network;
use super::runtime::Inner;
use crate::{Error, ErrorKind, Result};
use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptions};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process};
use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many containers are removed side by side.
const SIDE_BY_SIDE: usize = 8;
/// How many of them may leave the network at once, lest the daemon lose count (see [`network::remove`]).
const LEAVING: usize = 2;
/// How many programs are told to end at once, and how long each keeps the others waiting. Told all together they end all
/// together, too, and the daemon, which has work with each end, gets to the first network only when it is done with the
/// last program.
const ENDING: usize = 4;
const ENDING_FOR: Duration = Duration::from_millis(100);
/// How long an owner may take to remove its cluster once it was asked to.
const OWNER_ENDS_WITHIN: Duration = Duration::from_secs(60);
/// How often to look whether it has.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long one may take to let go of an adopted container.
const RELEASED_WITHIN: Duration = Duration::from_secs(10);

/// A container or network of ours.
struct Found {
    id: String,
    name: String,
    labels: Labels,
}

impl Inner {
    /// Stops and removes everything that is ours, and lets go of what is not. Goes on after failures.
    pub(super) async fn down(self: &Arc<Self>) -> Result<()> {
        self.gate.close().await;
        if let Err(error) =
            self.docker.ping().await.or_cannot(|| format!("remove the containers of `{}`", self.cluster.name))
        {
            self.keeper.close().await;
            return Err(Error {
                kind: ErrorKind::Cleanup,
                ..error.help("`blockade destroy` removes them once Docker is back")
            });
        }
        let mut troubles = Vec::new();
        troubles.extend(self.release().await);
        troubles.extend(self.end_all().await);
        let is_agent = |found: &Found| found.labels.role == Role::Agent;
        let own = |found: &Found| found.labels.owner == self.owner;
        match containers(&self.docker, &self.cluster.name).await {
            Ok(found) => {
                let rest = found.into_iter().filter(|found| own(found) && !is_agent(found)).collect();
                troubles.extend(remove_containers(&self.docker, rest).await);
            }
            Err(error) => troubles.push(error),
        }
        self.keeper.close().await;
        troubles.extend(remove_rest(&self.docker, &self.cluster.name, own).await);
        cleaned_up(troubles)
    }

    /// Takes the rules out of the adopted containers, and lets go of them.
    async fn release(&self) -> Vec<Error> {
        let mut troubles = Vec::new();
        for member in self.members().into_iter().filter(|member| member.adopted) {
            let detached = tokio::time::timeout(RELEASED_WITHIN, self.keeper.detach(member.name())).await;
            match detached {
                Ok(outcome) => troubles.extend(outcome.err()),
                Err(_) => troubles.push(Error::machine(format!("node {}: the agent does not answer", member.name()))),
            }
        }
        troubles
    }

    /// Stops all nodes side by side, each with its grace, keeps their logs and removes them.
    async fn end_all(self: &Arc<Self>) -> Vec<Error> {
        let places = Arc::new([ENDING, SIDE_BY_SIDE, LEAVING].map(Semaphore::new));
        let mut tasks = JoinSet::new();
        for member in self.own_members() {
            let (inner, places) = (Arc::clone(self), Arc::clone(&places));
            tasks.spawn(async move { inner.end_one(&member, &places).await });
        }
        let mut troubles = Vec::new();
        while let Some(outcome) = tasks.join_next().await {
            troubles
                .extend(outcome.unwrap_or_else(|crash| vec![Error::machine(format!("a removal crashed: {crash}"))]));
        }
        troubles
    }

    async fn end_one(self: &Arc<Self>, member: &Arc<Member>, [ending, places, leaving]: &[Semaphore; 3]) -> Vec<Error> {
        let stopped = {
            let _turn = member.turn.lock().await;
            let mut stopping = pin!(self.stop_in_turn(member));
            let place = ending.acquire().await;
            let soon = tokio::time::timeout(ENDING_FOR, &mut stopping).await;
            drop(place);
            match soon {
                Ok(stopped) => stopped,
                Err(_) => stopping.await,
            }
        };
        let mut troubles: Vec<Error> = stopped.err().into_iter().collect();
        let place = places.acquire().await;
        troubles.extend(self.keep_log(member).await.err());
        let ids = member.ids();
        if let Some(id) = ids.container {
            troubles.extend(remove_container(&self.docker, &id, member.name()).await.err());
        }
        drop(place);
        let _place = leaving.acquire().await;
        if let Some(id) = ids.holder {
            troubles.extend(remove_container(&self.docker, &id, member.name()).await.err());
        }
        troubles
    }
}

/// Removes what a dead runner has left of a cluster of this name. One that is alive is in the way.
pub(super) async fn make_room(inner: &Inner) -> Result<()> {
    let (docker, name) = (&inner.docker, inner.cluster.name.as_str());
    let found = containers(docker, name).await?;
    let networks = networks(docker, name).await?;
    let owner = found.iter().chain(&networks).map(|found| found.labels.owner).find(|owner| is_at_work(*owner));
    if let Some(owner) = owner {
        return Err(Error::usage(format!("a cluster `{name}` is up already: process {} looks after it", owner.pid))
            .help(
                "`blockade run --attach` joins it, `blockade destroy` removes it; another one needs another --name",
            ));
    }
    if found.is_empty() && networks.is_empty() {
        return Ok(());
    }
    tracing::info!("removing what a dead runner left of `{name}`");
    let mut troubles = remove_containers(docker, found).await;
    if troubles.is_empty() {
        // The shell of a network that Docker does not give up is not in the way: another name is found.
        for error in remove_rest(docker, name, |_| true).await {
            tracing::warn!("{error}");
        }
    } else {
        troubles.extend(remove_rest(docker, name, |_| true).await);
    }
    let cannot = |error: Error| error.context("a dead runner has left containers that cannot be removed");
    cleaned_up(troubles).map_err(|error| Error { kind: ErrorKind::Machine, ..cannot(error) })
}

/// Removes whatever there is of a cluster of this name, alive or dead: a live runner is asked to end first. Says whether
/// there was anything. Where there is no Docker, there is nothing.
pub async fn destroy_by_labels(name: &str) -> Result<bool> {
    let docker = connection::connect().await?;
    let found = containers(&docker, name).await?;
    let networks = networks(&docker, name).await?;
    if found.is_empty() && networks.is_empty() {
        return Ok(false);
    }
    let mut owners: Vec<Owner> = found.iter().chain(&networks).map(|found| found.labels.owner).collect();
    owners.sort_unstable_by_key(|owner| (owner.pid, owner.start_ticks));
    owners.dedup();
    for owner in owners.into_iter().filter(|owner| is_at_work(*owner)) {
        end(owner, name).await?;
    }
    let left = containers(&docker, name).await?;
    let mut troubles = remove_containers(&docker, left).await;
    troubles.extend(remove_rest(&docker, name, |_| true).await);
    cleaned_up(troubles).map(|()| true)
}

/// Asks a runner to end and waits until it has.
async fn end(owner: Owner, name: &str) -> Result<()> {
    let of_whom = || format!("the cluster `{name}` is looked after by process {}", owner.pid);
    if is_anothers(owner) {
        return Err(Error::new(ErrorKind::Cleanup, format!("{}, which is another user's", of_whom()))
            .help("let that user destroy it, or do so as root"));
    }
    if owner.is_alive() && !is_blockade(owner.pid) {
        return Err(Error::new(ErrorKind::Cleanup, format!("{}, which does not look like a blockade", of_whom()))
            .help(format!("if it is one, end it with `kill {}`, and again", owner.pid)));
    }
    // One that is gone meanwhile has ended.
    let _gone = terminate(owner);
    let ended = async {
        while owner.is_alive() {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::time::timeout(OWNER_ENDS_WITHIN, ended).await.map_err(|_| {
        Error::new(ErrorKind::Cleanup, format!("{}, which was asked to end and does not", of_whom()))
            .help(format!("`kill -9 {}`, and again", owner.pid))
    })
}

/// Whether it may not be asked to end by us.
fn is_anothers(owner: Owner) -> bool {
    let pid = Pid::from_raw(owner.pid.cast_signed());
    owner.is_alive() && pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::PERM))
}

/// SIGTERM for a runner and for no later process of the same number.
fn terminate(owner: Owner) -> Result<(), Errno> {
    let Some(pid) = Pid::from_raw(owner.pid.cast_signed()) else { return Ok(()) };
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    if owner.is_alive() { pidfd_send_signal(&process, Signal::TERM) } else { Ok(()) }
}

/// Whether it runs and is another process than this one. What it is called does not count: whoever has that number and
/// was started at that very moment is the one who wrote the label.
pub(super) fn is_at_work(owner: Owner) -> bool {
    owner.pid != std::process::id() && owner.is_alive()
}

/// Whether it may be sent a signal: labels can be written by anybody.
fn is_blockade(pid: u32) -> bool {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe"));
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let is_ours = |path: &Path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with("blockade"));
    name.starts_with("blockade") || exe.is_ok_and(|path| is_ours(&path))
}

/// Networks and whatever containers are left, the helper perhaps, which removes itself.
async fn remove_rest(docker: &Docker, name: &str, wanted: impl Fn(&Found) -> bool) -> Vec<Error> {
    let mut troubles = Vec::new();
    match containers(docker, name).await {
        Ok(found) => {
            troubles.extend(remove_containers(docker, found.into_iter().filter(&wanted).collect()).await);
        }
        Err(error) => troubles.push(error),
    }
    match networks(docker, name).await {
        Ok(found) => {
            for found in found.into_iter().filter(wanted) {
                troubles.extend(network::remove(docker, &found.id).await.err());
            }
        }
        Err(error) => troubles.push(error),
    }
    troubles
}

/// Nodes first, so that none is left in a network that somebody has removed.
async fn remove_containers(docker: &Docker, found: Vec<Found>) -> Vec<Error> {
    let (nodes, others): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|found| found.labels.role == Role::Node);
    let mut troubles = Vec::new();
    for (group, side_by_side) in [(nodes, SIDE_BY_SIDE), (others, LEAVING)] {
        let places = Arc::new(Semaphore::new(side_by_side));
        let mut tasks = JoinSet::new();
        for found in group {
            let (docker, places) = (docker.clone(), Arc::clone(&places));
            tasks.spawn(async move {
                let _place = places.acquire_owned().await;
                remove_container(&docker, &found.id, &found.name).await
            });
        }
        while let Some(outcome) = tasks.join_next().await {
            let crashed = |crash| Err(Error::machine(format!("a removal crashed: {crash}")));
            troubles.extend(outcome.unwrap_or_else(crashed).err());
        }
    }
    troubles
}

/// Removes a container with the volumes that have no name. One that is gone, or is about to go, is no failure.
pub(super) async fn remove_container(docker: &Docker, id: &str, name: &str) -> Result<()> {
    let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
    match docker.remove_container(id, Some(options)).await {
        Err(refusal) if error::is_missing(&refusal) => Ok(()),
        Err(refusal) if error::is_conflict(&refusal) && refusal.to_string().contains("is already in progress") => {
            gone(docker, id, name).await
        }
        outcome => outcome.or_cannot(|| format!("remove the container of {name}")),
    }
}

/// Waits for the end of a removal that somebody else has begun.
async fn gone(docker: &Docker, id: &str, name: &str) -> Result<()> {
    let gone = async {
        while !matches!(docker.inspect_container(id, None).await, Err(refusal) if error::is_missing(&refusal)) {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let waited = tokio::time::timeout(RELEASED_WITHIN, gone).await;
    waited.map_err(|_| Error::machine(format!("the container of {name} is being removed, and that does not end")))
}

async fn containers(docker: &Docker, name: &str) -> Result<Vec<Found>> {
    let options = ListContainersOptionsBuilder::default().all(true).filters(&labels::filter(name)).build();
    let listed = docker.list_containers(Some(options)).await.or_cannot(|| "list containers".to_owned())?;
    let found = listed.into_iter().filter_map(|summary| {
        let labels = Labels::of(&summary.labels.unwrap_or_default())?;
        let name = summary.names.unwrap_or_default().concat();
        Some(Found { id: summary.id?, name: name.trim_start_matches('/').to_owned(), labels })
    });
    Ok(found.collect())
}

/// The ids of the containers of a cluster that run, frozen or not.
pub(super) async fn running(docker: &Docker, name: &str) -> Result<BTreeSet<String>> {
    // Without `all`, those that run.
    let options = ListContainersOptionsBuilder::default().filters(&labels::filter(name)).build();
    let listed = docker.list_containers(Some(options)).await.or_cannot(|| "list containers".to_owned())?;
    Ok(listed.into_iter().filter_map(|summary| summary.id).collect())
}

async fn networks(docker: &Docker, name: &str) -> Result<Vec<Found>> {
    let options = ListNetworksOptionsBuilder::default().filters(&labels::filter(name)).build();
    let listed = docker.list_networks(Some(options)).await.or_cannot(|| "list networks".to_owned())?;
    let found = listed.into_iter().filter_map(|network| {
        let labels = Labels::of(&network.labels.unwrap_or_default())?;
        Some(Found { id: network.id?, name: network.name.unwrap_or_default(), labels })
    });
    Ok(found.collect())
}

/// One error that tells of all that is left.
fn cleaned_up(troubles: Vec<Error>) -> Result<()> {
    if troubles.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = troubles.iter().map(ToString::to_string).collect();
    Err(Error::new(ErrorKind::Cleanup, texts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[tokio::test]
    async fn whoever_wrote_the_label_is_in_the_way_and_only_a_blockade_is_told_to_end() {
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let owner = Owner::of(other.id()).unwrap();
        assert!(is_at_work(owner) && !is_at_work(Owner::current().unwrap()));
        let error = end(owner, "shop").await.unwrap_err();
        assert!(error.to_string().contains("does not look like a blockade"), "{error}");
        // Where nothing is known of a cluster but its labels, any other kind means that there is none.
        assert_eq!(error.kind, ErrorKind::Cleanup);
        assert!(other.try_wait().unwrap().is_none());
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(!is_at_work(owner));
        end(owner, "shop").await.unwrap();
    }
}
