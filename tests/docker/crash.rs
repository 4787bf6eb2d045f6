//! However a runner ends, the network is healed; and whatever it left is removed by the next who comes.

use super::clusters::{TALKERS, THREE};
use super::common::processes::descendants;
use super::common::{ended, until};
use super::stage::Stage;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Where the process with the rights is: a child of the runner's, or a container.
const AGENTS: [&str; 2] = ["native", "container"];

fn stage(agent: &str, cluster: &str) -> Option<Stage> {
    let stage = Stage::new(cluster)?;
    // As root a child is the usual way.
    Some(if agent == "container" { stage.set("BLOCKADE_AGENT", agent) } else { stage })
}

fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
}

/// Waits until packets travel between all nodes again, and says how long that took.
fn healed(stage: &Stage, ip1: &str, ip2: &str) -> Duration {
    let begun = Instant::now();
    until("healed", || stage.reaches("n1", ip2) && stage.reaches("n2", ip1));
    begun.elapsed()
}

/// The container with the rights, if there is one.
fn helper(stage: &Stage) -> String {
    let id = format!("label=blockade.id={}", stage.name);
    stage.docker(&["ps", "-q", "--filter", &id, "--filter", "label=blockade.role=agent"])
}

#[test]
fn sigkill_of_the_supervisor_heals_and_the_next_up_or_destroy_clears_away() {
    for agent in AGENTS {
        let Some(stage) = stage(agent, THREE) else { return };
        stage.says(&["up"]);
        let (ip1, ip2) = (stage.ip("n1"), stage.ip("n2"));
        stage.says(&["partition", "n1"]);
        assert!(!stage.linked("n1", "n2"));
        kill(stage.supervisor());
        let took = healed(&stage, &ip1, &ip2);
        // A second and what it takes to ask; an order of magnitude for a busy machine.
        assert!(took < Duration::from_secs(10), "{agent}: {took:?}");
        let dead = stage.run(&["status"]).with(3);
        assert!(dead.stderr.contains("has died"), "{}", dead.stderr);
        until("the helper is gone", || helper(&stage).is_empty());
        stage.says(&["up"]);
        assert!(stage.linked("n1", "n2"));
        kill(stage.supervisor());
        stage.run(&["destroy"]).with(0);
        assert_eq!(stage.left(), [""; 0], "{agent}");
    }
}

/// A run in the middle of its script, under a cut.
fn running(stage: &Stage) -> Child {
    stage.place.write("s.rhai", "isolate(\"n1\"); note(\"in the middle\"); sleep(\"1h\");");
    let mut run = stage.command(&["run", "s.rhai", "--seed", "1", "--out", "out", "--runtime", "docker"]);
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let journal = stage.place.path().join("out/journal.jsonl");
    until("in the middle", || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("in the middle")));
    child
}

fn address(stage: &Stage, node: &str) -> String {
    stage.inspect(&stage.holder(node), "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
}

#[test]
fn sigkill_of_a_run_heals_and_destroy_finds_what_is_left_by_its_labels() {
    for agent in AGENTS {
        let Some(stage) = stage(agent, THREE) else { return };
        let mut run = running(&stage);
        let (ip1, ip2) = (address(&stage, "n1"), address(&stage, "n2"));
        assert!(!stage.reaches("n2", &ip1));
        run.kill().unwrap();
        run.wait().unwrap();
        let took = healed(&stage, &ip1, &ip2);
        assert!(took < Duration::from_secs(10), "{agent}: {took:?}");
        stage.run(&["destroy"]).with(0);
        assert_eq!(stage.left(), [""; 0], "{agent}");
        let nothing = stage.run(&["destroy"]).with(2);
        assert!(nothing.stderr.contains("is up"), "{}", nothing.stderr);
    }
}

#[test]
fn a_run_that_ends_and_one_that_is_interrupted_leave_nothing() {
    let Some(stage) = stage("native", THREE) else { return };
    let run = running(&stage);
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let interrupted = ended(run.wait_with_output().unwrap()).with(130);
    assert!(interrupted.stderr.starts_with("error: interrupted\n"), "{}", interrupted.stderr);
    assert_eq!(stage.left(), [""; 0]);
    assert!(stage.place.path().join("out/logs/n1.log").exists());
    stage
        .place
        .write("s.rhai", "assert(reachable(\"n1\", \"n2\")); isolate(\"n1\"); assert(!reachable(\"n1\", \"n2\"));");
    stage.run(&["run", "s.rhai", "--seed", "1", "--quiet"]).with(0);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn sigkill_of_the_agent_opens_nothing_and_the_next_one_goes_on() {
    for agent in AGENTS {
        let Some(stage) = stage(agent, TALKERS) else { return };
        stage.says(&["up"]);
        let (ip1, ip2, ip3) = (stage.ip("n1"), stage.ip("n2"), stage.ip("n3"));
        until("n2 hears n1", || stage.lives_heard("n2", &ip1) == 1);
        stage.says(&["partition", "n1,n3", "n2"]);
        stage.says(&["restart", "n1"]);
        if agent == "container" {
            stage.docker(&["rm", "-f", &helper(&stage)]);
        } else {
            let supervisor = stage.supervisor().as_raw_nonzero().get() as u32;
            let agents = descendants(supervisor).into_iter().filter(|process| process.pid != supervisor);
            for process in agents {
                kill(Pid::from_raw(process.pid as i32).unwrap());
            }
        }
        stage.hears("n1", &[], &[&ip2]);
        // By the next agent.
        stage.says(&["restart", "n1"]);
        stage.hears("n1", &[&ip3], &[&ip2]);
        assert_eq!(stage.lives_heard("n2", &ip1), 1, "{agent}");
        stage.says(&["partition", "n3"]);
        stage.hears("n1", &[&ip2], &[&ip3]);
        stage.says(&["join"]);
        stage.hears("n1", &[&ip2, &ip3], &[]);
        stage.says(&["destroy"]);
        assert_eq!(stage.left(), [""; 0], "{agent}");
    }
}

#[test]
fn destroy_without_the_state_file_goes_by_the_labels() {
    let Some(stage) = Stage::up(THREE) else { return };
    let supervisor = stage.supervisor();
    std::fs::remove_dir_all(stage.place.path().join(".blockade")).unwrap();
    stage.run(&["destroy"]).with(0);
    assert_eq!(stage.left(), [""; 0]);
    until("the supervisor ends", || rustix::process::test_kill_process(supervisor).is_err());
}

#[test]
fn two_blockades_whose_names_begin_alike_never_touch_each_other() {
    let Some(first) = Stage::up(THREE) else { return };
    let second = first.namesake();
    second.says(&["up"]);
    first.says(&["partition", "n1"]);
    second.says(&["partition", "n2"]);
    assert!(!first.linked("n1", "n3") && first.linked("n2", "n3"));
    assert!(!second.linked("n2", "n3") && second.linked("n1", "n3"));
    first.says(&["join"]);
    assert!(!second.linked("n2", "n3"));
    // Also where only labels are left to go by.
    kill(first.supervisor());
    std::fs::remove_dir_all(first.place.path().join(".blockade")).unwrap();
    first.run(&["destroy"]).with(0);
    assert!(!second.linked("n2", "n3") && second.linked("n1", "n3"));
    second.says(&["destroy"]);
    assert_eq!(first.left(), [""; 0]);
}
