//! A daemon that runs with a cluster, and requests to it over connections that stay open.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const BLOCKADE: &str = env!("CARGO_BIN_EXE_blockade");
/// The cluster's path.
pub(crate) const CLUSTER: &str = "/v1/clusters/c1";

/// A daemon in a folder of its own, in which the cluster `c1` is up.
pub(crate) struct Daemon {
    folder: TempDir,
    child: Child,
}

impl Daemon {
    /// Brings the cluster up from this text of its file.
    pub(crate) fn with(cluster: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("blockade.yaml"), cluster).expect("the cluster file");
        says(folder.path(), &["up"]);
        let child = start(folder.path());
        Self { folder, child }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a one-shot command says, which asks no daemon.
    pub(crate) fn says(&self, args: &[&str]) -> String {
        says(self.folder(), args)
    }

    pub(crate) fn connect(&self) -> Client {
        let path = self.folder().join(".blockade/daemon.sock");
        Client(BufReader::new(UnixStream::connect(path).expect("the daemon listens")))
    }

    /// Kills it, and starts another one; returns when that listens.
    pub(crate) fn again(&mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ends");
        self.child = start(self.folder.path());
    }

    /// What it holds of the machine's memory, MiB.
    pub(crate) fn memory_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        let _gone = command(self.folder.path(), &["destroy"]).output();
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BLOCKADE);
    command.args(["-n", "c1"]).args(args).current_dir(folder);
    command
}

fn says(folder: &Path, args: &[&str]) -> String {
    let output = command(folder, args).output().expect("the binary");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn start(folder: &Path) -> Child {
    let mut child = command(folder, &["daemon"]).stdout(Stdio::piped()).spawn().expect("the daemon");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("listening on ")), "it does not listen");
    child
}

/// A connection, of which requests make use one after another.
pub(crate) struct Client(BufReader<UnixStream>);

impl Client {
    /// The status and the body of the answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.0.get_mut().write_all(format!("{head}{body}").as_bytes()).expect("a request");
        let (status, length) = self.head();
        let mut body = vec![0; length.expect("an answer of a known length")];
        self.0.read_exact(&mut body).expect("an answer");
        (status, body)
    }

    /// Asks for events from this one on, and leaves those to [`Client::line`].
    pub(crate) fn follow(&mut self, first: u64) {
        let head = format!("GET {CLUSTER}/events?from={first} HTTP/1.1\r\nHost: b\r\n\r\n");
        self.0.get_mut().write_all(head.as_bytes()).expect("a request");
        assert_eq!(self.head().0, 200);
    }

    /// The next line, whatever it is.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).expect("a line"), 0, "the stream ends");
        line
    }

    fn head(&mut self) -> (u16, Option<usize>) {
        let status = self.line().split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut length = None;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.trim_end().is_empty() {
                return (status, length);
            }
            length = line.strip_prefix("content-length: ").map_or(length, |length| length.trim().parse().ok());
        }
    }
}
