//! `up`, `destroy`, and what is left when a supervisor does not come to its end.

use super::up::{Up, is_gone, only_the_trail_is_left, place, until};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn up_shows_the_nodes_and_destroy_leaves_nothing() {
    for runtime in ["sim", "netns"] {
        let place = place();
        let up = place.blockade(&["-n", "c1", "up", "--runtime", runtime]).with(0);
        let up_folder = Up { place };
        insta::allow_duplicates! { insta::assert_snapshot!(up.stdout, @"
        NODE  CONTAINER ID  STATUS  IP        NETWORK  PARTITION
        n1    c1_n1         UP      10.9.0.2  NORMAL
        n2    c1_n2         UP      10.9.0.3  NORMAL
        n3    c1_n3         UP      10.9.0.4  NORMAL
        "); }
        assert_eq!(up_folder.says(&["status"]), up.stdout);
        let supervisor = up_folder.supervisor();
        assert_eq!(up_folder.says(&["destroy"]), "");
        only_the_trail_is_left(&up_folder.place);
        until(|| is_gone(supervisor));
    }
}

#[test]
fn a_second_up_of_the_same_name_is_refused_and_changes_nothing() {
    let up = Up::on("sim");
    let second = up.run(&["up", "--runtime", "sim"]).with(2);
    insta::assert_snapshot!(second.stderr, @"
    error: the cluster `c1` is already up
    help: `blockade status` shows it, `blockade destroy` removes it; another one needs another --name
    ");
    up.run(&["status"]).with(0);
}

#[test]
fn two_ups_at_once_make_one_cluster() {
    let place = place();
    let start = || place.command(&["-n", "c1", "up", "--runtime", "sim"]).output().unwrap().status.code().unwrap();
    let mut codes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    codes.sort_unstable();
    assert_eq!(codes, [0, 2, 2, 2]);
    Up { place }.run(&["status"]).with(0);
}

#[test]
fn clusters_of_other_names_stand_beside_it() {
    let up = Up::on("sim");
    up.place.blockade(&["-n", "c2", "up", "--runtime", "sim"]).with(0);
    up.run(&["partition", "n1"]).with(0);
    assert_eq!(up.place.blockade(&["-n", "c2", "faults"]).with(0).stderr, "no faults\n");
    up.run(&["destroy"]).with(0);
    up.place.blockade(&["-n", "c2", "destroy"]).with(0);
}

#[test]
fn commands_on_a_cluster_that_is_not_up_say_so() {
    for command in [&["status"][..], &["destroy"], &["partition", "n1"], &["exec", "n1", "--", "true"], &["heal"]] {
        let ended = place().blockade(&[&["-n", "c1"], command].concat()).with(2);
        insta::allow_duplicates! { insta::assert_snapshot!(ended.stderr, @"
        error: no cluster `c1` is up
        help: `blockade up` starts it
        "); }
    }
}

#[test]
fn an_up_that_fails_says_why_and_leaves_nothing() {
    let place = place();
    place.write("blockade.yaml", "nodes:\n  n1: { command: no-such-program-anywhere }\n");
    let ended = place.blockade(&["-n", "c1", "up"]).with(3);
    assert!(ended.stderr.contains("no-such-program-anywhere"), "{}", ended.stderr);
    only_the_trail_is_left(&place);
    std::fs::remove_dir_all(place.path().join(".blockade")).unwrap();
    place.write("blockade.yaml", "nodes:\n  n1: { comand: sleep }\n");
    let ended = place.blockade(&["-n", "c1", "up"]).with(2);
    assert!(ended.stderr.contains("did you mean `command`?"), "{}", ended.stderr);
    assert!(!place.path().join(".blockade").exists());
}

#[test]
fn an_up_that_is_killed_while_nodes_come_up_leaves_nothing() {
    let place = place();
    place.write("blockade.yaml", "nodes:\n  n1: { command: sleep infinity, ready: { tcp: 1, within: 1h } }\n");
    let mut up = place.command(&["-n", "c1", "up", "--runtime", "netns"]).spawn().unwrap();
    let folder = place.path().join(".blockade/clusters/c1");
    until(|| folder.join("logs").exists());
    up.kill().unwrap();
    up.wait().unwrap();
    until(|| !folder.exists());
}

#[test]
fn an_up_that_is_interrupted_has_removed_everything_when_it_ends() {
    let place = place();
    place.write("blockade.yaml", "nodes:\n  n1: { command: sleep infinity, ready: { tcp: 1, within: 1h } }\n");
    for signal in [Signal::INT, Signal::TERM] {
        let up = place.command(&["-n", "c1", "up", "--runtime", "netns"]).stderr(std::process::Stdio::piped()).spawn();
        let up = up.unwrap();
        until(|| place.path().join(".blockade/clusters/c1/logs").exists());
        let busy = place.blockade(&["-n", "c1", "up", "--runtime", "netns"]).with(2);
        insta::allow_duplicates! { insta::assert_snapshot!(busy.stderr, @"
        error: the cluster `c1` is just being brought up or removed
        help: try again in a moment
        "); }
        kill_process(Pid::from_child(&up), signal).unwrap();
        let up = super::common::ended(up.wait_with_output().unwrap()).with(130);
        insta::allow_duplicates! { insta::assert_snapshot!(up.stderr, @"error: interrupted while the cluster was coming up"); }
        only_the_trail_is_left(&place);
    }
}

#[test]
fn destroy_ends_an_up_that_is_still_waiting_for_its_nodes() {
    let place = place();
    place.write("blockade.yaml", "nodes:\n  n1: { command: sleep infinity, ready: { tcp: 1, within: 1h } }\n");
    let up = place.command(&["-n", "c1", "up", "--runtime", "netns"]).stderr(std::process::Stdio::piped()).spawn();
    until(|| place.path().join(".blockade/clusters/c1/logs").exists());
    place.blockade(&["-n", "c1", "destroy"]).with(0);
    let up = super::common::ended(up.unwrap().wait_with_output().unwrap()).with(130);
    insta::assert_snapshot!(up.stderr, @"error: interrupted while the cluster was coming up");
    only_the_trail_is_left(&place);
}

#[test]
fn a_killed_supervisor_takes_the_nodes_with_it_and_is_told_of_until_the_next_up() {
    for runtime in ["sim", "netns"] {
        let up = Up::on(runtime);
        up.run(&["pause", "n1"]).with(0);
        let pid = up.supervisor().as_raw_nonzero().to_string();
        up.kill_supervisor();
        let ended = up.run(&["status"]).with(3);
        insta::allow_duplicates! { insta::assert_snapshot!(ended.stderr.replace(&pid, "PID"), @"
        error: the cluster `c1` has died: its supervisor (process PID) is gone; its nodes are gone with it
        help: `blockade up` starts it anew, `blockade destroy` removes its files
        "); }
        up.run(&["up", "--runtime", runtime]).with(0);
        assert_eq!(up.run(&["faults"]).with(0).stderr, "no faults\n");
        up.kill_supervisor();
        let ended = up.run(&["destroy"]).with(0);
        assert_eq!(ended.stderr, "the cluster `c1` had died; what it had left is removed\n");
        only_the_trail_is_left(&up.place);
        up.run(&["destroy"]).with(2);
    }
}

#[test]
fn a_supervisor_that_is_told_to_end_removes_everything() {
    let up = Up::on("netns");
    let supervisor = up.supervisor();
    rustix::process::kill_process(supervisor, rustix::process::Signal::TERM).unwrap();
    until(|| is_gone(supervisor));
    only_the_trail_is_left(&up.place);
}
