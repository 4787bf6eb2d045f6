//! What client and supervisor say to each other: JSON Lines over the control socket; and what one is started with.
//!
//! Both are the same binary, or the greeting fails: the protocol has no versions of its own.

use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{Command, Event, Reply};
use crate::runtime::Options;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to bring up.
#[derive(Debug, Serialize, Deserialize)]
pub struct Launch {
    /// With addresses and all.
    pub cluster: Cluster,
    /// Where the nodes live.
    pub kind: RuntimeKind,
    /// What `--set` gave.
    pub params: BTreeMap<String, String>,
    /// What `${seed}` in the cluster's file stands for.
    pub seed: u64,
    /// How to go about it.
    pub options: Options,
    /// Whether the supervisor's log is to tell everything.
    #[serde(default)]
    pub debug: bool,
}

/// Hears of everything that happens in the cluster, each event before the answer to the command that caused it.
/// Events whose task is the session's own ([`Info::task`]), or begins with it and a space and then names a task of its
/// script, are its own doings.
pub type Events = Box<dyn FnMut(Event) + Send>;

/// What was there to destroy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroyed {
    /// A cluster that was up.
    Live,
    /// What one that had died had left.
    Dead,
    /// Containers of one of which nothing else is known here.
    Leftovers,
}

/// From the client. Every request gets exactly one answer of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Chosen by the client, repeated in the answer.
    pub(super) id: u64,
    /// What it wants.
    pub(super) ask: Ask,
}

/// What a client may want.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// Who are you? The first request but for `Destroy`.
    Hello {
        /// The client's version of blockade.
        version: String,
        /// Whether faults end with this connection, and events are wanted.
        session: bool,
    },
    /// Carry this out.
    Call {
        /// On behalf of which task of a session's script; empty outside of one.
        task: String,
        /// What.
        command: Command,
    },
    /// Send what a node writes until its program ends, and then the answer.
    Follow {
        /// Whose.
        node: String,
        /// Of what it has written, only the last so many lines.
        last: Option<usize>,
    },
    /// Heal this session's faults.
    Release,
    /// From now on the cluster ends with this connection, or no longer.
    Lease {
        /// Whether it does.
        holds: bool,
    },
    /// Remove the cluster. The answer comes when all is gone.
    Destroy,
    /// The same, if it has no nodes; else it stays.
    Abandon,
}

/// From the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The answer to a request.
    Answer {
        /// The request's.
        id: u64,
        /// What came of it.
        result: Result<Answer, Error>,
    },
    /// What a followed node has written.
    Log {
        /// The request's.
        id: u64,
        /// A piece of it.
        text: String,
    },
    /// Something happened, in a session. Events come before the answer to the command that caused them.
    Event(Event),
    /// Nothing comes any more, and why.
    Closed(Error),
}

/// What a request was answered with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// To `Hello`.
    Info(Box<Info>),
    /// To `Call`.
    Reply(Box<Reply>),
    /// To the others.
    Done,
}

/// A cluster that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Info {
    /// With its addresses and all.
    pub cluster: Cluster,
    /// Where its nodes live: `netns`, `docker`, `sim`.
    pub runtime: String,
    /// The supervisor's process id.
    pub pid: u32,
    /// The name under which this session's events are recorded, [`Event::task`]; empty without a session.
    pub task: String,
}

/// This binary's version, which client and supervisor must share.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One line, with its end.
pub(super) fn line(message: &impl Serialize) -> Result<String> {
    let mut line = serde_json::to_string(message)
        .map_err(|error| Error::machine(format!("a message cannot be written as JSON: {error}")))?;
    line.push('\n');
    Ok(line)
}
