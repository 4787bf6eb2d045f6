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

/// A node whose sockets the shaper has.
#[derive(Clone)]
struct Node {
    network: Weak<Network>,
    shaped: Shaped,
    seed: u64,
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
        let knows = {
            let state = self.state.borrow();
            let known = state.nodes.get(node);
            if known.is_none() && shaped.is_empty() {
                return Ok(());
            }
            state.handle.is_some() && known.is_some_and(|known| known.is_of(network))
        };
        self.tell(home, node, network, (seed, shaped), !knows).await
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
        hand_over: bool,
    ) -> Result<()> {
        let handle = self.handle()?;
        if hand_over {
            self.state.borrow_mut().nodes.remove(node);
            let sockets = home.visit(&network.namespace, Sockets::open)?;
            handle.attach(node, sockets).await?;
        }
        let known = Node { network: Rc::downgrade(network), shaped: shaped.clone(), seed };
        self.state.borrow_mut().nodes.insert(node.to_owned(), known);
        handle.shape(node, seed, shaped).await
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

    async fn revive(self: &Rc<Self>, home: &NetNs, cause: &Error) {
        let died = Instant::now();
        let _turn = self.turn.lock().await;
        let nodes = {
            let mut state = self.state.borrow_mut();
            state.handle = None;
            let lived = state.born.is_some_and(|born| born.elapsed() >= LIVED);
            state.deaths = if lived { 1 } else { state.deaths + 1 };
            state.nodes.clone()
        };
        if nodes.values().all(|node| node.shaped.is_empty()) {
            self.state.borrow_mut().nodes.clear();
            return;
        }
        let mut failed = None;
        for (name, node) in nodes {
            if let Some(network) = node.network.upgrade()
                && let Err(error) = self.tell(home, &name, &network, (node.seed, &node.shaped), true).await
            {
                failed = Some(error);
            }
        }
        let is_back = failed.is_none();
        let outcome = match failed {
            None => format!("it was started anew, {} ms later", died.elapsed().as_millis()),
            Some(error) => format!("it could not be started anew ({error}): links that it impaired are whole"),
        };
        let what = format!("the user-space shaper died ({cause}), and packets passed unimpaired; {outcome}");
        self.outbox.notify(Notification::Shaper { what, is_back });
    }
}
