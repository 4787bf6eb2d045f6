//! The runner's end: starts an agent, asks it, hears from it.

use super::protocol::{self, Ask, Call, Failure, Hello, Message, Notification};
use super::readable::readable;
use crate::error::{Error, Result};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

/// What the agent tells unasked. The last one is [`Notification::Gone`].
pub type Notifications = mpsc::UnboundedReceiver<Notification>;

type Reply = Result<serde_json::Value, Failure>;

/// A handle to a running agent; clones share it. When the last one is dropped, the agent ends: with a fabric's every
/// node, with a host's every rule of ours.
#[derive(Clone)]
pub struct Agent {
    shared: Arc<Shared>,
    hello: Hello,
    gone: watch::Receiver<bool>,
}

struct Shared {
    outbox: Mutex<Option<mpsc::UnboundedSender<Call>>>,
    /// Its end is the end of the agent, even of one that hangs.
    lifeline: Mutex<Option<OwnedFd>>,
    child: Option<OwnedFd>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
}

/// Who waits for which answer.
#[derive(Default)]
struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    callers: HashMap<u64, oneshot::Sender<Reply>>,
    gone: Option<Error>,
}

impl Agent {
    /// Starts an agent from the running binary.
    ///
    /// # Errors
    /// Exit 3, with the cause and the mend, where this machine allows no namespaces.
    pub async fn launch() -> Result<(Self, Notifications)> {
        Self::launch_from(Path::new("/proc/self/exe")).await
    }

    /// Starts an agent from this `blockade` binary.
    pub async fn launch_from(binary: &Path) -> Result<(Self, Notifications)> {
        Self::spawn(binary, &[]).await
    }

    /// Starts, from the running binary, an agent that attaches to namespaces of this host. Only root's has the rights.
    ///
    /// # Errors
    /// Exit 3, with the cause.
    pub async fn launch_host() -> Result<(Self, Notifications)> {
        Self::launch_host_from(Path::new("/proc/self/exe")).await
    }

    /// The same from this `blockade` binary.
    pub async fn launch_host_from(binary: &Path) -> Result<(Self, Notifications)> {
        Self::spawn(binary, &["--here"]).await
    }

    /// Talks to an agent in a helper container, which has connected to a socket of ours: see [`helper_arguments`].
    /// It ends when we do; the container is the caller's to remove.
    ///
    /// # Errors
    /// Exit 3: whoever connected is neither root nor ourselves, or is no agent.
    pub async fn accept(stream: UnixStream) -> Result<(Self, Notifications)> {
        let peer = stream.peer_cred().map_err(|error| cannot("see who connected", &error))?;
        // In a rootless daemon's containers root is the daemon's user.
        if peer.uid() != 0 && peer.uid() != rustix::process::geteuid().as_raw() {
            return Err(Error::machine(format!("user {} connected in the place of the agent", peer.uid())));
        }
        let (mut reader, writer) = stream.into_split();
        let hello = greeting(&mut reader).await?;
        if !hello.host {
            return Err(Error::machine("an agent of another kind connected"));
        }
        Ok(Self::connect(None, None, hello, reader, writer))
    }

    async fn spawn(binary: &Path, kind: &[&str]) -> Result<(Self, Notifications)> {
        let (ours, theirs) = StdUnixStream::pair().map_err(|error| cannot("open a socket", &error))?;
        let (watched, lifeline) = std::io::pipe().map_err(|error| cannot("open a pipe", &error))?;
        let child = spawn(binary, kind, theirs, watched).map_err(|error| cannot("start the agent", &error))?;
        let connected = ours.set_nonblocking(true).and_then(|()| UnixStream::from_std(ours));
        let (mut reader, writer) = connected.map_err(|error| cannot("talk to the agent", &error))?.into_split();
        match greeting(&mut reader).await {
            Ok(hello) => Ok(Self::connect(Some(child), Some(lifeline.into()), hello, reader, writer)),
            Err(error) => {
                drop((reader, writer, lifeline));
                reap(child).await;
                Err(error)
            }
        }
    }

    fn connect(
        child: Option<Child>,
        lifeline: Option<OwnedFd>,
        hello: Hello,
        reader: OwnedReadHalf,
        writer: OwnedWriteHalf,
    ) -> (Self, Notifications) {
        let (outbox, calls) = mpsc::unbounded_channel();
        let (notify, notifications) = mpsc::unbounded_channel();
        let (gone, is_gone) = watch::channel(false);
        let waiting = Arc::new(Waiting::default());
        let pidfd = child.as_ref().and_then(|child| pidfd_open(Pid::from_child(child), PidfdFlags::NONBLOCK).ok());
        tokio::spawn(write(writer, calls));
        tokio::spawn(Ear { waiting: waiting.clone(), notify, host: hello.host, child }.hear(reader, gone));
        let shared = Shared {
            outbox: Mutex::new(Some(outbox)),
            lifeline: Mutex::new(lifeline),
            child: pidfd,
            waiting,
            next: AtomicU64::new(0),
        };
        (Self { shared: Arc::new(shared), hello, gone: is_gone }, notifications)
    }

    /// Whether the nodes live in a user namespace, because nobody of rights started them.
    pub fn rootless(&self) -> bool {
        self.hello.rootless
    }

    /// Asks the agent and waits for its answer. Any number of requests may be under way.
    pub async fn call<A: Ask>(&self, request: A) -> Result<A::Answer, Failure> {
        let value = self.ask(request.into()).await?;
        serde_json::from_value(value)
            .map_err(|error| Error::machine(format!("the agent's answer makes no sense: {error}")).into())
    }

    async fn ask(&self, request: protocol::Request) -> Reply {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let ends_with_us = matches!(request, protocol::Request::Exec(_) | protocol::Request::Http(_)).then_some(id);
        let answer = self.shared.waiting.register(id)?;
        let closed = || Failure::Gone(Error::machine("the agent was closed"));
        let outbox = lock(&self.shared.outbox).clone();
        let sent = outbox.is_some_and(|outbox| outbox.send(Call { id, request }).is_ok());
        sent.then_some(()).ok_or_else(closed)?;
        let mut asked = Asked { shared: &self.shared, id: ends_with_us };
        let answer = answer.await.unwrap_or_else(|_| Err(closed()));
        asked.id = None;
        answer
    }

    /// Ends the agent, and what ends with it; returns when all of that is gone.
    pub async fn close(self) {
        lock(&self.shared.outbox).take();
        lock(&self.shared.lifeline).take();
        let mut gone = self.gone.clone();
        // An error means that the watching task is gone, which it is only after the agent.
        let mut gone = async || drop(gone.wait_for(|gone| *gone).await);
        if tokio::time::timeout(CLOSE_MAX, gone()).await.is_err()
            && let Some(child) = &self.shared.child
        {
            let _ = rustix::process::pidfd_send_signal(child, Signal::KILL);
            gone().await;
        }
    }
}

/// A request that is of use only while somebody waits for its answer; dropped when nobody does any more.
struct Asked<'a> {
    shared: &'a Shared,
    /// None of those that go on, and none once it is answered.
    id: Option<u64>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let Some(call) = self.id else { return };
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        if let Some(outbox) = lock(&self.shared.outbox).as_ref() {
            // An agent that is gone has taken the command with it.
            let _ = outbox.send(Call { id, request: protocol::Abandon { call }.into() });
        }
    }
}

/// An agent that takes longer than this to end hangs, and is killed where it is a child of ours.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// The arguments of `blockade` in a helper container: it connects to a socket of ours that is mounted at this path.
///
/// The container shares the host's pid and network namespaces, and has NET_ADMIN (rules), NET_RAW (what the shaper sends),
/// SYS_ADMIN (entering namespaces) and SYS_PTRACE (opening those of others).
pub fn helper_arguments(socket: &Path) -> Vec<OsString> {
    vec!["agent".into(), "--connect".into(), socket.into()]
}

/// `blockade agent`: its socket is its stdin and its lifeline its stdout, so that nothing has to be done between fork
/// and exec.
fn spawn(binary: &Path, kind: &[&str], socket: StdUnixStream, lifeline: std::io::PipeReader) -> std::io::Result<Child> {
    Command::new(binary)
        .arg0("blockade: agent")
        .args(["agent", "--fd", "0", "--lifeline", "1"])
        .args(kind)
        .stdin(OwnedFd::from(socket))
        .stdout(OwnedFd::from(lifeline))
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()
}

fn cannot(what: &str, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot {what}: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks; if it did, the values would still be whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    fn register(&self, id: u64) -> Result<oneshot::Receiver<Reply>, Failure> {
        let mut state = lock(&self.0);
        if let Some(error) = &state.gone {
            return Err(Failure::Gone(error.clone()));
        }
        let (caller, answer) = oneshot::channel();
        state.callers.insert(id, caller);
        Ok(answer)
    }

    fn answer(&self, id: u64, reply: Reply) {
        if let Some(caller) = lock(&self.0).callers.remove(&id) {
            // The caller may have given up.
            let _ = caller.send(reply);
        }
    }

    fn give_up(&self, error: &Error) {
        let mut state = lock(&self.0);
        state.gone = Some(error.clone());
        for (_, caller) in state.callers.drain() {
            let _ = caller.send(Err(Failure::Gone(error.clone())));
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut calls: mpsc::UnboundedReceiver<Call>) {
    while let Some(call) = calls.recv().await {
        if protocol::write(&mut writer, &call).await.is_err() {
            return;
        }
    }
}

/// The task that hears the agent, to its end.
struct Ear {
    waiting: Arc<Waiting>,
    notify: mpsc::UnboundedSender<Notification>,
    host: bool,
    /// None of ours where it runs in a container.
    child: Option<Child>,
}

impl Ear {
    async fn hear(self, mut reader: OwnedReadHalf, gone: watch::Sender<bool>) {
        while let Ok(Some(message)) = protocol::read(&mut reader).await {
            match message {
                Message::Reply { id, result } => self.waiting.answer(id, result),
                // The runner may not care.
                Message::Notification(notification) => drop(self.notify.send(notification)),
                Message::Hello(_) => {}
            }
        }
        let what = if self.host { "the agent is gone" } else { "the agent is gone, and every node with it" };
        let error = Error::machine(what);
        self.waiting.give_up(&error);
        if let Some(child) = self.child {
            reap(child).await;
        }
        let _ = self.notify.send(Notification::Gone(error));
        gone.send_replace(true);
    }
}

async fn greeting(reader: &mut OwnedReadHalf) -> Result<Hello> {
    match protocol::read(reader).await {
        Ok(Some(Message::Hello(hello))) => hello,
        Ok(_) => Err(Error::machine("the agent ended at once").help("BLOCKADE_DEBUG=1 shows what it says")),
        Err(error) => Err(cannot("understand the agent", &error)),
    }
}

/// Waits for the end of stage A, which waits for that of stage B.
async fn reap(mut agent: Child) {
    if let Ok(pidfd) = pidfd_open(Pid::from_child(&agent), PidfdFlags::NONBLOCK)
        && let Ok(pidfd) = readable(pidfd)
    {
        let _ = pidfd.readable().await;
    }
    let _ = agent.wait();
}
