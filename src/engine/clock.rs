//! Time since the start of a run: the machine's own, or a virtual one that only moves when somebody waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A run's clock. All times are microseconds since the run's start.
#[derive(Debug)]
pub enum Clock {
    /// Follows the machine's monotonic clock.
    Real(Instant),
    /// Moves only where somebody waits.
    Virtual {
        /// Microseconds since the start.
        now: AtomicU64,
        /// What the work under way has taken, and nobody has waited for yet, microseconds.
        owed: AtomicU64,
    },
}

impl Clock {
    /// A clock that follows the machine's and starts now.
    #[must_use]
    pub fn real() -> Self {
        Self::Real(Instant::now())
    }

    /// A virtual clock at zero.
    #[must_use]
    pub fn simulated() -> Self {
        Self::Virtual { now: AtomicU64::new(0), owed: AtomicU64::new(0) }
    }

    /// Whether waiting costs no real time.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(self, Self::Virtual { .. })
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        match self {
            Self::Real(start) => u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
            Self::Virtual { now, .. } => now.load(Ordering::Relaxed),
        }
    }

    /// Waits until this time; at once if it has passed.
    pub async fn sleep_until(&self, t_us: u64) {
        match self {
            Self::Real(start) => tokio::time::sleep_until((*start + Duration::from_micros(t_us)).into()).await,
            Self::Virtual { .. } => self.advance(t_us),
        }
    }

    /// Moves virtual time on to this one; no effect on a real clock.
    pub fn advance(&self, t_us: u64) {
        if let Self::Virtual { now, .. } = self {
            now.fetch_max(t_us, Ordering::Relaxed);
        }
    }

    /// Something was done that would take so long in reality; whoever asked for it waits so long. No effect on a real
    /// clock.
    pub fn spend(&self, duration_us: u64) {
        if let Self::Virtual { owed, .. } = self {
            owed.fetch_add(duration_us, Ordering::Relaxed);
        }
    }

    /// How long whoever asked for something has to wait for it, microseconds; once.
    pub fn take_owed(&self) -> u64 {
        match self {
            Self::Real(_) => 0,
            Self::Virtual { owed, .. } => owed.swap(0, Ordering::Relaxed),
        }
    }
}
