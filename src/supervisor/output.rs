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
    /// How much has not been taken yet, bytes.
    waiting: Arc<AtomicUsize>,
    given_up: Arc<Notify>,
}

struct Line {
    text: String,
    written: Option<oneshot::Sender<()>>,
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
        self.push(message, None);
    }

    /// Sends a message and waits until it is on its way.
    pub(super) async fn deliver(&self, message: &impl Serialize) {
        let (written, done) = oneshot::channel();
        self.push(message, Some(written));
        let _gone = done.await;
    }

    /// How much waits for the other end to take it, bytes.
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

    fn push(&self, message: &impl Serialize, written: Option<oneshot::Sender<()>>) {
        if let Ok(text) = line(message) {
            self.waiting.fetch_add(text.len(), Ordering::Relaxed);
            let _gone = self.lines.send(Line { text, written });
        }
    }
}

async fn write(mut socket: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<Line>, waiting: Arc<AtomicUsize>) {
    while let Some(Line { text, written }) = lines.recv().await {
        if socket.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        waiting.fetch_sub(text.len(), Ordering::Relaxed);
        if let Some(written) = written {
            let _nobody_waits = written.send(());
        }
    }
}
