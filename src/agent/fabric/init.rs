//! A node's init: PID 1 of its pid namespace, a fork of the agent that never executes anything else.
//!
//! It makes the node's namespaces, starts the program, forwards signals to it, stops and continues the whole tree,
//! reaps orphans, and ends with the program: the kernel then kills what is left. It must be a process of ours, since
//! a plain program as PID 1 would not die of SIGTERM.
//!
//! Synchronous and single-threaded. It speaks with the agent over a socket, in records of three numbers.

use super::freeze::Freezer;
use super::image::{Broken, Defaults, Image, Step, at};
use crate::agent::sys;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind};
use rustix::process::WaitStatus;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::ffi::CString;

/// What the agent asks of an init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Send this to the program; without one, end.
    Signal(i32),
    /// Stop every process.
    Pause,
    /// Continue every process.
    Resume,
}

/// What an init tells the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The program runs (or the node idles).
    Started,
    /// It cannot.
    Failed(Broken),
    /// The last command is done; with an errno, it could not be.
    Done(Option<Errno>),
    /// The program ended with this wait status; the init is about to follow.
    Exited(i32),
}

/// A command or a report on the wire.
pub(super) type Record = [u8; 12];

fn record(numbers: [i32; 3]) -> Record {
    let mut record = Record::default();
    for (place, number) in record.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    record
}

fn numbers(record: Record) -> [i32; 3] {
    let number = |at: usize| i32::from_ne_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    [number(0), number(4), number(8)]
}

impl Command {
    pub(super) fn encode(self) -> Record {
        record(match self {
            Self::Signal(signal) => [1, signal, 0],
            Self::Pause => [2, 0, 0],
            Self::Resume => [3, 0, 0],
        })
    }

    fn decode(bytes: Record) -> Option<Self> {
        match numbers(bytes) {
            [1, signal, _] => Some(Self::Signal(signal)),
            [2, ..] => Some(Self::Pause),
            [3, ..] => Some(Self::Resume),
            _ => None,
        }
    }
}

impl Report {
    fn encode(self) -> Record {
        record(match self {
            Self::Started => [1, 0, 0],
            Self::Failed(broken) => {
                let [step, errno] = broken.encode();
                [2, step, errno]
            }
            Self::Done(errno) => [3, errno.map_or(0, Errno::raw_os_error), 0],
            Self::Exited(status) => [4, status, 0],
        })
    }

    pub(super) fn decode(bytes: Record) -> Option<Self> {
        match numbers(bytes) {
            [1, ..] => Some(Self::Started),
            [2, step, errno] => Broken::decode([step, errno]).map(Self::Failed),
            [3, 0, _] => Some(Self::Done(None)),
            [3, errno, _] => Some(Self::Done(Some(Errno::from_raw_os_error(errno)))),
            [4, status, _] => Some(Self::Exited(status)),
            _ => None,
        }
    }
}

/// All that a node is to be, made before the fork.
pub(super) struct Birth<'a> {
    pub(super) network: BorrowedFd<'a>,
    pub(super) hostname: &'a str,
    pub(super) hosts: &'a str,
    /// The program and its log.
    pub(super) program: Option<(Image, CString)>,
    pub(super) defaults: &'a Defaults,
}

/// The body of the forked child: lives as PID 1 until its program ends. Returns its exit code.
pub(super) fn live(birth: &Birth<'_>, control: BorrowedFd<'_>) -> i32 {
    sys::keep_only(&[control.as_raw_fd(), birth.network.as_raw_fd(), birth.defaults.own().as_raw_fd()]);
    match Init::start(birth, control) {
        Err(broken) => {
            report(control, Report::Failed(broken));
            1
        }
        Ok(init) => {
            report(control, Report::Started);
            init.serve()
        }
    }
}

fn report(control: BorrowedFd<'_>, report: Report) {
    // If the agent is gone, the kernel is about to end this process as well.
    let _ = rustix::io::write(control, &report.encode());
}

struct Init<'a> {
    control: BorrowedFd<'a>,
    signals: OwnedFd,
    /// `/proc` of the node, whatever the program mounts over it.
    proc: OwnedFd,
    program: Option<i32>,
    freezer: Freezer,
}

impl<'a> Init<'a> {
    fn start(birth: &Birth<'_>, control: BorrowedFd<'a>) -> Result<Self, Broken> {
        let signals = sys::signals().map_err(at(Step::Session))?;
        let _ = rustix::thread::set_name(c"blockade-init");
        enter(birth)?;
        let proc = open("/proc", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(at(Step::Proc))?;
        let program = match &birth.program {
            None => None,
            Some((image, log)) => Some(launch(image, log, birth.defaults)?),
        };
        Ok(Self { control, signals, proc, program, freezer: Freezer::default() })
    }

    /// Until the program has ended.
    fn serve(mut self) -> i32 {
        loop {
            let mut waiting =
                [PollFd::new(&self.signals, PollFlags::IN), PollFd::from_borrowed_fd(self.control, PollFlags::IN)];
            if poll(&mut waiting, None).is_err_and(|errno| errno != Errno::INTR) {
                return 1;
            }
            let [signals, control] = waiting.map(|fd| !fd.revents().is_empty());
            if signals && let Some(code) = self.signals() {
                return code;
            }
            if control && let Some(code) = self.command() {
                return code;
            }
        }
    }

    /// Forwards what was sent to PID 1, reaps what ended. Some exit code when the node is over.
    fn signals(&self) -> Option<i32> {
        while let Some(signal) = next_signal(self.signals.as_fd()) {
            if signal == libc::SIGCHLD {
                continue;
            }
            match self.program {
                Some(program) => drop(sys::kill(program, signal)),
                None if ends_an_idle_node(signal) => return Some(0),
                None => {}
            }
        }
        while let Some((pid, status)) = sys::reap_any() {
            if self.program == Some(pid.as_raw_nonzero().get()) {
                return Some(self.exited(status));
            }
        }
        None
    }

    fn exited(&self, status: WaitStatus) -> i32 {
        report(self.control, Report::Exited(status.as_raw()));
        0
    }

    fn command(&mut self) -> Option<i32> {
        let mut bytes = Record::default();
        let read = rustix::io::read(self.control, &mut bytes);
        let Some(command) = read.ok().filter(|length| *length == bytes.len()).and_then(|_| Command::decode(bytes))
        else {
            return Some(1);
        };
        let result = match (command, self.program) {
            (Command::Signal(signal), Some(program)) => self.freezer.signal(self.proc.as_fd(), program, signal),
            (Command::Signal(signal), None) if ends_an_idle_node(signal) => return Some(0),
            (Command::Signal(_), None) => Ok(()),
            (Command::Pause, _) => self.freezer.freeze(self.proc.as_fd()),
            (Command::Resume, _) => self.freezer.thaw(self.proc.as_fd()),
        };
        report(self.control, Report::Done(result.err()));
        None
    }
}

/// Whether an init without a program ends of this: as a shell would.
fn ends_an_idle_node(signal: i32) -> bool {
    matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGQUIT | libc::SIGHUP | libc::SIGABRT)
}

fn next_signal(signals: BorrowedFd<'_>) -> Option<i32> {
    let mut info = [0; size_of::<libc::signalfd_siginfo>()];
    let length = rustix::io::read(signals, &mut info).ok()?;
    // ssi_signo is the first field.
    (length == info.len()).then(|| i32::from_ne_bytes([info[0], info[1], info[2], info[3]]))
}

/// The node's namespaces: its network, which stays, and fresh ones for all else.
fn enter(birth: &Birth<'_>) -> Result<(), Broken> {
    move_into_link_name_space(birth.network, Some(LinkNameSpaceType::Network)).map_err(at(Step::Network))?;
    let fresh = UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC;
    sys::unshare(fresh).map_err(at(Step::Namespaces))?;
    rustix::system::sethostname(birth.hostname.as_bytes()).map_err(at(Step::Hostname))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).map_err(at(Step::Proc))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("blockade", "/dev/shm", "tmpfs", flags, Some(c"mode=1777")).map_err(at(Step::Shm))?;
    hosts(birth.hosts).map_err(at(Step::Hosts))
}

/// A private `/etc/hosts`: a file on the node's own tmpfs, mounted over the machine's and then without a name.
fn hosts(content: &str) -> Result<(), Errno> {
    let file = "/dev/shm/.hosts";
    let write = || {
        std::fs::write(file, content)?;
        rustix::fs::chmod(file, Mode::from_raw_mode(0o644))?;
        mount_bind(file, "/etc/hosts")?;
        rustix::fs::unlink(file)?;
        Ok(())
    };
    write().map_err(|error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// Forks the program and waits until its `execve` has succeeded.
fn launch(image: &Image, log: &CString, defaults: &Defaults) -> Result<i32, Broken> {
    let nothing = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(at(Step::Log))?;
    let log_flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
    let log = open(log, log_flags, Mode::from_raw_mode(0o644)).map_err(at(Step::Log))?;
    let (failure, failing) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(at(Step::Fork))?;
    let child = sys::spawn(0, || {
        let broken = image.run([nothing.as_fd(), log.as_fd(), log.as_fd()], defaults);
        let [step, errno] = broken.encode();
        let _ = rustix::io::write(&failing, &record([step, errno, 0]));
        127
    })
    .map_err(at(Step::Fork))?;
    drop(failing);
    match read_failure(failure.as_fd()) {
        Some(broken) => Err(broken),
        None => Ok(child.pid.as_raw_nonzero().get()),
    }
}

/// Nothing, if the pipe was closed by a successful `execve`.
fn read_failure(pipe: BorrowedFd<'_>) -> Option<Broken> {
    let mut bytes = Record::default();
    loop {
        match rustix::io::read(pipe, &mut bytes) {
            Err(Errno::INTR) => {}
            Ok(length) if length == bytes.len() => return failure(bytes),
            _ => return None,
        }
    }
}

/// A failure as a child wrote it into its pipe.
pub(super) fn failure(bytes: Record) -> Option<Broken> {
    let [step, errno, _] = numbers(bytes);
    Broken::decode([step, errno])
}

/// A failure as a child writes it into its pipe.
pub(super) fn failure_record(broken: Broken) -> Record {
    let [step, errno] = broken.encode();
    record([step, errno, 0])
}
