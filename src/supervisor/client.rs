//! The way to a cluster that is up, for every process that is not its supervisor.

use super::audit::Entry;
use super::folder::{ClusterFolder, Reached};
use super::output::Output;
use super::protocol::{Answer, Ask, Destroyed, Events, Info, Message, Request, VERSION};
use super::state::State;
use crate::engine::{Command, Job, Port, Reply};
use crate::runtime;
use crate::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot, watch};

/// A cluster that is up, and the way to it.
pub struct Connection {
    /// Takes commands.
    pub port: RemotePort,
    /// Who answers.
    pub info: Info,
}

/// Hands commands to a supervisor. The connection ends with the last clone, and a session's faults with it.
#[derive(Clone)]
pub struct RemotePort {
    output: Output,
    waiting: Arc<Mutex<Waiting>>,
    /// Closed once the supervisor is gone.
    listening: watch::Receiver<()>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    answers: HashMap<u64, oneshot::Sender<Result<Answer>>>,
    followers: HashMap<u64, mpsc::Sender<String>>,
    lost: Option<Error>,
}

/// So many pieces of a followed log wait for whoever reads it, before the supervisor does.
const PIECES: usize = 16;
/// How long a supervisor may take to say who it is, also on a machine that is very busy.
const GREETING_MAX: Duration = Duration::from_secs(10);

/// Connects to the supervisor of a cluster. With `session`, the faults injected through this connection are healed
/// when it ends. No cluster is a usage error, a dead one a machine error. Must be called within tokio.
pub async fn connect(folder: &ClusterFolder, session: Option<Events>) -> Result<Connection> {
    let is_session = session.is_some();
    let port = match folder.reach()? {
        Reached::Supervisor(stream) => RemotePort::open(folder, stream, session)?,
        Reached::Nobody => return Err(folder.nobody()),
        Reached::Dead(state) => return Err(folder.dead(state.as_ref())),
        Reached::Busy => return Err(folder.busy()),
    };
    let info = greeted(&port, folder, is_session, GREETING_MAX).await?;
    Ok(Connection { port, info })
}

/// Who is there. That costs a supervisor nothing, whatever it is at.
async fn greeted(port: &RemotePort, folder: &ClusterFolder, session: bool, patience: Duration) -> Result<Info> {
    let greeting = port.ask(Ask::Hello { version: VERSION.to_owned(), session });
    match tokio::time::timeout(patience, greeting).await {
        Ok(Ok(Answer::Info(info))) => Ok(*info),
        Ok(other) => Err(odd(&other?)),
        // One that has written no state is still at bringing the nodes up.
        Err(_) => Err(if folder.state().is_some() { folder.silent() } else { folder.busy() }),
    }
}

/// Removes the cluster, or what a dead one left; returns once all is gone. Must be called within tokio.
pub async fn destroy(folder: &ClusterFolder) -> Result<Destroyed> {
    match folder.reach()? {
        Reached::Supervisor(stream) => {
            let port = RemotePort::open(folder, stream, None)?;
            match port.send(Ask::Destroy, None).await {
                // It ends with its answer, which is true however fast it is gone.
                Ok(answer) => answer.map(|_| Destroyed::Live),
                Err(_lost) => after_the_loss(folder).await.unwrap_or_else(|| Err(port.lost())),
            }
        }
        Reached::Dead(state) => clear_up(folder, state.as_ref()).await,
        Reached::Nobody => from_labels(folder).await,
        Reached::Busy => Err(folder.busy()),
    }
}

/// Removes a cluster that was brought up without nodes, for containers to be taken in, if by now none were: what others
/// have taken in stays. Must be called within tokio.
pub async fn abandon(folder: &ClusterFolder) -> Result<()> {
    let port = connect(folder, None).await?.port;
    port.ask(Ask::Abandon).await.map(|_| ())
}

/// Removes what a dead supervisor left. Where it cannot be removed, the files stay for another try.
async fn clear_up(folder: &ClusterFolder, state: Option<&State>) -> Result<Destroyed> {
    let Some(claim) = folder.claim()? else { return Err(folder.busy()) };
    let removed = match (state, runtime::remove_leftovers(folder.name()).await) {
        // One that wrote no state never was up, and perhaps without any containers.
        (Some(state), Err(error)) if state.outlives() => Err(error),
        (_, Err(error)) if error.kind == ErrorKind::Cleanup => Err(error),
        _ => folder.remove(&claim),
    };
    let nodes = state.iter().flat_map(|state| &state.nodes).map(|name| name.as_str().into()).collect();
    write_down(folder, nodes, &removed);
    removed.map(|()| Destroyed::Dead)
}

/// Removes a cluster of which nothing is known here: containers may be there all the same, known by their labels.
async fn from_labels(folder: &ClusterFolder) -> Result<Destroyed> {
    match runtime::remove_leftovers(folder.name()).await {
        Ok(true) => {
            write_down(folder, Vec::new(), &Ok(()));
            Ok(Destroyed::Leftovers)
        }
        Err(error) if error.kind == ErrorKind::Cleanup => {
            write_down(folder, Vec::new(), &Err(error.clone()));
            Err(error)
        }
        // Where Docker cannot be asked, no cluster on Docker can be up.
        Ok(false) | Err(_) => Err(folder.nobody()),
    }
}

fn write_down(folder: &ClusterFolder, targets: Vec<serde_json::Value>, outcome: &Result<()>) {
    let told = outcome.as_ref().map(|()| "what a dead supervisor had left".to_owned()).map_err(Clone::clone);
    let written = folder.audit().append(&Entry::new("destroy", targets, "command", &told));
    // The way out of a broken state must not end at a trail that cannot be written.
    if let Err(error) = written {
        tracing::warn!("{error}");
    }
}

/// What came of a supervisor that went away instead of answering: another destroyed it at the same time, or it was
/// killed a moment ago and its threads still hold what it held. `None` if that does not show soon.
async fn after_the_loss(folder: &ClusterFolder) -> Option<Result<Destroyed>> {
    const LOOKS: u32 = 100;
    const INTERVAL: Duration = Duration::from_millis(10);
    for _ in 0..LOOKS {
        match folder.reach() {
            Ok(Reached::Nobody) => return Some(Ok(Destroyed::Live)),
            Ok(Reached::Dead(state)) => return Some(clear_up(folder, state.as_ref()).await),
            _ => tokio::time::sleep(INTERVAL).await,
        }
    }
    None
}

impl RemotePort {
    fn open(folder: &ClusterFolder, stream: std::os::unix::net::UnixStream, events: Option<Events>) -> Result<Self> {
        let stream = stream.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stream));
        let stream = stream.map_err(|error| Error::machine(format!("cannot talk to the supervisor: {error}")))?;
        let (read, write) = stream.into_split();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (listens, listening) = watch::channel(());
        let (folder, heard) = (folder.clone(), Arc::clone(&waiting));
        tokio::spawn(async move {
            listen(folder, read, heard, events).await;
            drop(listens); // the loss is known by now
        });
        Ok(Self { output: Output::new(write), waiting, listening })
    }

    /// Heals all faults of this session, and says what could not be healed. A session that just ends heals them too,
    /// but nobody hears how.
    pub async fn release(&self) -> Result<()> {
        self.ask(Ask::Release).await.map(|_| ())
    }

    /// From now on the cluster ends with this connection, however that ends; or no longer.
    pub async fn lease(&self, holds: bool) -> Result<()> {
        self.ask(Ask::Lease { holds }).await.map(|_| ())
    }

    /// Hands what a node writes to `hear`, until its program ends or `hear` has heard enough.
    pub async fn follow(&self, node: &str, last: Option<usize>, mut hear: impl FnMut(&str) -> bool) -> Result<()> {
        let (sender, mut pieces) = mpsc::channel(PIECES);
        let answer = self.request(Ask::Follow { node: node.to_owned(), last }, Some(sender));
        while let Some(piece) = pieces.recv().await {
            if !hear(&piece) {
                return Ok(());
            }
        }
        answer.await.map(|_| ())
    }

    fn ask(&self, ask: Ask) -> impl Future<Output = Result<Answer>> + Send + 'static {
        self.request(ask, None)
    }

    /// The request is on its way when this returns, whether or not the answer is waited for.
    fn request(
        &self,
        ask: Ask,
        follower: Option<mpsc::Sender<String>>,
    ) -> impl Future<Output = Result<Answer>> + Send + 'static {
        let (began, asked) = (Instant::now(), tracing::enabled!(tracing::Level::INFO).then(|| format!("{ask:?}")));
        let (answer, port) = (self.send(ask, follower), self.clone());
        async move {
            let answer = answer.await.unwrap_or_else(|_| Err(port.lost()));
            if let Some(asked) = asked {
                tracing::info!(ok = answer.is_ok(), took = ?began.elapsed(), "{asked}");
            }
            tracing::debug!(?answer);
            answer
        }
    }

    /// Sends a request. Its answer never comes where the supervisor is gone first.
    fn send(&self, ask: Ask, follower: Option<mpsc::Sender<String>>) -> oneshot::Receiver<Result<Answer>> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        waiting.last += 1;
        let id = waiting.last;
        if waiting.lost.is_none() {
            waiting.answers.insert(id, sender);
            waiting.followers.extend(follower.map(|follower| (id, follower)));
            self.output.send(&Request { id, ask });
        }
        answer
    }

    /// Why no answer came.
    fn lost(&self) -> Error {
        self.loss().unwrap_or_else(|| Error::machine("the connection was closed"))
    }

    /// Whether the supervisor is gone by now.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.loss().is_some()
    }

    /// What became of the supervisor, where it is gone.
    #[must_use]
    pub fn loss(&self) -> Option<Error> {
        lock(&self.waiting).lost.clone()
    }

    /// Waits until it is gone.
    pub fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut listening = self.listening.clone();
        async move {
            let _closed = listening.changed().await;
        }
    }
}

impl Port for RemotePort {
    fn call(&self, task: &str, command: Command) -> Job<Reply> {
        let answer = self.ask(Ask::Call { task: task.to_owned(), command });
        Box::pin(async move {
            match answer.await? {
                Answer::Reply(reply) => Ok(*reply),
                other => Err(odd(&other)),
            }
        })
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(folder: ClusterFolder, read: OwnedReadHalf, waiting: Arc<Mutex<Waiting>>, mut events: Option<Events>) {
    let mut lines = BufReader::new(read).lines();
    let mut closed = None;
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Message::Answer { id, result }) => {
                let waiter = {
                    let mut waiting = lock(&waiting);
                    waiting.followers.remove(&id);
                    waiting.answers.remove(&id)
                };
                if let Some(waiter) = waiter {
                    let _nobody_waits = waiter.send(result);
                }
            }
            Ok(Message::Log { id, text }) => {
                let follower = lock(&waiting).followers.get(&id).cloned();
                if let Some(follower) = follower {
                    let _heard_enough = follower.send(text).await;
                }
            }
            Ok(Message::Event(event)) => {
                if let Some(hear) = &mut events {
                    hear(event);
                }
            }
            Ok(Message::Closed(why)) => closed = Some(why),
            // Another version's: its answer is the one that is waited for.
            Err(_) => break,
        }
    }
    let mut waiting = lock(&waiting);
    waiting.lost = Some(closed.unwrap_or_else(|| folder.lost()));
    waiting.answers.clear();
    waiting.followers.clear();
}

fn odd(answer: &Answer) -> Error {
    Error::machine(format!("the supervisor gave an answer that does not fit: {answer:?}"))
        .help("this is a bug in blockade")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, Write};
    use std::os::unix::net::UnixStream;

    /// What a supervisor has answered that reads one request, says this and is gone.
    async fn asked(words: &str) -> Option<Result<Answer>> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let home = tempfile::tempdir().unwrap();
        let port = RemotePort::open(&ClusterFolder::new(home.path(), "c1").unwrap(), ours, None).unwrap();
        let answer = port.send(Ask::Destroy, None);
        let mut heard = String::new();
        tokio::task::block_in_place(|| std::io::BufReader::new(&theirs).read_line(&mut heard)).unwrap();
        (&theirs).write_all(words.as_bytes()).unwrap();
        drop(theirs);
        port.gone().await;
        assert!(port.is_lost());
        answer.await.ok()
    }

    #[tokio::test]
    async fn a_supervisor_that_says_nothing_is_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let folder = ClusterFolder::new(home.path(), "c1").unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let port = RemotePort::open(&folder, ours, None).unwrap();
        let greeted = async || greeted(&port, &folder, false, Duration::from_millis(10)).await.unwrap_err().to_string();
        insta::assert_snapshot!(greeted().await, @"the cluster `c1` is just being brought up or removed (try again in a moment)");
        let state = State { pid: 7, ..State::of(&crate::cluster::Cluster::of_containers("c1"), "docker") };
        std::fs::create_dir_all(folder.path()).unwrap();
        folder.write_state(&state).unwrap();
        insta::assert_snapshot!(greeted().await, @"the supervisor of the cluster `c1` (process 7) does not answer (is it stopped? SIGCONT lets it go on; after SIGKILL `blockade destroy` removes what is left)");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_counts_though_whoever_gave_it_is_gone_when_it_is_read() {
        let left = Error::new(ErrorKind::Cleanup, "a network is left");
        let words = super::super::protocol::line(&Message::Answer { id: 1, result: Err(left) }).unwrap();
        let told = asked(&words).await.unwrap().unwrap_err();
        assert_eq!((told.kind, told.message.as_str()), (ErrorKind::Cleanup, "a network is left"));
        assert!(asked("").await.is_none(), "no answer is none");
    }
}
