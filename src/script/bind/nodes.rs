//! Nodes: who there is, and starting, resuming and restarting them. Stopping, killing and pausing are faults.

use super::super::host::Host;
use super::{Scripted, at_call};
use crate::cluster::Node;
use crate::engine::{Command, NodeAction, NodeStatus, Reply};
use crate::{Error, Result};
use rhai::{Array, Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("nodes", move || -> Array {
        own.cluster.nodes.iter().map(|node| node.name.as_str().into()).collect()
    });
    let own = Rc::clone(host);
    engine.register_fn("nodes", move |glob: Dynamic| -> Scripted<Array> {
        at_call(own.select(&glob).map(|nodes| nodes.into_iter().map(Dynamic::from).collect()))
    });
    exempt(engine, host, "without_holy", |node| node.holy);
    exempt(engine, host, "without_neutral", |node| node.neutral);
    for action in [NodeAction::Start, NodeAction::Resume, NodeAction::Restart] {
        let own = Rc::clone(host);
        engine.register_fn(action.verb(), move |nodes: Dynamic| -> Scripted<()> {
            at_call(own.select(&nodes).and_then(|nodes| own.call(Command::Node { action, nodes })).map(|_| ()))
        });
    }
    let own = Rc::clone(host);
    engine.register_fn("status", move |node: Dynamic| -> Scripted<String> {
        at_call(status(&own, &node).map(|line| format!("{:?}", line.status).to_uppercase()))
    });
    let own = Rc::clone(host);
    engine.register_fn("ip", move |node: Dynamic| -> Scripted<String> { at_call(ip(&own, &node)) });
}

/// Registers a function that leaves out of some nodes those that are exempt.
fn exempt(engine: &mut Engine, host: &Rc<Host>, name: &str, is_exempt: fn(&Node) -> bool) {
    let host = Rc::clone(host);
    engine.register_fn(name, move |nodes: Dynamic| -> Scripted<Array> {
        let mut names = at_call(host.select(&nodes))?;
        names.retain(|name| !host.cluster.nodes.iter().any(|node| node.name == *name && is_exempt(node)));
        Ok(names.into_iter().map(Dynamic::from).collect())
    });
}

fn status(host: &Host, node: &Dynamic) -> Result<NodeStatus> {
    let name = host.node(node)?;
    match host.call(Command::Status)? {
        Reply::Status(lines) => lines
            .into_iter()
            .find(|line| line.name == name)
            .ok_or_else(|| Error::machine(format!("{name} has no status"))),
        other => Err(other.odd()),
    }
}

fn ip(host: &Host, node: &Dynamic) -> Result<String> {
    let name = host.node(node)?;
    let node = host.cluster.nodes.iter().find(|node| node.name == name);
    node.and_then(|node| node.addresses.first())
        .map(|net| net.addr().to_string())
        .ok_or_else(|| Error::machine(format!("{name} has no address")))
}
