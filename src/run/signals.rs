//! Ctrl-C, SIGTERM and SIGHUP interrupt a run; a second one changes nothing, so that it cannot skip the healing.

use crate::script::Interrupt;
use crate::signal::early;
use crate::{Error, Result};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Raises `interrupt` at each of these signals, as long as the process lives.
pub fn interrupt_on_signals(interrupt: &Arc<Interrupt>) -> Result<()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    kinds.into_iter().try_for_each(|kind| on_signal(kind, interrupt, Interrupt::raise))?;
    early::somebody_listens();
    Ok(())
}

/// The same for a person's session, which goes on after Ctrl-C and ends after the others.
pub(super) fn interrupt_or_end_on_signals(interrupt: &Arc<Interrupt>) -> Result<()> {
    on_signal(SignalKind::interrupt(), interrupt, Interrupt::raise)?;
    on_signal(SignalKind::terminate(), interrupt, Interrupt::end)?;
    on_signal(SignalKind::hangup(), interrupt, Interrupt::end)?;
    early::somebody_listens();
    Ok(())
}

fn on_signal(kind: SignalKind, interrupt: &Arc<Interrupt>, act: fn(&Interrupt)) -> Result<()> {
    let mut signals = signal(kind).map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
    let interrupt = Arc::clone(interrupt);
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            act(&interrupt);
        }
    });
    Ok(())
}
