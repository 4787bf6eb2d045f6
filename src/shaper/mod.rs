//! The user-space shaper: a process of its own that holds packets where the kernel cannot (no `netem`), or not exactly.
//!
//! ```text
//!  agent ── Handle ══ socket: Attach (with the node's sockets), Shape, Detach ══► serve ─► node ─► fate
//!                                                                                   │       │
//!                                                                                 wheel   kernel::{queue, raw}
//! ```
//!
//! A rule in the node's namespace puts its packets into a queue ([`Kind`](crate::kernel::queue::Kind)). For each of them
//! the shaper decides by the seed what becomes of it, and when that time has come it tells the kernel. Arriving packets
//! stay in the kernel meanwhile. Leaving ones do not: a packet that its sender's socket owns counts against what the
//! socket may have under way, and holding a few of them stops TCP. They are copied, dropped (which the sender does not
//! see) and the copy is sent by a raw socket when it is due.
//!
//! It is a process because the agent has one thread and forks, and because a busy link must not keep the agent from
//! answering. It ends with the agent. When it ends, what it held is lost, and what comes afterwards passes: the rules say
//! `bypass`; the agent's [`Handle`] tells that it has ended.
//!
//! What it may touch: the sockets that the agent hands it, and no namespace, file or process.

mod handle;
#[cfg(test)]
mod held;
#[cfg(test)]
mod measure;
mod node;
mod protocol;
mod serve;
mod sockets;
#[cfg(test)]
mod tests;
mod timer;
mod wheel;

pub use handle::Handle;
use rustix::fd::{BorrowedFd, OwnedFd, RawFd};
use rustix::process::{Resource, Rlimit, Signal};
pub use sockets::Sockets;
use std::process::ExitCode;

/// Arguments of the hidden subcommand `blockade shaper`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The socket to the agent, inherited.
    #[arg(long)]
    pub fd: RawFd,
}

/// `blockade shaper`: until the agent hangs up.
pub fn main(args: &Args) -> ExitCode {
    let _ = rustix::thread::set_name(c"blockade-shaper");
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    raise_open_files();
    hurry();
    // Without the socket there is nobody to tell.
    let Ok(control) = adopt(args.fd) else { return ExitCode::from(2) };
    match serve::serve(control) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blockade: the shaper has failed: {}", std::io::Error::from(error));
            ExitCode::FAILURE
        }
    }
}

/// Before the programs under test, which may well take every core there is: with two busy loops on each core a packet
/// that was to take 10 ms took 2 ms more in the median, and with this 0.5. (A real-time class would be little better, and
/// a flood of packets would then take a core from everybody else.)
fn hurry() {
    // An ordinary user may not, and waits with the others.
    let _ = rustix::process::setpriority_process(None, -10);
}

/// Takes the inherited socket over, out of the place of stdin.
fn adopt(fd: RawFd) -> rustix::io::Result<OwnedFd> {
    // SAFETY: called with what the command line names, before anything else is opened: nobody else owns it.
    rustix::io::fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(fd) }, 3)
}

/// Each node takes some.
fn raise_open_files() {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    // A refusal leaves the limit as it was; opening too much then says so.
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
