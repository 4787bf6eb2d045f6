//! Clusters with holy and neutral nodes: programs of faults leave them out where nobody names them.

use crate::{common::Place, holds_on};

const EXEMPT: &str = "nodes: { a: {}, b: {}, c: {}, neu: { neutral: true }, hol: { holy: true } }";

/// With what scripts below need: whether the links of those that are exempt are whole.
fn leaves_them_out(script: &str) {
    let seen = r#"
        import "nemesis" as nemesis;
        import "swarm" as swarm;
        fn sees(a, b) { reachable(a, b) && reachable(b, a) }
        fn is_whole(node) { nodes().all(|other| other == node || sees(node, other)) && sees(node, "world") }
    "#;
    holds_on(EXEMPT, &format!("{seen}{script}"));
}

#[test]
fn a_random_partition_has_no_side_for_them() {
    leaves_them_out(
        r#"
        let groups = random_partition();
        partition(groups);
        let named = groups.map(|group| group.len).reduce(|sum, len| sum + len, 0);
        assert(named == 3 && is_whole("neu") && is_whole("hol"), `${groups}`);
        assert(!sees("a", "b") || !sees("a", "c"), `${groups}`);
        "#,
    );
    let alone = Place::with("random_partition();", "nodes: { a: {}, neu: { neutral: true }, hol: { holy: true } }");
    let ended = alone.blockade(&["plan", "s.rhai", "--seed", "1"]).with(2);
    assert!(ended.stderr.contains("at least two nodes that are neither neutral nor holy"), "{}", ended.stderr);
}

#[test]
fn a_nemesis_of_nobody_in_particular_passes_by_them() {
    leaves_them_out(
        r#"
        for nemesis in [|| nemesis::halves(), || nemesis::random_halves(), || nemesis::majorities_ring(),
            || nemesis::bridge(), || nemesis::minority_third(), || nemesis::one_link(),
            || nemesis::one_way_leader("b"), || nemesis::mute_leader("c")] {
            let fault = nemesis.call();
            assert(is_whole("neu") && is_whole("hol"), `${fault}`);
            assert(!sees("a", "b") || !sees("a", "c") || !sees("b", "c"), `${fault}`);
            fault.heal();
        }
        let alone = nemesis::isolate_one();
        assert(["a", "b", "c"].filter(|node| !sees(node, "world")).len == 1, `${alone}`);
        assert(sees("neu", "world") && sees("hol", "world") && sees("neu", "hol"), `${alone}`);
        alone.heal();
        "#,
    );
}

#[test]
fn programs_of_faults_pass_by_them() {
    leaves_them_out(
        r#"
        let watch = every("100ms", || assert(sees("neu", "world") && sees("hol", "world") && status("hol") == "UP"));
        nemesis::swizzle();
        nemesis::crash_storm();
        nemesis::pause_storm();
        nemesis::rolling_restart();
        nemesis::gray_failure("a");
        watch.cancel();
        "#,
    );
    leaves_them_out(
        r#"
        let watch = every("1s", || assert(!faults().some(|fault| `${fault}`.contains("hol")), `${faults()}`));
        assert(swarm::run(#{ duration: "10m" }) > 0);
        watch.cancel();
        "#,
    );
    // Two of which nobody else can be cut.
    holds_on(
        "nodes: { a: {}, neu: { neutral: true }, hol: { holy: true } }",
        r#"import "swarm" as swarm; swarm::run(#{ duration: "10m" });"#,
    );
}

#[test]
fn a_neutral_node_that_is_named_is_cut_by_no_group_as_in_a_partition() {
    leaves_them_out(
        r#"
        for fault in [|| nemesis::halves(["a", "neu"]), || nemesis::cut([["a"], ["neu", "b"]]), || partition(["a", "neu"])] {
            let fault = fault.call();
            assert(sees("a", "neu") && sees("b", "neu") && fault.active, `${fault}`);
            fault.heal();
        }
        let fault = nemesis::cut(["a", ["neu", "b"]]);
        assert(!sees("a", "b") && sees("a", "c") && sees("b", "c"));
        "#,
    );
}

#[test]
fn a_holy_node_that_is_named_is_refused() {
    for script in
        ["nemesis::halves([\"a\", \"hol\"]);", "nemesis::isolate_one([\"hol\"]);", "nemesis::halves(nodes());"]
    {
        let place = Place::with(&format!("import \"nemesis\" as nemesis; {script}"), EXEMPT);
        let ended = place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(2);
        assert!(ended.stderr.contains("hol is holy"), "{script}: {}", ended.stderr);
    }
}
