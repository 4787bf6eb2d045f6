//! Halts that overlap: what is left of them holds, whichever ends first.

use super::*;
use crate::probe::http::Request;

fn pause(node: &str) -> Fault {
    Fault::Pause { nodes: names(&[node]) }
}

/// Whether the program of the first node answers.
fn answers(test: &Test) -> bool {
    let (method, path) = ("GET".to_owned(), "/".to_owned());
    let request = Request { port: 80, method, path, headers: Vec::new(), body: String::new(), timeout_us: 1_000_000 };
    now(test.runtime.http(Place::World, 0, request)).unwrap().response.is_ok()
}

#[test]
fn healing_one_of_two_halts_leaves_the_other_in_force() {
    for [first, second] in [
        [pause("n1"), kill("n1", "SIGSTOP")],
        [kill("n1", "SIGSTOP"), pause("n1")],
        [kill("n1", "SIGSTOP"), kill("n1", "19")],
    ] {
        for healed_first in [1, 2] {
            let mut test = Test::new();
            test.inject(first.clone()).unwrap();
            test.inject(second.clone()).unwrap();
            test.heal(healed_first).unwrap();
            assert!(!answers(&test), "{first} and {second}, f{healed_first} healed");
            test.heal(3 - healed_first).unwrap();
            assert!(answers(&test), "{first} and {second}, both healed");
        }
    }
}

#[test]
fn a_signal_to_go_on_ends_what_a_signal_stopped_and_no_pause() {
    let mut test = Test::new();
    test.inject(Fault::Kill { nodes: names(&["n1", "n2"]), signal: "SIGSTOP".into() }).unwrap();
    test.inject(kill("n1", "SIGTSTP")).unwrap();
    test.recorded();
    test.inject(kill("n1", "SIGCONT")).unwrap();
    assert!(answers(&test));
    assert_eq!(test.faults(), ["f1: kill n2 with SIGSTOP", "f3: kill n1 with SIGCONT"]);
    assert_eq!(test.recorded(), ["fault.inject", "fault.active", "fault.heal", "fault.healed"]);

    test.inject(pause("n1")).unwrap();
    test.inject(kill("n1", "SIGSTOP")).unwrap();
    test.inject(kill("n1", "SIGCONT")).unwrap();
    assert_eq!((answers(&test), test.states()[0].as_str()), (false, "Paused"));
    test.heal(4).unwrap();
    assert_eq!((answers(&test), test.states()[0].as_str()), (true, "Up"));
}

#[test]
fn a_program_that_is_started_under_a_signal_that_stops_is_stopped() {
    let mut test = Test::new();
    test.inject(kill("n1", "SIGSTOP")).unwrap();
    test.inject(kill("n1", "SIGKILL")).unwrap();
    test.heal(2).unwrap();
    assert_eq!((answers(&test), test.states()[0].as_str()), (false, "Up"));
    test.act(NodeAction::Restart, &["n1"]).unwrap();
    assert!(answers(&test) && test.faults().is_empty());
}

#[test]
fn a_signal_that_not_all_nodes_took_changes_nothing() {
    let mut test = Test::new();
    let both = |signal: &str| Fault::Kill { nodes: names(&["n1", "n2"]), signal: signal.into() };
    test.refusing(Some(1));
    test.inject(both("SIGSTOP")).unwrap_err();
    assert!(answers(&test));
    test.inject(kill("n1", "SIGSTOP")).unwrap();
    test.inject(both("SIGCONT")).unwrap_err();
    assert!(!answers(&test));
    assert_eq!(test.faults().len(), 1);
}
