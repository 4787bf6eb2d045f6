//! Whether a run got as far as its script.

use crate::Result;
use crate::engine::{Event, EventBody, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The reading end.
pub(super) struct Reached(Arc<AtomicBool>);

/// The output that listens.
pub(super) struct Listener(Arc<AtomicBool>);

impl Reached {
    pub(super) fn new() -> (Self, Listener) {
        let reached = Arc::new(AtomicBool::new(false));
        (Self(Arc::clone(&reached)), Listener(reached))
    }

    pub(super) fn script(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Output for Listener {
    fn event(&mut self, event: &Event) -> Result<()> {
        if matches!(event.body, EventBody::Phase { .. }) {
            self.0.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}
