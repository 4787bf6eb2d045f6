//! The controller on a simulated cluster that does not always obey.

use super::{Clock, Command, Controller, Exec, ExecOutput, Job, NodeStatus, Owner, ProbeReply, Recorder, Reply, ready};
use crate::cluster::{self, Cluster, Variables};
use crate::fault::Fault;
use crate::plan::Ruleset;
use crate::runtime::sim::Sim;
use crate::runtime::{Applied, Place, Runtime};
use crate::signal::Signal;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A simulation in which one node refuses everything, and which looks at a link after every change of the network.
struct Stubborn {
    sim: Sim,
    refusing: Mutex<Option<usize>>,
    /// After each change: does a packet from the first node arrive at the third?
    seen: Mutex<Vec<bool>>,
}

impl Stubborn {
    fn ask(&self, node: usize, job: Job<()>) -> Job<()> {
        if *self.refusing.lock().unwrap() == Some(node) { ready(Err(Error::machine("it refuses"))) } else { job }
    }

    fn open(&self, source: usize, target: usize) -> bool {
        now(self.sim.reachable(Place::Node(source), Place::Node(target))).unwrap()
    }
}

impl Runtime for Stubborn {
    fn name(&self) -> &'static str {
        "stubborn"
    }

    fn up(&self) -> Job<()> {
        self.sim.up()
    }

    fn down(&self) -> Job<()> {
        self.sim.down()
    }

    fn apply(&self, rulesets: Vec<(usize, Ruleset)>) -> Job<Applied> {
        let refusing = *self.refusing.lock().unwrap();
        let (refused, taken): (Vec<_>, Vec<_>) = rulesets.into_iter().partition(|(node, _)| Some(*node) == refusing);
        let applied = self.sim.apply(taken);
        let open = self.open(0, 2);
        self.seen.lock().unwrap().push(open);
        if refused.is_empty() { applied } else { ready(Err(Error::machine("it refuses"))) }
    }

    fn start(&self, node: usize) -> Job<()> {
        self.ask(node, self.sim.start(node))
    }

    fn stop(&self, node: usize) -> Job<()> {
        self.ask(node, self.sim.stop(node))
    }

    fn kill(&self, node: usize, signal: Signal) -> Job<()> {
        self.ask(node, self.sim.kill(node, signal))
    }

    fn pause(&self, node: usize) -> Job<()> {
        self.ask(node, self.sim.pause(node))
    }

    fn resume(&self, node: usize) -> Job<()> {
        self.ask(node, self.sim.resume(node))
    }

    fn exec(&self, node: usize, exec: Exec) -> Job<ExecOutput> {
        self.sim.exec(node, exec)
    }

    fn logs(&self, node: usize, last: Option<usize>) -> Job<String> {
        self.sim.logs(node, last)
    }

    fn tcp(&self, node: usize, port: u16) -> Job<bool> {
        self.sim.tcp(node, port)
    }

    fn probe(&self, source: Place, target: Place) -> Job<ProbeReply> {
        self.sim.probe(source, target)
    }

    fn reachable(&self, source: Place, target: Place) -> Job<bool> {
        self.sim.reachable(source, target)
    }

    fn life(&self, node: usize) -> u64 {
        self.sim.life(node)
    }

    fn addresses(&self) -> Vec<Vec<IpAddr>> {
        self.sim.addresses()
    }
}

/// Outside of any runtime, so that every job is done at once.
fn now<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the simulation waited"),
    }
}

struct Test {
    controller: Controller,
    runtime: Arc<Stubborn>,
}

impl Test {
    fn new() -> Self {
        let variables = Variables { name: "c", seed: 0, params: &BTreeMap::new(), env: &|_| None, used: &[] };
        let text = "nodes: { n1: {}, n2: {}, n3: {} }";
        let cluster: Arc<Cluster> = Arc::new(cluster::load("c.yaml".as_ref(), text, &variables).unwrap());
        let clock = Arc::new(Clock::simulated());
        let sim = Sim::new(&cluster, Arc::clone(&clock));
        let runtime = Arc::new(Stubborn { sim, refusing: Mutex::default(), seen: Mutex::default() });
        let recorder = Arc::new(Recorder::new(Arc::clone(&clock), Vec::new()));
        let mut controller = Controller::new(cluster, Arc::clone(&runtime) as Arc<dyn Runtime>, recorder, clock);
        now(controller.up()).unwrap();
        Self { controller, runtime }
    }

    fn refusing(&self, node: Option<usize>) {
        *self.runtime.refusing.lock().unwrap() = node;
    }

    fn inject(&mut self, fault: Fault) -> Result<Reply> {
        now(self.controller.change(Owner::STANDING, Command::Inject { fault, for_us: None }))
    }

    fn replace(&mut self, fault: Fault) -> Result<Reply> {
        now(self.controller.change(Owner::STANDING, Command::Replace { fault, for_us: None }))
    }

    fn faults(&self) -> Vec<String> {
        self.controller.active().map(|info| format!("{}: {}", info.id, info.fault)).collect()
    }

    fn states(&self) -> Vec<String> {
        self.controller.status().iter().map(|NodeStatus { status, .. }| format!("{status:?}")).collect()
    }
}

fn partition(groups: &[&[&str]]) -> Fault {
    Fault::Partition { groups: groups.iter().map(|group| names(group)).collect() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_cut_that_one_node_refuses_is_undone_on_all_others() {
    let mut test = Test::new();
    test.refusing(Some(0));
    test.inject(partition(&[&["n1"], &["n2"], &["n3"]])).unwrap_err();
    test.refusing(None);
    assert!(test.faults().is_empty());
    assert!(test.runtime.open(0, 1) && test.runtime.open(1, 2) && test.runtime.open(0, 2));
    test.inject(partition(&[&["n1"]])).unwrap();
    assert!(!test.runtime.open(0, 1) && test.runtime.open(1, 2));
}

#[test]
fn nodes_that_stopped_for_a_fault_that_failed_are_started_again_and_no_others() {
    let mut test = Test::new();
    test.inject(Fault::Stop { nodes: names(&["n1"]) }).unwrap();
    test.refusing(Some(2));
    test.inject(Fault::Stop { nodes: names(&["n1", "n2", "n3"]) }).unwrap_err();
    assert_eq!(test.states(), ["Down", "Up", "Up"]);
    assert_eq!(test.faults(), ["f1: stop n1"]);
}

#[test]
fn a_link_that_is_cut_before_and_after_a_replacement_is_never_open() {
    let mut test = Test::new();
    test.replace(partition(&[&["n1", "n2"]])).unwrap();
    for groups in [[["n1"].as_slice(), &["n2", "n3"]], [&["n1", "n2"], &["n3"]], [&["n1"], &["n3"]]] {
        test.replace(partition(&groups)).unwrap();
    }
    assert_eq!(test.faults(), ["f4: partition {n1} | {n3}"]);
    assert_eq!(*test.runtime.seen.lock().unwrap(), [false; 4]);
}

#[test]
fn a_partition_that_cannot_be_made_leaves_the_one_in_force() {
    let mut test = Test::new();
    test.replace(partition(&[&["n1"]])).unwrap();
    test.refusing(Some(1));
    test.replace(partition(&[&["n2"], &["n1"]])).unwrap_err();
    test.refusing(None);
    assert_eq!(test.faults(), ["f1: partition {n1}"]);
    assert!(!test.runtime.open(0, 2) && test.runtime.open(1, 2));
    assert!(test.runtime.seen.lock().unwrap().iter().all(|open| !open));
}
