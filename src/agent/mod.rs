//! The agent: the one process with rights. It enters namespaces, keeps netlink sockets in them, puts rules there and
//! probes; the runner asks for all of it over a socket ([`protocol`]), through a handle ([`Agent`]), and needs no rights.
//!
//! There are two kinds, which share everything that concerns a node's *network*:
//!
//! | | where | starts the nodes' programs | the end of its runner is |
//! |---|---|---|---|
//! | `fabric` | namespaces of its own | yes: PID 1 of all of them | the end of every node |
//! | `host` | the host's, or a container that shares them | no: attaches to containers | the removal of every rule of ours |
//!
//! ```text
//!              serve ── requests in, answers out
//!             ╱     ╲
//!       fabric       host          nodes that it makes, nodes that others made
//!             ╲     ╱
//!            networks              namespaces, rules, addresses, probes
//! ```

mod claim;
mod client;
mod fabric;
mod host;
mod namespace;
mod network;
mod networks;
mod outbox;
pub mod protocol;
mod readable;
mod rules;
mod serve;
mod shaping;
mod sys;
mod tree;
mod trees;

use crate::error::{Error, Result};
pub use client::{Agent, Notifications, helper_arguments};
pub use fabric::{Settings, Step, explain};
pub(crate) use fabric::{mounts, within};
use protocol::{Message, frame};
use rustix::fd::{AsFd, OwnedFd, RawFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::path::PathBuf;
use std::process::ExitCode;
pub(crate) use tree::kill_descendants;

/// Arguments of the hidden subcommand `blockade agent`. Descriptors are inherited, and taken over.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Attach to namespaces of this host instead of making some.
    #[arg(long)]
    pub here: bool,
    /// The socket to the runner.
    #[arg(long, required_unless_present = "connect", requires = "lifeline")]
    pub fd: Option<RawFd>,
    /// The reading end of a pipe that only the runner can write to: its end is the end of everything.
    #[arg(long)]
    pub lifeline: Option<RawFd>,
    /// In a helper container: connect to the runner's socket at this path, and attach to namespaces of the host.
    #[arg(long, conflicts_with_all = ["here", "fd", "lifeline"])]
    pub connect: Option<PathBuf>,
}

/// `blockade agent`. To be called before the process has a second thread.
pub fn main(args: Args) -> ExitCode {
    if let Some(path) = args.connect {
        return host::helper(&path);
    }
    // Without the two descriptors there is nobody to tell.
    let adopted = |fd: Option<RawFd>| fd.and_then(|fd| sys::adopt(fd).ok());
    let (Some(control), Some(lifeline)) = (adopted(args.fd), adopted(args.lifeline)) else {
        return ExitCode::from(2);
    };
    if args.here { host::child(control, lifeline) } else { fabric::main(control, &lifeline) }
}

/// Tells the runner why there is no agent.
fn refuse(control: &OwnedFd, error: Error) {
    if let Ok(bytes) = frame(&Message::Hello(Err(error))) {
        let _ = rustix::io::write(control, &bytes);
    }
}

/// A child of the runner's says nothing on the terminal: what it has to say goes over the socket. Ctrl-C in that
/// terminal is the runner's business.
fn leave_the_terminal() -> Result<()> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    let null = null.map_err(|errno| cannot("open /dev/null", errno))?;
    let places = if std::env::var_os("BLOCKADE_DEBUG").is_some() { 0..2 } else { 0..3 };
    { places }
        .try_for_each(|place| sys::put(null.as_fd(), place))
        .map_err(|errno| cannot("leave the terminal", errno))?;
    // A group leader cannot and need not leave.
    let _ = rustix::process::setsid();
    Ok(())
}

fn cannot(what: &str, errno: Errno) -> Error {
    Error::machine(format!("the agent cannot {what}: {}", sys::io(errno)))
}
