//! One client of the supervisor, from its greeting until it goes.
//!
//! A session's faults are healed when it goes, however it goes; those of a one-shot command stand. A change that was
//! begun is brought to its end first, so that none is injected after its owner's faults were healed.

use super::audit::Entry;
use super::folder::ClusterFolder;
use super::output::Output;
use super::protocol::{Answer, Ask, Info, Message, Request, VERSION};
use super::serve::{End, request};
use super::sessions::{Sessions, task};
use super::state::State;
use crate::engine::{Command, Controller, Hurry, Owner, Recorder, Reply, Selection, change, release};
use crate::fault::FaultId;
use crate::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// What all clients share.
pub(super) struct Hub {
    pub(super) controller: Arc<Mutex<Controller>>,
    pub(super) hurry: Hurry,
    pub(super) recorder: Arc<Recorder>,
    pub(super) folder: ClusterFolder,
    info: StdMutex<Info>,
    sessions: Sessions,
    pub(super) end: watch::Sender<Option<End>>,
    destroyers: StdMutex<Vec<(u64, Output)>>,
}

impl Hub {
    pub(super) fn new(
        controller: Controller,
        recorder: Arc<Recorder>,
        sessions: Sessions,
        runtime: String,
        folder: ClusterFolder,
        end: watch::Sender<Option<End>>,
    ) -> Self {
        let cluster = controller.cluster().clone();
        let info = StdMutex::new(Info { cluster, runtime, pid: std::process::id(), task: String::new() });
        let (hurry, controller) = (controller.hurry(), Arc::new(Mutex::new(controller)));
        Self { controller, hurry, recorder, folder, info, sessions, end, destroyers: StdMutex::default() }
    }

    /// The cluster that is up, as it is now.
    pub(super) fn info(&self) -> Info {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is to be known of this supervisor from outside.
    pub(super) fn state(&self) -> State {
        let info = self.info();
        State::of(&info.cluster, &info.runtime)
    }

    /// Clients to come, and whoever finds the files, are to know of nodes that were taken in. An end that was decided on
    /// before that is not put off: then they go again.
    fn grown(&self, controller: &Controller) -> Result<()> {
        {
            let mut info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
            if self.end.borrow().is_some() {
                return Err(Error::new(ErrorKind::Interrupted, "given up: the cluster is being removed"));
            }
            info.cluster.clone_from(controller.cluster());
        }
        if let Err(error) = self.folder.write_state(&self.state()) {
            self.note(error.to_string());
        }
        Ok(())
    }

    /// Puts an entry on the audit trail. What was done is done, whether or not that could be written down.
    pub(super) fn audit(&self, entry: Option<Entry>, took: Duration) {
        let Some(entry) = entry else { return };
        tracing::info!(event = entry.event, status = ?entry.status, by = entry.by, ?took, "{}", entry.message);
        if let Err(error) = self.folder.audit().append(&entry) {
            self.note(error.to_string());
        }
    }

    fn destroy(&self, id: u64, output: Output) {
        self.destroyers.lock().unwrap_or_else(PoisonError::into_inner).push((id, output));
        request(&self.end, End::Wanted);
    }

    /// Ends a cluster that no node has come into; whether one has is decided once, also for those who are at it.
    fn abandon(&self, id: u64, output: Output) {
        let info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
        if info.cluster.nodes.is_empty() {
            self.destroy(id, output);
        } else {
            output.send(&Message::Answer { id, result: Ok(Answer::Done) });
        }
    }

    /// Tells those who wanted the end that it has come. One that does not listen is not waited for.
    pub(super) async fn answer_destroyers(&self, outcome: &Result<()>) {
        const PATIENCE: Duration = Duration::from_secs(1);
        let waiting = std::mem::take(&mut *self.destroyers.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, output) in waiting {
            let answer = Message::Answer { id, result: outcome.clone().map(|()| Answer::Done) };
            let _gone = tokio::time::timeout(PATIENCE, output.deliver(&answer)).await;
        }
    }

    async fn call(self: &Arc<Self>, owner: Owner, script: &str, command: Command) -> Result<Reply> {
        let began = Instant::now();
        let look = self.controller.lock().await.observe(&command).await;
        if let Some(look) = look {
            // A slow look must not hold up anybody's change.
            let outcome = look.await;
            tracing::debug!(?command, took = ?began.elapsed(), "looked");
            return outcome;
        }
        let by = task(owner);
        let task = format!("{by} {script}");
        let mut outcome = change(&self.controller, owner, task.trim_end(), command.clone()).await;
        if matches!(command, Command::Add { .. }) {
            let grown = self.grown(&*self.controller.lock().await);
            outcome = outcome.and_then(|reply| grown.map(|()| reply));
        }
        tracing::debug!(?command, by, "changed");
        self.audit(Entry::of(&command, &by, &outcome), began.elapsed());
        if let (Some(for_us), Ok(Reply::Fault(info))) = (command.for_us(), &outcome) {
            tokio::spawn(Arc::clone(self).heal_after(owner, info.id, for_us));
        }
        outcome
    }

    async fn heal_after(self: Arc<Self>, owner: Owner, id: FaultId, for_us: u64) {
        tokio::time::sleep(Duration::from_micros(for_us)).await;
        let began = Instant::now();
        let heal = Command::Heal { which: Selection::One(id) };
        let healed = match change(&self.controller, owner, &task(owner), heal).await {
            Ok(Reply::Faults(healed)) => Ok(healed),
            Ok(_) => Ok(Vec::new()),
            Err(error) => {
                self.note(format!("{id}, whose time is over: {error}"));
                Err(error)
            }
        };
        self.audit(Entry::healed(&task(owner), "its time is over", &healed), began.elapsed());
    }

    async fn release(&self, owner: Owner) -> Result<()> {
        let began = Instant::now();
        let released = release(&self.controller, owner, &task(owner)).await;
        self.audit(Entry::healed(&task(owner), "the session is over", &released), began.elapsed());
        released.map(|_| ())
    }

    /// Sends what a node writes, as fast as the client takes it.
    async fn follow(&self, id: u64, node: &str, last: Option<usize>, output: &Output) -> Result<Answer> {
        let job = self.controller.lock().await.follow(node, last)?;
        let mut pieces = job.await?;
        while let Some(piece) = pieces.recv().await {
            output.deliver(&Message::Log { id, text: piece? }).await;
        }
        Ok(Answer::Done)
    }
}

/// Serves one client until it goes.
pub(super) async fn attend(hub: Arc<Hub>, stream: UnixStream) {
    let (read, write) = stream.into_split();
    let mut client = Client {
        hub,
        output: Output::new(write),
        owner: Owner::STANDING,
        has_lease: false,
        changes: JoinSet::new(),
        looks: JoinSet::new(),
    };
    let mut lines = BufReader::new(read).lines();
    let output = client.output.clone();
    while let Ok(Some(line)) = tokio::select! {
        line = lines.next_line() => line,
        () = output.given_up() => Ok(None),
    } {
        // What is no request comes from no client of ours.
        let Ok(request) = serde_json::from_str(&line) else { break };
        client.take(request).await;
    }
    client.leave().await;
}

struct Client {
    hub: Arc<Hub>,
    output: Output,
    owner: Owner,
    /// Whether the cluster goes when it goes.
    has_lease: bool,
    changes: JoinSet<()>,
    looks: JoinSet<()>,
}

impl Client {
    async fn take(&mut self, Request { id, ask }: Request) {
        match ask {
            Ask::Hello { version, session } => {
                let result = self.greet(&version, session);
                self.output.send(&Message::Answer { id, result });
            }
            Ask::Call { task, command } => self.call(id, task, command),
            Ask::Follow { node, last } => self.follow(id, node, last),
            Ask::Release => {
                self.finish_changes().await;
                let result = self.hub.release(self.owner).await.map(|()| Answer::Done);
                self.output.send(&Message::Answer { id, result });
            }
            Ask::Lease { holds } => {
                self.has_lease = holds;
                self.output.send(&Message::Answer { id, result: Ok(Answer::Done) });
            }
            Ask::Destroy => self.hub.destroy(id, self.output.clone()),
            Ask::Abandon => self.hub.abandon(id, self.output.clone()),
        }
    }

    fn greet(&mut self, version: &str, session: bool) -> Result<Answer> {
        if version != VERSION {
            return Err(Error::usage(format!("the cluster was brought up by blockade {VERSION}, this is {version}"))
                .help("destroy it and bring it up again"));
        }
        if session && self.owner == Owner::STANDING {
            self.owner = self.hub.sessions.open(self.output.clone());
        }
        let task = if self.owner == Owner::STANDING { String::new() } else { task(self.owner) };
        Ok(Answer::Info(Box::new(Info { task, ..self.hub.info() })))
    }

    fn call(&mut self, id: u64, task: String, command: Command) {
        let (hub, output, owner) = (Arc::clone(&self.hub), self.output.clone(), self.owner);
        let tasks = if command.changes() { &mut self.changes } else { &mut self.looks };
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let result = hub.call(owner, &task, command).await.map(|reply| Answer::Reply(Box::new(reply)));
            output.send(&Message::Answer { id, result });
        });
    }

    fn follow(&mut self, id: u64, node: String, last: Option<usize>) {
        let (hub, output) = (Arc::clone(&self.hub), self.output.clone());
        self.looks.spawn(async move {
            let result = hub.follow(id, &node, last, &output).await;
            output.send(&Message::Answer { id, result });
        });
    }

    async fn finish_changes(&mut self) {
        while self.changes.join_next().await.is_some() {}
    }

    /// The client is gone: nobody waits for its looks, and a session's faults go with it.
    async fn leave(mut self) {
        self.looks.abort_all();
        self.finish_changes().await;
        if self.owner == Owner::STANDING {
            return;
        }
        self.hub.sessions.close(self.owner);
        if let Err(error) = self.hub.release(self.owner).await {
            self.hub.note(format!("{}, which is over: {error}", task(self.owner)));
        }
        if self.has_lease {
            request(&self.hub.end, End::Wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Cluster, Nowhere, RuntimeKind, Variables, load};
    use crate::engine::Clock;
    use crate::runtime::sim::Sim;
    use std::path::Path;

    fn controller(cluster: Cluster) -> (Controller, Arc<Recorder>) {
        let (cluster, clock) = (Arc::new(cluster), Arc::new(Clock::real()));
        let recorder = Arc::new(Recorder::new(Arc::clone(&clock), Vec::new()));
        let sim = Arc::new(Sim::new(&cluster, Arc::clone(&clock)));
        (Controller::new(cluster, sim, Arc::clone(&recorder), clock), recorder)
    }

    /// Of a cluster that was brought up for containers to come; and one that a node has come into.
    fn empty_and_grown(home: &Path) -> (Hub, Controller) {
        let variables = Variables {
            name: "c1",
            seed: 1,
            params: &std::collections::BTreeMap::new(),
            env: &|_| None,
            kind: Some(RuntimeKind::Sim),
            surroundings: &Nowhere,
        };
        let text = "{ network: { subnet: 10.9.0.0/24 }, nodes: { n1: {} } }";
        let (grown, _) = controller(load(Path::new("c.yaml"), text, &variables).unwrap());
        let (empty, recorder) = controller(Cluster::of_containers("c1"));
        let folder = ClusterFolder::new(home, "c1").unwrap();
        let (end, _) = watch::channel(None);
        (Hub::new(empty, recorder, Sessions::default(), "docker".to_owned(), folder, end), grown)
    }

    #[tokio::test]
    async fn a_cluster_is_abandoned_without_nodes_and_no_node_comes_into_one_that_was() {
        let home = tempfile::tempdir().unwrap();
        let output = || Output::new(UnixStream::pair().unwrap().0.into_split().1);
        let (hub, grown) = empty_and_grown(home.path());
        hub.grown(&grown).unwrap();
        hub.abandon(1, output());
        assert!(hub.end.borrow().is_none(), "somebody else has taken a node in");
        let (hub, grown) = empty_and_grown(home.path());
        hub.abandon(1, output());
        assert!(hub.end.borrow().is_some());
        assert_eq!(hub.grown(&grown).unwrap_err().kind, ErrorKind::Interrupted);
    }
}
