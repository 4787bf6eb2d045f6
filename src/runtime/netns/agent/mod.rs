//! The agent: the one process with rights, in two stages.
//!
//! Stage A is what the runner executes (`blockade agent`). It enters the namespaces, forks stage B, and from then on
//! only waits: for B to end, or for the runner's lifeline to close, upon which it kills B, however wedged that is.
//! Stage B is PID 1 of the fabric's pid namespace and does all the work ([`serve`]). When A dies, the kernel kills B;
//! when B dies, the kernel kills everything in the namespace. So whatever dies first, nothing is left.

mod describe;
mod enter;
mod exec;
mod fabric;
mod freeze;
mod http;
mod image;
mod init;
mod namespace;
mod node;
mod rules;
mod serve;
mod sys;
mod tree;
mod wire;

use super::protocol::{Message, frame};
use crate::error::{Error, Result};
pub(crate) use enter::mounts;
pub use enter::{Settings, Step, explain};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd, RawFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::Signal;
use std::process::ExitCode;

/// Arguments of the hidden subcommand `blockade agent`. Both descriptors are inherited, and taken over.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// The socket to the runner.
    #[arg(long)]
    pub fd: RawFd,
    /// The reading end of a pipe that only the runner can write to: its end is the end of everything.
    #[arg(long)]
    pub lifeline: RawFd,
}

/// `blockade agent`: stage A. To be called before the process has a second thread.
pub fn main(args: Args) -> ExitCode {
    // Without the two descriptors there is nobody to tell.
    let (Ok(control), Ok(lifeline)) = (sys::adopt(args.fd), sys::adopt(args.lifeline)) else {
        return ExitCode::from(2);
    };
    match begin(&control) {
        Ok(agent) => {
            // B alone holds the socket from now on, so that the runner sees its end at once.
            drop(control);
            wait(&agent, &lifeline)
        }
        Err(error) => {
            refuse(&control, error);
            ExitCode::from(3)
        }
    }
}

/// Runs `body` as PID 1 of namespaces like a fabric's and returns when it has ended; its namespaces end with it. To be
/// called before the process has a second thread.
pub(crate) fn within(body: impl FnOnce()) -> Result<()> {
    enter::enter()?;
    let child = sys::spawn(0, || {
        body();
        0
    });
    child.and_then(|child| sys::wait(&child.pidfd)).map_err(|errno| machine("fork", errno))
}

fn begin(control: &OwnedFd) -> Result<sys::Child> {
    silence().map_err(|errno| machine("open /dev/null", errno))?;
    // Ctrl-C in the runner's terminal is the runner's business. A group leader cannot and need not leave.
    let _ = rustix::process::setsid();
    let parent = sys::own_pidfd().map_err(|errno| machine("open a pidfd", errno))?;
    let rootless = enter::enter()?;
    sys::spawn(0, || be_agent(control, &parent, rootless)).map_err(|errno| machine("fork", errno))
}

/// Until B has ended, by itself or because the runner is gone.
fn wait(agent: &sys::Child, lifeline: &OwnedFd) -> ExitCode {
    let mut fds = [PollFd::new(&agent.pidfd, PollFlags::IN), PollFd::new(lifeline, PollFlags::IN)];
    while let Err(errno) = poll(&mut fds, None) {
        if errno != Errno::INTR {
            break;
        }
    }
    // Either it has ended already, or it has to.
    let _ = rustix::process::pidfd_send_signal(&agent.pidfd, Signal::KILL);
    match sys::wait(&agent.pidfd) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Stage B.
fn be_agent(control: &OwnedFd, parent: &OwnedFd, rootless: bool) -> i32 {
    let prepared = || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| machine("use prctl", e))?;
        let defaults = image::Defaults::new()?;
        enter::mounts()?;
        rustix::process::chdir("/").map_err(|errno| machine("enter /", errno))?;
        Ok(defaults)
    };
    // A may have died before prctl: then no signal comes any more.
    if has_ended(parent) {
        return 1;
    }
    match prepared() {
        Ok(_) if has_ended(parent) => 1,
        Ok(defaults) => serve::serve(control, defaults, rootless),
        Err(error) => {
            refuse(control, error);
            3
        }
    }
}

fn has_ended(process: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// Tells the runner why there is no agent.
fn refuse(control: &OwnedFd, error: Error) {
    if let Ok(bytes) = frame(&Message::Hello(Err(error))) {
        let _ = rustix::io::write(control, &bytes);
    }
}

/// The agent says nothing on the terminal: what it has to say goes over the socket.
fn silence() -> Result<(), Errno> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let places = if std::env::var_os("BLOCKADE_DEBUG").is_some() { 0..2 } else { 0..3 };
    places.into_iter().try_for_each(|place| sys::put(null.as_fd(), place))
}

fn machine(what: &str, errno: Errno) -> Error {
    Error::machine(format!("the agent cannot {what}: {}", enter::io(errno)))
}
