//! The store's rules: one node as a state machine, input in, output out. Pure: no clock, no socket, no file.
//!
//! A node's history is cut into *epochs*. An epoch has one leader, named in the epoch itself, so that no two nodes
//! ever lead the same one:
//!
//! 1. Who hears a majority and nobody with a higher id, *campaigns*: it asks everyone to `Prepare` a new epoch.
//! 2. Who prepares, promises to accept nothing from an older epoch, and hands over its log.
//! 3. With a majority of promises the candidate leads: it takes the newest log among them (the latest epoch a leader
//!    wrote it in, then the longest) and writes it into all others, then appends what clients write.
//! 4. A write is acknowledged when a majority holds it *in the leader's epoch*.
//!
//! Why no acknowledged write is ever lost: the majority that holds it and the majority that prepares the next epoch
//! share a node. That node's log is among those the next leader chooses from, and every log of its epoch that is as
//! long as its own holds the write too. [`Acks::One`] breaks rule 4, and only that.
//!
//! Whoever drives a [`Node`] must have stored [`Node::durable`] before acting on what [`Node::step`] returned.

use super::message::{Acks, Answer, Durable, Epoch, Id, Input, Message, Output};
use std::collections::BTreeMap;

/// How often a node is to be given [`Input::Tick`].
pub(super) const HEARTBEAT_MS: u64 = 50;
/// A peer that was silent for longer is taken for dead: six heartbeats.
const LIVE_MS: u64 = 300;
/// How long a node must have been the highest before it campaigns, so that a start or a heal brings one election.
const SETTLE_MS: u64 = 100;

/// One node of the store.
#[derive(Debug)]
pub(super) struct Node {
    id: Id,
    acks: Acks,
    durable: Durable,
    role: Role,
    peers: BTreeMap<Id, Peer>,
    highest_since_ms: Option<u64>,
    now_ms: u64,
    outputs: Vec<Output>,
}

/// What is known of another node.
#[derive(Debug, Default)]
struct Peer {
    heard_ms: Option<u64>,
    hears_me: bool,
}

/// A candidate's and a leader's epoch is always `durable.promised`: who promises a newer one is a follower again.
#[derive(Debug)]
enum Role {
    Follower,
    Candidate { promises: BTreeMap<Id, (Epoch, Vec<String>)> },
    Leader(Leadership),
}

#[derive(Debug, Default)]
struct Leadership {
    round: u64,
    followers: BTreeMap<Id, Progress>,
    waiting: Vec<Waiting>,
}

/// How far a follower has followed.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    length: usize,
    round: u64,
}

/// A client that waits until a majority has come to `needs`.
#[derive(Debug)]
struct Waiting {
    request: u64,
    needs: Progress,
    lists: bool,
}

impl Node {
    /// A node that starts, or starts again, with what it had stored.
    pub(super) fn new(id: Id, peers: impl IntoIterator<Item = Id>, acks: Acks, durable: Durable) -> Self {
        let peers = peers.into_iter().map(|peer| (peer, Peer::default())).collect();
        let role = Role::Follower;
        Self { id, acks, durable, role, peers, highest_since_ms: None, now_ms: 0, outputs: Vec::new() }
    }

    /// This node's number.
    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// What must be stored before the outputs of a step are acted on.
    pub(super) fn durable(&self) -> &Durable {
        &self.durable
    }

    /// Takes one input at a time of a clock that never goes back, and says what is to be done.
    pub(super) fn step(&mut self, now_ms: u64, input: Input) -> Vec<Output> {
        self.now_ms = now_ms;
        match input {
            Input::Tick => self.tick(),
            Input::Message { from, message } => self.receive(from, message),
            Input::Write { request, value } => self.write(request, value),
            Input::List { request } => self.list(request),
        }
        std::mem::take(&mut self.outputs)
    }

    /// Everything that was lost on the way is sent again here; there are no other retries.
    fn tick(&mut self) {
        let hears = self.peers.iter().filter(|(_, peer)| self.is_recent(peer)).map(|(&id, _)| id).collect();
        self.broadcast(&Message::Heartbeat { hears });
        self.campaign_while_highest();
        match self.role {
            Role::Follower => {}
            Role::Candidate { .. } => self.broadcast(&Message::Prepare { epoch: self.durable.promised }),
            Role::Leader(_) => self.replicate(),
        }
    }

    fn receive(&mut self, from: Id, message: Message) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.heard_ms = Some(self.now_ms);
        match message {
            Message::Heartbeat { hears } => peer.hears_me = hears.contains(&self.id),
            Message::Prepare { epoch } => self.on_prepare(from, epoch),
            Message::Promise { epoch, log_epoch, log } => self.on_promise(from, epoch, log_epoch, log),
            Message::Append { epoch, round, start, entries } => self.on_append(from, epoch, round, start, entries),
            Message::Accepted { epoch, round, length } => self.on_accepted(from, epoch, Progress { length, round }),
            Message::Refused { promised } => self.promise(promised),
        }
    }
}

/// Who lives, and who should lead.
impl Node {
    fn is_recent(&self, peer: &Peer) -> bool {
        peer.heard_ms.is_some_and(|heard_ms| self.now_ms - heard_ms <= LIVE_MS)
    }

    /// This node and the peers it hears and that hear it: a link that works one way only does not count.
    fn live(&self) -> impl Iterator<Item = Id> {
        let peers = self.peers.iter().filter(|(_, peer)| peer.hears_me && self.is_recent(peer));
        peers.map(|(&id, _)| id).chain([self.id])
    }

    fn is_highest(&self) -> bool {
        self.live().all(|id| id <= self.id)
    }

    fn is_majority(&self, count: usize) -> bool {
        is_majority(count, self.peers.len() + 1)
    }

    fn campaign_while_highest(&mut self) {
        if !self.is_highest() || !self.is_majority(self.live().count()) {
            self.highest_since_ms = None;
            if let Role::Candidate { .. } = self.role {
                self.role = Role::Follower;
            }
            return;
        }
        let since_ms = *self.highest_since_ms.get_or_insert(self.now_ms);
        if matches!(self.role, Role::Follower) && self.now_ms - since_ms >= SETTLE_MS {
            self.promise(Epoch { number: self.durable.promised.number + 1, leader: self.id });
            self.role = Role::Candidate { promises: BTreeMap::new() };
            self.lead_if_prepared();
        }
    }

    /// Older epochs end here: their candidate or leader, if that is this node, steps down.
    fn promise(&mut self, epoch: Epoch) {
        if epoch <= self.durable.promised {
            return;
        }
        self.durable.promised = epoch;
        if let Role::Leader(leadership) = std::mem::replace(&mut self.role, Role::Follower) {
            for Waiting { request, .. } in leadership.waiting {
                self.answer(request, Answer::Unknown("the leader was replaced before a majority had it"));
            }
        }
    }

    fn on_prepare(&mut self, candidate: Id, epoch: Epoch) {
        if epoch < self.durable.promised {
            self.send(candidate, Message::Refused { promised: self.durable.promised });
        } else if self.live().all(|id| id <= candidate) {
            self.promise(epoch);
            let Durable { log_epoch, log, .. } = self.durable.clone();
            self.send(candidate, Message::Promise { epoch, log_epoch, log });
        }
    }

    fn on_promise(&mut self, from: Id, epoch: Epoch, log_epoch: Epoch, log: Vec<String>) {
        if let Role::Candidate { promises } = &mut self.role
            && epoch == self.durable.promised
        {
            promises.insert(from, (log_epoch, log));
            self.lead_if_prepared();
        }
    }

    fn lead_if_prepared(&mut self) {
        let Role::Candidate { promises } = &self.role else { return };
        if !self.is_majority(promises.len() + 1) {
            return;
        }
        let own = &mut self.durable;
        let newest = promises.values().max_by_key(|(epoch, log)| (*epoch, log.len()));
        if let Some((epoch, log)) = newest
            && (*epoch, log.len()) > (own.log_epoch, own.log.len())
        {
            own.log.clone_from(log);
        }
        own.log_epoch = own.promised;
        self.role = Role::Leader(Leadership::default());
        self.replicate();
    }

    /// The leader whose log this node follows, while it seems to live.
    fn leader(&self) -> Option<Id> {
        let Durable { promised, log_epoch, .. } = self.durable;
        let leader = promised.leader;
        (log_epoch == promised && leader != self.id && self.live().any(|id| id == leader)).then_some(leader)
    }
}

/// The leader's log, in every node.
impl Node {
    /// Sends each follower what it is not known to hold; to those that hold all, that the epoch still stands.
    fn replicate(&mut self) {
        let Role::Leader(Leadership { round, followers, .. }) = &self.role else { return };
        let Durable { promised: epoch, log, .. } = &self.durable;
        for &to in self.peers.keys() {
            let start = followers.get(&to).map_or(0, |progress| progress.length);
            let entries = log.get(start..).unwrap_or_default().to_vec();
            let message = Message::Append { epoch: *epoch, round: *round, start, entries };
            self.outputs.push(Output::Send { to, message });
        }
    }

    fn on_append(&mut self, leader: Id, epoch: Epoch, round: u64, start: usize, entries: Vec<String>) {
        if epoch < self.durable.promised {
            self.send(leader, Message::Refused { promised: self.durable.promised });
            return;
        }
        self.promise(epoch);
        let Durable { log_epoch, log, .. } = &mut self.durable;
        if *log_epoch != epoch && start == 0 {
            *log_epoch = epoch;
            *log = entries;
        } else if *log_epoch == epoch && start <= log.len() {
            // Within an epoch all logs are beginnings of the leader's, so a late message can only repeat what is here.
            let known = log.len() - start;
            log.extend(entries.into_iter().skip(known));
        } else {
            return;
        }
        self.send(leader, Message::Accepted { epoch, round, length: self.durable.log.len() });
    }

    fn on_accepted(&mut self, from: Id, epoch: Epoch, reached: Progress) {
        if let Role::Leader(leadership) = &mut self.role
            && epoch == self.durable.promised
        {
            let progress = leadership.followers.entry(from).or_default();
            progress.length = progress.length.max(reached.length);
            progress.round = progress.round.max(reached.round);
            self.answer_waiting();
        }
    }
}

/// Clients.
impl Node {
    fn write(&mut self, request: u64, value: String) {
        let Role::Leader(leadership) = &mut self.role else { return self.answer_elsewhere(request) };
        self.durable.log.push(value);
        match self.acks {
            Acks::One => self.answer(request, Answer::Ok),
            Acks::Majority => {
                let needs = Progress { length: self.durable.log.len(), round: 0 };
                leadership.waiting.push(Waiting { request, needs, lists: false });
            }
        }
        self.replicate();
        self.answer_waiting();
    }

    /// A read asks a majority first whether this node still leads: another may have acknowledged writes by now.
    fn list(&mut self, request: u64) {
        let Role::Leader(leadership) = &mut self.role else { return self.answer_elsewhere(request) };
        if self.acks == Acks::One {
            let values = self.durable.log.clone();
            return self.answer(request, Answer::Listed(values));
        }
        leadership.round += 1;
        let needs = Progress { length: self.durable.log.len(), round: leadership.round };
        leadership.waiting.push(Waiting { request, needs, lists: true });
        self.replicate();
        self.answer_waiting();
    }

    fn answer_waiting(&mut self) {
        let nodes = self.peers.len() + 1;
        let Role::Leader(Leadership { followers, waiting, .. }) = &mut self.role else { return };
        let is_done = |client: &mut Waiting| {
            let reached = followers.values().filter(|progress| progress.covers(client.needs)).count();
            is_majority(reached + 1, nodes)
        };
        let done: Vec<Waiting> = waiting.extract_if(.., is_done).collect();
        for Waiting { request, needs, lists } in done {
            let listed = || Answer::Listed(self.durable.log[..needs.length].to_vec());
            self.answer(request, if lists { listed() } else { Answer::Ok });
        }
    }

    fn answer_elsewhere(&mut self, request: u64) {
        let answer = self.leader().map_or(Answer::Fail("no leader known"), Answer::Redirect);
        self.answer(request, answer);
    }

    fn answer(&mut self, request: u64, answer: Answer) {
        self.outputs.push(Output::Answer { request, answer });
    }

    fn send(&mut self, to: Id, message: Message) {
        self.outputs.push(Output::Send { to, message });
    }

    fn broadcast(&mut self, message: &Message) {
        let sends = self.peers.keys().map(|&to| Output::Send { to, message: message.clone() });
        self.outputs.extend(sends);
    }
}

impl Progress {
    fn covers(self, needs: Self) -> bool {
        self.length >= needs.length && self.round >= needs.round
    }
}

fn is_majority(count: usize, nodes: usize) -> bool {
    2 * count > nodes
}
