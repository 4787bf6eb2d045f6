//! A node over its lives: started, stopped, killed, paused.
//!
//! Each life is a [`Run`]: an init and all below it. A task of its own keeps it: hears what the init reports, and
//! reaps it when it ends.

use super::describe;
use super::image::{Broken, Defaults, Image};
use super::init::{self, Birth, Command, Record, Report};
use crate::agent::network::Network;
use crate::agent::outbox::Outbox;
use crate::agent::protocol::{Ended, Failure, Notification, StartNode, StopNode};
use crate::agent::readable::{Readable, readable};
use crate::agent::sys;
use crate::error::{Error, Result};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::process::Signal;
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::spawn_local;

/// A node: a name and a network namespace for good, a life at times.
pub(in crate::agent) struct Node {
    name: String,
    network: Rc<Network>,
    /// One change of the node's state at a time; only SIGKILL does not wait for it.
    changing: Mutex<()>,
    run: RefCell<Option<Rc<Run>>>,
    /// How many lives it has begun.
    lives: Cell<u64>,
}

/// One life of a node.
pub(super) struct Run {
    number: u64,
    init: Readable,
    link: Mutex<Link>,
    /// Whether the program has been executed: before that the init may still be outside of its namespaces.
    started: Cell<bool>,
    paused: Cell<bool>,
    /// The signals we sent that explain an end.
    asked: RefCell<Vec<i32>>,
    ended: watch::Sender<Option<Ended>>,
}

/// Commands out, and what came of them.
struct Link {
    commands: OwnedWriteHalf,
    done: mpsc::UnboundedReceiver<Option<Errno>>,
}

impl Node {
    pub(super) fn new(name: &str, network: Rc<Network>) -> Self {
        Self {
            name: name.to_owned(),
            network,
            changing: Mutex::default(),
            run: RefCell::default(),
            lives: Cell::new(0),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The present life, unless there is none or it is not fully born.
    pub(super) fn running(&self) -> Result<Rc<Run>, Failure> {
        let run = self.run.borrow().clone();
        run.filter(|run| run.started.get()).ok_or_else(|| Failure::NotRunning(self.name.clone()))
    }

    /// Begins a life; returns when the program has been executed.
    pub(super) async fn start(
        self: &Rc<Self>,
        request: &StartNode,
        defaults: &Defaults,
        outbox: &Outbox,
    ) -> Result<u64, Failure> {
        let _changing = self.changing.lock().await;
        if self.run.borrow().is_some() {
            return Err(Error::usage(format!("node {} runs already", self.name)).into());
        }
        let program = image(request).map_err(|error| error.context(format!("node {}", self.name)))?;
        let birth = Birth {
            network: self.network.as_fd(),
            hostname: &request.hostname,
            hosts: &request.hosts,
            program,
            defaults,
        };
        let (run, born) = self
            .beget(&birth, outbox)
            .map_err(|error| Error::machine(format!("node {}: cannot start its init: {error}", self.name)))?;
        match born.await {
            Ok(Ok(())) => Ok(run.number),
            Ok(Err(broken)) => {
                run.ended().await;
                Err(describe::birth(&self.name, birth.program.as_ref(), broken).into())
            }
            Err(_) => Err(Error::machine(format!("node {}: it was killed while it started", self.name)).into()),
        }
    }

    /// Forks the init and sets its keeper to work.
    fn beget(self: &Rc<Self>, birth: &Birth<'_>, outbox: &Outbox) -> std::io::Result<(Rc<Run>, Born)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let init = sys::spawn(libc::CLONE_NEWPID, || init::live(birth, theirs.as_fd()))?;
        drop(theirs);
        let (reports, commands) = UnixStream::from_std(ours)?.into_split();
        let (done, done_here) = mpsc::unbounded_channel();
        let (birth, born) = oneshot::channel();
        self.lives.set(self.lives.get() + 1);
        let run = Rc::new(Run {
            number: self.lives.get(),
            init: readable(init.pidfd)?,
            link: Mutex::new(Link { commands, done: done_here }),
            started: Cell::new(false),
            paused: Cell::new(false),
            asked: RefCell::default(),
            ended: watch::Sender::default(),
        });
        self.run.replace(Some(run.clone()));
        let keeper = Keeper { node: self.clone(), run: run.clone(), done, birth: Some(birth), outbox: outbox.clone() };
        spawn_local(keeper.keep(reports));
        Ok((run, born))
    }

    /// Ends the life: politely, then not.
    pub(in crate::agent) async fn stop(&self, signal: i32, grace: Duration) -> Result<Ended, Failure> {
        check(signal)?;
        let _changing = self.changing.lock().await;
        let run = self.running()?;
        run.asked.borrow_mut().push(ANY);
        let politely = async {
            let _ = run.command(Command::Signal(signal)).await;
            if run.paused.get() {
                let _ = run.command(Command::Resume).await;
            }
            run.ended().await
        };
        if let Ok(ended) = tokio::time::timeout(grace, politely).await {
            return Ok(ended);
        }
        run.destroy();
        Ok(run.ended().await)
    }

    /// Sends a signal; SIGKILL ends the life at once, whatever else is going on.
    pub(in crate::agent) async fn kill(&self, signal: i32) -> Result<(), Failure> {
        check(signal)?;
        if signal == libc::SIGKILL {
            let run = self.run.borrow().clone().ok_or_else(|| Failure::NotRunning(self.name.clone()))?;
            run.asked.borrow_mut().push(signal);
            run.destroy();
            run.ended().await;
            return Ok(());
        }
        let run = self.running()?;
        run.asked.borrow_mut().push(signal);
        self.commanded(&run, Command::Signal(signal)).await
    }

    /// Stops every process of the node.
    pub(in crate::agent) async fn pause(&self) -> Result<(), Failure> {
        let _changing = self.changing.lock().await;
        let run = self.running()?;
        if !run.paused.get() {
            // From now on nothing is to be executed in it: an exec would be stopped half-way.
            run.paused.set(true);
            if let Err(failure) = self.commanded(&run, Command::Pause).await {
                let _ = run.command(Command::Resume).await;
                run.paused.set(false);
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Lets them run again.
    pub(in crate::agent) async fn resume(&self) -> Result<(), Failure> {
        let _changing = self.changing.lock().await;
        let run = self.running()?;
        if run.paused.get() {
            self.commanded(&run, Command::Resume).await?;
            run.paused.set(false);
        }
        Ok(())
    }

    /// The end of the node itself: nothing of it runs afterwards.
    pub(super) async fn end(&self, stop: Option<StopNode>) -> Result<()> {
        if let Some(stop) = stop {
            match self.stop(stop.signal, Duration::from_millis(stop.grace_ms)).await {
                Ok(_) | Err(Failure::NotRunning(_)) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        match self.kill(libc::SIGKILL).await {
            Ok(()) | Err(Failure::NotRunning(_)) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn commanded(&self, run: &Run, command: Command) -> Result<(), Failure> {
        match run.command(command).await {
            Some(None) => Ok(()),
            Some(Some(errno)) => Err(Error::machine(match command {
                Command::Pause if errno == Errno::TIMEDOUT => format!("node {}: a process does not stop", self.name),
                _ => format!("node {}: {command:?}: {}", self.name, sys::io(errno)),
            })
            .into()),
            None => Err(Failure::NotRunning(self.name.clone())),
        }
    }
}

/// In the list of signals asked for: whatever end comes, it was asked for.
const ANY: i32 = 0;

type Born = oneshot::Receiver<Result<(), Broken>>;

fn image(request: &StartNode) -> Result<Option<(Image, CString)>> {
    let Some(program) = &request.program else { return Ok(None) };
    let image = Image::new(&program.argv, &program.env, Some(&program.cwd), program.user.as_deref())?;
    let log = CString::new(program.log.as_os_str().as_bytes());
    let log = log.map_err(|_| Error::usage("the path of the log holds a NUL byte"))?;
    Ok(Some((image, log)))
}

fn check(signal: i32) -> Result<()> {
    if sys::is_signal(signal) { Ok(()) } else { Err(Error::usage(format!("there is no signal {signal}"))) }
}

impl Run {
    /// The init, for joining its namespaces.
    pub(super) fn init(&self) -> BorrowedFd<'_> {
        self.init.get_ref().as_fd()
    }

    pub(super) fn paused(&self) -> bool {
        self.paused.get()
    }

    /// What came of a command; nothing if the life ended before.
    async fn command(&self, command: Command) -> Option<Option<Errno>> {
        let mut link = self.link.lock().await;
        link.commands.write_all(&command.encode()).await.ok()?;
        link.done.recv().await
    }

    /// Kills the init, and so the kernel kills all of its pid namespace, stopped processes too.
    fn destroy(&self) {
        // An error means that it has ended already.
        let _ = rustix::process::pidfd_send_signal(self.init.get_ref(), Signal::KILL);
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.unwrap_or(Ended::Signal(libc::SIGKILL)),
            // The sender is part of ourselves.
            Err(_) => Ended::Signal(libc::SIGKILL),
        }
    }

    /// Whether a stop, a kill or a teardown explains this end.
    fn was_asked_for(&self, ended: Ended) -> bool {
        const ENDING: [i32; 6] = [ANY, libc::SIGKILL, libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGABRT];
        let asked = self.asked.borrow();
        // A program may turn SIGTERM into exit code 0; one that got SIGUSR1 and exits does so for its own reasons.
        asked.iter().any(|signal| ENDING.contains(signal) || ended == Ended::Signal(*signal))
    }
}

/// The task that accompanies a life.
struct Keeper {
    node: Rc<Node>,
    run: Rc<Run>,
    done: mpsc::UnboundedSender<Option<Errno>>,
    birth: Option<oneshot::Sender<Result<(), Broken>>>,
    outbox: Outbox,
}

impl Keeper {
    async fn keep(mut self, mut reports: OwnedReadHalf) {
        let mut exited = None;
        let mut bytes = Record::default();
        while reports.read_exact(&mut bytes).await.is_ok() {
            match Report::decode(bytes) {
                Some(Report::Exited(status)) => exited = Some(ended(status)),
                Some(report) => self.hear(report),
                None => break,
            }
        }
        let of_init = self.reap().await;
        self.close(exited.unwrap_or(of_init));
    }

    fn hear(&mut self, report: Report) {
        match (report, self.birth.take()) {
            (Report::Started, Some(birth)) => {
                self.run.started.set(true);
                let _ = birth.send(Ok(()));
            }
            (Report::Failed(broken), Some(birth)) => drop(birth.send(Err(broken))),
            (Report::Done(errno), _) => drop(self.done.send(errno)),
            (Report::Started | Report::Failed(_) | Report::Exited(_), _) => {}
        }
    }

    /// Waits for the init's end. The kernel lets it end only after everything in its pid namespace has.
    async fn reap(&self) -> Ended {
        loop {
            let Ok(mut guard) = self.run.init.readable().await else { return Ended::Signal(libc::SIGKILL) };
            match sys::reaped(self.run.init.get_ref()) {
                Ok(Some(status)) => return ended_child(&status),
                Ok(None) => guard.clear_ready(),
                Err(_) => return Ended::Signal(libc::SIGKILL),
            }
        }
    }

    fn close(self, ended: Ended) {
        self.node.run.take();
        if self.run.started.get() {
            let expected = self.run.was_asked_for(ended);
            self.outbox.notify(Notification::Exited {
                node: self.node.name.clone(),
                life: self.run.number,
                ended,
                expected,
            });
        }
        self.run.ended.send_replace(Some(ended));
    }
}

/// A wait status in our words.
fn ended(status: i32) -> Ended {
    if libc::WIFSIGNALED(status) {
        Ended::Signal(libc::WTERMSIG(status))
    } else {
        Ended::Code(libc::WEXITSTATUS(status))
    }
}

/// How a child of ours ended.
pub(super) fn ended_child(status: &sys::WaitIdStatus) -> Ended {
    match status.terminating_signal() {
        Some(signal) => Ended::Signal(signal),
        None => Ended::Code(status.exit_status().unwrap_or_default()),
    }
}
