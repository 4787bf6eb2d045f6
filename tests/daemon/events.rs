//! Events as they come, from any sequence number.

use super::http::{Stream, request};
use super::running::Running;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

/// One event of a stream.
#[derive(Debug)]
pub struct Event {
    pub id: Option<u64>,
    pub kind: String,
    pub data: Value,
}

pub struct Reader(BufReader<Box<dyn Stream>>);

impl Reader {
    pub fn open(running: &Running, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = running.address.connect();
        stream.write_all(&request("GET", path, headers, "")).unwrap();
        Self(BufReader::new(stream))
    }

    /// The next event; the lines of HTTP around it are passed over.
    pub fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: None, kind: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.parse().ok(),
                Some(("event", kind)) => kind.clone_into(&mut event.kind),
                Some(("data", data)) => {
                    event.data = serde_json::from_str(data).unwrap();
                    return Some(event);
                }
                _ => {}
            }
        }
    }
}

const PATH: &str = "/v1/clusters/c1/events";

#[test]
fn every_reader_gets_every_event_in_order_from_where_it_wants() {
    let running = Running::with_cluster("sim");
    let mut early = Reader::open(&running, PATH, &[]);
    assert_eq!(early.next().unwrap().kind, "cluster.up");
    for _ in 0..20 {
        running.post("/v1/clusters/c1/faults", json!({ "fault": { "kind": "isolate", "nodes": ["n1"] } })).with(201);
        running.ask("DELETE", "/v1/clusters/c1/faults", "").with(200);
    }
    let mut late = Reader::open(&running, PATH, &[]);
    let mut from = Reader::open(&running, &format!("{PATH}?from=50"), &[]);
    let mut after = Reader::open(&running, &format!("{PATH}?from=1"), &[("Last-Event-ID", "49")]);
    assert_eq!((from.next().unwrap().id, after.next().unwrap().id), (Some(50), Some(50)));
    let first = late.next().unwrap();
    assert_eq!((first.id, first.data["seq"].as_u64()), (Some(1), Some(1)));
    for seq in 2..=81 {
        let (early, late) = (early.next().unwrap(), late.next().unwrap());
        assert_eq!((early.id, late.id), (Some(seq), Some(seq)));
        assert_eq!((&early.data, &early.data["kind"]), (&late.data, &json!(early.kind)));
    }
    running.ask("DELETE", "/v1/clusters/c1", "").with(200);
    let rest: Vec<String> = std::iter::from_fn(|| early.next()).map(|event| event.kind).collect();
    assert_eq!(rest.last().map(String::as_str), Some("end"), "{rest:?}");
    assert!(rest.contains(&"cluster.down".to_owned()), "{rest:?}");
}

#[test]
fn a_wrong_place_to_begin_is_refused_and_one_beyond_the_end_waits() {
    let running = Running::with_cluster("sim");
    running.ask("GET", "/v1/clusters/c9/events", "").with(404);
    running.ask_with("GET", PATH, &[("Last-Event-ID", "soon")], "").with(400);
    let mut beyond = Reader::open(&running, &format!("{PATH}?from=3"), &[]);
    running.says(&["stop", "n1"]);
    assert_eq!(beyond.next().unwrap().id, Some(3));
}

#[test]
fn many_readers_at_once_get_all_of_many_faults() {
    const READERS: usize = 40;
    const FAULTS: u64 = 60;
    let running = Running::with_cluster("sim");
    let mut readers: Vec<Reader> = (0..READERS).map(|_| Reader::open(&running, PATH, &[])).collect();
    std::thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(|| {
                let (mut seq, mut healed) = (0, 0);
                while healed < FAULTS {
                    let event = reader.next().unwrap();
                    seq += 1;
                    assert_eq!(event.id, Some(seq));
                    healed += u64::from(event.kind == "fault.healed");
                }
            });
        }
        for _ in 0..FAULTS {
            let fault = json!({ "fault": { "kind": "isolate", "nodes": ["n1"] } });
            running.post("/v1/clusters/c1/faults", fault).with(201);
            running.ask("DELETE", "/v1/clusters/c1/faults", "").with(200);
        }
    });
}

#[test]
fn the_stream_of_a_cluster_whose_supervisor_was_killed_ends() {
    let running = Running::with_cluster("sim");
    let mut reader = Reader::open(&running, PATH, &[]);
    assert_eq!(reader.next().unwrap().kind, "cluster.up");
    let state: Value = serde_json::from_str(&running.place.read(".blockade/clusters/c1/state.json")).unwrap();
    let pid = rustix::process::Pid::from_raw(state["pid"].as_i64().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let rest: Vec<String> = std::iter::from_fn(|| reader.next()).map(|event| event.kind).collect();
    assert_eq!(rest.last().map(String::as_str), Some("end"), "{rest:?}");
}
