//! Tasks that fail, never end, or wait for each other.

use super::*;

#[test]
fn an_error_in_a_task_names_the_task_and_the_place() {
    insta::assert_snapshot!(told("sleep(1);\ntask(|| { sleep(1); let x = 1; x.foo(); });\nsleep(5);"), @r"
    exit 2
    error: unknown function `foo`
     --> s.rhai:2:34
      |
    2 | task(|| { sleep(1); let x = 1; x.foo(); });
      |                                  ^^^ not a function
      |
    help: `blockade doc` lists the functions
    ");
    insta::assert_snapshot!(told("task(|| { task(|| { assert(1 > 2, \"of numbers\"); }); sleep(1); });\nsleep(5);"), @r#"
    exit 1
    error: task 1.1: assertion failed: of numbers
     --> s.rhai:1:21
      |
    1 | task(|| { task(|| { assert(1 > 2, "of numbers"); }); sleep(1); });
      |                     ^^^^^^
    "#);
    insta::assert_snapshot!(told("every(1, || { throw \"dust\"; }).join();"), @r#"
    exit 2
    error: every 1: the script threw: dust
     --> s.rhai:1:15
      |
    1 | every(1, || { throw "dust"; }).join();
      |               ^^^^^ not caught
    "#);
}

#[test]
fn an_error_in_a_client_names_the_client() {
    let script = "const OPTIONS = #{ clients: 3 };\nfn client(id) { sleep(id); if id == 2 { fail(\"lost\"); } loop { sleep(1); } }\nfn chaos() { sleep(10); }";
    insta::assert_snapshot!(told(script), @r#"
    exit 1
    error: client 2: lost
     --> s.rhai:2:41
      |
    2 | fn client(id) { sleep(id); if id == 2 { fail("lost"); } loop { sleep(1); } }
      |                                         ^^^^
    "#);
}

#[test]
fn clients_without_a_function_and_too_many_of_them() {
    insta::assert_snapshot!(told("const OPTIONS = #{ clients: 3 };\nfn chaos() { sleep(10); }"), @r"
    exit 2
    error: OPTIONS.clients without a `fn client(id)`
     --> s.rhai:1:7
      |
    1 | const OPTIONS = #{ clients: 3 };
      |       ^^^^^^^
    ");
    insta::assert_snapshot!(told("const OPTIONS = #{ clients: 1000000 };\nfn client(id) { }"), @r"
    exit 2
    error: more than 10000 tasks at a time
     --> s.rhai:1:7
      |
    1 | const OPTIONS = #{ clients: 1000000 };
      |       ^^^^^^^
      |
    help: a loop that starts tasks and never joins them?
    ");
}

#[test]
fn tasks_that_wait_for_each_other() {
    let script = "state(\"a\", task(|| { sleep(1); state(\"b\").join(); }));\nstate(\"b\", task(|| { sleep(1); state(\"a\").join(); }));\nsleep(9);";
    insta::assert_snapshot!(told(script), @r#"
    exit 2
    error: task 2: tasks wait for each other for ever: task 2 → task 1 → task 2
     --> s.rhai:2:43
      |
    2 | state("b", task(|| { sleep(1); state("a").join(); }));
      |                                           ^^^^
      |
    help: one of these join()s must go
    "#);
    insta::assert_snapshot!(told("state(\"me\", task(|| { sleep(1); state(\"me\").join(); }));\nsleep(9);"), @r#"
    exit 2
    error: task 1: tasks wait for each other for ever: task 1 → task 1
     --> s.rhai:1:45
      |
    1 | state("me", task(|| { sleep(1); state("me").join(); }));
      |                                             ^^^^
      |
    help: one of these join()s must go
    "#);
}

#[test]
fn a_task_that_never_ends_and_who_waits_for_it() {
    insta::assert_snapshot!(told("const OPTIONS = #{ timeout: \"5s\" };\nlet t = task(|| loop { sleep(2); });\nt.join();"), @r#"
    exit 2
    error: the run's deadline of 5 s has passed
     --> s.rhai:3:3
      |
    3 | t.join();
      |   ^^^^
      |
    help: give more with `const OPTIONS = #{ timeout: "30m" };` or --timeout; at this moment main waits for task 1, task 1 sleeps until 6 s
    "#);
    insta::assert_snapshot!(told("task(|| loop { });\nsleep(1);"), @r"
    exit 2
    error: task 1: runaway script: 50000000 operations without waiting for anything
     --> s.rhai:1:1
      |
    1 | task(|| loop { });
      | ^^^^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    ");
}

#[test]
fn a_task_that_cancels_itself() {
    insta::assert_snapshot!(told("state(\"me\", task(|| { sleep(1); state(\"me\").cancel(); }));\nsleep(9);"), @r#"
    exit 2
    error: task 1: task 1 cancels itself
     --> s.rhai:1:45
      |
    1 | state("me", task(|| { sleep(1); state("me").cancel(); }));
      |                                             ^^^^^^
      |
    help: to end a task, `return` from it
    "#);
}

#[test]
fn recursion_in_a_task_and_tasks_without_end() {
    insta::assert_snapshot!(told("fn f(n) { f(n + 1) }\ntask(|| f(0)).join();"), @r"
    exit 2
    error: task 1: calls are nested 101 deep, the limit is 100
     --> s.rhai:2:1
      |
    2 | task(|| f(0)).join();
      | ^^^^ in here
      |
    help: recursion without an end? use a loop
    ");
    insta::assert_snapshot!(told("loop { task(|| sleep(1)); }"), @r"
    exit 2
    error: more than 10000 tasks at a time
     --> s.rhai:1:8
      |
    1 | loop { task(|| sleep(1)); }
      |        ^^^^
      |
    help: a loop that starts tasks and never joins them?
    ");
}

#[test]
fn tasks_that_start_tasks_without_end_and_waits_that_make_no_time_pass() {
    insta::assert_snapshot!(told("fn f(x) { task(|| f(x + 1)).join() }\nf(1);"), @r"
    exit 2
    error: task 1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1: tasks start tasks 33 deep, the limit is 32
     --> s.rhai:1:11
      |
    1 | fn f(x) { task(|| f(x + 1)).join() }
      |           ^^^^
      |
    help: recursion without an end? use a loop
    ");
    insta::assert_snapshot!(told("loop { sleep(0); }"), @r"
    exit 2
    error: runaway script: 1000000 waits without any time passing
     --> s.rhai:1:8
      |
    1 | loop { sleep(0); }
      |        ^^^^^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    ");
    insta::assert_snapshot!(told("fn client(id) { loop { sleep(0.0); } }\nconst OPTIONS = #{ clients: 1 };\nfn chaos() { sleep(2); }"), @r"
    exit 2
    error: client 0: runaway script: 1000000 waits without any time passing
     --> s.rhai:1:24
      |
    1 | fn client(id) { loop { sleep(0.0); } }
      |                        ^^^^^
      |
    help: an endless loop? a loop that waits for something should sleep() or wait_until()
    ");
    insta::assert_snapshot!(told("exec(\"n1\", \" \");"), @r#"
    exit 2
    error: the command is empty
     --> s.rhai:1:1
      |
    1 | exec("n1", " ");
      | ^^^^
    "#);
}

#[test]
fn a_variable_that_is_in_use_by_a_call_that_waits() {
    insta::assert_snapshot!(told("let a = ();\nlet b = task(|| { sleep(1); a = 5; });\na = task(|| sleep(3));\na.join();"), @r"
    exit 2
    error: task 1: the variable `a` is in use: a call on it has not come to its end
     --> s.rhai:2:29
      |
    2 | let b = task(|| { sleep(1); a = 5; });
      |                             ^ looked at here
      |
    help: let that call work on a copy, `let own = a; own.…`, and assign it back if it changed; at this moment main waits for task 2, task 2 sleeps until 3 s
    ");
}

#[test]
fn a_variable_that_is_in_use_by_its_own_call() {
    insta::assert_snapshot!(told("let l = [];\nl.push(|| l);"), @r"
    exit 2
    error: a variable is in use: a call on it has not come to its end
     --> s.rhai:1:1
      |
    1 | let l = [];
      | ^
      |
    help: let that call work on a copy, `let own = x; own.…`, and assign it back if it changed
    ");
}

#[test]
fn an_interval_of_nothing_and_things_that_are_no_functions() {
    insta::assert_snapshot!(told("every(0, || 1);"), @r"
    exit 2
    error: every() needs an interval above 0
     --> s.rhai:1:1
      |
    1 | every(0, || 1);
      | ^^^^^
      |
    help: for a loop without a pause use task(|| loop { … })
    ");
    insta::assert_snapshot!(told("task(5);"), @r"
    exit 2
    error: `task` does not take (integer)
     --> s.rhai:1:1
      |
    1 | task(5);
      | ^^^^
      |
    help: it is task(function)
    ");
    insta::assert_snapshot!(told("after(\"soon\", || 1);"), @r#"
    exit 2
    error: "soon" is no duration
     --> s.rhai:1:1
      |
    1 | after("soon", || 1);
      | ^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told("task(|a| a).join();"), @r"
    exit 2
    error: the closure takes other arguments than the () it is called with
     --> s.rhai:1:6
      |
    1 | task(|a| a).join();
      |      ^
      |
    help: write `||` for a closure without arguments
    ");
}

#[test]
fn a_variable_that_a_call_holds_is_shown_where_it_is_looked_at() {
    let script = "let list = [1, 2];\ntask(|| { sleep(1); list.retain(|x| { sleep(1); true }); });\nsleep(1.5);\nnote(`${list.len}`);";
    insta::assert_snapshot!(told(script), @r"
    exit 2
    error: the variable `list` is in use: a call on it has not come to its end
     --> s.rhai:4:9
      |
    4 | note(`${list.len}`);
      |         ^^^^ looked at here
      |
    help: let that call work on a copy, `let own = list; own.…`, and assign it back if it changed; at this moment task 1 sleeps until 2 s
    ");
    insta::assert_snapshot!(told("let list = [1, 2];\nlist.retain(|x| list.len > 1);"), @r"
    exit 2
    error: a variable is in use: a call on it has not come to its end
     --> s.rhai:1:1
      |
    1 | let list = [1, 2];
      | ^
      |
    help: let that call work on a copy, `let own = x; own.…`, and assign it back if it changed
    ");
}
