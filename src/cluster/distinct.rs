//! What no two containers of one host may share: its ports, and their names.
//!
//! Pure.

use super::build::Member;
use super::model::Node;
use super::read::Reader;
use crate::script::quantity::Problem;
use std::collections::HashMap;

/// Reports ports of the host and names of containers that come twice.
pub(super) fn check(reader: &Reader<'_>, cluster: &str, members: &[Member<'_>], nodes: &[Node]) {
    ports(reader, members);
    names(reader, cluster, members, nodes);
}

fn ports(reader: &Reader<'_>, members: &[Member<'_>]) {
    let mut taken: HashMap<_, &Member<'_>> = HashMap::new();
    for member in members {
        for forward in &member.spec.docker.ports {
            let port = forward.value.host;
            let Some(other) = taken.insert((port, forward.value.container.transport), member) else { continue };
            let (node, other) = (&member.spec.name.value, other);
            let problem = if other.name == member.name {
                let message = format!("port {port} of the host comes twice in `ports` of `{node}`");
                Problem::new(message, "it can lead to one port of a container only")
            } else if other.spec.name.value == *node {
                let message = format!("the copies of `{node}` cannot share port {port} of the host");
                Problem::new(message, "write them as nodes of their own, each with a port of its own")
            } else {
                let message = format!("node `{}` has port {port} of the host already", other.name);
                Problem::new(message, "give another one: it can lead to one container only")
            };
            reader.report(&forward.span, problem);
        }
    }
}

fn names(reader: &Reader<'_>, cluster: &str, members: &[Member<'_>], nodes: &[Node]) {
    let name = |node: &Node| node.docker.container_name.clone().unwrap_or_else(|| format!("{cluster}_{}", node.name));
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(other) = taken.insert(name(node), index) else { continue };
        // Of two names that differ by their nodes, at least one was given.
        let given = [index, other].into_iter().find_map(|index| members[index].spec.docker.container_name.as_ref());
        if let Some(given) = given {
            let message =
                format!("the containers of `{}` and `{}` have one name: {}", nodes[other].name, node.name, name(node));
            reader.report(&given.span, Problem::new(message, "leave `container_name` out, or give another one"));
        }
    }
}
