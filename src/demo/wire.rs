//! What travels between the store's processes: one JSON object a line.

use super::message::{Id, Message};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// No line is longer; a longer one is not from here.
pub(super) const LINE_BYTES_MAX: u64 = 16 << 20;

/// The one line that a connection begins with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// From a node, which wants no reply: what it has to say, oldest first.
    Peer { from: Id, messages: Vec<Message> },
    /// From a client.
    Write { value: String },
    /// From a client.
    List,
}

/// The one line that a client gets back.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Ok,
    Values(Vec<String>),
    /// Ask the leader, which is there.
    Redirect(SocketAddr),
    /// Certainly not done.
    Fail(String),
    /// Perhaps done.
    Unknown(String),
}

/// The line for a request or a reply, its end included.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
