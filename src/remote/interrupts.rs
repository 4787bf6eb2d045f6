//! Ctrl-C, and on Unix SIGTERM: heard from here to the end of the process.

use crate::{Error, Result};
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

#[cfg(unix)]
fn listen(tell: UnboundedSender<()>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (mut signals, tell) = (signal(kind)?, tell.clone());
        tokio::spawn(async move { while signals.recv().await.is_some() && tell.send(()).is_ok() {} });
    }
    Ok(())
}

#[cfg(not(unix))]
fn listen(tell: UnboundedSender<()>) -> std::io::Result<()> {
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && tell.send(()).is_ok() {} });
    Ok(())
}
