//! `blockade workload [--to SOCKET] -- PROGRAM`: stands between a run and its workload, so that nothing of it outlives the run. Whatever
//! the program starts, in whatever process group or session, comes to this process when its own parent ends, and ends
//! with it.
//!
//! Its standard input, or in a node the socket that it is told, leads to the run: up goes whether the program could be
//! started, and from a node what that prints; its end is the end of whoever listens. The exit code is the program's.
//! Touches its own descendants, and nothing else.

use crate::agent::kill_descendants;
use rustix::process::{Signal, WaitOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::{Child, Command};

/// What the run is told of a program that was started; all else is why it was not.
pub(super) const STARTED: &str = "started";
/// Of a program that was not started, or that was ended: nobody looks at it.
const NOBODY_ASKS: u8 = 1;

/// Runs the program to its end, or to that of the run; the exit code.
pub fn hold(to: Option<&Path>, program: &[String]) -> u8 {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = tokio.and_then(|tokio| tokio.block_on(run(to, program))).unwrap_or(NOBODY_ASKS);
    end_all();
    code
}

async fn run(to: Option<&Path>, program: &[String]) -> io::Result<u8> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let listener = match to {
        Some(socket) => UnixStream::connect(socket).await.inspect_err(|error| eprintln!("blockade: {error}"))?,
        None => inherited()?,
    };
    let (mut down, mut up) = listener.into_split();
    let mut child = match start(program, to.is_some()) {
        Ok(child) => child,
        Err(error) => {
            up.write_all(format!("{error}\n").as_bytes()).await?;
            return Ok(NOBODY_ASKS);
        }
    };
    up.write_all(format!("{STARTED}\n").as_bytes()).await?;
    tokio::select! {
        status = its_end(&mut child, &mut up) => status.map(code),
        _gone = down.read_u8() => Ok(NOBODY_ASKS),
    }
}

/// The socket that is our standard input. A second descriptor of it: the first goes to no program.
fn inherited() -> io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Waits for the program, and hands on what it prints where that does not go to the run by itself.
async fn its_end(child: &mut Child, up: &mut OwnedWriteHalf) -> io::Result<ExitStatus> {
    let Some(mut output) = child.stdout.take() else { return child.wait().await };
    let mut copying = std::pin::pin!(tokio::io::copy(&mut output, up));
    tokio::select! {
        _all = &mut copying => child.wait().await,
        status = child.wait() => {
            let _rest = tokio::time::timeout(super::AFTER_ITS_END, copying).await;
            status
        }
    }
}

fn start(program: &[String], is_heard_here: bool) -> io::Result<Child> {
    let (name, arguments) = program.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(name);
    // A group of its own: what it sends to that is not for us.
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    if is_heard_here {
        command.stdout(Stdio::piped());
    }
    // SAFETY: the closure only makes a system call.
    unsafe {
        command
            .pre_exec(|| rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from));
    }
    command.spawn()
}

/// As a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Ends all that is left, until there is nothing to wait for: what lost its parent meanwhile has come to us.
fn end_all() {
    loop {
        kill_descendants();
        if rustix::process::wait(WaitOptions::empty()).is_err() {
            return;
        }
    }
}
