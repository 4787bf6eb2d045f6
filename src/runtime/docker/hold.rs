//! What runs as PID 1 in containers made from our own image: `blockade hold`, which keeps a network namespace and does
//! nothing, and `blockade init -- PROGRAM`, which runs a node's program.
//!
//! The kernel gives PID 1 no signal that it does not ask for, so that a plain program there would not even die of
//! SIGTERM. Both block all signals and wait for them. Single-threaded; touches nothing but its own children.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};

/// What a shell says of a program that is not there, and of one that may not be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Waits for SIGTERM, SIGINT or SIGHUP.
pub fn hold() {
    let signals = Signals::block();
    while ![libc::SIGTERM, libc::SIGINT, libc::SIGHUP].contains(&signals.wait()) {}
}

/// Runs a program, hands on to it every signal that comes, and reaps whatever it leaves behind. The exit code is the
/// program's; 128 and the signal's number where one ended it.
pub fn init(program: &[String]) -> u8 {
    let signals = Signals::block();
    let Some((name, arguments)) = program.split_first() else { return NOT_FOUND };
    let mut command = Command::new(name);
    // SAFETY: between fork and exec, one plain system call.
    unsafe { command.args(arguments).pre_exec(Signals::unblock) };
    match command.spawn() {
        Ok(child) => code(watch(&child, &signals)),
        Err(error) => {
            eprintln!("blockade: cannot run `{name}`: {error}");
            if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
        }
    }
}

/// Waits until the program has ended.
fn watch(child: &Child, signals: &Signals) -> ExitStatus {
    let pid = Pid::from_child(child);
    loop {
        match signals.wait() {
            libc::SIGCHLD => {
                while let Ok(Some((ended, status))) = rustix::process::wait(WaitOptions::NOHANG) {
                    if ended == pid {
                        return ExitStatus::from_raw(WaitStatus::as_raw(status));
                    }
                }
            }
            signal => send(pid, signal),
        }
    }
}

/// A program that has just ended needs no signal any more.
fn send(pid: Pid, signal: i32) {
    // SAFETY: a plain system call. The process is a child that has not been reaped, so that the id is its own.
    let _ended_already = unsafe { libc::kill(pid.as_raw_nonzero().get(), signal) };
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// All signals, blocked in this thread.
struct Signals(libc::sigset_t);

impl Signals {
    fn block() -> Self {
        // SAFETY: the set is filled before it is read, and neither call can fail for these arguments.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigfillset(&raw mut set);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            Self(set)
        }
    }

    /// A child inherits what is blocked, and a program that was never told of it could not be ended.
    fn unblock() -> std::io::Result<()> {
        // SAFETY: the set is filled before it is read.
        let outcome = unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut())
        };
        if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    }

    /// The next signal.
    fn wait(&self) -> i32 {
        loop {
            // SAFETY: the set is initialised, and nothing is asked for beside the number.
            let signal = unsafe { libc::sigwaitinfo(&raw const self.0, std::ptr::null_mut()) };
            if signal > 0 {
                return signal;
            }
            debug_assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(Errno::INTR.raw_os_error()));
        }
    }
}
