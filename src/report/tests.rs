//! From journals to pages: of small runs, of strange ones, and of any.

use super::{Model, Source, junit, page};
use crate::journal::Journal;
use proptest::prelude::*;
use serde_json::{Value, json};

fn header() -> Value {
    json!({
        "format": 1, "blockade": "0.1.0", "seed": 7, "script": { "path": "s.rhai" }, "runtime": "netns", "kernel": "6.1",
        "cluster": { "nodes": [{ "name": "n1" }, { "name": "n2" }, { "name": "n3" }] },
        "options": { "set": { "acks": "one" }, "shaper": null, "verify": true, "chaos": null },
    })
}

fn journal(events: Vec<Value>) -> Journal {
    Journal { header: header(), events, truncated: false }
}

fn model(journal: &Journal, result: &Value) -> Model {
    let commands = [("Again".to_owned(), "blockade run s.rhai --seed 7".to_owned())];
    let script = "fn chaos() {\n    assert(false, \"it holds\");\n}\n";
    let source =
        Source { journal, result, script, cluster: "nodes: {}\n", minimal: Some("fn chaos() {}"), commands: &commands };
    source.model()
}

/// A line of a journal.
fn line(t_us: u64, mut event: Value) -> Value {
    event["t_us"] = t_us.into();
    event["task"] = "chaos".into();
    event
}

fn operation(t_us: u64, kind: &str, process: u64, f: &str) -> Value {
    line(t_us, json!({ "kind": kind, "process": process, "f": f, "value": 1 }))
}

/// A bit of everything.
fn small() -> Vec<Value> {
    let partition = json!({ "kind": "partition", "groups": [["n1"], ["n2"]] });
    vec![
        line(500_000, json!({ "kind": "cluster.up", "nodes": ["n1", "n2", "n3"], "took_us": 500_000 })),
        line(500_000, json!({ "kind": "phase", "name": "chaos" })),
        operation(600_000, "op.invoke", 0, "write"),
        line(1_000_000, json!({ "kind": "fault.inject", "id": "f1", "fault": partition })),
        line(1_001_000, json!({ "kind": "fault.active", "id": "f1", "took_us": 1_000, "spread_us": 0 })),
        operation(1_100_000, "op.ok", 0, "write"),
        line(2_000_000, json!({ "kind": "note", "message": "half way" })),
        line(3_000_000, json!({ "kind": "fault.heal", "id": "f1" })),
        line(3_001_000, json!({ "kind": "fault.healed", "id": "f1", "took_us": 1_000 })),
        line(
            3_100_000,
            json!({ "kind": "fault.inject", "id": "f2", "fault": { "kind": "kill", "nodes": ["n3"], "signal": "SIGKILL" } }),
        ),
        operation(3_200_000, "op.invoke", 1, "read"),
        line(
            3_300_000,
            json!({ "kind": "node.exit", "node": "n2", "ended": { "code": 3 }, "expected": false, "log": ["oh no"] }),
        ),
        line(4_000_000, json!({ "kind": "metric", "name": "lag", "value": 1.5 })),
        line(4_100_000, json!({ "kind": "check", "name": "assert", "ok": true, "message": "one holds" })),
        line(
            4_200_000,
            json!({ "kind": "check", "name": "assert", "ok": false, "message": "it holds", "details": { "lost": [1, 2] } }),
        ),
        line(4_300_000, json!({ "kind": "verdict", "verdict": "fail", "message": "it holds" })),
    ]
}

fn failed() -> Value {
    json!({
        "format": 1, "verdict": "fail", "started": "2026-01-02T03:04:05.678Z",
        "failure": { "signature": "s.rhai:2: it holds", "message": "it holds", "file": "s.rhai", "line": 2, "column": 5 },
        "cleanup": { "ok": true, "errors": [] },
    })
}

/// What stands between the tags of the body, a line for each tag.
fn body(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1.split_once("<script>").unwrap().0;
    body.replace("><", ">\n<")
        .replace(concat!("Made by blockade ", env!("CARGO_PKG_VERSION")), "Made by blockade VERSION")
}

#[test]
fn a_small_page() {
    insta::assert_snapshot!(body(&page(&model(&journal(small()), &failed()))));
}

#[test]
fn a_small_junit() {
    let xml = junit(&model(&journal(small()), &failed()));
    roxmltree::Document::parse(&xml).unwrap();
    insta::assert_snapshot!(xml);
}

/// What each case came to, as CI reads it.
fn cases(xml: &str) -> Vec<(String, String)> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let came_to = |node: roxmltree::Node<'_, '_>| {
        node.first_element_child().map_or("", |child| child.tag_name().name()).to_owned()
    };
    cases.map(|node| (node.attribute("name").unwrap().to_owned(), came_to(node))).collect()
}

#[test]
fn what_is_unknown_or_cut_off_or_left_behind_is_an_error_to_ci() {
    let claim =
        line(1, json!({ "kind": "check", "name": "check_set", "ok": false, "unknown": true, "message": "who knows" }));
    let unknown = json!({ "format": 1, "verdict": "unknown", "failure": { "message": "check_set: who knows" } });
    let xml = junit(&model(&journal(vec![claim.clone(), claim]), &unknown));
    let expected = [("run", "error"), ("check_set: who knows", "error"), ("check_set: who knows #2", "error")];
    assert_eq!(cases(&xml), expected.map(|(name, came_to)| (name.to_owned(), came_to.to_owned())));
    let left =
        json!({ "format": 1, "verdict": "pass", "failure": null, "cleanup": { "ok": false, "errors": ["a veth"] } });
    assert_eq!(cases(&junit(&model(&journal(vec![]), &left)))[0].1, "error");
    assert_eq!(cases(&junit(&model(&journal(vec![]), &Value::Null)))[0].1, "error");
    let passed = json!({ "format": 1, "verdict": "pass" });
    assert_eq!(cases(&junit(&model(&journal(vec![]), &passed)))[0].1, "");
}

#[test]
fn a_run_that_was_cut_off_says_so() {
    let mut cut_off = journal(small());
    cut_off.events.truncate(10);
    cut_off.truncated = true;
    let text = page(&model(&cut_off, &Value::Null));
    assert!(text.contains("This run was cut off, or is still going on: its journal ends at 3.10 s"), "{text}");
    assert!(text.contains("not healed"), "{text}");
    assert!(!page(&model(&journal(small()), &failed())).contains("was cut off"));
}

#[test]
fn errors_of_operations_are_counted() {
    let mut events = Vec::new();
    for number in 0..1_200_u64 {
        let error = if number % 2 == 0 { "timed out".to_owned() } else { format!("value {number}") };
        events.push(operation(number, "op.invoke", 0, "write"));
        let mut done = operation(number, "op.info", 0, "write");
        done["error"] = error.into();
        events.push(done);
    }
    let model = model(&journal(events), &failed());
    assert_eq!(model.errors.iter().max_by_key(|(_, count)| **count).unwrap().1, &600);
    assert!(page(&model).contains("timed out"));
}

#[test]
fn a_witness_is_told_with_its_times() {
    let told = |f: &str, invoked: u64, completed: Option<u64>| json!({ "process": 0, "f": f, "key": "x", "value": null, "type": "ok", "result": 3, "invoked": invoked, "completed": completed });
    let witness = json!({
        "events": 3, "line": 2, "is_shortest": true, "operation": told("read", 1, Some(2)), "failed": null,
        "states": ["1"], "concurrent": [told("write", 0, None)],
    });
    let details = json!({ "model": "register", "verdict": "fail", "message": "no", "witness": witness });
    let events = vec![
        operation(1_000_000, "op.invoke", 1, "write"),
        operation(2_000_000, "op.invoke", 0, "read"),
        operation(2_500_000, "op.ok", 0, "read"),
        line(
            3_000_000,
            json!({ "kind": "check", "name": "check_linearizable", "ok": false, "message": "no", "details": details }),
        ),
    ];
    let text = page(&model(&journal(events), &failed()));
    for expected in ["read gave 3, key &quot;x&quot;", "the object can have held", "2.000 s", "2.500 s", "never"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn many_faults_operations_and_nodes_are_a_page_of_a_few_megabytes() {
    let names: Vec<String> = (0..50).map(|node| format!("n{node}")).collect();
    let mut events = vec![line(0, json!({ "kind": "cluster.up", "nodes": names, "took_us": 0 }))];
    for fault in 0..1_000_u64 {
        let groups = json!({ "kind": "partition", "groups": [[format!("n{}", fault % 50)]] });
        events
            .push(line(fault * 100_000, json!({ "kind": "fault.inject", "id": format!("f{fault}"), "fault": groups })));
        events.push(line(fault * 100_000 + 250_000, json!({ "kind": "fault.healed", "id": format!("f{fault}") })));
    }
    for number in 0..100_000_u64 {
        events.push(operation(number * 1_000, "op.invoke", number % 10, "read"));
        let kind = ["op.ok", "op.ok", "op.fail", "op.info"][number as usize % 4];
        events.push(operation(number * 1_000 + number % 997, kind, number % 10, "read"));
    }
    let text = page(&model(&journal(events), &failed()));
    assert!(text.len() < 4_000_000, "{}", text.len());
    assert_eq!(text.matches("<tr id=\"fault-").count(), 1_000);
}

/// Whatever may stand in a field.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["n1", "n2", "f1", EVIL, "SIGKILL", "world"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop::sample::select(vec!["kind", "nodes", "groups", "code", "witness", "operation"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// What a browser would obey.
const EVIL: &str = "</script><img src=x onerror=alert(1)>\u{202e}\u{0}";

fn a_fault() -> impl Strategy<Value = Value> {
    let node = || prop::sample::select(vec!["n1", "n2", "n9", EVIL]);
    let nodes = move || prop::collection::vec(node(), 0..4);
    prop_oneof![
        prop::collection::vec(nodes(), 0..30).prop_map(|groups| json!({ "kind": "partition", "groups": groups })),
        nodes().prop_map(|nodes| json!({ "kind": "isolate", "nodes": nodes })),
        nodes().prop_map(|nodes| json!({ "kind": "kill", "nodes": nodes, "signal": "SIGTERM" })),
        (nodes(), nodes())
            .prop_map(|(source, target)| json!({ "kind": "one_way", "source": source, "target": target })),
        anything(),
    ]
}

fn a_line() -> impl Strategy<Value = Value> {
    let kinds = "cluster.up cluster.add cluster.down fault.inject fault.active fault.failed fault.heal fault.healed \
        fault.narrow fault.narrowed node.start node.resume node.restart node.up node.paused node.missing node.exit observe op.invoke op.ok op.fail \
        op.info param note metric check phase verdict moon.phase fault.moon op.moon";
    let kind = prop::sample::select(kinds.split_whitespace().collect::<Vec<_>>());
    let word = || prop_oneof![Just(EVIL.to_owned()), "[a-z]{0,3}"];
    let id = prop_oneof![(0..4_u32).prop_map(|id| json!(format!("f{id}"))), anything()];
    let times = prop_oneof![0..10_u64, any::<u64>()];
    let known = (kind, times, id, a_fault(), word(), word(), 0..3_u64, any::<bool>());
    (known, prop::collection::vec((0..12_usize, anything()), 0..3)).prop_map(|(known, changes)| {
        let (kind, t_us, id, fault, name, message, process, ok) = known;
        let mut line = json!({
            "kind": kind, "t_us": t_us, "task": name, "id": id, "fault": fault, "name": name, "message": message,
            "process": process, "ok": ok, "node": name, "nodes": [name], "value": t_us, "f": name, "ended": { "code": 1 },
        });
        let keys = ["t_us", "task", "name", "message", "process", "ok", "node", "nodes", "value", "f", "ended", "details"];
        for (key, value) in changes {
            line[keys[key]] = value;
        }
        line
    })
}

proptest! {
    #[test]
    fn any_journal_is_a_page_with_all_its_faults(events in prop::collection::vec(a_line(), 0..40), result in anything()) {
        let journal = journal(events);
        let faults = journal.events.iter().filter(|line| line["kind"] == "fault.inject" && line["id"].is_string());
        let result = if result.is_object() { result } else { Value::Null };
        let model = model(&journal, &result);
        let text = page(&model);
        prop_assert_eq!(text.matches("<tr id=\"fault-").count(), faults.count());
        prop_assert_eq!(text.matches("<rect class=\"fault ").count() >= model.faults.len(), true);
        // The page's own script is the only one; what came from outside is text.
        prop_assert_eq!(text.matches("<script").count(), 1);
        let is_obeyed = text.contains("<img") || text.contains(['\u{202e}', '\u{0}']);
        prop_assert!(!is_obeyed);
        cases(&junit(&model));
    }
}
