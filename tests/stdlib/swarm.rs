//! `swarm` and `agenda`: faults at random times.

use crate::{all_healed, holds, journal, of};
use serde_json::Value;
use std::collections::BTreeSet;

const HOUR: &str = r#"import "swarm" as swarm; note(swarm::run(#{ duration: "1h" }));"#;

fn kinds(journal: &[Value]) -> BTreeSet<String> {
    let kind = |event: &&Value| event["fault"]["verb"].as_str().or(event["fault"]["kind"].as_str()).unwrap().to_owned();
    of(journal, "fault.inject").iter().map(kind).collect()
}

/// The most faults that were active together.
fn at_once(journal: &[Value]) -> usize {
    let mut active = 0_usize;
    let step = |event: &Value| {
        match event["kind"].as_str() {
            Some("fault.inject") => active += 1,
            Some("fault.heal") => active -= 1,
            _ => {}
        }
        active
    };
    journal.iter().map(step).max().unwrap_or(0)
}

#[test]
fn an_hour_has_some_dozens_of_faults_and_ends_on_time_with_all_healed() {
    let counts: Vec<usize> = (1..=20)
        .map(|seed| {
            let journal = journal(5, seed, HOUR);
            let ends = of(&journal, "note").last().unwrap()["t_us"].as_u64().unwrap();
            assert_eq!(ends, 3_600_000_000);
            assert!(at_once(&journal) <= 3);
            all_healed(&journal)
        })
        .collect();
    let mean = counts.iter().sum::<usize>() / counts.len();
    assert!((25..=60).contains(&mean), "{counts:?}");
}

#[test]
fn seeds_choose_different_kinds_and_together_all_of_them() {
    let chosen: Vec<BTreeSet<String>> = (1..=30).map(|seed| kinds(&journal(5, seed, HOUR))).collect();
    let different: BTreeSet<_> = chosen.iter().collect();
    assert!(different.len() > 20, "{different:?}");
    let all: BTreeSet<&str> = chosen.iter().flatten().map(String::as_str).collect();
    let expected = "corrupt duplicate flaky isolate kill one_way partition pause reorder slow stop throttle";
    assert_eq!(all, expected.split(' ').collect());
    assert!(chosen.iter().all(|kinds| kinds.len() < 12), "no seed takes all: {chosen:?}");
}

#[test]
fn a_seed_gives_the_same_again() {
    assert_eq!(journal(5, 7, HOUR), journal(5, 7, HOUR));
}

#[test]
fn options_are_heeded() {
    let script = r#"import "swarm" as swarm;
        swarm::run(#{ duration: "10m", interval: "1s", faults: ["pause", "isolate"], targets: ["n2", "n3"], max_at_once: 1 });"#;
    let journal = journal(5, 3, script);
    assert!(all_healed(&journal) > 100);
    assert_eq!(at_once(&journal), 1);
    for event in of(&journal, "fault.inject") {
        let fault = &event["fault"];
        assert!(fault["kind"] == "pause" || fault["kind"] == "isolate", "{fault}");
        assert!(fault["nodes"] == serde_json::json!(["n2"]) || fault["nodes"] == serde_json::json!(["n3"]), "{fault}");
    }
}

#[test]
fn few_nodes_are_enough() {
    holds(1, r#"import "swarm" as swarm; swarm::run(#{ duration: "10m", max_at_once: 9 });"#);
    holds(2, r#"import "swarm" as swarm; swarm::run(#{ duration: "10m", targets: "n1", interval: "2s" });"#);
    holds(2, r#"import "swarm" as swarm; swarm::run(#{ duration: 0 }); assert(elapsed() == 0.0);"#);
}

#[test]
fn all_kinds_are_listed() {
    holds(3, r#"import "swarm" as swarm; assert(swarm::kinds().len == 13 && swarm::kinds().contains("throttle"));"#);
}

#[test]
fn wrong_options_are_told_at_the_call() {
    let run = |options: &str| {
        let told = crate::told(&format!("import \"swarm\" as swarm;\nswarm::run({options});\n"));
        told.lines().take(3).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(run("#{ duration: \"1m\", faults: [\"isolat\"] }"), @r#"
    exit 2
    error: there is no kind of fault "isolat"
     --> s.rhai:2:8
    "#);
    insta::assert_snapshot!(run("#{ duration: \"1m\", faults: [] }"), @r"
    exit 2
    error: faults: expected a list of kinds
     --> s.rhai:2:8
    ");
    insta::assert_snapshot!(run("#{ duration: \"1m\", faults: [\"partition\"], targets: \"n1\" }"), @r"
    exit 2
    error: there are too few nodes for partition
     --> s.rhai:2:8
    ");
    insta::assert_snapshot!(run("#{ duration: \"1m\", max_at_once: 0 }"), @r"
    exit 2
    error: max_at_once is 0
     --> s.rhai:2:8
    ");
    insta::assert_snapshot!(run("#{ duration: \"1m\", interval: 0 }"), @r"
    exit 2
    error: the interval is zero
     --> s.rhai:2:8
    ");
    insta::assert_snapshot!(run("#{ duration: \"soon\" }"), @r#"
    exit 2
    error: "soon" is no duration
     --> s.rhai:2:8
    "#);
    insta::assert_snapshot!(run("#{ duration: \"1m\", targets: [] }"), @r"
    exit 2
    error: no nodes were named
     --> s.rhai:2:8
    ");
}

#[test]
fn an_agenda_heals_what_it_made_where_something_throws() {
    holds(
        3,
        r#"
        import "agenda" as agenda;
        let made = 0;
        let caught = "";
        try {
            agenda::run(#{ duration: "1h", interval: "1s", lasting: "1h", max_at_once: 9 }, |busy| {
                assert(busy.len == made);
                made += 1;
                if made > 3 { throw "enough"; }
                #{ fault: isolate(choose(nodes())), on: made }
            });
        } catch (error) {
            caught = error;
        }
        assert(caught == "enough" && made == 4 && faults().is_empty());
        let cut = isolate("n1");
        cut.heal();
        agenda::release([cut, isolate("n2")]);
        assert(faults().is_empty());
        "#,
    );
}

#[test]
fn an_agenda_calls_as_often_as_its_interval_says() {
    let script = r#"import "agenda" as agenda; note(agenda::run(#{ duration: "1000s", interval: "1s" }, |busy| ()));"#;
    let calls: Vec<u64> = (1..=10)
        .map(|seed| of(&journal(1, seed, script), "note")[0]["message"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(calls.iter().all(|calls| (880..1120).contains(calls)), "{calls:?}");
}
