//! However an agent's runner or the agent itself ends, no rule of ours is left, unless it is killed.

use crate::support::*;
use blockade::agent::protocol::*;
use blockade::agent::{Agent, helper_arguments};
use blockade::plan::Ruleset;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Three nodes under faults.
async fn under_faults(host: &mut Host, agent: &Agent) -> Vec<Container> {
    let mut containers = Vec::new();
    for number in 1..=3 {
        let container = host.container(number).await;
        agent.call(container.attach()).await.unwrap();
        containers.push(container);
    }
    let (cut, alone) = (refusing(&[2, 3]), no_world(&[1, 2, 3], &["eth0"]));
    apply(agent, &[(&containers[0], &cut), (&containers[1], &alone)]).await;
    assert!(containers[0].holds(&cut) && containers[1].holds(&alone));
    containers
}

fn healed(containers: &[Container]) -> bool {
    containers.iter().all(|container| container.holds(&Ruleset::default()))
}

#[test]
fn a_runner_that_lets_go_leaves_no_rules() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let containers = under_faults(&mut host, &agent).await;
        agent.close().await;
        assert!(healed(&containers));
    });
}

#[test]
fn a_handle_that_is_dropped_leaves_no_rules() {
    on_a_host(async |mut host| {
        let (agent, heard) = host.agent().await;
        let containers = under_faults(&mut host, &agent).await;
        drop((agent, heard));
        until(|| healed(&containers)).await;
    });
}

#[test]
fn a_teardown_heals_every_node_and_says_which_it_could_not() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let containers = under_faults(&mut host, &agent).await;
        // A table that belongs to somebody's socket is nobody else's to remove.
        let Some(mut owner) = owned_table(&containers[2]) else { return };
        let errors = agent.call(Teardown::default()).await.unwrap();
        let texts: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        assert!(matches!(texts[..], [text] if text.starts_with("node n3: ")), "{texts:?}");
        assert!(healed(&containers[..2]));
        assert_eq!(agent.call(Teardown::default()).await, Ok(Vec::new()));
        owner.kill().unwrap();
        owner.wait().unwrap();
        agent.close().await;
    });
}

/// Somebody who makes a table of our name and keeps it.
fn owned_table(container: &Container) -> Option<Child> {
    let spawn = || {
        let mut nft = Command::new("nft");
        nft.arg("-i").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let Ok(mut nft) = container.inside(spawn) else {
        crate::skip::skip("nft, which would own a table, is not installed");
        return None;
    };
    let line = b"add table inet blockade { flags owner; }\n";
    std::io::Write::write_all(nft.stdin.as_mut().unwrap(), line).unwrap();
    let began = Instant::now();
    while container.holds(&Ruleset::default()) {
        assert!(began.elapsed() < LONG, "nft made no table");
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(nft)
}

#[test]
fn sigterm_ends_a_child_with_its_rules_and_a_terminals_signals_do_not() {
    on_a_host(async |mut host| {
        let (agent, mut heard) = host.agent().await;
        let containers = under_faults(&mut host, &agent).await;
        let pid = Host::agents_pid();
        for signal in [rustix::process::Signal::INT, rustix::process::Signal::HUP] {
            rustix::process::kill_process(pid, signal).unwrap();
        }
        // Signals are delivered in order of their numbers, so these two are over when a later request is answered.
        assert_eq!(apply(&agent, &[(&containers[2], &refusing(&[1]))]).await.failures, []);
        assert!(containers[2].holds(&refusing(&[1])));
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        told_of_the_end(&mut heard).await;
        assert!(healed(&containers), "healed before it is gone");
        agent.close().await;
    });
}

#[test]
fn a_helper_connects_to_its_runners_socket_and_heals_at_dockers_signals_and_at_the_runners_end() {
    on_a_host(async |mut host| {
        for how in [Some(rustix::process::Signal::TERM), Some(rustix::process::Signal::INT), None] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("agent");
            let listener = tokio::net::UnixListener::bind(&path).unwrap();
            let mut helper =
                Command::new(env!("CARGO_BIN_EXE_blockade")).args(helper_arguments(&path)).spawn().unwrap();
            let (stream, _) = tokio::time::timeout(LONG, listener.accept()).await.unwrap().unwrap();
            let (agent, _heard) = Agent::accept(stream).await.unwrap();
            let containers = under_faults(&mut host, &agent).await;
            if let Some(signal) = how {
                rustix::process::kill_process(rustix::process::Pid::from_child(&helper), signal).unwrap();
            }
            agent.close().await;
            assert!(healed(&containers), "{how:?}");
            helper.wait().unwrap();
        }
    });
}

#[test]
fn an_agent_that_hangs_does_not_keep_its_runner() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let _containers = under_faults(&mut host, &agent).await;
        rustix::process::kill_process(Host::agents_pid(), rustix::process::Signal::STOP).unwrap();
        tokio::time::timeout(LONG, agent.close()).await.unwrap();
    });
}

#[test]
fn fifty_nodes_are_healed_well_within_a_second() {
    on_a_host(async |mut host| {
        let mut containers = Vec::new();
        for number in 1..=50 {
            containers.push(host.container(number).await);
        }
        let everybody: Vec<u8> = (1..=50).collect();
        let alone = no_world(&everybody, &["eth0"]);
        let plans: Vec<_> = containers.iter().map(|container| (container, &alone)).collect();
        let mut fastest = Duration::MAX;
        for _ in 0..3 {
            let (agent, _heard) = host.agent().await;
            for container in &containers {
                agent.call(container.attach()).await.unwrap();
            }
            assert_eq!(apply(&agent, &plans).await.failures, []);
            let closing = Instant::now();
            agent.close().await;
            fastest = fastest.min(closing.elapsed());
            assert!(healed(&containers));
        }
        // The best of some, as what else the machine does takes its time, too.
        println!("50 nodes: healed and closed in {fastest:?}");
        assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    });
}
