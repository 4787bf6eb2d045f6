//! `nemesis`: who reaches whom under each topology, what each program does, and that all is healed in the end.
//!
//! The pure topologies have their properties in `src/script/modules/tests.rs`.

use crate::{all_healed, holds, journal, of, told};
use serde_json::Value;

/// Functions that scripts below use: who reaches whom both ways, by name.
const SEEN: &str = r#"
import "nemesis" as nemesis;
fn sees(a, b) { a == b || reachable(a, b) && reachable(b, a) }
fn seen(node) { nodes("n*").filter(|other| sees(node, other)) }
fn all_see_all() { nodes().all(|node| seen(node).len == nodes().len) }
"#;

fn sees(nodes: usize, script: &str) {
    holds(nodes, &format!("{SEEN}{script}"));
}

#[test]
fn topologies_are_groups_without_a_fault() {
    sees(
        1,
        r#"
        assert(nemesis::groups_of_halves(["a", "b", "c"]) == [["a", "b"], ["c"]]);
        assert(nemesis::groups_of_third(["a", "b", "c"]) == [["a"], ["b", "c"]]);
        assert(nemesis::groups_of_bridge(["a", "b", "c"]) == [["a", "b"], ["b", "c"]]);
        assert(nemesis::groups_of_ring(["a", "b", "c", "d"]) == [["a", "b"], ["b", "c"], ["c", "d"], ["d", "a"]]);
        "#,
    );
}

#[test]
fn halves_differ_by_at_most_one() {
    for nodes in [2, 3, 5, 6] {
        sees(
            nodes,
            r"
            let fault = if chance(0.5) { nemesis::halves() } else { nemesis::random_halves() };
            let sizes = nodes().map(|node| seen(node).len);
            let most = (nodes().len + 1) / 2;
            assert(sizes.all(|size| size == most || size == nodes().len - most), `${sizes}`);
            fault.heal();
            assert(all_see_all());
            ",
        );
    }
    let first = |seed| of(&journal(6, seed, &format!("{SEEN}nemesis::random_halves();")), "fault.inject")[0].clone();
    assert_eq!(first(1)["fault"], first(1)["fault"]);
    assert!((2..9).any(|seed| first(seed)["fault"] != first(1)["fault"]), "all seeds choose the same halves");
}

#[test]
fn who_is_not_named_keeps_all_links() {
    sees(
        6,
        r#"
        let some = ["n1", "n2", "n3", "n4"];
        for fault in [|| nemesis::halves(some), || nemesis::random_halves(some), || nemesis::majorities_ring(some),
            || nemesis::bridge(some), || nemesis::minority_third(some), || nemesis::one_link(some)] {
            let fault = fault.call();
            assert(seen("n5").len == 6 && seen("n6").len == 6, `${fault}`);
            assert(!some.all(|node| seen(node).len == 6), `${fault}`);
            fault.heal();
            assert(all_see_all());
        }
        "#,
    );
}

#[test]
fn groups_may_be_cut_as_they_are_given() {
    sees(
        4,
        r#"
        let fault = nemesis::cut([["n1", "n2"], "n3"]);
        assert(sees("n1", "n2") && !sees("n1", "n3") && !sees("n2", "n3") && seen("n4").len == 4);
        fault.heal();
        let fault = nemesis::cut([["n1", "n2"], ["n2", "n3", "n4"]]);
        assert(fault.kind == "partition" && seen("n2").len == 4 && seen("n1").len == 2 && seen("n3").len == 3);
        "#,
    );
}

#[test]
fn one_node_is_alone() {
    sees(
        4,
        r#"
        let fault = if chance(0.5) { nemesis::isolate_one() } else { nemesis::isolate_one(["n2", "n3"]) };
        let alone = nodes().filter(|node| seen(node).len == 1);
        assert(alone.len == 1 && !reachable(alone[0], "world"));
        assert(nodes().filter(|node| seen(node).len == 3).len == 3);
        "#,
    );
}

#[test]
fn in_a_ring_everybody_sees_another_majority() {
    for nodes in 3..=8 {
        sees(
            nodes,
            r"
            nemesis::majorities_ring();
            let views = [];
            for node in nodes() {
                let view = seen(node);
                assert(view.len > nodes().len / 2, `${node} sees ${view}`);
                assert(!views.contains(view), `two see ${view}`);
                views.push(view);
            }
            ",
        );
    }
}

#[test]
fn only_the_bridge_sees_both_sides() {
    for nodes in [3, 4, 5, 7] {
        sees(
            nodes,
            r"
            nemesis::bridge();
            let bridges = nodes().filter(|node| seen(node).len == nodes().len);
            assert(bridges.len == 1);
            assert(nodes().all(|node| bridges.contains(node) || seen(node).len <= nodes().len / 2 + 1));
            ",
        );
    }
}

#[test]
fn a_third_is_a_minority() {
    for nodes in [3, 5, 6, 7] {
        sees(
            nodes,
            r"
            nemesis::minority_third();
            let third = nodes().len / 3;
            let sizes = nodes().map(|node| seen(node).len);
            assert(sizes.filter(|size| size == third).len == third, `${sizes}`);
            assert(sizes.filter(|size| size == nodes().len - third).len == nodes().len - third, `${sizes}`);
            ",
        );
    }
}

#[test]
fn one_link_of_two_nodes_is_cut() {
    sees(
        4,
        r"
        nemesis::one_link();
        let sizes = nodes().map(|node| seen(node).len);
        sizes.sort();
        assert(sizes == [3, 3, 4, 4], `${sizes}`);
        ",
    );
}

#[test]
fn a_leader_may_be_deaf_mute_or_slow() {
    sees(
        3,
        r#"
        during(nemesis::slow_leader("n2"), "1s");
        let slow = nemesis::slow_leader("n2", "50ms");
        assert(probe("n1", "n2").rtt >= 0.1 && probe("n2", "n1").rtt >= 0.1 && probe("n1", "n3").rtt < 0.1);
        slow.heal();
        let deaf = nemesis::one_way_leader("n2");
        assert(reachable("n2", "n1") && reachable("n2", "n3") && !reachable("n1", "n2") && !reachable("n3", "n2"));
        deaf.heal();
        let mute = nemesis::mute_leader("n2");
        assert(!reachable("n2", "n1") && !reachable("n2", "n3") && reachable("n1", "n2") && reachable("n3", "n2"));
        mute.heal();
        assert(all_see_all());
        "#,
    );
}

/// Runs a program on five nodes, for some seeds: it ends with all healed. Returns the journals.
fn programs(script: &str) -> Vec<Vec<Value>> {
    let script = format!("{SEEN}{script}\nassert(faults().is_empty() && all_see_all());");
    let journals: Vec<_> = (1..=5).map(|seed| journal(5, seed, &script)).collect();
    for journal in &journals {
        assert!(all_healed(journal) > 0);
    }
    journals
}

fn time(event: &Value) -> u64 {
    event["t_us"].as_u64().unwrap()
}

#[test]
fn a_flapping_link_comes_and_goes() {
    let options = "#{ duration: \"20s\", on: \"1s\", off: \"3s\" }";
    for journal in programs(&format!(r#"note(nemesis::flapping(between("n1", "n2"), {options}));"#)) {
        let times = of(&journal, "fault.inject").len();
        assert!((3..=10).contains(&times), "{times}");
        assert_eq!(of(&journal, "note")[0]["message"], times.to_string());
        assert_eq!(time(of(&journal, "note")[0]), 20_000_000);
        for (began, healed) in of(&journal, "fault.inject").iter().zip(of(&journal, "fault.heal")) {
            assert!((0..=1_500_000).contains(&(time(healed) - time(began))));
        }
    }
    for journal in programs(r#"nemesis::flapping("n1"); nemesis::flapping(|| pause("n2"), #{ duration: "10s" });"#) {
        let kinds: Vec<_> = of(&journal, "fault.inject").iter().map(|event| event["fault"]["kind"].clone()).collect();
        assert!(kinds.contains(&"block".into()) && kinds.contains(&"pause".into()), "{kinds:?}");
    }
}

#[test]
fn swizzled_nodes_come_back_in_another_order() {
    for journal in programs(r#"nemesis::swizzle(nodes(), #{ pause: "1s", hold: "5s" });"#) {
        let clogged: Vec<&Value> = of(&journal, "fault.inject").iter().map(|event| &event["id"]).collect();
        let unclogged: Vec<&Value> = of(&journal, "fault.heal").iter().map(|event| &event["id"]).collect();
        assert_eq!(clogged.len(), 5);
        assert_ne!(clogged, unclogged);
        let (last, first) = (of(&journal, "fault.inject")[4], of(&journal, "fault.heal")[0]);
        assert!(time(first) - time(last) >= 5_000_000, "all of them are clogged for a while");
    }
    programs(r#"nemesis::swizzle(); nemesis::swizzle("n1"); nemesis::swizzle(["n1", "n2"]);"#);
}

#[test]
fn all_nodes_are_restarted_one_after_the_other() {
    let restarts = |script: &str, seed| {
        let journal = journal(3, seed, &format!("{SEEN}{script}"));
        let restarts = of(&journal, "node.restart")
            .into_iter()
            .map(|event| (event["node"].as_str().unwrap().to_owned(), time(event)));
        restarts.collect::<Vec<_>>()
    };
    let at = |node: &str, t_us| (node.to_owned(), t_us);
    let in_order = |pause| vec![at("n1", 0), at("n2", pause), at("n3", 2 * pause)];
    assert_eq!(restarts("nemesis::rolling_restart();", 1), in_order(5_000_000));
    assert_eq!(restarts("nemesis::rolling_restart(\"2s\");", 1), in_order(2_000_000));
    assert_eq!(restarts("nemesis::rolling_restart(#{ nodes: [\"n3\"] });", 1), [at("n3", 0)]);
    let random = |seed| restarts("nemesis::rolling_restart(#{ pause: 1, random: true });", seed);
    assert!((1..9).any(|seed| random(seed)[0].0 != "n1") && random(1).len() == 3);
}

#[test]
fn storms_strike_a_minority_again_and_again() {
    for (storm, kind) in [("crash_storm", "kill"), ("pause_storm", "pause")] {
        let script = format!("note(nemesis::{storm}(#{{ duration: \"2m\", interval: \"1s\", lasting: \"5s\" }}));");
        for journal in programs(&script) {
            let strikes = of(&journal, "fault.inject");
            assert!(strikes.len() > 20 && strikes.iter().all(|event| event["fault"]["kind"] == kind));
            assert_eq!(time(of(&journal, "note")[0]), 120_000_000);
            let mut down: Vec<&str> = Vec::new();
            let mut most = 0;
            for event in &journal {
                match event["kind"].as_str().unwrap() {
                    "fault.inject" => down.push(event["id"].as_str().unwrap()),
                    "fault.heal" => down.retain(|id| event["id"] != *id),
                    _ => {}
                }
                most = most.max(down.len());
            }
            assert_eq!(most, 2, "a minority of five");
        }
    }
    programs(r#"nemesis::crash_storm(); nemesis::pause_storm(); nemesis::crash_storm(#{ nodes: "n1" });"#);
}

#[test]
fn a_gray_failure_is_slow_lossy_and_frozen_now_and_then() {
    for journal in
        programs(r#"nemesis::gray_failure("n2"); nemesis::gray_failure("n3", #{ duration: "1m", loss: 0.01 });"#)
    {
        let faults: Vec<&Value> = of(&journal, "fault.inject").iter().map(|event| &event["fault"]).collect();
        let pauses = faults.iter().filter(|fault| fault["kind"] == "pause").count();
        assert!(pauses > 5 && faults.len() == pauses + 2, "{faults:?}");
        assert_eq!(faults[0]["impairment"]["delay_us"], 100_000);
    }
}

#[test]
fn a_program_that_is_cut_short_heals_what_it_made() {
    holds(
        3,
        r#"
        import "nemesis" as nemesis;
        let rounds = 0;
        let maker = || { rounds += 1; if rounds == 3 { throw "enough"; } isolate("n1") };
        let caught = "";
        try { nemesis::flapping(maker); } catch (error) { caught = error; }
        assert(caught == "enough" && faults().is_empty());
        "#,
    );
}

/// What is said of a wrong call, without its picture.
fn run(call: &str) -> String {
    let told = told(&format!("import \"nemesis\" as nemesis;\nnemesis::{call};\n"));
    told.lines().take(3).collect::<Vec<_>>().join("\n")
}

#[test]
fn wrong_arguments_of_topologies_are_told_at_the_call() {
    insta::assert_snapshot!(run("majorities_ring([\"n1\", \"n2\"])"), @r"
    exit 2
    error: at least 3 nodes are needed for a ring of majorities, got 2
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("halves(\"n1\")"), @r"
    exit 2
    error: at least 2 nodes are needed for halves, got 1
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("halves([])"), @r"
    exit 2
    error: no nodes were named
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("halves(5)"), @r#"
    exit 2
    error: expected a node ("n1", a glob like "n*", or a list of them), got an integer
     --> s.rhai:2:10
    "#);
    insta::assert_snapshot!(run("minority_third([\"n1\", \"n2\"])"), @r"
    exit 2
    error: at least 3 nodes are needed for a third, got 2
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("one_link(\"n1\")"), @r"
    exit 2
    error: at least 2 nodes are needed for a link, got 1
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("groups_of_halves(5)"), @r"
    exit 2
    error: expected a list of names for halves
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("groups_of_halves([\"a\", \"a\"])"), @r"
    exit 2
    error: a is named twice
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("cut([])"), @r"
    exit 2
    error: expected a list of groups
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("cut([\"n1\"])"), @r"
    exit 2
    error: these groups cut nothing
     --> s.rhai:2:10
    ");
}

#[test]
fn wrong_arguments_of_programs_are_told_at_the_call() {
    insta::assert_snapshot!(run("one_way_leader(\"n*\")"), @r#"
    exit 2
    error: expected one node, got 3: ["n1", "n2", "n3"]
     --> s.rhai:2:10
    "#);
    insta::assert_snapshot!(run("slow_leader(\"n1\", \"soon\")"), @r#"
    exit 2
    error: "soon" is no duration
     --> s.rhai:2:10
    "#);
    insta::assert_snapshot!(run("flapping(\"n1\", #{ on: 0 })"), @r"
    exit 2
    error: on is zero
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("flapping(5)"), @r#"
    exit 2
    error: expected a node ("n1", a glob like "n*", or a list of them), got an integer
     --> s.rhai:2:10
    "#);
    insta::assert_snapshot!(run("swizzle(nodes(), \"1s\")"), @r#"
    exit 2
    error: expected options like #{ duration: "10s" }, got text
     --> s.rhai:2:10
    "#);
    insta::assert_snapshot!(run("rolling_restart(\"often\")"), @r#"
    exit 2
    error: "often" is no duration
     --> s.rhai:2:10
    "#);
    insta::assert_snapshot!(run("rolling_restart(#{ random: 1 })"), @r"
    exit 2
    error: random is 1
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("crash_storm(#{ max_at_once: 0 })"), @r"
    exit 2
    error: max_at_once is 0
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("gray_failure(\"n1\", #{ lose: 1 })"), @r"
    exit 2
    error: unknown key `lose`
     --> s.rhai:2:10
    ");
    insta::assert_snapshot!(run("gray_failure([\"n1\", \"n2\"])"), @r#"
    exit 2
    error: expected one node, got 2: ["n1", "n2"]
     --> s.rhai:2:10
    "#);
}
