//! However a run ends, nothing of it is left: no process, no namespace, no mount.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::processes::{Process, descendants, lives, marked, world_of};
use common::{Ended, Place, User, ended, namespaces, until};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

/// Programs that are hard to get rid of: deaf, detached, frozen. Each bears the mark in its environment.
const CLUSTER: &str = "
nodes:
  n1: { command: [bash, -c, 'trap \"\" TERM INT HUP; setsid sleep 10001 & (sleep 10002 &); while :; do sleep 10005; done'], environment: { MARK: @ } }
  n2: { command: sleep infinity, environment: { MARK: @ } }
  n3: { command: sleep infinity, environment: { MARK: @ }, stop: { within: 1h } }
";

const SCRIPT: &str = r#"
    isolate("n1");
    pause("n2");
    exec("n3", "sleep 10003 & sleep 10004 >&- 2>&- &", #{ timeout: "20s" });
    note("in the middle");
    sleep("1h");
"#;

/// A run in the middle of its script, and everything that belongs to it.
struct Running {
    place: Place,
    child: Child,
    mark: String,
    world: Vec<Process>,
}

impl Running {
    /// Starts a run and waits until its journal holds this.
    fn until(user: User, script: &str, event: &str) -> Self {
        Self::of(user, script, CLUSTER, event)
    }

    fn of(user: User, script: &str, cluster: &str, event: &str) -> Self {
        let mark = format!("{:?}-{}", std::thread::current().id(), std::process::id());
        let mark = format!("blockade-test-{}", mark.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ""));
        let place = Place::of(user, script, &cluster.replace('@', &mark));
        let mut command = place.command(&["run", "s.rhai", "--seed", "1", "--out", "out", "--runtime", "netns"]);
        // A group of its own, as a shell gives a foreground job.
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
        let journal = place.path().join("out/journal.jsonl");
        until(event, || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains(event)));
        let world = world_of(child.id());
        Self { place, child, mark: format!("MARK={mark}"), world }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What Ctrl-C does in a terminal.
    fn ctrl_c(&self) {
        kill_process_group(self.pid(), Signal::INT).unwrap();
    }

    /// Waits for the runner's end and for everything else to be gone.
    fn ended(self) -> (Place, Ended) {
        let ended = ended(self.child.wait_with_output().unwrap());
        until("nothing of the run is left", || !self.world.iter().any(lives) && marked(&self.mark).is_empty());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.place.path().to_str().unwrap()), "{mounts}");
        (self.place, ended)
    }
}

fn middle(user: User) -> Running {
    let mut running = Running::until(user, SCRIPT, "in the middle");
    // Four of n1, one of n2, one of n3 and two that were run in it.
    // A program that is just being started is two processes for a moment, of which one is not there to stay.
    until("all programs run", || {
        running.world = world_of(running.child.id());
        let programs = marked(&running.mark);
        programs.len() == 8 && programs.iter().all(|program| running.world.contains(program))
    });
    running
}

/// Healed, written down, and said so.
fn check_interrupted(place: &Place, ended: Ended) {
    let ended = ended.with(130);
    assert!(ended.stderr.starts_with("error: interrupted\n"), "{}", ended.stderr);
    assert!(ended.stdout.contains("ERROR: seed 1, 2 faults"), "{}", ended.stdout);
    let result: Value = serde_json::from_str(&place.read("out/result.json")).unwrap();
    assert_eq!(result["verdict"], "error");
    assert_eq!(result["failure"]["message"], "interrupted");
    assert_eq!(result["cleanup"], json!({ "ok": true, "errors": [] }));
    let journal = place.lines("out/journal.jsonl");
    let kinds: Vec<_> = journal.iter().filter_map(|event| event["kind"].as_str()).collect();
    for fault in ["f1", "f2"] {
        let healed = journal.iter().any(|event| event["kind"] == "fault.healed" && event["id"] == fault);
        assert!(healed, "{fault}: {kinds:?}");
    }
    assert_eq!(kinds[kinds.len() - 2..], ["cluster.down", "verdict"]);
}

#[test]
fn sigkill_of_the_runner_leaves_nothing() {
    for user in [User::Ours, User::Ordinary] {
        if namespaces(user) {
            let running = middle(user);
            kill_process(running.pid(), Signal::KILL).unwrap();
            let (place, ended) = running.ended();
            assert_eq!(ended.code, -1);
            // All that it did is on record.
            let journal = place.lines("out/journal.jsonl");
            assert_eq!(journal.last().unwrap()["message"], "in the middle");
        }
    }
}

#[test]
fn ctrl_c_heals_and_writes_the_result() {
    for user in [User::Ours, User::Ordinary] {
        if namespaces(user) {
            let running = middle(user);
            running.ctrl_c();
            let (place, ended) = running.ended();
            check_interrupted(&place, ended);
        }
    }
}

#[test]
fn sigterm_and_sighup_do_what_ctrl_c_does() {
    for signal in [Signal::TERM, Signal::HUP] {
        if namespaces(User::Ours) {
            let running = middle(User::Ours);
            kill_process(running.pid(), signal).unwrap();
            let (place, ended) = running.ended();
            check_interrupted(&place, ended);
        }
    }
}

#[test]
fn a_second_ctrl_c_does_not_skip_healing() {
    if namespaces(User::Ours) {
        let running = middle(User::Ours);
        for _ in 0..20 {
            // The last ones may come when it has ended.
            let _ = kill_process_group(running.pid(), Signal::INT);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let (place, ended) = running.ended();
        check_interrupted(&place, ended);
    }
}

#[test]
fn ctrl_c_reaches_a_script_that_only_computes() {
    if namespaces(User::Ours) {
        let script = "note(\"computing\"); let n = 0; while n >= 0 { n += 1; if n % 1000 == 0 { status(\"n1\"); } }";
        let running = Running::until(User::Ours, script, "computing");
        running.ctrl_c();
        let (_, ended) = running.ended();
        ended.with(130);
    }
}

#[test]
fn no_script_catches_ctrl_c() {
    if namespaces(User::Ours) {
        let script = "note(\"clinging\"); loop { try { sleep(\"1h\"); } catch { note(\"caught\"); } }";
        let running = Running::until(User::Ours, script, "clinging");
        running.ctrl_c();
        let (place, ended) = running.ended();
        ended.with(130);
        assert!(!place.read("out/journal.jsonl").contains("caught"));
    }
}

#[test]
fn ctrl_c_while_the_cluster_comes_up_leaves_nothing() {
    if namespaces(User::Ours) {
        let cluster = CLUSTER.replace("n3: { ", "n3: { ready: { tcp: 7000, within: 1h }, ");
        let mut running = Running::of(User::Ours, SCRIPT, &cluster, "\"format\":1");
        until("the programs run", || marked(&running.mark).len() >= 6);
        running.world = world_of(running.child.id());
        running.ctrl_c();
        let (place, ended) = running.ended();
        ended.with(130);
        let result: Value = serde_json::from_str(&place.read("out/result.json")).unwrap();
        assert_eq!((&result["verdict"], &result["cleanup"]["ok"]), (&json!("error"), &json!(true)));
    }
}

#[test]
fn sigkill_of_the_agent_is_an_error_that_says_so() {
    if namespaces(User::Ours) {
        for generation in [1, 2] {
            let running = middle(User::Ours);
            let child_of = |parent: u32| descendants(parent).into_iter().find(|p| p.parent == parent).unwrap().pid;
            // The agent's two processes: the one outside of the namespaces and, its child, the one inside.
            let agent = (0..generation).fold(running.child.id(), |parent, _| child_of(parent));
            kill_process(Pid::from_raw(agent as i32).unwrap(), Signal::KILL).unwrap();
            let (place, ended) = running.ended();
            assert_eq!(ended.code, 3, "{}", ended.stderr);
            assert!(ended.stderr.starts_with("error: the nodes are gone: "), "{}", ended.stderr);
            let result: Value = serde_json::from_str(&place.read("out/result.json")).unwrap();
            assert_eq!(result["verdict"], "error");
        }
    }
}

#[test]
fn a_program_killed_from_outside_is_an_event_of_its_node_and_no_more() {
    if namespaces(User::Ours) {
        let script = r#"
            note("in the middle");
            wait_until("25s", || status("n2") == "DOWN");
            assert(status("n1") == "UP" && status("n3") == "UP");
            start("n2");
            assert(exec("n2", "true").ok);
        "#;
        let running = Running::until(User::Ours, script, "in the middle");
        let programs = marked(&running.mark);
        // n3 has the same command; whichever it was, the script looks for n2.
        let sleepers: Vec<_> = programs.iter().filter(|program| program.command == "sleep infinity ").collect();
        let is_n2 = |process: &&&Process| {
            let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == b"HOSTNAME=n2")
        };
        let n2 = sleepers.iter().find(is_n2).unwrap();
        kill_process(Pid::from_raw(n2.pid as i32).unwrap(), Signal::KILL).unwrap();
        let (place, ended) = running.ended();
        ended.with(0);
        let journal = place.lines("out/journal.jsonl");
        let exit = journal.iter().find(|event| event["kind"] == "node.exit").unwrap();
        assert_eq!(
            (&exit["node"], &exit["ended"], &exit["expected"]),
            (&json!("n2"), &json!({ "signal": 9 }), &json!(false))
        );
    }
}
