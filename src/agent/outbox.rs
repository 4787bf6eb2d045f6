//! Where everything that the agent has to say goes.

use super::protocol::{Message, Notification};
use tokio::sync::mpsc;

/// The way to the runner; clones share it.
#[derive(Clone)]
pub(super) struct Outbox(mpsc::UnboundedSender<Message>);

/// What waits to be written to the runner.
pub(super) type Inbox = mpsc::UnboundedReceiver<Message>;

impl Outbox {
    /// An outbox, and the end where it is emptied.
    pub(super) fn new() -> (Self, Inbox) {
        let (outbox, inbox) = mpsc::unbounded_channel();
        (Self(outbox), inbox)
    }

    /// Tells the runner something unasked.
    pub(super) fn notify(&self, notification: Notification) {
        self.send(Message::Notification(notification));
    }

    pub(super) fn send(&self, message: Message) {
        // Without a runner the process is about to end.
        let _ = self.0.send(message);
    }
}
