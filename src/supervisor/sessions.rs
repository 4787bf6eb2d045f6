//! Who hears of events: the clients that said they are a session.

use super::output::Output;
use super::protocol::Message;
use crate::Result;
use crate::engine::{self, Event, Owner};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sessions that are open, and an [`engine::Output`] that tells them everything.
#[derive(Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    last: u64,
    open: BTreeMap<Owner, Output>,
}

impl Sessions {
    /// Opens a session that hears events from now on.
    pub(super) fn open(&self, output: Output) -> Owner {
        let mut inner = self.lock();
        inner.last += 1;
        let owner = Owner(inner.last);
        inner.open.insert(owner, output);
        owner
    }

    /// Tells it no more.
    pub(super) fn close(&self, owner: Owner) {
        self.lock().open.remove(&owner);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl engine::Output for Sessions {
    fn event(&mut self, event: &Event) -> Result<()> {
        let message = Message::Event(event.clone());
        for output in self.lock().open.values() {
            output.send(&message);
        }
        Ok(())
    }
}

/// The name under which an owner's doings are recorded.
pub(super) fn task(owner: Owner) -> String {
    if owner == Owner::STANDING { "command".to_owned() } else { format!("session {}", owner.0) }
}
