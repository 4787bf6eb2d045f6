//! Every verb on real containers.

use super::clusters::THREE;
use super::common::until;
use super::stage::Stage;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// STATUS of every node.
fn states(stage: &Stage) -> String {
    let lines = stage.json(&["status"]);
    lines.as_array().unwrap().iter().map(|line| line["status"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

fn running(stage: &Stage, node: &str) -> bool {
    stage.inspect(&stage.container(node), "{{.State.Running}}") == "true"
}

#[test]
fn up_shows_the_nodes_as_the_old_tool_did_and_destroy_leaves_nothing() {
    let Some(stage) = Stage::new(THREE) else { return };
    let up = stage.says(&["up"]);
    let mut lines = up.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap().join(" "), "NODE CONTAINER ID STATUS IP NETWORK PARTITION");
    for (line, node) in lines.zip(["n1", "n2", "n3"]) {
        let id = stage.inspect(&stage.container(node), "{{.Id}}");
        assert_eq!(line, [node, &id[..12], "UP", &stage.ip(node), "NORMAL"]);
    }
    assert_eq!(stage.says(&["status"]), up);
    let status = stage.status("n1");
    let keys: Vec<_> = status.as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["container_id", "ip_address", "name", "network_state", "partition", "status"] {
        assert!(keys.contains(&key), "{keys:?}");
    }
    assert_eq!((&status["network_state"], &status["partition"]), (&json!("NORMAL"), &json!(null)));
    assert_eq!(stage.says(&["destroy"]), "");
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn everything_bears_the_old_label_and_nothing_is_privileged() {
    let Some(stage) = Stage::up(THREE) else { return };
    let filter = format!("label=blockade.id={}", stage.name);
    let ours = stage.docker(&["ps", "-aq", "--filter", &filter]);
    assert!(ours.lines().count() >= 6, "nodes and their holders: {ours}");
    for id in ours.lines() {
        assert_eq!(stage.inspect(id, "{{.HostConfig.Privileged}}"), "false");
    }
    for node in ["n1", "n2", "n3"] {
        assert_eq!(stage.inspect(&stage.container(node), "{{.HostConfig.CapAdd}}"), "[]");
    }
}

#[test]
fn stop_start_restart_and_kill_change_what_docker_says() {
    let Some(stage) = Stage::up(THREE) else { return };
    stage.says(&["stop", "n1", "n2"]);
    assert_eq!((states(&stage).as_str(), running(&stage, "n1")), ("DOWN DOWN UP", false));
    stage.says(&["start", "n1"]);
    assert_eq!((states(&stage).as_str(), running(&stage, "n1")), ("UP DOWN UP", true));
    let started = |node| stage.inspect(&stage.container(node), "{{.State.StartedAt}}");
    let before = started("n3");
    stage.says(&["restart", "n3"]);
    assert!(running(&stage, "n3") && started("n3") != before);
    stage.says(&["kill", "n3"]);
    assert_eq!(stage.inspect(&stage.container("n3"), "{{.State.ExitCode}}"), "137");
    stage.says(&["start", "--all"]);
    assert_eq!(states(&stage), "UP UP UP");
    // By a signal that the program obeys, under its name and its number.
    for (node, signal) in [("n1", "SIGTERM"), ("n2", "15")] {
        stage.says(&["kill", node, "-s", signal]);
        until("the program obeys", || !running(&stage, node));
        assert_eq!(stage.inspect(&stage.container(node), "{{.State.ExitCode}}"), "0");
    }
    until("status knows", || states(&stage) == "DOWN DOWN UP");
    stage.says(&["stop", "--all"]);
    assert_eq!(states(&stage), "DOWN DOWN DOWN");
    stage.says(&["start", "--random", "--seed", "1"]);
    assert_eq!(states(&stage).matches("UP").count(), 1);
}

#[test]
fn pause_freezes_a_node_and_resume_lets_it_go_on() {
    let Some(stage) = Stage::up(THREE) else { return };
    stage.says(&["pause", "n1"]);
    assert_eq!(states(&stage), "PAUSED UP UP");
    assert_eq!(stage.inspect(&stage.container("n1"), "{{.State.Paused}}"), "true");
    stage.says(&["resume", "n1"]);
    assert_eq!(states(&stage), "UP UP UP");
    assert_eq!(stage.inspect(&stage.container("n1"), "{{.State.Paused}}"), "false");
    // A frozen node can be stopped all the same.
    stage.says(&["pause", "n2"]);
    stage.says(&["stop", "n2"]);
    stage.says(&["heal"]);
    assert_eq!(states(&stage), "UP UP UP");
}

#[test]
fn what_others_do_with_docker_itself_shows_in_status() {
    let Some(stage) = Stage::up(THREE) else { return };
    let (n1, n2, n3) = (stage.container("n1"), stage.container("n2"), stage.container("n3"));
    stage.docker(&["stop", &n1]);
    stage.docker(&["pause", &n2]);
    stage.docker(&["kill", &n3]);
    until("status shows it", || states(&stage) == "DOWN PAUSED DOWN");
    stage.docker(&["start", &n1]);
    stage.docker(&["unpause", &n2]);
    stage.docker(&["restart", "-t", "1", &n3]);
    until("status shows it", || states(&stage) == "UP UP UP");
}

#[test]
fn exec_runs_a_program_in_a_node_and_tells_how_it_ended() {
    let Some(stage) = Stage::up(THREE) else { return };
    assert_eq!(
        stage.says(&["exec", "n1", "--", "cat", "/etc/passwd"]),
        stage.inside("n1", &["cat", "/etc/passwd"]).stdout
    );
    let failed = stage.run(&["exec", "n1", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]).with(1);
    assert_eq!(failed.stdout, "out\n");
    assert!(failed.stderr.starts_with("err\n") && failed.stderr.contains("exit code 7"), "{}", failed.stderr);
    let absent = stage.run(&["exec", "n1", "--json", "--", "no-such-program"]).with(1);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&absent.stdout).unwrap()["code"], 127, "{}", absent.stdout);
    stage.says(&["stop", "n2"]);
    let down = stage.run(&["exec", "n2", "--json", "--", "true"]).with(1);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&down.stdout).unwrap()["code"], 125, "{}", down.stdout);
}

#[test]
fn exec_hands_on_its_input_and_ends_what_takes_too_long_with_its_children() {
    let Some(stage) = Stage::up(THREE) else { return };
    let mut cat = stage.command(&["exec", "-i", "n1", "--", "cat"]);
    let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut cat.stdin.take().unwrap(), b"one\ntwo\n").unwrap();
    assert_eq!(cat.wait_with_output().unwrap().stdout, b"one\ntwo\n");
    let late = stage.run(&["exec", "n1", "--timeout", "300ms", "--", "sh", "-c", "sleep 4711 & sleep 4712"]).with(1);
    assert!(late.stderr.contains("did not end in time"), "{}", late.stderr);
    until("they are gone", || !stage.inside("n1", &["ps"]).stdout.contains("sleep 471"));
}

#[test]
fn exec_ends_what_it_started_when_it_is_killed_itself() {
    let Some(stage) = Stage::up(THREE) else { return };
    let runs = || stage.inside("n1", &["ps"]).stdout.contains("sleep 472");
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
        let mut exec = stage.command(&["exec", "n1", "--", "sh", "-c", "sleep 4721 & sleep 4722"]).spawn().unwrap();
        until("it runs", runs);
        rustix::process::kill_process(rustix::process::Pid::from_child(&exec), signal).unwrap();
        assert!(!exec.wait().unwrap().success());
        until("they are gone", || !runs());
    }
    assert_eq!(stage.says(&["exec", "n1", "--", "echo", "hello"]), "hello\n");
}

#[test]
fn exec_tells_what_became_of_programs_whose_node_is_restarted() {
    let Some(stage) = Stage::up(THREE) else { return };
    let script = r#"
        const OPTIONS = #{ clients: 3, recovery: 0 };
        fn setup() { state("codes", []); }
        fn client(id) {
            loop {
                let ran = exec("n1", "sleep 0.05");
                state("codes", state("codes") + [ran.code]);
                if ran.code == 126 { note(ran.stdout + ran.stderr); }
            }
        }
        fn chaos() { for round in 0..6 { restart("n1"); sleep("0.1s"); } }
        // Run to their end, not run, or killed with their node.
        fn check() { assert(state("codes").all(|code| [0, 125, 137].contains(code)), `${state("codes")}`); }
    "#;
    stage.place.write("s.rhai", script);
    stage.run(&["run", "s.rhai", "--attach"]).with(0);
}

#[test]
fn exec_loses_no_output_and_waits_for_nothing_in_the_background() {
    let Some(stage) = Stage::up(THREE) else { return };
    for _ in 0..20 {
        assert_eq!(stage.says(&["exec", "n1", "--", "echo", "hello"]), "hello\n");
    }
    assert_eq!(stage.says(&["exec", "n1", "--", "sh", "-c", "sleep 4714 & echo begun"]), "begun\n");
    assert!(stage.inside("n1", &["ps"]).stdout.contains("sleep 4714"));
}

#[test]
fn logs_are_those_of_all_the_nodes_lives() {
    let cluster =
        "containers:\n  n1: { image: 'blockade-test:1', command: [sh, -c, 'echo one; echo two >&2; exec hold'] }\n";
    let Some(stage) = Stage::up(cluster) else { return };
    until("both lines", || stage.says(&["logs", "n1"]).lines().count() == 2);
    stage.says(&["restart", "n1"]);
    until("both lives", || stage.says(&["logs", "n1"]).lines().count() == 4);
    let mut lines: Vec<_> = stage.says(&["logs", "n1"]).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["one", "one", "two", "two"]);
    assert_eq!(stage.says(&["logs", "n1", "--last", "2"]).lines().count(), 2);
}

#[test]
fn logs_are_followed_until_the_nodes_end() {
    let cluster = "containers:\n  n1: { image: 'blockade-test:1', command: 'talker 7000 ${ip}' }\n";
    let Some(stage) = Stage::up(cluster) else { return };
    let mut follow = stage.command(&["logs", "--follow", "n1"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.next().unwrap().starts_with("heard "));
    stage.hears("n1", &["127.0.0.1"], &[]);
    assert!(lines.any(|line| line == "heard 127.0.0.1 0"));
    stage.says(&["stop", "n1"]);
    assert_eq!(lines.last(), None);
    assert!(follow.wait().unwrap().success());
}

#[test]
fn a_node_is_stopped_with_its_own_signal_and_grace() {
    let cluster = "
containers:
  n1: { image: 'blockade-test:1', command: [sh, -c, 'trap \"exit 42\" INT; echo ready; while :; do sleep 1; done'], ready: { log: ready }, stop: { signal: SIGINT, within: 20s } }
  n2: { image: 'blockade-test:1', command: [sleep, infinity], stop: { within: 100ms } }
";
    let Some(stage) = Stage::up(cluster) else { return };
    stage.says(&["stop", "--all"]);
    assert_eq!(stage.inspect(&stage.container("n1"), "{{.State.ExitCode}}"), "42");
    assert_eq!(stage.inspect(&stage.container("n2"), "{{.State.ExitCode}}"), "137");
}

#[test]
fn cuts_are_made_replaced_and_healed() {
    let Some(stage) = Stage::up(THREE) else { return };
    let [ip1, ip2, ip3] = ["n1", "n2", "n3"].map(|node| stage.ip(node));
    assert!(stage.linked("n1", "n2") && stage.linked("n1", "n3") && stage.linked("n2", "n3"));
    stage.says(&["partition", "n1,n2", "n3"]);
    assert!(stage.linked("n1", "n2") && !stage.linked("n1", "n3") && !stage.linked("n2", "n3"));
    assert_eq!([&stage.status("n1")["partition"], &stage.status("n3")["partition"]], [&json!(1), &json!(2)]);
    stage.says(&["partition", "n1"]);
    assert!(!stage.linked("n1", "n2") && !stage.linked("n1", "n3") && stage.linked("n2", "n3"));
    // Overlapping: n2 is of both sides.
    stage.says(&["partition", "n1,n2", "n2,n3"]);
    assert!(stage.linked("n1", "n2") && !stage.linked("n1", "n3") && stage.linked("n2", "n3"));
    stage.says(&["join"]);
    assert!(stage.linked("n1", "n2") && stage.linked("n1", "n3"));
    stage.says(&["partition", "--random", "--seed", "2"]);
    stage.says(&["heal"]);
    // A question needs its answer: one direction is enough to fail it.
    stage.says(&["one-way", "n1", "n2"]);
    assert!(!stage.reaches("n1", &ip2) && !stage.reaches("n2", &ip1) && stage.reaches("n1", &ip3));
    stage.says(&["heal"]);
    stage.says(&["block", "n1", "n2", "--for", "5s"]);
    assert!(!stage.reaches("n2", &ip1));
    until("healed by itself", || stage.reaches("n2", &ip1));
}

#[test]
fn a_neutral_node_sees_every_side_and_a_holy_one_is_never_touched() {
    let cluster = THREE.replace("n2: { ", "n2: { neutral: true, ").replace("n3: { ", "n3: { holy: true, ")
        + "  n4: { image: 'blockade-test:1' }\n";
    let Some(stage) = Stage::up(&cluster) else { return };
    stage.says(&["partition", "n1", "n4"]);
    assert!(!stage.linked("n1", "n4"));
    for (a, b) in [("n1", "n2"), ("n4", "n2"), ("n1", "n3"), ("n4", "n3"), ("n2", "n3")] {
        assert!(stage.linked(a, b), "{a} and {b}");
    }
    assert_eq!([&stage.status("n2")["partition"], &stage.status("n3")["partition"]], [&json!("N"), &json!("H")]);
    let ended = stage.run(&["partition", "n3,n1"]).with(2);
    assert!(ended.stderr.contains("n3") && ended.stderr.contains("holy"), "{}", ended.stderr);
}

#[test]
fn chaos_makes_trouble_until_ctrl_c_and_the_same_seed_the_same() {
    let Some(stage) = Stage::up(THREE) else { return };
    let delays = ["--degrade-delay-min", "50", "--degrade-delay-max", "100"];
    let times = ["--degrade-runtime-min", "50", "--degrade-runtime-max", "100", "--seed", "7"];
    let chaos = || {
        let mut chaos = stage.command(&[&["chaos", "--events", "PARTITION,STOP"], &delays[..], &times].concat());
        let mut chaos = chaos.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(chaos.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Without its time.
        let faults = lines.filter_map(|line| Some(line.split_once("fault   ")?.1.to_owned()));
        let faults: Vec<_> = faults.take(4).map(|fault| fault.split_once(' ').unwrap().1.to_owned()).collect();
        rustix::process::kill_process(rustix::process::Pid::from_child(&chaos), rustix::process::Signal::INT).unwrap();
        assert_eq!(chaos.wait().unwrap().code(), Some(130));
        assert_eq!((states(&stage).as_str(), stage.json(&["faults"])), ("UP UP UP", json!([])));
        faults
    };
    assert_eq!(chaos(), chaos());
}
