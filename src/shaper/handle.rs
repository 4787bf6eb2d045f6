//! The agent's handle to its shaper. It lives on the agent's one thread, in a [`tokio::task::LocalSet`].

use super::protocol::{Answer, Request, encode, send_with};
use super::sockets::Sockets;
use crate::agent::protocol::read;
use crate::error::{Error, Result};
use crate::plan::Shaped;
use rustix::fd::{AsFd, OwnedFd};
use rustix::thread::{CapabilitySet, capabilities, configure_capability_in_ambient_set, set_capabilities};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_local;

/// How long a shaper that has hung up may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How often to look whether it is.
const INTERVAL: Duration = Duration::from_millis(1);

/// A shaper that runs. It ends with this.
#[derive(Debug)]
pub struct Handle {
    jobs: mpsc::UnboundedSender<Job>,
    pub(super) ended: watch::Receiver<Option<Error>>,
}

/// A request under way.
#[derive(Debug)]
struct Job {
    frame: Vec<u8>,
    fds: Vec<OwnedFd>,
    answer: oneshot::Sender<Answer>,
}

/// Those who wait for an answer, in the order of their requests.
type Waiting = Rc<RefCell<VecDeque<oneshot::Sender<Answer>>>>;

impl Handle {
    /// Starts this very binary as a shaper.
    pub fn spawn() -> Result<Self> {
        Self::spawn_from(Path::new("/proc/self/exe"))
    }

    /// Starts that binary, `blockade`, as a shaper.
    pub fn spawn_from(binary: &Path) -> Result<Self> {
        let (ours, theirs) = StdUnixStream::pair().map_err(|error| cannot("open a socket", &error))?;
        let mut command = Command::new(binary);
        command
            .arg0("blockade: shaper")
            .args(["shaper", "--fd", "0"])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null());
        // SAFETY: between fork and exec only system calls are made.
        unsafe { command.pre_exec(keep_rights) };
        let child = command.spawn().map_err(|error| cannot("start the shaper", &error))?;
        Self::connect(ours, Some(child))
    }

    /// To a shaper that serves the other end.
    pub(super) fn connect(stream: StdUnixStream, child: Option<Child>) -> Result<Self> {
        let connected = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
        let (reader, writer) = connected.map_err(|error| cannot("talk to the shaper", &error))?.into_split();
        let (jobs, inbox) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let waiting = Waiting::default();
        spawn_local(write(writer, inbox, waiting.clone()));
        spawn_local(hear(reader, waiting, child, end));
        Ok(Self { jobs, ended })
    }

    /// Hands a node's sockets over, in the place of those that it had. Its packets pass.
    pub async fn attach(&self, node: &str, sockets: Sockets) -> Result<()> {
        let fds = sockets.into_fds();
        self.ask(&Request::Attach { node: node.to_owned(), sockets: fds.len() }, fds).await.map(drop)
    }

    /// Returns when the node's packets meet this. What has come already meets what was asked before, and stays held as
    /// long as it was to be.
    ///
    /// Each link's packets are decided by the seed's stream of the link's name. Under the same seed, packets are counted
    /// on, whatever was there before.
    pub async fn shape(&self, node: &str, seed: u64, shaped: &Shaped) -> Result<()> {
        self.ask(&Request::Shape { node: node.to_owned(), seed, shaped: shaped.clone() }, Vec::new()).await.map(drop)
    }

    /// Lets go of a node: its packets pass, what is held goes on in its time, then its sockets are closed. Take the
    /// rules away first. One that is not attached is let go of already.
    pub async fn detach(&self, node: &str) -> Result<()> {
        self.ask(&Request::Detach { node: node.to_owned() }, Vec::new()).await.map(drop)
    }

    /// How many packets it holds until they are due.
    pub async fn held(&self) -> Result<usize> {
        self.ask(&Request::Count, Vec::new()).await
    }

    /// Returns when the shaper is gone, with the cause. From then on every packet passes.
    pub async fn ended(&self) -> Error {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(error) => error.clone().unwrap_or_else(gone),
            Err(_) => gone(),
        }
    }

    /// Whether it is gone by now.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    async fn ask(&self, request: &Request, fds: Vec<OwnedFd>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let job = Job { frame: encode(request)?, fds, answer };
        let cause = || self.ended.borrow().clone().unwrap_or_else(gone);
        self.jobs.send(job).map_err(|_| cause())?;
        answered.await.unwrap_or_else(|_| Err(cause()))
    }
}

/// The right to give verdicts and to send what was held survives the execve also where we are no root: in a user
/// namespace that we have entered with another user's id.
fn keep_rights() -> std::io::Result<()> {
    let rights = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW;
    let mut sets = capabilities(None)?;
    let kept = sets.permitted & rights;
    sets.inheritable |= kept;
    set_capabilities(None, sets)?;
    kept.iter().try_for_each(|one| configure_capability_in_ambient_set(one, true))?;
    Ok(())
}

/// Writes requests until there is nobody to make any; then the shaper sees the end.
async fn write(mut writer: OwnedWriteHalf, mut inbox: mpsc::UnboundedReceiver<Job>, waiting: Waiting) {
    while let Some(Job { frame, fds, answer }) = inbox.recv().await {
        waiting.borrow_mut().push_back(answer);
        if send(&mut writer, &frame, &fds).await.is_err() {
            // Whoever waits hears of it when the reading end sees that the shaper is gone.
            return;
        }
    }
}

async fn send(writer: &mut OwnedWriteHalf, frame: &[u8], fds: &[OwnedFd]) -> std::io::Result<()> {
    let stream: &UnixStream = writer.as_ref();
    let sent = stream.async_io(Interest::WRITABLE, || Ok(send_with(stream.as_fd(), frame, fds)?)).await?;
    writer.write_all(&frame[sent..]).await
}

/// Hands out answers until the shaper is gone.
async fn hear(mut reader: OwnedReadHalf, waiting: Waiting, child: Option<Child>, end: watch::Sender<Option<Error>>) {
    while let Ok(Some(answer)) = read::<Answer>(&mut reader).await {
        if let Some(caller) = waiting.borrow_mut().pop_front() {
            // The caller may have given up.
            let _ = caller.send(answer);
        }
    }
    let cause = cause(child).await;
    end.send_replace(Some(cause.clone()));
    for caller in waiting.borrow_mut().drain(..) {
        let _ = caller.send(Err(cause.clone()));
    }
}

/// How it ended, where that can be known: an agent that is PID 1 reaps all children in one place, perhaps before us.
async fn cause(child: Option<Child>) -> Error {
    let Some(mut child) = child else { return gone() };
    let status = tokio::time::timeout(GONE_WITHIN, async {
        loop {
            match child.try_wait() {
                Ok(None) => tokio::time::sleep(INTERVAL).await,
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    });
    match status.await.ok().flatten() {
        Some(status) => Error { message: format!("{} ({status})", gone().message), ..gone() },
        None => gone(),
    }
}

fn gone() -> Error {
    Error::machine("the shaper is gone, and packets pass as if nothing were asked of it")
}

fn cannot(what: &str, error: &std::io::Error) -> Error {
    Error::machine(format!("the agent cannot {what}: {error}"))
}
