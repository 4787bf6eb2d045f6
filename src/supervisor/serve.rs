//! The supervisor's life: told what to start, brings it up, answers until somebody ends it, removes everything.

use super::audit::Entry;
use super::connection::{Hub, attend};
use super::folder::{Claim, ClusterFolder};
use super::launch::Order;
use super::log;
use super::protocol::{Launch, line};
use super::sessions::Sessions;
use super::state::State;
use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{Clock, Controller, EventBody, Recorder, seize};
use crate::journal::{self, FORMAT, Header, JournalWriter};
use crate::runtime::{self, Notice, Notices, Runtime};
use crate::{Error, ErrorKind, Result};
use rustix::process::setsid;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Why a supervisor ends.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// Somebody wants it to.
    Wanted,
    /// The nodes have gone by themselves.
    Lost(String),
}

/// The whole life of the process that `start` started: call it before any thread exists. Says what went wrong to
/// whoever started it, so that the error is only for the exit code.
pub fn supervise() -> Result<()> {
    let (mut parent, claim) = inherited().map_err(|error| Error::machine(format!("cannot take over: {error}")))?;
    journal::for_its_owner();
    // Fails only for the leader of a session, which may stay it.
    let _session = setsid();
    let outcome = take_order(&parent).and_then(|order| {
        let folder = ClusterFolder::new(&order.data_dir, &order.launch.cluster.name)?;
        let listener = folder.listen()?;
        log::to_file(&folder, order.launch.debug)?;
        let parent = parent.try_clone().map_err(|error| Error::machine(format!("cannot answer: {error}")))?;
        live(order.launch, &folder, &claim, listener, parent)
    });
    if outcome.is_err() {
        report(&mut parent, &outcome)?;
    }
    outcome
}

/// The socket to the parent and the lock, moved away from where others would inherit or print into them.
fn inherited() -> std::io::Result<(UnixStream, Claim)> {
    let parent = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?;
    let lock = rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), 3)?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok((parent.into(), Claim(lock.into())))
}

fn take_order(parent: &UnixStream) -> Result<Order> {
    let mut text = String::new();
    let read = BufReader::new(parent).read_line(&mut text);
    read.map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str(&text).map_err(|error| error.to_string()))
        .map_err(|error| {
            Error::usage(format!("the supervisor was not told what to start: {error}")).help("use `blockade up`")
        })
}

fn report(parent: &mut UnixStream, outcome: &Result<()>) -> Result<()> {
    parent
        .set_nonblocking(false)
        .and_then(|()| parent.write_all(line(outcome).unwrap_or_default().as_bytes()))
        .map_err(|error| Error::new(ErrorKind::Interrupted, format!("whoever wanted the cluster is gone: {error}")))
}

fn live(
    launch: Launch,
    folder: &ClusterFolder,
    claim: &Claim,
    listener: UnixListener,
    mut parent: UnixStream,
) -> Result<()> {
    let tokio = runtime::io_threads()?;
    tokio.block_on(async {
        let (end, mut ended) = watch::channel(None);
        end_on_signals(&end)?;
        let (began, kind, names) = (Instant::now(), launch.kind, names(&launch.cluster));
        let hub = stand(launch, (folder, claim), listener, &parent, (end, &mut ended)).await;
        let told = hub.as_ref().map(|_| format!("{kind}, in {:.2?}", began.elapsed())).map_err(Clone::clone);
        write_down(folder, Entry::new("up", names, BY, &told));
        let hub = hub?;
        if let Err(error) = report(&mut parent, &Ok(())) {
            let removed = remove(&hub, folder, claim).await;
            return Err(removed.err().map_or(error.clone(), |left| left.context(error)));
        }
        let end = ended.wait_for(Option::is_some).await.map_or(None, |end| end.clone());
        if let Some(End::Lost(cause)) = end {
            return bury(&hub, folder, cause).await;
        }
        let names = self::names(&hub.info().cluster);
        let removed = remove(&hub, folder, claim).await;
        let told = removed.as_ref().map(|()| String::new()).map_err(Clone::clone);
        write_down(folder, Entry::new("destroy", names, "command", &told));
        hub.answer_destroyers(&removed).await;
        // By now nobody waits to hear of it.
        Ok(())
    })
}

/// Who does what nobody asked for.
const BY: &str = "supervisor";

fn names(cluster: &Cluster) -> Vec<serde_json::Value> {
    cluster.names().map(Into::into).collect()
}

/// Puts an entry on the audit trail when there may be no other place to say that it cannot be put there.
fn write_down(folder: &ClusterFolder, entry: Entry) {
    tracing::info!(event = entry.event, status = ?entry.status, "{}", entry.message);
    if let Err(error) = folder.audit().append(&entry) {
        tracing::warn!("{error}");
    }
}

/// Brings the cluster up; an error leaves nothing of it.
async fn stand(
    launch: Launch,
    (folder, claim): (&ClusterFolder, &Claim),
    listener: UnixListener,
    parent: &UnixStream,
    (end, ended): (watch::Sender<Option<End>>, &mut watch::Receiver<Option<End>>),
) -> Result<Arc<Hub>> {
    let (hub, notices) = build(launch, folder, end).await?;
    tokio::spawn(follow(notices, Arc::clone(&hub)));
    tokio::spawn(accept(listener, Arc::clone(&hub)));
    let up = bring_up(&hub, parent, ended).await;
    let Err(error) = up.and_then(|()| folder.write_state(&hub.state())) else { return Ok(hub) };
    let removed = remove(&hub, folder, claim).await;
    Err(removed.err().map_or(error.clone(), |left| left.context(error)))
}

async fn build(launch: Launch, folder: &ClusterFolder, end: watch::Sender<Option<End>>) -> Result<(Arc<Hub>, Notices)> {
    let clock = Arc::new(Clock::real());
    let sessions = Sessions::default();
    let journal = JournalWriter::create(&folder.journal(), &header(&launch)?)?;
    let recorder = Arc::new(Recorder::new(Arc::clone(&clock), vec![Box::new(journal), Box::new(sessions.clone())]));
    let cluster = Arc::new(launch.cluster.clone());
    let (nodes, notices) = runtime(&launch, folder, &clock).await?;
    let name = nodes.name().to_owned();
    let controller =
        Controller::new(cluster, nodes, Arc::clone(&recorder), clock).shaping(launch.seed, launch.options.shaper);
    let hub = Hub::new(controller, recorder, sessions, name, folder.clone(), end);
    Ok((Arc::new(hub), notices))
}

/// The nodes; a simulation of them lives on real time here, since its clients do.
async fn runtime(launch: &Launch, folder: &ClusterFolder, clock: &Arc<Clock>) -> Result<(Arc<dyn Runtime>, Notices)> {
    if launch.kind == RuntimeKind::Sim {
        let (_never, notices) = tokio::sync::mpsc::unbounded_channel();
        return Ok((Arc::new(runtime::sim::Sim::new(&launch.cluster, Arc::clone(clock))), notices));
    }
    runtime::create(launch.kind, &Arc::new(launch.cluster.clone()), folder.path(), launch.options).await
}

fn header(launch: &Launch) -> Result<Header> {
    let cluster = serde_json::to_value(&launch.cluster)
        .map_err(|error| Error::machine(format!("the cluster cannot be written as JSON: {error}")))?;
    Ok(Header {
        format: FORMAT,
        blockade: env!("CARGO_PKG_VERSION").to_owned(),
        seed: launch.seed,
        script: serde_json::Value::Null,
        cluster,
        runtime: launch.kind.to_string(),
        kernel: Some(rustix::system::uname().release().to_string_lossy().into_owned()),
        options: serde_json::json!({ "set": launch.params }),
    })
}

/// Waits until the nodes are ready, but not beyond the end of whoever wanted them.
async fn bring_up(hub: &Hub, parent: &UnixStream, ended: &mut watch::Receiver<Option<End>>) -> Result<()> {
    let gone = |error: std::io::Error| Error::machine(format!("cannot listen to whoever wanted the cluster: {error}"));
    parent.set_nonblocking(true).map_err(gone)?;
    let parent = parent.try_clone().and_then(tokio::net::UnixStream::from_std);
    let mut parent = parent.map_err(gone)?;
    let controller = Arc::clone(&hub.controller);
    let mut work = tokio::spawn(async move { controller.lock().await.up().await });
    let outcome = tokio::select! {
        up = &mut work => up.unwrap_or_else(|panic| Err(Error::machine(format!("bringing up crashed: {panic}")))),
        _ = parent.read_u8() => Err(Error::new(ErrorKind::Interrupted, "whoever wanted the cluster is gone")),
        end = ended.wait_for(Option::is_some) => Err(match end.ok().as_deref() {
            Some(Some(End::Lost(cause))) => Error::machine(format!("the nodes are gone: {cause}")),
            _ => Error::new(ErrorKind::Interrupted, "interrupted while the cluster was coming up"),
        }),
    };
    if outcome.is_err() && !work.is_finished() {
        work.abort();
        let _aborted = work.await;
    }
    outcome
}

/// Removes the nodes and all files. Nobody gets at the controller after this.
async fn remove(hub: &Hub, folder: &ClusterFolder, claim: &Claim) -> Result<()> {
    let mut controller = seize(&hub.controller, &hub.hurry).await;
    let down = controller.down().await;
    std::mem::forget(controller);
    let removed = folder.remove(claim);
    down.and(removed)
}

/// Leaves a last word beside what the nodes wrote, for commands to come.
async fn bury(hub: &Hub, folder: &ClusterFolder, cause: String) -> Result<()> {
    let mut controller = seize(&hub.controller, &hub.hurry).await;
    let down = controller.down().await;
    std::mem::forget(controller);
    // Processes have gone with their agent; containers and what was put into their networks may be left.
    let left = down.err().filter(|_| hub.state().outlives());
    let cause = left.map_or(cause.clone(), |left| format!("{cause}; {left}"));
    let state = State { died: Some(cause.clone()), ..hub.state() };
    folder.write_state(&state)?;
    write_down(folder, Entry::new("died", names(&hub.info().cluster), BY, &Err(Error::machine(&cause))));
    Err(Error::machine(cause))
}

/// Asks the supervisor to end; the first cause counts.
pub(super) fn request(end: &watch::Sender<Option<End>>, cause: End) {
    end.send_if_modified(|end| {
        let first = end.is_none();
        end.get_or_insert(cause);
        first
    });
}

fn end_on_signals(end: &watch::Sender<Option<End>>) -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals =
            signal(kind).map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
        let end = end.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                request(&end, End::Wanted);
            }
        });
    }
    Ok(())
}

/// Hands what the nodes do by themselves to the controller.
async fn follow(mut notices: Notices, hub: Arc<Hub>) {
    while let Some(notice) = notices.recv().await {
        if let Notice::Lost { cause } = &notice {
            request(&hub.end, End::Lost(cause.clone()));
        }
        tracing::info!(?notice, "heard");
        let outcome = hub.controller.lock().await.notice(notice).await;
        if let Err(error) = outcome {
            hub.note(format!("could not follow what a node did: {error}"));
        }
    }
}

async fn accept(listener: UnixListener, hub: Arc<Hub>) {
    let listener = listener.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => return hub.note(format!("nobody can connect: {error}")),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(attend(Arc::clone(&hub), stream))),
            // Out of files, for a moment: those who are connected may go.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

impl Hub {
    /// Writes something into the journal that has no event of its own; where that fails, nothing can be said.
    pub(super) fn note(&self, message: String) {
        tracing::warn!("{message}");
        let _journal_full = self.recorder.record_engine(EventBody::Note { message });
    }
}
