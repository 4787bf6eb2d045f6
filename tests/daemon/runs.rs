//! Runs over HTTP: from their start to what they left, and what becomes of them when the daemon ends.

use super::common::{User, namespaces, until};
use super::running::{Running, reaches, until_json};
use rustix::process::Signal;
use serde_json::{Value, json};

const NODES: &str =
    "network: { subnet: 10.9.0.0/24 }\nnodes: { n1: { command: sleep infinity }, n2: { command: sleep infinity } }\n";
const FAILS: &str = "fn chaos() {\n    let cut = isolate(\"n1\");\n    sleep(\"100ms\");\n    heal(cut);\n    fail(\"as it was told\");\n}\n";
const LONG: &str = "fn chaos() {\n    isolate(\"n1\");\n    sleep(\"10m\");\n}\n";

fn begin(running: &Running, more: Value) -> String {
    let mut body =
        json!({ "script": { "name": "a.rhai", "text": FAILS }, "config": NODES, "runtime": "sim", "seed": 7 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = running.post("/v1/runs", body).with(201);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert!(answer.head.contains(&format!("location: /v1/runs/{}", id.to_lowercase())), "{}", answer.head);
    id
}

fn ended(running: &Running, id: &str) -> Value {
    until(id, || {
        let run = running.ask("GET", &format!("/v1/commands/{id}"), "").json();
        run["state"] != "running"
    });
    running.get(&format!("/v1/runs/{id}"))
}

#[test]
fn a_run_is_begun_watched_and_read_to_its_last_file() {
    let running = Running::new();
    let id = begin(&running, json!({}));
    let run = ended(&running, &id);
    assert_eq!(
        (&run["state"], &run["verdict"], &run["exit_code"], &run["seed"]),
        (&json!("ended"), &json!("fail"), &json!(1), &json!(7))
    );
    assert_eq!(run["result"]["failure"]["message"], "as it was told");
    assert_eq!((&run["result"]["failure"]["file"], &run["result"]["failure"]["line"]), (&json!("a.rhai"), &json!(5)));
    let events = running.ask("GET", &format!("/v1/runs/{id}/events"), "").with(200).body;
    let journal = running.ask("GET", &format!("/v1/runs/{id}/files/journal.jsonl"), "").with(200).body;
    let lines: Vec<&str> = journal.lines().skip(1).collect();
    let followed: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(followed, [&lines[..], &["{}"]].concat());
    let from = running.ask("GET", &format!("/v1/runs/{id}/events?from=3"), "").with(200).body;
    assert!(from.starts_with("id: 3\n") && from.ends_with("event: end\ndata: {}\n\n"), "{from}");
    let files = running.get(&format!("/v1/runs/{id}/files"));
    let names: Vec<&str> =
        files["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(names, ["cluster.yaml", "journal.jsonl", "result.json", "script.rhai"]);
    for outside in ["..%2f..%2fdaemon.token", "%2fetc%2fpasswd", "../../blockade.yaml"] {
        let answer = running.ask("GET", &format!("/v1/runs/{id}/files/{outside}"), "");
        assert!([400, 404].contains(&answer.status), "{outside}: {answer:?}");
    }
    let report = running.ask("GET", &format!("/v1/runs/{id}/report"), "").with(200);
    assert!(report.head.contains("content-security-policy: frame-ancestors 'none'"), "{}", report.head);
    assert!(report.head.contains("text/html") && report.body.contains("as it was told"), "{}", report.head);
    // One of a local user is a run like any other.
    running.place.write("b.rhai", "fn chaos() {}");
    running.place.blockade(&["run", "b.rhai", "--runtime", "sim", "--seed", "8"]).with(0);
    let runs = running.get("/v1/runs");
    let seeds: Vec<&Value> = runs["runs"].as_array().unwrap().iter().map(|run| &run["seed"]).collect();
    assert_eq!(seeds, [&json!(8), &json!(7)]);
    assert_eq!(running.get("/v1/runs?limit=1")["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_run_on_a_cluster_that_is_removed_ends_with_it() {
    let running = Running::with_cluster("sim");
    let script = json!({ "name": "a.rhai", "text": LONG });
    let body = json!({ "script": script, "cluster": "c1", "attach": true, "seed": 7 });
    let id = running.post("/v1/runs", body).with(201).json()["id"].as_str().unwrap().to_owned();
    until_json(&running, "/v1/clusters/c1/faults", |faults| faults["faults"].as_array().unwrap().len() == 1);
    running.ask("DELETE", "/v1/clusters/c1", "").with(200);
    let run = ended(&running, &id);
    assert_eq!((&run["verdict"], &run["exit_code"]), (&json!("error"), &json!(3)));
    assert_eq!(run["result"]["failure"]["message"], "the cluster `c1` was removed meanwhile");
}

#[test]
fn a_run_is_given_what_the_command_line_can_give() {
    let running = Running::new();
    let script = json!({ "name": "x/a.rhai", "text": "import \"b\" as b;\nfn chaos() { note(b::word() + param(\"who\", \"\")); }" });
    let more = json!({
        "script": script,
        "files": { "x/b.rhai": "fn word() { \"hello \" }" },
        "config": "nodes: { n1: { command: \"${env:CMD}\" } }",
        "env": { "CMD": "sleep 1" },
        "params": { "who": "--you" },
        "timeout": "5s",
        "chaos": "note(\"instead\");",
    });
    let id = begin(&running, more);
    assert_eq!(ended(&running, &id)["verdict"], "pass");
    let said = running.ask("GET", &format!("/v1/runs/{id}/output"), "").with(200).body;
    assert!(said.contains("instead"), "{said}");
    let refused = begin(&running, json!({ "chaos": "no such thing", "config": "nodes: [" }));
    let run = ended(&running, &refused);
    assert_eq!((&run["state"], &run["exit_code"], &run["verdict"]), (&json!("ended"), &json!(2), &Value::Null));
    assert_eq!(run["script"], "a.rhai");
    let events = running.ask("GET", &format!("/v1/runs/{refused}/events"), "").with(200).body;
    assert_eq!(events, "event: end\ndata: {}\n\n");
    let other = json!({ "args": ["status"] });
    let other = running.post("/v1/commands", other).with(201).json()["id"].as_str().unwrap().to_owned();
    for resource in ["runs", "soaks"] {
        running.ask("POST", &format!("/v1/{resource}/{other}/cancel"), "").with(404);
        running.ask("GET", &format!("/v1/{resource}/{other}/output"), "").with(404);
    }
    running.ask("POST", &format!("/v1/soaks/{refused}/cancel"), "").with(404);
    let wrong = |body: Value| running.post("/v1/runs", body).with(400).detail();
    let script = || json!({ "name": "a.rhai", "text": "" });
    assert_eq!(wrong(json!({ "script": script(), "sead": 1 })), "the body: there is no key `sead`");
    assert!(wrong(json!({ "script": { "name": "../a.rhai", "text": "" } })).contains("leads out of"));
    let option = wrong(json!({ "script": { "name": "--resume=x", "text": "" } }));
    assert_eq!(option, "a script cannot be called `--resume=x`: that reads as an option");
    let twice = json!({ "script": { "name": "cluster.yaml", "text": "" }, "config": "" });
    assert_eq!(wrong(twice), "two different files are called `cluster.yaml`");
    assert!(wrong(json!({ "script": script(), "timeout": "soon" })).contains("soon"));
    assert!(wrong(json!({ "script": script(), "runtime": "moon" })).contains("docker, netns or sim"));
}

#[test]
fn a_cancelled_run_heals_and_so_do_those_of_a_daemon_that_ends_or_is_killed() {
    if !namespaces(User::Ours) {
        return;
    }
    let mut running = Running::with_cluster("netns");
    let long = || json!({ "script": { "name": "a.rhai", "text": LONG }, "config": null, "runtime": null, "cluster": "c1", "attach": true });
    let cut = |running: &Running| until("n1 is cut off", || !reaches(running, "n1", "n2"));
    let healed = |running: &Running| until("n1 is back", || reaches(running, "n1", "n2"));

    let first = begin(&running, long());
    cut(&running);
    assert_eq!(running.get(&format!("/v1/runs/{first}"))["state"], "running");
    running.ask("POST", &format!("/v1/runs/{first}/cancel"), "").with(202);
    let run = ended(&running, &first);
    assert_eq!((&run["state"], &run["exit_code"], &run["verdict"]), (&json!("ended"), &json!(130), &json!("error")));
    healed(&running);

    let second = begin(&running, long());
    cut(&running);
    assert_eq!(running.end(Signal::TERM), Some(0));
    running.again();
    healed(&running);
    assert_eq!(running.get(&format!("/v1/commands/{second}"))["exit_code"], 130);

    let third = begin(&running, long());
    cut(&running);
    running.end(Signal::KILL);
    running.again();
    until_json(&running, &format!("/v1/commands/{third}"), |told| told["state"] == "interrupted");
    let run = running.get(&format!("/v1/runs/{third}"));
    assert_eq!(
        (&run["state"], &run["verdict"], &run["exit_code"]),
        (&json!("interrupted"), &json!("error"), &json!(130))
    );
    assert_eq!(run["result"]["cleanup"]["ok"], true);
    healed(&running);
    assert_eq!(running.get("/v1/clusters/c1/faults"), json!({ "faults": [] }));
    let said = running.ask("GET", &format!("/v1/commands/{third}/output"), "").with(200).body;
    assert!(said.contains("the daemon ended before this command") && said.contains("event: exit"), "{said}");
}

#[test]
fn a_run_is_repeated_and_shrunk_from_its_name() {
    let running = Running::new();
    let script =
        json!({ "name": "a.rhai", "text": format!("import \"b\" as b;\n{FAILS}").replace("fail(", "b::say(); fail(") });
    let id = begin(&running, json!({ "script": script, "files": { "b.rhai": "fn say() { note(\"from b\"); }" } }));
    ended(&running, &id);
    let check = "fn check() { fail(\"always\"); }\nfn chaos() { isolate(\"n1\"); sleep(\"1s\"); }";
    let failing = begin(
        &running,
        json!({ "script": { "name": "f.rhai", "text": check }, "config": NODES.replace("sleep infinity", "'sleep ${env:T}'"), "env": { "T": "9" } }),
    );
    ended(&running, &failing);
    let command = |args: Value| {
        running.post("/v1/commands", json!({ "args": args })).with(201).json()["id"].as_str().unwrap().to_owned()
    };
    let replayed = command(json!(["replay", failing]));
    let run = ended(&running, &replayed);
    assert_eq!((&run["verdict"], &run["seed"]), (&json!("fail"), &json!(7)));
    let shrunk = command(json!(["shrink", failing, "--trials", "30"]));
    until("it is shrunk", || running.get(&format!("/v1/commands/{shrunk}"))["state"] == "ended");
    assert_eq!(running.get(&format!("/v1/commands/{shrunk}"))["exit_code"], 0);
    let files = running.get(&format!("/v1/runs/{failing}/files")).to_string();
    assert!(files.contains("minimal.rhai"), "{files}");
}

#[test]
fn a_soak_is_known_from_its_first_moment_and_also_when_it_was_refused() {
    let running = Running::new();
    let begin = |text: &str| {
        let body =
            json!({ "script": { "name": "s.rhai", "text": text }, "config": NODES, "runtime": "sim", "runs": 3 });
        let told = running.post("/v1/soaks", body).with(201).json();
        let id = told["id"].as_str().unwrap().to_owned();
        assert_eq!(running.get(&format!("/v1/soaks/{id}"))["script"], "s.rhai");
        until(&id, || running.get(&format!("/v1/soaks/{id}"))["exit_code"] != Value::Null);
        running.get(&format!("/v1/soaks/{id}"))
    };
    let refused = begin("fn chaos( {");
    assert_eq!(
        (&refused["exit_code"], &refused["is_running"], &refused["runtime"]),
        (&json!(2), &json!(false), &Value::Null)
    );
    let passed = begin("fn chaos() { note(\"x\"); }");
    assert_eq!((&passed["exit_code"], &passed["summary"]["passed"]), (&json!(0), &json!(3)));
    running.ask("POST", &format!("/v1/runs/{}/cancel", passed["id"].as_str().unwrap()), "").with(404);
}
