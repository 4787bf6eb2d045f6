//! Lines on their way to the other end, written by a task of their own so that nobody who has something to say waits.

use super::protocol::line;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Notify, mpsc, oneshot};

/// The way to the other end. One that is gone swallows what is sent.
#[derive(Clone)]
pub(super) struct Output {
    lines: mpsc::UnboundedSender<Line>,
    /// How much of what happened has not been taken yet, bytes.
    waiting: Arc<AtomicUsize>,
    given_up: Arc<Notify>,
}

struct Line {
    text: String,
    then: Then,
}

/// What becomes of a line that was written.
enum Then {
    Nothing,
    /// Somebody waits for that.
    Told(oneshot::Sender<()>),
    /// It does not wait any more.
    Counted,
}

impl Output {
    /// Writes to this socket until the last clone is dropped. Must be called within tokio.
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        let (waiting, given_up) = <(Arc<AtomicUsize>, Arc<Notify>)>::default();
        tokio::spawn(write(socket, lines, Arc::clone(&waiting)));
        Self { lines: sender, waiting, given_up }
    }

    /// Sends a message.
    pub(super) fn send(&self, message: &impl Serialize) {
        self.push(message, Then::Nothing);
    }

    /// Sends what happened, which nobody has asked for: see [`Self::waiting`].
    pub(super) fn send_event(&self, message: &impl Serialize) {
        self.push(message, Then::Counted);
    }

    /// Sends a message and waits until it is on its way.
    pub(super) async fn deliver(&self, message: &impl Serialize) {
        let (written, done) = oneshot::channel();
        self.push(message, Then::Told(written));
        let _gone = done.await;
    }

    /// How much of what happened waits for the other end to take it, bytes. An answer, which may be large, is waited for.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whoever reads what comes from the other end need not go on.
    pub(super) fn give_up(&self) {
        self.given_up.notify_one();
    }

    /// Waits for that, once.
    pub(super) async fn given_up(&self) {
        self.given_up.notified().await;
    }

    fn push(&self, message: &impl Serialize, then: Then) {
        if let Ok(text) = line(message) {
            if matches!(then, Then::Counted) {
                self.waiting.fetch_add(text.len(), Ordering::Relaxed);
            }
            let _gone = self.lines.send(Line { text, then });
        }
    }
}

async fn write(mut socket: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<Line>, waiting: Arc<AtomicUsize>) {
    while let Some(Line { text, then }) = lines.recv().await {
        if socket.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        match then {
            Then::Nothing => {}
            Then::Told(written) => drop(written.send(())), // nobody may wait any more
            Then::Counted => drop(waiting.fetch_sub(text.len(), Ordering::Relaxed)),
        }
    }
}
