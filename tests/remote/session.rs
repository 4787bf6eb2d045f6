//! A person here at a session there.

use super::common::{Place, User, namespaces, until};
use super::pty::Terminal;
use super::real::{Daemon, desk};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::process::Stdio;

fn sits(desk: &Place, daemon: &Daemon, args: &[&str]) -> Terminal {
    Terminal::start(desk, &[&["--host", daemon.url.as_str(), "-n", "c1", "repl"], args].concat())
}

#[test]
fn a_session_over_there_is_like_one_here() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::new(), desk());
    desk.write("blockade.yaml", super::common::THREE);
    desk.write("mine.txt", "not a session");
    desk.write("tools.rhai", "import \"scripts/lib/cuts\" as cuts;\nfn twice(x) { x * 2 }\ncuts::half();");
    let mut terminal = sits(&desk, &daemon, &["--runtime", "netns", "--seed", "1"]);
    terminal.sees("started for this session");
    terminal.enters("6 * 7");
    terminal.sees("42");
    terminal.enters("fn thrice(x) {");
    terminal.types("x * 3\r}\r");
    terminal.enters("thrice(21) + 100");
    terminal.sees("163");
    terminal.enters("parttion([])");
    terminal.sees("^^^^^^^^ not a function");
    terminal.sees("did you mean `partition`?");
    terminal.enters(":load tools.rhai");
    terminal.sees("1 fault: f1 partition> ");
    terminal.types("twi\t");
    terminal.sees("twice(");
    terminal.types("50)\r");
    terminal.sees("100");
    terminal.sees("> ");
    terminal.types("note(\"fell \" + \"asleep\"); sleep(\"1h\")\r");
    terminal.sees("fell asleep");
    terminal.types("\u{3}");
    terminal.sees("error: interrupted");
    terminal.enters("never mind\u{3}");
    terminal.enters(":save mine.txt");
    terminal.sees("is there already, and no saved session");
    terminal.enters(":save saved/s.rhai");
    terminal.sees("fetched into saved/s.rhai");
    terminal.enters("task(|| { sleep(\"1s\"); note(\"from \" + \"beside\"); });");
    terminal.sees("> ");
    terminal.types("40 +");
    terminal.sees("from beside");
    terminal.sees("40 +");
    terminal.types(" 2\r");
    terminal.sees("42");
    terminal.enters("\u{4}");
    assert_eq!(terminal.ends(), 0, "{}", terminal.rest());
    until("its cluster is gone", || !daemon.place.path().join(".blockade/clusters/c1").exists());
    assert!(desk.read("saved/s.rhai").contains("thrice(21)"));
    assert!(desk.read(".blockade/repl_history").contains("thrice(21)"));
    assert_eq!(desk.read("mine.txt"), "not a session");
}

#[test]
fn entries_from_a_file_end_with_the_code_of_the_first_error_and_say_what_they_say_here() {
    let (daemon, desk) = (Daemon::new(), desk());
    desk.write("blockade.yaml", super::common::THREE);
    let says = |host: &[&str]| {
        let mut command = desk.command(&[host, &["repl", "--runtime", "sim", "--seed", "1"]].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let entries = "let x = 20;\nfn f(a) {\n  a + 1\n}\nf(x) * 2\n:help isolate\nnonsense(1)\nx\n";
        child.stdin.take().unwrap().write_all(entries.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    };
    let (here, there) = (says(&[]), says(&["--host", &daemon.url]));
    assert_eq!(here.0, Some(2));
    assert!(here.1.contains("42\n") && here.2.contains("unknown function `nonsense`"), "{here:?}");
    assert_eq!(there, here);
}

#[test]
fn a_session_whose_person_is_gone_ends_and_takes_its_cluster_along() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::new(), desk());
    desk.write("blockade.yaml", super::common::THREE);
    let mut terminal = sits(&desk, &daemon, &["--runtime", "netns"]);
    terminal.enters("1 + 1");
    terminal.sees("2");
    let cluster = daemon.place.path().join(".blockade/clusters/c1");
    assert!(cluster.exists());
    terminal.child.kill().unwrap();
    until("its cluster is gone", || !cluster.exists());
}

#[test]
fn a_session_whose_editor_is_told_to_end_heals_first() {
    if !namespaces(User::Ours) {
        return;
    }
    let (daemon, desk) = (Daemon::new(), desk());
    desk.write("blockade.yaml", super::common::THREE);
    let cluster = daemon.place.path().join(".blockade/clusters/c1");
    for (entry, told) in [("", "> "), ("note(\"now \" + \"busy\"); sleep(\"1h\")", "now busy")] {
        let mut terminal = sits(&desk, &daemon, &["--runtime", "netns"]);
        terminal.enters("1 + 1");
        terminal.sees("2");
        assert!(cluster.exists());
        terminal.enters(entry);
        terminal.sees(told);
        kill_process(Pid::from_child(&terminal.child), Signal::TERM).unwrap();
        assert_eq!(terminal.ends(), 130, "{}", terminal.rest());
        until("its cluster is gone", || !cluster.exists());
    }
}
