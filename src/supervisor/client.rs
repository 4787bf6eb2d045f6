//! The way to a cluster that is up, for every process that is not its supervisor.

use super::folder::{ClusterFolder, Reached};
use super::output::Output;
use super::protocol::{Answer, Ask, Info, Message, Request, VERSION};
use crate::engine::{Command, Event, Job, Port, Reply};
use crate::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::oneshot;

/// Hears of everything that happens in the cluster, each event before the answer to the command that caused it.
/// Events whose task is the session's own ([`Info::task`]) are its own doings.
pub type Events = Box<dyn FnMut(Event) + Send>;

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
}

#[derive(Default)]
struct Waiting {
    last: u64,
    answers: HashMap<u64, oneshot::Sender<Result<Answer>>>,
    lost: Option<Error>,
}

/// Connects to the supervisor of a cluster. With `session`, the faults injected through this connection are healed
/// when it ends. No cluster is a usage error, a dead one a machine error. Must be called within tokio.
pub async fn connect(folder: &ClusterFolder, session: Option<Events>) -> Result<Connection> {
    let greeting = Ask::Hello { version: VERSION.to_owned(), session: session.is_some() };
    let port = match folder.reach()? {
        Reached::Supervisor(stream) => RemotePort::open(folder, stream, session)?,
        Reached::Nobody => return Err(folder.nobody()),
        Reached::Dead(state) => return Err(folder.dead(state.as_ref())),
        Reached::Busy => return Err(folder.busy()),
    };
    match port.ask(greeting).await? {
        Answer::Info(info) => Ok(Connection { port, info: *info }),
        other => Err(odd(&other)),
    }
}

/// Removes the cluster, or what a dead one left; returns once all is gone. Says whether it was alive. Must be called
/// within tokio.
pub async fn destroy(folder: &ClusterFolder) -> Result<bool> {
    match folder.reach()? {
        Reached::Supervisor(stream) => {
            let port = RemotePort::open(folder, stream, None)?;
            let answer = port.ask(Ask::Destroy).await;
            if answer.is_ok() || !port.is_lost() {
                return answer.map(|_| true);
            }
            after_the_loss(folder).await.unwrap_or_else(|| answer.map(|_| true))
        }
        Reached::Dead(_) => clear_up(folder),
        Reached::Nobody => Err(folder.nobody()),
        Reached::Busy => Err(folder.busy()),
    }
}

/// Removes what a dead supervisor left.
fn clear_up(folder: &ClusterFolder) -> Result<bool> {
    match folder.claim()? {
        Some(claim) => folder.remove(&claim).map(|()| false),
        None => Err(folder.busy()),
    }
}

/// What came of a supervisor that went away instead of answering: another destroyed it at the same time, or it was
/// killed a moment ago and its threads still hold what it held. `None` if that does not show soon.
async fn after_the_loss(folder: &ClusterFolder) -> Option<Result<bool>> {
    const LOOKS: u32 = 100;
    const INTERVAL: Duration = Duration::from_millis(10);
    for _ in 0..LOOKS {
        match folder.reach() {
            Ok(Reached::Nobody) => return Some(Ok(true)),
            Ok(Reached::Dead(_)) => return Some(clear_up(folder)),
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
        tokio::spawn(listen(folder.clone(), read, Arc::clone(&waiting), events));
        Ok(Self { output: Output::new(write), waiting })
    }

    /// Heals all faults of this session, and says what could not be healed. A session that just ends heals them too,
    /// but nobody hears how.
    pub async fn release(&self) -> Result<()> {
        self.ask(Ask::Release).await.map(|_| ())
    }

    /// The request is on its way when this returns, whether or not the answer is waited for.
    fn ask(&self, ask: Ask) -> impl Future<Output = Result<Answer>> + Send + 'static {
        let (sender, answer) = oneshot::channel();
        let waiting = Arc::clone(&self.waiting);
        {
            let mut waiting = lock(&waiting);
            waiting.last += 1;
            let id = waiting.last;
            if waiting.lost.is_none() {
                waiting.answers.insert(id, sender);
                self.output.send(&Request { id, ask });
            }
        }
        async move {
            match answer.await {
                Ok(answer) => answer,
                Err(_) => {
                    Err(lock(&waiting).lost.clone().unwrap_or_else(|| Error::machine("the connection was closed")))
                }
            }
        }
    }

    fn is_lost(&self) -> bool {
        lock(&self.waiting).lost.is_some()
    }
}

impl Port for RemotePort {
    fn call(&self, command: Command) -> Job<Reply> {
        let answer = self.ask(Ask::Call(command));
        Box::pin(async move {
            match answer.await? {
                Answer::Reply(reply) => Ok(reply),
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
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Message::Answer { id, result }) => {
                let waiter = lock(&waiting).answers.remove(&id);
                if let Some(waiter) = waiter {
                    let _nobody_waits = waiter.send(result);
                }
            }
            Ok(Message::Event(event)) => {
                if let Some(hear) = &mut events {
                    hear(event);
                }
            }
            // Another version's: its answer is the one that is waited for.
            Err(_) => break,
        }
    }
    let mut waiting = lock(&waiting);
    waiting.lost = Some(folder.lost());
    waiting.answers.clear();
}

fn odd(answer: &Answer) -> Error {
    Error::machine(format!("the supervisor gave an answer that does not fit: {answer:?}"))
        .help("this is a bug in blockade")
}
