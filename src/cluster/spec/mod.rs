//! What a cluster file says, value by value, before names, addresses and `${…}` are resolved.
//!
//! Pure. Values that later steps may still refuse keep their place in the file.

mod docker;
mod image;
mod network;
mod node;

pub(super) use docker::DockerSpec;
pub(super) use network::NetworkSpec;
pub(super) use node::{NodeSpec, ReadySpec, check_path};

use super::model::RuntimeKind;
use super::read::{Reader, enumerate};
use super::tree::{Kind, Placed, Yaml};
use crate::diagnostic::nearest;
use crate::script::quantity::Problem;

/// A file.
#[derive(Default)]
pub(super) struct Spec {
    pub(super) runtime: Option<RuntimeKind>,
    pub(super) network: NetworkSpec,
    pub(super) nodes: Vec<NodeSpec>,
}

const KEYS: [&str; 4] = ["containers", "nodes", "network", "runtime"];

/// Reads a file. What is wrong with it is told to the reader, and left out here.
pub(super) fn read(reader: &Reader<'_>, tree: &Yaml) -> Spec {
    let Some(fields) = reader.fields(tree, "the cluster file", &KEYS) else { return Spec::default() };
    if let (Some(_), Some(place)) = (fields.get("containers"), fields.place("nodes")) {
        let problem = Problem::new("`nodes` and `containers` are the same key", "keep one of them");
        reader.report(place, problem);
    }
    let nodes = fields.get("containers").or(fields.get("nodes"));
    if nodes.is_none() {
        let place = fields.place("containers").or(fields.place("nodes")).unwrap_or(&tree.span);
        reader.report(place, no_nodes());
    }
    Spec {
        runtime: fields.get("runtime").and_then(|yaml| choice(reader, yaml, "`runtime`", &RuntimeKind::NAMES)),
        network: fields.get("network").map(|yaml| NetworkSpec::read(reader, yaml)).unwrap_or_default(),
        nodes: nodes.map(|yaml| read_nodes(reader, yaml)).unwrap_or_default(),
    }
}

fn no_nodes() -> Problem {
    Problem::new("the cluster has no nodes", "write at least one: `containers: { n1: { command: […] } }`")
}

fn read_nodes(reader: &Reader<'_>, yaml: &Yaml) -> Vec<NodeSpec> {
    let Some(entries) = reader.map(yaml, "`containers`") else { return Vec::new() };
    if matches!(&yaml.kind, Kind::Map(nodes) if nodes.is_empty()) {
        reader.report(&yaml.span, no_nodes());
    }
    entries.into_iter().filter_map(|(name, yaml)| NodeSpec::read(reader, name, yaml)).collect()
}

/// One of a few words.
fn choice<T: Copy>(reader: &Reader<'_>, yaml: &Yaml, what: &str, words: &[(&str, T)]) -> Option<T> {
    let text = reader.text(yaml, what)?;
    let known = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
    if known.is_none() {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let near = nearest(&text.value, names.iter().copied()).map(|near| format!("did you mean `{near}`? "));
        let help = format!("{}{what} is one of {}", near.unwrap_or_default(), enumerate(&names));
        reader.report(&text.span, Problem::new(format!("{what} cannot be `{}`", text.value), help));
    }
    known
}

/// Text that parses as an address, a subnet and the like.
fn parsed<T: std::str::FromStr>(reader: &Reader<'_>, yaml: &Yaml, what: &str, example: &str) -> Option<Placed<T>> {
    let text = reader.text(yaml, what)?;
    let value = text
        .value
        .parse()
        .map_err(|_| Problem::new(format!("{what} cannot be `{}`", text.value), format!("write it like `{example}`")));
    reader.take(&text.span, value).map(|value| Placed { value, span: text.span })
}
