//! The event loop: packets in, decisions, verdicts out when they are due; requests of the agent's.
//!
//! One thread. Each turn reads a few packets of every queue that has some, does what is due, and attends to the agent: a
//! busy queue keeps neither the others waiting nor a packet whose time has come.

use super::node::{Act, Links, Node};
use super::protocol::{Control, Request};
use super::sockets::Sockets;
use super::timer::{Timer, now_ns};
use super::wheel::Wheel;
use crate::error::{Error, Result};
use crate::kernel::queue::{Buffers, Kind};
use crate::plan::Shaped;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::HashMap;

/// So many descriptors are attended to in one turn.
const EVENTS: usize = 64;

/// So often a queue is read before a change: as often as the fullest one needs.
const READS_MAX: usize = 4_096;

const CONTROL: u64 = 0;
const TIMER: u64 = 1;

/// What a descriptor is, in 64 bits: a node's queues are 4 times its number, and the kind.
fn queue_event(node: NodeId, kind: Kind) -> u64 {
    node << 2 | kind as u64
}

type NodeId = u64;
/// The first whose queues' events are none of the others.
const FIRST_NODE: NodeId = 1;

/// Something to be done at a node.
struct Held {
    node: NodeId,
    act: Act,
}

struct Shaper {
    epoll: OwnedFd,
    control: Control,
    timer: Timer,
    wheel: Wheel<Held>,
    links: Links,
    nodes: HashMap<NodeId, Node>,
    /// Those that are attached.
    names: HashMap<String, NodeId>,
    next: NodeId,
    buffers: [Buffers; 3],
    /// Nodes with verdicts to say.
    unsaid: Vec<NodeId>,
    /// Why this process cannot go on.
    failed: Option<Errno>,
}

/// Serves the agent until it hangs up.
pub(super) fn serve(control: OwnedFd) -> Result<(), Errno> {
    let mut shaper = Shaper::new(Control::new(control))?;
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        shaper.timer.set(shaper.wheel.next_due())?;
        events.clear();
        match epoll::wait(&shaper.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        for event in &events {
            match event.data.u64() {
                CONTROL if !shaper.attend()? => return Ok(()),
                CONTROL => {}
                TIMER => shaper.timer.rang(),
                queue => shaper.read(queue >> 2, Kind::ALL[(queue & 3) as usize]),
            }
        }
        shaper.release(now_ns());
        shaper.say();
        if let Some(errno) = shaper.failed {
            return Err(errno);
        }
    }
}

impl Shaper {
    fn new(control: Control) -> Result<Self, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = Timer::new()?;
        epoll::add(&epoll, &control, EventData::new_u64(CONTROL), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self {
            epoll,
            control,
            timer,
            wheel: Wheel::new(),
            links: Links::default(),
            nodes: HashMap::new(),
            names: HashMap::new(),
            next: FIRST_NODE,
            buffers: Kind::ALL.map(Buffers::of),
            unsaid: Vec::new(),
            failed: None,
        })
    }

    /// Does what the agent asks; `false` when it has hung up.
    fn attend(&mut self) -> Result<bool, Errno> {
        let goes_on = self.control.fill()?;
        while let Some(request) = self.control.next()? {
            let answer = self.carry_out(request).map(|()| self.nodes.values().map(|node| node.held).sum());
            self.control.answer(&answer)?;
        }
        Ok(goes_on)
    }

    fn carry_out(&mut self, request: Request) -> Result<()> {
        match request {
            Request::Attach { node, sockets } => self.attach(node, sockets),
            Request::Shape { node, seed, shaped } => {
                let unknown = || Error::machine(format!("the shaper knows no node {node}"));
                let id = *self.names.get(&node).ok_or_else(unknown)?;
                self.decide_what_has_come(id);
                let node = self.nodes.get_mut(&id).ok_or_else(unknown)?;
                node.shape(seed, &shaped, &mut self.links);
                Ok(())
            }
            Request::Detach { node } => {
                self.detach(&node);
                Ok(())
            }
            Request::Count => Ok(()),
        }
    }

    /// What has come by now meets what was asked until now.
    fn decide_what_has_come(&mut self, id: NodeId) {
        for kind in Kind::ALL {
            // A flood does not end.
            for _ in 0..READS_MAX {
                self.read(id, kind);
                if !self.buffers[kind as usize].are_full() {
                    break;
                }
            }
        }
    }

    fn attach(&mut self, name: String, sockets: usize) -> Result<()> {
        let node = Node::new(Sockets::from_fds(&mut self.control.fds, sockets)?);
        self.detach(&name);
        let id = self.next;
        for queue in node.queues() {
            epoll::add(&self.epoll, queue, EventData::new_u64(queue_event(id, queue.kind())), EventFlags::IN)
                .map_err(|errno| Error::machine(format!("the shaper cannot watch a queue: {errno}")))?;
        }
        self.next += 1;
        self.nodes.insert(id, node);
        self.names.insert(name, id);
        Ok(())
    }

    /// The node's packets pass from now on; it is let go of when nothing is held any more.
    fn detach(&mut self, name: &str) {
        let Some(id) = self.names.remove(name) else { return };
        if let Some(node) = self.nodes.get_mut(&id) {
            node.shape(0, &Shaped::default(), &mut self.links);
            node.is_attached = false;
            if node.held == 0 {
                self.forget(id);
            }
        }
    }

    fn forget(&mut self, id: NodeId) {
        if let Some(mut node) = self.nodes.remove(&id) {
            // The last chance of what has come in the meantime. A namespace that is gone needs none.
            let _ = node.say().and_then(|()| node.let_pass(&mut self.buffers));
            node.queues().for_each(|queue| _ = epoll::delete(&self.epoll, queue));
        }
    }

    /// A node's queues do not work. One that nobody needs any more is let go of; with another one this process ends: its
    /// packets pass then, which is better than a queue that nobody reads, and the agent hears of it.
    fn fail(&mut self, id: NodeId, errno: Errno) {
        if self.nodes.get(&id).is_some_and(|node| node.is_attached) {
            self.failed = Some(errno);
        } else {
            self.forget(id);
        }
    }

    /// Reads a few packets of a queue and decides what becomes of them.
    fn read(&mut self, id: NodeId, kind: Kind) {
        let buffers = &mut self.buffers[kind as usize];
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if let Err(errno) = node.read(kind, buffers) {
            return self.fail(id, errno);
        }
        // After the reading: nothing is held a moment too short. And what is due by now goes before what has just come.
        let now_ns = now_ns();
        self.release(now_ns);
        let (buffers, Some(node)) = (&self.buffers[kind as usize], self.nodes.get_mut(&id)) else { return };
        for packet in buffers.packets() {
            let hold = |due_ns, act| self.wheel.insert(due_ns, Held { node: id, act });
            node.take(kind, &packet, now_ns, &mut self.links, hold);
        }
        self.unsaid.push(id);
        self.say();
    }

    /// Does what is due.
    fn release(&mut self, now_ns: u64) {
        while let Some(Held { node: id, act }) = self.wheel.pop(now_ns) {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            node.act(act);
            node.held -= 1;
            if self.unsaid.last() != Some(&id) {
                self.unsaid.push(id);
            }
        }
    }

    /// Tells the kernel all verdicts, and lets go of nodes that only waited for theirs.
    fn say(&mut self) {
        for id in std::mem::take(&mut self.unsaid) {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            match node.say() {
                Err(errno) => self.fail(id, errno),
                Ok(()) if node.held == 0 && !node.is_attached => self.forget(id),
                Ok(()) => {}
            }
        }
    }
}
