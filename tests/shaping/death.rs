//! A shaper that dies: packets pass until another one has taken its place, and the journal says so.

use super::alone;
use super::common::processes::descendants;
use super::common::{Place, User, ended, namespaces, until};
use super::stream::{cluster, heard};
use rustix::process::{Pid, Signal, kill_process};

const CLUSTER: &str = "nodes:\n  n1: { command: sleep infinity }\n  n2: { command: sleep infinity }\n";

/// The shaper of a run of ours.
fn shaper(run: u32) -> Option<Pid> {
    let found = descendants(run).into_iter().find(|process| process.command.contains("shaper --fd"))?;
    Pid::from_raw(found.pid as i32)
}

/// The one after this, as soon as it is there.
fn next_shaper(run: u32, last: Pid) -> Pid {
    let began = std::time::Instant::now();
    loop {
        match shaper(run) {
            Some(found) if found != last => return found,
            _ => assert!(began.elapsed().as_secs() < 30, "there is no other shaper"),
        }
    }
}

fn journal(place: &Place) -> String {
    std::fs::read_to_string(place.path().join("out/journal.jsonl")).unwrap_or_default()
}

/// What the journal says of shapers that died.
fn deaths(place: &Place) -> usize {
    journal(place).matches("packets passed unimpaired").count()
}

/// A run whose script goes on from `note("in force")` when the file KILLED is there.
fn start(script: &str) -> (Place, std::process::Child) {
    let place = Place::with("", CLUSTER);
    let killed = place.path().join("killed");
    let wait = format!("wait_until(\"60s\", || exec(\"n1\", [\"test\", \"-e\", \"{}\"]).ok);", killed.display());
    let begin = "slow(link(\"n1\", \"n2\"), \"60ms\"); assert(probe(\"n1\", \"n2\").rtt >= 0.06); note(\"in force\");";
    place.write("s.rhai", &format!("{begin}\n{wait}\n{script}"));
    let args = ["run", "s.rhai", "--seed", "1", "--out", "out", "--runtime", "netns", "--shaper", "userspace"];
    let run = place.start(&args);
    until("the fault is in force", || journal(&place).contains("in force"));
    (place, run)
}

#[test]
fn a_killed_shaper_is_replaced_and_the_fault_is_in_force_again() {
    if namespaces(User::Ours) {
        let (place, run) = start(r#"for n in 0..5 { assert(probe("n1", "n2").rtt >= 0.06); } verify();"#);
        let first = shaper(run.id()).unwrap();
        kill_process(first, Signal::KILL).unwrap();
        until("the journal says so", || deaths(&place) == 1);
        assert_ne!(Some(first), shaper(run.id()));
        place.write("killed", "");
        let ended = ended(run.wait_with_output().unwrap()).with(0);
        assert!(ended.stdout.contains("the user-space shaper died"), "{}", ended.stdout);
        assert!(ended.stdout.contains("packets passed unimpaired; it was started anew, "), "{}", ended.stdout);
    }
}

#[test]
fn a_shaper_that_dies_while_it_takes_over_is_replaced_too() {
    if !namespaces(User::Ours) {
        return;
    }
    let (place, run) = start(
        r#"
        wait_until("30s", || probe("n1", "n2").rtt >= 0.06);
        for n in 0..5 { assert(probe("n1", "n2").rtt >= 0.06); }
        "#,
    );
    let mut last = shaper(run.id()).unwrap();
    kill_process(last, Signal::KILL).unwrap();
    // Each as soon as it is there: some have not heard of any node, some of all.
    for _ in 0..4 {
        last = next_shaper(run.id(), last);
        kill_process(last, Signal::KILL).unwrap();
    }
    next_shaper(run.id(), last);
    until("the journal says so", || journal(&place).contains("it was started anew"));
    place.write("killed", "");
    ended(run.wait_with_output().unwrap()).with(0);
}

#[test]
fn a_shaper_that_dies_again_and_again_is_given_up_and_ends_the_run() {
    if namespaces(User::Ours) {
        let (place, run) = start("");
        for death in 1..=10 {
            until("there is a shaper", || shaper(run.id()).is_some());
            kill_process(shaper(run.id()).unwrap(), Signal::KILL).unwrap();
            until(&format!("the journal says so of the {death}. death"), || deaths(&place) >= death);
        }
        let ended = ended(run.wait_with_output().unwrap()).with(3);
        let told = "it could not be started anew (the user-space shaper died again and again, and is not started any more): links that it impaired are whole";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}

#[test]
fn while_there_is_no_shaper_packets_pass() {
    if !namespaces(User::Ours) {
        return;
    }
    let _alone = alone();
    let script = r#"
        slow(link("n1", "n2"), "60ms");
        exec("n1", "touch go");
        sleep("300ms");
        note("in force");
        wait_until("60s", || exec("n2", "test -e killed").ok);
        sleep("500ms");
        exec("n1", "touch stop");
        sleep("500ms");
        for node in ["n2", "n3"] { note(`${node}: ${logs(node)}`); }
    "#;
    let place = Place::with(script, &cluster("0.001", 100_000));
    let killed = place.path().join("killed");
    place.write("s.rhai", &script.replace("killed", killed.to_str().unwrap()));
    let run =
        place.start(&["run", "s.rhai", "--seed", "1", "--out", "out", "--runtime", "netns", "--shaper", "userspace"]);
    until("the fault is in force", || journal(&place).contains("in force"));
    kill_process(shaper(run.id()).unwrap(), Signal::KILL).unwrap();
    until("the journal says so", || deaths(&place) == 1);
    place.write("killed", "");
    ended(run.wait_with_output().unwrap()).with(0);
    let way = heard(&place, "n2");
    let sent = way.last().unwrap().number + 1;
    // What the dead one held is lost, and no more: those of 60 ms, or of as long as it had no turn.
    assert!((1..1_000).contains(&(sent - way.len())), "{} of {sent} arrived", way.len());
    let whole: Vec<usize> = way.iter().filter(|packet| packet.took_us < 59_800).map(|packet| packet.number).collect();
    assert!(!whole.is_empty() && way[0].took_us >= 59_800 && whole.last() < Some(&(sent - 100)), "{whole:?} of {sent}");
    // Others do not notice.
    assert!(heard(&place, "n3").iter().enumerate().all(|(place, packet)| packet.number == place));
}
