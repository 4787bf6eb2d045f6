//! From what a file says to the cluster it means: copies, links, subnets, addresses, and the texts with their `${…}`.
//!
//! Pure.

use super::addressing;
use super::expand::unknown_node;
use super::model::{Cluster, RuntimeKind};
use super::placing;
use super::read::Reader;
use super::spec::{NodeSpec, Spec};
use super::texts::Texts;
use super::{Variables, distinct, order};
use crate::error::Result;
use crate::script::quantity::Problem;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

/// A node of the cluster and what the file says of it.
pub(super) struct Member<'s> {
    /// Its name.
    pub(super) name: String,
    /// Which copy it is, from 1, where the file asks for several.
    pub(super) copy: Option<usize>,
    /// What the file says of it.
    pub(super) spec: &'s NodeSpec,
}

/// The nodes that a node links to, by place, and what it calls them.
pub(super) struct Links {
    /// By place in the cluster.
    pub(super) targets: Vec<usize>,
    /// Alias → node.
    pub(super) aliases: BTreeMap<String, String>,
}

/// Builds the cluster, or the error with everything that was reported.
pub(super) fn build(reader: &Reader<'_>, spec: &Spec, path: &Path, variables: &Variables<'_>) -> Result<Cluster> {
    let members = members(reader, &spec.nodes);
    reader.finish()?;
    let links = links(reader, &members);
    let kind = variables.kind.or(spec.runtime).unwrap_or_else(|| RuntimeKind::of_images(images(spec)));
    let (network, taken) = placing::network(reader, &spec.network, &members, kind, variables.surroundings)?;
    reader.finish()?;
    let addresses = addressing::addresses(reader, &network, &members, &taken);
    reader.finish()?;
    let params = RefCell::default();
    let nodes = Texts::new(reader, &members, &addresses, variables, &params).nodes(&links);
    if kind == RuntimeKind::Docker {
        distinct::check(reader, variables.name, &members, &nodes);
    }
    reader.finish()?;
    Ok(Cluster {
        name: variables.name.to_owned(),
        file: path.to_owned(),
        runtime: spec.runtime,
        network,
        nodes,
        params: params.into_inner(),
    })
}

fn images(spec: &Spec) -> bool {
    spec.nodes.iter().any(|node| node.docker.image.is_some())
}

/// The nodes and their copies: `name`, or, where there are several, `name_1`, `name_2` and so on.
fn members<'s>(reader: &Reader<'_>, specs: &'s [NodeSpec]) -> Vec<Member<'s>> {
    let mut members: Vec<Member<'s>> = Vec::new();
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for spec in specs {
        let copies = spec.count.filter(|count| *count > 1).map_or(vec![None], |count| (1..=count).map(Some).collect());
        for copy in copies {
            let name = copy.map_or(spec.name.value.clone(), |copy| format!("{}_{copy}", spec.name.value));
            match taken.insert(name.clone(), &spec.name.value) {
                None => members.push(Member { name, copy, spec }),
                Some(other) => {
                    let message = format!("two nodes are called `{name}`");
                    let help = format!("one of them is a copy: rename `{}` or `{other}`", spec.name.value);
                    reader.report(&spec.name.span, Problem::new(message, help));
                }
            }
        }
    }
    members
}

/// Resolves the links: each names a node, or all copies of one.
fn links(reader: &Reader<'_>, members: &[Member<'_>]) -> Vec<Links> {
    let links: Vec<_> = members.iter().map(|member| links_of(reader, members, member)).collect();
    let depends: Vec<_> = links.iter().map(|links| links.targets.clone()).collect();
    if let Err(circle) = order::waves(&depends) {
        report_circle(reader, members, &circle);
    }
    links
}

fn links_of(reader: &Reader<'_>, members: &[Member<'_>], member: &Member<'_>) -> Links {
    let (mut targets, mut aliases) = (Vec::new(), BTreeMap::new());
    for link in &member.spec.links {
        let name = &link.target.value;
        let named: Vec<usize> = (0..members.len())
            .filter(|place| members[*place].name == *name || members[*place].spec.name.value == *name)
            .collect();
        if named.is_empty() {
            reader.report(&link.target.span, unknown_node(name, members.iter().map(|member| member.name.as_str())));
        }
        if let (Some(alias), [one]) = (&link.alias, &named[..]) {
            aliases.insert(alias.clone(), members[*one].name.clone());
        }
        targets.extend(named.into_iter().filter(|place| !targets.contains(place)).collect::<Vec<_>>());
    }
    Links { targets, aliases }
}

fn report_circle(reader: &Reader<'_>, members: &[Member<'_>], circle: &[usize]) {
    let names: Vec<_> = circle.iter().chain(&circle[..1]).map(|place| members[*place].name.as_str()).collect();
    let from = &members[circle[circle.len() - 1]];
    let into = &members[circle[0]];
    let closes = |target: &str| target == into.name || target == into.spec.name.value;
    let Some(link) = from.spec.links.iter().find(|link| closes(&link.target.value)) else { return };
    let help = "a node starts after those it links to: leave out one of the links";
    reader.report(&link.target.span, Problem::new(format!("the links go in a circle: {}", names.join(" → ")), help));
}
