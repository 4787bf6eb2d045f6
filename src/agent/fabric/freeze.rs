//! Stops every process of a pid namespace, from its PID 1, and lets those go on that ran before.
//!
//! A process that a signal had stopped already stays stopped, and signals of this kind that come meanwhile count from
//! when the others go on, as in a frozen control group. The kernel's own `SIGCONT` would not ask.
//!
//! `kill(-1, SIGSTOP)` is atomic: the kernel walks all processes under its task-list lock, and a fork in flight either
//! is restarted or hands the signal on to its child. It does not reach PID 1 itself. Then the threads are looked at
//! until none of them can run any more.

use crate::agent::sys;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::{Errno, Result};
use rustix::time::Timespec;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What is frozen, and what is not to go on with the rest.
#[derive(Debug, Default)]
pub(super) struct Freezer {
    frozen: bool,
    /// Processes that a signal stopped, before the freeze or in it.
    stopped: BTreeSet<i32>,
    /// Signals that a process may refuse: for when it runs again.
    later: Vec<(i32, i32)>,
}

impl Freezer {
    /// Stops every process but ourselves. Returns when none runs; `TIMEDOUT` if one goes on regardless.
    pub(super) fn freeze(&mut self, proc: BorrowedFd<'_>) -> Result<()> {
        if !self.frozen {
            self.stopped = stopped(proc)?;
            self.frozen = true;
        }
        freeze(proc)
    }

    /// Lets those go on that no signal has stopped.
    pub(super) fn thaw(&mut self, proc: BorrowedFd<'_>) -> Result<()> {
        self.frozen = false;
        let stopped = std::mem::take(&mut self.stopped);
        let thawed = if stopped.is_empty() { thaw() } else { thaw_but(proc, &stopped) };
        thawed?;
        for (process, signal) in self.later.drain(..) {
            let _ended_meanwhile = sys::kill(process, signal);
        }
        Ok(())
    }

    /// Sends a signal to a process. One that stops it or lets it go on is remembered while all are frozen. After one
    /// that stops it for sure, returns when it has stopped.
    pub(super) fn signal(&mut self, proc: BorrowedFd<'_>, process: i32, signal: i32) -> Result<()> {
        if self.frozen && self.remember(process, signal) {
            return Ok(());
        }
        sys::kill(process, signal)?;
        if signal == libc::SIGSTOP {
            await_stop(proc, process);
        }
        Ok(())
    }

    /// Whether the signal is one that counts from when all go on.
    fn remember(&mut self, process: i32, signal: i32) -> bool {
        match signal {
            libc::SIGSTOP => drop(self.stopped.insert(process)),
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => self.later.push((process, signal)),
            libc::SIGCONT => {
                self.stopped.remove(&process);
                self.later.retain(|(stopping, _)| *stopping != process);
            }
            _ => return false,
        }
        true
    }
}

/// Longer than any process needs to reach the end of a system call that does not sleep.
const LONGEST: Duration = Duration::from_secs(5);
/// Between two looks.
const A_MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000 };

fn freeze(proc: BorrowedFd<'_>) -> Result<()> {
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
            let _ = rustix::thread::nanosleep(&A_MOMENT);
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

/// Continues every process but ourselves, all at once.
fn thaw() -> Result<()> {
    match sys::kill(-1, libc::SIGCONT) {
        Err(Errno::SRCH) => Ok(()),
        result => result,
    }
}

/// Continues every process but ourselves and these. All of them are frozen: none begins meanwhile that is not running.
fn thaw_but(proc: BorrowedFd<'_>, stopped: &BTreeSet<i32>) -> Result<()> {
    for process in processes(proc)?.into_iter().filter(|process| !stopped.contains(process)) {
        match sys::kill(process, libc::SIGCONT) {
            Err(Errno::SRCH) => {}
            result => result?,
        }
    }
    Ok(())
}

/// A process may have to come to its turn first. One that is deep in the kernel stops when it comes back.
fn await_stop(proc: BorrowedFd<'_>, process: i32) {
    let started = Instant::now();
    let pid = process.to_string();
    while !process_stopped(proc, pid.as_bytes(), Patience::LeaveTheDeep) && started.elapsed() < LONGEST {
        let _ = rustix::thread::nanosleep(&A_MOMENT);
    }
}

/// Every process but PID 1.
fn processes(proc: BorrowedFd<'_>) -> Result<Vec<i32>> {
    let read = |pid: Vec<u8>| String::from_utf8(pid).ok()?.parse().ok();
    Ok(numbers(proc)?.into_iter().filter_map(read).filter(|pid| *pid != 1).collect())
}

/// The processes that are stopped by a signal.
fn stopped(proc: BorrowedFd<'_>) -> Result<BTreeSet<i32>> {
    let stat = |process: &i32| read_state(proc, format!("{process}/stat").as_bytes());
    let is_stopped = |process: &i32| matches!(stat(process), Ok(Some(b'T')));
    Ok(processes(proc)?.into_iter().filter(is_stopped).collect())
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
    // T: stopped, t: stopped by a debugger, Z and X: ended, D: deep in the kernel.
    match read_state(tasks, &[thread, b"/stat"].concat()) {
        Ok(Some(state)) => b"TtZX".contains(&state) || (state == b'D' && patience == Patience::LeaveTheDeep),
        Ok(None) | Err(_) => true,
    }
}

/// What a process or thread does.
fn read_state(folder: BorrowedFd<'_>, stat: &[u8]) -> Result<Option<u8>> {
    let file = openat(folder, stat, OFlags::CLOEXEC, Mode::empty())?;
    let mut text = [0; 256];
    let length = rustix::io::read(&file, &mut text)?;
    Ok(state(&text[..length]))
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
    use super::{Freezer, state};

    #[test]
    fn a_name_that_looks_like_a_state_does_not_confuse() {
        assert_eq!(state(b"12 (a) R (b) T 1 12"), Some(b'T'));
        assert_eq!(state(b"12"), None);
    }

    #[test]
    fn of_the_signals_that_stop_and_continue_a_frozen_process_the_last_counts() {
        let mut freezer = Freezer { frozen: true, ..Freezer::default() };
        for signal in [libc::SIGSTOP, libc::SIGTSTP] {
            assert!(freezer.remember(2, signal) && freezer.remember(3, signal));
        }
        assert!(freezer.remember(2, libc::SIGCONT));
        assert_eq!((freezer.stopped.into_iter().collect(), freezer.later), (vec![3], vec![(3, libc::SIGTSTP)]));
    }

    #[test]
    fn other_signals_do_not_wait_for_a_frozen_process() {
        assert!(!Freezer::default().remember(2, libc::SIGTERM));
        assert!(!Freezer::default().remember(2, libc::SIGKILL));
    }
}
