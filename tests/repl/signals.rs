//! Ctrl-C and SIGTERM where no terminal turns them into anything.

use super::common::{Ended, Place, ended, until};
use super::{SIM, place, start, values};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout};

/// A session that goes on reading, and what it has said so far.
struct Busy {
    child: Child,
    out: BufReader<ChildStdout>,
    said: String,
}

impl Busy {
    /// One that is told this, and has come to its `note("here")`.
    fn told(place: &Place, text: &str) -> Self {
        let mut child = start(place, &SIM);
        child.stdin.as_mut().unwrap().write_all(format!("{text}\n").as_bytes()).unwrap();
        let (mut out, mut said) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        while !said.ends_with(" here\n") {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "{said}");
        }
        Self { child, out, said }
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; only then its standard input ends, if it has not.
    fn end(mut self) -> Ended {
        until("the end", || self.child.try_wait().unwrap().is_some());
        self.out.read_to_string(&mut self.said).unwrap();
        Ended { stdout: self.said, ..ended(self.child.wait_with_output().unwrap()) }
    }
}

#[test]
fn an_endless_loop_is_interrupted_and_the_session_goes_on() {
    let place = place();
    let text = "let x = 5\nlet n = 0; note(\"here\"); while true { n += 1; if n % 1000 == 0 { sleep(0.001) } }";
    let mut busy = Busy::told(&place, text);
    busy.send(Signal::INT);
    busy.child.stdin.take().unwrap().write_all(b"x\n").unwrap();
    let ended = busy.end().with(130);
    assert_eq!(values(&ended).last(), Some(&"5"), "{ended:?}");
}

#[test]
fn sigterm_ends_the_session_wherever_it_is() {
    for text in ["note(\"here\")", "note(\"here\"); loop { sleep(\"1h\") }"] {
        let place = place();
        let busy = Busy::told(&place, text);
        busy.send(Signal::TERM);
        let ended = busy.end().with(130);
        assert!(ended.stdout.contains("everything is removed"), "{ended:?}");
    }
}
