//! Ctrl-C, and what else asks a process to end: heard from here to the end of the process.

use crate::{Error, Result, platform};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The interrupts that came and were not looked at yet.
pub(super) struct Interrupts(UnboundedReceiver<()>);

impl Interrupts {
    /// From now on an interrupt does not end this process by itself.
    pub(super) fn listen() -> Result<Self> {
        let (tell, told) = unbounded_channel();
        listen(tell).map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
        Ok(Self(told))
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

fn listen(tell: UnboundedSender<()>) -> std::io::Result<()> {
    let tell_of = |tell: UnboundedSender<()>| {
        move || {
            let _nobody_listens = tell.send(());
        }
    };
    platform::on_interrupt(tell_of(tell.clone()))?;
    platform::on_end(tell_of(tell))
}
