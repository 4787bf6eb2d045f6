//! Ctrl-C, and what else asks a process to end: heard from here to the end of the process.

use crate::signal::early;
use crate::{Error, Result, platform};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The interrupts that came and were not looked at yet.
pub(super) struct Interrupts {
    told: UnboundedReceiver<()>,
    /// One that came and was put aside.
    kept: bool,
}

impl Interrupts {
    /// From now on an interrupt does not end this process by itself.
    pub(super) fn listen() -> Result<Self> {
        let (tell, told) = unbounded_channel();
        hand_on(tell).map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
        early::somebody_listens();
        Ok(Self { told, kept: false })
    }

    /// Waits for the next one. May be given up and asked for again.
    pub(super) async fn next(&mut self) {
        if !std::mem::take(&mut self.kept) {
            self.come().await;
        }
    }

    /// Waits for a second one. The first stays, for whoever asks next.
    pub(super) async fn second(&mut self) {
        self.next().await;
        self.kept = true;
        self.come().await;
    }

    async fn come(&mut self) {
        if self.told.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

fn hand_on(tell: UnboundedSender<()>) -> std::io::Result<()> {
    let tell_of = |tell: UnboundedSender<()>| {
        move || {
            let _nobody_listens = tell.send(());
        }
    };
    platform::on_interrupt(tell_of(tell.clone()))?;
    platform::on_end(tell_of(tell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    /// Whether this is over at once.
    async fn is_over(work: impl Future<Output = ()>) -> bool {
        let mut work = pin!(work);
        poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn the_first_of_two_stays_to_be_looked_at() {
        let (tell, told) = unbounded_channel();
        let mut interrupts = Interrupts { told, kept: false };
        assert!(!is_over(interrupts.second()).await);
        tell.send(()).unwrap();
        assert!(!is_over(interrupts.second()).await && is_over(interrupts.next()).await);
        assert!(!is_over(interrupts.next()).await);
        tell.send(()).unwrap();
        tell.send(()).unwrap();
        assert!(is_over(interrupts.second()).await && is_over(interrupts.next()).await);
    }
}
