//! The last events of a session, for `:journal`.

use crate::Result;
use crate::engine::{Event, Output};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are kept.
const KEPT: usize = 1_000;

/// Remembers events. Clones remember together.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(Arc<Mutex<VecDeque<Event>>>);

impl Recent {
    /// The last so many, oldest first, as lines of the journal.
    pub(super) fn lines(&self, count: usize) -> Vec<String> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = events.len().saturating_sub(count);
        events.iter().skip(first).filter_map(|event| serde_json::to_string(event).ok()).collect()
    }
}

impl Output for Recent {
    fn event(&mut self, event: &Event) -> Result<()> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event.clone());
        Ok(())
    }
}
