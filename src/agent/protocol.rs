//! What the runner and the agent say to each other: requests, their answers, notifications, and the frames they
//! travel in.
//!
//! A frame is a length (4 bytes, little endian) and that many bytes of MessagePack: a half/half cut of fifty nodes is
//! some four thousand addresses, and as JSON they would cost as much as their rules. Requests carry an id and may be
//! answered in any order. Both ends are the same binary: the protocol has no versions.

use crate::error::{Error, Result};
use crate::plan::{Interfaces, Ruleset};
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A frame larger than this is a broken peer: both outputs of an exec, each byte escaped, fit.
const FRAME_BYTES_MAX: u32 = 512 << 20;

/// The most of stdout, and of stderr, that an exec keeps: a script's texts hold both, even where each byte is replaced.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// A request and the type of its answer.
pub trait Ask: Into<Request> {
    /// What the agent answers on success.
    type Answer: Serialize + DeserializeOwned;
}

/// Declares [`Request`] from its payloads, and ties each of them to its answer.
macro_rules! requests {
    ($($name:ident => $answer:ty,)*) => {
        /// Everything the agent can be asked.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each variant is the type of its name")]
        pub enum Request { $($name($name),)* }

        $(
            impl From<$name> for Request {
                fn from(request: $name) -> Self { Self::$name(request) }
            }
            impl Ask for $name { type Answer = $answer; }
        )*
    };
}

requests! {
    CreateFabric => Vec<Vec<IpAddr>>,
    StartNode => u64,
    StopNode => Ended,
    KillNode => (),
    Pause => (),
    Resume => (),
    Exec => Executed,
    ApplyPlans => Applied,
    Probe => Probed,
    Reachable => bool,
    Tcp => bool,
    Http => Option<u16>,
    Teardown => Vec<Error>,
    Attach => Interfaces,
    Detach => (),
    KillTree => (),
}

/// Creates the whole network: bridge, namespaces, links, addresses. Once, before anything else. Answered with the
/// addresses of each node, link-local ones included, IPv4 first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CreateFabric {
    /// The bridge's own addresses: they stand for the world.
    pub gateway: Vec<IpNet>,
    /// The nodes, none of which runs yet.
    pub nodes: Vec<NodeNet>,
}

/// A node's place in the network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeNet {
    /// The node's name.
    pub name: String,
    /// Its addresses with the prefix of their subnet.
    pub addresses: Vec<IpNet>,
    /// The hardware address of its `eth0`; its link-local IPv6 address follows from it.
    pub mac: [u8; 6],
}

/// Starts a node's processes. Answered when its program runs, that is after a successful `execve`, with the number of
/// the life that begins: the first is 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartNode {
    /// Which node.
    pub node: String,
    /// What runs in it; a node without a program idles until it is stopped.
    pub program: Option<Program>,
    /// The node's host name.
    pub hostname: String,
    /// The content of its private `/etc/hosts`.
    pub hosts: String,
}

/// A node's main program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// Name and arguments; a name of `blockade` is the running binary itself.
    pub argv: Vec<String>,
    /// The whole environment; its `PATH` finds the program.
    pub env: BTreeMap<String, String>,
    /// The absolute path of the working folder, which exists.
    pub cwd: PathBuf,
    /// The user to run as; needs root.
    pub user: Option<String>,
    /// The file that stdout and stderr are appended to.
    pub log: PathBuf,
}

/// Ends a node: the signal to its program, and when the grace is over, SIGKILL to all of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StopNode {
    /// Which node.
    pub node: String,
    /// The signal's number.
    pub signal: i32,
    /// How long the program may take to end.
    pub grace_ms: u64,
}

/// Sends a signal. SIGKILL ends the whole node, and is answered when it is gone; any other goes to the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KillNode {
    /// Which node.
    pub node: String,
    /// The signal's number.
    pub signal: i32,
}

/// Stops all of a node's processes at once. Answered when none of them runs any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// Which node.
    pub node: String,
}

/// Lets a paused node's processes run again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resume {
    /// Which node.
    pub node: String,
}

/// Runs a command inside a running node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Exec {
    /// Which node.
    pub node: String,
    /// Name and arguments, as in [`Program::argv`].
    pub argv: Vec<String>,
    /// The whole environment; its `PATH` finds the command.
    pub env: BTreeMap<String, String>,
    /// The working folder; `/` where not given.
    pub cwd: Option<PathBuf>,
    /// The user to run as; needs root.
    pub user: Option<String>,
    /// What the command reads.
    pub stdin: String,
    /// After this long it dies, with all that it started.
    pub timeout_ms: Option<u64>,
}

/// What a command did. One that could not be started has code 127 (not found) or 126, as in a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executed {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its output, at most [`OUTPUT_BYTES_MAX`] of it; what is no UTF-8 is replaced.
    pub stdout: String,
    /// Its error output, bounded in the same way.
    pub stderr: String,
    /// Whether it was killed because its time was over.
    pub timed_out: bool,
    /// From the request to the end.
    pub took_us: u64,
}

/// Brings the namespaces of these nodes to these rulesets, in this order. Nodes not named stay as they are.
///
/// A host agent remembers them: a node that is not attached gets its ruleset when it is ([`Attach`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyPlans {
    /// Node and all that its namespace must hold.
    pub plans: Vec<(String, Ruleset)>,
}

/// What became of [`ApplyPlans`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The nodes whose namespace could not be brought there, and why.
    pub failures: Vec<(String, Error)>,
    /// From before the first node's commit until after the last one's.
    pub first_to_last_us: u64,
    /// The whole request.
    pub took_us: u64,
}

/// A place packets come from or go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// Where the agent itself is: at the fabric's bridge, on the host.
    World,
    /// A node.
    Node(String),
}

/// One packet from `from` to `to` and back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Who sends.
    pub from: Party,
    /// Who answers.
    pub to: Party,
    /// How long the answer may take.
    pub wait_ms: u64,
}

/// What became of a [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// The round trip; none where a packet was lost.
    pub rtt_us: Option<u64>,
}

/// Whether one packet that `from` sends arrives at `to`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reachable {
    /// Who sends.
    pub from: Party,
    /// Who receives.
    pub to: Party,
    /// How long the packet may take.
    pub wait_ms: u64,
}

/// Whether somebody accepts connections at a node's own address, tried from inside of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tcp {
    /// Which node.
    pub node: String,
    /// The port.
    pub port: u16,
    /// How long the connection may take.
    pub timeout_ms: u64,
}

/// The status of an HTTP request to a node's own address, made inside of it; nothing where no HTTP comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Http {
    /// Which node.
    pub node: String,
    /// The port.
    pub port: u16,
    /// What is asked for, with its leading slash.
    pub path: String,
    /// How long the answer may take.
    pub timeout_ms: u64,
}

/// Ends all nodes and removes the network. Answered, with what failed, when no process of a node is left.
///
/// A host agent heals every network that it is attached to and lets go of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Teardown {
    /// Nodes that get a signal and a grace, all at the same time; the others are killed.
    pub stops: Vec<StopNode>,
}

/// Host agents: the node's network is that of this process from now on. Answered with its addresses (expected ones first)
/// and devices, when the ruleset last wanted for the node is in force there: to be sent before anything that must not
/// see the node without it is started.
///
/// A new agent that takes over from a dead one is told the rulesets first ([`ApplyPlans`]) and then attached, so that
/// the rules which stand in the namespace are replaced by the same ones and never removed. A network that the node had
/// before is healed and released, unless it is the same one.
///
/// # Errors
/// The process has ended, is in the host's own network or in that of another node, or its network has none of the
/// `expected` addresses: nothing was touched. Or the rules could not be put there: then the network is the node's
/// nevertheless, and is healed at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attach {
    /// Which node.
    pub node: String,
    /// The process, as the host numbers them.
    pub pid: i32,
    /// One of these it must have; empty: no matter which.
    pub expected: Vec<IpAddr>,
}

/// Host agents: heals the node's network and lets go of it, so that it may end with its last process. The ruleset last
/// wanted is remembered for the next [`Attach`]. No error for a node that is not attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detach {
    /// Which node.
    pub node: String,
}

/// Host agents: SIGKILL for a process, its descendants and its session. Nothing happens where it has ended already.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct KillTree {
    /// The process, as the host numbers them.
    pub pid: i32,
}

/// How a node's program ended: with a code, or by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// It exited with this code.
    Code(i32),
    /// The signal with this number ended it.
    Signal(i32),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The node does not run, or is not attached.
    NotRunning(String),
    /// The node is paused.
    Paused(String),
    /// The agent is gone, and with a fabric's every node.
    Gone(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotRunning(node) => Self::usage(format!("node {node} does not run")).help("start it first"),
            Failure::Paused(node) => Self::usage(format!("node {node} is paused")).help("resume it first"),
            Failure::Gone(error) | Failure::Other(error) => error,
        }
    }
}

/// What the agent tells unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notification {
    /// A node's program ended, and so did the rest of the node. Comes before the answer to the request that ended it.
    Exited {
        /// Which node.
        node: String,
        /// Which of its lives.
        life: u64,
        /// How.
        ended: Ended,
        /// Whether it was asked for: by a stop, a kill, a teardown.
        expected: bool,
    },
    /// The addresses or devices of a node's namespace changed.
    Interfaces {
        /// Which node.
        node: String,
        /// All of them.
        interfaces: Interfaces,
    },
    /// The agent is gone, and with a fabric's every node. The last notification.
    Gone(Error),
}

/// A request on its way to the agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) request: Request,
}

/// Everything the agent writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// First: the agent is ready, or says why it cannot be.
    Hello(Result<Hello>),
    Reply {
        id: u64,
        result: Result<serde_json::Value, Failure>,
    },
    Notification(Notification),
}

/// What a ready agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Whether it lives in a user namespace of its own, because it was not started by root.
    pub rootless: bool,
    /// Whether it attaches to nodes of others: these outlive it.
    pub host: bool,
}

/// Encodes a frame.
pub(super) fn frame(message: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    rmp_serde::encode::write_named(&mut frame, message).map_err(std::io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let length = length.ok_or(std::io::ErrorKind::FileTooLarge)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Writes one frame.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> std::io::Result<()> {
    to.write_all(&frame(message)?).await
}

/// Reads one frame; nothing at the end of the stream, also in the middle of a frame: the peer was killed.
pub(super) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<T>> {
    let mut length = [0; 4];
    if !filled(from, &mut length).await? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length as usize];
    if !filled(from, &mut body).await? {
        return Ok(None);
    }
    rmp_serde::from_slice(&body).map(Some).map_err(std::io::Error::other)
}

async fn filled(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> std::io::Result<bool> {
    match from.read_exact(buffer).await {
        Ok(_) => Ok(true),
        Err(error) if is_end(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A peer that was killed with unread data in its socket shows as a reset.
fn is_end(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_travel_one_after_another() {
        let (mut a, mut b) = tokio::io::duplex(16);
        let sent = Notification::Exited { node: "n1".into(), life: 1, ended: Ended::Code(3), expected: false };
        let again = sent.clone();
        let writer = tokio::spawn(async move {
            write(&mut a, &again).await.unwrap();
            write(&mut a, &again).await.unwrap();
        });
        assert_eq!(read::<Notification>(&mut b).await.unwrap(), Some(sent.clone()));
        assert_eq!(read::<Notification>(&mut b).await.unwrap(), Some(sent));
        writer.await.unwrap();
        assert_eq!(read::<Notification>(&mut b).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_cut_short_is_the_end() {
        let whole = frame(&"hello").unwrap();
        let mut cut = &whole[..whole.len() - 1];
        assert_eq!(read::<String>(&mut cut).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_absurd_length_is_an_error_and_no_allocation() {
        let mut bytes: &[u8] = &[0xff; 8];
        assert!(read::<String>(&mut bytes).await.is_err());
    }
}
