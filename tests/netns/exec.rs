//! Commands inside of nodes.

use crate::support::*;
use blockade::agent::protocol::*;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_command_reads_its_input_and_answers_with_both_outputs_and_its_code() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let mut exec = sh("n1", "cat; echo wrong >&2; hostname; exit 4");
    exec.stdin = "some input\n".into();
    let done = cluster.agent.call(exec).await.unwrap();
    assert_eq!((done.code, done.signal, done.timed_out), (Some(4), None, false));
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("some input\nn1\n", "wrong\n"));
    assert!(done.took_us > 0);
}

#[tokio::test]
async fn a_command_shares_the_nodes_processes_and_network_with_its_program() {
    let cluster = cluster!(1);
    cluster.start("n1", "echo up; exec sleep 4242").await;
    cluster.logged("n1", "up").await;
    assert!(cluster.sh("n1", "tr '\\0' ' ' < /proc/2/cmdline").await.stdout.contains("sleep 4242"));
    let links = "for kind in net pid mnt uts ipc; do readlink /proc/self/ns/$kind; readlink /proc/2/ns/$kind; done";
    let links = cluster.sh("n1", links).await.stdout;
    let links: Vec<_> = links.lines().collect();
    assert_eq!(links.len(), 10);
    assert!(links.chunks(2).all(|pair| pair[0] == pair[1]), "{links:?}");
}

#[tokio::test]
async fn a_command_that_is_not_there_answers_as_in_a_shell() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let exec = Exec { argv: vec!["no-such-command".into()], ..sh("n1", "") };
    let done = cluster.agent.call(exec).await.unwrap();
    assert_eq!(done.code, Some(127));
    assert_eq!(done.stderr, "blockade: cannot run `no-such-command`: No such file or directory (os error 2)\n");
    let no_program = cluster.folder.path().join("no-program");
    std::fs::write(&no_program, "").unwrap();
    let exec = Exec { argv: vec![no_program.to_str().unwrap().into()], ..sh("n1", "") };
    assert_eq!(cluster.agent.call(exec).await.unwrap().code, Some(126));
    let exec = Exec { cwd: Some("/no/such".into()), ..sh("n1", "true") };
    assert!(cluster.agent.call(exec).await.is_err());
}

#[tokio::test]
async fn a_signal_that_ends_a_command_is_told() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let done = cluster.sh("n1", "kill -SEGV $$").await;
    assert_eq!((done.code, done.signal), (None, Some(libc::SIGSEGV)));
}

#[tokio::test]
async fn a_timeout_kills_the_command_and_all_that_it_started() {
    let cluster = cluster!(1);
    cluster.start("n1", "exec sleep infinity").await;
    let line = "sleep 1000 & setsid sleep 1000 & (sh -c 'sleep 1000 & sleep 1000' &) ; echo before; wait";
    let mut timeout_ms = 300;
    let done = loop {
        let exec = Exec { timeout_ms: Some(timeout_ms), ..sh("n1", line) };
        let done = cluster.agent.call(exec).await.unwrap();
        // Where its time was over before it said anything, it gets more.
        if !done.stdout.is_empty() || timeout_ms > 10_000 {
            break done;
        }
        timeout_ms *= 2;
    };
    assert!(done.timed_out);
    assert_eq!((done.code, done.signal, done.stdout.as_str()), (None, Some(libc::SIGKILL), "before\n"));
    let left = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done 2>/dev/null | grep -o 'sleep 100[0]' | wc -l";
    let began = Instant::now();
    while cluster.sh("n1", left).await.stdout != "0\n" {
        assert!(began.elapsed() < LONG, "something survived");
    }
}

#[tokio::test]
async fn what_stays_in_the_background_does_not_hold_the_answer_up_and_goes_on_writing() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let line = "(sleep 0.2; echo late; echo late; touch written; exec sleep 1000) & echo at once";
    let exec = Exec { cwd: Some(cluster.folder.path().into()), timeout_ms: None, ..sh("n1", line) };
    let done = tokio::time::timeout(LONG, cluster.agent.call(exec)).await.unwrap().unwrap();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "at once\n"));
    until(|| cluster.folder.path().join("written").exists()).await;
}

#[tokio::test]
async fn much_output_is_kept_and_too_much_is_cut_and_told() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let done =
        cluster.sh("n1", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2").await;
    assert_eq!((done.stdout.len(), done.stderr.len(), done.dropped), (3_000_000, 100_000, false));
    let done = cluster.sh("n1", "head -c 20000000 /dev/zero | tr '\\0' x").await;
    assert_eq!((done.stdout.len(), done.dropped), (OUTPUT_BYTES_MAX, true));
}

#[tokio::test]
async fn many_commands_run_at_the_same_time() {
    let cluster = cluster!(2);
    cluster.start_idle("n1").await;
    cluster.start_idle("n2").await;
    // Each waits for a file that the last one creates: one after another they would never end.
    let folder = cluster.folder.path();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..20 {
        let node = if number % 2 == 0 { "n1" } else { "n2" };
        let line = format!("while ! [ -e go ]; do sleep 0.01; done; echo {number}");
        let exec = Exec { cwd: Some(folder.into()), ..sh(node, &line) };
        let agent = cluster.agent.clone();
        waiting.spawn(async move { agent.call(exec).await.unwrap().stdout });
    }
    let exec = Exec { cwd: Some(folder.into()), ..sh("n1", "touch go") };
    assert_eq!(cluster.agent.call(exec).await.unwrap().code, Some(0));
    let mut outputs = tokio::time::timeout(LONG, waiting.join_all()).await.unwrap();
    outputs.sort();
    let mut expected: Vec<_> = (0..20).map(|number| format!("{number}\n")).collect();
    expected.sort();
    assert_eq!(outputs, expected);
}

#[tokio::test]
async fn a_node_that_dies_takes_its_commands_with_it() {
    let cluster = cluster!(1);
    cluster.start("n1", "exec sleep infinity").await;
    let exec = Exec { cwd: Some(cluster.folder.path().into()), ..sh("n1", "touch begun; exec sleep 1000") };
    let agent = cluster.agent.clone();
    let running = tokio::spawn(async move { agent.call(exec).await });
    until(|| cluster.folder.path().join("begun").exists()).await;
    cluster.agent.call(kill("n1", libc::SIGKILL)).await.unwrap();
    let done = tokio::time::timeout(LONG, running).await.unwrap().unwrap().unwrap();
    assert_eq!(done.signal, Some(libc::SIGKILL));
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_any_more_is_killed_with_all_that_it_started() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let line = "sleep 1000 & touch begun; sleep 1000";
    let exec = Exec { cwd: Some(cluster.folder.path().into()), ..sh("n1", line) };
    let agent = cluster.agent.clone();
    let running = tokio::spawn(async move { agent.call(exec).await });
    until(|| cluster.folder.path().join("begun").exists()).await;
    running.abort();
    let left = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done 2>/dev/null | grep -o 'sleep 100[0]' | wc -l";
    let began = Instant::now();
    while cluster.sh("n1", left).await.stdout != "0\n" {
        assert!(began.elapsed() < LONG, "something survived");
    }
}

#[tokio::test]
async fn a_pause_during_a_command_stops_it_too_and_its_timeout_still_holds() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let exec =
        Exec { cwd: Some(cluster.folder.path().into()), timeout_ms: Some(500), ..sh("n1", "touch begun; sleep 1000") };
    let agent = cluster.agent.clone();
    let running = tokio::spawn(async move { agent.call(exec).await });
    // Its time may be over before it has begun.
    until(|| cluster.folder.path().join("begun").exists() || running.is_finished()).await;
    cluster.agent.call(pause("n1")).await.unwrap();
    let done = tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap().unwrap();
    assert!(done.timed_out);
}

#[tokio::test]
async fn a_command_that_comes_as_the_node_ends_is_refused_or_run_but_never_an_error_of_the_machine() {
    let mut cluster = cluster!(1);
    for _ in 0..30 {
        cluster.start("n1", "exit 0").await;
        loop {
            match cluster.agent.call(sh("n1", "true")).await {
                Ok(_) => {}
                Err(Failure::NotRunning(_)) => break,
                Err(failure) => panic!("{failure:?}"),
            }
        }
        cluster.exit().await;
    }
}
