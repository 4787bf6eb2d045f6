//! What is sent, and what comes of it here.

use super::common::{Place, THREE};
use super::fake::{Asked, Fake, bytes, command, events, json, problem};
use serde_json::{Value, json as value};

/// A daemon on which every command says something and ends with this code; a run has left two files.
pub fn daemon(code: u8) -> Fake {
    Fake::new(move |asked: &Asked, _| match asked.line.as_str() {
        "POST /v1/commands" => {
            let args = asked.json()["args"].to_string();
            let verb = ["run", "soak", "events", "shrink", "status"].into_iter().find(|verb| args.contains(verb));
            json("201 Created", &command(verb.unwrap_or("other"), "running"))
        }
        "GET /v1/commands/r-1/output" => events(&[
            value!({ "seq": 1, "kind": "out", "text": "seed 7\n" }),
            value!({ "seq": 2, "kind": "err", "text": "error: ä\n  --> x:1" }),
            value!({ "seq": 3, "kind": "out", "base64": "/wBh" }),
            value!({ "seq": 4, "kind": "exit", "code": code }),
        ]),
        "GET /v1/runs/r-1/files" => json(
            "200 OK",
            &value!({ "files": [{ "path": "journal.jsonl", "bytes": 3 }, { "path": "logs/n 1.log", "bytes": 2 }] }),
        ),
        "GET /v1/runs/r-1/files/journal.jsonl" => bytes(b"{}\n"),
        "GET /v1/runs/r-1/files/logs/n%201.log" => bytes(&[0xff, 0]),
        "GET /v1/commands/r-1/files" => json(
            "200 OK",
            &value!({ "files": [{ "path": "f.json", "bytes": 1 }, { "path": ".profile", "bytes": 1 }, { "path": "old/minimal.rhai", "bytes": 1 }] }),
        ),
        "GET /v1/runs/old" | "GET /v1/runs/none" => problem("404 Not Found", "error: there is no such run\n", 2),
        "GET /v1/runs/r-1" => json("200 OK", &value!({ "id": "r-1", "state": "ended" })),
        "GET /v1/commands/r-1/files/f.json" => bytes(b"[]"),
        "GET /v1/commands/r-1/files/old/minimal.rhai" => bytes(b"// less"),
        line => panic!("{line}"),
    })
}

fn place() -> Place {
    let place =
        Place::with("import \"lib/a\" as a;\nfn chaos() {}\n", &format!("# ${{env:TAG}} ${{env:UNSET}}\n{THREE}"));
    std::fs::create_dir_all(place.path().join("lib")).unwrap();
    place.write("lib/a.rhai", "import \"b\" as b;");
    place.write("lib/b.rhai", "");
    place.write("other.txt", "nobody's");
    place
}

fn files(sent: &Value) -> Vec<&str> {
    sent["files"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_run_is_sent_with_all_it_needs_and_comes_back_byte_for_byte() {
    let (place, fake) = (place(), daemon(1));
    let mut run = place.command(&["--host", &fake.url, "run", "s.rhai", "--seed", "7"]);
    let output = run.env("TAG", "v7").env("SECRET", "x").env("BLOCKADE_TOKEN", "word").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"seed 7\n\xff\0a".as_slice()));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "error: ä\n  --> x:1fetched into .blockade/runs/r-1\n");
    let posted = fake.of("POST /v1/commands").remove(0);
    assert!(posted.head.contains("authorization: bearer word\r\n"), "{}", posted.head);
    let sent = posted.json();
    assert_eq!(sent["args"], value!(["run", "s.rhai", "--seed", "7"]));
    assert_eq!(files(&sent), ["lib/a.rhai", "lib/b.rhai", "s.rhai", "s.yaml"]);
    assert_eq!(sent["files"]["lib/a.rhai"], "import \"b\" as b;");
    assert_eq!(sent["env"], value!({ "TAG": "v7" }));
    let folder = place.path().file_name().unwrap().to_string_lossy().to_lowercase();
    assert_eq!(sent["name"], folder.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
    assert_eq!(std::fs::read(place.path().join(".blockade/runs/r-1/logs/n 1.log")).unwrap(), [0xff, 0]);
    assert_eq!(place.read(".blockade/runs/r-1/journal.jsonl"), "{}\n");
}

#[test]
fn paths_that_mean_something_else_over_there_are_called_from_their_common_folder() {
    let (place, fake) = (place(), daemon(0));
    std::fs::create_dir_all(place.path().join("work")).unwrap();
    place.write("work/blockade.yaml", THREE);
    std::fs::remove_file(place.path().join("s.yaml")).unwrap();
    let mut run = place.command(&["run", "../s.rhai", "--out", "../new/out", "--host", &fake.url]);
    let ended = run.current_dir(place.path().join("work")).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let sent = fake.of("POST /v1/commands").remove(0).json();
    assert_eq!(sent["args"], value!(["--config", "work/blockade.yaml", "run", "s.rhai", "--out", "out"]));
    assert_eq!(files(&sent), ["lib/a.rhai", "lib/b.rhai", "s.rhai", "work/blockade.yaml"]);
    assert_eq!((sent["name"].as_str(), place.read("new/out/journal.jsonl").as_str()), (Some("work"), "{}\n"));
    // The same name again holds a run already.
    let mut again = place.command(&["run", "../s.rhai", "--out", "../new/out", "--host", &fake.url]);
    let ended = again.current_dir(place.path().join("work")).output().unwrap();
    assert!(ended.status.code() == Some(2) && String::from_utf8_lossy(&ended.stderr).contains("holds a run already"));
    std::fs::create_dir_all(place.path().join("empty")).unwrap();
    let mut run = place.command(&["run", "../s.rhai", "--out", ".", "--host", &fake.url]);
    let ended = run.current_dir(place.path().join("empty")).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(place.read("empty/journal.jsonl"), "{}\n");
    let whole = place.path().join("s.rhai").display().to_string();
    place.blockade(&["run", &whole, "--host", &fake.url]).with(0);
    let sent = fake.of("POST /v1/commands").pop().unwrap().json();
    assert_eq!(sent["args"], value!(["run", "s.rhai"]));
}

#[test]
fn only_what_a_command_was_told_to_write_is_taken() {
    let (place, fake) = (place(), daemon(0));
    let ended = place.blockade(&["--host", &fake.url, "events", "--output", "sub/f.json"]).with(0);
    assert!(ended.stderr.ends_with("fetched sub/f.json\n"), "{ended:?}");
    assert_eq!(place.read("sub/f.json"), "[]");
    assert!(!place.path().join(".profile").exists() && !place.path().join("old").exists());
    std::fs::create_dir_all(place.path().join("old/logs")).unwrap();
    place.write("old/journal.jsonl", "{}\n");
    place.write("old/logs/n1.log", "long");
    place.blockade(&["--host", &fake.url, "shrink", "old"]).with(0);
    let sent = fake.of("POST /v1/commands").pop().unwrap().json();
    assert_eq!((&sent["args"], files(&sent)), (&value!(["shrink", "old"]), vec!["old/journal.jsonl"]));
    assert_eq!(place.read("old/minimal.rhai"), "// less");
}

#[test]
fn a_run_that_is_over_there_is_only_named() {
    let (place, fake) = (place(), daemon(0));
    let sent = || fake.of("POST /v1/commands").pop().unwrap().json();
    std::fs::create_dir_all(place.path().join("here/r-1")).unwrap();
    place.write("here/r-1/journal.jsonl", "old");
    let mut shrink = place.command(&["--host", &fake.url, "shrink", "here/r-1", "--trials", "9"]);
    let ended = shrink.env("TAG", "v7").output().unwrap();
    assert_eq!((ended.status.code(), &sent()["env"]), (Some(0), &value!({})));
    assert_eq!((&sent()["args"], &sent()["files"]), (&value!(["shrink", "r-1", "--trials", "9"]), &value!({})));
    assert!(String::from_utf8_lossy(&ended.stderr).ends_with("fetched into here/r-1\n"), "{ended:?}");
    assert_eq!(place.read("here/r-1/journal.jsonl"), "{}\n");
    place.blockade(&["--host", &fake.url, "shrink", "none"]).with(0);
    assert_eq!(sent()["args"], value!(["shrink", "none"]));
    // One of this machine's is found here as a local command finds it.
    std::fs::create_dir_all(place.path().join(".blockade/runs/old")).unwrap();
    place.write(".blockade/runs/old/journal.jsonl", "{}\n");
    place.blockade(&["--host", &fake.url, "shrink", "old"]).with(0);
    assert_eq!((&sent()["args"], files(&sent())), (&value!(["shrink", "old"]), vec!["old/journal.jsonl"]));
    assert_eq!(place.read(".blockade/runs/old/minimal.rhai"), "// less");
}

#[test]
fn what_touches_no_cluster_runs_here() {
    let place = place();
    let fake = Fake::new(|asked, _| panic!("{}", asked.line));
    let env = ["BLOCKADE_HOST", fake.url.as_str()];
    for args in [
        &["plan", "s.rhai"][..],
        &["check", "s.rhai"],
        &["version"],
        &["doc", "partition"],
        &["completions", "bash"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let ended = place.command(args).env(env[0], env[1]).output().unwrap();
        assert!(ended.status.success() && !ended.stdout.is_empty(), "{args:?} {ended:?}");
    }
    for wrong in [&["run"][..], &["ruin", "x"], &["run", "s.rhai", "--seed", "x"], &["up", "--resume", "x"]] {
        let here = place.blockade(wrong).with(2);
        let there = place.command(wrong).env(env[0], env[1]).output().unwrap();
        assert_eq!((there.status.code(), String::from_utf8_lossy(&there.stderr)), (Some(2), here.stderr.into()));
    }
    let refused = place.blockade(&["daemon", "--host", &fake.url]).with(2);
    assert!(refused.stderr.starts_with("error: `daemon` serves this machine"), "{refused:?}");
}

#[test]
fn a_report_of_a_run_over_there_is_made_here() {
    let place = place();
    place.write("t.rhai", "fn chaos() { isolate(\"n1\"); }");
    place.write("t.yaml", THREE);
    place.blockade(&["run", "t.rhai", "--runtime", "sim", "--seed", "1", "--out", "there"]).with(0);
    let there = place.path().join("there");
    let fake = Fake::new(move |asked, _| match asked.line.as_str() {
        "GET /v1/runs/r-7/files" => {
            let names = ["journal.jsonl", "result.json", "script.rhai", "cluster.yaml"];
            json("200 OK", &value!({ "files": names.map(|name| value!({ "path": name, "bytes": 1 })) }))
        }
        "GET /v1/runs/r-8/files" => problem("404 Not Found", "error: there is no run r-8\n", 2),
        line => bytes(&std::fs::read(there.join(line.strip_prefix("GET /v1/runs/r-7/files/").unwrap())).unwrap()),
    });
    let made = place.blockade(&["report", "r-7", "--host", &fake.url]).with(0);
    assert!(made.stdout.ends_with("r-7/report.html\n"), "{made:?}");
    let asked = fake.asked().len();
    place.blockade(&["report", "r-7", "--host", &fake.url]).with(0);
    assert_eq!(fake.asked().len(), asked, "it is here by now");
    let none = place.blockade(&["report", "r-8", "--host", &fake.url]).with(2);
    assert_eq!(none.stderr, "error: there is no run r-8\n");
}
