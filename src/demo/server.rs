//! `demo-store serve`: the protocol's sockets, clock and file, in one thread.
//!
//! One connection for each batch of messages to a peer, with a deadline: a connection that outlives a cut waits for
//! TCP's retransmission timer long after the heal, a new one does not. While a peer cannot be reached, one attempt
//! is under way and a few messages wait; more are dropped, which the protocol is made for.

use super::Serve;
use super::disk::Disk;
use super::message::{Answer, Durable, Epoch, Id, Input, Message, Output};
use super::protocol::{HEARTBEAT_MS, Node};
use super::wire::{self, LINE_BYTES_MAX, Reply, Request};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// How long one batch of messages may take to reach a peer.
const SEND_TIMEOUT: Duration = Duration::from_millis(150);
/// How long a connection may take to say what it wants.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a client is kept waiting for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that wait for one peer.
const OUTBOX_LENGTH: usize = 16;
/// Requests that wait for the node.
const INBOX_LENGTH: usize = 256;

/// A line that a connection began with, and where its reply goes; to peers goes none.
type Arrival = (Request, oneshot::Sender<Reply>);

/// Serves until the process is killed; returns only if it cannot.
pub(super) fn run(args: &Serve) -> Result<u8> {
    let peers: BTreeMap<Id, SocketAddr> = args.peers.iter().copied().collect();
    if peers.len() < args.peers.len() || peers.contains_key(&args.id) {
        return Err(
            Error::usage("a node number is given twice").help("each --peer needs an ID of its own, and so does --id")
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::machine(format!("cannot start: {error}")))?;
    runtime.block_on(serve(args, peers))
}

async fn serve(args: &Serve, peers: BTreeMap<Id, SocketAddr>) -> Result<u8> {
    let disk = Disk::open(&args.dir, args.id)?;
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.map_err(|error| Error::machine(format!("cannot listen on {}: {error}", args.listen)))?;
    eprintln!("node {} listens on {}, holds {} values", args.id, args.listen, disk.stored().log.len());
    let node = Node::new(args.id, peers.keys().copied(), args.acks, disk.stored().clone());
    let (inbox, arrivals) = mpsc::channel(INBOX_LENGTH);
    tokio::spawn(accept(listener, inbox));
    let outboxes = peers.iter().map(|(&id, &address)| (id, outbox(args.id, address))).collect();
    let mut server =
        Server { node, disk, peers, outboxes, clients: HashMap::new(), requests: 0, started: Instant::now() };
    server.drive(arrivals).await
}

struct Server {
    node: Node,
    disk: Disk,
    peers: BTreeMap<Id, SocketAddr>,
    outboxes: BTreeMap<Id, mpsc::Sender<Message>>,
    clients: HashMap<u64, oneshot::Sender<Reply>>,
    requests: u64,
    started: Instant,
}

impl Server {
    async fn drive(&mut self, mut arrivals: mpsc::Receiver<Arrival>) -> Result<u8> {
        let mut ticks = interval(Duration::from_millis(HEARTBEAT_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.tick()?,
                Some((request, reply)) = arrivals.recv() => self.handle(request, reply)?,
            }
        }
    }

    fn tick(&mut self) -> Result<()> {
        self.clients.retain(|_, reply| !reply.is_closed());
        self.step(Input::Tick)
    }

    fn handle(&mut self, request: Request, reply: oneshot::Sender<Reply>) -> Result<()> {
        let number = self.requests;
        let input = match request {
            Request::Peer { from, messages } => {
                let mut inputs = messages.into_iter().map(|message| Input::Message { from, message });
                return inputs.try_for_each(|input| self.step(input));
            }
            Request::Write { value } => Input::Write { request: number, value },
            Request::List => Input::List { request: number },
        };
        self.requests += 1;
        self.clients.insert(number, reply);
        self.step(input)
    }

    /// Stores first, then speaks: what the node says must outlive it.
    fn step(&mut self, input: Input) -> Result<()> {
        let now_ms = self.started.elapsed().as_millis() as u64;
        let outputs = self.node.step(now_ms, input);
        let before = self.disk.stored().log_epoch;
        self.disk.store(self.node.durable())?;
        self.report_change(before);
        for output in outputs {
            self.act(output);
        }
        Ok(())
    }

    fn report_change(&self, before: Epoch) {
        let Durable { log_epoch: Epoch { number, leader }, log, .. } = self.node.durable();
        if self.node.durable().log_epoch != before {
            let values = log.len();
            eprintln!("epoch {number}: node {leader} leads, node {} holds {values} values", self.node.id());
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Send { to, message } => {
                // A full outbox drops the message, as the network would: the next tick repeats what matters.
                let _ = self.outboxes.get(&to).map(|outbox| outbox.try_send(message));
            }
            Output::Answer { request, answer } => {
                // A client that has left needs no answer.
                let _ = self.clients.remove(&request).map(|client| client.send(self.reply(answer)));
            }
        }
    }

    fn reply(&self, answer: Answer) -> Reply {
        match answer {
            Answer::Ok => Reply::Ok,
            Answer::Listed(values) => Reply::Values(values),
            Answer::Redirect(leader) => Reply::Redirect(self.peers[&leader]),
            Answer::Fail(reason) => Reply::Fail(reason.to_owned()),
            Answer::Unknown(reason) => Reply::Unknown(reason.to_owned()),
        }
    }
}

/// A place to put messages for the peer at `address`, and a task that takes them there.
fn outbox(from: Id, address: SocketAddr) -> mpsc::Sender<Message> {
    let (outbox, mut waiting) = mpsc::channel(OUTBOX_LENGTH);
    tokio::spawn(async move {
        let mut messages = Vec::new();
        while waiting.recv_many(&mut messages, OUTBOX_LENGTH).await > 0 {
            let line = wire::line(&Request::Peer { from, messages: std::mem::take(&mut messages) });
            // Whether it arrived, only a reply of the protocol's own could tell.
            let _ = timeout(SEND_TIMEOUT, deliver(address, &line)).await;
        }
    });
    outbox
}

async fn deliver(address: SocketAddr, line: &[u8]) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(line).await?;
    connection.shutdown().await
}

async fn accept(listener: TcpListener, inbox: mpsc::Sender<Arrival>) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => drop(tokio::spawn(converse(connection, inbox.clone()))),
            // Out of file descriptors, say: those in use come back within their deadlines.
            Err(_) => sleep(Duration::from_millis(HEARTBEAT_MS)).await,
        }
    }
}

/// One line in, at most one line out, each with a deadline.
async fn converse(connection: TcpStream, inbox: mpsc::Sender<Arrival>) -> Option<()> {
    let mut connection = BufReader::new(connection.take(LINE_BYTES_MAX));
    let mut line = Vec::new();
    timeout(REQUEST_TIMEOUT, connection.read_until(b'\n', &mut line)).await.ok()?.ok()?;
    let request = serde_json::from_slice(&line).ok()?;
    let (reply, answered) = oneshot::channel();
    inbox.send((request, reply)).await.ok()?;
    let reply = timeout(ANSWER_TIMEOUT, answered).await.ok()?.ok()?;
    let mut connection = connection.into_inner().into_inner();
    timeout(REQUEST_TIMEOUT, connection.write_all(&wire::line(&reply))).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::super::client;
    use super::super::message::Acks;
    use super::*;
    use std::path::Path;
    use tokio::runtime::Runtime;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Loopback addresses that no other process uses: this process's number is in them.
    fn address(id: Id) -> SocketAddr {
        let [.., high, low] = std::process::id().to_be_bytes();
        SocketAddr::from(([127, high, low, id as u8], 7000))
    }

    /// Three nodes that run until the runtime is dropped, as abruptly as if they were killed.
    fn cluster(dir: &Path) -> Runtime {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for id in 1..=3 {
            let peers: BTreeMap<_, _> = (1..=3).filter(|&peer| peer != id).map(|peer| (peer, address(peer))).collect();
            let peers_given = peers.clone().into_iter().collect();
            let dir = dir.to_owned();
            let args = Serve { id, listen: address(id), peers: peers_given, acks: Acks::Majority, dir };
            runtime.spawn(async move { serve(&args, peers).await.unwrap() });
        }
        runtime
    }

    /// Asks again until the answer is not "no": at first there is no leader.
    fn ask(id: Id, request: &Request) -> Reply {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match client::ask(address(id), request, PATIENCE) {
                Reply::Fail(reason) => assert!(Instant::now() < deadline, "{reason}"),
                reply => return reply,
            }
            std::thread::sleep(Duration::from_millis(HEARTBEAT_MS));
        }
    }

    #[test]
    fn every_node_takes_writes_and_what_was_acknowledged_survives_the_death_of_all() {
        let dir = tempfile::tempdir().unwrap();
        let running = cluster(dir.path());
        for id in 1..=3 {
            assert_eq!(ask(id, &Request::Write { value: id.to_string() }), Reply::Ok);
        }
        drop(running);
        let _running = cluster(dir.path());
        let values = ["1", "2", "3"].map(str::to_owned).to_vec();
        assert_eq!(ask(1, &Request::List), Reply::Values(values));
    }
}
