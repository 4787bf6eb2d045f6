//! From start to end, and what stays when it ends.

use super::common::{User, ended, namespaces, until};
use super::http::{Address, raw, request};
use super::running::{Running, place, reaches, until_reaches};
use rustix::process::Signal;
use serde_json::json;
use std::os::unix::fs::MetadataExt;

#[test]
fn it_listens_on_a_socket_for_its_user_and_leaves_nothing_when_it_ends() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::new();
        let Address::Unix(path) = running.address.clone() else { panic!("a socket") };
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(running.get("/healthz"), json!({ "ok": true }));
        assert_eq!(running.get("/v1/clusters"), json!({ "clusters": [] }));
        assert_eq!(running.end(signal), Some(0));
        assert!(!path.exists());
    }
}

#[test]
fn one_is_enough_and_the_dead_are_no_obstacle() {
    let mut running = Running::new();
    let second = running.place.blockade(&["daemon"]).with(2);
    assert!(
        second.stderr.starts_with("error: a daemon listens on .blockade/daemon.sock already\n"),
        "{}",
        second.stderr
    );
    running.end(Signal::KILL);
    running.again();
    assert_eq!(running.get("/healthz"), json!({ "ok": true }));
}

#[test]
fn a_daemon_that_is_killed_and_started_again_finds_the_clusters_with_their_faults() {
    if !namespaces(User::Ours) {
        return;
    }
    let mut running = Running::with_cluster("netns");
    running.post("/v1/clusters/c1/faults", json!({ "fault": { "kind": "partition", "groups": [["n1"]] } })).with(201);
    let before = running.get("/v1/clusters/c1");
    until_reaches(&running, "n2", "n3");
    assert!(!reaches(&running, "n1", "n2"));
    for signal in [Signal::KILL, Signal::TERM] {
        running.end(signal);
        assert!(running.says(&["faults"]).contains("partition {n1}"));
        running.again();
        assert_eq!(running.get("/v1/clusters/c1"), before);
        until_reaches(&running, "n2", "n3");
        assert!(!reaches(&running, "n1", "n2"));
    }
}

/// The kernel of n1 counts every datagram that passes its firewall, whether or not anybody listens.
#[test]
fn no_packet_crosses_a_standing_cut_while_the_daemon_is_killed_and_started_again() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = place();
    let flood = "exec 2>/dev/null; while :; do echo x > /dev/udp/10.9.0.11/9; done";
    place.write(
        "blockade.yaml",
        &format!(
            "network: {{ subnet: 10.9.0.0/24 }}\nnodes:\n  n1: {{ command: sleep infinity, ip: 10.9.0.11 }}\n  \
             n2: {{ command: bash flood.sh, files: {{ flood.sh: {flood:?} }} }}\n"
        ),
    );
    place.blockade(&["-n", "c1", "up", "--runtime", "netns"]).with(0);
    let mut running = Running::among(place, &[]);
    let counted = |running: &Running| {
        let count = "awk '/^Udp:/ { n = $3 } END { print n }' /proc/net/snmp";
        running.says(&["exec", "n1", "--", "sh", "-c", count]).trim().parse::<u64>().unwrap()
    };
    let flows = |running: &Running| {
        let before = counted(running);
        until("the flood arrives", || counted(running) > before + 10);
    };
    flows(&running);
    let cut = json!({ "fault": { "kind": "partition", "groups": [["n1"]] } });
    running.post("/v1/clusters/c1/faults", cut).with(201);
    let mut before = counted(&running);
    until("nothing is on its way any more", || {
        let earlier = std::mem::replace(&mut before, counted(&running));
        earlier == before
    });
    for _ in 0..10 {
        running.end(Signal::KILL);
        running.again();
        assert_eq!(running.get("/v1/clusters/c1/faults")["faults"][0]["id"], "f1");
    }
    assert_eq!(counted(&running), before);
    running.ask("DELETE", "/v1/clusters/c1/faults", "").with(200);
    flows(&running);
}

#[test]
fn a_cluster_that_it_brought_up_outlives_it_and_leaves_no_zombie() {
    let mut running = Running::new();
    let config = "nodes: { n1: {}, n2: {} }\n";
    running.post("/v1/clusters", json!({ "name": "c1", "config": config, "runtime": "sim" })).with(201);
    running.end(Signal::KILL);
    assert!(running.says(&["status"]).contains("n2"));
    running.again();
    running.post("/v1/clusters", json!({ "name": "c2", "config": config, "runtime": "sim" })).with(201);
    running.ask("DELETE", "/v1/clusters/c2", "").with(200);
    // Whichever of its threads has begun it.
    let threads = format!("/proc/{}/task", running.pid().as_raw_nonzero());
    let children = || -> Vec<String> {
        let threads = std::fs::read_dir(&threads).unwrap().flatten();
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok()).collect()
    };
    until("no child is left", || children().concat().trim().is_empty());
}

#[test]
fn the_end_of_the_daemon_ends_its_readers_and_lets_requests_come_to_their_end() {
    let mut running = Running::with_cluster("sim");
    let mut reader = running.address.connect();
    reader.write_all(&request("GET", "/v1/clusters/c1/events", &[], "")).unwrap();
    let mut first = [0; 64];
    reader.read_exact(&mut first).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(running.end(Signal::TERM), Some(0));
    // For as long it waits for requests that have an end.
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("event: end"), "it can be continued: {rest}");
}

#[test]
fn what_is_not_up_yet_when_it_ends_never_is() {
    if !namespaces(User::Ours) {
        return;
    }
    let config = "network: { subnet: 10.9.0.0/24 }\n\
        nodes: { n1: { command: sleep infinity, ready: { tcp: 7000, within: 10m } } }\n";
    let body = json!({ "name": "c1", "config": config, "runtime": "netns" }).to_string();
    for signal in [Signal::TERM, Signal::HUP] {
        let mut running = Running::new();
        let mut reader = running.address.connect();
        reader.write_all(&request("POST", "/v1/clusters", &[("Content-Type", "application/json")], &body)).unwrap();
        let folder = running.place.path().join(".blockade/clusters/c1");
        until("its node runs", || folder.join("logs/n1.log").exists());
        let began = std::time::Instant::now();
        assert_eq!(running.end(signal), Some(0));
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("interrupted"), "{told}");
        until("nothing is left of it", || !folder.exists());
    }
}

#[test]
fn it_ends_though_docker_does_not_answer_somebody_who_has_gone() {
    let place = place();
    let docker = place.path().join("docker.sock");
    let listener = std::os::unix::net::UnixListener::bind(&docker).unwrap();
    let mut command = place.command(&["daemon"]);
    command.env("DOCKER_HOST", format!("unix://{}", docker.display())).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut said).unwrap();
    let body = json!({ "name": "c1", "config": "nodes: { n1: { image: x } }", "runtime": "docker" }).to_string();
    let mut asks = Address::Unix(place.path().join(".blockade/daemon.sock")).connect();
    asks.write_all(&request("POST", "/v1/clusters", &[("Content-Type", "application/json")], &body)).unwrap();
    let _its_questions: Vec<_> = (0..2).map(|_| listener.accept().unwrap()).collect();
    drop(asks);
    let began = std::time::Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn where_it_may_listen_and_what_it_wants_for_that() {
    let place = place();
    let refused = |args: &[&str]| place.blockade(&[&["daemon"], args].concat()).with(2).stderr;
    insta::assert_snapshot!(refused(&["--insecure"]), @"
    error: --insecure is for an address
    help: name one with --listen; the socket is guarded by its file's mode
    ");
    insta::assert_snapshot!(refused(&["--group", "no-such-group"]), @"
    error: there is no group `no-such-group`
    help: see --group, and /etc/group
    ");
    let token = place.write("token", "0123456789abcdef0123456789abcdef\n");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    insta::assert_snapshot!(refused(&["--listen", "127.0.0.1:0", "--token-file", "token"]), @"
    error: others can read the token's file token: its mode is 0644
    help: `chmod 600 token`
    ");
    assert!(!place.path().join(".blockade/daemon.sock").exists());
}

#[test]
fn a_given_token_is_taken_and_stands_in_no_output() {
    let place = place();
    let secret = "0123456789abcdef0123456789abcdef";
    let token = place.write("token", &format!("{secret}\n"));
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut command = place.command(&["-D", "daemon", "-p", "0", "--token-file", "token"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    while !said.contains("http://") {
        std::io::BufRead::read_line(&mut out, &mut said).unwrap();
    }
    let address = Address::Tcp(said.split("http://").nth(1).unwrap().trim().to_owned());
    let bearer = format!("Bearer {secret}");
    let asked = |bearer: &str| raw(&address, &request("GET", "/blockade", &[("Authorization", bearer)], "")).unwrap();
    asked(&bearer).with(200);
    let wrong = asked(&format!("Bearer {}", &secret[1..])).with(401);
    assert!(!wrong.body.contains(&secret[1..]) && !wrong.head.contains(&secret[1..]));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let output = ended(child.wait_with_output().unwrap());
    assert!(!output.stderr.contains(&secret[1..]), "{}", output.stderr);
}
