//! Ctrl-C and SIGTERM where no terminal turns them into anything.

use super::common::{Ended, Place, ended, until};
use super::{SIM, place, start, values};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::process::Child;
use std::time::{Duration, Instant};

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Waits for its end; only then its standard input ends.
fn end(mut child: Child) -> Ended {
    until("the end", || child.try_wait().unwrap().is_some());
    ended(child.wait_with_output().unwrap())
}

/// A session that is told this, and about whose first file is known that it has come so far.
fn busy(place: &Place, args: &[&str], text: &str) -> Child {
    let mut child = start(place, args);
    child.stdin.as_mut().unwrap().write_all(format!(":save begun.rhai\n{text}\n").as_bytes()).unwrap();
    until("the session begins", || place.path().join("begun.rhai").exists());
    std::thread::sleep(Duration::from_millis(200));
    child
}

#[test]
fn an_endless_loop_is_interrupted_and_the_session_goes_on() {
    let place = place();
    let mut child =
        busy(&place, &SIM, "let x = 5\nlet n = 0; while true { n += 1; if n % 1000 == 0 { sleep(0.001) } }");
    let asked = Instant::now();
    send(&child, Signal::INT);
    child.stdin.take().unwrap().write_all(b"x\n").unwrap();
    let ended = ended(child.wait_with_output().unwrap()).with(130);
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(values(&ended).last(), Some(&"5"), "{ended:?}");
}

#[test]
fn sigterm_ends_the_session_wherever_it_is() {
    for text in ["", "loop { sleep(\"1h\") }"] {
        let place = place();
        let child = busy(&place, &SIM, text);
        send(&child, Signal::TERM);
        let ended = end(child).with(130);
        assert!(ended.stdout.contains("everything is removed"), "{ended:?}");
    }
}
