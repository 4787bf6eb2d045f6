//! The system calls that rustix leaves out or marks as unsafe, each behind a small function: the only `unsafe` code of
//! the agent.
//!
//! All of it relies on one thing: the agent and its children have a single thread, so that a fork copies a consistent
//! process and a change of namespace concerns nobody else.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, Result};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, WaitId, WaitIdOptions, WaitStatus};
use rustix::thread::UnshareFlags;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int};

/// A child process: its id in our pid namespace, and a descriptor that can never mean another process.
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
}

/// Forks, with namespaces for the child where `flags` (`CLONE_NEW…`) ask for some. The child runs `body` and ends with
/// its return value; it never returns into the caller's code, not even by a panic.
pub(super) fn spawn(flags: c_int, body: impl FnOnce() -> i32) -> Result<Child> {
    let flags = libc::c_long::from(flags | libc::CLONE_PIDFD | libc::SIGCHLD);
    let mut pidfd: RawFd = -1;
    // SAFETY: without CLONE_VM and without a stack of its own the call is a fork; single-threaded, so that no lock is
    // held by a thread that the child lacks. The first three arguments lie in the same order on all architectures
    // but s390 and cris.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
    match pid {
        -1 => Err(last_error()),
        0 => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: ends the process at once, without destructors of what belongs to the parent.
            unsafe { libc::_exit(code) }
        }
        pid => {
            // SAFETY: the kernel has just put it there, for us alone.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = Pid::from_raw(pid as i32).ok_or(Errno::SRCH)?;
            Ok(Child { pid, pidfd })
        }
    }
}

/// Leaves the namespaces that are named. Never `FILES` or `FS` here.
pub(super) fn unshare(flags: UnshareFlags) -> Result<()> {
    // SAFETY: the flags used here do not touch the descriptor table, and there is one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Reaps the child if it has ended.
pub(super) fn reaped(child: impl AsFd) -> Result<Option<WaitIdStatus>> {
    rustix::process::waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

/// Reaps any child that has ended.
pub(super) fn reap_any() -> Option<(Pid, WaitStatus)> {
    rustix::process::wait(rustix::process::WaitOptions::NOHANG).ok().flatten()
}

pub(super) use rustix::process::WaitIdStatus;

/// Waits for the child's end and reaps it.
pub(super) fn wait(child: impl AsFd) -> Result<()> {
    loop {
        match rustix::process::waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            result => return result.map(drop),
        }
    }
}

/// Takes an inherited descriptor over, out of reach of `execve` and of the places of stdin, stdout and stderr.
pub(super) fn adopt(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: called with what the command line names, before anything else is opened: nobody else owns it.
    unsafe {
        let adopted = rustix::io::fcntl_dupfd_cloexec(BorrowedFd::borrow_raw(fd), 3)?;
        if fd > 2 {
            drop(OwnedFd::from_raw_fd(fd));
        }
        Ok(adopted)
    }
}

/// A descriptor for the calling process.
pub(super) fn own_pidfd() -> Result<OwnedFd> {
    rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
}

/// Closes every descriptor but stdin, stdout, stderr and these.
pub(super) fn keep_only(kept: &[RawFd]) {
    let mut kept: Vec<_> = kept.iter().copied().filter(|fd| *fd > 2).collect();
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept {
        if fd > first {
            close_range(first, fd - 1, 0);
        }
        first = fd + 1;
    }
    close_range(first, RawFd::MAX, 0);
}

/// Lets every descriptor from 3 on be closed by `execve`.
pub(super) fn close_on_exec() {
    close_range(3, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC);
}

fn close_range(first: RawFd, last: RawFd, flags: libc::c_uint) {
    // SAFETY: only ever in a forked child, for descriptors that none of its code uses any more. It cannot fail with a
    // valid range and flags that Linux knows since 5.11.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
}

/// Puts `from` at the place of stdin (0), stdout (1) or stderr (2).
pub(super) fn put(from: impl AsFd, place: RawFd) -> Result<()> {
    // SAFETY: stdin, stdout and stderr are nobody's owned descriptors.
    check(unsafe { libc::dup2(from.as_fd().as_raw_fd(), place) })
}

/// Blocks all signals and gives a descriptor that reads them.
pub(super) fn signals() -> Result<OwnedFd> {
    // SAFETY: the set is initialised by sigfillset before it is read; the new descriptor is ours.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()))?;
        let fd = libc::signalfd(-1, &raw const all, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        check(fd)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// All signals unblocked and with their default action, as a fresh program expects them. (Rust ignores SIGPIPE, and
/// `execve` would keep that.)
pub(super) fn default_signals() {
    // SAFETY: plain system calls on initialised sets; signals that refuse a new action keep theirs, the default.
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Sends any signal: to a process, or with −1 to every process of our pid namespace but ourselves.
pub(super) fn kill(pid: i32, signal: i32) -> Result<()> {
    // SAFETY: a plain system call.
    check(unsafe { libc::kill(pid, signal) })
}

/// Whether this is a signal's number.
pub(super) fn is_signal(signal: i32) -> bool {
    (1..=libc::SIGRTMAX()).contains(&signal)
}

/// Becomes the user of this name, with all groups; `Ok(false)` where there is none.
pub(super) fn become_user(name: &CStr) -> Result<bool> {
    // SAFETY: getpwnam's record is static memory that nothing else uses in this single thread; its name is ours.
    unsafe {
        let user = libc::getpwnam(name.as_ptr());
        if user.is_null() {
            return Ok(false);
        }
        let (uid, gid) = ((*user).pw_uid, (*user).pw_gid);
        check(libc::initgroups(name.as_ptr(), gid))?;
        check(libc::setresgid(gid, gid, gid))?;
        check(libc::setresuid(uid, uid, uid))?;
    }
    Ok(true)
}

/// Replaces the program. Returns only if it cannot.
pub(super) fn execve(path: &CStr, argv: &[*const c_char], env: &[*const c_char]) -> Errno {
    // SAFETY: both arrays end with a null pointer and point to strings that outlive the call (`Image`).
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    last_error()
}

/// Replaces the program by the one behind the descriptor, however hidden its path is. Returns only if it cannot.
pub(super) fn execve_fd(program: impl AsFd, argv: &[*const c_char], env: &[*const c_char]) -> Errno {
    let fd = program.as_fd().as_raw_fd();
    // SAFETY: as in `execve`; the empty path asks for the descriptor itself.
    unsafe { libc::syscall(libc::SYS_execveat, fd, c"".as_ptr(), argv.as_ptr(), env.as_ptr(), libc::AT_EMPTY_PATH) };
    last_error()
}

/// Raises our own limit of open files to what is allowed and returns the one before, for the programs of the nodes.
pub(super) fn raise_open_files() -> Rlimit {
    let before = rustix::process::getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it was; opening too much then says so.
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: before.maximum, maximum: before.maximum });
    before
}

/// What a terminal sends to all of its processes concerns others.
pub(super) fn ignore(signals: &[c_int]) {
    for signal in signals {
        // SAFETY: a plain system call; the signals named can be ignored.
        unsafe { libc::signal(*signal, libc::SIG_IGN) };
    }
}

/// An errno in words, with its number.
pub(super) fn io(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}

fn check(result: c_int) -> Result<()> {
    if result == -1 { Err(last_error()) } else { Ok(()) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
