//! A person at a terminal, on real nodes.

use super::common::processes::{Process, lives, world_of};
use super::common::{Place, User, namespaces, until};
use super::pty::Terminal;
use super::{SIM, place};
use std::time::Duration;

/// A session with a cluster of its own.
fn own(place: &Place) -> Terminal {
    Terminal::start(place, &["-n", "c1", "repl", "--runtime", "netns", "--seed", "1"])
}

fn gone(world: &[Process]) {
    until("all processes of it are gone", || !world.iter().any(lives));
}

#[test]
fn a_session_on_a_cluster_of_its_own_from_its_first_entry_to_nothing_left() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = place();
    let mut terminal = own(&place);
    terminal.enters("6 * 7");
    terminal.sees("42");
    terminal.enters("fn twice(x) {");
    terminal.types("x * 2\r}\r");
    terminal.enters("twice(21) + 100");
    terminal.sees("142");
    terminal.enters("parttion([])");
    terminal.sees("^^^^^^^^ not a function");
    terminal.sees("did you mean `partition`?");
    terminal.sees("> ");
    terminal.types("let cut = parti\t");
    terminal.sees("partition(");
    terminal.types("[[\"n1\"], [\"n2\", \"n3\"]])\r");
    terminal.sees("1 fault: f1 partition> ");
    terminal.types("reachable(\"n1\", \"n2\")\r");
    terminal.sees("false");
    let world = world_of(terminal.child.id());
    assert!(world.len() > 5, "{world:?}");
    terminal.enters("note(\"fell \" + \"asleep\"); sleep(\"1h\")");
    terminal.sees("fell asleep");
    terminal.types("\u{3}");
    terminal.sees("error: interrupted");
    terminal.sees("1 fault: f1 partition> ");
    terminal.types(":faults\r");
    terminal.sees("f1  partition {n1} | {n2, n3}");
    terminal.enters("never mind\u{3}");
    terminal.enters("cut.active");
    terminal.sees("true");
    terminal.enters(":save s.rhai");
    terminal.sees("saved");
    terminal.sees("> ");
    terminal.types("\u{4}");
    assert_eq!(terminal.ends(), 0, "{}", terminal.rest());
    gone(&world);
    assert!(!place.path().join(".blockade/clusters").exists());
    place.blockade(&["plan", "s.rhai"]).with(0);
    assert!(place.read(".blockade/repl_history").contains("twice(21)"));
}

#[test]
fn a_detached_cluster_stays_without_the_sessions_faults() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = place();
    let mut terminal = own(&place);
    terminal.enters("isolate(\"n1\");");
    terminal.sees("1 fault");
    terminal.enters(":detach");
    assert_eq!(terminal.ends(), 0);
    let status = place.blockade(&["-n", "c1", "status"]).with(0);
    let faults = place.blockade(&["-n", "c1", "faults"]).with(0);
    let mut again = Terminal::start(&place, &["-n", "c1", "repl", "--attach"]);
    again.sees("up already");
    again.enters("isolate(\"n2\");");
    again.enters(":quit");
    assert_eq!(again.ends(), 0);
    let after = place.blockade(&["-n", "c1", "faults"]).with(0);
    place.blockade(&["-n", "c1", "destroy"]).with(0);
    assert_eq!(status.stdout.matches("UP").count(), 3, "{status:?}");
    assert!(faults.stderr.contains("no faults") && after.stderr.contains("no faults"), "{faults:?} {after:?}");
}

#[test]
fn a_session_that_is_killed_takes_its_cluster_with_it() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = place();
    let mut terminal = own(&place);
    terminal.enters("1 + 1");
    terminal.sees("2");
    let world = world_of(terminal.child.id());
    terminal.child.kill().unwrap();
    gone(&world);
}

#[test]
fn what_a_task_says_while_a_line_is_typed_stands_above_it() {
    if !namespaces(User::Ours) {
        return;
    }
    let place = place();
    let mut terminal = own(&place);
    terminal.enters("task(|| { sleep(\"1s\"); note(\"from \" + \"beside\"); nosuch() });");
    terminal.sees("> ");
    terminal.types("40 +");
    terminal.sees("from beside");
    terminal.sees("task 1: unknown function `nosuch`");
    terminal.sees("40 +");
    terminal.types(" 2\r");
    terminal.sees("42");
    terminal.enters("\u{4}");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_hangup_ends_a_session_in_the_middle_of_a_line() {
    let place = place();
    let mut terminal = Terminal::start(&place, &SIM);
    terminal.sees("> ");
    terminal.types("half a li");
    terminal.sees("half a li");
    let pid = rustix::process::Pid::from_child(&terminal.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    terminal.sees("everything is removed");
    assert_eq!(terminal.ends(), 130);
}

#[test]
fn lines_that_are_pasted_or_typed_ahead_are_all_entered() {
    let place = place();
    let mut terminal = Terminal::start(&place, &SIM);
    terminal.sees("> ");
    // As a terminal pastes that knows of no brackets: all at once, and nothing marks it.
    terminal.types("let a = 40\rlet b = 2\rfn sum(x, y) {\r  x + y\r}\rsum(a, b) + 100\r");
    terminal.sees("142");
    terminal.sees("> ");
    // While the first line is evaluated, the terminal belongs to nobody.
    terminal.types("let n = 0; while n < 3000000 { n += 1; }\r");
    terminal.sees("n += 1; }");
    std::thread::sleep(Duration::from_millis(100));
    terminal.types("a + 1\rb + 1\r`${a}${b}`\r");
    for value in ["41", "3", "\"402\""] {
        terminal.sees(value);
    }
    terminal.enters(":quit");
    assert_eq!(terminal.ends(), 0);
}
