//! Scripts that would never end.

use super::*;

#[test]
fn an_endless_loop() {
    insta::assert_snapshot!(told("while true {}"), @r"
    exit 2
    error: runaway script: 50000000 operations without waiting for anything
     --> s.rhai:1:12
      |
    1 | while true {}
      |            ^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    ");
}

#[test]
fn a_loop_that_waits_ends_at_the_deadline() {
    insta::assert_snapshot!(told(r#"loop { sleep("1s"); }"#), @r#"
    exit 2
    error: the run's deadline of 600 s has passed
     --> s.rhai:1:8
      |
    1 | loop { sleep("1s"); }
      |        ^^^^^
      |
    help: give more with `const OPTIONS = #{ timeout: "30m" };` or --timeout
    "#);
    insta::assert_snapshot!(told(r#"const OPTIONS = #{ timeout: "3s" };
fn chaos() {
    loop { probe("n1", "n2"); }
}"#), @r#"
    exit 2
    error: the run's deadline of 3 s has passed
     --> s.rhai:2:4
      |
    2 | fn chaos() {
      |    ^^^^^
      |
    help: give more with `const OPTIONS = #{ timeout: "30m" };` or --timeout
    "#);
}

#[test]
fn nobody_catches_the_deadline() {
    insta::assert_snapshot!(told(r#"loop { try { sleep("1h"); } catch { } }"#), @r#"
    exit 2
    error: the run's deadline of 600 s has passed
     --> s.rhai:1:14
      |
    1 | loop { try { sleep("1h"); } catch { } }
      |              ^^^^^
      |
    help: give more with `const OPTIONS = #{ timeout: "30m" };` or --timeout
    "#);
    insta::assert_snapshot!(told("loop { try { while true {} } catch { } }"), @r"
    exit 2
    error: runaway script: 50000000 operations without waiting for anything
     --> s.rhai:1:25
      |
    1 | loop { try { while true {} } catch { } }
      |                         ^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    ");
}

#[test]
fn a_loop_of_faults_on_virtual_time() {
    insta::assert_snapshot!(told(r#"loop { isolate("n1").heal(); }"#), @r#"
    exit 2
    error: runaway script: 10000 faults and heals without any time passing
     --> s.rhai:1:8
      |
    1 | loop { isolate("n1").heal(); }
      |        ^^^^^^^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    "#);
    insta::assert_snapshot!(told("loop { heal(); }"), @"
    exit 2
    error: runaway script: 10000 faults and heals without any time passing
     --> s.rhai:1:8
      |
    1 | loop { heal(); }
      |        ^^^^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    ");
    insta::assert_snapshot!(told(r#"fn again() { loop { restart("n1"); } }
task(|| again()).join();"#), @r#"
    exit 2
    error: task 1: runaway script: 10000 faults and heals without any time passing
     --> s.rhai:1:21
      |
    1 | fn again() { loop { restart("n1"); } }
      |                     ^^^^^^^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    "#);
    // Where time passes between them there can be any number.
    let script = r#"for n in 0..10_001 { isolate("n1").heal(); sleep("1us"); }"#;
    Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn a_million_nested_calls() {
    insta::assert_snapshot!(told(r"fn down(n) {
    if n > 0 { down(n - 1) }
}
down(1000000);"), @r"
    exit 2
    error: calls are nested 101 deep, the limit is 100
     --> s.rhai:4:1
      |
    4 | down(1000000);
      | ^^^^ in here
      |
    help: recursion without an end? use a loop
    ");
    insta::assert_snapshot!(told(r"fn chaos() {
    ping(0);
}
fn ping(n) { pong(n + 1) }
fn pong(n) { ping(n + 1) }"), @r"
    exit 2
    error: calls are nested 101 deep, the limit is 100
     --> s.rhai:1:4
      |
    1 | fn chaos() {
      |    ^^^^^ in here
      |
    help: recursion without an end? use a loop
    ");
}

#[test]
fn texts_do_not_grow_for_ever() {
    insta::assert_snapshot!(told(r#"let s = "x";
loop { s += s; }"#), @r"
    exit 2
    error: length of string too large
     --> s.rhai:2:10
      |
    2 | loop { s += s; }
      |          ^
    ");
}

#[test]
fn the_deadline_is_told_as_it_was_given_wherever_the_run_began() {
    let script = r#"sleep("1h");"#;
    let ended = Place::with(script, THREE).blockade(&["plan", "s.rhai", "--timeout", "1500ms"]).with(2);
    assert!(ended.stderr.contains("the run's deadline of 1.5 s has passed"), "{}", ended.stderr);
}
