//! Start, stop, kill, pause, resume.

use crate::support::*;
use blockade::agent::protocol::*;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_program_sees_its_own_host_name_hosts_pids_and_network() {
    let cluster = cluster!(2);
    let line = "hostname; cat /etc/hosts; ls /sys/class >/dev/null; echo pid $$; ls /proc | grep -c '^[0-9]'; \
                ls -A /dev/shm | wc -l; pwd; id -u; exec sleep infinity";
    cluster.start("n2", line).await;
    cluster.logged("n2", "\n0\n/").await;
    let log = cluster.log("n2");
    assert!(log.starts_with("n2\n127.0.0.1 localhost\n10.9.0.2 n1\n"), "{log}");
    assert!(log.contains("pid 2\n"), "{log}");
    let folder = cluster.folder.path().to_str().unwrap();
    assert!(log.contains(folder), "{log}");
    let me = rustix::process::getuid().as_raw();
    cluster.logged("n2", &format!("{folder}\n{me}\n")).await;
    cluster.agent.close().await;
}

#[tokio::test]
async fn a_plain_program_ends_of_sigterm_at_once() {
    let mut cluster = cluster!(1);
    cluster.start("n1", "exec sleep infinity").await;
    let began = Instant::now();
    let ended = cluster.agent.call(stop("n1", 60_000)).await.unwrap();
    assert_eq!(ended, Ended::Signal(libc::SIGTERM));
    assert!(began.elapsed() < LONG, "waited for the grace");
    assert_eq!(cluster.exit().await, ("n1".into(), Ended::Signal(libc::SIGTERM), true));
}

#[tokio::test]
async fn a_program_that_ignores_sigterm_dies_after_the_grace_with_all_its_children() {
    let cluster = cluster!(1);
    cluster.start("n1", "trap '' TERM; sleep 1000 & setsid sleep 1000 & echo up; while :; do sleep 1; done").await;
    cluster.logged("n1", "up").await;
    assert_eq!(cluster.agent.call(stop("n1", 50)).await, Ok(Ended::Signal(libc::SIGKILL)));
    assert_eq!(cluster.agent.call(stop("n1", 50)).await, Err(Failure::NotRunning("n1".into())));
}

#[tokio::test]
async fn a_program_that_handles_sigterm_chooses_its_exit_code() {
    let mut cluster = cluster!(1);
    cluster.start("n1", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done").await;
    cluster.logged("n1", "up").await;
    assert_eq!(cluster.agent.call(stop("n1", 60_000)).await, Ok(Ended::Code(7)));
    assert!(cluster.log("n1").ends_with("bye\n"));
    assert_eq!(cluster.exit().await, ("n1".into(), Ended::Code(7), true));
}

#[tokio::test]
async fn a_program_that_ends_by_itself_is_told_with_its_code() {
    let mut cluster = cluster!(1);
    cluster.start("n1", "sleep 1000 & echo gone; exit 3").await;
    assert_eq!(cluster.exit().await, ("n1".into(), Ended::Code(3), false));
    assert_eq!(cluster.log("n1"), "gone\n");
    assert_eq!(cluster.agent.call(sh("n1", "true")).await, Err(Failure::NotRunning("n1".into())));
}

#[tokio::test]
async fn a_restarted_node_appends_to_its_log_and_keeps_its_network_namespace() {
    let cluster = cluster!(1);
    let line = "readlink /proc/self/ns/net; readlink /proc/self/ns/mnt; echo up; exec sleep infinity";
    cluster.start("n1", line).await;
    cluster.logged("n1", "up").await;
    cluster.agent.call(stop("n1", 60_000)).await.unwrap();
    cluster.start("n1", line).await;
    until(|| cluster.log("n1").matches("up").count() == 2).await;
    let log = cluster.log("n1");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines[0], lines[3], "the network namespace changed");
    assert!(lines[0].starts_with("net:["), "{log}");
}

#[tokio::test]
async fn a_running_node_cannot_be_started_again() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let error = cluster.agent.call(cluster.node("n1", None)).await.unwrap_err();
    assert_eq!(blockade::Error::from(error).to_string(), "node n1 runs already");
}

#[tokio::test]
async fn what_cannot_be_executed_is_named_and_the_node_can_be_started_afterwards() {
    let cluster = cluster!(1);
    let attempt = async |change: &dyn Fn(&mut Program)| {
        let mut request = cluster.node("n1", Some("true"));
        change(request.program.as_mut().unwrap());
        blockade::Error::from(cluster.agent.call(request).await.unwrap_err())
    };
    let error = attempt(&|program| program.argv = vec!["no-such-program".into()]).await;
    assert_eq!(error.to_string(), "node n1: cannot run `no-such-program`: No such file or directory (os error 2)");
    assert_eq!(error.kind, blockade::ErrorKind::Machine);
    let file = cluster.folder.path().join("no-program").to_str().unwrap().to_owned();
    std::fs::write(&file, "").unwrap();
    let error = attempt(&|program| program.argv = vec![file.clone()]).await;
    assert_eq!(error.to_string(), format!("node n1: cannot run `{file}`: Permission denied (os error 13)"));
    let error = attempt(&|program| program.cwd = "/no/such/folder".into()).await;
    let expected = "node n1: cannot run `sh` in the folder /no/such/folder: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
    let error = attempt(&|program| program.user = Some("no-such-user".into())).await;
    assert_eq!(error.to_string(), "node n1: cannot run `sh`: there is no user `no-such-user` on this machine");
    let error = attempt(&|program| program.log = "/no/such/log".into()).await;
    let expected = "node n1: cannot open its log /no/such/log: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
    cluster.start("n1", "exec sleep infinity").await;
}

#[tokio::test]
async fn a_command_called_blockade_is_this_binary() {
    let mut cluster = cluster!(1);
    let mut request = cluster.node("n1", None);
    request.program = Some(cluster.program("n1", &["blockade", "--help"]));
    cluster.agent.call(request).await.unwrap();
    assert_eq!(cluster.exit().await, ("n1".into(), Ended::Code(0), false));
    assert!(cluster.log("n1").contains("Usage: "), "{}", cluster.log("n1"));
}

#[tokio::test]
async fn an_idle_node_lives_until_it_is_stopped() {
    let mut cluster = cluster!(1);
    cluster.start_idle("n1").await;
    assert_eq!(cluster.sh("n1", "echo here").await.stdout, "here\n");
    assert_eq!(cluster.agent.call(stop("n1", 60_000)).await, Ok(Ended::Code(0)));
    assert!(cluster.exit().await.2);
}

#[tokio::test]
async fn sigkill_ends_the_whole_node_and_other_signals_reach_the_program() {
    let mut cluster = cluster!(1);
    cluster.start("n1", "trap 'echo got it' USR1; echo up; while :; do sleep 0.01; done").await;
    cluster.logged("n1", "up").await;
    cluster.agent.call(kill("n1", libc::SIGUSR1)).await.unwrap();
    cluster.logged("n1", "got it").await;
    cluster.agent.call(kill("n1", libc::SIGKILL)).await.unwrap();
    assert_eq!(cluster.exit().await, ("n1".into(), Ended::Signal(libc::SIGKILL), true));
    assert_eq!(cluster.agent.call(kill("n1", 9)).await, Err(Failure::NotRunning("n1".into())));
    assert!(cluster.agent.call(kill("n1", 1000)).await.is_err());
}

#[tokio::test]
async fn sigkill_does_not_wait_for_a_stop_that_is_under_way() {
    let cluster = cluster!(1);
    cluster.start("n1", "trap '' TERM; echo up; while :; do sleep 1; done").await;
    cluster.logged("n1", "up").await;
    let stopping = tokio::spawn({
        let agent = cluster.agent.clone();
        async move { agent.call(stop("n1", 600_000)).await }
    });
    until(|| !stopping.is_finished()).await;
    cluster.agent.call(kill("n1", libc::SIGKILL)).await.unwrap();
    let stopped = tokio::time::timeout(LONG, stopping).await.unwrap().unwrap();
    // The stop may not have begun when the kill came.
    assert!(matches!(stopped, Ok(Ended::Signal(libc::SIGKILL)) | Err(Failure::NotRunning(_))), "{stopped:?}");
}

/// Every thread of the node but its init, by state. Counted from outside by the node's pid namespace.
fn states(cluster: &Cluster) -> Vec<char> {
    let marker = cluster.folder.path().to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let cwd = std::fs::read_link(entry.path().join("cwd"));
        if cwd.is_ok_and(|cwd| cwd.to_str() == Some(marker))
            && let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
        {
            found.extend(stat[stat.rfind(')').unwrap() + 2..].chars().next());
        }
    }
    found
}

#[tokio::test]
async fn pause_stops_a_tree_that_never_stops_forking_and_resume_lets_it_go_on() {
    let cluster = cluster!(1);
    let fork = "while :; do (:) & (: | :) ; wait; done";
    let line =
        format!("(setsid sh -c '{fork}') & ({fork}) & echo up; i=0; while :; do i=$((i+1)); echo $i > count; done");
    cluster.start("n1", &line).await;
    cluster.logged("n1", "up").await;
    let count = cluster.folder.path().join("count");
    for _ in 0..20 {
        cluster.agent.call(pause("n1")).await.unwrap();
        let stopped = states(&cluster);
        assert!(stopped.len() >= 3, "{stopped:?}");
        assert!(stopped.iter().all(|state| "TtZXD".contains(*state)), "{stopped:?}");
        let before = std::fs::read_to_string(&count);
        cluster.agent.call(resume("n1")).await.unwrap();
        // An empty file is one that is just being written.
        until(|| std::fs::read_to_string(&count).ok() != before.as_ref().ok().cloned()).await;
    }
    assert_eq!(cluster.agent.call(stop("n1", 60_000)).await, Ok(Ended::Signal(libc::SIGTERM)));
    assert!(states(&cluster).is_empty());
}

#[tokio::test]
async fn a_paused_node_can_be_stopped_and_killed() {
    let cluster = cluster!(1);
    for _ in 0..2 {
        cluster.start("n1", "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done").await;
        cluster.logged("n1", "up").await;
        cluster.agent.call(pause("n1")).await.unwrap();
        cluster.agent.call(pause("n1")).await.unwrap();
        assert_eq!(cluster.agent.call(sh("n1", "true")).await, Err(Failure::Paused("n1".into())));
        let ended = cluster.agent.call(stop("n1", 60_000)).await;
        assert!(matches!(ended, Ok(Ended::Code(5))), "{ended:?}");
        std::fs::write(cluster.log_path("n1"), "").unwrap();
    }
    cluster.start("n1", "exec sleep infinity").await;
    cluster.agent.call(pause("n1")).await.unwrap();
    cluster.agent.call(kill("n1", libc::SIGKILL)).await.unwrap();
    assert_eq!(cluster.agent.call(resume("n1")).await, Err(Failure::NotRunning("n1".into())));
}

#[tokio::test]
async fn a_program_has_no_right_that_its_user_lacks_and_no_descriptor_but_three() {
    let cluster = cluster!(1);
    cluster
        .start(
            "n1",
            "ls /proc/self/fd | wc -l; grep -E 'CapEff|NoNewPrivs' /proc/self/status; echo up; exec sleep 1000",
        )
        .await;
    cluster.logged("n1", "up").await;
    let log = cluster.log("n1");
    // ls has opened the folder itself.
    assert!(log.starts_with("4\n"), "{log}");
    assert!(log.contains("NoNewPrivs:\t0"), "{log}");
    if !rustix::process::geteuid().is_root() {
        assert!(log.contains("CapEff:\t0000000000000000"), "{log}");
    }
}

#[tokio::test]
async fn teardown_stops_all_nodes_at_the_same_time_and_leaves_none() {
    let mut cluster = cluster!(4);
    for node in ["n1", "n2", "n3"] {
        cluster.start(node, "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done").await;
        cluster.logged(node, "up").await;
    }
    cluster.agent.call(pause("n3")).await.unwrap();
    let stops = vec![stop("n1", 60_000), stop("n3", 60_000), stop("n4", 60_000)];
    assert_eq!(cluster.agent.call(Teardown { stops }).await, Ok(vec![]));
    let mut ended = vec![cluster.exit().await, cluster.exit().await, cluster.exit().await];
    ended.sort_by(|a, b| a.0.cmp(&b.0));
    let ends: Vec<_> = ended.into_iter().map(|(_, ended, expected)| (ended, expected)).collect();
    assert_eq!(ends, [(Ended::Code(9), true), (Ended::Signal(9), true), (Ended::Code(9), true)]);
    assert!(cluster.agent.call(kill("n1", 9)).await.is_err());
    cluster.agent.close().await;
}

#[tokio::test]
async fn orphans_are_reaped_while_the_node_lives() {
    let cluster = cluster!(1);
    cluster.start("n1", "for i in 1 2 3 4 5; do sh -c 'sleep 0.01 & exit' ; done; echo up; exec sleep infinity").await;
    cluster.logged("n1", "up").await;
    let began = Instant::now();
    while !cluster.sh("n1", "grep -h '^State:.Z' /proc/[0-9]*/status").await.stdout.is_empty() {
        assert!(began.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
