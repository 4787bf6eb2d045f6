//! A world for the protocol's tests: three nodes, their network, and everything that may go wrong with it.
//!
//! Messages lie in one bag from which any may be delivered, repeated or lost, so that every order that a network
//! could produce is produced. Nodes are killed between any two steps and start again with what they had stored.

use super::message::{Acks, Answer, Durable, Epoch, Id, Input, Message, Output};
use super::protocol::{HEARTBEAT_MS, Node};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const IDS: [Id; 3] = [1, 2, 3];

/// One thing that happens. Indices wrap around.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Deliver(usize),
    Repeat(usize),
    Lose(usize),
    Tick(Id),
    Write(Id),
    List(Id),
    Kill(Id),
    /// Time passes, unnoticed by any node.
    Pass(u64),
    /// From now on what this directed link carries is lost.
    Cut(Id, Id),
    /// From now on what this node sends and is sent is lost.
    Isolate(Id),
    Heal,
    /// For so many heartbeats all nodes tick and what they send on whole links arrives.
    Calm(u8),
}

struct World {
    acks: Acks,
    nodes: BTreeMap<Id, Node>,
    now_ms: u64,
    bag: Vec<(Id, Id, Message)>,
    cuts: BTreeSet<(Id, Id)>,
    /// For each request, the values that were acknowledged when it was made.
    asked: Vec<BTreeSet<String>>,
    answers: BTreeMap<u64, Answer>,
}

impl World {
    fn new(acks: Acks) -> Self {
        let nodes = IDS.into_iter().map(|id| (id, start(id, acks, Durable::default()))).collect();
        let (bag, cuts, asked, answers) = Default::default();
        Self { acks, nodes, now_ms: 0, bag, cuts, asked, answers }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(index) => self.take(index).into_iter().for_each(|sent| self.deliver(sent)),
            Happening::Repeat(index) => {
                let again = self.take(index);
                self.bag.extend(again.clone());
                if let Some(sent) = again {
                    self.deliver(sent);
                }
            }
            Happening::Lose(index) => drop(self.take(index)),
            Happening::Tick(id) => self.step(id, Input::Tick),
            Happening::Write(id) => drop(self.write(id)),
            Happening::List(id) => drop(self.list(id)),
            Happening::Kill(id) => self.kill(id),
            Happening::Pass(ms) => self.now_ms += ms,
            Happening::Cut(from, to) => drop(self.cuts.insert((from, to))),
            Happening::Isolate(id) => self.isolate(id),
            Happening::Heal => self.cuts.clear(),
            Happening::Calm(heartbeats) => self.calm(heartbeats.into()),
        }
    }

    fn take(&mut self, index: usize) -> Option<(Id, Id, Message)> {
        let index = index.checked_rem(self.bag.len())?;
        Some(self.bag.swap_remove(index))
    }

    fn deliver(&mut self, (from, to, message): (Id, Id, Message)) {
        self.step(to, Input::Message { from, message });
    }

    fn step(&mut self, id: Id, input: Input) {
        for output in self.nodes.get_mut(&id).unwrap().step(self.now_ms, input) {
            match output {
                Output::Send { to, message } if !self.cuts.contains(&(id, to)) => self.bag.push((id, to, message)),
                Output::Send { .. } => {}
                Output::Answer { request, answer } => self.answered(request, answer),
            }
        }
    }

    fn answered(&mut self, request: u64, answer: Answer) {
        if let (Answer::Listed(values), Acks::Majority) = (&answer, self.acks) {
            let missing: Vec<_> =
                self.asked[request as usize].iter().filter(|&value| !values.contains(value)).collect();
            assert!(missing.is_empty(), "a list lacks what was acknowledged before it was asked for: {missing:?}");
        }
        let earlier = self.answers.insert(request, answer);
        assert_eq!(earlier, None, "a request is answered once");
    }

    fn ask(&mut self, id: Id, input: impl FnOnce(u64) -> Input) -> u64 {
        let request = self.asked.len() as u64;
        self.asked.push(self.acknowledged());
        self.step(id, input(request));
        request
    }

    /// Writes a value that bears its request's number.
    fn write(&mut self, id: Id) -> u64 {
        self.ask(id, |request| Input::Write { request, value: request.to_string() })
    }

    fn list(&mut self, id: Id) -> u64 {
        self.ask(id, |request| Input::List { request })
    }

    /// Ends the process: what it had not stored is gone, its clients hear nothing more.
    fn kill(&mut self, id: Id) {
        let durable = self.nodes[&id].durable().clone();
        self.nodes.insert(id, start(id, self.acks, durable));
    }

    /// What was under way before stays there, to arrive much later.
    fn calm(&mut self, heartbeats: u64) {
        let late = std::mem::take(&mut self.bag);
        for _ in 0..heartbeats {
            self.now_ms += HEARTBEAT_MS;
            for id in IDS {
                self.step(id, Input::Tick);
            }
            self.settle();
        }
        self.bag = late;
    }

    fn settle(&mut self) {
        while !self.bag.is_empty() {
            for sent in std::mem::take(&mut self.bag) {
                self.deliver(sent);
            }
        }
    }

    fn isolate(&mut self, id: Id) {
        self.cuts.extend(IDS.into_iter().filter(|&other| other != id).flat_map(|other| [(id, other), (other, id)]));
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        let writes = self.answers.iter().filter(|&(_, answer)| *answer == Answer::Ok);
        writes.map(|(request, _)| request.to_string()).collect()
    }

    /// What the whole and healed cluster holds in the end, by the word of its leader, node 3.
    fn heal_and_list(&mut self) -> BTreeSet<String> {
        self.cuts.clear();
        self.calm(40);
        let request = self.list(3);
        self.settle();
        match self.answers.get(&request) {
            Some(Answer::Listed(values)) => values.iter().cloned().collect(),
            other => panic!("two seconds after the heal the highest node does not lead: {other:?}"),
        }
    }
}

fn start(id: Id, acks: Acks, durable: Durable) -> Node {
    Node::new(id, IDS.into_iter().filter(|&peer| peer != id), acks, durable)
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let id = || 1..=3_u32;
    let happening = prop_oneof![
        12 => any::<usize>().prop_map(Happening::Deliver),
        2 => any::<usize>().prop_map(Happening::Repeat),
        1 => any::<usize>().prop_map(Happening::Lose),
        6 => id().prop_map(Happening::Tick),
        8 => id().prop_map(Happening::Write),
        3 => id().prop_map(Happening::List),
        1 => id().prop_map(Happening::Kill),
        2 => (10..400_u64).prop_map(Happening::Pass),
        1 => (id(), id()).prop_map(|(from, to)| Happening::Cut(from, to)),
        1 => id().prop_map(Happening::Isolate),
        2 => Just(Happening::Heal),
        3 => (1..15_u8).prop_map(Happening::Calm),
    ];
    prop::collection::vec(happening, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_acknowledged_write_is_lost_and_no_refused_one_appears(happenings in happenings()) {
        let mut world = World::new(Acks::Majority);
        for happening in happenings {
world.happen(happening);
}
        let held = world.heal_and_list();
        let lost: Vec<_> = world.acknowledged().difference(&held).cloned().collect();
        prop_assert!(lost.is_empty(), "lost {lost:?}");
        for (request, answer) in &world.answers {
            if let Answer::Fail(_) | Answer::Redirect(_) = answer {
                prop_assert!(!held.contains(&request.to_string()), "{request} was refused and is there");
            }
        }
    }
}

/// Node 3 leads, is cut off, and is asked to write; the others go on without it; all meet again.
fn write_through_a_leader_cut_off(acks: Acks) -> (World, u64) {
    let mut world = World::new(acks);
    world.calm(10);
    world.isolate(3);
    let write = world.write(3);
    world.calm(20);
    (world, write)
}

#[test]
fn with_acks_one_a_leader_cut_off_acknowledges_and_loses() {
    let (mut world, write) = write_through_a_leader_cut_off(Acks::One);
    assert_eq!(world.answers[&write], Answer::Ok);
    assert!(!world.heal_and_list().contains(&write.to_string()));
}

#[test]
fn with_acks_majority_a_leader_cut_off_acknowledges_nothing() {
    let (mut world, write) = write_through_a_leader_cut_off(Acks::Majority);
    assert_eq!(world.answers.get(&write), None);
    world.heal_and_list();
    assert!(matches!(world.answers[&write], Answer::Unknown(_)), "{:?}", world.answers[&write]);
}

#[test]
fn a_leader_cut_off_does_not_list_values_that_others_may_have_added_to() {
    let mut world = World::new(Acks::Majority);
    world.calm(10);
    let write = world.write(3);
    world.settle();
    assert_eq!(world.answers[&write], Answer::Ok);
    world.isolate(3);
    let list = world.list(3);
    world.calm(20);
    assert_eq!(world.answers.get(&list), None);
}

#[test]
fn the_others_elect_the_highest_of_them_and_go_on() {
    let (mut world, _) = write_through_a_leader_cut_off(Acks::Majority);
    assert_eq!(world.list_at(1), Answer::Redirect(2));
    let write = world.write(2);
    world.settle();
    assert_eq!(world.answers[&write], Answer::Ok);
    assert!(world.heal_and_list().contains(&write.to_string()));
}

#[test]
fn a_leader_that_is_heard_but_hears_nobody_is_replaced() {
    let mut world = World::new(Acks::Majority);
    world.calm(10);
    world.cuts.extend([(1, 3), (2, 3)]);
    world.calm(20);
    assert_eq!(world.list_at(1), Answer::Redirect(2));
}

#[test]
fn two_nodes_that_hear_only_a_third_do_not_take_turns_leading() {
    let mut world = World::new(Acks::Majority);
    world.cuts.extend([(2, 3), (3, 2)]);
    world.calm(20);
    for _ in 0..20 {
        assert_eq!(world.list_at(1), Answer::Redirect(3));
        world.calm(1);
    }
}

#[test]
fn a_node_without_a_majority_never_leads() {
    let mut world = World::new(Acks::One);
    world.isolate(1);
    world.calm(40);
    assert_eq!(world.list_at(1), Answer::Fail("no leader known"));
}

#[test]
fn a_promise_made_for_an_earlier_campaign_does_not_count_for_a_later_one() {
    let mut world = World::new(Acks::Majority);
    world.cuts.extend([(1, 2), (2, 1), (2, 3), (3, 2)]);
    let hears_three = Message::Heartbeat { hears: vec![3] };
    for _ in 0..4 {
        world.now_ms += HEARTBEAT_MS;
        world.deliver((1, 3, hears_three.clone()));
        world.step(3, Input::Tick);
    }
    let first = world.nodes[&3].durable().promised;
    let later = Epoch { number: first.number + 1, leader: 2 };
    world.deliver((1, 3, Message::Refused { promised: later }));
    world.step(3, Input::Tick);
    assert!(world.nodes[&3].durable().promised > later, "campaigns again");
    world.deliver((1, 3, Message::Promise { epoch: first, log_epoch: Epoch::default(), log: Vec::new() }));
    assert_eq!(world.list_at(3), Answer::Fail("no leader known"));
}

impl World {
    fn list_at(&mut self, id: Id) -> Answer {
        let request = self.list(id);
        self.settle();
        self.answers[&request].clone()
    }
}
