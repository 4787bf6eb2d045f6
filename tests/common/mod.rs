//! What the whole-binary tests share: a folder of their own, and the binary run in it.
#![allow(dead_code, reason = "each test binary uses its own part")]

mod skip;

#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use skip::skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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

/// A folder of a test's own, in which it runs the binary.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// A place with a script `s.rhai` and its cluster file.
    pub fn with(script: &str, cluster: &str) -> Self {
        let place = Self::new();
        place.write("s.rhai", script);
        place.write("s.yaml", cluster);
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The command, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BLOCKADE);
        command.args(args).current_dir(self.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
        command
    }

    /// Runs the binary to its end.
    pub fn blockade(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().expect("the binary runs"))
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
