//! The agent that makes its nodes itself, in two stages.
//!
//! Stage A is what the runner executes (`blockade agent`). It enters the namespaces, forks stage B, and from then on
//! only waits: for B to end, or for the runner's lifeline to close, upon which it kills B, however wedged that is.
//! Stage B is PID 1 of the fabric's pid namespace and does all the work ([`serve`]). When A dies, the kernel kills B;
//! when B dies, the kernel kills everything in the namespace. So whatever dies first, nothing is left.

mod describe;
mod enter;
mod exec;
mod freeze;
mod image;
mod init;
mod join;
mod node;
mod programs;
mod wire;

use super::networks::Networks;
use super::protocol::Hello;
use super::serve::{self, Agent};
use super::{cannot, sys};
use crate::error::{Error, Result};
pub(crate) use enter::mounts;
pub use enter::{Settings, Step, explain};
pub(super) use programs::Programs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::Signal;
use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

/// Stage A. To be called before the process has a second thread.
pub(super) fn main(control: OwnedFd, lifeline: &OwnedFd) -> ExitCode {
    match begin(&control) {
        Ok(agent) => {
            // B alone holds the socket from now on, so that the runner sees its end at once.
            drop(control);
            wait(&agent, lifeline)
        }
        Err(error) => {
            super::refuse(&control, error);
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
    child.and_then(|child| sys::wait(&child.pidfd)).map_err(|errno| cannot("fork", errno))
}

fn begin(control: &OwnedFd) -> Result<sys::Child> {
    super::leave_the_terminal()?;
    let parent = sys::own_pidfd().map_err(|errno| cannot("open a pidfd", errno))?;
    let rootless = enter::enter()?;
    sys::spawn(0, || be_agent(control, &parent, rootless)).map_err(|errno| cannot("fork", errno))
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
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| cannot("use prctl", e))?;
        let defaults = image::Defaults::new()?;
        enter::mounts()?;
        rustix::process::chdir("/").map_err(|errno| cannot("enter /", errno))?;
        Ok(defaults)
    };
    // A may have died before prctl: then no signal comes any more.
    if has_ended(parent) {
        return 1;
    }
    match prepared() {
        Ok(_) if has_ended(parent) => 1,
        Ok(defaults) => i32::from(be_served(control, defaults, rootless).is_err()),
        Err(error) => {
            super::refuse(control, error);
            3
        }
    }
}

/// Until the runner is gone: what is left then ends with this process, which is PID 1.
fn be_served(control: &OwnedFd, defaults: image::Defaults, rootless: bool) -> Result<()> {
    let control = control.try_clone().map_err(|error| Error::machine(format!("the agent cannot serve: {error}")))?;
    let agent = |outbox| {
        let networks = Rc::new(Networks::new(&outbox, false)?);
        Ok(Agent { programs: Some(Programs::new(defaults)?), networks, outbox, awaited: RefCell::default() })
    };
    serve::serve(control.into(), Hello { rootless, host: false }, agent, || Ok(std::future::pending()), |_| ())
}

fn has_ended(process: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}
