//! The new REST on real nodes.

use super::common::{User, namespaces, until};
use super::running::{CLUSTER, Running, reaches, until_json, until_reaches};
use rustix::process::{Signal, kill_process};
use serde_json::json;

#[test]
fn a_cluster_is_made_cut_probed_healed_and_removed() {
    if !namespaces(User::Ours) {
        return;
    }
    let running = Running::new();
    let new = json!({ "name": "c1", "config": CLUSTER, "runtime": "netns" });
    let made = running.post("/v1/clusters", new).with(201);
    assert!(made.head.contains("location: /v1/clusters/c1"), "{}", made.head);
    assert_eq!(made.json()["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(running.get("/v1/clusters"), json!({ "clusters": [{ "name": "c1", "state": "up" }] }));
    until_json(&running, "/v1/clusters/c1/nodes/n1/logs?last=1", |told| told["log"] == "two\n");

    let faults = "/v1/clusters/c1/faults";
    let cut = running.post(faults, json!({ "fault": { "kind": "one_way", "source": ["n1"], "target": ["n2"] } }));
    let cut = cut.with(201);
    assert!(cut.head.contains("location: /v1/clusters/c1/faults/f1"), "{}", cut.head);
    let cut = cut.json();
    assert_eq!((&cut["id"], &cut["kind"], &cut["text"]), (&json!("f1"), &json!("one_way"), &json!("one_way n1 → n2")));
    until_reaches(&running, "n1", "n2");
    assert!(!reaches(&running, "n2", "n1"));
    let trip = json!({ "kind": "round_trip", "source": "n1", "target": "n3" });
    let trip = running.post("/v1/clusters/c1/probes", trip).with(200).json();
    assert!(trip["ok"] == true && trip["rtt_us"].as_u64().unwrap() > 0, "{trip}");
    running.post(faults, json!({ "fault": { "kind": "isolate", "nodes": ["n3"] } })).with(201);
    assert_eq!(running.get(faults)["faults"].as_array().unwrap().len(), 2);
    let healed = running.ask("DELETE", &format!("{faults}/f1"), "").with(200).json();
    assert_eq!(healed["healed"][0]["id"], "f1");
    until_reaches(&running, "n2", "n1");
    assert!(!reaches(&running, "n2", "n3"));
    running.ask("DELETE", faults, "").with(200);
    until_reaches(&running, "n2", "n3");
    assert_eq!(running.get(faults), json!({ "faults": [] }));

    let act = |body| running.post("/v1/clusters/c1/nodes/n2/actions", body).with(200).json();
    let paused = act(json!({ "action": "pause" }));
    assert_eq!((&paused["node"]["status"], &paused["fault"]["kind"]), (&json!("PAUSED"), &json!("pause")));
    assert_eq!(
        act(json!({ "action": "resume" })),
        json!({ "node": running.get("/v1/clusters/c1/nodes/n2"), "fault": null })
    );
    assert_eq!(act(json!({ "action": "kill", "signal": "TERM", "for": "1h" }))["fault"]["kind"], "kill");
    until_json(&running, "/v1/clusters/c1/nodes/n2", |node| node["status"] == "DOWN");
    assert_eq!(act(json!({ "action": "restart" }))["node"]["status"], "UP");
    let ran =
        running.post("/v1/clusters/c1/nodes/n1/exec", json!({ "argv": ["cat"], "stdin": "hello" })).with(200).json();
    assert_eq!((&ran["code"], &ran["stdout"]), (&json!(0), &json!("hello")));

    let gone = running.ask("DELETE", "/v1/clusters/c1", "").with(200).json();
    assert_eq!(gone, json!({ "destroyed": "c1", "was_alive": true }));
    running.ask("GET", "/v1/clusters/c1", "").with(404);
    let trail = running.get("/v1/clusters/c1/audit")["entries"].as_array().unwrap().len();
    assert!(trail > 8, "{trail}");
}

#[test]
fn a_fault_may_end_by_itself_and_cuts_and_impairments_are_healed_apart() {
    let running = Running::with_cluster("sim");
    let faults = "/v1/clusters/c1/faults";
    running.post(faults, json!({ "fault": { "kind": "stop", "nodes": ["n1"] }, "for": "10ms" })).with(201);
    until_json(&running, faults, |left| left["faults"].as_array().unwrap().is_empty());
    running.post(faults, json!({ "fault": { "kind": "slow", "nodes": ["*"], "delay": "1ms" } })).with(201);
    running.post(faults, json!({ "fault": { "kind": "block", "source": ["n1"], "target": ["n2"] } })).with(201);
    let random =
        running.post(faults, json!({ "fault": { "kind": "partition", "random": true, "seed": 9 } })).with(201).json();
    assert_eq!(random["seed"], 9);
    let healed = |query: &str| {
        let healed = running.ask("DELETE", &format!("{faults}{query}"), "").with(200).json();
        healed["healed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(healed("?only=impairments&nodes=n2"), ["slow"]);
    let mut cuts = healed("?only=partitions");
    cuts.sort();
    assert_eq!(cuts, ["block", "partition"]);
    assert_eq!(healed(""), ["slow"], "what the others send was still slow");
    assert_eq!(healed(""), [""; 0]);
}

#[test]
fn of_several_who_heal_a_fault_at_once_one_has() {
    let running = Running::with_cluster("sim");
    for round in 1..=10 {
        running.post("/v1/clusters/c1/faults", json!({ "fault": { "kind": "isolate", "nodes": ["n1"] } })).with(201);
        let fault = format!("/v1/clusters/c1/faults/f{round}");
        let codes: Vec<u16> = std::thread::scope(|scope| {
            let heal = || running.ask("DELETE", &fault, "").status;
            let healers: Vec<_> = (0..6).map(|_| scope.spawn(heal)).collect();
            healers.into_iter().map(|healer| healer.join().unwrap()).collect()
        });
        assert_eq!(codes.iter().filter(|code| **code == 200).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == 404).count(), 5, "{codes:?}");
    }
}

#[test]
fn what_is_wrong_is_a_problem() {
    let running = Running::with_cluster("sim");
    let told = |method: &str, path: &str, body: &str| {
        let answer = running.ask(method, path, body);
        format!("{} {}", answer.status, answer.detail())
    };
    let all = [
        told("GET", "/v1/clusters/c9", ""),
        told("DELETE", "/v1/clusters/c9", ""),
        told("POST", "/v1/clusters", r#"{"name": "c_2", "config": "nodes: { n1: {} }"}"#),
        told("POST", "/v1/clusters", r#"{"name": "c1", "config": "nodes: { n1: {} }", "runtime": "sim"}"#),
        told("POST", "/v1/clusters", r#"{"name": "c2", "config": "", "runtime": "moon"}"#),
        told("GET", "/v1/clusters/c1/nodes/n9", ""),
        told("GET", "/v1/clusters/c1/nodes/n*", ""),
        told("POST", "/v1/clusters/c1/nodes/n1/actions", r#"{"action": "explode"}"#),
        told("POST", "/v1/clusters/c1/nodes/n1/actions", r#"{"action": "start", "signal": "TERM"}"#),
        told("POST", "/v1/clusters/c1/nodes/n1/exec", r#"{"argv": []}"#),
        told("POST", "/v1/clusters/c1/faults", r#"{"fault": {"kind": "isolate", "nodes": ["n7"]}}"#),
        told("DELETE", "/v1/clusters/c1/faults/f7", ""),
        told("DELETE", "/v1/clusters/c1/faults/x", ""),
        told("DELETE", "/v1/clusters/c1/faults?only=dreams", ""),
        told("POST", "/v1/clusters/c1/probes", r#"{"kind": "tcp", "node": "n1"}"#),
        told("POST", "/v1/clusters/c1/probes", r#"{"kind": "reachable", "source": "n*", "target": "n1"}"#),
        told("GET", "/v1/clusters/c1/events?from=x", ""),
        told("GET", "/v1/nothing", ""),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    404 no cluster `c9` is up
    404 no cluster `c9` is up
    400 `c_2` cannot be the name of a blockade
    409 the cluster `c1` is already up
    400 the body, at `runtime`: `moon` is not known here
    404 there is no node `n9`
    404 there is no node `n*`
    400 the body, at `action`: `explode` is not known here
    400 the body: there is no key `signal`
    400 `argv` names no program
    400 there is no node `n7`
    404 no fault f7 is active
    400 `x` is no fault; faults are called f1, f2, …
    400 the query, at `only`: `dreams` is not known here
    400 the body: the key `port` is missing
    400 `n*` means several nodes: n1, n2, n3
    400 the query, at `from`: "x" stands where a whole number from 0 should
    404 there is no such route
    "#);
}

#[test]
fn a_cluster_that_comes_or_goes_is_asked_for_later_and_one_that_died_is_no_fault_of_the_daemon() {
    let running = Running::with_cluster("sim");
    let folder = running.place.path().join(".blockade/clusters/c2");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let new = r#"{"name": "c2", "config": "nodes: { n1: {} }", "runtime": "sim"}"#;
    for (method, path, body) in
        [("GET", "/v1/clusters/c2", ""), ("DELETE", "/v1/clusters/c2", ""), ("POST", "/v1/clusters", new)]
    {
        let answer = running.ask(method, path, body).with(503);
        assert_eq!(answer.detail(), "the cluster `c2` is just being brought up or removed", "{method}");
        assert!(answer.head.contains("retry-after: 5"), "{method}: {}", answer.head);
    }
    // The old tool would have had one of that name.
    running.ask("POST", "/blockade/c2", "containers: { n1: {} }").with(400);
    drop(lock);
    std::fs::remove_dir_all(folder).unwrap();

    kill_process(running.supervisor(), Signal::KILL).unwrap();
    until("it is gone", || running.ask("GET", "/v1/clusters/c1", "").status != 200);
    until("it is known as dead", || running.ask("GET", "/v1/clusters/c1", "").status == 409);
    let told = running.ask("GET", "/v1/clusters/c1", "").detail();
    assert!(told.starts_with("the cluster `c1` has died"), "{told}");
    let gone = running.ask("DELETE", "/v1/clusters/c1", "").with(200).json();
    assert_eq!(gone["was_alive"], false);
}

#[test]
fn the_document_describes_what_is_sent_and_answered() {
    let running = Running::new();
    let document = running.get("/v1/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let inject = &document["paths"]["/v1/clusters/{cluster}/faults"]["post"];
    assert!(inject["requestBody"].is_object() && inject["responses"]["201"].is_object(), "{inject}");
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, what) in methods.as_object().unwrap() {
            assert!(what["summary"].is_string() || what["description"].is_string(), "{method} {path} is not described");
            for code in ["400", "401", "404", "500"] {
                assert!(what["responses"][code].is_object(), "{method} {path}: {code}");
            }
        }
    }
}

#[test]
fn a_clusters_file_finds_the_variables_that_were_sent_and_none_of_the_daemons() {
    let running = Running::new();
    let up = |name: &str, variable: &str| {
        let config = format!("nodes: {{ n1: {{ command: [echo, '${{env:{variable}}}'] }} }}");
        let new = json!({ "name": name, "config": config, "runtime": "sim", "env": { "WHO": "me" } });
        running.post("/v1/clusters", new)
    };
    up("c1", "WHO").with(201);
    // Every process has that one.
    assert!(up("c2", "PATH").with(400).detail().contains("PATH"));
}
