//! Claims that do not hold, and errors thrown.

use super::*;

#[test]
fn a_failed_assertion() {
    insta::assert_snapshot!(told(r#"assert(1 == 2, "one is two");"#), @r#"
    exit 1
    error: assertion failed: one is two
     --> s.rhai:1:1
      |
    1 | assert(1 == 2, "one is two");
      | ^^^^^^
    "#);
    insta::assert_snapshot!(told("assert(nodes().is_empty());"), @r"
    exit 1
    error: assertion failed
     --> s.rhai:1:1
      |
    1 | assert(nodes().is_empty());
      | ^^^^^^
    ");
}

#[test]
fn fail() {
    insta::assert_snapshot!(told(r#"fail("no leader");"#), @r#"
    exit 1
    error: no leader
     --> s.rhai:1:1
      |
    1 | fail("no leader");
      | ^^^^
    "#);
}

#[test]
fn a_condition_that_never_comes_true() {
    insta::assert_snapshot!(told(r#"wait_until("1s", || false);"#), @r#"
    exit 1
    error: wait_until: the condition did not come true within 1 s
     --> s.rhai:1:1
      |
    1 | wait_until("1s", || false);
      | ^^^^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"eventually("1s", || false);"#), @r#"
    exit 1
    error: eventually does not hold: the condition comes true within 1 s
     --> s.rhai:1:1
      |
    1 | eventually("1s", || false);
      | ^^^^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"always("1s", || elapsed() < 0.5);"#), @r#"
    exit 1
    error: always does not hold: the condition stays true for 1 s
     --> s.rhai:1:1
      |
    1 | always("1s", || elapsed() < 0.5);
      | ^^^^^^
    "#);
}

#[test]
fn what_is_thrown_and_not_caught() {
    insta::assert_snapshot!(told(r#"throw "oops";"#), @r#"
    exit 2
    error: the script threw: oops
     --> s.rhai:1:1
      |
    1 | throw "oops";
      | ^^^^^ not caught
    "#);
    insta::assert_snapshot!(told("throw;"), @r"
    exit 2
    error: the script threw: nothing
     --> s.rhai:1:1
      |
    1 | throw;
      | ^^^^^ not caught
    ");
    insta::assert_snapshot!(told("throw #{ code: 5 };"), @r#"
    exit 2
    error: the script threw: #{"code": 5}
     --> s.rhai:1:1
      |
    1 | throw #{ code: 5 };
      | ^^^^^ not caught
    "#);
    insta::assert_snapshot!(told(r#"try { isolate("n9"); } catch (e) { throw e; }"#), @r#"
    exit 2
    warning: there is no node `n9`
     --> s.rhai:1:15
      |
    1 | try { isolate("n9"); } catch (e) { throw e; }
      |               ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    error: there is no node `n9`
     --> s.rhai:1:36
      |
    1 | try { isolate("n9"); } catch (e) { throw e; }
      |                                    ^^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
}

#[test]
fn the_place_is_inside_the_closure() {
    insta::assert_snapshot!(told(r"let shout = |x| x + nobody;
shout.call(1);"), @r#"
    exit 2
    error: unknown variable `nobody`
     --> s.rhai:1:21
      |
    1 | let shout = |x| x + nobody;
      |                     ^^^^^^ not known here
      |
    help: declare it with `let nobody = …;`, or quote it if it is text: "nobody"
    "#);
    insta::assert_snapshot!(told(r#"wait_until("1s", || undefined_thing());"#), @r#"
    exit 2
    error: unknown function `undefined_thing`
     --> s.rhai:1:21
      |
    1 | wait_until("1s", || undefined_thing());
      |                     ^^^^^^^^^^^^^^^ not a function
      |
    help: `blockade doc` lists the functions
    "#);
    insta::assert_snapshot!(told("[1, 2].map(|n| fail(`no ${n}`));"), @r"
    exit 1
    error: no 1
     --> s.rhai:1:16
      |
    1 | [1, 2].map(|n| fail(`no ${n}`));
      |                ^^^^
    ");
}

#[test]
fn the_place_is_inside_setup_chaos_and_check() {
    insta::assert_snapshot!(told(r#"fn setup() {
    isolate("n9");
}"#), @r#"
    exit 2
    error: there is no node `n9`
     --> s.rhai:2:13
      |
    2 |     isolate("n9");
      |             ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(told(r"fn chaos() {
    let victim = choose([]);
}"), @r"
    exit 2
    error: choose() from an empty list
     --> s.rhai:2:18
      |
    2 |     let victim = choose([]);
      |                  ^^^^^^
      |
    help: look at list.len() first
    ");
    insta::assert_snapshot!(told(r#"fn check() {
    assert(false, "it holds");
}"#), @r#"
    exit 1
    error: assertion failed: it holds
     --> s.rhai:2:5
      |
    2 |     assert(false, "it holds");
      |     ^^^^^^
    "#);
}

#[test]
fn an_error_deep_in_calls_is_shown_where_it_happened() {
    insta::assert_snapshot!(told(r#"fn outer() { inner() }
fn inner() { restart("n7") }
outer();"#), @r#"
    exit 2
    error: there is no node `n7`
     --> s.rhai:2:22
      |
    2 | fn inner() { restart("n7") }
      |                      ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
}

#[test]
fn arithmetic() {
    insta::assert_snapshot!(told("1 / 0"), @r"
    exit 2
    error: division by zero: 1 / 0
     --> s.rhai:1:3
      |
    1 | 1 / 0
      |   ^
    ");
    insta::assert_snapshot!(told(r"let list = [1, 2, 3];
list[7]"), @r"
    exit 2
    error: array index 7 out of bounds: only 3 elements in array
     --> s.rhai:2:6
      |
    2 | list[7]
      |      ^
    ");
}
