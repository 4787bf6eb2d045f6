//! Stops every process of a pid namespace, from its PID 1.
//!
//! `kill(-1, SIGSTOP)` is atomic: the kernel walks all processes under its task-list lock, and a fork in flight either
//! is restarted or hands the signal on to its child. It does not reach PID 1 itself. Then the threads are looked at
//! until none of them can run any more.

use crate::agent::sys;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::{Errno, Result};
use rustix::time::Timespec;
use std::time::{Duration, Instant};

/// Longer than any process needs to reach the end of a system call that does not sleep.
const LONGEST: Duration = Duration::from_secs(5);

/// Stops every process but ourselves. Returns when none runs; `TIMEDOUT` if one goes on regardless.
pub(super) fn freeze(proc: BorrowedFd<'_>) -> Result<()> {
    let started = Instant::now();
    let mut patience = Patience::WaitForAll;
    loop {
        match sys::kill(-1, libc::SIGSTOP) {
            // Nobody to stop.
            Err(Errno::SRCH) => return Ok(()),
            result => result?,
        }
        // A signal takes effect within microseconds, when its target next enters or leaves the kernel.
        for _ in 0..20 {
            // Twice: a child whose parent was just forking may be too young for the first look's list.
            if all_stopped(proc, patience)? && all_stopped(proc, patience)? {
                return Ok(());
            }
            let _ = rustix::thread::nanosleep(&Timespec { tv_sec: 0, tv_nsec: 50_000 });
        }
        patience = Patience::LeaveTheDeep;
        if started.elapsed() > LONGEST {
            return Err(Errno::TIMEDOUT);
        }
    }
}

/// What to make of a thread deep in the kernel (state D). Most come up at once and stop. Some stay: a vfork whose child
/// is stopped, a disk. The signal is there before these get back to their own code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    WaitForAll,
    LeaveTheDeep,
}

/// Continues every process but ourselves.
pub(super) fn thaw() -> Result<()> {
    match sys::kill(-1, libc::SIGCONT) {
        Err(Errno::SRCH) => Ok(()),
        result => result,
    }
}

fn all_stopped(proc: BorrowedFd<'_>, patience: Patience) -> Result<bool> {
    for pid in numbers(proc)? {
        if pid != b"1" && !process_stopped(proc, &pid, patience) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A process that cannot be looked at has ended.
fn process_stopped(proc: BorrowedFd<'_>, pid: &[u8], patience: Patience) -> bool {
    let path = [pid, b"/task"].concat();
    let Ok(tasks) = openat(proc, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else { return true };
    let Ok(threads) = numbers(tasks.as_fd()) else { return true };
    threads.iter().all(|thread| thread_stopped(tasks.as_fd(), thread, patience))
}

fn thread_stopped(tasks: BorrowedFd<'_>, thread: &[u8], patience: Patience) -> bool {
    let read = || {
        let file = openat(tasks, [thread, b"/stat"].concat(), OFlags::CLOEXEC, Mode::empty())?;
        let mut stat = [0; 256];
        let length = rustix::io::read(&file, &mut stat)?;
        Ok::<_, Errno>(state(&stat[..length]))
    };
    // T: stopped, t: stopped by a debugger, Z and X: ended, D: deep in the kernel.
    match read() {
        Ok(Some(state)) => b"TtZX".contains(&state) || (state == b'D' && patience == Patience::LeaveTheDeep),
        Ok(None) | Err(_) => true,
    }
}

/// The letter behind the name, which is in parentheses and may hold any.
fn state(stat: &[u8]) -> Option<u8> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_end + 2).copied()
}

fn numbers(folder: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name.first().is_some_and(u8::is_ascii_digit) {
            found.push(name);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::state;

    #[test]
    fn a_name_that_looks_like_a_state_does_not_confuse() {
        assert_eq!(state(b"12 (a) R (b) T 1 12"), Some(b'T'));
        assert_eq!(state(b"12"), None);
    }
}
