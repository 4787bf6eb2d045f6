//! The REPL, as a person at a terminal and as a file on standard input meet it.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, reason = "a test that finds something else fails")]

#[path = "../common/mod.rs"]
mod common;

mod faulty;
mod piped;
mod pty;
mod signals;
mod terminal;

use common::{Ended, Place, THREE};
use std::io::Write;
use std::process::{Child, Stdio};

/// A folder whose cluster is three nodes that do nothing.
fn place() -> Place {
    let place = Place::new();
    place.write("blockade.yaml", THREE);
    place
}

/// The arguments of a session on virtual time.
const SIM: [&str; 5] = ["repl", "--runtime", "sim", "--seed", "1"];

/// Starts a session that reads from a pipe.
fn start(place: &Place, args: &[&str]) -> Child {
    let mut command = place.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A session on virtual time that is told all of this.
fn told(place: &Place, text: &str) -> Ended {
    let mut child = start(place, &SIM);
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    common::ended(child.wait_with_output().unwrap())
}

/// What is printed of values, without the greeting and what happens in the cluster.
fn values(ended: &Ended) -> Vec<&str> {
    let is_event =
        |line: &str| line.trim_start().split_once(" s  ").is_some_and(|(time, _)| time.parse::<f64>().is_ok());
    ended.stdout.lines().skip(3).filter(|line| !is_event(line)).collect()
}
