//! Ctrl-C, SIGTERM and SIGHUP, for all runs of a soak together.
//!
//! Each run has an interrupt of its own, since a run may be interrupted by what befalls its own cluster; one handler
//! raises them all.

use crate::Result;
use crate::run::interrupt_on_signals;
use crate::script::Interrupt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ends everything that is under way.
pub(super) struct Stop {
    user: Arc<Interrupt>,
    running: Arc<Running>,
    _listening: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Running {
    raised: AtomicBool,
    interrupts: Mutex<Vec<Arc<Interrupt>>>,
}

impl Running {
    fn interrupts(&self) -> MutexGuard<'_, Vec<Arc<Interrupt>>> {
        self.interrupts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.interrupts().iter().for_each(|interrupt| interrupt.raise());
    }
}

impl Stop {
    /// From now on signals are heard.
    pub(super) fn listen() -> Result<Self> {
        let listening = crate::runtime::io_threads()?;
        let (user, running) = (Arc::new(Interrupt::default()), Arc::new(Running::default()));
        {
            let _inside = listening.enter();
            interrupt_on_signals(&user)?;
        }
        let (heard, all) = (Arc::clone(&user), Arc::clone(&running));
        listening.spawn(async move {
            heard.raised().await;
            all.raise();
        });
        Ok(Self { user, running, _listening: listening })
    }

    /// Whether a person, or the system, said so.
    pub(super) fn by_user(&self) -> bool {
        self.user.is_raised()
    }

    /// Whether nothing more is to begin.
    pub(super) fn is_raised(&self) -> bool {
        self.by_user() || self.running.raised.load(Ordering::SeqCst)
    }

    /// Ends everything.
    pub(super) fn raise(&self) {
        self.running.raise();
    }

    /// The interrupt of a run that begins, raised already where it is too late.
    pub(super) fn register(&self) -> Arc<Interrupt> {
        let interrupt = Arc::new(Interrupt::default());
        self.running.interrupts().push(Arc::clone(&interrupt));
        if self.is_raised() {
            interrupt.raise();
        }
        interrupt
    }

    /// The run has ended.
    pub(super) fn forget(&self, interrupt: &Arc<Interrupt>) {
        self.running.interrupts().retain(|other| !Arc::ptr_eq(other, interrupt));
    }
}
