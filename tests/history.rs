//! `blockade history check`: recorded histories with known verdicts, and files that are none.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place};
use serde_json::Value;

const HISTORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories");

/// The arguments for a file there.
fn arguments(name: &str) -> [&'static str; 4] {
    if name.starts_with("etcd/") {
        ["--model", "cas-register", "--format", "jepsen"]
    } else {
        ["--model", "kv", "--format", "porcupine-kv"]
    }
}

fn check(place: &Place, file: &str, more: &[&str]) -> Ended {
    place.blockade(&[&["history", "check", file], more].concat())
}

/// Checks a text; what it says, with its exit code.
fn said(text: &str, more: &[&str]) -> String {
    let place = Place::new();
    place.write("h.jsonl", text);
    let ended = check(&place, "h.jsonl", more);
    format!("exit {}\n{}{}", ended.code, ended.stdout, ended.stderr)
}

#[test]
fn recorded_histories_have_their_known_verdicts() {
    let place = Place::new();
    let verdicts = std::fs::read_to_string(format!("{HISTORIES}/verdicts.txt")).unwrap();
    let mut checked = 0;
    for (name, verdict) in verdicts.lines().filter_map(|line| line.split_once(' ')) {
        let file = format!("{HISTORIES}/{name}");
        let code = i32::from(verdict != "linearizable");
        let ended = check(&place, &file, &arguments(name)).with(code);
        assert!(ended.stdout.starts_with(["PASS", "FAIL"][code as usize]), "{name}: {}", ended.stdout);
        assert_eq!(ended.stderr, "", "{name}");
        // Its format shows.
        assert_eq!(check(&place, &file, &arguments(name)[..2]).stdout, ended.stdout, "{name}");
        checked += 1;
    }
    assert!(checked >= 10, "{checked}");
}

/// The shortest beginning that does not hold, cut out of the file, does not hold; without its last event it does.
#[test]
fn a_witness_is_the_shortest_beginning_that_does_not_hold() {
    let place = Place::new();
    for name in ["etcd/etcd_000.log", "kv/c01-bad.txt", "kv/c10-bad.txt"] {
        let file = format!("{HISTORIES}/{name}");
        let ended = check(&place, &file, &[&arguments(name)[..], &["--json"]].concat()).with(1);
        let found: Value = serde_json::from_str(&ended.stdout).unwrap();
        let witness = &found["witness"];
        let line = witness["line"].as_u64().unwrap() as usize;
        assert_eq!(
            (&witness["is_shortest"], &witness["operation"]["completed"]),
            (&true.into(), &line.into()),
            "{name}"
        );
        let text = std::fs::read_to_string(&file).unwrap();
        for (lines, code) in [(line, 1), (line - 1, 0)] {
            let beginning: Vec<&str> = text.lines().take(lines).collect();
            place.write("beginning", &(beginning.join("\n") + "\n"));
            check(&place, "beginning", &arguments(name)).with(code);
        }
    }
}

const RUN: &str = r#"{"index":0,"t_us":0,"process":0,"type":"invoke","f":"write","key":"x","value":1,"error":null}
{"index":1,"t_us":5,"process":0,"type":"ok","f":"write","key":"x","value":"done","error":null}
{"index":2,"t_us":5,"process":1,"type":"invoke","f":"write","key":"x","value":2,"error":null}
{"index":3,"t_us":7,"process":1,"type":"info","f":"write","key":"x","value":2,"error":"it broke"}
{"index":4,"t_us":8,"process":2,"type":"invoke","f":"read","key":"x","value":null,"error":null}
{"index":5,"t_us":9,"process":2,"type":"ok","f":"read","key":"x","value":3,"error":null}
"#;

#[test]
fn what_cannot_be_explained_is_told_with_what_was_under_way() {
    insta::assert_snapshot!(said(RUN, &["--model", "register"]), @r#"
    exit 1
    FAIL: not linearizable (3 operations: 2 ok, 0 fail, 1 info; model register)
      no order explains  read gave 3 by process 2, lines 5 to 6 on key "x"
      before it          1
      under way          write 2 by process 1, from line 3
      shortest history   the first 6 events, up to line 6
    "#);
    let holds = RUN.replace("\"value\":3", "\"value\":2");
    insta::assert_snapshot!(said(&holds, &["--model", "register"]), @r"
    exit 0
    PASS: linearizable (3 operations: 2 ok, 0 fail, 1 info; model register)
    ");
}

#[test]
fn a_verdict_has_its_json() {
    let place = Place::new();
    place.write("h.jsonl", RUN);
    let ended = check(&place, "h.jsonl", &["--model", "register", "--json"]).with(1);
    let mut found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(found["took_us"].take().is_u64());
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap());
}

#[test]
fn what_cannot_be_said_is_unknown() {
    let unknown = ["--model", "register"];
    insta::assert_snapshot!(said("", &unknown), @r"
    exit 5
    UNKNOWN: not a single operation succeeded (0 operations: 0 ok, 0 fail, 0 info; model register)
    warning: no line of h.jsonl is an operation: there is nothing to check
    ");
    insta::assert_snapshot!(said("\n \n", &unknown), @r"
    exit 5
    UNKNOWN: not a single operation succeeded (0 operations: 0 ok, 0 fail, 0 info; model register)
    warning: no line of h.jsonl is an operation: there is nothing to check
    ");
    let failed = r#"{"process":0,"type":"invoke","f":"write","value":1}
{"process":0,"type":"fail","f":"write","value":1}
"#;
    insta::assert_snapshot!(said(failed, &unknown), @r"
    exit 5
    UNKNOWN: not a single operation succeeded (1 operation: 0 ok, 1 fail, 0 info; model register)
    ");
    let late = check(&Place::new(), &format!("{HISTORIES}/kv/c10-ok.txt"), &["--model", "kv", "--timeout", "0s"]);
    assert_eq!((late.code, late.stdout.contains("UNKNOWN")), (5, true), "{}", late.stdout);
}

#[test]
fn every_line_that_is_wrong_is_shown() {
    let invoke = r#"{"process":0,"type":"invoke","f":"write","value":1,"t_us":7,"index":3}"#;
    let wrong = [
        format!("{invoke}\nhello\n{invoke}\n"),
        format!("{invoke}\n{{\"process\":0,\"type\":\"ok\",\"value\":1}}\n"),
        format!("{invoke}\n{{\"process\":-1,\"type\":\"ok\",\"f\":\"write\"}}\n"),
        format!("{invoke}\n{{\"process\":0,\"type\":\"done\",\"f\":\"write\"}}\n"),
        format!("{invoke}\n{{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"t_us\":6}}\n"),
        format!("{invoke}\n{{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"index\":3}}\n"),
        format!("{invoke}\n{invoke}\n").replace("\"index\":3", "\"x\":3"),
        format!("{invoke}\n{{\"process\":1,\"type\":\"ok\",\"f\":\"write\"}}\n"),
        format!("{invoke}\n{{\"process\":1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[1,2]}}\n"),
        "[1, 2]\n".to_owned(),
    ];
    let told: Vec<String> = wrong.iter().map(|text| said(text, &["--model", "register"])).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn lines_of_other_formats_that_are_wrong_are_shown() {
    let wrong = [
        "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nhello\n",
        "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2\n",
        "INFO  jepsen.util - 0\t:begin\t:read\tnil\n",
        "INFO  jepsen.util - 0\t:invoke\n",
        "INFO  jepsen.util - 0\t:invoke\t:write\n",
        "INFO  jepsen.util - 0\t:invoke\t:write\t1 2\n",
        "{:process 0, :type :invoke, :f :read}\n{:process 0, :type :ok}\n",
        "{:process 0, :type :invoke, :f :read, :value \"x}\n",
    ];
    let told: Vec<String> = wrong.iter().map(|text| said(text, &["--model", "cas-register"])).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_others_log_is_no_operation_and_a_reason_is_no_value() {
    let log = "INFO  jepsen.core - Worker 0 starting\n\
               INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
               INFO  jepsen.util - 0\t:invoke\t:write\t1\r\n\
               INFO  jepsen.util - 0\t:info\t:write\t1\t:timed-out\n\
               INFO  jepsen.util - 1\t:invoke\t:cas\t[5 6]\n\
               INFO  jepsen.util - 1\t:fail\t:cas\t:timed-out\n\
               INFO  jepsen.util - 2\t:invoke\t:read\tnil\n\
               INFO  jepsen.util - 2\t:fail\t:read\t:timed-out\n\
               INFO  jepsen.util - 2\t:invoke\t:read\tnil\n\
               INFO  jepsen.util - 2\t:ok\t:read\t1\n";
    let told = said(log, &["--model", "cas-register"]);
    assert_eq!(told, "exit 0\nPASS: linearizable (4 operations: 1 ok, 2 fail, 1 info; model cas-register)\n");
}

#[test]
fn a_file_that_is_cut_off_is_checked_as_far_as_it_goes() {
    let cut = &RUN[..RUN.len() - 30];
    insta::assert_snapshot!(said(cut, &["--model", "register"]), @r#"
    exit 0
    PASS: linearizable (3 operations: 1 ok, 0 fail, 2 info; model register)
    warning: the file is cut off in the middle of its last line; the rest is checked
     --> h.jsonl:6:1
      |
    6 | {"index":5,"t_us":9,"process":2,"type":"ok","f":"read","key
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    // Whole, but for its line break.
    assert_eq!(said(RUN.trim_end(), &["--model", "register"]), said(RUN, &["--model", "register"]));
    let log = "INFO  jepsen.util - 0\t:invoke\t:write\t10\nINFO  jepsen.util - 0\t:ok\t:write\t10\nINFO  jepsen.util - 1\t:invoke\t:write\t1";
    insta::assert_snapshot!(said(log, &["--model", "cas-register"]), @r"
    exit 0
    PASS: linearizable (2 operations: 1 ok, 0 fail, 1 info; model cas-register)
    warning: the last line has no line break: if it was cut off, its value is another
     --> h.jsonl:3:1
      |
    3 | INFO  jepsen.util - 1    :invoke    :write    1
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn arguments_that_are_wrong_are_refused() {
    let place = Place::new();
    place.write("h.jsonl", RUN);
    let told = |args: &[&str]| {
        let ended = check(&place, "h.jsonl", args).with(2);
        ended.stderr.lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(told(&["--model", "regster"]), @"error: invalid value 'regster' for '--model <M>': unknown model `regster` (did you mean `register`? known are register, cas-register, kv, lock, queue, counter, set)");
    insta::assert_snapshot!(told(&["--model", "register", "--format", "jepson"]), @"error: invalid value 'jepson' for '--format <FORMAT>': unknown format (did you mean `jepsen`? known are jsonl, jepsen, porcupine-kv)");
    insta::assert_snapshot!(told(&[]), @"error: the following required arguments were not provided:");
    insta::assert_snapshot!(check(&place, ".", &["--model", "register"]).with(2).stderr, @r"
    error: . is a folder, not a history
    help: the history of a run is `history.jsonl` in its folder
    ");
    insta::assert_snapshot!(check(&place, "/dev/zero", &["--model", "register"]).with(2).stderr, @r"
    error: /dev/zero is a device, not a history
    help: the history of a run is `history.jsonl` in its folder
    ");
    insta::assert_snapshot!(check(&place, "none", &["--model", "register"]).with(2).stderr, @"error: cannot read none: No such file or directory (os error 2)");
}

#[test]
fn what_is_no_text_is_named_by_its_line() {
    let place = Place::new();
    std::fs::write(place.path().join("h"), [RUN.as_bytes(), b"\xff\xfe\n"].concat()).unwrap();
    insta::assert_snapshot!(check(&place, "h", &["--model", "register"]).with(2).stderr, @r"
    error: this is no text: it is not UTF-8
     --> h:7:1
      |
    7 | ��
      | ^
    ");
}

/// As floats they would be the same, and the check would pass.
#[test]
fn integers_that_would_become_one_are_refused() {
    let place = Place::new();
    let told = |written: &str, read: &str| {
        let operation = |number: &str| {
            format!(
                "{{\"process\":0,\"type\":\"invoke\",\"f\":\"{number}}}\n{{\"process\":0,\"type\":\"ok\",\"f\":\"{number}}}\n"
            )
        };
        let lines =
            operation(&format!("write\",\"value\":{written}")) + &operation(&format!("read\",\"value\":{read}"));
        place.write("big.jsonl", &lines);
        let line = |kind: &str, rest: &str| format!("INFO  jepsen.util - 0 :{kind} :{rest}\n");
        let log = [
            line("invoke", &format!("write {written}")),
            line("ok", &format!("write {written}")),
            line("invoke", "read nil"),
            line("ok", &format!("read {read}")),
        ];
        place.write("big.log", &log.concat());
        ["big.jsonl", "big.log"].map(|file| check(&place, file, &["--model", "register"]))
    };
    for ended in told("18446744073709551617", "18446744073709551618") {
        let ended = ended.with(2);
        let message = "the integer 18446744073709551617 is beyond those that are kept exactly";
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
    }
    for ended in told("18446744073709551615", "18446744073709551614") {
        assert!(ended.with(1).stdout.contains("18446744073709551614 by process 0, lines 3 to 4"));
    }
    for ended in told("18446744073709551615", "18446744073709551615") {
        ended.with(0);
    }
}
