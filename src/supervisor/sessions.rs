//! Who hears of events: the clients that said they are a session.

use super::output::Output;
use super::protocol::Message;
use crate::engine::{self, Event, Owner};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much may wait for a session that does not listen, bytes: it may be stopped, for hours, and this process holds the
/// cluster.
const WAITING_MAX: usize = 16 << 20;

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
        self.lock().open.retain(|_, output| {
            let listens = output.waiting() <= WAITING_MAX;
            if listens {
                output.send_event(&message);
            } else {
                output.send(&Message::Closed(deaf()));
                output.give_up();
            }
            listens
        });
        Ok(())
    }
}

fn deaf() -> Error {
    Error::machine(format!(
        "this session is over, and its faults are healed: {} MiB of what happened in the cluster were not taken from its supervisor",
        WAITING_MAX >> 20
    ))
    .help("a process that is stopped takes nothing: let it go on sooner")
}

/// The name under which an owner's doings are recorded.
pub(super) fn task(owner: Owner) -> String {
    if owner == Owner::STANDING { "command".to_owned() } else { format!("session {}", owner.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EventBody, Output as _};
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn a_session_that_does_not_listen_ends_and_another_one_does_not() {
        let mut sessions = Sessions::default();
        let open = || {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let output = Output::new(ours.into_split().1);
            (sessions.open(output.clone()), output, BufReader::new(theirs).lines())
        };
        let ((_, stopped, mut unread), (owner, listening, mut read)) = (open(), open());
        let message = "x".repeat(1 << 20);
        let event = Event { seq: 1, t_us: 0, task: String::new(), body: EventBody::Note { message } };
        for _ in 0..20 {
            sessions.event(&event).unwrap();
            assert!(read.next_line().await.unwrap().unwrap().contains("note"));
        }
        assert_eq!(sessions.lock().open.keys().copied().collect::<Vec<_>>(), [owner]);
        assert!(stopped.waiting() < WAITING_MAX + (3 << 20), "{}", stopped.waiting());
        stopped.given_up().await;
        let still = tokio::time::timeout(Duration::from_millis(10), listening.given_up()).await;
        assert!(still.is_err());
        // Where it goes on, it hears why.
        drop(stopped);
        let mut last = String::new();
        while let Some(line) = unread.next_line().await.unwrap() {
            last = line;
        }
        assert!(last.starts_with(r#"{"closed":{"kind":"machine","#), "{last}");
    }
}
