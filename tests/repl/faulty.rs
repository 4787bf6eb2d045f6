//! Bad input: each is told once, with its place where it has one, and the session goes on.

use super::{place, told, values};

/// The first line of what is said to this, when the session then goes on; with the exit code.
fn said(text: &str) -> (String, i32) {
    let ended = told(&place(), &format!("{text}\n\"on\"\n"));
    assert_eq!(values(&ended).last(), Some(&r#""on""#), "{text}: {ended:?}");
    (ended.stderr.lines().next().unwrap_or_default().to_owned(), ended.code)
}

#[test]
fn each_is_told_and_the_session_goes_on() {
    let said: Vec<String> = [
        ":stauts",
        ":",
        ":load missing.rhai",
        ":load /",
        ":load /dev/zero",
        ":save /no/where.rhai",
        ":save /dev/full",
        ":save",
        ":seed x",
        ":help partitoin",
        ":quit now",
        "1)",
        "}",
        "let = 3",
        "\"open",
        "fn r(n) { r(n + 1) } r(1)",
        "loop { }",
        "let ä = \"ü\"; ß",
        "throw 5",
        "isolate(\"n9\")",
        "assert(1 == 2, \"no\")",
        "wait_until(\"1s\", || false)",
        "const C = 1; C = 2",
        "spawn",
    ]
    .iter()
    .map(|text| {
        let (line, code) = said(text);
        format!("{code} {text}\n  {line}")
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    2 :stauts
      error: there is no command `:stauts`
    2 :
      error: there is no command `:`
    2 :load missing.rhai
      error: cannot read the script missing.rhai: No such file or directory (os error 2)
    2 :load /
      error: cannot read the script /: Is a directory (os error 21)
    2 :load /dev/zero
      error: cannot read the script /dev/zero: it has more than 16 MiB
    2 :save /no/where.rhai
      error: cannot write /no/where.rhai: No such file or directory (os error 2)
    2 :save /dev/full
      error: cannot write /dev/full: No space left on device (os error 28)
    2 :save
      error: `:save` needs the name of a file
    2 :seed x
      error: expected a seed: a whole number from 0, got `x`
    2 :help partitoin
      error: there is no function or module `partitoin`
    2 :quit now
      error: `:quit` takes nothing, got `now`
    2 1)
      error: syntax error: expecting ';' to terminate this statement
    2 }
      error: syntax error: unexpected '}'
    2 let = 3
      error: syntax error: expecting name of a variable
    2 "open
      error: syntax error: open string is not terminated
    2 fn r(n) { r(n + 1) } r(1)
      error: calls are nested 101 deep, the limit is 100
    2 loop { }
      error: runaway script: 50000000 operations without waiting for anything
    2 let ä = "ü"; ß
      error: syntax error: unexpected 'ä'
    2 throw 5
      error: the script threw: 5
    2 isolate("n9")
      error: there is no node `n9`
    1 assert(1 == 2, "no")
      error: assertion failed: no
    1 wait_until("1s", || false)
      error: wait_until: the condition did not come true within 1 s
    2 const C = 1; C = 2
      error: syntax error: cannot assign to constant C
    2 spawn
      error: `spawn` is a reserved word of Rhai
    "#);
}

#[test]
fn a_long_line_and_odd_characters_are_only_text() {
    let sum = vec!["1"; 20_000].join(" + ");
    let text = format!(
        "[{}].len()\n`zwölf 中文 🦀`.len()\nlet s = \"{}\"; s.len()\n\u{0}\n",
        vec!["1"; 50_000].join(", "),
        "x".repeat(1_000_000)
    );
    let ended = told(&place(), &text);
    assert_eq!(values(&ended), ["50000", "10", "1000000"], "{}", ended.stderr);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    // Deeper than Rhai goes: an error, no crash.
    assert_eq!(told(&place(), &format!("{sum}\n")).code, 2);
}

#[test]
fn an_entry_that_never_ends_is_told_at_the_end() {
    let ended = told(&place(), "fn f() {\n  1\n").with(2);
    assert!(ended.stderr.contains("syntax error") && ended.stderr.contains("--> repl:1:"), "{}", ended.stderr);
}

#[test]
fn a_session_without_a_cluster_says_so() {
    let place = super::common::Place::new();
    assert!(told(&place, "1\n").with(2).stderr.contains("blockade.yaml"));
    let attach = place.blockade(&["repl", "--attach"]).with(2);
    assert!(attach.stderr.contains("`blockade up` starts it"), "{}", attach.stderr);
    place.blockade(&["repl", "--attach", "--runtime", "sim"]).with(2);
}
