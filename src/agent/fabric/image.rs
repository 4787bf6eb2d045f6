//! From a command as the runner describes it to a running program: everything between fork and `execve`.

use crate::agent::sys::{self, io};
use crate::error::{Error, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::raw::c_char;
use std::path::Path;

/// What every program that the agent starts is given by the agent itself.
pub(super) struct Defaults {
    /// The running binary, for commands that name `blockade`.
    own: OwnedFd,
    /// The limit of open files before the agent raised its own.
    open_files: Rlimit,
}

impl Defaults {
    /// Taken once, before anything is mounted over or unlinked.
    pub(super) fn new() -> Result<Self> {
        let own = rustix::fs::open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| Error::machine(format!("cannot open /proc/self/exe: {}", io(errno))))?;
        Ok(Self { own, open_files: sys::raise_open_files() })
    }

    /// The running binary's descriptor.
    pub(super) fn own(&self) -> BorrowedFd<'_> {
        self.own.as_fd()
    }
}

/// What failed between fork and `execve`. Travels as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Network = 1,
    Namespaces,
    Hostname,
    Proc,
    Shm,
    Hosts,
    Fork,
    Log,
    Session,
    User,
    NoUser,
    Folder,
    Exec,
}

impl Step {
    const ALL: [Self; 13] = [
        Self::Network,
        Self::Namespaces,
        Self::Hostname,
        Self::Proc,
        Self::Shm,
        Self::Hosts,
        Self::Fork,
        Self::Log,
        Self::Session,
        Self::User,
        Self::NoUser,
        Self::Folder,
        Self::Exec,
    ];
}

/// A step and the errno it failed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) step: Step,
    pub(super) errno: Errno,
}

impl Broken {
    /// As two numbers, for a pipe.
    pub(super) fn encode(self) -> [i32; 2] {
        [self.step as i32, self.errno.raw_os_error()]
    }

    /// Back from two numbers.
    pub(super) fn decode([step, errno]: [i32; 2]) -> Option<Self> {
        let step = Step::ALL.into_iter().find(|known| *known as i32 == step)?;
        Some(Self { step, errno: Errno::from_raw_os_error(errno) })
    }
}

/// Adds the step to an errno.
pub(super) fn at(step: Step) -> impl Fn(Errno) -> Broken {
    move |errno| Broken { step, errno }
}

/// A program ready to be executed: all strings made before the fork.
pub(super) struct Image {
    /// The paths to try, in order; none for the running binary itself.
    paths: Option<Vec<CString>>,
    argv: Vec<CString>,
    env: Vec<CString>,
    cwd: CString,
    user: Option<CString>,
}

impl Image {
    /// Checks what can be checked without touching the system: names without NUL bytes, at least one argument.
    pub(super) fn new(
        argv: &[String],
        env: &BTreeMap<String, String>,
        cwd: Option<&Path>,
        user: Option<&str>,
    ) -> Result<Self> {
        let name = argv.first().ok_or_else(|| Error::usage("an empty command"))?;
        Ok(Self {
            paths: if name == "blockade" { None } else { Some(candidates(name, env.get("PATH"))?) },
            argv: argv.iter().map(|word| c_string(word)).collect::<Result<_>>()?,
            env: env.iter().map(|(key, value)| c_string(&format!("{key}={value}"))).collect::<Result<_>>()?,
            cwd: c_string(&cwd.unwrap_or(Path::new("/")).to_string_lossy())?,
            user: user.map(c_string).transpose()?,
        })
    }

    /// In the forked child: becomes the program. Returns only if it cannot.
    pub(super) fn run(&self, stdio: [BorrowedFd<'_>; 3], defaults: &Defaults) -> Broken {
        match self.prepare(stdio, defaults) {
            Err(broken) => broken,
            Ok(()) => Broken { step: Step::Exec, errno: self.execute(defaults) },
        }
    }

    fn prepare(&self, stdio: [BorrowedFd<'_>; 3], defaults: &Defaults) -> Result<(), Broken> {
        rustix::process::setsid().map_err(at(Step::Session))?;
        for (place, fd) in stdio.into_iter().enumerate() {
            sys::put(fd, place as i32).map_err(at(Step::Session))?;
        }
        rustix::process::setrlimit(Resource::Nofile, defaults.open_files).map_err(at(Step::Session))?;
        // An ambient capability would survive the execve of an ordinary user's program.
        rustix::thread::clear_ambient_capability_set().map_err(at(Step::User))?;
        if let Some(user) = &self.user {
            let exists = sys::become_user(user).map_err(at(Step::User))?;
            exists.then_some(()).ok_or(Broken { step: Step::NoUser, errno: Errno::NOENT })?;
        }
        rustix::process::chdir(&self.cwd).map_err(at(Step::Folder))?;
        sys::default_signals();
        sys::close_on_exec();
        Ok(())
    }

    fn execute(&self, defaults: &Defaults) -> Errno {
        let (argv, env) = (pointers(&self.argv), pointers(&self.env));
        let Some(paths) = &self.paths else { return sys::execve_fd(defaults.own(), &argv, &env) };
        let mut worst = Errno::NOENT;
        for path in paths {
            match sys::execve(path, &argv, &env) {
                Errno::NOENT | Errno::NOTDIR => {}
                // A folder on the way that this user may not look into: for all that is known, it is not there.
                Errno::ACCESS if rustix::fs::stat(path.as_c_str()).is_err() && paths.len() > 1 => {}
                // A file that is there but may not be run: a later folder may have one that may.
                Errno::ACCESS => worst = Errno::ACCESS,
                errno => return errno,
            }
        }
        worst
    }

    /// What went wrong, for people: names the program, the user or the folder, and the errno.
    pub(super) fn explain(&self, broken: Broken) -> Error {
        let text = |string: &CStr| string.to_string_lossy().into_owned();
        let name = text(&self.argv[0]);
        match broken.step {
            Step::NoUser => {
                let user = self.user.as_deref().map(text).unwrap_or_default();
                Error::machine(format!("cannot run `{name}`: there is no user `{user}` on this machine"))
            }
            Step::User => Error::machine(format!(
                "cannot run `{name}` as user `{}`: {}",
                self.user.as_deref().map(text).unwrap_or_default(),
                io(broken.errno)
            ))
            .help("only root can run a node as another user"),
            Step::Folder => {
                let folder = text(&self.cwd);
                let error = Error::machine(format!("cannot run `{name}` in the folder {folder}: {}", io(broken.errno)));
                match self.user.as_deref().map(text) {
                    Some(user) if broken.errno == Errno::ACCESS => error.help(format!(
                        "the user `{user}` must be able to enter every folder above it: give the run another with `--out`"
                    )),
                    _ => error,
                }
            }
            _ => Error::machine(format!("cannot run `{name}`: {}", io(broken.errno))),
        }
    }
}

/// As `execvp` does it: a name with a slash is a path, any other is looked for in each folder of `PATH`.
fn candidates(name: &str, path: Option<&String>) -> Result<Vec<CString>> {
    if name.contains('/') {
        return Ok(vec![c_string(name)?]);
    }
    let path = path.map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    path.split(':')
        .map(|folder| if folder.is_empty() { "." } else { folder })
        .map(|folder| c_string(&format!("{folder}/{name}")))
        .collect()
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::usage(format!("{text:?} holds a NUL byte")).help("no command can hold one"))
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}
