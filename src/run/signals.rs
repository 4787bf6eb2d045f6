//! Ctrl-C, SIGTERM and SIGHUP interrupt a run; a second one changes nothing, so that it cannot skip the healing.

use crate::script::Interrupt;
use crate::{Error, Result};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Raises `interrupt` at each of these signals, as long as the process lives.
pub fn interrupt_on_signals(interrupt: &Arc<Interrupt>) -> Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals =
            signal(kind).map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
        let interrupt = Arc::clone(interrupt);
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                interrupt.raise();
            }
        });
    }
    Ok(())
}
