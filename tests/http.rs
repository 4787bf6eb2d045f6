//! `http()`: against servers in nodes, from everywhere, under faults. The server is this very program, started once more.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, THREE, User, namespaces};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Where the server listens, for the process that is to be one.
const PORT: &str = "BLOCKADE_TEST_HTTP_PORT";

/// No test but a role: answers requests until it is killed.
#[test]
fn server() {
    let Ok(port) = std::env::var(PORT) else { return };
    let port: u16 = port.parse().unwrap();
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)));
    for stream in listener.unwrap().incoming() {
        std::thread::spawn(|| serve(stream.unwrap()));
    }
}

/// One request. A client that has gone is no matter.
fn serve(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    while reader.read_line(&mut head).ok()? > 2 {
        let last = head.lines().last()?.to_ascii_lowercase();
        length = last.strip_prefix("content-length: ").map_or(Some(length), |number| number.parse().ok())?;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let answer = match path.as_str() {
        "/big" => [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 3 << 20]].concat(),
        "/huge" => [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 17 << 20]].concat(),
        "/rubbish" => b"+PONG\r\n".to_vec(),
        "/half" => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
        "/busy" => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy".to_vec(),
        "/hang" => {
            // Says when whoever asked has gone.
            let _ = reader.read(&mut [0]);
            println!("gone");
            return None;
        }
        _ => {
            let echo = [head.as_bytes(), &body[..]].concat();
            let size = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", echo.len());
            [size.as_bytes(), &echo, b"\r\n0\r\n\r\n"].concat()
        }
    };
    (&stream).write_all(&answer).ok()
}

/// A server in `n1`, and two nodes that do nothing.
fn cluster() -> String {
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    format!(
        "nodes:\n  n1:\n    command: [{own:?}, --exact, server, --nocapture]\n    environment: {{ {PORT}: \"8080\" }}\n    \
         ready: {{ http: {{ port: 8080, path: /ready }}, within: 20s }}\n  \
         n2: {{ command: sleep infinity }}\n  n3: {{ command: sleep infinity }}\n"
    )
}

/// Runs a script against the server; it says itself what must hold.
fn holds(script: &str) -> Option<Place> {
    if !namespaces(User::Ours) {
        return None;
    }
    let place = Place::with(script, &cluster());
    place.run(&["--runtime", "netns", "--quiet"]).with(0);
    Some(place)
}

fn observed(place: &Place) -> Vec<Value> {
    place.lines("out/journal.jsonl").into_iter().filter(|event| event["what"] == "http").collect()
}

#[test]
fn a_request_is_answered_to_the_world_to_another_node_and_to_the_node_itself() {
    let script = r#"
        for from in ["world", "n2", "n1"] {
            let r = http("n1", #{ port: 8080, path: "/a?b=c", from: from, headers: #{ "x-one": "1", "x-two": ["2", 3] } });
            assert(r.ok && r.status == 200 && r.error == () && r.took > 0.0, `${r}`);
            assert(r.body.starts_with("GET /a?b=c HTTP/1.1\r\n"), r.body);
            for line in ["x-one: 1", "x-two: 2", "x-two: 3", "host: n1:8080"] { assert(r.body.contains(line), r.body); }
        }
        let r = http("n1", #{ port: 8080, body: "zwölf\r\n\r\nlines" });
        assert(r.ok && r.body.starts_with("POST / HTTP/1.1\r\n") && r.body.ends_with("\r\n\r\nzwölf\r\n\r\nlines"), r.body);
        assert(http("n1", #{ port: 8080, method: "put", body: "x" }).body.starts_with("PUT / "));
        let r = http("n1", #{ port: 8080, path: "/busy" });
        assert(!r.ok && r.status == 503 && r.body == "busy" && r.error == (), `${r}`);
        let r = http("n1", #{ port: 8080, method: "HEAD", path: "/big" });
        assert(r.ok && r.body == "", `${r}`);
    "#;
    let Some(place) = holds(script) else { return };
    let seen = observed(&place);
    assert_eq!(seen[0]["target"], "world → n1:8080");
    assert_eq!(seen[1]["target"], "n2 → n1:8080");
    assert_eq!(seen[3]["result"]["request"], json!({ "method": "POST", "path": "/", "body": "zwölf\r\n\r\nlines" }));
    assert_eq!(seen[5]["result"]["status"], 503);
}

#[test]
fn large_bodies_come_whole_up_to_a_limit_and_are_cut_in_the_journal() {
    let script = r#"
        let r = http("n1", #{ port: 8080, path: "/big" });
        assert(r.ok && r.body.len() == 3 * 1024 * 1024);
        let r = http("n1", #{ port: 8080, path: "/huge" });
        assert(!r.ok && r.status == () && r.body == "" && r.error == "the body of the answer is larger than 16 MiB", `${r}`);
    "#;
    let Some(place) = holds(script) else { return };
    assert!(observed(&place)[0]["result"]["body"].as_str().unwrap().len() < 3_000);
}

#[test]
fn what_is_no_answer_is_a_value() {
    let script = r#"
        let r = http("n1", #{ port: 8080, path: "/rubbish" });
        assert(!r.ok && r.status == () && r.error.starts_with("the answer is no HTTP"), `${r}`);
        let r = http("n1", #{ port: 8080, path: "/half" });
        assert(!r.ok && r.status == () && r.error.starts_with("the connection was lost in the middle"), `${r}`);
        let r = http("n1", #{ port: 8081 });
        assert(!r.ok && r.error == "connection refused", `${r}`);
        let r = http("n1", #{ port: 8080, path: "/hang", timeout: "300ms" });
        assert(!r.ok && r.error == "no answer within 0.3 s", `${r}`);
        kill("n1");
        let r = http("n1", #{ port: 8080 });
        assert(!r.ok && r.error == "connection refused", `${r}`);
    "#;
    let _ = holds(script);
}

#[test]
fn faults_are_met_on_the_way_that_a_request_takes() {
    let script = r#"
        fn ask(from) { http("n1", #{ port: 8080, from: from, timeout: "20s" }) }
        fn refused(from) { ask(from).error == "connection refused" }
        fn silent(from) { http("n1", #{ port: 8080, from: from, timeout: "400ms" }).error == "no answer within 0.4 s" }
        let cut = partition([["n2"], ["n1", "n3"]]);
        assert(silent("n2"));
        assert(ask("n3").ok && ask("world").ok && ask("n1").ok);
        cut.heal();
        assert(ask("n2").ok);
        let cut = block("n1", "n2"); // the answer's way
        assert(silent("n2"));
        cut.heal();
        let cut = reject(link("n2", "n1"));
        assert(refused("n2"));
        cut.heal();
        let both = reject(between("n2", "n1"));
        assert(refused("n2"));
        let answers = block("n1", "n2"); // those of the reject, too
        assert(silent("n2"));
        answers.heal();
        both.heal();
        let cut = block(link("n2", "n1").on(#{ proto: "tcp", port: 8080 }));
        assert(silent("n2") && reachable("n2", "n1"));
        cut.heal();
        let cut = isolate("n1");
        assert(silent("world") && ask("n1").ok);
        cut.heal();
        let frozen = pause("n1");
        assert(silent("n2"));
        frozen.heal();
        assert(ask("n2").ok);
        pause("n2");
        assert(ask("n2").ok, "the request is made in a frozen node's network, not by its program");
    "#;
    let _ = holds(script);
    // The simulator says the same, server or not.
    Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn an_impaired_way_takes_its_time_on_the_simulator() {
    let script = r#"
        fn ask() { http("n1", #{ port: 80, from: "n2" }) }
        assert(ask().took < 0.01);
        let weather = slow(link("n2", "n1"), "100ms");
        let r = ask();
        assert(r.ok && r.took >= 0.2 && r.took < 0.3, `${r}`); // the connection and the request
        weather.heal();
        let weather = flaky(link("n2", "n1"), "20%");
        let answered = 0;
        for n in 0..50 { if ask().ok { answered += 1; } }
        assert(answered > 45, `TCP sends again what was lost: ${answered}`);
        weather.heal();
        flaky(link("n2", "n1"), "100%");
        let r = ask();
        assert(!r.ok && r.error == "no answer within 5 s" && r.took == 5.0, `${r}`);
    "#;
    Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn on_the_simulator_a_healthy_node_answers_at_once_and_the_same_in_every_process() {
    let script = r#"
        let r = http("n1", #{ port: 80 });
        assert(r.ok && r.status == 200 && r.body == "" && r.error == ());
        stop("n1");
        assert(http("n1", #{ port: 80 }).error == "connection refused");
    "#;
    let journal = || {
        let place = Place::with(script, THREE);
        place.blockade(&["plan", "s.rhai", "--seed", "1", "--json", "--name", "test"]).with(0).stdout
    };
    let first = journal();
    assert!(first.contains(r#""what":"http""#), "{first}");
    assert_eq!(journal(), first);
}

#[test]
fn an_attached_run_asks_through_the_supervisor() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = Place::with(
        r#"assert(http("n1", #{ port: 8080, from: "n2", body: "a" }).body.ends_with("\r\na"));"#,
        &cluster(),
    );
    place.blockade(&["-c", "s.yaml", "up", "--runtime", "netns"]).with(0);
    let run = place.run(&["--attach", "--quiet"]);
    place.blockade(&["-c", "s.yaml", "destroy"]).with(0);
    run.with(0);
}

#[test]
fn a_run_that_is_interrupted_does_not_wait_for_an_answer() {
    if !namespaces(User::Ours) {
        return;
    }
    let script = r#"note("asking"); http("n1", #{ port: 8080, path: "/hang", timeout: "10m" });"#;
    let place = Place::with(script, &cluster());
    let arguments = ["run", "s.rhai", "--seed", "1", "--out", "out", "--runtime", "netns", "--json"];
    let mut child = place.start(&arguments);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("asking")));
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_deadline_ends_a_request() {
    let script = r#"
        const OPTIONS = #{ timeout: "1s" };
        fn chaos() { http("n1", #{ port: 8080, path: "/hang", timeout: "10m" }); }
    "#;
    if !namespaces(User::Ours) {
        return;
    }
    let place = Place::with(script, &cluster());
    let ended = place.run(&["--runtime", "netns", "--quiet"]).with(2);
    assert!(ended.stderr.contains("deadline"), "{}", ended.stderr);
}
