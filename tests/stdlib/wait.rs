//! `wait`: for nodes, ports, logs and values.

use crate::{holds, told};

#[test]
fn what_is_there_already_is_not_waited_for() {
    holds(
        3,
        r#"
        import "wait" as wait;
        assert(wait::healthy(nodes(), "1s") && wait::tcp("n*", 7000, "1s") && wait::log(nodes(), "ready", "1s"));
        assert(elapsed() < 0.1, `${elapsed()}`);
        "#,
    );
}

#[test]
fn a_node_that_is_down_in_time_is_named() {
    insta::assert_snapshot!(told("import \"wait\" as wait;\nstop([\"n1\", \"n3\"]);\nwait::healthy(\"n*\", \"2s\");\n"), @r#"
    exit 1
    error: not UP within 2.0 s: ["n1", "n3"]
     --> s.rhai:3:7
      |
    3 | wait::healthy("n*", "2s");
      |       ^^^^^^^
    "#);
    insta::assert_snapshot!(told("import \"wait\" as wait;\nkill(\"n2\");\nwait::tcp(nodes(), 80, \"2s\");\n"), @r#"
    exit 1
    error: port 80 does not answer within 2.0 s on ["n2"]
     --> s.rhai:3:7
      |
    3 | wait::tcp(nodes(), 80, "2s");
      |       ^^^
    "#);
    insta::assert_snapshot!(told("import \"wait\" as wait;\nwait::condition(\"2s\", || false, \"no luck\");\n"), @r#"
    exit 1
    error: no luck (waited 2.0 s)
     --> s.rhai:2:7
      |
    2 | wait::condition("2s", || false, "no luck");
      |       ^^^^^^^^^
    "#);
    insta::assert_snapshot!(told("import \"wait\" as wait;\nwait::some(\"2s\", || ());\n"), @r#"
    exit 1
    error: there was no value within 2.0 s
     --> s.rhai:2:7
      |
    2 | wait::some("2s", || ());
      |       ^^^^
    "#);
    insta::assert_snapshot!(told("import \"wait\" as wait;\nwait::changed(\"2s\", || 5);\n"), @r#"
    exit 1
    error: the value did not change within 2.0 s: 5
     --> s.rhai:2:7
      |
    2 | wait::changed("2s", || 5);
      |       ^^^^^^^
    "#);
    insta::assert_snapshot!(told("import \"wait\" as wait;\nwait::stable(\"1s\", || elapsed(), \"2s\");\n"), @r#"
    exit 1
    error: no value stayed for 1.0 s within 2.0 s; the last is 2.0
     --> s.rhai:2:7
      |
    2 | wait::stable("1s", || elapsed(), "2s");
      |       ^^^^^^
    "#);
}

#[test]
fn what_ran_out_may_be_caught_and_the_run_passes() {
    holds(
        1,
        r#"import "wait" as wait; try { wait::some("2s", || ()); } catch { note("in vain"); } assert(elapsed() >= 2.0);"#,
    );
}

#[test]
fn values_are_watched_until_they_change_or_stay() {
    holds(
        1,
        r#"
        import "wait" as wait;
        let floor = || if elapsed() < 3.0 { (elapsed() * 10.0).floor() } else { 30.0 };
        assert(wait::stable("1s", floor) == 30.0);
        assert(elapsed() >= 3.9 && elapsed() < 4.3, `${elapsed()}`);
        let began = elapsed();
        assert(wait::changed("10s", || elapsed() > began + 2.0) == true);
        assert(elapsed() >= began + 2.0 && elapsed() < began + 2.2, `${elapsed()}`);
        assert(wait::some("10s", || if elapsed() > began + 4.0 { "there" } else { () }) == "there");
        assert(wait::condition("10s", || elapsed() > began + 5.0, "never"));
        assert(wait::stable("0s", || 1) == 1 && wait::stable("1s", || 2, "1s") == 2);
        "#,
    );
}
