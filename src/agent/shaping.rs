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
use std::time::Instant;
use tokio::task::spawn_local;

/// So often it is started anew at most: one that dies of what it is told does so again.
const LIVES_MAX: u32 = 10;

/// The shaper, if there is one, and what it was told.
pub(super) struct Shaping {
    outbox: Outbox,
    state: RefCell<State>,
    /// One change at a time: a node is handed over before it is shaped.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    handle: Option<Rc<Handle>>,
    lives: u32,
    nodes: BTreeMap<String, Node>,
}

/// A node whose sockets the shaper has.
#[derive(Clone)]
struct Node {
    network: Weak<Network>,
    shaped: Shaped,
    seed: u64,
}

impl Shaping {
    pub(super) fn new(outbox: &Outbox) -> Self {
        Self { outbox: outbox.clone(), state: RefCell::default(), turn: tokio::sync::Mutex::default() }
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
            let same = |known: &Node| known.network.upgrade().is_some_and(|known| Rc::ptr_eq(&known, network));
            state.handle.is_some() && known.is_some_and(same)
        };
        self.tell(home, node, network, (seed, shaped), !knows).await
    }

    /// Lets go of a node, whose rules are gone.
    pub(super) async fn forget(&self, node: &str) {
        let _turn = self.turn.lock().await;
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
        let shaped = shaped.clone();
        let known = Node { network: Rc::downgrade(network), shaped: shaped.clone(), seed };
        self.state.borrow_mut().nodes.insert(node.to_owned(), known);
        if hand_over {
            let sockets = home.visit(&network.namespace, Sockets::open)?;
            handle.attach(node, sockets).await?;
        }
        handle.shape(node, seed, &shaped).await
    }

    /// The shaper, started where there is none.
    fn handle(self: &Rc<Self>) -> Result<Rc<Handle>> {
        if let Some(handle) = &self.state.borrow().handle {
            return Ok(handle.clone());
        }
        let mut state = self.state.borrow_mut();
        if state.lives >= LIVES_MAX {
            return Err(Error::machine("the user-space shaper died again and again, and is not started any more"));
        }
        state.lives += 1;
        let handle = Rc::new(Handle::spawn()?);
        state.handle = Some(handle.clone());
        Ok(handle)
    }

    /// Starts the shaper anew whenever it dies; to be run once, by whoever owns this.
    pub(super) fn watch(self: &Rc<Self>, home: NetNs) {
        let shaping = Rc::downgrade(self);
        spawn_local(async move {
            loop {
                let Some(handle) = shaping.upgrade().map(|shaping| shaping.state.borrow().handle.clone()) else {
                    return;
                };
                let Some(handle) = handle else {
                    tokio::time::sleep(LOOK).await;
                    continue;
                };
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
        self.state.borrow_mut().handle = None;
        let nodes = self.state.borrow().nodes.clone();
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
        let outcome = match failed {
            None => format!("it was started anew, {} ms later", died.elapsed().as_millis()),
            Some(error) => format!("it could not be started anew ({error}): links that it impaired are whole"),
        };
        let what = format!("the user-space shaper died ({cause}), and packets passed unimpaired; {outcome}");
        self.outbox.notify(Notification::Shaper { what });
    }
}

/// How often to look whether there is a shaper to watch.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);
