//! The controller on a simulated cluster that does not always obey.

use super::{
    Clock, Command, Controller, Ended, Event, EventBody, Exec, ExecOutput, Job, NodeAction, NodeStatus, Output, Owner,
    ProbeReply, Recorder, Reply, Selection, ready,
};
use crate::cluster::{self, Nowhere, Variables};
use crate::fault::{Fault, FaultId, Impairment, LinkSet, Party};
use crate::plan::{Interfaces, Plan};
use crate::runtime::sim::Sim;
use crate::runtime::{Applied, Notice, Place, Runtime};
use crate::signal::Signal;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

mod grace;
mod halts;
mod others;

/// A simulation in which one node refuses everything, and which looks at a link after every change of the network.
struct Stubborn {
    sim: Sim,
    refusing: Mutex<Option<usize>>,
    /// Stops are never done.
    stuck: Mutex<bool>,
    /// Whether no packet travels unasked.
    quiet: Mutex<bool>,
    /// How many starts there were, ours or others'.
    lives: Mutex<Vec<u64>>,
    /// Who was let go on, in that order.
    resumed: Mutex<Vec<usize>>,
    /// What the next `adopt` takes in: the simulation knows them already.
    strangers: Mutex<Vec<cluster::Node>>,
    /// After each change: does a packet from the first node arrive at the third?
    seen: Mutex<Vec<bool>>,
}

impl Stubborn {
    fn ask(&self, node: usize, job: Job<()>) -> Job<()> {
        if *self.refusing.lock().unwrap() == Some(node) { ready(Err(Error::machine("it refuses"))) } else { job }
    }

    fn open(&self, source: usize, target: usize) -> bool {
        now(self.sim.reachable(Place::Node(source), Place::Node(target), 1_000)).unwrap()
    }
}

impl Runtime for Stubborn {
    fn name(&self) -> &'static str {
        "stubborn"
    }

    fn up(&self) -> Job<()> {
        self.lives.lock().unwrap().iter_mut().for_each(|life| *life += 1);
        self.sim.up()
    }

    fn down(&self) -> Job<()> {
        self.sim.down()
    }

    fn is_quiet(&self) -> bool {
        *self.quiet.lock().unwrap()
    }

    fn means(&self) -> Job<crate::plan::Means> {
        ready(Ok(crate::plan::Means::ALL))
    }

    fn apply(&self, rulesets: Vec<(usize, Plan)>) -> Job<Applied> {
        let refusing = *self.refusing.lock().unwrap();
        let (refused, taken): (Vec<_>, Vec<_>) = rulesets.into_iter().partition(|(node, _)| Some(*node) == refusing);
        let applied = self.sim.apply(taken);
        let open = self.open(0, 2);
        self.seen.lock().unwrap().push(open);
        if refused.is_empty() { applied } else { ready(Err(Error::machine("it refuses"))) }
    }

    fn start(&self, node: usize) -> Job<()> {
        self.lives.lock().unwrap()[node] += 1;
        self.ask(node, self.sim.start(node))
    }

    fn stop(&self, node: usize) -> Job<()> {
        if *self.stuck.lock().unwrap() {
            return Box::pin(std::future::pending());
        }
        self.ask(node, self.sim.stop(node))
    }

    fn kill(&self, node: usize, signal: Signal) -> Job<()> {
        self.ask(node, self.sim.kill(node, signal))
    }

    fn pause(&self, node: usize) -> Job<()> {
        self.ask(node, self.sim.pause(node))
    }

    fn resume(&self, node: usize) -> Job<()> {
        self.resumed.lock().unwrap().push(node);
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

    fn http(
        &self,
        source: Place,
        node: usize,
        request: crate::probe::http::Request,
    ) -> Job<crate::probe::http::Answer> {
        self.sim.http(source, node, request)
    }

    fn measure(&self, source: Place, target: Place, stream: crate::probe::Stream) -> Job<Vec<crate::probe::Arrival>> {
        self.sim.measure(source, target, stream)
    }

    fn probe(&self, source: Place, target: Place, wait_ms: u64) -> Job<ProbeReply> {
        self.sim.probe(source, target, wait_ms)
    }

    fn reachable(&self, source: Place, target: Place, wait_ms: u64) -> Job<bool> {
        self.sim.reachable(source, target, wait_ms)
    }

    fn life(&self, node: usize) -> u64 {
        self.lives.lock().unwrap()[node]
    }

    fn adopt(&self, _: Vec<String>) -> Job<Vec<cluster::Node>> {
        let strangers = std::mem::take(&mut *self.strangers.lock().unwrap());
        if strangers.is_empty() {
            return ready(Err(Error::usage("there is no such container")));
        }
        self.lives.lock().unwrap().extend(strangers.iter().map(|_| 1));
        ready(Ok(strangers))
    }

    fn interfaces(&self) -> Vec<Interfaces> {
        let mut interfaces = self.sim.interfaces();
        interfaces.truncate(self.lives.lock().unwrap().len());
        interfaces
    }
}

/// Outside of any runtime, so that every job is done at once.
fn now<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the simulation waited"),
    }
}

/// Keeps the kinds of events, until it is full.
#[derive(Clone, Default)]
struct Kept {
    kinds: Arc<Mutex<Vec<String>>>,
    full: Arc<Mutex<bool>>,
}

impl Output for Kept {
    fn event(&mut self, event: &Event) -> Result<()> {
        if *self.full.lock().unwrap() {
            return Err(Error::machine("the disk is full"));
        }
        let json = serde_json::to_value(event).unwrap();
        self.kinds.lock().unwrap().push(json["kind"].as_str().unwrap().to_owned());
        Ok(())
    }
}

struct Test {
    controller: Controller,
    runtime: Arc<Stubborn>,
    kept: Kept,
}

impl Test {
    fn new() -> Self {
        Self::of("nodes: { n1: {}, n2: {}, n3: {} }")
    }

    fn of(text: &str) -> Self {
        Self::beside(text, usize::MAX)
    }

    /// Of the nodes, only the first so many are in the cluster at first.
    fn beside(text: &str, size: usize) -> Self {
        let variables = Variables {
            name: "c",
            seed: 0,
            params: &BTreeMap::new(),
            env: &|_| None,
            kind: None,
            surroundings: &Nowhere,
        };
        let mut cluster = cluster::load("c.yaml".as_ref(), text, &variables).unwrap();
        let clock = Arc::new(Clock::simulated());
        let sim = Sim::new(&cluster, Arc::clone(&clock));
        let mut strangers = cluster.nodes.split_off(size.min(cluster.nodes.len()));
        for node in &mut strangers {
            node.docker.adopted = Some(node.name.clone());
        }
        let runtime = Arc::new(Stubborn {
            sim,
            refusing: Mutex::default(),
            stuck: Mutex::default(),
            quiet: Mutex::default(),
            lives: Mutex::new(vec![0; cluster.nodes.len()]),
            resumed: Mutex::default(),
            strangers: Mutex::new(strangers),
            seen: Mutex::default(),
        });
        let kept = Kept::default();
        let recorder = Arc::new(Recorder::new(Arc::clone(&clock), vec![Box::new(kept.clone())]));
        let nodes = Arc::clone(&runtime) as Arc<dyn Runtime>;
        let mut controller = Controller::new(Arc::new(cluster), nodes, recorder, clock);
        now(controller.up()).unwrap();
        Self { controller, runtime, kept }
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

    fn heal(&mut self, id: u64) -> Result<Reply> {
        let which = Selection::One(FaultId(id));
        now(self.controller.change(Owner::STANDING, Command::Heal { which }))
    }

    fn act(&mut self, action: NodeAction, nodes: &[&str]) -> Result<Reply> {
        now(self.controller.change(Owner::STANDING, Command::Node { action, nodes: names(nodes) }))
    }

    /// Does a packet arrive?
    fn looks(&mut self, source: &str, target: &str) -> bool {
        let [source, target] = [source, target].map(|name| Party::Node(name.to_owned()));
        let look = now(async { Ok(self.controller.observe(&Command::Reachable { source, target }).await) }).unwrap();
        now(look.expect("a look")).unwrap() == Reply::Bool(true)
    }

    fn dies(&mut self, node: usize, expected: bool) {
        let ended = Ended::Signal(15);
        let life = self.runtime.life(node);
        now(self.controller.notice(Notice::Exited { node, life, ended, expected })).unwrap();
    }

    /// Somebody else starts a node. The notice of it is yet to come.
    fn is_started(&self, node: usize) -> Notice {
        self.runtime.lives.lock().unwrap()[node] += 1;
        Notice::Started { node, life: self.runtime.life(node), gap_us: None }
    }

    fn hears(&mut self, notice: Notice) {
        now(self.controller.notice(notice)).unwrap();
    }

    /// What was recorded since the last look.
    fn recorded(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept.kinds.lock().unwrap())
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
fn where_no_packet_travels_unasked_a_look_finds_what_was_done_since_the_last_one() {
    let mut test = Test::new();
    *test.runtime.quiet.lock().unwrap() = true;
    test.inject(partition(&[&["n1"], &["n2", "n3"]])).unwrap();
    test.heal(1).unwrap();
    assert!(test.looks("n1", "n2"));
    test.inject(partition(&[&["n1", "n2"], &["n3"]])).unwrap();
    test.inject(Fault::Isolate { nodes: names(&["n2"]) }).unwrap();
    assert_eq!((test.faults().len(), test.states().len()), (2, 3));
    assert!(test.runtime.seen.lock().unwrap().is_empty());
    assert!(!test.looks("n1", "n2") && !test.looks("n2", "n3") && !test.looks("n1", "n3"));
    assert_eq!(*test.runtime.seen.lock().unwrap(), [false]);
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

fn kill(node: &str, signal: &str) -> Fault {
    Fault::Kill { nodes: names(&[node]), signal: signal.to_owned() }
}

#[test]
fn a_program_that_ended_by_itself_is_not_started_by_the_end_of_a_pause() {
    let mut test = Test::new();
    test.inject(Fault::Pause { nodes: names(&["n1", "n2"]) }).unwrap();
    test.dies(0, false);
    test.act(NodeAction::Resume, &["n1"]).unwrap();
    assert_eq!(test.states(), ["Down", "Paused", "Up"]);
    test.heal(1).unwrap();
    assert_eq!(test.states(), ["Down", "Up", "Up"]);
    test.act(NodeAction::Start, &["n1"]).unwrap();
    assert_eq!(test.states(), ["Up", "Up", "Up"]);
}

#[test]
fn a_node_under_several_halts_is_what_the_strongest_that_is_left_makes_of_it() {
    let mut test = Test::new();
    test.inject(Fault::Pause { nodes: names(&["n1"]) }).unwrap();
    test.inject(Fault::Stop { nodes: names(&["n1"]) }).unwrap();
    test.inject(kill("n1", "SIGKILL")).unwrap();
    assert_eq!(test.states()[0], "Down");
    test.heal(2).unwrap();
    assert_eq!(test.states()[0], "Down");
    test.heal(3).unwrap();
    assert_eq!(test.states()[0], "Paused");
    test.act(NodeAction::Start, &["n1"]).unwrap();
    assert_eq!(test.states()[0], "Paused");
    test.heal(1).unwrap();
    assert_eq!(test.states()[0], "Up");
}

#[test]
fn a_program_that_takes_longer_to_die_than_its_fault_lasts_is_started_when_it_is_dead() {
    let mut test = Test::new();
    test.inject(kill("n1", "SIGTERM")).unwrap();
    test.heal(1).unwrap();
    assert_eq!(test.states()[0], "Up");
    test.dies(0, true);
    assert_eq!(test.states()[0], "Up");
    test.dies(0, true);
    assert_eq!(test.states()[0], "Down");
}

#[test]
fn a_signal_that_programs_survive_keeps_nobody_down() {
    let mut test = Test::new();
    test.inject(kill("n1", "SIGHUP")).unwrap();
    test.inject(Fault::Stop { nodes: names(&["n1"]) }).unwrap();
    test.heal(2).unwrap();
    assert_eq!(test.states()[0], "Up");
}

#[test]
fn a_fault_that_could_not_be_healed_stays_until_it_can_be() {
    let mut test = Test::new();
    test.inject(Fault::Stop { nodes: names(&["n1", "n2"]) }).unwrap();
    test.inject(partition(&[&["n1"]])).unwrap();
    test.recorded();
    test.refusing(Some(0));
    assert_eq!(test.heal(1).unwrap_err().kind, ErrorKind::Cleanup);
    assert_eq!(test.heal(2).unwrap_err().kind, ErrorKind::Cleanup);
    assert_eq!(test.faults(), ["f1: stop n1, n2", "f2: partition {n1}"]);
    assert_eq!(test.recorded(), ["fault.heal", "node.up", "fault.heal"]);
    test.refusing(None);
    test.heal(1).unwrap();
    test.heal(2).unwrap();
    assert_eq!(test.states(), ["Up", "Up", "Up"]);
    assert!(test.runtime.open(0, 2) && test.faults().is_empty());
}

#[test]
fn one_node_that_does_not_stop_does_not_leave_the_others_down_after_a_restart() {
    let mut test = Test::new();
    test.refusing(Some(1));
    test.act(NodeAction::Restart, &["n1", "n2", "n3"]).unwrap_err();
    assert_eq!(test.states(), ["Up", "Up", "Up"]);
}

#[test]
fn a_fault_retired_by_a_start_that_fails_is_not_said_to_be_healed() {
    let mut test = Test::new();
    test.inject(Fault::Stop { nodes: names(&["n1"]) }).unwrap();
    test.recorded();
    test.refusing(Some(0));
    test.act(NodeAction::Start, &["n1"]).unwrap_err();
    assert_eq!(test.recorded(), ["node.start", "fault.heal"]);
    test.refusing(None);
    test.act(NodeAction::Start, &["n1"]).unwrap();
    assert_eq!(test.states()[0], "Up");
}

#[test]
fn a_node_that_does_not_start_stays_under_its_fault_and_healing_tries_again() {
    let mut test = Test::new();
    test.inject(Fault::Stop { nodes: names(&["n1", "n2"]) }).unwrap();
    test.refusing(Some(0));
    test.act(NodeAction::Start, &["n1", "n2"]).unwrap_err();
    assert_eq!((test.states(), test.faults().len()), (vec!["Down".into(), "Up".into(), "Up".into()], 1));
    test.heal(1).unwrap_err();
    test.refusing(None);
    test.heal(1).unwrap();
    assert_eq!((test.states()[0].as_str(), test.faults().len()), ("Up", 0));
}

#[test]
fn a_fault_that_nothing_can_come_of_is_refused() {
    let mut test = Test::of("nodes: { n1: {}, n2: {}, n3: { holy: true } }");
    let unknown = test.inject(Fault::Isolate { nodes: names(&["n9"]) }).unwrap_err();
    insta::assert_snapshot!(unknown, @"`n9` is no node (the nodes are n1, n2, n3)");
    let holy = test.inject(Fault::Isolate { nodes: names(&["n3"]) }).unwrap_err();
    insta::assert_snapshot!(holy, @"n3 is holy: no fault of the network touches its links");
    let links = LinkSet::new(&["n1", "n2"].map(|n| Party::Node(n.into())), &[Party::Node("n3".into())]);
    test.inject(Fault::Block { links }).unwrap_err();
    test.inject(Fault::Isolate { nodes: names(&["n1", "n3"]) }).unwrap();
}

#[test]
fn the_links_of_a_holy_node_are_left_out_of_a_fault_that_has_others() {
    let mut test = Test::of("nodes: { n1: {}, n2: {}, n3: { holy: true } }");
    let party = |name: &str| Party::from(name.to_owned());
    let everyone = ["n1", "n2", "n3", "world"].map(party);
    let degrade = |links| Fault::Degrade {
        verb: "slow".into(),
        links,
        impairment: Impairment { delay_us: 5_000, ..Impairment::NONE },
    };
    let faults = [
        degrade(LinkSet::new(&everyone[..1], &everyone)),
        Fault::Block { links: LinkSet::new(&everyone, &everyone[1..3]) },
        Fault::OneWay { source: vec![party("n1")], target: vec![party("n2"), party("n3")] },
        Fault::Isolate { nodes: names(&["n1", "n3"]) },
    ];
    let held = faults.map(|fault| match test.inject(fault).unwrap() {
        Reply::Fault(info) => info.fault.to_string(),
        other => panic!("{other:?}"),
    });
    insta::assert_snapshot!(held.join("\n"), @"
    slow n1 → n2, n1 → world: delay 5 ms
    block n1 → n2, world → n2
    one_way n1 → n2
    isolate n1
    ");
    let holy = test.inject(degrade(LinkSet::new(&everyone[2..3], &everyone))).unwrap_err();
    insta::assert_snapshot!(holy, @"n3 is holy: no fault of the network touches its links");
    test.recorded();
    let which = Selection::Impairments(names(&["n3"]));
    now(test.controller.change(Owner::STANDING, Command::Heal { which })).unwrap();
    assert_eq!(test.recorded(), Vec::<String>::new());
}

#[test]
fn fast_takes_a_node_out_of_a_fault_that_goes_on_for_others_under_its_name() {
    let mut test = Test::new();
    let everyone = ["n1", "n2", "n3"].map(|name| Party::from(name.to_owned()));
    let slow = |senders: &[Party]| Fault::Degrade {
        verb: "slow".into(),
        links: LinkSet::new(senders, &everyone),
        impairment: Impairment { delay_us: 5_000, ..Impairment::NONE },
    };
    test.inject(slow(&everyone[..2])).unwrap();
    test.inject(slow(&everyone[1..2])).unwrap();
    let whole = test.faults();
    let fast = |test: &mut Test, refusing| {
        test.refusing(refusing);
        test.recorded();
        let which = Selection::Impairments(names(&["n2"]));
        now(test.controller.change(Owner::STANDING, Command::Heal { which }))
    };
    assert_eq!(fast(&mut test, Some(1)).unwrap_err().kind, ErrorKind::Cleanup);
    assert_eq!((test.recorded(), test.faults()), (names(&["fault.narrow", "fault.heal"]), whole));
    let Reply::Faults(healed) = fast(&mut test, None).unwrap() else { panic!("faults") };
    let healed: Vec<String> = healed.iter().map(|info| format!("{}: {}", info.id, info.fault)).collect();
    assert_eq!(healed, ["f1: slow n2 → n1, n2 → n3: delay 5 ms", "f2: slow n2 → n1, n2 → n3: delay 5 ms"]);
    assert_eq!(test.recorded(), ["fault.narrow", "fault.narrowed", "fault.heal", "fault.healed"]);
    assert_eq!(test.faults(), ["f1: slow n1 → n2, n1 → n3: delay 5 ms"]);
    assert_eq!(fast(&mut test, None).unwrap(), Reply::Faults(Vec::new()));
}

#[test]
fn what_is_kept_is_healed_by_name_only() {
    let mut test = Test::new();
    let [n1, n2] = ["n1", "n2"].map(|name| [Party::from(name.to_owned())]);
    let impairment = Impairment { delay_us: 5_000, ..Impairment::NONE };
    test.inject(Fault::Degrade { verb: "slow".into(), links: LinkSet::new(&n1, &n2), impairment }).unwrap();
    test.inject(Fault::Isolate { nodes: names(&["n3"]) }).unwrap();
    test.inject(Fault::Stop { nodes: names(&["n2"]) }).unwrap();
    let all = test.faults();
    for id in (1..=3).map(FaultId) {
        now(test.controller.change(Owner::STANDING, Command::Keep { id })).unwrap();
    }
    for which in [Selection::All, Selection::Partitions, Selection::Impairments(names(&["n1", "n2", "n3"]))] {
        let healed = now(test.controller.change(Owner::STANDING, Command::Heal { which })).unwrap();
        assert_eq!((healed, test.faults()), (Reply::Faults(Vec::new()), all.clone()));
    }
    test.heal(1).unwrap();
    assert_eq!(test.faults().len(), 2);
}

#[test]
fn a_fault_that_cannot_be_recorded_as_active_is_undone() {
    struct FullAfter(u32);
    impl Output for FullAfter {
        fn event(&mut self, event: &Event) -> Result<()> {
            self.0 -= u32::from(matches!(event.body, EventBody::FaultInject { .. }));
            if self.0 == 0 && matches!(event.body, EventBody::FaultActive { .. }) {
                return Err(Error::machine("the disk is full"));
            }
            Ok(())
        }
    }
    let mut test = Test::new();
    let clock = Arc::new(Clock::simulated());
    test.controller.recorder = Arc::new(Recorder::new(clock, vec![Box::new(FullAfter(2))]));
    test.inject(partition(&[&["n1"]])).unwrap();
    test.inject(Fault::Stop { nodes: names(&["n2"]) }).unwrap_err();
    assert_eq!((test.faults().len(), test.states()[1].as_str()), (1, "Up"));
}

#[test]
fn a_journal_that_is_full_is_no_failure_to_clean_up() {
    let mut test = Test::new();
    test.inject(partition(&[&["n1"]])).unwrap();
    *test.kept.full.lock().unwrap() = true;
    let error = now(test.controller.down()).unwrap_err();
    assert_eq!((error.kind, test.faults().len()), (ErrorKind::Machine, 0));
}

#[test]
fn a_change_that_takes_too_long_is_given_up_in_a_hurry_and_none_begins_after_it() {
    let mut test = Test::new();
    *test.runtime.stuck.lock().unwrap() = true;
    let hurry = test.controller.hurry();
    let command = Command::Inject { fault: Fault::Stop { nodes: names(&["n1"]) }, for_us: None };
    {
        let mut change = std::pin::pin!(test.controller.change(Owner::STANDING, command));
        let mut look = || change.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(look().is_pending());
        hurry.raise();
        assert!(look().is_ready());
    }
    assert_eq!(test.inject(partition(&[&["n1"]])).unwrap_err().kind, ErrorKind::Interrupted);
    now(test.controller.down()).unwrap();
}
