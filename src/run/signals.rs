//! Ctrl-C, SIGTERM and SIGHUP interrupt a run; a second one changes nothing, so that it cannot skip the healing.

use crate::script::Interrupt;
use crate::signal::early;
use crate::{Error, Result, platform};
use std::sync::Arc;

/// Raises `interrupt` at each of these signals, as long as the process lives.
pub fn interrupt_on_signals(interrupt: &Arc<Interrupt>) -> Result<()> {
    listen(interrupt, Interrupt::raise, Interrupt::raise)
}

/// The same for a person's session, which goes on after Ctrl-C and ends after the others.
pub(super) fn interrupt_or_end_on_signals(interrupt: &Arc<Interrupt>) -> Result<()> {
    listen(interrupt, Interrupt::raise, Interrupt::end)
}

fn listen(interrupt: &Arc<Interrupt>, at_interrupt: fn(&Interrupt), at_end: fn(&Interrupt)) -> Result<()> {
    let (one, other) = (Arc::clone(interrupt), Arc::clone(interrupt));
    platform::on_interrupt(move || at_interrupt(&one))
        .and_then(|()| platform::on_end(move || at_end(&other)))
        .map_err(|error| Error::machine(format!("cannot listen for signals: {error}")))?;
    early::somebody_listens();
    Ok(())
}
