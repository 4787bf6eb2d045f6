//! The networks of all nodes: rules into many of them at once, probes between them and towards the world.

use super::namespace::NetNs;
use super::network::{Network, Watch};
use super::outbox::Outbox;
use super::protocol::{Applied, Failure, Http, Measure, Party, Probe, Probed, Reachable};
use super::rules;
use super::shaping::Shaping;
use crate::error::{Error, Result};
use crate::kernel::address::AddressEvents;
use crate::kernel::features;
use crate::kernel::http;
use crate::kernel::probe::{self, Connecting, Endpoint};
use crate::plan::{Holding, Means, Order, Plan, Ruleset, Shaped, Tree};
use crate::probe::Arrival;
use crate::probe::http::Answer;
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_local;

/// All networks that the agent has a hand in.
pub(super) struct Networks {
    pub(super) home: NetNs,
    outbox: Outbox,
    pub(super) shaping: Rc<Shaping>,
    members: RefCell<BTreeMap<String, Member>>,
    /// What each node was last to hold, for the next namespace it gets; none where nodes keep theirs for ever.
    wanted: Option<RefCell<BTreeMap<String, Wanted>>>,
}

/// What a network is to hold, in the parts that different hands bring about.
#[derive(Clone, Default)]
pub(super) struct Wanted {
    pub(super) rules: Arc<Ruleset>,
    pub(super) tree: Arc<Tree>,
    pub(super) shaped: Arc<Shaped>,
    pub(super) seed: u64,
}

impl Wanted {
    fn holding(&self) -> Holding<'_> {
        Holding { ruleset: &self.rules, tree: &self.tree, shaped: &self.shaped }
    }

    /// Whether both are the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(own: &Arc<T>, others: &Arc<T>) -> bool {
            Arc::ptr_eq(own, others) || own == others
        }
        same(&self.rules, &other.rules) && same(&self.tree, &other.tree) && same(&self.shaped, &other.shaped)
    }
}

impl From<Plan> for Wanted {
    fn from(Plan { ruleset, tree, shaped, seed }: Plan) -> Self {
        Self { rules: Arc::new(ruleset), tree: Arc::new(tree), shaped: Arc::new(shaped), seed }
    }
}

/// A network on its way.
struct Change {
    node: String,
    network: Rc<Network>,
    former: Wanted,
    wanted: Wanted,
}

/// A network and who looks after it.
struct Member {
    network: Rc<Network>,
    _watch: Watch,
}

impl Networks {
    /// None yet, seen from the namespace that we are in. Nodes that are `attached` may be without a network at times,
    /// and get another one.
    pub(super) fn new(outbox: &Outbox, attached: bool) -> Result<Self> {
        let home = NetNs::current().map_err(|errno| super::cannot("open its own network namespace", errno))?;
        let wanted = attached.then(RefCell::default);
        let shaping = Rc::new(Shaping::new(outbox));
        Ok(Self { home, outbox: outbox.clone(), shaping, members: RefCell::default(), wanted })
    }

    /// Sees to it that a shaper that dies is started anew; to be called once, within a set of local tasks.
    pub(super) fn watch_shaper(&self) {
        if let Ok(home) = NetNs::current() {
            self.shaping.watch(home);
        }
    }

    /// Takes a node's network in, in the place of the one that it had, which is returned.
    pub(super) fn insert(&self, node: &str, network: Rc<Network>, events: AddressEvents) -> Option<Rc<Network>> {
        let watch = Watch::new(node, &network, events, &self.outbox);
        let member = Member { network, _watch: watch };
        self.members.borrow_mut().insert(node.to_owned(), member).map(|former| former.network)
    }

    /// Gives a node's network away.
    pub(super) fn remove(&self, node: &str) -> Option<Rc<Network>> {
        self.members.borrow_mut().remove(node).map(|member| member.network)
    }

    /// Lets go of all networks.
    pub(super) fn clear(&self) {
        self.members.borrow_mut().clear();
    }

    /// Every node that has a network, with it.
    pub(super) fn all(&self) -> Vec<(String, Rc<Network>)> {
        self.members.borrow().iter().map(|(node, member)| (node.clone(), member.network.clone())).collect()
    }

    /// What the node was last to hold.
    pub(super) fn wanted(&self, node: &str) -> Wanted {
        let remembered = self.wanted.as_ref().and_then(|wanted| wanted.borrow().get(node).cloned());
        remembered.unwrap_or_default()
    }

    pub(super) fn network(&self, node: &str) -> Result<Rc<Network>, Failure> {
        let found = self.members.borrow().get(node).map(|member| member.network.clone());
        found.ok_or_else(|| match self.wanted {
            Some(_) => Failure::NotRunning(node.to_owned()),
            None => unknown(node).into(),
        })
    }

    /// Brings namespaces to these plans: first what packets are to be sorted into or handed to, then the rules, then the
    /// shaper lets go of what no rule hands it any more.
    pub(super) async fn apply(&self, plans: Vec<(String, Plan)>) -> Applied {
        let (mut changes, mut failures) = (Vec::new(), Vec::new());
        for (node, plan) in plans {
            let wanted = Wanted::from(plan);
            if let Some(remembered) = &self.wanted {
                remembered.borrow_mut().insert(node.clone(), wanted.clone());
            }
            let network = self.members.borrow().get(&node).map(|member| member.network.clone());
            match network {
                Some(network) => changes.push(Change { former: self.former(&node, &network), node, network, wanted }),
                None if self.wanted.is_none() => failures.push((node.clone(), unknown(&node))),
                None => {}
            }
        }
        let order = Order::of(changes.iter().map(|change| (change.former.holding(), change.wanted.holding())));
        let mut ready = Vec::with_capacity(changes.len());
        for change in changes {
            let shaped = Arc::new(change.former.shaped.until(&change.wanted.shaped));
            let until = Wanted { shaped, ..change.wanted.clone() };
            match self.prepare(&change.node, &change.network, &until).await {
                Ok(()) => ready.push(change),
                Err(error) => failures.push((change.node, error)),
            }
        }
        let steps =
            ready.iter().map(|change| (change.node.clone(), &change.network.rules, change.wanted.rules.clone()));
        let mut applied = rules::apply(steps.collect(), order);
        applied.failures.extend(failures);
        for Change { node, network, wanted, .. } in ready {
            prune_in_time(&network);
            let shaped = (wanted.seed, &*wanted.shaped);
            match self.shaping.shape(&self.home, &node, &network, shaped).await {
                Ok(()) => {}
                // No rule leads there any more.
                Err(error) if wanted.shaped.is_empty() => tracing::debug!("{error}"),
                Err(error) => applied.failures.push((node, error)),
            }
        }
        applied
    }

    /// What a node's network was last brought to.
    fn former(&self, node: &str, network: &Rc<Network>) -> Wanted {
        let shaped = Arc::new(self.shaping.shaped(node, network));
        Wanted { rules: network.rules.wanted(), tree: network.trees.wanted(), shaped, seed: 0 }
    }

    /// All that packets are to be sorted into or handed to, before they are.
    pub(super) async fn prepare(&self, node: &str, network: &Rc<Network>, wanted: &Wanted) -> Result<()> {
        network.trees.grow(&network.devices(), &wanted.tree)?;
        if wanted.shaped.is_empty() {
            return Ok(());
        }
        self.shaping.shape(&self.home, node, network, (wanted.seed, &wanted.shaped)).await
    }

    /// How many packets the user-space shaper holds.
    pub(super) async fn held(&self) -> Result<usize> {
        self.shaping.held().await
    }

    /// What can impair links on this machine.
    pub(super) fn means(&self) -> Result<Means> {
        self.home.create(|| Ok(features::means())).map(|(_its_end, means)| means)
    }

    /// Whether somebody accepts a connection at the node's own address.
    pub(super) async fn tcp(&self, node: &str, port: u16, wait: Duration) -> Result<bool, Failure> {
        let connecting = self.connecting(&Party::Node(node.to_owned()), node, port)?;
        Ok(connecting.accepted(wait).await)
    }

    /// What an HTTP request from one party to a node comes to.
    pub(super) async fn http(&self, Http { from, to, request }: &Http) -> Result<Answer, Failure> {
        let connecting = self.connecting(from, to, request.port)?;
        Ok(http::exchange(connecting, to, request).await?)
    }

    /// A connection from one party to a node: from inside of the node itself, to its own address.
    fn connecting(&self, from: &Party, to: &str, port: u16) -> Result<Connecting, Failure> {
        let is_own = matches!(from, Party::Node(name) if name == to);
        let (from, node) = (self.party(from)?, self.network(to)?);
        let address = match &from {
            Some(_) if is_own => node.nets().first().map(IpNet::addr),
            Some(from) => probe::choose(&from.nets(), &node.nets()).map(|(_, target)| target),
            None => to_the_world(&node)?.map(|(_, target)| target),
        };
        let Some(address) = address else {
            return Err(Error::usage(format!("node {to} has no address that leads there")).into());
        };
        let start = || Connecting::start(SocketAddr::new(address, port));
        Ok(match from {
            Some(from) => self.home.visit(&from.namespace, start)?,
            None => start()?,
        })
    }

    /// A packet there and its answer back.
    pub(super) async fn probe(&self, request: &Probe) -> Result<Probed, Failure> {
        let (from, to) = self.endpoints(&request.from, &request.to)?;
        let outcome = probe::probe(&from, &to, Duration::from_millis(request.wait_ms)).await?;
        Ok(Probed { rtt_us: outcome.took_us() })
    }

    /// A packet there.
    pub(super) async fn reachable(&self, request: &Reachable) -> Result<bool, Failure> {
        let (from, to) = self.endpoints(&request.from, &request.to)?;
        Ok(probe::reachable(&from, &to, Duration::from_millis(request.wait_ms)).await?.arrived())
    }

    /// Sends packets one way and hears what becomes of them.
    pub(super) async fn measure(&self, request: &Measure) -> Result<Vec<Arrival>, Failure> {
        let (from, to) = self.endpoints(&request.from, &request.to)?;
        Ok(probe::measure(&from, &to, request.stream).await?)
    }

    fn endpoints(&self, from: &Party, to: &Party) -> Result<(Endpoint, Endpoint), Failure> {
        let (from, to) = (self.party(from)?, self.party(to)?);
        let none = || Error::usage("the two have no address of the same family").help("give both IPv4 or IPv6");
        let (source, target) = match (&from, &to) {
            (Some(from), Some(to)) => probe::choose(&from.nets(), &to.nets()).ok_or_else(none)?,
            (None, Some(node)) => to_the_world(node)?.ok_or_else(none)?,
            (Some(node), None) => to_the_world(node)?.map(|(world, node)| (node, world)).ok_or_else(none)?,
            (None, None) => (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()),
        };
        Ok((self.open(from.as_deref(), source)?, self.open(to.as_deref(), target)?))
    }

    /// Nothing for the world: it is where we are ourselves.
    fn party(&self, party: &Party) -> Result<Option<Rc<Network>>, Failure> {
        match party {
            Party::World => Ok(None),
            Party::Node(name) => self.network(name).map(Some),
        }
    }

    fn open(&self, network: Option<&Network>, address: IpAddr) -> Result<Endpoint> {
        match network {
            Some(network) => self.home.visit(&network.namespace, || Endpoint::open(address)),
            None => Endpoint::open(address),
        }
    }
}

/// Sees to it that classes which nothing is sorted into any more go when they have run empty.
fn prune_in_time(network: &Rc<Network>) {
    let Some(mut due) = network.trees.retire(&network.devices()) else { return };
    let network = Rc::downgrade(network);
    spawn_local(async move {
        loop {
            tokio::time::sleep_until(due.into()).await;
            let Some(network) = network.upgrade() else { return };
            match network.trees.prune(&network.devices()) {
                Some(next) => due = next,
                None => return,
            }
        }
    });
}

/// Our own address on the way to one of the node's, and that one.
fn to_the_world(node: &Network) -> Result<Option<(IpAddr, IpAddr)>> {
    let nets: Vec<IpNet> = node.nets();
    for v4 in [true, false] {
        for net in nets.iter().filter(|net| net.addr().is_ipv4() == v4 && !probe::is_link_local(net.addr())) {
            if let Some(own) = probe::source_towards(net.addr())? {
                return Ok(Some((own, net.addr())));
            }
        }
    }
    Ok(None)
}

fn unknown(node: &str) -> Error {
    Error::usage(format!("there is no node {node}"))
}
