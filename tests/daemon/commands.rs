//! Command lines that are sent, and run here.

use super::common::{User, namespaces, until};
use super::http::{raw, request};
use super::running::{Running, until_json};
use rustix::process::Signal;
use serde_json::{Value, json};

/// What a command has said, read to its end.
struct Said {
    out: String,
    err: String,
    code: Option<u64>,
    seqs: Vec<u64>,
}

/// Sends a command, and gives its id.
fn send(running: &Running, args: &[&str], files: Value) -> String {
    let told = running.post("/v1/commands", json!({ "args": args, "files": files, "name": "c1" })).with(201).json();
    assert_eq!(told["state"], "running");
    told["id"].as_str().unwrap().to_owned()
}

fn listen(running: &Running, id: &str, from: u64) -> Said {
    let answer = running.ask("GET", &format!("/v1/commands/{id}/output?from={from}"), "").with(200);
    let mut said = Said { out: String::new(), err: String::new(), code: None, seqs: Vec::new() };
    for line in answer.body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let piece: Value = serde_json::from_str(line).unwrap();
        said.seqs.push(piece["seq"].as_u64().unwrap());
        let text = piece["text"].as_str().unwrap_or_default();
        match piece["kind"].as_str().unwrap() {
            "out" => said.out.push_str(text),
            "err" => said.err.push_str(text),
            "exit" => said.code = piece["code"].as_u64(),
            other => panic!("{other}"),
        }
    }
    said
}

/// A whole command.
fn run(running: &Running, args: &[&str], files: Value) -> Said {
    let id = send(running, args, files);
    listen(running, &id, 1)
}

const NODES: &str =
    "network: { subnet: 10.9.0.0/24 }\nnodes: { n1: { command: sleep infinity }, n2: { command: sleep infinity } }\n";

#[test]
fn a_command_says_and_ends_as_a_local_one_does() {
    let running = Running::new();
    running.place.write("bad.rhai", "fn chaos() {\n    partitoin([]);\n}\n");
    let bad = running.place.read("bad.rhai");
    let files = json!({ "bad.rhai": bad, "blockade.yaml": NODES });
    let (there, here) =
        (run(&running, &["check", "bad.rhai"], files.clone()), running.place.blockade(&["check", "bad.rhai"]).with(2));
    assert_eq!((there.code, there.out, there.err), (Some(2), here.stdout, here.stderr));
    let (there, here) = (
        run(&running, &["run", "bad.rhai", "--seed", "7"], files),
        running.place.blockade(&["run", "bad.rhai", "--seed", "7"]).with(2),
    );
    assert_eq!((there.code, there.out, there.err), (Some(2), here.stdout, here.stderr));
    let status = run(&running, &["status"], json!({}));
    assert_eq!(status.code, Some(2));
    assert!(status.err.contains("`c1`"), "{}", status.err);
    // What never began is told of, and left nothing.
    let runs = running.get("/v1/runs")["runs"].clone();
    assert_eq!(
        (runs.as_array().unwrap().len(), &runs[0]["state"], &runs[0]["exit_code"]),
        (1, &json!("ended"), &json!(2))
    );
    assert_eq!(std::fs::read_dir(running.place.path().join(".blockade/runs")).unwrap().count(), 0);
}

#[test]
fn one_shot_commands_keep_house_on_a_cluster_of_the_daemons() {
    if !namespaces(User::Ours) {
        return;
    }
    let running = Running::new();
    let files = || json!({ "blockade.yaml": NODES });
    assert_eq!(run(&running, &["up", "--runtime", "netns"], files()).code, Some(0));
    let partition = run(&running, &["partition", "n1", "n2"], json!({}));
    assert_eq!((partition.code, partition.err.as_str()), (Some(0), ""));
    assert!(running.says(&["faults"]).contains("partition {n1} | {n2}"));
    assert_eq!(run(&running, &["exec", "n1", "--", "printf", "a\\377b"], json!({})).code, Some(0));
    let written = send(&running, &["events", "--output", "trail.txt"], json!({}));
    assert_eq!(listen(&running, &written, 1).code, Some(0));
    let listed = running.get(&format!("/v1/commands/{written}/files"));
    assert_eq!(listed["files"][0]["path"], "trail.txt");
    let trail = running.ask("GET", &format!("/v1/commands/{written}/files/trail.txt"), "").with(200);
    assert!(trail.body.contains("partition"), "{}", trail.body);
    assert!(trail.head.contains("content-type: text/plain; charset=utf-8"), "{}", trail.head);
    assert_eq!(run(&running, &["destroy"], json!({})).code, Some(0));
    assert_eq!(running.get("/v1/clusters"), json!({ "clusters": [] }));
}

#[test]
fn what_is_typed_reaches_a_session_and_its_end_ends_it() {
    let running = Running::new();
    let files = json!({ "blockade.yaml": NODES });
    let id = send(&running, &["repl", "--runtime", "sim", "--seed", "1"], files);
    let input = format!("/v1/commands/{id}/input");
    running.post(&input, json!({ "text": "let a = 6 * 7;\n" })).with(204);
    running.post(&input, json!({ "text": "a\n" })).with(204);
    running.post(&input, json!({ "end": true })).with(204);
    let said = listen(&running, &id, 1);
    assert!(said.out.contains("42"), "{} {}", said.out, said.err);
    assert_eq!(said.code, Some(0));
    let late = running.post(&input, json!({ "text": "1\n" })).with(409);
    assert!(late.detail().contains("ended"), "{late:?}");
    let deaf = send(&running, &["faults"], json!({}));
    running.post(&format!("/v1/commands/{deaf}/input"), json!({ "text": "x" })).with(409);
}

#[test]
fn a_command_to_which_nobody_listens_ends_but_a_soak_goes_on() {
    let running = Running::new();
    let files = json!({ "blockade.yaml": NODES, "a.rhai": "fn chaos() { sleep(\"1s\"); }" });
    let session = send(&running, &["repl", "--runtime", "sim"], files.clone());
    let soak = send(&running, &["soak", "a.rhai", "--runtime", "sim", "--for", "10m"], files);
    until("the session ends", || running.get(&format!("/v1/commands/{session}"))["state"] == "ended");
    assert_eq!(running.get(&format!("/v1/commands/{soak}"))["state"], "running");
    running.ask("POST", &format!("/v1/soaks/{soak}/cancel"), "").with(202);
    assert_eq!(listen(&running, &soak, 1).code, Some(130));
    let looked = running.get(&format!("/v1/soaks/{soak}"));
    assert_eq!((&looked["is_running"], &looked["exit_code"]), (&json!(false), &json!(130)));
    assert!(looked["summary"]["runs"].as_u64().unwrap() > 10, "{looked}");
}

#[test]
fn what_was_said_is_read_again_from_any_piece_also_after_the_end() {
    let running = Running::new();
    let files =
        json!({ "blockade.yaml": NODES, "a.rhai": "fn chaos() { note(\"one\"); sleep(\"1s\"); note(\"two\"); }" });
    let id = send(&running, &["run", "a.rhai", "--runtime", "sim", "--seed", "3"], files);
    assert!(id.ends_with("-3"), "{id}");
    let whole = listen(&running, &id, 1);
    assert_eq!((whole.code, whole.seqs[0]), (Some(0), 1));
    assert!(whole.out.contains("one") && whole.out.contains("PASS (simulated): seed 3"), "{}", whole.out);
    let last = *whole.seqs.last().unwrap();
    assert_eq!(listen(&running, &id, last).seqs, [last]);
    let path = format!("/v1/commands/{id}/output");
    let rest = running.ask_with("GET", &path, &[("Last-Event-ID", "1")], "").with(200);
    assert!(rest.body.starts_with("id: 2\n") || last == 1, "{}", rest.body);
}

#[test]
fn what_is_wrong_with_what_is_sent_is_said_before_anything_is_run() {
    let running = Running::new();
    let wrong = [
        json!({ "args": [] }),
        json!({ "args": ["ruin"] }),
        json!({ "args": ["daemon"] }),
        json!({ "args": ["agent"] }),
        json!({ "args": ["--errand", "x", "status"] }),
        json!({ "args": ["run", "/etc/passwd"] }),
        json!({ "args": ["run", "a.rhai", "--out", "../x"] }),
        json!({ "args": ["check", "a.rhai"], "files": { "../a.rhai": "" } }),
        json!({ "args": ["check", "a.rhai"], "files": { "/a.rhai": "" } }),
        json!({ "args": ["check", "a"], "files": { "a": "", "a/b": "" } }),
        json!({ "args": ["check", "a"], "files": { "a/b": "", "a": "" } }),
        json!({ "args": ["check", "a"], "files": { "a\0b": "" } }),
        json!({ "args": ["status"], "name": "../c1" }),
        json!({ "args": ["soak", "a.rhai", "--jobs", "17"] }),
        json!({ "args": ["status"], "fils": {} }),
        json!({ "args": ["replay", "20260101T000000Z-1"] }),
        json!({ "args": ["status\0"] }),
    ];
    let said = wrong.map(|body| {
        let answer = running.post("/v1/commands", body.clone()).with(400);
        let first = answer.detail().lines().next().unwrap_or_default().to_owned();
        format!("{body}\n  {first}")
    });
    insta::assert_snapshot!(said.join("\n"), @r#"
    {"args":[]}
      A chaos engine one scripts: fault injection for distributed systems
    {"args":["ruin"]}
      unrecognized subcommand 'ruin'
    {"args":["daemon"]}
      `blockade daemon` is not run for another machine
    {"args":["agent"]}
      the following required arguments were not provided:
    {"args":["--errand","x","status"]}
      only the daemon says what is an errand
    {"args":["run","/etc/passwd"]}
      /etc/passwd leads out of the files that were sent
    {"args":["run","a.rhai","--out","../x"]}
      ../x leads out of the files that were sent
    {"args":["check","a.rhai"],"files":{"../a.rhai":""}}
      "../a.rhai" is no place for a file that is sent
    {"args":["check","a.rhai"],"files":{"/a.rhai":""}}
      "/a.rhai" is no place for a file that is sent
    {"args":["check","a"],"files":{"a":"","a/b":""}}
      "a/b" cannot be written beside the other files that were sent: File exists (os error 17)
    {"args":["check","a"],"files":{"a":"","a/b":""}}
      "a/b" cannot be written beside the other files that were sent: File exists (os error 17)
    {"args":["check","a"],"files":{"a\u0000b":""}}
      "a\0b" cannot be written beside the other files that were sent: file name contained an unexpected NUL byte
    {"args":["status"],"name":"../c1"}
      `../c1` cannot be the name of a blockade
    {"args":["soak","a.rhai","--jobs","17"]}
      17 runs side by side are more than this daemon allows
    {"args":["status"],"fils":{}}
      the body: there is no key `fils`
    {"args":["replay","20260101T000000Z-1"]}
      there is no run in 20260101T000000Z-1
    {"args":["status\u0000"]}
      an argument holds a zero byte
    "#);
    let many: serde_json::Map<String, Value> = (0..1001).map(|n| (format!("f{n}"), json!(""))).collect();
    running.post("/v1/commands", json!({ "args": ["status"], "files": many })).with(400);
    let long = json!({ "args": ["status"], "files": { "x".repeat(300): "" } });
    assert!(running.post("/v1/commands", long).with(400).detail().contains("too long"));
    assert_eq!(running.get("/v1/commands"), json!({ "commands": [] }));
    for path in ["..", "%2e%2e", "x", "..%2f..", "%00"] {
        assert!([400, 404].contains(&running.ask("GET", &format!("/v1/commands/{path}"), "").status), "{path}");
        assert!([400, 404].contains(&running.ask("GET", &format!("/v1/runs/{path}"), "").status), "{path}");
        assert!([400, 404].contains(&running.ask("GET", &format!("/v1/soaks/{path}"), "").status), "{path}");
    }
}

#[test]
fn a_script_that_was_sent_reads_no_file_and_starts_no_program_of_the_host() {
    let mut running = Running::new();
    running.place.write("secret.rhai", "const SECRET = \"of the host\";");
    let secret = running.place.path().join("secret.rhai");
    let script = |body: &str| json!({ "blockade.yaml": NODES, "a.rhai": body });
    let sim = ["run", "a.rhai", "--runtime", "sim", "--seed", "1"];
    for import in [secret.display().to_string(), "../../../../secret".to_owned(), "/etc/passwd".to_owned()] {
        let said =
            run(&running, &sim, script(&format!("import \"{import}\" as x;\nfn chaos() {{ note(x::SECRET); }}\n")));
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("outside of what was sent"), "{}", said.err);
        assert!(!said.err.contains("of the host") && !said.out.contains("of the host"), "{}{}", said.out, said.err);
    }
    let typed = json!({ "blockade.yaml": NODES });
    let id = send(&running, &["repl", "--runtime", "sim", "--seed", "1"], typed);
    let lines =
        format!(":load {}\n:save /tmp/blockade-not-here.rhai\nimport \"/etc/passwd\" as p;\n", secret.display());
    running.post(&format!("/v1/commands/{id}/input"), json!({ "text": lines, "end": true })).with(204);
    let said = listen(&running, &id, 1);
    assert_eq!(
        format!("{}{}", said.out, said.err).matches("outside of what was sent").count(),
        3,
        "{}{}",
        said.out,
        said.err
    );
    assert!(!std::path::Path::new("/tmp/blockade-not-here.rhai").exists());
    // The daemon's environment is not the script's.
    let config =
        json!({ "blockade.yaml": "nodes: { n1: { command: \"echo ${env:PATH}\" } }\n", "a.rhai": "fn chaos() {}" });
    assert_eq!(run(&running, &sim, config).code, Some(2));
    if !namespaces(User::Ours) {
        return;
    }
    let script = script("fn chaos() { workload([\"touch\", \"made\"]); }\n");
    let netns = ["run", "a.rhai", "--runtime", "netns"];
    let said = run(&running, &netns, script.clone());
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("--allow-host-commands"), "{}", said.err);
    running.end(Signal::TERM);
    running.again_with(&["--allow-host-commands"]);
    let id = send(&running, &netns, script);
    assert_eq!(listen(&running, &id, 1).code, Some(0));
    assert_eq!(running.get(&format!("/v1/commands/{id}/files"))["files"][0]["path"], "made");
}

#[test]
fn a_program_that_reads_what_is_typed_ends_with_the_daemon_though_it_heeds_no_end_of_that() {
    if !namespaces(User::Ours) {
        return;
    }
    let mut running = Running::with_cluster("netns");
    let id = send(&running, &["exec", "--stdin", "n1", "--", "sleep", "600"], json!({}));
    running.post(&format!("/v1/commands/{id}/input"), json!({ "end": true })).with(204);
    let sleeps = |running: &Running| running.says(&["exec", "n1", "--", "ps", "-eo", "args"]).contains("sleep 600");
    until("it sleeps", || sleeps(&running));
    running.end(Signal::KILL);
    until("it is gone", || !sleeps(&running));
    running.again();
    until_json(&running, &format!("/v1/commands/{id}"), |told| told["state"] == "interrupted");
}

#[test]
fn a_run_that_is_sent_along_is_repeated_and_none_is_looked_for_where_the_daemon_was_started() {
    let running = Running::new();
    let files = json!({ "blockade.yaml": NODES, "a.rhai": "fn chaos() { isolate(\"n1\"); sleep(\"1s\"); }" });
    let id = send(&running, &["run", "a.rhai", "--runtime", "sim", "--seed", "3"], files);
    assert_eq!(listen(&running, &id, 1).code, Some(0));
    let of = |name: &str| running.place.read(&format!(".blockade/runs/{id}/{name}"));
    let sent = json!({
        "old/journal.jsonl": of("journal.jsonl"), "old/script.rhai": of("script.rhai"), "old/cluster.yaml": of("cluster.yaml"),
    });
    let replayed = send(&running, &["replay", "./old/"], sent);
    assert!(replayed.contains("Z-3"), "{replayed}");
    let said = listen(&running, &replayed, 1);
    assert_eq!(said.code, Some(0), "{}", said.err);
    std::fs::create_dir(running.place.path().join("theirs")).unwrap();
    for name in ["theirs", "nowhere", ".blockade/runs"] {
        let said = running.post("/v1/commands", json!({ "args": ["replay", name] })).with(400).detail();
        assert_eq!(said, format!("there is no run in {name}"));
    }
}

#[test]
fn no_more_run_at_once_than_was_said() {
    let mut running = Running::new();
    running.end(Signal::TERM);
    running.again_with(&["--max-commands", "2"]);
    let session = || send(&running, &["repl", "--runtime", "sim"], json!({ "blockade.yaml": NODES }));
    let (first, _second) = (session(), session());
    let body = json!({ "args": ["run", "s.rhai"] }).to_string();
    let busy = raw(&running.address, &request("POST", "/v1/commands", &[], &body)).unwrap().with(503);
    assert!(busy.head.contains("retry-after: 5") && busy.detail().contains("2 commands"), "{busy:?}");
    // What heals and looks has places of its own.
    running.post("/v1/commands", json!({ "args": ["status"] })).with(201);
    running.post(&format!("/v1/commands/{first}/input"), json!({ "end": true })).with(204);
    until("the first has ended", || running.get(&format!("/v1/commands/{first}"))["state"] == "ended");
    session();
}
