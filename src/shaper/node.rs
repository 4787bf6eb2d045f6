//! One node's packets: by which link they come, what is decided for them, and how that is done.

use super::sockets::Sockets;
use crate::fate::header::Header;
use crate::fate::{Fate, Link, place};
use crate::kernel::queue::{Buffers, Kind, Packet, Queue, Verdicts};
use crate::plan::{Shaped, ShapedLink};
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// So many packets of a node are held at most; more are lost. As many as the kernel holds in one queue.
const HELD_MAX: usize = 1 << 17;
/// Every device takes packets of this size.
const MTU_MIN: usize = 576;

/// All links that were ever shaped, so that one that is shaped again is not at its first packet again.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Vec<Link>,
    names: HashMap<String, LinkId>,
}

type LinkId = usize;

impl Links {
    /// The link of that name, which does this from now on.
    fn shape(&mut self, seed: u64, shaped: &ShapedLink) -> LinkId {
        // Whose packets they are is looked up elsewhere.
        let shaped = ShapedLink { name: shaped.name.clone(), sources: None, effects: shaped.effects.clone() };
        if let Some(id) = self.names.get(&shaped.name) {
            self.links[*id].change(seed, shaped);
            return *id;
        }
        let id = self.links.len();
        self.names.insert(shaped.name.clone(), id);
        self.links.push(Link::new(seed, shaped));
        id
    }
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    sockets: Sockets,
    /// By the address that packets come from.
    arriving: HashMap<IpAddr, LinkId>,
    /// Packets from anywhere else: from the world.
    from_others: Option<LinkId>,
    leaving: Option<LinkId>,
    /// The largest packet that each device takes, asked for once and again after each change.
    mtus: HashMap<u32, usize>,
    /// How many things are still to be done.
    pub(super) held: usize,
    /// Whether it is still the agent's. Else it only waits for what it holds.
    pub(super) is_attached: bool,
    /// In the order of the queues.
    verdicts: [Verdicts; 3],
}

/// What is to be done with a packet when its time has come.
#[derive(Debug)]
pub(super) enum Act {
    /// It goes on.
    Accept(Kind, u32),
    /// It goes on with other bytes.
    Replace(Kind, u32, Box<[u8]>),
    /// A copy is sent.
    Send(Box<Copy>),
}

/// A packet that the kernel does not hold.
#[derive(Debug)]
pub(super) struct Copy {
    bytes: Vec<u8>,
    destination: IpAddr,
    device: u32,
    mark: u32,
}

impl Node {
    /// One whose packets pass.
    pub(super) fn new(sockets: Sockets) -> Self {
        let verdicts = std::array::from_fn(|_| Verdicts::default());
        Self {
            sockets,
            arriving: HashMap::new(),
            from_others: None,
            leaving: None,
            mtus: HashMap::new(),
            held: 0,
            is_attached: true,
            verdicts,
        }
    }

    /// Its queues.
    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.sockets.queues.iter()
    }

    /// From now on its packets meet this. What is held stays held.
    pub(super) fn shape(&mut self, seed: u64, shaped: &Shaped, links: &mut Links) {
        let former = self.shaped();
        self.arriving.clear();
        self.from_others = None;
        self.mtus.clear();
        for link in &shaped.arriving {
            let id = links.shape(seed, link);
            match &link.sources {
                Some(sources) => {
                    let addresses = sources.v4.iter().map(|v4| IpAddr::V4(*v4));
                    let addresses = addresses.chain(sources.v6.iter().map(|v6| IpAddr::V6(*v6)));
                    self.arriving.extend(addresses.map(|address| (address, id)));
                }
                None => self.from_others = Some(id),
            }
        }
        self.leaving = shaped.leaving.as_ref().map(|link| links.shape(seed, link));
        let stands = self.shaped();
        for link in former.difference(&stands) {
            links.links[*link].rest();
        }
    }

    /// The links that something is done to.
    fn shaped(&self) -> BTreeSet<LinkId> {
        self.arriving.values().copied().chain(self.from_others).chain(self.leaving).collect()
    }

    /// Reads what a queue tells; the packets are in the buffers then.
    pub(super) fn read(&self, kind: Kind, buffers: &mut Buffers) -> Result<(), Errno> {
        self.sockets.queues[kind as usize].read(buffers)
    }

    /// A packet has come. What cannot be done at once is handed to `hold`, with its time.
    pub(super) fn take(
        &mut self,
        kind: Kind,
        packet: &Packet<'_>,
        now_ns: u64,
        links: &mut Links,
        mut hold: impl FnMut(u64, Act),
    ) {
        let Some((header, link)) = self.link(kind, packet) else {
            return self.act(Act::Accept(kind, packet.id));
        };
        let bytes = self.wire_length(&header, packet);
        let fate = links.links[link].decide(&header, bytes, now_ns).filter(|_| self.held < HELD_MAX);
        let Some(fate) = fate else { return self.verdicts(kind).drop(kind, packet.id) };
        let acts = if kind == Kind::Leaving {
            self.leaves(&header, packet, fate, now_ns)
        } else {
            arrives(kind, &header, packet, fate)
        };
        for act in acts.into_iter().flatten() {
            if fate.due_ns <= now_ns {
                self.act(act);
            } else {
                self.held += 1;
                hold(fate.due_ns, act);
            }
        }
    }

    /// The link by which a packet comes; nothing where that is not shaped, and for neighbour discovery.
    fn link(&self, kind: Kind, packet: &Packet<'_>) -> Option<(Header, LinkId)> {
        let header = Header::read(packet.bytes).filter(|header| !header.is_discovery)?;
        let link = match kind {
            Kind::Whole | Kind::Single => self.arriving.get(&header.source).copied().or(self.from_others),
            Kind::Leaving => self.leaving,
        };
        Some((header, link?))
    }

    /// What leaves is taken from its sender at once, if it has to wait, and if a copy can be sent at all: a datagram larger
    /// than the device takes, which the kernel is to cut up later, cannot. It stays the sender's.
    fn leaves(&mut self, header: &Header, packet: &Packet<'_>, fate: Fate, now_ns: u64) -> [Option<Act>; 2] {
        let at_once = fate.due_ns <= now_ns && !fate.copy;
        let fits = header.is_tcp() || packet.length <= MTU_MIN || packet.length <= self.mtu(packet.device);
        if at_once || !fits || !packet.is_whole() {
            return [Some(goes_on(Kind::Leaving, header, packet, fate)), None];
        }
        self.verdicts(Kind::Leaving).drop(Kind::Leaving, packet.id);
        let bytes = flipped(header, packet, fate).unwrap_or_else(|| packet.bytes.to_vec());
        let copy = |bytes| copy(Kind::Leaving, header, packet, bytes);
        [Some(copy(bytes)), fate.copy.then(|| copy(packet.bytes.to_vec()))]
    }

    /// What a bandwidth counts.
    fn wire_length(&mut self, header: &Header, packet: &Packet<'_>) -> usize {
        if packet.length <= MTU_MIN {
            return packet.length;
        }
        let mtu = self.mtu(packet.device);
        header.wire_length(packet.bytes, packet.length, mtu)
    }

    /// Zero where the device is gone.
    fn mtu(&mut self, device: u32) -> usize {
        let raw = &self.sockets.raw;
        *self.mtus.entry(device).or_insert_with(|| raw.mtu(device).unwrap_or(0))
    }

    /// Does it, verdicts with the next [`Self::say`].
    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Accept(kind, id) => self.verdicts(kind).accept(kind, id),
            Act::Replace(kind, id, bytes) => self.verdicts(kind).replace(kind, id, &bytes),
            // A full device and a route that is gone lose packets; nobody could be told.
            Act::Send(copy) => _ = self.sockets.raw.send(&copy.bytes, copy.destination, copy.device, copy.mark),
        }
        if self.verdicts.iter().any(Verdicts::are_many) {
            // If that fails, the next will, too.
            let _ = self.say();
        }
    }

    fn verdicts(&mut self, kind: Kind) -> &mut Verdicts {
        &mut self.verdicts[kind as usize]
    }

    /// Tells the kernel the verdicts that there are.
    pub(super) fn say(&mut self) -> Result<(), Errno> {
        let queues = self.sockets.queues.iter().zip(&mut self.verdicts);
        queues.map(|(queue, verdicts)| queue.say(verdicts)).fold(Ok(()), Result::and)
    }

    /// Lets everything pass that is still waiting to be told of.
    pub(super) fn let_pass(&mut self, buffers: &mut [Buffers; 3]) -> Result<(), Errno> {
        for (kind, buffers) in Kind::ALL.into_iter().zip(buffers) {
            loop {
                self.read(kind, buffers)?;
                buffers.packets().for_each(|packet| self.verdicts(kind).accept(kind, packet.id));
                self.say()?;
                if !buffers.are_full() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// What arrives stays in the kernel. Its copy comes by loopback, where no rule of ours meets it again.
fn arrives(kind: Kind, header: &Header, packet: &Packet<'_>, fate: Fate) -> [Option<Act>; 2] {
    // What goes to many would go to them again, from here.
    let again = fate.copy && is_told(kind, packet) && header.is_for_one();
    [Some(goes_on(kind, header, packet, fate)), again.then(|| copy(kind, header, packet, packet.bytes.to_vec()))]
}

/// A packet that the kernel holds goes on, with a flipped bit where that was decided.
fn goes_on(kind: Kind, header: &Header, packet: &Packet<'_>, fate: Fate) -> Act {
    match flipped(header, packet, fate).filter(|_| is_told(kind, packet)) {
        Some(bytes) => Act::Replace(kind, packet.id, bytes.into()),
        None => Act::Accept(kind, packet.id),
    }
}

/// Whether the packet's bytes are all there, as they would be on the wire. In the queue of large pieces checksums are
/// not filled in.
fn is_told(kind: Kind, packet: &Packet<'_>) -> bool {
    kind != Kind::Whole && packet.is_whole()
}

/// Its bytes with one bit flipped, behind the header of IP, which the kernel has looked at already.
fn flipped(header: &Header, packet: &Packet<'_>, fate: Fate) -> Option<Vec<u8>> {
    let bits = packet.bytes.len().checked_sub(header.length).filter(|bytes| *bytes > 0)? * 8;
    let bit = header.length * 8 + place(fate.flip?, bits);
    let mut bytes = packet.bytes.to_vec();
    bytes[bit / 8] ^= 0x80 >> (bit % 8);
    Some(bytes)
}

fn copy(kind: Kind, header: &Header, packet: &Packet<'_>, bytes: Vec<u8>) -> Act {
    let (destination, device, mark) = (header.destination, packet.device, kind.mark());
    Act::Send(Box::new(Copy { bytes, destination, device, mark }))
}
