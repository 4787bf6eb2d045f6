//! What the store's nodes remember, hear and say. Plain data; the rules are in `protocol`.

use serde::{Deserialize, Serialize};

/// A node's number. The highest one alive leads.
pub(super) type Id = u32;

/// A term of office: ordered by number, then by leader; unique, as a leader never uses a number twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Epoch {
    /// Grows with each campaign.
    pub(super) number: u64,
    /// Who may lead this epoch; nobody else ever does.
    pub(super) leader: Id,
}

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Acks {
    /// After a majority holds it: safe.
    Majority,
    /// After the leader alone holds it, before it is replicated: loses writes when the leader is cut off.
    One,
}

/// What a node must not forget when its process dies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Durable {
    /// Nothing older than this epoch is accepted any more.
    pub(super) promised: Epoch,
    /// The epoch whose leader wrote `log`.
    pub(super) log_epoch: Epoch,
    /// The values in the order of their writing; the end may be held by this node alone.
    pub(super) log: Vec<String>,
}

/// What nodes tell each other. Any of it may be lost, repeated, delayed and overtaken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// I live, and these are the nodes I hear.
    Heartbeat { hears: Vec<Id> },
    /// I want to lead this epoch.
    Prepare { epoch: Epoch },
    /// You may lead `epoch`; this is my log.
    Promise { epoch: Epoch, log_epoch: Epoch, log: Vec<String> },
    /// I lead `epoch`; from position `start` on the log reads `entries`.
    Append { epoch: Epoch, round: u64, start: usize, entries: Vec<String> },
    /// I hold the first `length` values of your log; `round` is the latest of yours that I saw.
    Accepted { epoch: Epoch, round: u64, length: usize },
    /// Your epoch is over: I have promised this one.
    Refused { promised: Epoch },
}

/// What reaches a node.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// Time has passed: [`HEARTBEAT_MS`](super::protocol::HEARTBEAT_MS) since the last one.
    Tick,
    /// A peer said something.
    Message { from: Id, message: Message },
    /// A client wants a value stored. `request` comes back in [`Output::Answer`].
    Write { request: u64, value: String },
    /// A client wants all acknowledged values.
    List { request: u64 },
}

/// What a node wants done, once its durable state is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Tell a peer.
    Send { to: Id, message: Message },
    /// Tell the client that made this request.
    Answer { request: u64, answer: Answer },
}

/// The outcome of a client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The value is stored for good (with [`Acks::Majority`]).
    Ok,
    /// All values.
    Listed(Vec<String>),
    /// Ask this node: it leads.
    Redirect(Id),
    /// Certainly not done.
    Fail(&'static str),
    /// May be done or may not.
    Unknown(&'static str),
}
