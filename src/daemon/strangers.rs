//! Connections on which nobody has proved yet that they may ask: where there is no room, the oldest makes it. So whoever
//! only connects, however often, keeps out none who has the token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Waiting>);

/// By age, each with the way to turn it out.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    all: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One of them, until somebody vouches for it or it goes.
#[derive(Debug)]
pub(super) struct Stranger {
    among: Arc<Strangers>,
    number: u64,
}

/// Whether one is to go.
#[derive(Debug)]
pub(super) struct TurnedOut(oneshot::Receiver<()>);

impl Strangers {
    /// One more.
    pub(super) fn arrive(self: &Arc<Self>) -> (Stranger, TurnedOut) {
        let (turn_out, turned_out) = oneshot::channel();
        let number = self.with(|waiting| {
            waiting.next += 1;
            waiting.all.insert(waiting.next, turn_out);
            waiting.next
        });
        (Stranger { among: Arc::clone(self), number }, TurnedOut(turned_out))
    }

    /// The one who has been here longest is to go.
    pub(super) fn turn_out_the_oldest(&self) {
        if let Some((_, turn_out)) = self.with(|waiting| waiting.all.pop_first()) {
            // One who has gone meanwhile made room, too.
            let _gone = turn_out.send(());
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Waiting) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Stranger {
    /// It is no stranger any more.
    pub(super) fn is_known(&self) {
        drop(self.among.with(|waiting| waiting.all.remove(&self.number)));
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.is_known();
    }
}

impl TurnedOut {
    /// Returns when it is to go: never for one who became known.
    pub(super) async fn wait(self) {
        if self.0.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_oldest_stranger_goes_and_none_who_is_known() {
        let strangers = Arc::new(Strangers::default());
        let (known, first) = strangers.arrive();
        let (gone, _) = strangers.arrive();
        let (_oldest, second) = strangers.arrive();
        let (_youngest, third) = strangers.arrive();
        known.is_known();
        drop(gone);
        strangers.turn_out_the_oldest();
        assert!(second.wait().now_or_never().is_some());
        assert!(first.wait().now_or_never().is_none() && third.wait().now_or_never().is_none());
        strangers.turn_out_the_oldest();
        strangers.turn_out_the_oldest();
    }
}
