//! Functions, variables and nodes that do not exist.

use super::*;

#[test]
fn an_unknown_function_names_the_nearest() {
    insta::assert_snapshot!(told(r#"partitoin([["n1"]]);"#), @r#"
    exit 2
    error: unknown function `partitoin`
     --> s.rhai:1:1
      |
    1 | partitoin([["n1"]]);
      | ^^^^^^^^^ not a function
      |
    help: did you mean `partition`?
    "#);
    insta::assert_snapshot!(told("xyzzy(1);"), @r"
    exit 2
    error: unknown function `xyzzy`
     --> s.rhai:1:1
      |
    1 | xyzzy(1);
      | ^^^^^ not a function
      |
    help: `blockade doc` lists the functions
    ");
    insta::assert_snapshot!(told(r#"let f = isolate("n1");
f.heel();"#), @r"
    exit 2
    error: unknown function `heel`
     --> s.rhai:2:3
      |
    2 | f.heel();
      |   ^^^^ not a function
      |
    help: did you mean `heal`?
    ");
}

#[test]
fn a_wrong_number_of_arguments_shows_how_it_is_called() {
    insta::assert_snapshot!(told(r#"partition("n1", "n2");"#), @r#"
    exit 2
    error: `partition` does not take 2 arguments
     --> s.rhai:1:1
      |
    1 | partition("n1", "n2");
      | ^^^^^^^^^
      |
    help: it is partition(groups)
    "#);
    insta::assert_snapshot!(told(r#"probe("n1");"#), @r#"
    exit 2
    error: `probe` does not take 1 argument
     --> s.rhai:1:1
      |
    1 | probe("n1");
      | ^^^^^
      |
    help: it is probe(a, b)
    "#);
    insta::assert_snapshot!(told(r#"every("1s");"#), @r#"
    exit 2
    error: `every` does not take 1 argument
     --> s.rhai:1:1
      |
    1 | every("1s");
      | ^^^^^
      |
    help: it is every(duration, function)
    "#);
    insta::assert_snapshot!(told(r"fn twice(a) { a * 2 }
twice(1, 2);"), @r"
    exit 2
    error: `twice` does not take 2 arguments
     --> s.rhai:2:1
      |
    2 | twice(1, 2);
      | ^^^^^
      |
    help: it is twice(a)
    ");
}

#[test]
fn an_operator_that_fits_nothing_says_what_it_was_given() {
    insta::assert_snapshot!(told(r#""n" - 1"#), @r#"
    exit 2
    error: `-` does not work on text and integer
     --> s.rhai:1:5
      |
    1 | "n" - 1
      |     ^
    "#);
    insta::assert_snapshot!(told("!5"), @r"
    exit 2
    error: `!` does not work on integer
     --> s.rhai:1:1
      |
    1 | !5
      | ^
    ");
}

#[test]
fn an_unknown_variable_names_the_nearest() {
    insta::assert_snapshot!(told(r#"let leader = "n1";
isolate(leadr);"#), @r"
    exit 2
    error: unknown variable `leadr`
     --> s.rhai:2:9
      |
    2 | isolate(leadr);
      |         ^^^^^ not known here
      |
    help: did you mean `leader`?
    ");
    insta::assert_snapshot!(told("isolate(n1);"), @r#"
    exit 2
    error: unknown variable `n1`
     --> s.rhai:1:9
      |
    1 | isolate(n1);
      |         ^^ not known here
      |
    help: declare it with `let n1 = …;`, or quote it if it is text: "n1"
    "#);
}

#[test]
fn an_unknown_property_names_the_type() {
    insta::assert_snapshot!(told(r#"let f = isolate("n1");
f.kimd"#), @r"
    exit 2
    error: unknown property 'kimd' - a getter is not registered for type 'Fault'
     --> s.rhai:2:3
      |
    2 | f.kimd
      |   ^^^^
    ");
}

#[test]
fn a_functions_body_sees_only_constants() {
    insta::assert_snapshot!(told(r"const LIMIT = 5;
fn check() {
    note(LIMIT);
}"), @r"
    exit 2
    error: unknown variable `LIMIT`
     --> s.rhai:3:10
      |
    3 |     note(LIMIT);
      |          ^^^^^ not known here
      |
    help: inside a function a constant of the body is `global::LIMIT`
    ");
    insta::assert_snapshot!(told(r"let limit = 5;
fn check() {
    note(limit);
}"), @r"
    exit 2
    error: unknown variable `limit`
     --> s.rhai:3:10
      |
    3 |     note(limit);
      |          ^^^^^ not known here
      |
    help: functions share no variables; state(key, value) does
    ");
    insta::assert_snapshot!(told(r"let LIMIT = 5;
fn check() {
    note(global::LIMIT);
}"), @r"
    exit 2
    error: unknown variable `global::LIMIT`
     --> s.rhai:3:10
      |
    3 |     note(global::LIMIT);
      |          ^^^^^^ not known here
      |
    help: only constants of the script's body are seen as `global::NAME`: `const NAME = …;`
    ");
}

#[test]
fn an_unknown_node_lists_the_nodes() {
    insta::assert_snapshot!(told(r#"isolate("n4");"#), @r#"
    exit 2
    error: there is no node `n4`
     --> s.rhai:1:9
      |
    1 | isolate("n4");
      |         ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(told(r#"isolate("db");"#), @r#"
    exit 2
    error: there is no node `db`
     --> s.rhai:1:9
      |
    1 | isolate("db");
      |         ^^^^
      |
    help: the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(told(r#"isolate("db*");"#), @r#"
    exit 2
    error: no node matches `db*`
     --> s.rhai:1:9
      |
    1 | isolate("db*");
      |         ^^^^^
      |
    help: the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(told(r#"partition([["n1", "n22"], "n3"]);"#), @r#"
    exit 2
    error: there is no node `n22`
     --> s.rhai:1:19
      |
    1 | partition([["n1", "n22"], "n3"]);
      |                   ^^^^^
      |
    help: did you mean `n2`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(told(r#"exec("nn1", "true");"#), @r#"
    exit 2
    error: there is no node `nn1`
     --> s.rhai:1:6
      |
    1 | exec("nn1", "true");
      |      ^^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
}

#[test]
fn the_world_is_no_node() {
    insta::assert_snapshot!(told(r#"isolate("world");"#), @r#"
    exit 2
    error: `world` is no node: it can be an end of a link, not a member of a group
     --> s.rhai:1:9
      |
    1 | isolate("world");
      |         ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"restart(["n1", "world"]);"#), @r#"
    exit 2
    error: `world` is no node: it can be an end of a link, not a member of a group
     --> s.rhai:1:16
      |
    1 | restart(["n1", "world"]);
      |                ^^^^^^^
    "#);
}

#[test]
fn one_node_is_not_several() {
    insta::assert_snapshot!(told(r#"exec(["n1", "n2"], "true");"#), @r#"
    exit 2
    error: expected one node, got 2: n1, n2
     --> s.rhai:1:1
      |
    1 | exec(["n1", "n2"], "true");
      | ^^^^
    "#);
    insta::assert_snapshot!(told(r#"status("n*");"#), @r#"
    exit 2
    error: expected one node, got 3: n1, n2, n3
     --> s.rhai:1:1
      |
    1 | status("n*");
      | ^^^^^^
    "#);
}

#[test]
fn a_condition_that_wants_arguments() {
    insta::assert_snapshot!(told(r#"wait_until("1s", |x| true);"#), @r#"
    exit 2
    error: the closure takes other arguments than the () it is called with
     --> s.rhai:1:18
      |
    1 | wait_until("1s", |x| true);
      |                  ^
      |
    help: write `||` for a closure without arguments
    "#);
}

#[test]
fn a_function_as_a_value_is_named_by_fn() {
    insta::assert_snapshot!(told("let m = #{ later: task };"), @r#"
    exit 2
    error: unknown variable `task`
     --> s.rhai:1:19
      |
    1 | let m = #{ later: task };
      |                   ^^^^ not known here
      |
    help: a function is called, `task(…)`, or named: `Fn("task")`
    "#);
}

#[test]
fn functions_of_rhai_say_what_they_take() {
    insta::assert_snapshot!(told("let x = ();\nparse_int(x);"), @r"
    exit 2
    error: `parse_int` does not take (nothing)
     --> s.rhai:2:1
      |
    2 | parse_int(x);
      | ^^^^^^^^^
      |
    help: it is parse_int(text) or parse_int(text, integer)
    ");
    insta::assert_snapshot!(told("let n = 7;\nnote(`${n.contains(\"x\")}`);"), @r#"
    exit 2
    error: `contains` does not take (integer, text)
     --> s.rhai:2:11
      |
    2 | note(`${n.contains("x")}`);
      |           ^^^^^^^^
      |
    help: it is contains(list, value) or contains(map, text) or contains(range, integer) or contains(text, character) or contains(text, text)
    "#);
}
