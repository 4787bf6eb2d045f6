//! The old Blockade's REST on real nodes: paths, codes and JSON.

use super::common::{User, namespaces};
use super::running::{Running, reaches, until_json, until_reaches};
use serde_json::{Value, json};

fn of(running: &Running, node: &str, key: &str) -> Value {
    running.get("/blockade/c1")["containers"][node][key].clone()
}

#[test]
fn a_blockade_is_made_shown_used_and_removed() {
    if !namespaces(User::Ours) {
        return;
    }
    let running = Running::new();
    let body = json!({
        "network": { "subnet": "10.9.0.0/24" },
        "containers": { "n": { "command": ["sleep", "infinity"], "count": 3 } },
    });
    assert_eq!(running.post("/blockade/c1", body.clone()).with(204).body, "");
    assert_eq!(running.get("/blockade"), json!({ "blockades": ["c1"] }));
    let again = running.post("/blockade/c1", body).with(400);
    assert_eq!(again.detail(), "the cluster `c1` is already up");
    let shown = running.get("/blockade/c1");
    assert_eq!(
        shown["containers"]["n_1"],
        json!({ "container_id": "c1_n_1", "device": null, "ip_address": shown["containers"]["n_1"]["ip_address"],
            "name": "n_1", "network_state": "NORMAL", "partition": null, "status": "UP" })
    );
    assert_eq!(shown["containers"].as_object().unwrap().len(), 3);

    running.post("/blockade/c1/partitions", json!({ "partitions": [["n_1"], ["n_2", "n_3"]] })).with(204);
    assert_eq!((of(&running, "n_1", "partition"), of(&running, "n_3", "partition")), (json!(1), json!(2)));
    until_reaches(&running, "n_2", "n_3");
    assert!(!reaches(&running, "n_1", "n_2"));
    running.ask("DELETE", "/blockade/c1/partitions", "").with(204);
    until_reaches(&running, "n_1", "n_2");
    assert!(of(&running, "n_1", "partition").is_null());

    let act = |command: &str, query: &str| {
        let body = json!({ "command": command, "container_names": ["n_1"] });
        running.post(&format!("/blockade/c1/action{query}"), body).with(204);
        of(&running, "n_1", "status")
    };
    assert_eq!((act("stop", ""), act("start", "")), (json!("DOWN"), json!("UP")));
    // A signal is sent when that is answered; the node ends a moment later.
    for (query, back) in [("", "restart"), ("?signal=SIGTERM", "start")] {
        act("kill", query);
        until_json(&running, "/blockade/c1", |shown| shown["containers"]["n_1"]["status"] == "DOWN");
        assert_eq!(act(back, ""), json!("UP"));
    }

    running.ask("DELETE", "/blockade/c1", "").with(204);
    assert_eq!(running.get("/blockade"), json!({ "blockades": [] }));
    let trail = running.get("/blockade/c1/events");
    let events: Vec<&str> =
        trail["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    insta::assert_snapshot!(events.join(" "), @"up partition join stop start kill restart kill start destroy");
}

#[test]
fn network_states_are_faults_of_their_nodes() {
    let running = Running::with_cluster("sim");
    let put = |state: &str| {
        let body = json!({ "network_state": state, "container_names": ["n1", "n2"] });
        running.post("/blockade/c1/network_state", body).with(204);
        (of(&running, "n1", "network_state"), of(&running, "n3", "network_state"))
    };
    for (state, told) in [("slow", "SLOW"), ("flaky", "FLAKY"), ("duplicate", "DUPLICATE"), ("fast", "NORMAL")] {
        let (touched, _) = put(state);
        assert_eq!(touched, json!(told), "{state}");
    }
    assert_eq!(running.place.blockade(&["-n", "c1", "faults"]).stderr, "no faults\n");
}

/// On real links: what a node sends is late, and what others send is not made fast with it.
#[test]
fn a_node_that_is_made_fast_leaves_the_others_slow() {
    if !namespaces(User::Ours) {
        return;
    }
    let running = Running::new();
    let node = || json!({ "command": ["sleep", "infinity"] });
    let body = json!({
        "network": { "subnet": "10.9.0.0/24", "slow": "300ms" },
        "containers": { "n1": node(), "n2": node(), "n3": node() },
    });
    running.post("/blockade/c1", body).with(204);
    let put = |state: &str, nodes: &[&str]| {
        let body = json!({ "network_state": state, "container_names": nodes });
        running.post("/blockade/c1/network_state", body).with(204);
        ["n1", "n2", "n3"].map(|node| of(&running, node, "network_state").as_str().unwrap().to_owned()).join(" ")
    };
    let is_late = |source: &str, target: &str| {
        let probe = json!({ "kind": "round_trip", "source": source, "target": target });
        let trip = |_| running.post("/v1/clusters/c1/probes", probe.clone()).with(200).json()["rtt_us"].as_u64();
        // A busy machine makes some of them late, and loses some.
        (0..20).filter_map(trip).take(3).min().unwrap() >= 300_000
    };
    assert_eq!(put("slow", &["n1"]), "SLOW NORMAL NORMAL");
    assert_eq!(put("fast", &["n3"]), "SLOW NORMAL NORMAL");
    assert_eq!((is_late("n1", "n3"), is_late("n2", "n3")), (true, false));
    assert_eq!(put("slow", &["n2", "n3"]), "SLOW SLOW SLOW");
    assert_eq!(put("fast", &["n1", "n2"]), "NORMAL NORMAL SLOW");
    assert_eq!((is_late("n1", "n2"), is_late("n2", "n3")), (false, true));
    assert_eq!(put("fast", &["n3"]), "NORMAL NORMAL NORMAL");
    assert!(!is_late("n2", "n3"));
}

#[test]
fn groups_that_overlap_have_numbers_of_their_own() {
    let running = Running::with_cluster("sim");
    running.post("/blockade/c1/partitions", json!({ "partitions": [["n1", "n2"], ["n2", "n3"]] })).with(204);
    assert_eq!(["n1", "n2", "n3"].map(|node| of(&running, node, "partition")), [json!(1), json!(1), json!(2)]);
}

#[test]
fn a_random_partition_takes_a_seed_and_gives_it_back() {
    let running = Running::with_cluster("sim");
    let random = |query: &str, body: &str| {
        running.ask("POST", &format!("/blockade/c1/partitions?random=true{query}"), body).with(200).json()
    };
    let first = random("&seed=3", "");
    assert_eq!(first["seed"], 3);
    assert_eq!(random("", "{\"seed\": 3}"), first);
    assert_eq!(random("&seed=3", "{\"seed\": 4}"), first);
    let drawn = random("", "");
    assert_eq!(random(&format!("&seed={}", drawn["seed"]), ""), drawn);
    // The command line chooses the same.
    let groups: Vec<String> = first["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let names: Vec<&str> = group.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            format!("{{{}}}", names.join(", "))
        })
        .collect();
    let said = running.says(&["partition", "--random", "--seed", "3"]);
    assert!(groups.len() < 2 || said.contains(&groups.join(" | ")), "{said} {groups:?}");
}

#[test]
fn what_old_clients_send_is_taken_as_they_declare_and_spell_it() {
    let running = Running::with_cluster("sim");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let send = |method: &str, path: &str, body: Value| {
        running.ask_with(method, &format!("/blockade/c1/{path}"), &form, &body.to_string()).status
    };
    let groups = json!({ "partitions": [["n1"], ["n2", "n3"]] });
    let sent = [
        send("POST", "action", json!({ "command": "stop", "container_names": ["n1"] })),
        send("POST", "network_state", json!({ "network_state": "slow", "container_names": ["n2"] })),
        send("POST", "partitions?random=False", groups.clone()),
        send("POST", "partitions?random=0", groups.clone()),
        send("POST", "partitions?random=True", json!({ "seed": 3 })),
        send("POST", "partitions?random=1", json!({ "seed": 3, "partitions": [] })),
        send("POST", "partitions?random", json!({ "seed": 3 })),
        send("POST", "partitions", groups),
        send("POST", "chaos", json!({ "min_start_delay": 30_000 })),
        send("PUT", "chaos", json!({ "min_start_delay": 30_001 })),
    ];
    assert_eq!(sent, [204, 204, 204, 204, 200, 200, 200, 204, 201, 200]);
    assert_eq!((of(&running, "n1", "status"), of(&running, "n2", "network_state")), (json!("DOWN"), json!("SLOW")));
}

#[test]
fn what_is_wrong_is_told_in_json_with_the_old_codes() {
    let running = Running::with_cluster("sim");
    let told = |method: &str, path: &str, body: &str| {
        let answer = running.ask(method, path, body);
        format!("{} {}", answer.status, answer.detail())
    };
    let all = [
        told("GET", "/blockade/c9", ""),
        told("DELETE", "/blockade/c9", ""),
        told("POST", "/blockade/c9/partitions", r#"{"partitions": [["n1"]]}"#),
        told("GET", "/blockade/c9/events", ""),
        told("GET", "/blockade/c9/chaos", ""),
        told("GET", "/blockade/c_1", ""),
        told("POST", "/blockade/c2", "containers: { n1: { comand: x } }"),
        told("POST", "/blockade/c2", "{"),
        told("PUT", "/blockade/c1", r#"{"containers": []}"#),
        told("POST", "/blockade/c1/action", r#"{"command": "explode", "container_names": ["n1"]}"#),
        told("POST", "/blockade/c1/action", r#"{"command": "stop", "container_names": ["n1", "n9"]}"#),
        told("POST", "/blockade/c1/action?signal=SIGNOT", r#"{"command": "kill", "container_names": ["n1"]}"#),
        told("POST", "/blockade/c1/action", "nothing"),
        told("POST", "/blockade/c1/network_state", r#"{"network_state": "wet", "container_names": ["n1"]}"#),
        told("POST", "/blockade/c1/partitions", r#"{"partitions": []}"#),
        told("POST", "/blockade/c1/partitions?random=maybe", ""),
        told("POST", "/blockade/c1/partitions?random=1", r#"{"sead": 7}"#),
        told("POST", "/blockade/c1/partitions?randm=1", ""),
        told("PATCH", "/blockade/c1", ""),
        told("GET", "/blockade/c1/nothing", ""),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    404 no cluster `c9` is up
    404 no cluster `c9` is up
    404 no cluster `c9` is up
    404 nothing was ever done to a cluster `c9` here
    404 no cluster `c9` is up
    400 `c_1` cannot be the name of a blockade
    400 node `n1` has no key `comand`
    400 this is not YAML: unclosed bracket '{'
    400 `containers` names nobody
    400 the body, at `command`: `explode` is not known here
    400 there is no node `n9`
    400 "SIGNOT" is no signal
    400 the body cannot be read as JSON: expected ident at line 1 column 2
    400 the body, at `network_state`: `wet` is not known here
    400 a partition needs groups, and each group a node
    400 the query, at `random`: "maybe" stands where true or false should
    400 the body: there is no key `sead`
    400 the query: there is no key `randm`
    405 this route has no such method
    404 there is no such route
    "#);
}

#[test]
fn a_wrong_file_is_told_with_its_places_and_as_a_terminal_shows_it() {
    let running = Running::new();
    let wrong = running.ask("POST", "/blockade/c2", "containers:\n  n1: { comand: x }\n").with(400).json();
    assert_eq!(wrong["places"][0]["line"], 2);
    let text = wrong["text"].as_str().unwrap();
    assert!(
        text.starts_with("error: ") && text.contains("--> config:2:9") && text.contains("did you mean `command`?"),
        "{text}"
    );
    assert_eq!(wrong["exit_code"], 2);
}
