//! The nodes of a fabric and what runs in them.

use super::exec::{self, Home};
use super::image::Defaults;
use super::node::Node;
use super::wire;
use crate::agent::networks::Networks;
use crate::agent::outbox::Outbox;
use crate::agent::protocol::{CreateFabric, Exec, Executed, Failure, StartNode, StopNode};
use crate::agent::{cannot, sys};
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::sync::oneshot;

/// All nodes; none before the fabric is made.
pub(in crate::agent) struct Programs {
    home: Home,
    nodes: RefCell<Option<Vec<Rc<Node>>>>,
}

impl Programs {
    /// No node yet.
    pub(super) fn new(defaults: Defaults) -> Result<Self> {
        let own = sys::own_pidfd().map_err(|errno| cannot("open a pidfd", errno))?;
        Ok(Self { home: Home { defaults, own }, nodes: RefCell::default() })
    }

    /// Makes the network and all nodes, and waits until every link carries packets. What exists when an error occurs
    /// ends with the agent.
    pub(in crate::agent) async fn create(
        &self,
        request: &CreateFabric,
        networks: &Networks,
    ) -> Result<Vec<Vec<IpAddr>>> {
        if self.nodes.borrow().is_some() {
            return Err(Error::machine("the network is there already"));
        }
        let wired = wire::wire(&networks.home, request).await?;
        let (mut nodes, mut addresses) = (Vec::new(), Vec::new());
        for (node, wired) in request.nodes.iter().zip(wired) {
            let (network, events) = wired.into_network();
            let network = Rc::new(network);
            addresses.push(network.interfaces().addresses);
            networks.insert(&node.name, network.clone(), events);
            nodes.push(Rc::new(Node::new(&node.name, network)));
        }
        self.nodes.replace(Some(nodes));
        Ok(addresses)
    }

    pub(in crate::agent) fn node(&self, name: &str) -> Result<Rc<Node>> {
        let nodes = self.nodes.borrow();
        let nodes = nodes.as_ref().ok_or_else(|| Error::machine("there is no network yet"))?;
        let node = nodes.iter().find(|node| node.name() == name).cloned();
        node.ok_or_else(|| Error::usage(format!("there is no node {name}")))
    }

    pub(in crate::agent) async fn start(&self, request: &StartNode, outbox: &Outbox) -> Result<u64, Failure> {
        self.node(&request.node)?.start(request, &self.home.defaults, outbox).await
    }

    /// A command that is `abandoned` is killed.
    pub(in crate::agent) async fn exec(
        &self,
        request: Exec,
        abandoned: oneshot::Receiver<()>,
    ) -> Result<Executed, Failure> {
        exec::exec(&self.home, &*self.node(&request.node)?, request, abandoned).await
    }

    /// The end of all nodes, at the same time; what failed of it.
    pub(in crate::agent) async fn end(&self, stops: Vec<StopNode>) -> Vec<Error> {
        let nodes = self.nodes.take().unwrap_or_default();
        let mut ending = tokio::task::JoinSet::new();
        for node in nodes {
            let stop = stops.iter().find(|stop| stop.node == node.name()).cloned();
            ending.spawn_local(async move { node.end(stop).await });
        }
        ending.join_all().await.into_iter().filter_map(Result::err).collect()
    }
}
