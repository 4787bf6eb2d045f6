//! The daemon's REST API on Docker: the old tool's calls, and a run that is sent.

use super::common::docker::IMAGE;
use super::common::until;
use super::http::{Address, Answer, raw, request};
use super::stage::Stage;
use serde_json::{Value, json};
use std::process::Child;

/// A daemon for the blockades of a stage.
struct Daemon {
    child: Child,
    address: Address,
}

impl Daemon {
    fn start(stage: &Stage) -> Self {
        let child = stage.command(&["daemon"]).spawn().unwrap();
        let path = stage.place.path().join(".blockade/daemon.sock");
        until("it listens", || std::os::unix::net::UnixStream::connect(&path).is_ok());
        Self { child, address: Address::Unix(path) }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        raw(&self.address, &request(method, path, &[], &body)).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
fn containers_that_are_there_already_are_taken_in_cut_and_let_go() {
    let Some(stage) = Stage::new("") else { return };
    let network = stage.network_beside("own", &[]);
    let begin = |name: &str| {
        stage.container_beside(name, &["--network", &network, "--stop-timeout", "1", IMAGE, "talker", "7000"])
    };
    let names = [begin("a"), begin("b")];
    let id = |name: &str| stage.inspect(name, "{{.Id}}");
    let daemon = Daemon::start(&stage);
    let path = format!("/blockade/{}", stage.name);
    // One by its id, one by its name; in two requests.
    daemon.ask("PUT", &path, &json!({ "containers": [id(&names[0])] })).with(204);
    daemon.ask("PUT", &path, &json!({ "containers": [names[1]] })).with(204);
    let shown = daemon.ask("GET", &path, &Value::Null).with(200).json();
    let listed: Vec<&String> = shown["containers"].as_object().unwrap().keys().collect();
    assert_eq!(listed.len(), 2, "{shown}");
    let probe = |source: &str, target: &str| {
        let body = json!({ "kind": "reachable", "source": source, "target": target });
        daemon.ask("POST", &format!("/v1/clusters/{}/probes", stage.name), &body).with(200).json()["ok"] == true
    };
    let (a, b) = (listed[0].as_str(), listed[1].as_str());
    assert!(probe(a, b));
    daemon.ask("POST", &format!("{path}/partitions"), &json!({ "partitions": [[a], [b]] })).with(204);
    assert!(!probe(a, b) && !probe(b, a));
    daemon.ask("DELETE", &format!("{path}/partitions"), &Value::Null).with(204);
    assert!(probe(a, b));
    let unknown = daemon.ask("PUT", &path, &json!({ "containers": ["no-such-container"] })).with(400);
    assert!(unknown.detail().contains("no-such-container"), "{unknown:?}");
    daemon.ask("DELETE", &path, &Value::Null).with(204);
    daemon.ask("GET", &path, &Value::Null).with(404);
}

#[test]
fn a_run_that_is_sent_has_containers_of_its_own_and_leaves_nothing() {
    let Some(stage) = Stage::new("") else { return };
    let daemon = Daemon::start(&stage);
    let script = "fn chaos() {\n    let cut = isolate(\"n1\");\n    assert(!reachable(\"n1\", \"n2\"));\n    cut.heal();\n    \
         assert(reachable(\"n1\", \"n2\"));\n}\n";
    let nodes = "nodes:\n  n1: { command: sleep infinity }\n  n2: { command: sleep infinity }\n";
    let script = json!({ "name": "a.rhai", "text": script });
    let run = json!({ "script": script, "config": nodes, "runtime": "docker", "cluster": stage.name });
    let id = daemon.ask("POST", "/v1/runs", &run).with(201).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/commands/{id}");
    until("it has ended", || daemon.ask("GET", &path, &Value::Null).with(200).json()["state"] == "ended");
    let said = daemon.ask("GET", &format!("{path}/output"), &Value::Null).with(200).body;
    let run = daemon.ask("GET", &format!("/v1/runs/{id}"), &Value::Null).with(200).json();
    assert_eq!(
        (&run["verdict"], &run["runtime"], &run["exit_code"]),
        (&json!("pass"), &json!("docker"), &json!(0)),
        "{said}"
    );
    assert_eq!(stage.left(), [""; 0]);
}
