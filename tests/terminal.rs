//! What a person at a terminal meets: the line below a run's timeline that tells how long it has been and which faults
//! are in force, and Ctrl-C before anything has begun.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod common;
#[path = "repl/pty.rs"]
mod pty;

use common::{Place, THREE, User, ended, namespaces, until};
use pty::Terminal;
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

/// Waits under a fault, and under more than a line can show, each time for a file.
const WAITS: &str = r#"
isolate("n1");
workload("until [ -e more ]; do sleep 0.05; done");
for turn in 0..8 { partition([["n1"], ["n2", "n3"]]); }
workload("until [ -e end ]; do sleep 0.05; done");
"#;
const RUN: [&str; 7] = ["run", "s.rhai", "--seed", "1", "--runtime", "netns", "--out"];

/// A place where the script need not wait for anything.
fn hurried() -> Place {
    let place = Place::with(WAITS, THREE);
    place.write("more", "");
    place.write("end", "");
    place
}

/// The times that the line has shown beside its first fault.
fn times(raw: &str) -> BTreeSet<String> {
    let text = pty::plain(raw);
    let found = text.match_indices("s f1 isolate n1");
    found.filter_map(|(at, _)| Some(text[..at].rsplit(' ').next()?.to_owned())).collect()
}

/// The widest line that was ever on the screen, in columns.
fn widest(raw: &str) -> usize {
    let lines = pty::plain(raw);
    lines.split(['\r', '\n']).map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn a_line_below_the_timeline_tells_what_is_in_force_and_never_wraps() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = Place::with(WAITS, THREE);
    let mut terminal = Terminal::start(&place, &[&RUN[..], &["out"]].concat());
    terminal.sees("fault   f1 isolate n1");
    // The line itself: a spinner, the time that goes on, and the faults.
    until("the time goes on", || times(&terminal.raw()).len() > 1);
    place.write("more", "");
    terminal.sees(", f3 partition");
    place.write("end", "");
    terminal.sees("PASS");
    assert_eq!(terminal.ends(), 0);
    let raw = terminal.raw();
    assert!(widest(&raw) <= 80, "{}: {raw:?}", widest(&raw));
    // It is gone at the end: the last lines are the run's own.
    let last = pty::plain(&raw);
    assert!(!last[last.rfind("PASS").unwrap()..].contains("f1 isolate"), "{last}");
    assert!(!raw.contains("\u{1b}[3") && !raw.contains("\u{1b}[1m"), "NO_COLOR is set, and yet: {raw:?}");
}

#[test]
fn without_a_terminal_or_with_quiet_there_is_no_such_line() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = hurried();
    let piped = place.blockade(&[&RUN[..], &["out"]].concat()).with(0);
    let others = piped.stderr.lines().filter(|line| !line.starts_with("run folder: "));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(!piped.stdout.contains(['\r', '\u{1b}']), "{:?}", piped.stdout);
    let place = hurried();
    let mut quiet = Terminal::start(&place, &[&RUN[..], &["out", "--quiet"]].concat());
    quiet.sees("PASS");
    assert_eq!(quiet.ends(), 0);
    assert!(!quiet.raw().contains("isolate"), "{}", quiet.raw());
}

/// A command in its first moments: it has opened its script, a pipe that nobody writes into, and waits.
fn interrupted_at_once(args: &[&str], signal: Signal) -> common::Ended {
    let place = Place::with("", THREE);
    let pipe = place.path().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
    let command = place.start(args);
    let mut writes = None;
    until("the script is opened", || {
        writes = rustix::fs::open(&pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).ok();
        writes.is_some()
    });
    kill_process(Pid::from_child(&command), signal).unwrap();
    ended(command.wait_with_output().unwrap())
} // the pipe's other end is closed here

#[test]
fn a_command_that_has_nothing_yet_ends_with_130_too() {
    for command in ["run", "soak"] {
        for signal in [Signal::INT, Signal::TERM] {
            let ended = interrupted_at_once(&[command, "pipe", "-c", "s.yaml", "--runtime", "sim"], signal).with(130);
            assert!(ended.stderr.ends_with("error: interrupted\n"), "{command}: {}", ended.stderr);
        }
    }
}

/// There is nothing to heal: it ends at once, wherever it is.
#[test]
fn a_plan_ends_with_130_at_once() {
    let endless = "const OPTIONS = #{ timeout: \"10h\" };\nnote(\"on\");\nloop { let x = 1; }";
    for signal in [Signal::INT, Signal::TERM] {
        let early = interrupted_at_once(&["plan", "pipe", "-c", "s.yaml"], signal).with(130);
        assert_eq!(early.stderr, "error: interrupted\n");
        let place = Place::with(endless, THREE);
        let mut plan = place.start(&["plan", "s.rhai", "--seed", "1"]);
        let mut lines = BufReader::new(plan.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("note    on")));
        kill_process(Pid::from_child(&plan), signal).unwrap();
        let ended = ended(plan.wait_with_output().unwrap()).with(130);
        assert_eq!(ended.stderr, "error: interrupted\n");
    }
}
