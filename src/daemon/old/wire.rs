//! The old JSON, and the commands that it means. Pure.

use crate::chaos::{self, Wishes, check_range};
use crate::cluster::Cluster;
use crate::engine::{Command, NodeAction, NodeStatus, RunState, Selection};
use crate::fault::{Fault, Party};
use crate::resolve::{self, Shaping};
use crate::signal::Signal;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// All blockades.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Blockades {
    /// Their names.
    pub(super) blockades: Vec<String>,
}

/// One of them.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Blockade {
    /// Its nodes by name.
    containers: BTreeMap<String, Container>,
}

/// A node.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the old tool's keys")]
struct Container {
    /// Docker's, or `<blockade>_<node>`.
    container_id: String,
    /// The old tool's end of a link on the host. Rules lie in the node's own network here: always null.
    device: Option<String>,
    /// The first one.
    ip_address: Option<String>,
    /// Once more.
    name: String,
    /// NORMAL, SLOW, FLAKY, DUPLICATE or UNKNOWN.
    network_state: String,
    /// A number, `N`, `H` or null.
    #[schema(value_type = Option<Object>)]
    partition: Option<Value>,
    /// UP, DOWN, PAUSED or MISSING.
    #[schema(value_type = String)]
    status: RunState,
}

impl Blockade {
    /// As `status` tells it.
    pub(super) fn of(lines: Vec<NodeStatus>) -> Self {
        let container = |line: NodeStatus| Container {
            container_id: line.container_id,
            device: None,
            ip_address: line.ip_address,
            name: line.name,
            network_state: line.network_state,
            partition: line.partition,
            status: line.status,
        };
        Self { containers: lines.into_iter().map(|line| (line.name.clone(), container(line))).collect() }
    }
}

/// The audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// Its entries, the oldest first.
    #[schema(value_type = Vec<Object>)]
    pub(super) events: Vec<Value>,
}

/// Containers to take in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContainersOfOthers)]
pub(super) struct Containers {
    /// By id or name.
    pub(super) containers: Vec<String>,
}

/// What to send.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    /// `kill`'s signal, by name or number; SIGKILL otherwise.
    pub(super) signal: Option<String>,
}

/// What to do to which nodes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    command: Verb,
    /// Names or globs.
    container_names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Verb {
    Start,
    Stop,
    Restart,
    Kill,
}

impl Named {
    /// The command that it means on this cluster.
    pub(super) fn command(self, cluster: &Cluster, signal: Option<&str>) -> Result<Command> {
        let nodes = named(cluster, self.container_names)?;
        let signal = signal.map(Signal::parse).transpose()?.unwrap_or(Signal::KILL);
        let inject = |fault| Command::Inject { fault, for_us: None };
        Ok(match self.command {
            Verb::Start => Command::Node { action: NodeAction::Start, nodes },
            Verb::Restart => Command::Node { action: NodeAction::Restart, nodes },
            Verb::Stop => inject(Fault::Stop { nodes }),
            Verb::Kill => inject(Fault::Kill { nodes, signal: signal.name().to_owned() }),
        })
    }
}

/// How to impair which nodes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NetworkChange)]
pub(super) struct Shape {
    network_state: NetworkState,
    /// Names or globs.
    container_names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NetworkState {
    Fast,
    Slow,
    Duplicate,
    Flaky,
}

impl Shape {
    /// The command that it means on this cluster.
    pub(super) fn command(self, cluster: &Cluster) -> Result<Command> {
        let nodes = named(cluster, self.container_names)?;
        let verb = match self.network_state {
            NetworkState::Fast => return Ok(Command::Heal { which: Selection::Impairments(nodes) }),
            NetworkState::Slow => "slow",
            NetworkState::Duplicate => "duplicate",
            NetworkState::Flaky => "flaky",
        };
        let nodes = nodes.into_iter().map(Party::Node).collect();
        let fault = Shaping { verb, nodes, to: None, both: false, how: &[], on: &[] }.fault(cluster)?;
        Ok(Command::Inject { fault, for_us: None })
    }
}

/// How to partition.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Into random groups.
    #[serde(default)]
    pub(super) random: bool,
    /// The seed of the random choice; a fresh one otherwise. May stand in the body as well.
    pub(super) seed: Option<u64>,
}

/// Into what to partition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Partitions {
    /// Groups of names or globs. Who is not named is in one more group.
    partitions: Vec<Vec<String>>,
}

impl Partitions {
    /// The groups of this cluster's nodes.
    pub(super) fn groups(&self, cluster: &Cluster) -> Result<Vec<Vec<String>>> {
        let groups: Vec<Vec<&str>> =
            self.partitions.iter().map(|group| group.iter().map(String::as_str).collect()).collect();
        if groups.is_empty() || groups.iter().any(Vec::is_empty) {
            return Err(Error::usage("a partition needs groups, and each group a node")
                .help(r#"send {"partitions": [["n1"], ["n2", "n3"]]}, or DELETE to join them again"#));
        }
        resolve::groups(cluster, &groups)
    }
}

/// A random partition's body, which may be missing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seeded {
    pub(super) seed: Option<u64>,
    /// Chance makes other ones.
    #[serde(rename = "partitions")]
    _partitions: Option<serde::de::IgnoredAny>,
}

/// What chance has chosen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RandomPartitions {
    /// The same seed chooses the same again.
    pub(super) seed: u64,
    /// The groups; a single one is no partition.
    pub(super) partitions: Vec<Vec<String>>,
}

/// What the chaos program is told; times in milliseconds.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chaos {
    /// How long the cluster is healthy at least (30000).
    min_start_delay: Option<u32>,
    /// And at most (300000).
    max_start_delay: Option<u32>,
    /// How long it is in trouble at least (30000).
    min_run_time: Option<u32>,
    /// And at most (300000).
    max_run_time: Option<u32>,
    /// How many nodes are in trouble at once at least (1).
    min_containers_at_once: Option<u32>,
    /// And at most (1).
    max_containers_at_once: Option<u32>,
    /// How many different events each of them has at least (1).
    min_events_at_once: Option<u32>,
    /// And at most (1).
    max_events_at_once: Option<u32>,
    /// PARTITION, STOP, FLAKY, SLOW, DUPLICATE: all that work here, where none are named.
    event_set: Option<Vec<String>>,
    /// Makes every choice; a fresh one otherwise. The old tool had none.
    pub(super) seed: Option<u64>,
}

impl Chaos {
    /// These wishes, with what is given here in their place.
    pub(super) fn over(&self, wishes: Wishes) -> Result<Wishes> {
        let events = match &self.event_set {
            None => wishes.events,
            Some(names) => names.iter().map(|name| event(name)).collect::<Result<_>>()?,
        };
        let range =
            |(min, max): (u32, u32), least: Option<u32>, most: Option<u32>| (least.unwrap_or(min), most.unwrap_or(max));
        let wishes = Wishes {
            events,
            healthy_ms: range(wishes.healthy_ms, self.min_start_delay, self.max_start_delay),
            troubled_ms: range(wishes.troubled_ms, self.min_run_time, self.max_run_time),
            nodes_at_once: range(wishes.nodes_at_once, self.min_containers_at_once, self.max_containers_at_once),
            events_at_once: range(wishes.events_at_once, self.min_events_at_once, self.max_events_at_once),
        };
        check_range(("min_start_delay", "max_start_delay"), wishes.healthy_ms)?;
        check_range(("min_run_time", "max_run_time"), wishes.troubled_ms)?;
        check_range(("min_containers_at_once", "max_containers_at_once"), wishes.nodes_at_once)?;
        check_range(("min_events_at_once", "max_events_at_once"), wishes.events_at_once)?;
        Ok(wishes)
    }
}

fn event(name: &str) -> Result<chaos::Event> {
    chaos::Event::parse(name).map_err(|expected| Error::usage(format!("`{name}` is no event: {expected}")))
}

/// The nodes that were named: at least one.
fn named(cluster: &Cluster, names: Vec<String>) -> Result<Vec<String>> {
    let names = not_none(names, "container_names")?;
    resolve::nodes(cluster, names.iter().map(String::as_str))
}

/// A list of which something must be.
pub(super) fn not_none(list: Vec<String>, key: &str) -> Result<Vec<String>> {
    if list.is_empty() {
        return Err(Error::usage(format!("`{key}` names nobody")).help(format!(r#"send {{"{key}": ["n1"]}}"#)));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Nowhere, Variables, load};
    use crate::daemon::received;
    use serde_json::json;

    fn cluster() -> Cluster {
        let text = "network: { slow: 10ms, subnet: 10.9.0.0/24 }\nnodes: { n1: {}, n2: {}, n3: {} }\n";
        let variables = Variables {
            name: "c1",
            seed: 1,
            params: &BTreeMap::new(),
            env: &|_| None,
            kind: Some(crate::cluster::RuntimeKind::Sim),
            surroundings: &Nowhere,
        };
        load(std::path::Path::new("c.yaml"), text, &variables).unwrap()
    }

    fn act(body: Value, signal: Option<&str>) -> String {
        let command = received::json::<Named>(body.to_string().as_bytes());
        told(command.and_then(|named| named.command(&cluster(), signal)))
    }

    fn shape(body: Value) -> String {
        let command = received::json::<Shape>(body.to_string().as_bytes());
        told(command.and_then(|shape| shape.command(&cluster())))
    }

    fn told(command: Result<Command>) -> String {
        match command {
            Ok(Command::Inject { fault, .. }) => fault.to_string(),
            Ok(command) => serde_json::to_string(&command).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_action_is_the_command_lines_own() {
        let named = |command: &str| json!({ "command": command, "container_names": ["n1", "n2"] });
        insta::assert_snapshot!(act(named("start"), None), @r#"{"command":"node","action":"start","nodes":["n1","n2"]}"#);
        insta::assert_snapshot!(act(named("restart"), None), @r#"{"command":"node","action":"restart","nodes":["n1","n2"]}"#);
        insta::assert_snapshot!(act(named("stop"), None), @"stop n1, n2");
        insta::assert_snapshot!(act(named("kill"), None), @"kill n1, n2");
        insta::assert_snapshot!(act(named("kill"), Some("15")), @"kill n1, n2 with SIGTERM");
        insta::assert_snapshot!(act(named("kill"), Some("SIGTREM")), @r#""SIGTREM" is no signal (did you mean `SIGTERM`?)"#);
        insta::assert_snapshot!(act(named("explode"), None), @"the body, at `command`: `explode` is not known here (the words are `start`, `stop`, `restart`, `kill`)");
        insta::assert_snapshot!(act(json!({ "command": "stop", "container_names": ["n1", "n9"] }), None), @"there is no node `n9` (did you mean `n1`? the nodes are n1, n2, n3)");
        insta::assert_snapshot!(act(json!({ "command": "stop", "container_names": [] }), None), @r#"`container_names` names nobody (send {"container_names": ["n1"]})"#);
    }

    #[test]
    fn a_network_state_means_what_the_cluster_file_says_of_it() {
        let named = |state: &str| json!({ "network_state": state, "container_names": ["n1"] });
        insta::assert_snapshot!(shape(named("slow")), @"slow n1 → n2, n1 → n3, n1 → world: delay 10 ms");
        insta::assert_snapshot!(shape(named("flaky")), @"flaky n1 → n2, n1 → n3, n1 → world: loss 30 %");
        insta::assert_snapshot!(shape(named("duplicate")), @"duplicate n1 → n2, n1 → n3, n1 → world: duplicate 5 %");
        insta::assert_snapshot!(shape(named("fast")), @r#"{"command":"heal","which":{"impairments":["n1"]}}"#);
        insta::assert_snapshot!(shape(json!({ "network_state": "slow" })), @"the body: the key `container_names` is missing");
    }

    #[test]
    fn a_partition_names_nodes_and_no_empty_group() {
        let groups = |groups: Value| {
            let body: Partitions = serde_json::from_value(json!({ "partitions": groups })).unwrap();
            body.groups(&cluster()).map_or_else(|error| error.to_string(), |groups| format!("{groups:?}"))
        };
        insta::assert_snapshot!(groups(json!([["n1"], ["n2", "n3"]])), @r#"[["n1"], ["n2", "n3"]]"#);
        insta::assert_snapshot!(groups(json!([["n1"], []])), @r#"a partition needs groups, and each group a node (send {"partitions": [["n1"], ["n2", "n3"]]}, or DELETE to join them again)"#);
        insta::assert_snapshot!(groups(json!([["n1", "n7"], ["n8"]])), @"there are no nodes `n7`, `n8` (the nodes are n1, n2, n3)");
    }

    #[test]
    fn chaos_takes_over_what_is_given_and_refuses_ranges_the_wrong_way_round() {
        let over = |body: Value| serde_json::from_value::<Chaos>(body).unwrap().over(Wishes::default());
        let wishes = over(json!({ "min_run_time": 1, "event_set": ["stop", "PARTITION"] })).unwrap();
        assert_eq!((wishes.troubled_ms, wishes.healthy_ms), ((1, 300_000), (30_000, 300_000)));
        assert_eq!(wishes.events, [chaos::Event::Stop, chaos::Event::Partition]);
        insta::assert_snapshot!(over(json!({ "max_start_delay": 1 })).unwrap_err(), @"min_start_delay 30000 is above max_start_delay 1 (give both, where the default of one does not fit: min_start_delay 1 max_start_delay 30000)");
        insta::assert_snapshot!(over(json!({ "event_set": ["EARTHQUAKE"] })).unwrap_err(), @"`EARTHQUAKE` is no event: expected PARTITION, STOP, FLAKY, SLOW or DUPLICATE");
        assert!(serde_json::from_value::<Chaos>(json!({ "min_run_tim": 1 })).is_err());
        assert!(serde_json::from_value::<Chaos>(json!({ "min_run_time": -1 })).is_err());
    }
}
