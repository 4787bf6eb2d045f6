//! Requests as no client makes them: each is answered or dropped, and leaves nothing behind.
//!
//! `BLOCKADE_MALFORMED` says how many; `benches/malformed` sends 100,000.

use super::http::{Address, Answer, raw_half_closed, request};
use super::running::Running;
use blockade::random::Stream;
use serde_json::json;
use std::collections::BTreeMap;

/// Enough to meet every base and every way to spoil it a few times.
const COUNT: u64 = 3_000;
/// So many clients side by side.
const CLIENTS: usize = 8;
/// What an allocator may keep of a load that is over, KiB.
const GROWTH_MAX_KIB: u64 = 8 << 10;

/// Requests that are right, but for what is done to them. None of them makes or removes a cluster.
fn bases() -> Vec<Vec<u8>> {
    let fault =
        r#"{"fault": {"kind": "slow", "nodes": ["n1"], "to": ["n2"], "delay": "10ms", "port": 80}, "for": "1ms"}"#;
    let all = [
        ("GET", "/blockade", ""),
        ("GET", "/blockade/c1", ""),
        ("POST", "/blockade/c1", "containers: { n1: { comand: x } }"),
        ("PUT", "/blockade/c1", r#"{"containers": ["x"]}"#),
        ("POST", "/blockade/c1/action?signal=TERM", r#"{"command": "stop", "container_names": ["n1"]}"#),
        ("POST", "/blockade/c1/network_state", r#"{"network_state": "slow", "container_names": ["n1"]}"#),
        ("POST", "/blockade/c1/partitions?random=true&seed=1", r#"{"partitions": [["n1"], ["n2"]]}"#),
        ("GET", "/blockade/c1/events", ""),
        ("POST", "/blockade/c9/chaos", r#"{"min_start_delay": 1, "event_set": ["STOP"]}"#),
        ("POST", "/v1/clusters", r#"{"name": "c1", "config": "nodes: { n1: {} }", "runtime": "sim", "seed": 1}"#),
        ("POST", "/v1/clusters/c1/faults", fault),
        ("DELETE", "/v1/clusters/c1/faults/f1", ""),
        ("DELETE", "/v1/clusters/c1/faults?only=impairments&nodes=n1,n2", ""),
        ("POST", "/v1/clusters/c1/nodes/n1/actions", r#"{"action": "kill", "signal": "TERM", "for": "1ms"}"#),
        ("GET", "/v1/clusters/c1/nodes/n1/logs?last=3", ""),
        ("POST", "/v1/clusters/c1/probes", r#"{"kind": "reachable", "source": "n1", "target": "world"}"#),
        ("GET", "/v1/clusters/c1/links", ""),
        ("POST", "/v1/commands", r#"{"args": ["check", "../x.rhai"], "files": {"a": ""}, "name": "c1", "env": {}}"#),
        ("GET", "/v1/commands/20261126T204501Z-c1/output?from=2", ""),
        ("POST", "/v1/commands/20261126T204501Z-c1/input", r#"{"text": "x", "end": true}"#),
        (
            "POST",
            "/v1/runs",
            r#"{"script": {"name": "../x", "text": ""}, "seed": 7, "timeout": "90s", "params": {"a": "b"}}"#,
        ),
        ("GET", "/v1/runs?limit=3", ""),
        ("GET", "/v1/runs/20261126T204501Z-7/files/logs/n1.log", ""),
        ("POST", "/v1/soaks", r#"{"script": {"name": "/x", "text": ""}, "jobs": 17, "for": "1h"}"#),
        ("GET", "/v1/openapi.json", ""),
        ("GET", "/metrics", ""),
    ];
    all.iter().map(|(method, path, body)| request(method, path, &[("Last-Event-ID", "1")], body)).collect()
}

/// Spoils a request in one to three places.
fn spoil(bytes: &mut Vec<u8>, stream: &mut Stream) {
    const WORDS: [&[u8]; 16] = [
        b"\r\n",
        b"\0",
        b"\xff\xfe",
        b"%00",
        b"%zz",
        b"../",
        b"{",
        b"]",
        b"\"",
        b"-1",
        b"99999999999999999999",
        b"1e999",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"null",
        b"\xf0\x9f\x92\xa5",
    ];
    for _ in 0..=stream.index(3) {
        let at = stream.index(bytes.len().max(1));
        match stream.index(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.get_mut(at).map(|byte| *byte ^= 1 << stream.index(8))),
            2 => drop(bytes.splice(at..at, WORDS[stream.index(WORDS.len())].iter().copied()).collect::<Vec<_>>()),
            3 => {
                let end = (at + 1 + stream.index(20)).min(bytes.len());
                drop(bytes.drain(at.min(end)..end));
            }
            4 => {
                let piece = bytes[at.min(bytes.len())..].to_vec();
                bytes.extend_from_slice(&piece);
            }
            _ => {
                let deep = b"[".repeat(1 + stream.index(5_000));
                drop(bytes.splice(at..at, deep).collect::<Vec<_>>());
            }
        }
    }
}

/// A refusal of the server's own, one of the routes', or a machine's that a local user would have met too.
fn is_documented(answer: &Answer) -> bool {
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    answer.status < 500 || [3, 4].map(|code| json!(code)).contains(&problem["exit_code"])
}

/// Sends the requests of these numbers: the statuses of the answers, 0 where there was none.
fn sent(address: &Address, bases: &[Vec<u8>], numbers: &[u64]) -> Vec<u16> {
    let one = |number: &u64| {
        let mut stream = Stream::root(*number);
        let mut bytes = bases[stream.index(bases.len())].clone();
        spoil(&mut bytes, &mut stream);
        let answer = raw_half_closed(address, &bytes);
        if let Some(answer) = &answer {
            assert!(is_documented(answer), "{number}: {}\n{answer:?}", String::from_utf8_lossy(&bytes));
        }
        answer.map_or(0, |answer| answer.status)
    };
    numbers.iter().map(one).collect()
}

#[test]
fn malformed_requests_break_nothing_and_leave_no_memory_behind() {
    let count: u64 = std::env::var("BLOCKADE_MALFORMED").map_or(COUNT, |count| count.parse().unwrap());
    let running = Running::with_cluster("sim");
    let (bases, mut warm, mut statuses) = (bases(), None, BTreeMap::new());
    let numbers: Vec<u64> = (0..count).collect();
    for batch in numbers.chunks(500) {
        let answered: Vec<u16> = std::thread::scope(|scope| {
            let (bases, address) = (&bases, &running.address);
            let side_by_side = batch.chunks(batch.len().div_ceil(CLIENTS));
            let clients: Vec<_> = side_by_side.map(|part| scope.spawn(move || sent(address, bases, part))).collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
        });
        for status in answered {
            *statuses.entry(status).or_insert(0) += 1;
        }
        running.ask("DELETE", "/v1/clusters/c1/faults", "");
        // The trail grows with all that is done, and the time that it takes to send it.
        std::fs::write(running.place.path().join(".blockade/audit/c1.jsonl"), "").unwrap();
        if batch[0] >= count / 5 {
            warm.get_or_insert_with(|| running.memory_kib());
        }
    }
    let warm = warm.unwrap();
    let end = running.memory_kib();
    println!("answers by status (0: none): {statuses:?}; memory {warm} KiB after a fifth, {end} KiB at the end");
    assert!(end < warm + GROWTH_MAX_KIB, "memory grew from {warm} to {end} KiB");
    assert_eq!(running.get("/healthz"), json!({ "ok": true }));
    let said = running.place.read("daemon.log");
    assert!(!said.contains("panicked"), "{said}");
    for status in [200, 400, 404, 405] {
        assert!(statuses.contains_key(&status), "{status} is never met: {statuses:?}");
    }
}
