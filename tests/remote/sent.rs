//! What is sent, and what comes of it here.

use super::common::{Place, THREE};
use super::fake::{Asked, Fake, bytes, command, events, json, problem};
use serde_json::{Value, json as value};

/// A daemon on which every command says something and ends with this code; a run has left two files.
pub fn daemon(code: u8) -> Fake {
    Fake::new(move |asked: &Asked, _| match asked.line.as_str() {
        "POST /v1/commands" => {
            let args = asked.json()["args"].to_string();
            let verb = ["\"run\"", "soak", "events", "shrink", "replay", "status"]
                .into_iter()
                .find(|verb| args.contains(verb));
            json("201 Created", &command(verb.unwrap_or("other").trim_matches('"'), "running"))
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
        "GET /v1/runs/r-1/files/cluster.yaml" => problem("404 Not Found", "error: there is no such file\n", 2),
        "GET /v1/runs/r-1/files/journal.jsonl" => bytes(b"{}\n"),
        "GET /v1/runs/r-1/files/logs/n%201.log" => bytes(&[0xff, 0]),
        "GET /v1/commands/r-1/files" => json(
            "200 OK",
            &value!({ "files": [{ "path": "f.json", "bytes": 1 }, { "path": ".profile", "bytes": 1 }, { "path": "old/minimal.rhai", "bytes": 1 }] }),
        ),
        "GET /v1/runs/old" | "GET /v1/runs/none" | "GET /v1/runs/past" => {
            problem("404 Not Found", "error: there is no such run\n", 2)
        }
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
    std::fs::create_dir_all(place.path().join("sub")).unwrap();
    let ended = place.blockade(&["--host", &fake.url, "events", "--output", "sub/f.json"]).with(0);
    assert!(ended.stderr.ends_with("fetched sub/f.json\n"), "{ended:?}");
    assert_eq!(place.read("sub/f.json"), "[]");
    assert!(!place.path().join(".profile").exists() && !place.path().join("old").exists());
    std::fs::create_dir_all(place.path().join("old/logs")).unwrap();
    place.write("old/journal.jsonl", "{}\n");
    place.write("old/logs/n1.log", "long");
    place.blockade(&["--host", &fake.url, "shrink", "old"]).with(0);
    let sent = fake.of("POST /v1/commands").pop().unwrap().json();
    let args = value!(["shrink", "old", "--called=old"]);
    assert_eq!((&sent["args"], files(&sent)), (&args, vec!["old/journal.jsonl"]));
    assert_eq!(place.read("old/minimal.rhai"), "// less");
}

#[test]
fn a_file_that_cannot_be_written_here_is_refused_as_here_before_anything_is_sent() {
    let place = place();
    let fake = Fake::new(|asked, _| panic!("{}", asked.line));
    for output in ["nowhere/f.json", ".", "lib", "s.rhai/f.json"] {
        let there = place.blockade(&["events", "--output", output, "--host", &fake.url]).with(2);
        let here = std::fs::write(place.path().join(output), "").unwrap_err();
        assert_eq!(there.stderr, format!("error: cannot write {output}: {here}\n"));
    }
    assert!(!place.path().join("nowhere").exists());
}

#[test]
fn a_run_that_is_over_there_is_only_named() {
    let (place, fake) = (place(), daemon(0));
    let sent = || fake.of("POST /v1/commands").pop().unwrap().json();
    std::fs::create_dir_all(place.path().join("here/r-1")).unwrap();
    place.write("here/r-1/journal.jsonl", "{}\n");
    let mut shrink = place.command(&["--host", &fake.url, "shrink", "here/r-1", "--trials", "9"]);
    let ended = shrink.env("TAG", "v7").output().unwrap();
    assert_eq!((ended.status.code(), &sent()["env"]), (Some(0), &value!({})));
    let args = value!(["shrink", "r-1", "--trials", "9", "--called=here/r-1"]);
    assert_eq!((&sent()["args"], &sent()["files"]), (&args, &value!({})));
    assert!(String::from_utf8_lossy(&ended.stderr).ends_with("fetched into here/r-1\n"), "{ended:?}");
    assert!(place.path().join("here/r-1/logs/n 1.log").is_file());
    place.blockade(&["--host", &fake.url, "shrink", "none"]).with(0);
    assert_eq!(sent()["args"], value!(["shrink", "none"]));
}

#[test]
fn a_run_that_only_is_called_like_one_over_there_is_sent() {
    let (place, fake) = (place(), daemon(0));
    let sent = || fake.of("POST /v1/commands").pop().unwrap().json();
    for folder in ["here/r-1", ".blockade/runs/r-1", ".blockade/runs/old"] {
        std::fs::create_dir_all(place.path().join(folder)).unwrap();
        place.write(&format!("{folder}/journal.jsonl"), "{}\nmore\n");
    }
    place.blockade(&["--host", &fake.url, "shrink", "here/r-1"]).with(0);
    assert_eq!(sent()["args"], value!(["shrink", "here/r-1", "--called=here/r-1"]));
    assert_eq!(sent()["files"], value!({ "here/r-1/journal.jsonl": "{}\nmore\n" }));
    // One that lies where runs do is found here by its name, as a local command finds it.
    for name in ["r-1", "old"] {
        place.blockade(&["--host", &fake.url, "shrink", name]).with(0);
        assert_eq!(sent()["args"], value!(["shrink", name, format!("--called=.blockade/runs/{name}")]));
        assert_eq!(files(&sent()), [format!("{name}/journal.jsonl")]);
    }
    assert_eq!(place.read(".blockade/runs/old/minimal.rhai"), "// less");
    // The script, or the cluster, may have been changed since it was fetched.
    place.write("here/r-1/journal.jsonl", "{}\n");
    place.write("here/r-1/cluster.yaml", THREE);
    place.blockade(&["--host", &fake.url, "replay", "here/r-1"]).with(0);
    assert_eq!(files(&sent()), ["here/r-1/cluster.yaml", "here/r-1/journal.jsonl"]);
}

#[test]
fn a_run_of_this_machine_is_sent_with_the_modules_of_its_script() {
    let (place, fake) = (place(), daemon(0));
    place.write("lib/b.rhai", "fn f() { 1 }");
    place.blockade(&["run", "s.rhai", "--runtime", "sim", "--out", "past"]).with(0);
    place.blockade(&["--host", &fake.url, "replay", "past"]).with(0);
    let sent = fake.of("POST /v1/commands").pop().unwrap().json();
    let past = ["cluster.yaml", "journal.jsonl", "result.json", "script.rhai"].map(|name| format!("past/{name}"));
    assert_eq!(files(&sent), [&["lib/a.rhai".to_owned(), "lib/b.rhai".to_owned()], &past[..]].concat());
}

#[test]
fn another_run_of_the_same_name_is_not_written_over() {
    let (place, fake) = (place(), daemon(0));
    std::fs::create_dir_all(place.path().join(".blockade/runs/r-1")).unwrap();
    place.write(".blockade/runs/r-1/journal.jsonl", "ours\n");
    for _again in 0..2 {
        let ended = place.blockade(&["--host", &fake.url, "run", "s.rhai"]).with(0);
        let told = "fetched into .blockade/runs/r-1-2, since .blockade/runs/r-1 holds another one\n";
        assert!(ended.stderr.ends_with(told), "{ended:?}");
    }
    assert_eq!(place.read(".blockade/runs/r-1/journal.jsonl"), "ours\n");
    assert_eq!(place.read(".blockade/runs/r-1-2/journal.jsonl"), "{}\n");
    assert!(!place.path().join(".blockade/runs/r-1-3").exists());
}

#[test]
fn modules_are_sent_from_where_a_local_run_would_take_them() {
    let (place, fake) = (place(), daemon(0));
    let sent = || fake.of("POST /v1/commands").pop().unwrap().json();
    std::fs::create_dir_all(place.path().join("c")).unwrap();
    place.write("c/c.rhai", "import \"h\" as h;\nh::f();");
    place.write("h.rhai", "fn f() {}");
    place.write("plain.rhai", "fn chaos() {}");
    place.write("plain.yaml", THREE);
    place.blockade(&["--host", &fake.url, "run", "plain.rhai", "--chaos", "c/c.rhai"]).with(0);
    assert_eq!(files(&sent()), ["c/c.rhai", "h.rhai", "plain.rhai", "plain.yaml"]);
    place.write("plain.rhai", "const M = \"h\";\nimport M as h;\nfn chaos() {}");
    place.blockade(&["--host", &fake.url, "run", "plain.rhai"]).with(0);
    let all = ["c/c.rhai", "h.rhai", "lib/a.rhai", "lib/b.rhai", "plain.rhai", "plain.yaml", "s.rhai"];
    assert_eq!(files(&sent()), all);
    place.write("plain.rhai", "import \"/abs/lib/h\" as h;\nfn chaos() {}");
    let before = fake.asked().len();
    let refused = place.blockade(&["--host", &fake.url, "run", "plain.rhai"]).with(2);
    assert!(refused.stderr.contains("plain.rhai:1:8") && refused.stderr.contains("absolute path"), "{refused:?}");
    assert_eq!(fake.asked().len(), before, "nothing is sent");
}

#[test]
fn results_that_cannot_be_written_end_nothing_and_are_told_at_the_end() {
    for (code, ends) in [(0, 3), (1, 1)] {
        let (place, fake) = (place(), daemon(code));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(&["--host", &fake.url, "run", "s.rhai"]).stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(ends), "{told}");
        assert!(told.contains("fetched into .blockade/runs/r-1\n"), "{told}");
        assert_eq!(
            told.matches("cannot write the results to standard output").count(),
            usize::from(code == 0),
            "{told}"
        );
        assert_eq!(place.read(".blockade/runs/r-1/journal.jsonl"), "{}\n");
    }
}

#[test]
fn a_reader_that_has_gone_ends_no_run() {
    let (place, fake) = (place(), daemon(1));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = place.command(&["--host", &fake.url, "run", "s.rhai"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(place.read(".blockade/runs/r-1/journal.jsonl"), "{}\n");
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
    insta::assert_snapshot!(none.stderr.replace(&fake.url, "URL"), @r##"
    error: there is no run in r-8, and the daemon at URL has none
    help: name a run's folder here, or the last part of that of one over there, like 20261126T204501Z-7
    "##);
}
