//! The clock, and a descriptor that is readable from a given time on.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Result;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since some fixed moment.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND + now.tv_nsec as u64
}

/// A timer. Unlike a waiting time given to `epoll`, it is exact to the nanosecond and knows no slack.
pub(super) struct Timer {
    fd: OwnedFd,
    set_ns: Option<u64>,
}

impl Timer {
    pub(super) fn new() -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { fd: timerfd_create(TimerfdClockId::Monotonic, flags)?, set_ns: None })
    }

    /// Readable from then on, or never. A time that was set already is set again only after [`Self::rang`].
    pub(super) fn set(&mut self, at_ns: Option<u64>) -> Result<()> {
        if at_ns == self.set_ns {
            return Ok(());
        }
        // Zero means never.
        let at = at_ns.map_or(0, |at| at.max(1));
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec { tv_sec: (at / SECOND) as i64, tv_nsec: (at % SECOND) as i64 };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval: zero, it_value: value })?;
        self.set_ns = at_ns;
        Ok(())
    }

    /// It was readable: setting it, to whatever time, makes it unreadable.
    pub(super) fn rang(&mut self) {
        // No item is due at the end of time.
        self.set_ns = Some(u64::MAX);
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
