//! Whatever dies first, nothing is left.

use crate::skip::skip;
use crate::support::*;
use blockade::agent::protocol::*;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A runner; without namespaces, the end of the test.
macro_rules! runner {
    () => {
        match Runner::start() {
            Some(runner) => runner,
            None => return skip("no namespaces here"),
        }
    };
}

/// A runner with three nodes in a process of its own: this test binary, executing [`be_a_runner`].
struct Runner {
    child: Child,
    agent: u32,
}

impl Runner {
    fn start() -> Option<Self> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::be_a_runner", "--nocapture"])
            .env("BE_A_RUNNER", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map_while(Result::ok).find(|line| line.contains("RUNNER IS UP") || line.contains("SKIPPED"));
        if said.expect("the runner did not come up").contains("SKIPPED") {
            child.wait().unwrap();
            return None;
        }
        let agent = descendants(child.id()).into_iter().find(|process| process.parent == child.id()).unwrap().pid;
        Some(Self { child, agent })
    }

    /// All processes that it started.
    fn started(&self) -> Vec<Process> {
        descendants(self.agent)
    }
}

#[tokio::test]
async fn be_a_runner() {
    if std::env::var_os("BE_A_RUNNER").is_none() {
        return;
    }
    let cluster = cluster!(3);
    cluster.start("n1", "setsid sleep 1001 & trap '' TERM HUP INT; while :; do sleep 1; done").await;
    cluster.start("n2", "exec sleep 1002").await;
    cluster.start_idle("n3").await;
    cluster.agent.call(pause("n2")).await.unwrap();
    let _running = tokio::spawn({
        let agent = cluster.agent.clone();
        async move { agent.call(sh("n3", "sleep 1003")).await }
    });
    println!("RUNNER IS UP");
    std::future::pending::<()>().await;
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// None of them exists any more.
async fn gone(processes: &[Process]) {
    until(|| processes.iter().all(|old| process(old.pid).is_none_or(|new| new.started != old.started))).await;
    // Ours say so as their source. (A Docker of the tests' own has folders of that name.)
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(" blockade "), "{mounts}");
}

/// What a running cluster consists of: by descent, stage A, stage B, three inits and what is in them; and whoever else
/// may be in one of their namespaces. (A namespace lives as long as somebody is in it. Its number says nothing later:
/// numbers are used again.)
async fn seen(runner: &Runner) -> Vec<Process> {
    until(|| runner.started().len() >= 2 + 3 + 4).await;
    let mut processes = runner.started();
    let namespaces = foreign_namespaces(processes.iter().map(|process| process.pid));
    // Five kinds for the fabric and for each node.
    assert!(namespaces.len() >= 5 + 3 * 5, "{namespaces:?}");
    processes.extend(inhabitants(&namespaces));
    processes
}

#[tokio::test]
async fn sigkill_of_the_runner_leaves_nothing() {
    let mut runner = runner!();
    let processes = seen(&runner).await;
    runner.child.kill().unwrap();
    runner.child.wait().unwrap();
    gone(&processes).await;
}

#[tokio::test]
async fn sigkill_of_either_stage_of_the_agent_leaves_nothing() {
    for stage in ["A", "B"] {
        let mut runner = runner!();
        let processes = seen(&runner).await;
        let b = processes.iter().find(|process| process.parent == runner.agent).unwrap().pid;
        signal(if stage == "A" { runner.agent } else { b }, Signal::KILL);
        gone(&processes).await;
        runner.child.kill().unwrap();
        runner.child.wait().unwrap();
    }
}

#[tokio::test]
async fn an_agent_that_hangs_ends_with_its_runner_all_the_same() {
    let mut runner = runner!();
    let processes = seen(&runner).await;
    let b = processes.iter().find(|process| process.parent == runner.agent).unwrap().pid;
    signal(b, Signal::STOP);
    runner.child.kill().unwrap();
    runner.child.wait().unwrap();
    gone(&processes).await;
}

#[tokio::test]
async fn a_dead_agent_fails_every_call_and_is_told() {
    let mut cluster = cluster!(1);
    cluster.start("n1", "exec sleep infinity").await;
    let agent = cluster.agent.clone();
    let waiting = tokio::spawn(async move { agent.call(sh("n1", "touch begun; sleep 1000")).await });
    let me = std::process::id();
    let mine = cluster.sh("n1", "cat /proc/sys/kernel/random/boot_id").await;
    assert_eq!(mine.code, Some(0));
    // Other tests of this process have agents of their own: ours is the one whose node runs in our folder.
    let folder = cluster.folder.path();
    let ours = descendants(me).into_iter().filter(|process| process.parent == me).find(|process| {
        descendants(process.pid)
            .iter()
            .any(|below| std::fs::read_link(format!("/proc/{}/cwd", below.pid)).is_ok_and(|cwd| cwd == folder))
    });
    signal(ours.unwrap().pid, Signal::KILL);
    let gone = tokio::time::timeout(LONG, waiting).await.unwrap().unwrap();
    assert!(matches!(gone, Err(Failure::Gone(_))), "{gone:?}");
    assert!(matches!(cluster.agent.call(pause("n1")).await, Err(Failure::Gone(_))));
    loop {
        if let Notification::Gone(error) = cluster.notified().await {
            assert_eq!(error.to_string(), "the agent is gone, and every node with it");
            break;
        }
    }
}

#[tokio::test]
async fn closing_waits_until_nothing_is_left() {
    let cluster = cluster!(2);
    cluster.start("n1", "echo $$ > up; exec sleep infinity").await;
    until(|| cluster.folder.path().join("up").exists()).await;
    let folder = cluster.folder.path().to_owned();
    cluster.agent.close().await;
    let inside = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder));
    assert_eq!(inside.count(), 0);
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_nodes() {
    let cluster = cluster!(1);
    cluster.start("n1", "exec sleep infinity").await;
    let folder = cluster.folder.path().to_owned();
    let inside = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder)).count()
    };
    assert_eq!(inside(), 1);
    drop(cluster.agent);
    until(|| inside() == 0).await;
}
