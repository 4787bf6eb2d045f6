//! What the whole-binary tests share: a folder of their own, and the binary run in it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod browser;
pub mod docker;
pub mod processes;
mod skip;

#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use skip::{netem, skip};

use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The binary under test.
pub const BLOCKADE: &str = env!("CARGO_BIN_EXE_blockade");

/// Three nodes that do nothing.
pub const THREE: &str =
    "nodes:\n  n1: { command: sleep infinity }\n  n2: { command: sleep infinity }\n  n3: { command: sleep infinity }\n";

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The ended command, if it ended with this code; else a panic that shows everything.
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Who runs the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Ours,
    /// Somebody without rights: another user where root runs the tests.
    Ordinary,
    /// The same, in the group that Docker's socket belongs to.
    DockerGroup,
}

/// An id that owns nothing on any machine.
const NOBODY: u32 = 65534;

/// A folder of a test's own, in which it runs the binary.
pub struct Place {
    folder: TempDir,
    binary: PathBuf,
    user: User,
}

impl Place {
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { folder, binary: BLOCKADE.into(), user: User::Ours }
    }

    /// A place with a script `s.rhai` and its cluster file.
    pub fn with(script: &str, cluster: &str) -> Self {
        let place = Self::new();
        place.write("s.rhai", script);
        place.write("s.yaml", cluster);
        place
    }

    /// The same, where this user runs the binary.
    pub fn of(user: User, script: &str, cluster: &str) -> Self {
        let mut place = Self::with(script, cluster);
        if user != User::Ours && rustix::process::geteuid().is_root() {
            place.user = user;
            place.binary = place.path().join("blockade");
            // By another process: a child of a test beside this one would hold the copy open for writing, and nobody
            // can run a file that somebody writes.
            let copied = Command::new("cp").arg(BLOCKADE).arg(&place.binary).status().expect("cp runs");
            assert!(copied.success(), "a copy that everybody may run");
            std::os::unix::fs::chown(place.path(), Some(NOBODY), Some(NOBODY)).expect("a folder of the other user's");
        }
        place
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A file of JSON lines.
    pub fn lines(&self, name: &str) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        self.read(name).lines().map(parse).collect()
    }

    /// The command, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = match self.user {
            User::DockerGroup => in_docker_group(&self.binary),
            User::Ours | User::Ordinary => Command::new(&self.binary),
        };
        command.args(args).current_dir(self.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
        if self.user == User::Ordinary {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs the binary to its end.
    pub fn blockade(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().expect("the binary runs"))
    }

    /// Runs `s.rhai` with a fixed seed to its end; its folder is `out`.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.blockade(&[&["run", "s.rhai", "--seed", "1", "--out", "out"], args].concat())
    }

    /// Starts the binary; its output can be read.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    }
}

/// What runs a program as a user whose only right is Docker's socket.
pub fn in_docker_group(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    let (nobody, group) = (NOBODY.to_string(), docker::group().to_string());
    command.args([
        "--reuid",
        &nobody,
        "--regid",
        &nobody,
        "--groups",
        &group,
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]);
    command.arg("--").arg(program);
    command
}

/// Whether this user can have namespaces here. Where not, the running test says so and is counted as skipped.
pub fn namespaces(user: User) -> bool {
    static OURS: OnceLock<Option<String>> = OnceLock::new();
    static ORDINARY: OnceLock<Option<String>> = OnceLock::new();
    let lacks = if user == User::Ours { &OURS } else { &ORDINARY };
    let lacks = lacks.get_or_init(|| {
        let tried = Place::of(user, "", THREE).run(&["--quiet", "--runtime", "netns"]);
        let told = tried.stderr.lines().next().unwrap_or_default().to_owned();
        let refused = ["user namespace", "create namespaces", "namespace of our own", "mount a fresh /proc"];
        let are_refused = refused.iter().any(|what| told.contains(what));
        assert!(tried.code != 3 || are_refused, "another trouble than that there are none: {tried:?}");
        (tried.code == 3).then_some(told)
    });
    if let Some(reason) = lacks {
        skip(reason);
    }
    lacks.is_none()
}

/// Whether all of these programs are installed. Where not, the running test says so and is counted as skipped.
pub fn installed(programs: &[&str]) -> bool {
    let there = |program: &str| {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        found.is_ok_and(|output| output.status.success())
    };
    let missing: Vec<_> = programs.iter().copied().filter(|program| !there(program)).collect();
    if !missing.is_empty() {
        skip(&format!("not installed: {} (tests/run does that)", missing.join(", ")));
    }
    missing.is_empty()
}

/// The same for PostgreSQL's servers, which Debian puts on nobody's path.
pub fn postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let there = versions.map(|version| version.path().join("bin/postgres")).any(|program| program.exists());
    if !there {
        skip("not installed: postgres (tests/run does that)");
    }
    there
}

/// Waits until it holds; fails the test, saying what, if it never does.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    // Longer than anything may take; only a failing test waits for it.
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An output as text.
pub fn ended(output: std::process::Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
