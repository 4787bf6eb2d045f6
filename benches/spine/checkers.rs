//! The checkers: recorded histories, and a long one of a register that many clients use at once.

use crate::figures::Figure;
use blockade::checker::read::{Format, Source};
use blockade::checker::{Event, History, Limit, Model, Verdict, check};
use blockade::history::Kind;
use blockade::random::Stream;
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 15;
const CLIENTS: usize = 10;
const OPERATIONS: usize = 10_000;
const HISTORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories");

/// All figures.
pub(crate) fn figures() -> Vec<Figure> {
    let logs = files("etcd");
    let texts = |logs: &[Vec<u8>]| {
        for log in logs {
            verdict(&read(log, Format::Jepsen), Model::CasRegister);
        }
    };
    let kv = read(&file("kv/c10-ok.txt"), Format::PorcupineKv);
    let long = register(CLIENTS, OPERATIONS, 1);
    let mut broken = long.clone();
    // One read in the last tenth gives what was never written.
    let stale = broken.events.iter().rposition(|event| event.kind == Kind::Ok && event.f == "read");
    broken.events[stale.expect("a read")].value = (-1).into();
    vec![
        figure(format!("the {} etcd logs of tests/histories, read and checked", logs.len()), "", || texts(&logs)),
        figure("kv/c10-ok.txt, checked".into(), "≤ 2 ms", || holds(&kv, Model::Kv, true)),
        figure("10 clients × 10,000 operations on one register, linearizable".into(), "≤ 1,000 ms", || {
            holds(&long, Model::Register, true);
        }),
        figure("… and with one wrong read at its end, with the witness".into(), "", || {
            holds(&broken, Model::Register, false);
        }),
    ]
}

fn figure(what: String, bar: &'static str, run: impl Fn()) -> Figure {
    let samples = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    Figure { what, samples, unit: "ms", bar }
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(HISTORIES).join(name)).expect("a history of the tests")
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(Path::new(HISTORIES).join(folder)).expect("the histories of the tests");
    entries.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a history")).collect()
}

fn read(bytes: &[u8], format: Format) -> History {
    Source::new("a history", bytes).read(Some(format)).expect("a history").history
}

fn verdict(history: &History, model: Model) -> Verdict {
    check(history, model, &Limit::new(&|| false)).expect("a history").verdict
}

fn holds(history: &History, model: Model, expected: bool) {
    assert_eq!(verdict(history, model) == Verdict::Pass, expected);
}

/// A history of a register that works: every operation takes effect at a random moment of its time.
fn register(clients: usize, operations: usize, seed: u64) -> History {
    let mut random = Stream::root(seed);
    let mut draw = |below: u64| random.below(below);
    // When, what happens to which client: 0 invokes, 1 takes effect, 2 completes.
    let mut agenda: Vec<(u64, u8, usize, usize)> = Vec::new();
    for client in 0..clients {
        let mut now = 0;
        for number in 0..operations {
            let times = [1 + draw(20), 1 + draw(100), 1 + draw(100)];
            for (step, time) in (0..).zip(times) {
                now += time;
                agenda.push((now, step, client, number));
            }
        }
    }
    agenda.sort_unstable();
    let mut held = serde_json::Value::Null;
    let mut under_way: Vec<(bool, serde_json::Value)> = vec![(false, serde_json::Value::Null); clients];
    let mut events = Vec::new();
    for (_, step, client, _) in agenda {
        let (writes, value) = &mut under_way[client];
        match step {
            0 => {
                (*writes, *value) = if draw(2) == 0 { (true, draw(5).into()) } else { (false, serde_json::Value::Null) }
            }
            1 if *writes => held = value.clone(),
            1 => *value = held.clone(),
            _ => {}
        }
        let kind = match step {
            0 => Kind::Invoke,
            1 => continue,
            _ => Kind::Ok,
        };
        let f = if *writes { "write" } else { "read" }.to_owned();
        let line = events.len();
        events.push(Event {
            line,
            process: client.into(),
            kind,
            f,
            key: serde_json::Value::Null,
            value: value.clone(),
        });
    }
    History { events, fail_is_answer: false }
}
