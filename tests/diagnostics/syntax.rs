//! Scripts that do not compile.

use super::*;

#[test]
fn an_unexpected_token_has_a_caret() {
    insta::assert_snapshot!(told("let x = (1 + ;"), @r"
    exit 2
    error: syntax error: unexpected ';'
     --> s.rhai:1:14
      |
    1 | let x = (1 + ;
      |              ^ here
    ");
    insta::assert_snapshot!(told(r#"let x = 1;
partition([["n1"], ["n2"]]"#), @r#"
    exit 2
    error: syntax error: expecting ')' to close the arguments list of this function call 'partition'
     --> s.rhai:2:27
      |
    2 | partition([["n1"], ["n2"]]
      |                           ^ here
    "#);
}

#[test]
fn a_reserved_word_is_called_so() {
    insta::assert_snapshot!(told("let spawn = 1;"), @r"
    exit 2
    error: `spawn` is a reserved word of Rhai
     --> s.rhai:1:5
      |
    1 | let spawn = 1;
      |     ^^^^^ reserved
      |
    help: choose another name; to run something beside the script use task(|| …)
    ");
    insta::assert_snapshot!(told("fn match(a) {}"), @r"
    exit 2
    error: `match` is a reserved word of Rhai
     --> s.rhai:1:4
      |
    1 | fn match(a) {}
      |    ^^^^^ reserved
      |
    help: choose another name; to run something beside the script use task(|| …)
    ");
}

#[test]
fn an_unclosed_comment_or_text_points_at_its_beginning() {
    insta::assert_snapshot!(told(r#"note("x");
/* never closed
note("y");"#), @r"
    exit 2
    error: syntax error: this comment is never closed
     --> s.rhai:2:1
      |
    2 | /* never closed
      | ^^ opened here
    ");
    insta::assert_snapshot!(told(r#"note("never closed);"#), @r#"
    exit 2
    error: syntax error: open string is not terminated
     --> s.rhai:1:6
      |
    1 | note("never closed);
      |      ^ here
    "#);
    insta::assert_snapshot!(told(r"note(`never
closed);"), @r"
    exit 2
    error: syntax error: open string is not terminated
     --> s.rhai:1:6
      |
    1 | note(`never
      |      ^ here
    ");
}

#[test]
fn what_would_hide_state_is_off() {
    insta::assert_snapshot!(told(r#"eval("1 + 1")"#), @r#"
    exit 2
    error: syntax error: reserved keyword 'eval' is disabled
     --> s.rhai:1:1
      |
    1 | eval("1 + 1")
      | ^^^^ here
    "#);
    insta::assert_snapshot!(told("timestamp()"), @r"
    exit 2
    error: unknown function `timestamp`
     --> s.rhai:1:1
      |
    1 | timestamp()
      | ^^^^^^^^^ not a function
      |
    help: `blockade doc` lists the functions
    ");
}

#[test]
fn a_condition_that_is_none_is_found_before_anything_runs() {
    insta::assert_snapshot!(told(r#"isolate("n1");
if "n1" {}"#), @r#"
    exit 2
    error: syntax error: expecting a boolean expression, not a string
     --> s.rhai:2:4
      |
    2 | if "n1" {}
      |    ^ here
    "#);
}

#[test]
fn carets_count_characters_not_bytes() {
    insta::assert_snapshot!(told(r#"note("ä→ö"); nöte(1);"#), @r#"
    exit 2
    error: syntax error: unexpected 'ö'
     --> s.rhai:1:15
      |
    1 | note("ä→ö"); nöte(1);
      |               ^^^ here
    "#);
    insta::assert_snapshot!(told(r#"note("ä→ö"); nte("ß");"#), @r#"
    exit 2
    error: unknown function `nte`
     --> s.rhai:1:14
      |
    1 | note("ä→ö"); nte("ß");
      |              ^^^ not a function
      |
    help: did you mean `note`?
    "#);
}

#[test]
fn a_byte_order_mark_before_a_script_means_nothing() {
    let script = "\u{feff}note(\"read\");\r\nlet x = 1;\r\n";
    Place::with(script, THREE).blockade(&["plan", "s.rhai"]).with(0);
}
