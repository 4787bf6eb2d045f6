//! A person's session on nodes in Docker: what it says must be so in the containers, and it leaves nothing.

use super::common::until;
use super::pty::Terminal;
use super::stage::Stage;

const TWO: &str = "containers:\n  n1: { image: 'blockade-test:1' }\n  n2: { image: 'blockade-test:1' }\n";

fn session(stage: &Stage, more: &[&str]) -> Terminal {
    Terminal::start(&stage.place, &[&["-n", &stage.name, "repl", "--seed", "1"], more].concat())
}

#[test]
fn a_session_cuts_and_looks_and_heals_and_may_leave_its_cluster() {
    let Some(stage) = Stage::new(TWO) else { return };
    let mut terminal = session(&stage, &["--runtime", "docker"]);
    terminal.enters("let cut = partition([[\"n1\"], [\"n2\"]])");
    terminal.sees("1 fault: f1 partition> ");
    assert!(!stage.linked("n1", "n2"));
    terminal.types(":status\r");
    terminal.sees("PARTITION");
    terminal.sees("n1    ");
    terminal.sees(&stage.ip("n2"));
    terminal.enters(":faults");
    terminal.sees("f1  partition {n1} | {n2}");
    terminal.enters("exec(\"n1\", \"hostname\").stdout");
    terminal.sees("\"n1\\n\"");
    terminal.enters("sleep(\"1h\")");
    std::thread::sleep(std::time::Duration::from_secs(1));
    terminal.types("\u{3}");
    terminal.sees("error: interrupted");
    terminal.enters("cut.heal()");
    terminal.sees("healed  f1");
    terminal.sees("> ");
    assert!(stage.linked("n1", "n2"));
    terminal.types("isolate(\"n2\");\r");
    terminal.sees("1 fault: f2 isolate> ");
    terminal.types(":detach\r");
    assert_eq!(terminal.ends(), 0, "{}", terminal.rest());
    assert!(stage.linked("n1", "n2"), "its faults are gone, its cluster stands");
    // One that ends at once takes only its own faults with it.
    let mut again = session(&stage, &["--attach"]);
    again.sees("up already");
    again.enters("isolate(\"n1\");");
    again.sees("1 fault");
    assert!(!stage.linked("n1", "n2"));
    again.child.kill().unwrap();
    until("the fault is gone", || stage.linked("n1", "n2"));
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn a_cluster_that_was_started_for_a_session_goes_with_it_however_that_ends() {
    let Some(stage) = Stage::new(TWO) else { return };
    let mut left = session(&stage, &[]);
    left.enters("isolate(\"n1\");");
    left.sees("1 fault: f1 isolate> ");
    left.types("\u{4}");
    assert_eq!(left.ends(), 0, "{}", left.rest());
    assert_eq!(stage.left(), [""; 0]);
    let mut killed = session(&stage, &[]);
    killed.enters("isolate(\"n1\");");
    killed.sees("1 fault: f1 isolate> ");
    killed.child.kill().unwrap();
    until("nothing is left", || stage.left().is_empty());
}
