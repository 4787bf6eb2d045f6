//! The agent's user-space shaper: started when the first node needs it, told what to do with each node's packets, and
//! started anew when it has died. Until then, and while it is away, packets pass: the runner is told.

use super::namespace::NetNs;
use super::network::Network;
use super::outbox::Outbox;
use super::protocol::Notification;
use crate::error::{Error, Result};
use crate::plan::Shaped;
use crate::shaper::{Handle, Sockets};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::spawn_local;

/// So often in a row it is started anew: one that dies of what it is told does so again.
const DEATHS_MAX: u32 = 10;
/// One that has lived so long did not die of that.
const LIVED: Duration = Duration::from_secs(10);

/// The shaper, if there is one, and what it was told.
pub(super) struct Shaping {
    outbox: Outbox,
    state: RefCell<State>,
    /// One change at a time: a node is handed over before it is shaped.
    turn: tokio::sync::Mutex<()>,
    /// Told when there is a shaper to watch.
    started: Notify,
}

#[derive(Default)]
struct State {
    handle: Option<Rc<Handle>>,
    born: Option<Instant>,
    deaths: u32,
    nodes: BTreeMap<String, Node>,
}

/// A node whose sockets the shaper has, or is to have.
#[derive(Clone)]
struct Node {
    network: Weak<Network>,
    shaped: Shaped,
    seed: u64,
    /// Whether it has them. One that waits for a shaper is not forgotten: its links are to be impaired.
    is_handed_over: bool,
}

impl Node {
    fn is_of(&self, network: &Rc<Network>) -> bool {
        self.network.upgrade().is_some_and(|own| Rc::ptr_eq(&own, network))
    }
}

impl Shaping {
    pub(super) fn new(outbox: &Outbox) -> Self {
        Self {
            outbox: outbox.clone(),
            state: RefCell::default(),
            turn: tokio::sync::Mutex::default(),
            started: Notify::new(),
        }
    }

    /// Brings it about that a node's packets meet this, where a rule hands them over.
    pub(super) async fn shape(
        self: &Rc<Self>,
        home: &NetNs,
        node: &str,
        network: &Rc<Network>,
        (seed, shaped): (u64, &Shaped),
    ) -> Result<()> {
        let _turn = self.turn.lock().await;
        if shaped.is_empty() && !self.has(node, network) {
            self.state.borrow_mut().nodes.remove(node);
            return Ok(());
        }
        if self.has(node, network) && self.knows(node, (seed, shaped)) {
            return Ok(());
        }
        let told = self.tell(home, node, network, (seed, shaped)).await;
        // Of those that still fail the runner has been told.
        let _ = self.hand_over_the_others(home).await;
        told
    }

    fn knows(&self, node: &str, (seed, shaped): (u64, &Shaped)) -> bool {
        self.state.borrow().nodes.get(node).is_some_and(|known| known.seed == seed && known.shaped == *shaped)
    }

    /// What is done to the packets of this network of a node's.
    pub(super) fn shaped(&self, node: &str, network: &Rc<Network>) -> Shaped {
        let state = self.state.borrow();
        let known = state.nodes.get(node).filter(|known| known.is_of(network));
        known.map(|known| known.shaped.clone()).unwrap_or_default()
    }

    /// How many packets the shaper holds; none where there is no shaper.
    pub(super) async fn held(&self) -> Result<usize> {
        let handle = self.state.borrow().handle.clone();
        match handle {
            Some(handle) => handle.held().await,
            None => Ok(0),
        }
    }

    /// Whether the shaper has the sockets of this network of the node's.
    fn has(&self, node: &str, network: &Rc<Network>) -> bool {
        let state = self.state.borrow();
        state.handle.is_some() && state.nodes.get(node).is_some_and(|node| node.is_handed_over && node.is_of(network))
    }

    /// Lets go of a node, whose rules are gone.
    pub(super) async fn forget(&self, node: &str) {
        let _turn = self.turn.lock().await;
        self.let_go(node).await;
    }

    /// Lets go of the network that a node had before this one.
    pub(super) async fn leave_former(&self, node: &str, network: &Rc<Network>) {
        let _turn = self.turn.lock().await;
        let is_former = self.state.borrow().nodes.get(node).is_some_and(|known| !known.is_of(network));
        if is_former {
            self.let_go(node).await;
        }
    }

    async fn let_go(&self, node: &str) {
        let known = self.state.borrow_mut().nodes.remove(node);
        let handle = self.state.borrow().handle.clone();
        if let (Some(_), Some(handle)) = (known, handle) {
            // One that is gone has let go.
            let _ = handle.detach(node).await;
        }
    }

    async fn tell(
        self: &Rc<Self>,
        home: &NetNs,
        node: &str,
        network: &Rc<Network>,
        (seed, shaped): (u64, &Shaped),
    ) -> Result<()> {
        let is_handed_over = self.has(node, network);
        let known = Node { network: Rc::downgrade(network), shaped: shaped.clone(), seed, is_handed_over };
        self.state.borrow_mut().nodes.insert(node.to_owned(), known);
        let handle = self.handle()?;
        if !is_handed_over {
            let sockets = home.visit(&network.namespace, Sockets::open)?;
            handle.attach(node, sockets).await?;
        }
        let told = handle.shape(node, seed, shaped).await;
        if let Some(node) = self.state.borrow_mut().nodes.get_mut(node) {
            node.is_handed_over = told.is_ok();
        }
        told
    }

    /// Hands over every node that waits for it and whose links are to be impaired. The first failure, after all.
    async fn hand_over_the_others(self: &Rc<Self>, home: &NetNs) -> Result<()> {
        let waiting: Vec<(String, Node)> = {
            let state = self.state.borrow();
            let waiting = state.nodes.iter().filter(|(_, node)| !node.is_handed_over);
            waiting.map(|(name, node)| (name.clone(), node.clone())).collect()
        };
        let mut outcome = Ok(());
        for (name, node) in waiting {
            match node.network.upgrade().filter(|_| !node.shaped.is_empty()) {
                Some(network) => {
                    outcome = outcome.and(self.tell(home, &name, &network, (node.seed, &node.shaped)).await);
                }
                None => _ = self.state.borrow_mut().nodes.remove(&name),
            }
        }
        outcome
    }

    /// The shaper, started where there is none.
    fn handle(self: &Rc<Self>) -> Result<Rc<Handle>> {
        if let Some(handle) = &self.state.borrow().handle {
            return Ok(handle.clone());
        }
        let mut state = self.state.borrow_mut();
        if state.deaths >= DEATHS_MAX {
            return Err(Error::machine("the user-space shaper died again and again, and is not started any more"));
        }
        let handle = Rc::new(Handle::spawn()?);
        state.handle = Some(handle.clone());
        state.born = Some(Instant::now());
        self.started.notify_one();
        Ok(handle)
    }

    /// Starts the shaper anew whenever it dies; to be run once, by whoever owns this.
    pub(super) fn watch(self: &Rc<Self>, home: NetNs) {
        let shaping = Rc::downgrade(self);
        spawn_local(async move {
            loop {
                let Some(alive) = shaping.upgrade() else { return };
                let handle = alive.state.borrow().handle.clone();
                let Some(handle) = handle else {
                    alive.started.notified().await;
                    continue;
                };
                drop(alive);
                let cause = handle.ended().await;
                drop(handle);
                let Some(shaping) = shaping.upgrade() else { return };
                shaping.revive(&home, &cause).await;
            }
        });
    }

    /// Starts the shaper anew, and another one where that dies meanwhile.
    async fn revive(self: &Rc<Self>, home: &NetNs, cause: &Error) {
        let died = Instant::now();
        let _turn = self.turn.lock().await;
        self.bury();
        let mut handed_over = self.hand_over_the_others(home).await;
        while handed_over.is_err() && self.state.borrow().handle.as_ref().is_some_and(|handle| handle.has_ended()) {
            self.bury();
            handed_over = self.hand_over_the_others(home).await;
        }
        if handed_over.is_ok() && self.state.borrow().nodes.is_empty() {
            return;
        }
        let is_back = handed_over.is_ok();
        let outcome = match handed_over {
            Ok(()) => format!("it was started anew, {} ms later", died.elapsed().as_millis()),
            Err(error) => format!("it could not be started anew ({error}): links that it impaired are whole"),
        };
        let what = format!("the user-space shaper died ({cause}), and packets passed unimpaired; {outcome}");
        self.outbox.notify(Notification::Shaper { what, is_back });
    }

    /// Takes note of a death.
    fn bury(&self) {
        let mut state = self.state.borrow_mut();
        state.handle = None;
        let lived = state.born.is_some_and(|born| born.elapsed() >= LIVED);
        state.deaths = if lived { 1 } else { state.deaths + 1 };
        state.nodes.values_mut().for_each(|node| node.is_handed_over = false);
    }
}
