//! Commands that run inside a node beside its program.

use super::image::{Broken, Defaults, Image, Step};
use super::node::{Node, ended_child};
use super::{init, join};
use crate::agent::protocol::{Ended, Exec, Executed, Failure, Kept, Written};
use crate::agent::readable::{Readable, readable};
use crate::agent::{sys, tree};
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

/// What commands are started with.
pub(super) struct Home {
    pub(super) defaults: Defaults,
    /// Ourselves, for the way back from a node's pid namespace.
    pub(super) own: OwnedFd,
}

/// Runs a command in the node and waits for its end: not for that of what it left in the background. Kills it when its
/// time is over, or nobody waits for it any more.
pub(super) async fn exec(
    home: &Home,
    node: &Node,
    request: Exec,
    abandoned: oneshot::Receiver<()>,
) -> Result<Executed, Failure> {
    let began = Instant::now();
    let run = node.running()?;
    if run.paused() {
        return Err(Failure::Paused(node.name().to_owned()));
    }
    let named = |error: Error| error.context(format!("node {}", node.name()));
    let image = Image::new(&request.argv, &request.env, request.cwd.as_deref(), request.user.as_deref());
    let image = image.map_err(named)?;
    let not_running = || Failure::NotRunning(node.name().to_owned());
    let started = Running::start(home, run.init(), &image).map_err(|errno| match errno {
        // The init ended before the call, whether or not we have heard of it.
        Errno::SRCH => not_running(),
        Errno::NOMEM if has_ended(run.init()) => not_running(),
        errno => named(Error::machine(format!("cannot start a command: {}", sys::io(errno)))).into(),
    })?;
    let timeout = request.timeout_ms.map(Duration::from_millis);
    let outcome = started.finish(request.stdin, timeout, abandoned).await;
    let outcome = outcome.map_err(|error| named(Error::machine(format!("a command got lost: {error}"))))?;
    match outcome {
        Outcome::Ended(executed) => Ok(Executed { took_us: micros(began), ..executed }),
        Outcome::Broken(Broken { step: Step::Namespaces, errno: Errno::SRCH }) => Err(not_running()),
        Outcome::Broken(broken) => Ok(Executed { took_us: micros(began), ..not_run(&image, broken).map_err(named)? }),
    }
}

/// Whether the process behind this descriptor is no more.
fn has_ended(process: BorrowedFd<'_>) -> bool {
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(process, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

fn micros(since: Instant) -> u64 {
    since.elapsed().as_micros() as u64
}

/// A command that is not there is an answer, as in a shell; a missing user or folder is an error.
fn not_run(image: &Image, broken: Broken) -> Result<Executed> {
    let error = image.explain(broken);
    let code = match broken {
        Broken { step: Step::Exec, errno: Errno::NOENT } => 127,
        Broken { step: Step::Exec, .. } => 126,
        _ => return Err(error),
    };
    Ok(Executed { code: Some(code), stderr: format!("blockade: {error}\n"), ..Executed::default() })
}

enum Outcome {
    Ended(Executed),
    Broken(Broken),
}

/// A command on its way.
struct Running {
    pid: Pid,
    child: Readable,
    stdin: pipe::Sender,
    stdout: Rc<Output>,
    stderr: Rc<Output>,
    failure: pipe::Receiver,
}

impl Running {
    fn start(home: &Home, init: BorrowedFd<'_>, image: &Image) -> Result<Self, Errno> {
        let pair = || pipe_with(PipeFlags::CLOEXEC);
        let ((stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr)) = (pair()?, pair()?, pair()?);
        let (failure, failing) = pair()?;
        let defaults = &home.defaults;
        let child = join::spawn_into(init, home.own.as_fd(), || {
            let stdio = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
            let [a, b, c] = stdio.map(|fd| fd.as_raw_fd());
            sys::keep_only(&[a, b, c, init.as_raw_fd(), failing.as_raw_fd(), defaults.own().as_raw_fd()]);
            let broken = match join::join(init) {
                Ok(()) => image.run(stdio, defaults),
                Err(errno) => Broken { step: Step::Namespaces, errno },
            };
            let _ = rustix::io::write(&failing, &init::failure_record(broken));
            127
        })?;
        let listen = |fd| pipe::Receiver::from_owned_fd(fd).map_err(errno);
        Ok(Self {
            pid: child.pid,
            child: readable(child.pidfd).map_err(errno)?,
            stdin: pipe::Sender::from_owned_fd(to_stdin).map_err(errno)?,
            stdout: Output::collect(listen(from_stdout)?),
            stderr: Output::collect(listen(from_stderr)?),
            failure: listen(failure)?,
        })
    }

    async fn finish(
        mut self,
        input: String,
        timeout: Option<Duration>,
        abandoned: oneshot::Receiver<()>,
    ) -> std::io::Result<Outcome> {
        spawn_local(async move {
            // A command that does not read its input is none of our business.
            let _ = self.stdin.write_all(input.as_bytes()).await;
        });
        let mut record = init::Record::default();
        let end = async {
            let broken = self.failure.read_exact(&mut record).await.is_ok();
            exit(&self.child).await.map(|ended| (broken, ended))
        };
        let (timed_out, (broken, ended)) = if let Some(end) = within(timeout, abandoned, end).await {
            (false, end?)
        } else {
            tree::kill_tree(self.pid);
            (true, (false, exit(&self.child).await?))
        };
        if broken && let Some(broken) = init::failure(record) {
            return Ok(Outcome::Broken(broken));
        }
        let (code, signal) = match ended {
            Ended::Code(code) => (Some(code), None),
            Ended::Signal(signal) => (None, Some(signal)),
        };
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let dropped = stdout.dropped || stderr.dropped;
        let (stdout, stderr) = (stdout.text, stderr.text);
        Ok(Outcome::Ended(Executed { code, signal, stdout, stderr, dropped, timed_out, took_us: 0 }))
    }
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Nothing where it took too long, or nobody waits for it any more.
async fn within<T>(
    timeout: Option<Duration>,
    abandoned: oneshot::Receiver<()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let over = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = over => None,
        _ = abandoned => None,
    }
}

/// Waits for the end of the direct child and reaps it.
async fn exit(child: &Readable) -> std::io::Result<Ended> {
    loop {
        let mut guard = child.readable().await?;
        if let Some(status) = sys::reaped(child.get_ref())? {
            return Ok(ended_child(&status));
        }
        guard.clear_ready();
    }
}

/// What a command writes. Read to its end, so that what it leaves in the background can go on writing; kept until
/// the command itself has ended, up to the limit.
struct Output {
    pipe: pipe::Receiver,
    /// Nothing more is kept once the command has ended.
    kept: RefCell<Option<Kept>>,
}

/// The most that a pipe holds, unless root made it larger.
const PIPE_BYTES_MAX: usize = 1 << 20;

impl Output {
    fn collect(pipe: pipe::Receiver) -> Rc<Self> {
        let output = Rc::new(Self { pipe, kept: RefCell::new(Some(Kept::default())) });
        let reader = output.clone();
        spawn_local(async move { while reader.pipe.readable().await.is_ok() && !reader.read_some() {} });
        output
    }

    /// Reads what is there; whether that was the end.
    fn read_some(&self) -> bool {
        let mut buffer = [0; 8 << 10];
        match self.pipe.try_read(&mut buffer) {
            Ok(0) => true,
            Ok(length) => {
                if let Some(kept) = self.kept.borrow_mut().as_mut() {
                    kept.add(&buffer[..length]);
                }
                false
            }
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// After the command's end: all that it wrote is in the pipe by now. Not by `try_read`, which relies on the event
    /// loop having been told so.
    fn take(&self) -> Written {
        let mut kept = self.kept.take().unwrap_or_default();
        let mut buffer = vec![0; 64 << 10];
        for _ in 0..PIPE_BYTES_MAX / buffer.len() {
            match rustix::io::read(&self.pipe, &mut buffer) {
                Err(Errno::INTR) => {}
                Ok(length) if length > 0 => kept.add(&buffer[..length]),
                _ => break,
            }
        }
        kept.written()
    }
}
