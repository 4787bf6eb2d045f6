//! The agent of nodes that others made: containers of this host. It unshares nothing and starts nothing; it attaches to
//! namespaces, and when its runner is gone, however that went, it takes every rule of ours out of them and ends.

use super::claim::Claim;
use super::namespace::NetNs;
use super::network::{Network, Seen};
use super::networks::Networks;
use super::outbox::Outbox;
use super::protocol::{Attach, Hello};
use super::rules::{self, Rules};
use super::serve::{self, Agent};
use super::trees::Trees;
use super::{readable, sys};
use crate::error::{Error, Result};
use crate::kernel::address::AddressEvents;
use crate::kernel::link::Links;
use crate::plan::Interfaces;
use rustix::fd::OwnedFd;
use std::cell::RefCell;
use std::future::Future;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How long another agent may take to let go of a namespace.
const FREE_WITHIN: Duration = Duration::from_secs(2);
/// How often to look whether it has.
const INTERVAL: Duration = Duration::from_millis(20);

/// A child of a runner that is root: ends with the socket, the lifeline, or SIGTERM. What a terminal or its end sends is
/// the runner's business.
pub(super) fn child(control: OwnedFd, lifeline: OwnedFd) -> ExitCode {
    if let Err(error) = super::leave_the_terminal() {
        super::refuse(&control, error);
        return ExitCode::from(3);
    }
    sys::ignore(&[libc::SIGINT, libc::SIGHUP]);
    run(UnixStream::from(control), || {
        let mut terminated = signal(SignalKind::terminate())?;
        let lifeline = readable::readable(lifeline)?;
        Ok(async move {
            tokio::select! {
                _ = terminated.recv() => {}
                // Nothing is ever written to it: readable is its end.
                _ = lifeline.readable() => {}
            }
        })
    })
}

/// In a helper container: connects to the runner's socket; ends with it, or with what Docker sends.
pub(super) fn helper(path: &Path) -> ExitCode {
    let stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("blockade: the agent cannot connect to {}: {error}", path.display());
            return ExitCode::from(3);
        }
    };
    run(stream, || {
        let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        })
    })
}

fn run<E: Future<Output = ()>>(stream: UnixStream, end: impl FnOnce() -> std::io::Result<E>) -> ExitCode {
    let _ = rustix::thread::set_name(c"blockade-agent");
    sys::raise_open_files();
    let agent = |outbox: Outbox| {
        let networks = Rc::new(Networks::new(&outbox, true)?);
        Ok(Agent { outbox, networks, programs: None, awaited: RefCell::default() })
    };
    let heal = |agent: &Agent| drop(release(&agent.networks));
    match serve::serve(stream, Hello { rootless: false, host: true }, agent, end, heal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Takes every rule of ours out of every namespace and lets go of it. One that fails does not keep the others.
pub(super) fn release(networks: &Networks) -> Vec<Error> {
    let all = networks.all();
    let former: Vec<_> = all.iter().map(|(_, network)| network.clone()).collect();
    let outcomes = heal(&former);
    drop(former);
    networks.clear();
    let failed = all.iter().zip(outcomes).filter_map(|((node, _), outcome)| Some((node, outcome.err()?)));
    let errors = failed.map(|(node, error)| error.context(format!("node {node}"))).collect();
    close(all.into_iter().map(|(_, network)| network).collect());
    errors
}

/// Takes all that is ours out of these networks: first what sorts packets, then what they are sorted into.
fn heal(all: &[Rc<Network>]) -> Vec<Result<()>> {
    let outcomes = rules::remove(all.iter().map(|network| &network.rules));
    let trees = all.iter().map(|network| network.trees.remove(&network.devices()));
    outcomes.into_iter().zip(trees).map(|(rules, trees)| rules.and(trees)).collect()
}

/// Opens the network namespace of a process, makes sure that it is the one meant, and puts the node's rules there. One
/// that another agent has is waited for, a moment long: that agent may be on its way out.
pub(super) async fn attach(networks: &Networks, request: &Attach) -> Result<Interfaces> {
    let began = Instant::now();
    loop {
        let attached =
            try_attach(networks, request).await.map_err(|error| error.context(format!("node {}", request.node)))?;
        match attached {
            Some(interfaces) => return Ok(interfaces),
            None if began.elapsed() > FREE_WITHIN => {
                return Err(Error::usage(format!("node {}: another blockade has it already", request.node))
                    .help("`blockade destroy` of that one lets go of it"));
            }
            None => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// Nothing where the namespace is another agent's.
async fn try_attach(networks: &Networks, request: &Attach) -> Result<Option<Interfaces>> {
    let namespace = NetNs::of(request.pid)?;
    check_owner(networks, &request.node, &namespace)?;
    let held = networks.network(&request.node).ok().filter(|held| held.namespace.is(&namespace));
    let (network, outcome) = match held {
        Some(network) => {
            network.look().and_then(|_| check_addresses(request, &network.interfaces()))?;
            (network.clone(), enforce(networks, &request.node, &network).await)
        }
        None => match open(networks, request, namespace).await? {
            Some(opened) => opened,
            None => return Ok(None),
        },
    };
    outcome.map(|()| Some(network.interfaces()))
}

/// Whose rules would be in the way, or be put where they do not belong.
fn check_owner(networks: &Networks, node: &str, namespace: &NetNs) -> Result<()> {
    if namespace.is(&networks.home) {
        return Err(Error::usage("it has the host's own network: a fault there would be one of the host")
            .help("give the container a network of its own (no `network_mode: host`)"));
    }
    match networks.all().into_iter().find(|(other, network)| other != node && network.namespace.is(namespace)) {
        Some((other, _)) => Err(Error::usage(format!("it shares the network of node {other}"))
            .help("faults are one network's: name only one of the two")),
        None => Ok(()),
    }
}

/// Sockets in a namespace that is new to us, and the rules that are wanted there; nothing where it is another agent's.
/// Where the rules fail, the network is ours all the same: somebody before us may have left some.
async fn open(networks: &Networks, request: &Attach, namespace: NetNs) -> Result<Option<(Rc<Network>, Result<()>)>> {
    let wanted = networks.wanted(&request.node);
    let opened = networks.home.visit(&namespace, || {
        let (mut links, events) = (Links::open()?, AddressEvents::open()?);
        let seen = Seen::look(&mut links)?.with_first(&request.expected);
        check_addresses(request, &seen.interfaces())?;
        let Some(claim) = Claim::take()? else { return Ok(None) };
        Ok(Some((links, seen, events, Rules::of_another(wanted.rules)?, Trees::of_another(wanted.tree)?, claim)))
    })?;
    let Some((links, seen, events, rules, trees, claim)) = opened else { return Ok(None) };
    let network = Rc::new(Network::new(namespace, links, rules, trees, seen).claimed(claim));
    // From here on whoever changes the node's plan changes it here, too.
    let former = networks.insert(&request.node, network.clone(), events);
    let outcome = enforce(networks, &request.node, &network).await;
    if let Some(former) = former {
        // Whoever still lives in it is no node any more.
        drop(heal(std::slice::from_ref(&former)));
        close(vec![former]);
    }
    Ok(Some((network, outcome)))
}

/// What packets are handed to, then the rules.
async fn enforce(networks: &Networks, node: &str, network: &Rc<Network>) -> Result<()> {
    let mut wanted = networks.wanted(node);
    let prepared = loop {
        networks.shaping.leave_former(node, network).await;
        let prepared = networks.prepare(node, network, &wanted).await;
        let now = networks.wanted(node);
        if now.is(&wanted) {
            break prepared;
        }
        wanted = now;
    };
    network.enforce().and(prepared)?;
    if wanted.tree.is_empty() {
        // Classes that a dead agent has left bear numbers that may come again.
        network.trees.remove(&network.devices())?;
    }
    Ok(())
}

fn check_addresses(request: &Attach, Interfaces { addresses, .. }: &Interfaces) -> Result<()> {
    if request.expected.is_empty() || request.expected.iter().any(|address| addresses.contains(address)) {
        return Ok(());
    }
    let list =
        |addresses: &[std::net::IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Error::machine(format!(
        "process {} is not in its network: found {}, expected {}",
        request.pid,
        if addresses.is_empty() { "no address".to_owned() } else { list(addresses) },
        list(&request.expected)
    ))
    .help("the container may just have ended"))
}

/// Takes our rules out of a node's namespace and lets go of it.
pub(super) fn detach(networks: &Networks, node: &str) -> Result<()> {
    let Some(former) = networks.remove(node) else { return Ok(()) };
    let outcome = heal(std::slice::from_ref(&former)).pop().unwrap_or(Ok(()));
    close(vec![former]);
    outcome.map_err(|error| error.context(format!("node {node}")))
}

/// The last that we have of these namespaces. Closing a netlink socket right after a commit waits for the kernel, some
/// tens of milliseconds: that is done by a thread.
fn close(networks: Vec<Rc<Network>>) {
    let sockets: Vec<_> = networks.into_iter().filter_map(Rc::into_inner).map(Network::into_sockets).collect();
    std::thread::spawn(move || drop(sockets));
}
