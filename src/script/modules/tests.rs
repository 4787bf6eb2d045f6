//! The pure topologies of `nemesis` for any number of nodes, and what the modules for servers make of real answers.

use super::super::engine::bound;
use super::super::host::{Host, HostSettings, Interrupt};
use super::modules;
use crate::cluster::{Cluster, Nowhere, Variables};
use crate::engine::{Clock, Command, Job, Port, Recorder, Reply, ready};
use proptest::prelude::*;
use rhai::{Dynamic, Engine, EvalAltResult, Map, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

struct Nobody;

impl Port for Nobody {
    fn call(&self, _: &str, _: Command) -> Job<Reply> {
        ready(Ok(Reply::Done))
    }
}

fn cluster(nodes: &str) -> Cluster {
    let params = BTreeMap::new();
    let variables =
        Variables { name: "test", seed: 1, params: &params, env: &|_| None, kind: None, surroundings: &Nowhere };
    crate::cluster::load(Path::new("c.yaml"), &format!("nodes: {{ {nodes} }}"), &variables).unwrap()
}

/// An engine for scripts on these nodes.
fn engine(nodes: &str) -> Engine {
    let clock = Arc::new(Clock::simulated());
    let recorder = Arc::new(Recorder::new(Arc::clone(&clock), Vec::new()));
    bound(&Rc::new(Host::new(HostSettings {
        cluster: Arc::new(cluster(nodes)),
        port: Arc::new(Nobody),
        clock,
        recorder,
        interrupt: Arc::new(Interrupt::default()),
        seed: 1,
        params: BTreeMap::new(),
        verify: false,
    })))
}

/// The groups that a topology makes of so many nodes, which are numbers here.
fn groups(topology: &str, nodes: usize) -> Vec<BTreeSet<usize>> {
    let names: Vec<Dynamic> = (0..nodes).map(|number| (number as i64).into()).collect();
    let mut scope = Scope::new();
    scope.push("list", names);
    let script = format!("import \"nemesis\" as nemesis; nemesis::{topology}(list)");
    let groups: Vec<Dynamic> = engine("n1:").eval_with_scope(&mut scope, &script).unwrap();
    let numbers = |group: Dynamic| group.into_array().unwrap().into_iter().map(|item| item.as_int().unwrap() as usize);
    groups.into_iter().map(|group| numbers(group).collect()).collect()
}

/// Whom a node sees: all that share a group with it.
fn view(groups: &[BTreeSet<usize>], node: usize) -> BTreeSet<usize> {
    groups.iter().filter(|group| group.contains(&node)).flatten().copied().collect()
}

fn views(groups: &[BTreeSet<usize>], nodes: usize) -> Vec<BTreeSet<usize>> {
    (0..nodes).map(|node| view(groups, node)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn halves_hold_everybody_once_and_differ_by_at_most_one(nodes in 2_usize..40) {
        let groups = groups("groups_of_halves", nodes);
        prop_assert_eq!(groups.len(), 2);
        prop_assert_eq!(groups[0].len() + groups[1].len(), nodes);
        prop_assert_eq!(groups[0].union(&groups[1]).count(), nodes);
        prop_assert!(groups[0].len() - groups[1].len() <= 1);
    }

    #[test]
    fn a_third_is_somebody_and_never_a_majority(nodes in 3_usize..40) {
        let groups = groups("groups_of_third", nodes);
        prop_assert_eq!(groups[0].union(&groups[1]).count(), nodes);
        prop_assert_eq!(groups[0].len(), nodes / 3);
        prop_assert!(!groups[0].is_empty() && groups[1].len() > nodes / 2);
    }

    #[test]
    fn only_the_bridge_sees_everybody(nodes in 3_usize..40) {
        let groups = groups("groups_of_bridge", nodes);
        let views = views(&groups, nodes);
        prop_assert_eq!(views.iter().filter(|view| view.len() == nodes).count(), 1);
        prop_assert!(groups[0].len().abs_diff(groups[1].len()) <= 1);
        prop_assert!(groups.iter().all(|group| group.len() > 1));
    }

    #[test]
    fn in_a_ring_everybody_sees_a_majority_and_no_two_the_same(nodes in 3_usize..40) {
        let views = views(&groups("groups_of_ring", nodes), nodes);
        prop_assert!(views.iter().all(|view| view.len() > nodes / 2), "{:?}", views);
        prop_assert_eq!(views.iter().collect::<BTreeSet<_>>().len(), nodes);
    }
}

#[test]
fn all_modules_compile_and_import_each_other() {
    for (name, _) in modules() {
        engine("n1:").run(&format!("import \"{name}\" as it;")).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// An `exec` that answers by what is asked: the node, and a piece of the command.
fn with_programs(nodes: &str, answers: &'static [(&str, &str, &str)]) -> Engine {
    let mut engine = engine(nodes);
    let answer = move |node: Dynamic, command: Dynamic, _: Map| -> Result<Map, Box<EvalAltResult>> {
        let line: Vec<String> = command.into_array()?.iter().map(ToString::to_string).collect();
        let (node, line) = (node.to_string(), line.join(" "));
        let found = answers.iter().find(|(at, asked, _)| *at == node && line.contains(asked));
        let ok = found.is_some();
        let stdout = found.map_or("", |(.., says)| says);
        Ok([("ok", ok.into()), ("stdout", stdout.into()), ("stderr", if ok { "" } else { "refused" }.into())]
            .map(|(key, value): (&str, Dynamic)| (key.into(), value))
            .into())
    };
    engine.register_fn("exec", answer);
    engine
}

fn holds(engine: &Engine, module: &str, claims: &[&str]) {
    for claim in claims {
        let held = engine.eval::<bool>(&format!("import \"{module}\" as {module}; {claim}"));
        assert!(held.as_ref().is_ok_and(|held| *held), "{claim}: {held:?}");
    }
}

#[test]
fn redis_is_read_as_it_answers() {
    let engine = with_programs(
        "r1:, r2:, r3:, r4:, s1:",
        &[
            ("r1", "INFO", "# Replication\r\nrole:master\r\nconnected_slaves:1\r\n"),
            ("r2", "INFO", "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\n"),
            ("r3", "INFO", "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"),
            ("r1", "SET x 1", "OK\n"),
            ("r2", "SET x 1", "READONLY You can't write against a read only replica.\n\n"),
            ("r1", "GET x", "1\n"),
        ],
    );
    holds(
        &engine,
        "redis",
        &[
            "redis::primary() == \"r1\"",
            "redis::primary([\"r2\", \"r4\"]) == ()",
            "redis::role(\"r2\") == \"slave\" && redis::role(\"r4\") == ()",
            "redis::info(\"r1\").connected_slaves == \"1\"",
            "redis::healthy([\"r1\", \"r2\"], 0)",
            "redis::set(\"r1\", \"x\", 1) && !redis::set(\"r2\", \"x\", 1) && !redis::set(\"r4\", \"x\", 1)",
            "redis::get(\"r1\", \"x\") == \"1\" && redis::get(\"r4\", \"x\") == ()",
            "let told = \"\"; try { redis::healthy([\"r1\", \"r3\"], 0); } catch (e) { told = e.message; } told.contains(\"not healthy\")",
        ],
    );
}

#[test]
fn a_sentinel_names_an_address_and_we_the_node() {
    let mut engine =
        with_programs("r1:, s1:, s2:", &[("s1", "-p 26379 SENTINEL get-master-addr-by-name main", "10.9.9.9\n6379\n")]);
    engine.register_fn("ip", |node: Dynamic| if node.to_string() == "r1" { "10.9.9.9" } else { "10.9.9.1" });
    holds(
        &engine,
        "redis",
        &["redis::sentinel_primary(\"s1\", \"main\") == \"r1\"", "redis::sentinel_primary(\"s2\", \"main\") == ()"],
    );
}

#[test]
fn postgres_is_read_as_it_answers() {
    let engine = with_programs(
        "p:, s:, x:",
        &[
            ("p", "pg_is_in_recovery", "f\n"),
            ("p", "pg_stat_replication", "1\n"),
            ("s", "pg_is_in_recovery", "t\n"),
            ("s", "pg_promote", "t\n"),
            ("p", "SELECT id, name", "1|a\n2|b\n"),
            ("p", "-U me -d test -c SELECT 1", "1\n"),
        ],
    );
    holds(
        &engine,
        "postgres",
        &[
            "postgres::primary() == \"p\" && postgres::primary([\"s\", \"x\"]) == ()",
            "postgres::role(\"p\") == \"primary\" && postgres::role(\"s\") == \"standby\" && postgres::role(\"x\") == ()",
            "postgres::healthy([\"p\", \"s\"], 0)",
            "postgres::sql(\"p\", \"SELECT id, name FROM t\").rows == [\"1|a\", \"2|b\"]",
            "postgres::sql(\"p\", \"SELECT 1\", #{ user: \"me\", database: \"test\" }).ok",
            "let answer = postgres::sql(\"x\", \"SELECT 1\"); !answer.ok && answer.error == \"refused\" && answer.rows.is_empty",
            "postgres::value(\"p\", \"SELECT pg_is_in_recovery()\") == \"f\" && postgres::value(\"x\", \"SELECT 1\") == ()",
            "postgres::promote(\"s\") && !postgres::promote(\"x\")",
            "let told = \"\"; try { postgres::healthy([\"p\", \"x\"], 0); } catch (e) { told = e.message; } told.contains(\"not healthy\")",
        ],
    );
}

/// An `http` that answers as etcd's gateway does: `e1` leads, `e2` follows, `e3` is gone, `e4` says nothing.
fn with_etcd() -> Engine {
    let mut engine = engine("e1:, e2:, e3:, e4:");
    engine.register_fn("http", |node: Dynamic, request: Map| -> Map {
        let text = |key: &str| request[key].to_string();
        assert!(request["port"].as_int().unwrap() == 2379 && text("method") == "POST");
        let (node, body) = (node.to_string(), text("body"));
        let member = node.trim_start_matches('e');
        let (ok, says) = match (node.as_str(), text("path").as_str()) {
            ("e3", _) => (false, String::new()),
            ("e4", _) => (true, String::new()),
            (_, "/v3/maintenance/status") => (true, format!(
                "{{\"header\":{{\"member_id\":\"1{member}\"}},\"leader\":\"11\",\"raftTerm\":\"7\",\"raftIndex\":\"99\"}}")),
            (_, "/v3/kv/range") if body.contains("\"eA==\"") =>
                (true, "{\"kvs\":[{\"key\":\"eA==\",\"value\":\"MTc=\",\"mod_revision\":\"3\"}],\"count\":\"1\"}".to_owned()),
            (_, "/v3/kv/range" | "/v3/kv/put") => (true, "{\"header\":{\"revision\":\"4\"}}".to_owned()),
            (_, "/v3/kv/txn") if body.contains("MTc=") => (true, "{\"succeeded\":true}".to_owned()),
            (_, "/v3/kv/txn") => (true, "{\"responses\":[]}".to_owned()),
            (_, path) => panic!("{path}: {body}"),
        };
        [("ok", ok.into()), ("status", (if ok { 200_i64 } else { 0 }).into()), ("body", says.into()), ("error", "".into())]
            .map(|(key, value): (&str, Dynamic)| (key.into(), value))
            .into()
    });
    engine
}

#[test]
fn etcd_is_read_as_it_answers() {
    holds(
        &with_etcd(),
        "etcd",
        &[
            "etcd::leader() == \"e1\" && etcd::leader(\"e2\") == () && etcd::leader([\"e3\", \"e4\"]) == ()",
            "etcd::status(\"e2\").term == 7 && etcd::status(\"e2\").index == 99 && etcd::status(\"e3\") == ()",
            "etcd::status(\"e2\").member == \"12\" && etcd::status(\"e2\").leader == \"11\" && etcd::status(\"e4\") == ()",
            "etcd::get(\"e1\", \"x\") == #{ found: true, value: \"17\", revision: 3 }",
            "etcd::get(\"e1\", \"y\") == #{ found: false, value: (), revision: 0 }",
            "etcd::get(\"e3\", \"x\") == () && etcd::get(\"e4\", \"x\") == ()",
            "etcd::put(\"e1\", \"x\", 17) && !etcd::put(\"e3\", \"x\", 17)",
            "etcd::cas(\"e1\", \"x\", 17, 18) == true && etcd::cas(\"e1\", \"x\", 1, 2) == false && etcd::cas(\"e3\", \"x\", 1, 2) == ()",
            "etcd::post(\"e1\", \"/v3/kv/txn\", #{}) == #{ responses: [] } && etcd::post(\"e4\", \"/v3/kv/txn\", #{}) == ()",
            "etcd::healthy([\"e1\", \"e2\", \"e4\"], 0)",
            "let told = \"\"; try { etcd::healthy([\"e1\", \"e3\"], 0); } catch (e) { told = e.message; } told.contains(\"not healthy\")",
        ],
    );
}
