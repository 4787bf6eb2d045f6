//! Lines on their way to the other end, written by a task of their own so that nobody who has something to say waits.

use super::protocol::line;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{mpsc, oneshot};

/// The way to the other end. One that is gone swallows what is sent.
#[derive(Clone)]
pub(super) struct Output(mpsc::UnboundedSender<Line>);

struct Line {
    text: String,
    written: Option<oneshot::Sender<()>>,
}

impl Output {
    /// Writes to this socket until the last clone is dropped. Must be called within tokio.
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        tokio::spawn(write(socket, lines));
        Self(sender)
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

    fn push(&self, message: &impl Serialize, written: Option<oneshot::Sender<()>>) {
        if let Ok(text) = line(message) {
            let _gone = self.0.send(Line { text, written });
        }
    }
}

async fn write(mut socket: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<Line>) {
    while let Some(Line { text, written }) = lines.recv().await {
        if socket.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        if let Some(written) = written {
            let _nobody_waits = written.send(());
        }
    }
}
