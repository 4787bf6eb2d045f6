//! What others do to nodes: they are shown as they are, and no fault claims what is no longer true.

use super::*;

#[test]
fn a_fault_that_somebody_else_undid_is_over_and_is_not_done_again() {
    let mut test = Test::new();
    test.inject(Fault::Stop { nodes: names(&["n1", "n2"]) }).unwrap();
    test.inject(partition(&[&["n1"]])).unwrap();
    test.recorded();
    let started = test.is_started(0);
    test.hears(started);
    assert_eq!(test.states(), ["Up", "Down", "Up"]);
    assert_eq!(test.faults(), ["f1: stop n2", "f2: partition {n1}"]);
    assert_eq!(test.recorded(), ["node.up"]);
    let started = test.is_started(1);
    test.hears(started);
    assert_eq!(test.faults(), ["f2: partition {n1}"]);
    assert_eq!(test.recorded(), ["node.up", "fault.heal", "fault.healed"]);
    assert!(!test.runtime.open(0, 1));
}

#[test]
fn a_program_that_died_of_its_fault_and_was_started_by_somebody_else_is_not_expected_to_die_again() {
    let mut test = Test::new();
    test.inject(kill("n1", "SIGTERM")).unwrap();
    test.dies(0, true);
    let started = test.is_started(0);
    test.hears(started);
    assert_eq!((test.states()[0].as_str(), test.faults().len()), ("Up", 0));
    test.dies(0, true);
    assert_eq!(test.states()[0], "Down");
}

#[test]
fn the_notice_of_our_own_start_undoes_nothing_however_late_it_comes() {
    let mut test = Test::new();
    test.act(NodeAction::Restart, &["n1"]).unwrap();
    let ours = Notice::Started { node: 0, life: test.runtime.life(0), gap_us: None };
    test.inject(Fault::Stop { nodes: names(&["n1"]) }).unwrap();
    test.inject(Fault::Pause { nodes: names(&["n2"]) }).unwrap();
    test.hears(ours);
    assert_eq!(test.states(), ["Down", "Paused", "Up"]);
    assert_eq!(test.faults(), ["f1: stop n1", "f2: pause n2"]);
}

#[test]
fn a_start_by_somebody_else_that_we_ended_before_we_heard_of_it_undoes_nothing() {
    let mut test = Test::new();
    let theirs = test.is_started(0);
    test.inject(Fault::Stop { nodes: names(&["n1"]) }).unwrap();
    test.hears(Notice::Exited { node: 0, life: 1, ended: Ended::Code(0), expected: false });
    test.hears(theirs);
    assert_eq!((test.states()[0].as_str(), test.faults()), ("Down", vec!["f1: stop n1".to_owned()]));
}

#[test]
fn a_node_that_somebody_else_freezes_is_shown_so_and_stays_so() {
    let mut test = Test::new();
    test.hears(Notice::Paused { node: 0, life: 1 });
    assert_eq!(test.states(), ["Paused", "Up", "Up"]);
    assert!(test.faults().is_empty());
    test.inject(partition(&[&["n2"]])).unwrap();
    test.heal(1).unwrap();
    assert_eq!(test.states()[0], "Paused");
    test.hears(Notice::Resumed { node: 0, life: 1 });
    assert_eq!(test.states()[0], "Up");
}

#[test]
fn a_freeze_that_somebody_else_ends_is_over() {
    let mut test = Test::new();
    test.inject(Fault::Pause { nodes: names(&["n1"]) }).unwrap();
    test.hears(Notice::Resumed { node: 0, life: 1 });
    assert_eq!((test.states()[0].as_str(), test.faults().len()), ("Up", 0));
    test.inject(Fault::Pause { nodes: names(&["n1"]) }).unwrap();
    test.dies(0, false);
    let started = test.is_started(0);
    test.hears(started);
    assert_eq!((test.states()[0].as_str(), test.faults().len()), ("Up", 0));
}

#[test]
fn a_node_that_somebody_else_removed_is_missing_until_it_is_started() {
    let mut test = Test::new();
    test.dies(0, false);
    test.hears(Notice::Missing { node: 0, life: 1 });
    assert_eq!(test.states(), ["Missing", "Up", "Up"]);
    test.inject(Fault::Stop { nodes: names(&["n1", "n2"]) }).unwrap();
    assert_eq!(test.states(), ["Missing", "Down", "Up"]);
    test.act(NodeAction::Start, &["n1"]).unwrap();
    assert_eq!(test.states(), ["Up", "Down", "Up"]);
    assert_eq!(test.faults(), ["f1: stop n2"]);
}

#[test]
fn what_somebody_did_to_an_earlier_life_is_not_true_of_the_present_one() {
    let mut test = Test::new();
    test.act(NodeAction::Restart, &["n1"]).unwrap();
    test.inject(Fault::Pause { nodes: names(&["n2"]) }).unwrap();
    for late in [Notice::Paused { node: 0, life: 1 }, Notice::Missing { node: 0, life: 1 }] {
        test.hears(late);
        assert_eq!(test.states(), ["Up", "Paused", "Up"]);
    }
    test.act(NodeAction::Restart, &["n2"]).unwrap();
    test.inject(Fault::Pause { nodes: names(&["n2"]) }).unwrap();
    test.hears(Notice::Resumed { node: 1, life: 1 });
    assert_eq!((test.states()[1].as_str(), test.faults().len()), ("Paused", 1));
}

#[test]
fn one_that_was_taken_in_and_is_removed_is_kept_down_by_no_fault_any_more() {
    let mut test = Test::beside("nodes: { n1: {}, n2: {}, x: {} }", 2);
    add(&mut test).unwrap();
    test.inject(Fault::Stop { nodes: names(&["n1", "x"]) }).unwrap();
    test.refusing(Some(2));
    test.hears(Notice::Missing { node: 2, life: 1 });
    assert_eq!(test.faults(), ["f1: stop n1"]);
    test.heal(1).unwrap();
    assert_eq!(test.states(), ["Up", "Up", "Missing"]);
}

#[test]
fn the_gap_of_the_last_start_is_told_and_no_other() {
    let mut test = Test::new();
    let gap = |test: &Test| test.controller.status()[0].gap_us;
    assert_eq!(gap(&test), None);
    test.runtime.lives.lock().unwrap()[0] += 1;
    let life = test.runtime.life(0);
    test.hears(Notice::Started { node: 0, life, gap_us: Some(1_500) });
    test.hears(Notice::Started { node: 0, life: life - 1, gap_us: Some(9) });
    assert_eq!(gap(&test), Some(1_500));
    test.act(NodeAction::Restart, &["n1"]).unwrap();
    assert_eq!(gap(&test), None);
    let life = test.runtime.life(0);
    test.hears(Notice::Started { node: 0, life, gap_us: Some(700) });
    assert_eq!(gap(&test), Some(700));
}

fn add(test: &mut Test) -> Result<Reply> {
    now(test.controller.change(Owner::STANDING, Command::Add { containers: names(&["x"]) }))
}

#[test]
fn containers_that_are_taken_in_join_the_partition_that_stands() {
    let mut test = Test::beside("nodes: { n1: {}, n2: {}, n3: {}, x: {}, y: {} }", 3);
    test.inject(partition(&[&["n1"]])).unwrap();
    assert_eq!(test.inject(partition(&[&["x"]])).unwrap_err().kind, ErrorKind::Usage);
    assert_eq!(add(&mut test).unwrap(), Reply::Added(names(&["x", "y"])));
    assert_eq!(test.controller.cluster().names().collect::<Vec<_>>(), ["n1", "n2", "n3", "x", "y"]);
    let sides: Vec<_> = test.controller.status().into_iter().map(|line| line.partition.unwrap()).collect();
    assert_eq!(sides, [1, 2, 2, 2, 2]);
    assert!(!test.runtime.open(0, 3) && !test.runtime.open(4, 0) && test.runtime.open(2, 3) && test.runtime.open(3, 4));
    test.replace(partition(&[&["x"], &["n1", "y"]])).unwrap();
    assert!(test.runtime.open(1, 2) && !test.runtime.open(3, 4));
}

#[test]
fn nothing_grows_where_nothing_is_taken_in() {
    let mut test = Test::new();
    assert_eq!(add(&mut test).unwrap_err().kind, ErrorKind::Usage);
    assert_eq!(test.controller.status().len(), 3);
}

#[test]
fn what_is_taken_in_and_cannot_be_cut_is_told_and_cut_with_the_next_change() {
    let mut test = Test::beside("nodes: { n1: {}, n2: {}, x: {} }", 2);
    test.inject(partition(&[&["n1"]])).unwrap();
    test.refusing(Some(2));
    insta::assert_snapshot!(add(&mut test).unwrap_err(), @"x came in, but not under the faults: it refuses");
    test.refusing(None);
    assert!(test.runtime.open(0, 2));
    test.inject(Fault::Stop { nodes: names(&["n2"]) }).unwrap();
    test.inject(partition(&[&["n1"]])).unwrap();
    assert!(!test.runtime.open(0, 2));
}

#[test]
fn what_was_taken_in_goes_on_when_the_cluster_goes() {
    let mut test = Test::beside("nodes: { n1: {}, x: {}, y: {}, z: {} }", 1);
    add(&mut test).unwrap();
    test.inject(Fault::Stop { nodes: names(&["n1", "x"]) }).unwrap();
    test.inject(Fault::Pause { nodes: names(&["n1", "y"]) }).unwrap();
    now(test.controller.down()).unwrap();
    assert_eq!(*test.runtime.lives.lock().unwrap(), [1, 2, 1, 1]);
    assert_eq!(*test.runtime.resumed.lock().unwrap(), [2]);
}

#[test]
fn what_was_taken_in_and_cannot_go_on_is_told_as_left() {
    let mut test = Test::beside("nodes: { n1: {}, n2: {}, x: {} }", 2);
    add(&mut test).unwrap();
    test.inject(Fault::Pause { nodes: names(&["x"]) }).unwrap();
    test.refusing(Some(2));
    let error = now(test.controller.down()).unwrap_err();
    insta::assert_snapshot!(error, @"could not clean up: it refuses");
    assert_eq!(error.kind, ErrorKind::Cleanup);
}
