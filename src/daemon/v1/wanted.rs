//! Faults in a client's words, and the values that they mean. Pure, but for the seed where none was given.

use super::word::{Quantity, Word};
use crate::cluster::Cluster;
use crate::fault::{Fault, LinkSet, Party};
use crate::resolve::{self, Shaping};
use crate::script::quantity;
use crate::signal::Signal;
use crate::{Error, Result, entropy};
use serde::Deserialize;
use utoipa::ToSchema;

/// A fault to be injected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFault {
    fault: Wanted,
    /// Heal it by itself after this time, as in `30s`.
    #[schema(value_type = Option<Quantity>)]
    r#for: Option<Word>,
}

/// What it is to do. Nodes are named by name or glob, the rest of the world as `world`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Wanted {
    /// Cut the network into groups, in place of the partition in force. Who is not named is in one more group.
    Partition {
        /// The groups; none for random ones.
        #[serde(default)]
        groups: Vec<Vec<String>>,
        /// Into two random groups or more.
        #[serde(default)]
        random: bool,
        /// The seed of the random choice; a fresh one otherwise.
        seed: Option<u64>,
    },
    /// Cut nodes off from everybody.
    Isolate { nodes: Vec<String> },
    /// Let packets travel from source to target only.
    OneWay { source: Vec<String>, target: Vec<String> },
    /// Drop what travels from source to target.
    Block { source: Vec<String>, target: Vec<String> },
    /// Answer what travels from source to target with a refusal.
    Reject { source: Vec<String>, target: Vec<String> },
    /// Stop nodes, as their own stop signal and grace say.
    Stop { nodes: Vec<String> },
    /// Freeze all processes of nodes.
    Pause { nodes: Vec<String> },
    /// Send a signal to nodes.
    Kill {
        nodes: Vec<String>,
        /// By name or number; SIGKILL otherwise.
        signal: Option<String>,
    },
    /// Delay what nodes send.
    Slow(Shape),
    /// Lose some of what nodes send.
    Flaky(Shape),
    /// Send some of what nodes send twice.
    Duplicate(Shape),
    /// Damage some of what nodes send.
    Corrupt(Shape),
    /// Reorder some of what nodes send.
    Reorder(Shape),
    /// Limit the rate at which nodes send.
    Throttle(Shape),
    /// Several at once.
    Degrade(Shape),
}

/// Which links are impaired, and how; without any word of how, as is usual.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    /// Who sends.
    nodes: Vec<String>,
    /// Only what they send to these.
    to: Option<Vec<String>>,
    /// Also what is sent to them.
    #[serde(default)]
    both: bool,
    /// As in `100ms`.
    #[schema(value_type = Option<Quantity>)]
    delay: Option<Word>,
    /// As in `10ms`.
    #[schema(value_type = Option<Quantity>)]
    jitter: Option<Word>,
    /// `uniform`, `normal`, `pareto` or `paretonormal`.
    distribution: Option<String>,
    /// As in `30%`.
    #[schema(value_type = Option<Quantity>)]
    loss: Option<Word>,
    /// As in `5%`.
    #[schema(value_type = Option<Quantity>)]
    duplicate: Option<Word>,
    /// As in `5%`.
    #[schema(value_type = Option<Quantity>)]
    corrupt: Option<Word>,
    /// As in `25%`.
    #[schema(value_type = Option<Quantity>)]
    reorder: Option<Word>,
    /// Only every so-manieth packet may overtake.
    #[schema(value_type = Option<Quantity>)]
    gap: Option<Word>,
    /// As in `10mbit`.
    #[schema(value_type = Option<Quantity>)]
    rate: Option<Word>,
    /// As in `25%`.
    #[schema(value_type = Option<Quantity>)]
    correlation: Option<Word>,
    /// Only `tcp`, `udp` or `icmp`.
    proto: Option<String>,
    /// Only with this port at either end.
    port: Option<u16>,
    /// Only `ipv4` or `ipv6`.
    family: Option<String>,
}

/// A fault with every choice made.
#[derive(Debug, PartialEq)]
pub(super) struct Resolved {
    pub(super) fault: Fault,
    pub(super) for_us: Option<u64>,
    /// Of a choice that was left to chance.
    pub(super) seed: Option<u64>,
}

impl NewFault {
    /// The value that it means on this cluster.
    pub(super) fn resolve(self, cluster: &Cluster) -> Result<Resolved> {
        let for_us = self.r#for.as_deref().map(duration).transpose()?;
        if let Wanted::Partition { groups, random: true, seed } = &self.fault {
            if !groups.is_empty() {
                return Err(Error::usage("a partition is random or has groups, not both"));
            }
            let seed = seed.map_or_else(entropy::fresh_seed, Ok)?;
            let groups = resolve::random_groups(cluster, seed)?;
            return Ok(Resolved { fault: Fault::Partition { groups }, for_us, seed: Some(seed) });
        }
        Ok(Resolved { fault: self.fault.resolve(cluster)?, for_us, seed: None })
    }
}

impl Wanted {
    fn resolve(self, cluster: &Cluster) -> Result<Fault> {
        let nodes = |names: &[String]| named(names).and_then(|names| resolve::nodes(cluster, names));
        let links = |source: &[String], target: &[String]| {
            let (source, target) = two_ends(cluster, source, target)?;
            Ok::<_, Error>(LinkSet::new(&source, &target))
        };
        let (verb, shape) = match self {
            Self::Partition { groups, .. } => return partition(cluster, &groups),
            Self::Isolate { nodes: names } => return Ok(Fault::Isolate { nodes: nodes(&names)? }),
            Self::Stop { nodes: names } => return Ok(Fault::Stop { nodes: nodes(&names)? }),
            Self::Pause { nodes: names } => return Ok(Fault::Pause { nodes: nodes(&names)? }),
            Self::Kill { nodes: names, signal } => {
                let signal = signal.as_deref().map(Signal::parse).transpose()?.unwrap_or(Signal::KILL);
                return Ok(Fault::Kill { nodes: nodes(&names)?, signal: signal.name().to_owned() });
            }
            Self::OneWay { source, target } => {
                let (source, target) = two_ends(cluster, &source, &target)?;
                return Ok(Fault::OneWay { source, target });
            }
            Self::Block { source, target } => return Ok(Fault::Block { links: links(&source, &target)? }),
            Self::Reject { source, target } => return Ok(Fault::Reject { links: links(&source, &target)? }),
            Self::Slow(shape) => ("slow", shape),
            Self::Flaky(shape) => ("flaky", shape),
            Self::Duplicate(shape) => ("duplicate", shape),
            Self::Corrupt(shape) => ("corrupt", shape),
            Self::Reorder(shape) => ("reorder", shape),
            Self::Throttle(shape) => ("throttle", shape),
            Self::Degrade(shape) => ("degrade", shape),
        };
        shape.fault(cluster, verb)
    }
}

fn partition(cluster: &Cluster, groups: &[Vec<String>]) -> Result<Fault> {
    let groups: Vec<Vec<&str>> = groups.iter().map(|group| group.iter().map(String::as_str).collect()).collect();
    if groups.is_empty() || groups.iter().any(Vec::is_empty) {
        return Err(Error::usage("a partition needs groups, and each group a node")
            .help(r#"send "groups": [["n1"], ["n2", "n3"]], or "random": true"#));
    }
    Ok(Fault::Partition { groups: resolve::groups(cluster, &groups)? })
}

fn two_ends(cluster: &Cluster, source: &[String], target: &[String]) -> Result<(Vec<Party>, Vec<Party>)> {
    resolve::two_ends(resolve::ends(cluster, named(source)?)?, resolve::ends(cluster, named(target)?)?)
}

/// The names, of which there must be one.
fn named(names: &[String]) -> Result<impl Iterator<Item = &str>> {
    if names.is_empty() {
        return Err(Error::usage("a list of nodes is empty").help("name nodes, or all with \"*\""));
    }
    Ok(names.iter().map(String::as_str))
}

impl Shape {
    fn fault(self, cluster: &Cluster, verb: &str) -> Result<Fault> {
        let nodes = resolve::ends(cluster, named(&self.nodes)?)?;
        let to = match &self.to {
            Some(to) => Some(resolve::ends(cluster, named(to)?)?),
            None => None,
        };
        let port = self.port.map(|port| port.to_string());
        let how = [
            ("delay", self.delay.as_deref()),
            ("jitter", self.jitter.as_deref()),
            ("distribution", self.distribution.as_deref()),
            ("loss", self.loss.as_deref()),
            ("duplicate", self.duplicate.as_deref()),
            ("corrupt", self.corrupt.as_deref()),
            ("reorder", self.reorder.as_deref()),
            ("gap", self.gap.as_deref()),
            ("rate", self.rate.as_deref()),
            ("correlation", self.correlation.as_deref()),
        ];
        let on = [("proto", self.proto.as_deref()), ("port", port.as_deref()), ("family", self.family.as_deref())];
        Shaping { verb, nodes, to, both: self.both, how: &words(&how), on: &words(&on) }.fault(cluster)
    }
}

fn words<'a>(all: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    all.iter().filter_map(|(key, word)| Some((*key, (*word)?))).collect()
}

/// A duration like `30s` that takes some time, in microseconds. A bare number means seconds, as in a script.
pub(super) fn duration(text: &str) -> Result<u64> {
    let number = text.parse::<f64>().ok();
    match number.map_or_else(|| quantity::duration_us(text), quantity::duration_us)? {
        0 => Err(Error::usage(format!("{text} is no time at all: write more, like 30s"))),
        us => Ok(us),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Nowhere, RuntimeKind, Variables, load};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn cluster() -> Cluster {
        let text = "network: { subnet: 10.9.0.0/24 }\nnodes: { n1: {}, n2: {}, n3: {} }\n";
        let variables = Variables {
            name: "c1",
            seed: 1,
            params: &BTreeMap::new(),
            env: &|_| None,
            kind: Some(RuntimeKind::Sim),
            surroundings: &Nowhere,
        };
        load(std::path::Path::new("c.yaml"), text, &variables).unwrap()
    }

    fn resolve(body: Value) -> Result<Resolved> {
        let new: NewFault = serde_json::from_value(body).map_err(|error| Error::usage(error.to_string()))?;
        new.resolve(&cluster())
    }

    fn told(fault: Value) -> String {
        resolve(json!({ "fault": fault })).map_or_else(|error| error.to_string(), |resolved| resolved.fault.to_string())
    }

    #[test]
    fn every_kind_means_what_the_command_of_its_name_means() {
        let all = [
            json!({ "kind": "partition", "groups": [["n1"], ["n2", "n3"]] }),
            json!({ "kind": "isolate", "nodes": ["n1"] }),
            json!({ "kind": "one_way", "source": ["n1"], "target": ["n2", "world"] }),
            json!({ "kind": "block", "source": ["n*"], "target": ["world"] }),
            json!({ "kind": "reject", "source": ["n1"], "target": ["n2"] }),
            json!({ "kind": "stop", "nodes": ["n1"] }),
            json!({ "kind": "pause", "nodes": ["n1"] }),
            json!({ "kind": "kill", "nodes": ["n1"], "signal": "term" }),
            json!({ "kind": "slow", "nodes": ["n1"], "to": ["n2"], "both": true, "delay": "100ms", "proto": "tcp", "port": 80 }),
            json!({ "kind": "degrade", "nodes": ["n1"], "to": ["n2"], "delay": 0.1, "loss": 0.01, "reorder": 1, "gap": 5, "rate": 1_000_000 }),
            json!({ "kind": "flaky", "nodes": ["n1"], "to": ["n2"] }),
            json!({ "kind": "duplicate", "nodes": ["n1"], "to": ["n2"], "duplicate": "7%" }),
            json!({ "kind": "corrupt", "nodes": ["n1"], "to": ["n2"] }),
            json!({ "kind": "reorder", "nodes": ["n1"], "to": ["n2"] }),
            json!({ "kind": "throttle", "nodes": ["n1"], "to": ["n2"], "rate": "1mbit" }),
            json!({ "kind": "degrade", "nodes": ["n1"], "to": ["n2"], "loss": "1%", "delay": "5ms" }),
        ];
        insta::assert_snapshot!(all.map(told).join("\n"), @r#"
        partition {n1} | {n2, n3}
        isolate n1
        one_way n1 → n2, world
        block n1 → world, n2 → world, n3 → world
        reject n1 → n2
        stop n1
        pause n1
        kill n1 with SIGTERM
        slow n1 → n2, n2 → n1 (tcp port 80): delay 100 ms
        the rate 1000000 has no unit (write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte")
        flaky n1 → n2: loss 30 %
        duplicate n1 → n2: duplicate 7 %
        corrupt n1 → n2: corrupt 5 %
        reorder n1 → n2: reorder 25 %
        throttle n1 → n2: rate 1000 kbit
        degrade n1 → n2: delay 5 ms, loss 1 %
        "#);
    }

    #[test]
    fn what_is_wrong_is_said_as_the_command_line_says_it() {
        let all = [
            json!({ "kind": "earthquake" }),
            json!({ "kind": "isolate", "nodes": [] }),
            json!({ "kind": "isolate", "nodes": ["n1"], "nods": [] }),
            json!({ "kind": "isolate", "nodes": ["n7"] }),
            json!({ "kind": "block", "source": ["n1"], "target": ["n1"] }),
            json!({ "kind": "partition" }),
            json!({ "kind": "partition", "groups": [["n1"]], "random": true }),
            json!({ "kind": "slow", "nodes": ["n1"], "delay": "soon" }),
            json!({ "kind": "slow", "nodes": ["n1"], "delay": ["1s"] }),
            json!({ "kind": "flaky", "nodes": ["n1"], "loss": 1.5 }),
            json!({ "kind": "slow", "nodes": ["n1"], "rate": "1mbit" }),
            json!({ "kind": "slow", "nodes": ["n1"], "dela": "1s" }),
            json!({ "kind": "degrade", "nodes": ["n1"] }),
            json!({ "kind": "kill", "nodes": ["n1"], "signal": "SIGTREM" }),
        ];
        insta::assert_snapshot!(all.map(told).join("\n"), @r#"
        unknown variant `earthquake`, expected one of `partition`, `isolate`, `one_way`, `block`, `reject`, `stop`, `pause`, `kill`, `slow`, `flaky`, `duplicate`, `corrupt`, `reorder`, `throttle`, `degrade`
        a list of nodes is empty (name nodes, or all with "*")
        unknown field `nods`, expected `nodes`
        there is no node `n7` (did you mean `n1`? the nodes are n1, n2, n3)
        n1 is both source and target: it has no link to itself
        a partition needs groups, and each group a node (send "groups": [["n1"], ["n2", "n3"]], or "random": true)
        a partition is random or has groups, not both
        "soon" is no duration (write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h")
        invalid type: sequence, expected text like "100ms", or a number
        the probability 1.5 is not between 0 and 1 (write a number from 0 to 1 like 0.3, or text like "30%")
        slow takes no --rate (slow takes --delay, --jitter, --correlation, --distribution; --rate is for throttle, degrade)
        unknown field `dela`, expected one of `nodes`, `to`, `both`, `delay`, `jitter`, `distribution`, `loss`, `duplicate`, `corrupt`, `reorder`, `gap`, `rate`, `correlation`, `proto`, `port`, `family`
        degrade was told nothing to do (give it at least one of --delay, --loss, --rate, …)
        "SIGTREM" is no signal (did you mean `SIGTERM`?)
        "#);
    }

    #[test]
    fn a_seed_chooses_the_same_groups_again_and_a_time_is_read_as_in_a_script() {
        let random = |seed: u64| {
            resolve(json!({ "fault": { "kind": "partition", "random": true, "seed": seed }, "for": "1.5s" }))
        };
        let first = random(7).unwrap();
        assert_eq!((first.seed, first.for_us), (Some(7), Some(1_500_000)));
        assert_eq!(random(7).unwrap(), first);
        assert!((0..20).any(|seed| random(seed).unwrap().fault != first.fault));
        let lasting = |time: Value| resolve(json!({ "fault": { "kind": "isolate", "nodes": ["n1"] }, "for": time }));
        assert_eq!(lasting(json!(1.5)).unwrap().for_us, Some(1_500_000));
        assert!(lasting(json!(true)).is_err());
        assert!(duration("0s").is_err() && duration("-1s").is_err() && duration("x").is_err());
    }
}
