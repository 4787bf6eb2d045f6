//! Several runs side by side: their threads, and Ctrl-C, SIGTERM and SIGHUP for all of them together.
//!
//! Each run has an interrupt of its own, since a run may be interrupted by what befalls its own cluster; one handler
//! raises them all.

use super::interrupt_on_signals;
use crate::script::Interrupt;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

/// As much as a process's first thread has, on which `run` runs its script.
const STACK: usize = 8 << 20;

/// A thread on which a run may take place.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
    thread.map_err(|error| Error::machine(format!("cannot start a thread for a run: {error}")))
}

/// Ends everything that is under way.
pub struct Stop {
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
    pub fn listen() -> Result<Self> {
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
    pub fn by_user(&self) -> bool {
        self.user.is_raised()
    }

    /// Whether nothing more is to begin.
    pub fn is_raised(&self) -> bool {
        self.by_user() || self.running.raised.load(Ordering::SeqCst)
    }

    /// Ends everything.
    pub fn raise(&self) {
        self.running.raise();
    }

    /// The interrupt of a run that begins, raised already where it is too late.
    pub fn register(&self) -> Arc<Interrupt> {
        let interrupt = Arc::new(Interrupt::default());
        self.running.interrupts().push(Arc::clone(&interrupt));
        if self.is_raised() {
            interrupt.raise();
        }
        interrupt
    }

    /// The run has ended.
    pub fn forget(&self, interrupt: &Arc<Interrupt>) {
        self.running.interrupts().retain(|other| !Arc::ptr_eq(other, interrupt));
    }
}
