//! The way between: cut, slow to come back, given up; and Ctrl-C on this end of it.

use super::common::{Place, THREE, ended, until};
use super::fake::{Answer, Asked, Fake, bytes, command, events, json, problem};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json as value};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn place() -> Place {
    Place::with("fn chaos() {}", THREE)
}

fn said(seq: u64) -> Value {
    value!({ "seq": seq, "kind": "out", "text": format!("line {seq}\n") })
}

fn exit(seq: u64, code: u8) -> Value {
    value!({ "seq": seq, "kind": "exit", "code": code })
}

/// A daemon with one command, whose output is this.
fn daemon(verb: &'static str, output: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Fake {
    Fake::new(move |asked, time| match asked.line.as_str() {
        "POST /v1/commands" => json("201 Created", &command(verb, "running")),
        "GET /v1/commands/r-1" => json("200 OK", &command(verb, "running")),
        "POST /v1/commands/r-1/cancel" => json("202 Accepted", &command(verb, "running")),
        "GET /v1/commands/r-1/output" => output(asked, time),
        "GET /v1/runs/r-1/files" => json("200 OK", &value!({ "files": [{ "path": "journal.jsonl", "bytes": 1 }] })),
        "GET /v1/runs/r-1/files/journal.jsonl" => bytes(b"{}\n"),
        line => panic!("{line}"),
    })
}

#[test]
fn a_stream_that_is_cut_goes_on_where_it_was() {
    let fake = daemon("run", |asked, time| match time {
        0 => events(&[said(1), said(2)]),
        1 => Vec::new(),
        // What was said already may be said again.
        2 if asked.head.contains("last-event-id: 2\r\n") => events(&[said(2), said(3)]),
        3 if asked.head.contains("last-event-id: 3\r\n") => events(&[exit(4, 1)]),
        _ => panic!("{time}: {}", asked.head),
    });
    let ended = place().blockade(&["run", "s.rhai", "--host", &fake.url]).with(1);
    assert_eq!(ended.stdout, "line 1\nline 2\nline 3\n");
    assert!(!fake.of("GET /v1/commands/r-1/output")[0].head.contains("last-event-id"));
}

#[test]
fn a_way_that_stays_lost_is_given_up_with_words_and_rejoined_later() {
    let is_lost = Arc::new(AtomicBool::new(true));
    let lost = Arc::clone(&is_lost);
    let fake = daemon("run", move |_, time| match time {
        0 => events(&[said(1)]),
        // A stream that begins and brings nothing is no better than none.
        _ if lost.load(Ordering::SeqCst) => {
            if time % 2 == 0 {
                Vec::new()
            } else {
                events(&[])
            }
        }
        _ => events(&[said(1), said(2), exit(3, 1)]),
    });
    let place = place();
    let began = Instant::now();
    let ended = place.blockade(&["run", "s.rhai", "--host", &fake.url]).with(3);
    assert!((5..30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let rejoin = format!("`blockade run --host {} --resume r-1` goes on with it, or tells how it ended", fake.url);
    assert!(
        ended.stderr.contains("`run` goes on over there, unless its daemon has ended")
            && ended.stderr.contains(&rejoin),
        "{ended:?}"
    );
    assert!(fake.of("GET /v1/commands/r-1/output").len() < 20, "no flood");
    is_lost.store(false, Ordering::SeqCst);
    let ended = place.blockade(&["run", "--host", &fake.url, "--resume", "r-1", "--out", "out"]).with(1);
    assert_eq!((ended.stdout.as_str(), place.read("out/journal.jsonl").as_str()), ("line 1\nline 2\n", "{}\n"));
    let local = place.blockade(&["run", "--resume", "r-1"]).with(2);
    assert!(local.stderr.contains("name its daemon with --host"), "{local:?}");
    place.blockade(&["run", "s.rhai", "--resume", "r-1", "--host", &fake.url]).with(2);
}

#[test]
fn a_shrink_that_is_rejoined_brings_what_it_has_found() {
    let fake = Fake::new(|asked, _| match asked.line.as_str() {
        "GET /v1/commands/c-1" => json(
            "200 OK",
            &value!({ "id": "c-1", "verb": "shrink", "args": ["shrink", "r-1", "--trials", "9"], "state": "ended", "run": null }),
        ),
        "GET /v1/commands/c-1/output" => events(&[said(1), exit(2, 0)]),
        "GET /v1/runs/r-1/files" => json("200 OK", &value!({ "files": [{ "path": "minimal.rhai", "bytes": 1 }] })),
        "GET /v1/runs/r-1/files/minimal.rhai" => bytes(b"// less"),
        line => panic!("{line}"),
    });
    let place = place();
    place.blockade(&["run", "--host", &fake.url, "--resume", "c-1"]).with(0);
    assert_eq!(place.read(".blockade/runs/r-1/minimal.rhai"), "// less");
}

fn signal(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn ctrl_c_ends_it_over_there_and_the_rest_is_still_heard() {
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let cancelled = Arc::clone(&is_cancelled);
    let fake = Fake::new(move |asked, _| match asked.line.as_str() {
        "POST /v1/commands" => json("201 Created", &command("run", "running")),
        "POST /v1/commands/r-1/cancel" => {
            cancelled.store(true, Ordering::SeqCst);
            json("202 Accepted", &command("run", "running"))
        }
        "GET /v1/commands/r-1/output" => {
            until("it is cancelled", || cancelled.load(Ordering::SeqCst));
            events(&[value!({ "seq": 1, "kind": "err", "text": "healed\n" }), exit(2, 130)])
        }
        _ => json("200 OK", &value!({ "files": [] })),
    });
    let place = place();
    let child = place.start(&["run", "s.rhai", "--host", &fake.url]);
    until("it listens", || !fake.of("GET /v1/commands/r-1/output").is_empty());
    signal(&child);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), fake.of("POST /v1/commands/r-1/cancel").len()), (Some(130), 1));
    assert!(String::from_utf8_lossy(&ended.stderr).starts_with("healed\n"), "{ended:?}");
}

/// The first may come over there before the entry that it is to interrupt.
#[test]
fn a_session_that_is_to_end_is_interrupted_until_it_does() {
    let cancels = Arc::new(AtomicUsize::default());
    let count = Arc::clone(&cancels);
    let fake = Fake::new(move |asked, _| match asked.line.as_str() {
        "POST /v1/commands" => json("201 Created", &command("repl", "running")),
        "POST /v1/commands/r-1/cancel" => {
            count.fetch_add(1, Ordering::SeqCst);
            json("202 Accepted", &command("repl", "running"))
        }
        "POST /v1/commands/r-1/input" => json("204 No Content", &Value::Null),
        "GET /v1/commands/r-1/output" => {
            until("it is interrupted once more", || count.load(Ordering::SeqCst) > 1);
            events(&[exit(1, 130)])
        }
        line => panic!("{line}"),
    });
    let place = place();
    let child = place.start(&["repl", "--host", &fake.url]);
    until("it listens", || !fake.of("GET /v1/commands/r-1/output").is_empty());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    ended(child.wait_with_output().unwrap()).with(130);
}

#[test]
fn ctrl_c_once_more_leaves_at_once() {
    let fake = daemon("run", |_, _| {
        std::thread::sleep(Duration::from_mins(1));
        Vec::new()
    });
    let place = place();
    let mut child = place.start(&["run", "s.rhai", "--host", &fake.url]);
    until("it listens", || !fake.of("GET /v1/commands/r-1/output").is_empty());
    signal(&child);
    until("it is cancelled", || !fake.of("POST /v1/commands/r-1/cancel").is_empty());
    std::thread::sleep(Duration::from_millis(200));
    signal(&child);
    until("it has left", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// What never comes.
fn silence() -> Answer {
    std::thread::sleep(Duration::from_secs(60));
    Vec::new()
}

#[test]
fn ctrl_c_is_heard_where_a_daemon_has_fallen_silent() {
    let fake = Fake::new(|asked, _| match asked.line.as_str() {
        "POST /v1/commands" => json("201 Created", &command("run", "running")),
        _ => silence(),
    });
    let place = place();
    let mut child = place.start(&["run", "s.rhai", "--host", &fake.url]);
    until("it listens", || !fake.of("GET /v1/commands/r-1/output").is_empty());
    signal(&child);
    until("it is told to end", || !fake.of("POST /v1/commands/r-1/cancel").is_empty());
    signal(&child);
    until("it has left", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // What was not sent yet can be ended at once.
    let mut child = place.start(&["shrink", "r-1", "--host", &fake.url]);
    until("it asks", || !fake.of("GET /v1/runs/r-1").is_empty());
    signal(&child);
    until("it has left", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_was_fetched_in_part_is_no_run_and_is_fetched_again() {
    let is_whole = Arc::new(AtomicBool::new(false));
    let whole = Arc::clone(&is_whole);
    let fake = Fake::new(move |asked, _| match asked.line.as_str() {
        "POST /v1/commands" => json("201 Created", &command("run", "running")),
        "GET /v1/commands/r-1/output" => events(&[exit(1, 0)]),
        "GET /v1/runs/r-1/files" => {
            json("200 OK", &value!({ "files": [{ "path": "journal.jsonl" }, { "path": "logs/n1.log" }] }))
        }
        "GET /v1/runs/r-1/files/logs/n1.log" if !whole.load(Ordering::SeqCst) => silence(),
        "GET /v1/runs/r-1/files/logs/n1.log" => bytes(b"log"),
        "GET /v1/runs/r-1/files/journal.jsonl" => bytes(b"no journal\n"),
        _ => problem("404 Not Found", "error: unknown\n", 2),
    });
    let place = place();
    let child = place.start(&["run", "s.rhai", "--host", &fake.url]);
    until("it fetches", || !fake.of("GET /v1/runs/r-1/files/logs/n1.log").is_empty());
    signal(&child);
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    let again = format!("help: `blockade run --host {} --resume r-1` fetches it\n", fake.url);
    assert_eq!(
        (ended.status.code(), told),
        (Some(130), format!("error: interrupted: not all that `run` left is here\n{again}"))
    );
    is_whole.store(true, Ordering::SeqCst);
    place.blockade(&["report", "r-1", "--host", &fake.url]);
    assert_eq!(place.read(".blockade/runs/r-1/logs/n1.log"), "log");
    let left: Vec<_> = std::fs::read_dir(place.path().join(".blockade/runs")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn standard_input_that_is_no_text_is_refused_as_here() {
    let fake = daemon("exec", |_, _| silence());
    let place = place();
    std::fs::write(place.path().join("bytes"), b"a\xff\xfeb").unwrap();
    let input = |name: &str| Stdio::from(std::fs::File::open(place.path().join(name)).unwrap());
    let mut exec = place.command(&["exec", "--stdin", "n1", "--host", &fake.url, "--", "cat"]);
    let ended = exec.stdin(input("bytes")).output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(
        (ended.status.code(), told.as_str()),
        (Some(2), "error: cannot read standard input: stream did not contain valid UTF-8\n")
    );
    assert_eq!(fake.of("POST /v1/commands/r-1/cancel").len(), 1, "it does not wait for more over there");
}

#[test]
fn two_that_fetch_one_run_at_once_both_have_it() {
    let asked_for = Arc::new(std::sync::atomic::AtomicUsize::default());
    let count = Arc::clone(&asked_for);
    let fake = Fake::new(move |asked, _| match asked.line.as_str() {
        "GET /v1/commands/r-1" => json("200 OK", &command("run", "ended")),
        "GET /v1/commands/r-1/output" => events(&[exit(1, 0)]),
        "GET /v1/runs/r-1/files" => {
            let names = ["script.rhai", "journal.jsonl"];
            json("200 OK", &value!({ "files": names.map(|name| value!({ "path": name })) }))
        }
        "GET /v1/runs/r-1/files/script.rhai" => {
            count.fetch_add(1, Ordering::SeqCst);
            until("both fetch", || count.load(Ordering::SeqCst) == 2);
            bytes(b"fn chaos() {}")
        }
        _ => bytes(b"{}\n"),
    });
    let place = place();
    let both = [0, 1].map(|_| place.start(&["run", "--resume", "r-1", "--host", &fake.url]));
    for ended in both.map(|child| child.wait_with_output().unwrap()) {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "fetched into .blockade/runs/r-1\n");
    }
    let left: Vec<_> = std::fs::read_dir(place.path().join(".blockade/runs")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
