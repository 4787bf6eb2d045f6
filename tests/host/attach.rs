//! Whose namespace it is, and what is in force when the answer comes.

use crate::support::*;
use blockade::agent::protocol::*;
use blockade::plan::Ruleset;
use std::process::Command;

fn node(name: &str) -> Party {
    Party::Node(name.to_owned())
}

#[test]
fn an_attached_node_is_told_with_what_it_has_and_answers_probes() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let (n1, n2) = (host.container(1).await, host.container(2).await);
        let found = agent.call(Attach { expected: vec![v6(1)], ..n1.attach() }).await.unwrap();
        assert_eq!(found.addresses[..2], [v6(1), v4(1)], "what is expected comes first");
        assert_eq!(found.devices, ["eth0"]);
        agent.call(n2.attach()).await.unwrap();
        for (from, to) in [(node("n1"), node("n2")), (Party::World, node("n2")), (node("n1"), Party::World)] {
            let (again, and_back) = (from.clone(), to.clone());
            assert!(agent.call(Reachable { from, to, wait_ms: 10_000 }).await.unwrap());
            let probed = agent.call(Probe { from: again, to: and_back, wait_ms: 10_000 }).await.unwrap();
            assert!(probed.rtt_us.is_some());
        }
        assert_eq!(agent.call(Tcp { node: "n1".into(), port: 1, timeout_ms: 1_000 }).await, Ok(false));
        agent.close().await;
    });
}

#[test]
fn a_namespace_that_is_not_the_nodes_is_refused_and_nothing_is_put_there() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let (n1, n2) = (host.container(1).await, host.container(2).await);
        let nothing = Ruleset::default();
        apply(&agent, &[(&n1, &refusing(&[2])), (&n2, &refusing(&[1]))]).await;

        let other = agent.call(Attach { expected: vec![v4(7)], ..n1.attach() }).await.unwrap_err();
        let text = blockade::Error::from(other).to_string();
        assert!(text.contains("is not in its network: found 10.9.0.2") && text.contains("expected 10.9.0.8"), "{text}");
        assert!(n1.holds(&nothing));

        let mut on_the_host = Command::new("sleep").arg("infinity").spawn().unwrap();
        let host_network = Attach { pid: on_the_host.id() as i32, expected: Vec::new(), ..n1.attach() };
        let text = blockade::Error::from(agent.call(host_network).await.unwrap_err()).to_string();
        assert!(text.contains("the host's own network"), "{text}");
        on_the_host.kill().unwrap();
        on_the_host.wait().unwrap();

        agent.call(n1.attach()).await.unwrap();
        let shared = Attach { pid: n1.pid(), expected: Vec::new(), ..n2.attach() };
        let text = blockade::Error::from(agent.call(shared).await.unwrap_err()).to_string();
        assert!(text.contains("shares the network of node n1"), "{text}");
        assert!(n1.holds(&refusing(&[2])));

        let ended = Attach { pid: i32::MAX, ..n2.attach() };
        let text = blockade::Error::from(agent.call(ended).await.unwrap_err()).to_string();
        assert!(text.contains("there is no process"), "{text}");
        agent.close().await;
    });
}

#[test]
fn a_ruleset_that_came_before_the_node_is_in_force_when_it_is_attached() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let n1 = host.container(1).await;
        assert_eq!(apply(&agent, &[(&n1, &refusing(&[2]))]).await.failures, []);
        assert!(n1.holds(&Ruleset::default()));
        agent.call(n1.attach()).await.unwrap();
        assert!(n1.holds(&refusing(&[2])));
        apply(&agent, &[(&n1, &refusing(&[2, 3]))]).await;
        assert!(n1.holds(&refusing(&[2, 3])));
        agent.close().await;
    });
}

#[test]
fn a_node_that_comes_back_in_another_namespace_holds_there_what_it_held_before() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let before = host.container(1).await;
        agent.call(before.attach()).await.unwrap();
        apply(&agent, &[(&before, &refusing(&[2]))]).await;
        let mut after = host.container(3).await;
        after.number = 1;
        let attach = Attach { expected: vec![v4(3)], ..after.attach() };
        agent.call(attach).await.unwrap();
        assert!(after.holds(&refusing(&[2])));
        assert!(before.holds(&Ruleset::default()), "whoever lives there is no node any more");
        apply(&agent, &[(&after, &refusing(&[]))]).await;
        assert!(after.holds(&Ruleset::default()));
        agent.close().await;
    });
}

#[test]
fn what_somebody_left_in_a_namespace_goes_when_it_is_attached() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let n1 = host.container(1).await;
        n1.put(&refusing(&[2, 3]));
        agent.call(n1.attach()).await.unwrap();
        assert!(n1.holds(&Ruleset::default()));
        // And once more in the same namespace, behind its back.
        apply(&agent, &[(&n1, &refusing(&[2]))]).await;
        n1.put(&refusing(&[3]));
        agent.call(n1.attach()).await.unwrap();
        assert!(n1.holds(&refusing(&[2])));
        agent.close().await;
    });
}

#[test]
fn a_detached_node_is_healed_and_its_namespace_ends_with_its_last_process() {
    on_a_host(async |mut host| {
        let (agent, _heard) = host.agent().await;
        let n1 = host.container(1).await;
        agent.call(n1.attach()).await.unwrap();
        apply(&agent, &[(&n1, &refusing(&[2]))]).await;
        agent.call(Detach { node: "n1".into() }).await.unwrap();
        agent.call(Detach { node: "n1".into() }).await.unwrap();
        assert!(n1.holds(&Ruleset::default()));
        let lost = Reachable { from: Party::World, to: node("n1"), wait_ms: 10 };
        assert_eq!(agent.call(lost).await, Err(Failure::NotRunning("n1".into())));
        let links = || std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        assert!(links().contains("v201"), "{}", links());
        drop(n1);
        // The kernel ends the namespace, and with it the veth's other end, when nobody has a hand in it.
        until(|| !links().contains("v201")).await;
        agent.close().await;
    });
}

#[test]
fn a_process_of_the_host_is_killed_with_all_that_came_from_it() {
    on_a_host(async |host| {
        let (agent, _heard) = host.agent().await;
        let line = "setsid sleep 1111 & sleep 1112 & echo; wait";
        let mut shell = Command::new("setsid");
        let mut shell = shell.args(["sh", "-c", line]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut ready = [0];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let family = || crate::processes::descendants(shell.id());
        until(|| family().iter().filter(|process| process.command.contains("111")).count() >= 2).await;
        let family = family();
        agent.call(KillTree { pid: shell.id() as i32 }).await.unwrap();
        until(|| !family.iter().any(crate::processes::lives)).await;
        shell.wait().unwrap();
        for nobody in [-1, 0, 1] {
            assert!(agent.call(KillTree { pid: nobody }).await.is_err());
        }
        agent.close().await;
    });
}
