//! What cannot be: said with where, why, and what to do.

use super::common::{Place, THREE};
use super::fake::{Fake, bytes, command, events, json, problem};
use serde_json::json as value;

fn place() -> Place {
    Place::with("fn chaos() {}", THREE)
}

/// What is said with this exit code, the daemon's address taken out.
fn said(place: &Place, url: &str, args: &[&str], code: i32) -> String {
    let ended = place.blockade(&[&["--host", url], args].concat()).with(code);
    assert_eq!(ended.stdout, "");
    ended.stderr.replace(url, "URL")
}

#[test]
fn a_daemon_that_cannot_be_reached_is_told_from_one_that_cannot_be() {
    let place = place();
    let status = |url: &str, code| said(&place, url, &["status"], code);
    // Held, so that nobody else comes to listen there.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind(([127, 0, 0, 1], 0).into()).unwrap();
    insta::assert_snapshot!(status(&format!("http://{}", held.local_addr().unwrap()), 3), @r##"
    error: cannot reach the daemon at URL: nobody listens there
    help: start `blockade daemon --listen ADDR` on that machine, or look at the port
    "##);
    insta::assert_snapshot!(status("http://10.9.9.9:5000", 2), @r##"
    error: URL is beyond this machine: token and traffic would travel in plain text
    help: write https://, or say --insecure where the network is trusted
    "##);
    insta::assert_snapshot!(status("box:5000", 2), @r##"
    error: this is no daemon's address: URL begins with none of https://, http:// and unix://
    help: write --host https://URL, http://127.0.0.1:5000 or unix:///path/daemon.sock
    "##);
    insta::assert_snapshot!(status("unix://no.sock", 3), @r##"
    error: cannot reach the daemon: there is no socket no.sock
    help: start `blockade daemon`, which makes daemon.sock in its data folder
    "##);
    let unknown = status("https://no-such-machine.invalid", 3);
    assert!(unknown.starts_with("error: there is no machine `no-such-machine.invalid`: "), "{unknown}");
}

#[test]
fn what_answers_and_is_no_daemon_of_this_time_is_named() {
    let place = place();
    let answers = |answer: Vec<u8>, code| {
        let fake = Fake::new(move |_, _| answer.clone());
        said(&place, &fake.url, &["status"], code)
    };
    insta::assert_snapshot!(answers(b"HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>".to_vec(), 3), @r##"
    error: what answers at URL is no blockade daemon of this version: it says 404 Not Found
    help: look at --host, and run the same version of blockade on both machines
    "##);
    insta::assert_snapshot!(answers(problem("404 Not Found", "error: there is no such route\n", 2), 3), @r##"
    error: what answers at URL is no blockade daemon of this version: it runs no commands
    help: look at --host, and run the same version of blockade on both machines
    "##);
    insta::assert_snapshot!(answers(bytes(b"hello"), 3), @r##"
    error: what answers at URL is no blockade daemon of this version: expected value at line 1 column 1
    help: look at --host, and run the same version of blockade on both machines
    "##);
    insta::assert_snapshot!(answers(b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), 3), @r##"
    error: the connection to URL was lost: invalid HTTP version parsed
    help: if the daemon speaks TLS, write https://
    "##);
    insta::assert_snapshot!(answers(Vec::new(), 3), @r##"
    error: the connection to URL was lost: connection closed before message completed
    help: if the daemon speaks TLS, write https://
    "##);
    insta::assert_snapshot!(answers(problem("400 Bad Request", "error: no such node\n --> a:1:2\nhelp: another\n", 2), 2), @r##"
    error: no such node
     --> a:1:2
    help: another
    "##);
    insta::assert_snapshot!(answers(problem("503 Service Unavailable", "error: too many commands run\n", 3), 3), @"error: too many commands run");
}

#[test]
fn a_token_is_asked_for_and_told_nowhere() {
    let place = place();
    let fake = Fake::new(|_, _| problem("401 Unauthorized", "error: a token is needed\n", 2));
    insta::assert_snapshot!(said(&place, &fake.url, &["status"], 2), @r##"
    error: the daemon at URL asks for its token, and none was given
    help: name its file with --token-file or BLOCKADE_TOKEN_FILE, or set BLOCKADE_TOKEN; on the daemon's machine it lies in daemon.token in its data folder
    "##);
    place.write("token", "a-secret-word\n");
    let ended = place.blockade(&["--host", &fake.url, "--token-file", "token", "-D", "status"]).with(2);
    let told = ended.stderr.replace(&fake.url, "URL");
    assert!(told.contains("error: the daemon at URL has another token than the one that was given"), "{told}");
    assert!(!told.contains("secret"), "{told}");
    assert!(fake.asked()[1].head.contains("authorization: bearer a-secret-word\r\n"));
    let by_variable = |name: &str, value: &str| {
        place.command(&["--host", &fake.url, "status"]).env(name, value).output().unwrap();
        fake.asked().pop().unwrap().head.contains("authorization: bearer a-secret-word\r\n")
    };
    assert!(by_variable("BLOCKADE_TOKEN_FILE", "token") && by_variable("BLOCKADE_TOKEN", "a-secret-word"));
    insta::assert_snapshot!(said(&place, &fake.url, &["status", "--token-file", "none"], 2), @r##"
    error: cannot read the token's file none: No such file or directory (os error 2)
    help: copy it from the daemon's machine: daemon.token in its data folder
    "##);
}

#[test]
fn what_is_too_large_is_not_sent() {
    let place = place();
    let fake = Fake::new(|asked, _| panic!("{}", asked.line));
    // Each of these takes six bytes on the way.
    place.write("s.rhai", &format!("// {}\nfn chaos() {{}}", "\u{1}".repeat(12 << 20)));
    insta::assert_snapshot!(said(&place, &fake.url, &["run", "s.rhai"], 2), @r##"
    error: what is to be sent has 75497690 bytes, and a daemon takes 64 MiB at most; the largest file is s.rhai, with 12582929 bytes
    help: leave out what the command does not need, or run it on that machine
    "##);
}

#[test]
fn a_daemon_that_offers_files_for_elsewhere_is_refused() {
    for path in ["../../.profile", "/tmp/x", "a/../../../x"] {
        let fake = Fake::new(move |asked, _| match asked.line.as_str() {
            "POST /v1/commands" => json("201 Created", &command("run", "running")),
            "GET /v1/commands/r-1/output" => events(&[value!({ "seq": 1, "kind": "exit", "code": 0 })]),
            "GET /v1/runs/r-1/files" => json("200 OK", &value!({ "files": [{ "path": path, "bytes": 1 }] })),
            line => panic!("{line}"),
        });
        let told = said(&place(), &fake.url, &["run", "s.rhai"], 3);
        assert!(told.contains("would lie outside of its folder"), "{told}");
    }
    let fake = Fake::new(move |asked, _| match asked.line.as_str() {
        "POST /v1/commands" => {
            json("201 Created", &value!({ "id": "r-1", "verb": "run", "state": "running", "run": "../../elsewhere" }))
        }
        "GET /v1/commands/r-1/output" => events(&[value!({ "seq": 1, "kind": "exit", "code": 0 })]),
        line => panic!("{line}"),
    });
    let told = said(&place(), &fake.url, &["run", "s.rhai"], 3);
    assert!(told.contains("\"../../elsewhere\" is no name"), "{told}");
}

#[test]
fn a_folder_in_the_place_of_a_script_takes_no_files_from_there() {
    let place = place();
    let fake = Fake::new(|asked, _| panic!("{}", asked.line));
    for folder in [".", ".blockade"] {
        std::fs::create_dir_all(place.path().join(folder)).unwrap();
        let told = said(&place, &fake.url, &["run", folder], 2);
        assert_eq!(told, format!("error: cannot read the file {folder}: Is a directory (os error 21)\n"));
    }
}

#[test]
fn a_command_that_nobody_knows_is_told_as_to_somebody_at_a_terminal() {
    let place = place();
    let fake = Fake::new(|asked, _| {
        assert_eq!(asked.line, "GET /v1/commands/x-1");
        problem("404 Not Found", "error: no command `x-1` is known here\nhelp: GET /v1/commands lists them\n", 2)
    });
    insta::assert_snapshot!(said(&place, &fake.url, &["run", "--resume", "x-1"], 2), @r##"
    error: the daemon at URL knows no command `x-1`
    help: a run's is what its folder over there is called, like 20261126T204501Z-7: see `run folder: …` in what it said
    "##);
    // What is no name is no way to another route, either.
    for odd in ["../x", "/x", "a/b", ""] {
        let told = said(&place, &fake.url, &["run", "--resume", odd], 2);
        assert!(told.starts_with(&format!("error: the daemon at URL knows no command `{odd}`\n")), "{told}");
    }
}
