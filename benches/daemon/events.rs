//! Many readers of one cluster's events, while it is given a thousand faults.

use crate::client::{CLUSTER, Client, Daemon};
use crate::figures::Figure;
use crate::{figure, quantile};
use std::sync::Barrier;
use std::time::Instant;

const READERS: usize = 200;
const FAULTS: usize = 1_000;
/// What the daemon may keep for so many readers, MiB.
const GROWTH_MAX_MIB: f64 = 64.0;

pub(crate) fn figures() -> Vec<Figure> {
    let daemon = Daemon::with("nodes:\n  n: { command: sleep infinity, count: 3 }\n");
    let before = daemon.memory_mib();
    let all_read = Barrier::new(READERS + 1);
    let began = Instant::now();
    let (answered, read) = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = daemon.connect();
                    client.follow(1);
                    all_read.wait();
                    read(&mut client)
                })
            })
            .collect();
        all_read.wait();
        let answered = inject(&mut daemon.connect());
        (answered, readers.into_iter().map(|reader| reader.join().expect("every event in order")).collect::<Vec<_>>())
    });
    let took = began.elapsed().as_secs_f64();
    let grown = daemon.memory_mib() - before;
    assert!(grown < GROWTH_MAX_MIB, "the daemon's memory grew by {grown} MiB");
    let events: u64 = read.iter().map(|reader| reader.events).sum();
    assert_eq!(events, read[0].events * READERS as u64, "readers read different events");
    let late = |reader: &Reader| lateness(&answered, &reader.active);
    let late: Vec<f64> = read.iter().flat_map(late).collect();
    let p99 = quantile(&late, 0.99);
    vec![
        figure(
            format!("{FAULTS} faults injected and healed, {READERS} readers: events lost or out of order"),
            vec![0.0],
            "",
            "0",
        ),
        figure("… events read a second, all readers", vec![events as f64 / took], "", ""),
        figure("… from the answer to a fault until a reader knows of it", late, "ms", ""),
        figure("… 99 of 100 within", vec![p99], "ms", ""),
        figure("… the daemon's memory grew by", vec![grown], "MiB", ""),
    ]
}

/// When each fault was answered.
fn inject(client: &mut Client) -> Vec<Instant> {
    let fault = r#"{"fault": {"kind": "isolate", "nodes": ["n_1"]}}"#;
    (0..FAULTS)
        .map(|_| {
            let (status, body) = client.ask("POST", &format!("{CLUSTER}/faults"), fault);
            assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
            let answered = Instant::now();
            assert_eq!(client.ask("DELETE", &format!("{CLUSTER}/faults"), "").0, 200);
            answered
        })
        .collect()
}

struct Reader {
    events: u64,
    /// When it knew of each fault that this one was in force.
    active: Vec<Instant>,
}

/// Reads until the last fault is healed. That an event is missing or comes twice is a panic.
fn read(client: &mut Client) -> Reader {
    let mut reader = Reader { events: 0, active: Vec::new() };
    let (mut kind, mut healed) = (String::new(), 0);
    while healed < FAULTS {
        let line = client.line();
        match line.trim_end().split_once(": ") {
            Some(("id", id)) => {
                reader.events += 1;
                assert_eq!(id.parse(), Ok(reader.events));
            }
            Some(("event", of)) => of.clone_into(&mut kind),
            Some(("data", _)) if kind == "fault.active" => reader.active.push(Instant::now()),
            Some(("data", _)) if kind == "fault.healed" => healed += 1,
            _ => {}
        }
    }
    assert_eq!(reader.active.len(), FAULTS);
    reader
}

/// How much later than the answer a reader knew of each fault, milliseconds; nothing where it knew before.
fn lateness(answered: &[Instant], known: &[Instant]) -> Vec<f64> {
    let late = |(answered, known): (&Instant, &Instant)| known.saturating_duration_since(*answered).as_secs_f64() * 1e3;
    answered.iter().zip(known).map(late).collect()
}
