//! Ctrl-C, and what else asks a process to end: heard from here to the end of the process.

use crate::signal::early;
use crate::{Error, Result, platform};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The interrupts that came and were not looked at yet.
pub(super) struct Interrupts {
    told: UnboundedReceiver<()>,
    /// One that came and was put aside.
    kept: bool,
    /// Whether one was more than Ctrl-C: this process is to end.
    is_end: Arc<AtomicBool>,
}

impl Interrupts {
    /// From now on an interrupt does not end this process by itself.
    pub(super) fn listen() -> Result<Self> {
        let ((tell, told), is_end) = (unbounded_channel(), Arc::<AtomicBool>::default());
        hand_on(tell, &is_end).map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
        early::somebody_listens();
        Ok(Self { told, kept: false, is_end })
    }

    /// Waits for the next one. May be given up and asked for again.
    pub(super) async fn next(&mut self) {
        if !std::mem::take(&mut self.kept) {
            self.come().await;
        }
    }

    /// Whether this process was asked to end, and not only what it does.
    pub(super) fn is_end(&self) -> bool {
        self.is_end.load(Ordering::SeqCst)
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

fn hand_on(tell: UnboundedSender<()>, is_end: &Arc<AtomicBool>) -> std::io::Result<()> {
    let interrupt = tell.clone();
    platform::on_interrupt(move || {
        let _nobody_listens = interrupt.send(());
    })?;
    let is_end = Arc::clone(is_end);
    platform::on_end(move || {
        is_end.store(true, Ordering::SeqCst);
        let _nobody_listens = tell.send(());
    })
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
        let mut interrupts = Interrupts { told, kept: false, is_end: Arc::default() };
        assert!(!is_over(interrupts.second()).await);
        tell.send(()).unwrap();
        assert!(!is_over(interrupts.second()).await && is_over(interrupts.next()).await);
        assert!(!is_over(interrupts.next()).await);
        tell.send(()).unwrap();
        tell.send(()).unwrap();
        assert!(is_over(interrupts.second()).await && is_over(interrupts.next()).await);
    }
}
