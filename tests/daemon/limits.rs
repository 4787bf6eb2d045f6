//! What a client may take: bytes, headers, time, connections.

use super::http::{raw, request};
use super::running::Running;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_body_or_a_head_that_is_too_large_is_refused() {
    let running = Running::new();
    let large = " ".repeat((4 << 20) + 1);
    let declared = running.ask("POST", "/blockade/c1", &large).with(413);
    assert_eq!(declared.detail(), "the body is larger than 4194304 bytes");
    let journal = json!({ "args": ["version"], "files": { "r/journal.jsonl": " ".repeat(5 << 20) } });
    running.post("/v1/commands", journal).with(201);
    let head =
        b"POST /blockade/c1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let chunked = [head.to_vec(), chunk.repeat(5).into_bytes(), b"0\r\n\r\n".to_vec()].concat();
    raw(&running.address, &chunked).unwrap().with(413);
    // A head that hyper still reads has an answer that says why; of one far beyond it, hyper says no more than the code.
    for route in ["/healthz", "/blockade"] {
        let head = |bytes: usize| running.ask_with("GET", route, &[("X-Long", &"x".repeat(bytes))], "");
        let refused = head(33_000).with(431);
        assert_eq!(refused.detail(), "the request line and the headers are larger than 32768 bytes");
        head(32_000).with(200);
    }
    let long = "x".repeat(100_000);
    let answer = raw(&running.address, &request("GET", "/blockade", &[("X-Long", &long)], "")).unwrap();
    assert_eq!(answer.status, 431, "{answer:?}");
    let answer = raw(&running.address, &request("GET", &format!("/{long}"), &[], "")).unwrap();
    assert!([414, 431].contains(&answer.status), "{answer:?}");
    running.get("/blockade");
}

#[test]
fn a_body_just_within_the_bound_is_read_by_every_kind_of_route() {
    let running = Running::new();
    // As large as a body may be, with what matters at its end.
    let room = |rest: &str| format!("{}{rest}", " ".repeat((4 << 20) - rest.len()));
    let told = |path: &str, body: &str| running.ask("POST", path, body).with(400).detail();
    for (path, body) in [
        ("/blockade/c1", "- x"),
        ("/v1/commands", r#"{"args": ["earthquake"]}"#),
        ("/v1/clusters", r#"{"name": "c_1", "config": ""}"#),
    ] {
        assert_eq!(told(path, &room(body)), told(path, body), "{path}");
    }
}

#[test]
fn slow_clients_are_given_up_and_do_not_hold_the_others() {
    let running = Running::new();
    // Some say nothing, some stop within their head, some within their body.
    let body = b"POST /blockade/c1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    let starts: [&[u8]; 3] = [b"", b"GET /blockade HTTP/1.1\r\nHost: lo", body];
    let mut slow: Vec<_> = (0..300)
        .map(|index| {
            let mut stream = running.address.connect();
            stream.write_all(starts[index % starts.len()]).unwrap();
            stream
        })
        .collect();
    for _ in 0..50 {
        running.get("/blockade");
    }
    for stream in slow.iter_mut().take(3) {
        stream.write_all(b" ").expect("the others did not wait until it was given up");
    }
    let mut said = [String::new(), String::new(), String::new()];
    for (index, stream) in slow.iter_mut().take(3).enumerate() {
        stream.read_to_string(&mut said[index]).unwrap();
    }
    assert!(said[2].starts_with("HTTP/1.1 408 "), "{said:?}");
}

#[test]
fn however_many_only_connect_whoever_asks_is_answered() {
    let running = Running::new();
    let mut idle = Vec::new();
    for _ in 0..7 {
        idle.extend((0..100).map(|_| {
            let mut stream = running.address.connect();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: lo").unwrap();
            stream
        }));
        let began = Instant::now();
        running.get("/blockade");
        assert!(began.elapsed() < Duration::from_secs(5), "{} idle: {:?}", idle.len(), began.elapsed());
    }
}

#[test]
fn a_long_trail_is_sent_whole_and_held_in_no_memory() {
    const ENTRIES: usize = 100_000;
    let running = Running::new();
    let entry = |number: usize| {
        let message = format!("f{number}: partition {{n1}} | {{n2, n3}}");
        json!({ "event": "partition", "status": "Success", "targets": [["n1"]], "timestamp": "", "message": message, "by": "command" })
    };
    let lines: Vec<String> = (0..ENTRIES).map(|number| format!("{}\n", entry(number))).collect();
    let torn = "{\"event\":\"kill\",\"sta\n";
    std::fs::create_dir(running.place.path().join(".blockade/audit")).unwrap();
    running.place.write(".blockade/audit/c1.jsonl", &[torn, &lines.concat(), torn].concat());
    running.get("/v1/clusters");
    let before = running.memory_kib();
    for (path, key) in [("/v1/clusters/c1/audit", "entries"), ("/blockade/c1/events", "events")] {
        let answer = running.ask("GET", path, "").with(200).json();
        let told = answer[key].as_array().unwrap();
        assert_eq!((told.len(), &told[0], told.last()), (ENTRIES, &entry(0), Some(&entry(ENTRIES - 1))));
    }
    let grown = running.memory_kib().saturating_sub(before);
    assert!(grown < 4 << 10, "by {grown} KiB for a trail of {} KiB", lines.concat().len() >> 10);
    running.place.write(".blockade/audit/c1.jsonl", torn);
    running.ask("GET", "/v1/clusters/c1/audit", "").with(404);
}
