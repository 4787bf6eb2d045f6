//! What becomes of packets that the shaper holds while faults come and go, planned and programmed as for a cluster.

use super::tests::{Bench, come, delay, quickest, takes};
use crate::fault::{Fault, Impairment, LinkSet, Matrix, Member, Party};
use crate::kernel::nft::apply_all;
use crate::kernel::testing::{Namespace, WORLD, local, udp, v4, v6};
use crate::plan::{Interfaces, Means, Plan, Planner, diff};
use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const NODES: usize = 3;

/// Nodes `n0`, `n1` and `n2`, all of them in the shaper's hands.
struct Ground {
    bench: Bench,
    planner: Planner,
    nodes: Vec<Interfaces>,
    plans: Vec<Plan>,
}

fn name(node: usize) -> String {
    format!("n{node}")
}

impl Ground {
    /// Nothing is shaped by classes here.
    fn new() -> Option<Self> {
        let mut bench = Bench::of(NODES)?;
        (0..NODES).for_each(|node| bench.take_in(&name(node), node, |_| ()));
        let interfaces =
            |node| Interfaces { addresses: vec![v4(node), v6(node), local(node)], devices: vec!["eth0".to_owned()] };
        let means = Means { no_htb: Some("none is wanted".to_owned()), ..Means::ALL };
        let nodes = (0..NODES).map(interfaces).collect();
        Some(Self { bench, planner: Planner::new(means, 7), nodes, plans: vec![Plan::default(); NODES] })
    }

    /// From now on these faults are active, and no others.
    fn meet(&mut self, faults: &[Fault]) {
        let members: Vec<Member> = (0..NODES).map(|node| Member { name: name(node), ..Member::default() }).collect();
        let wanted = self.planner.plans(&Matrix::fold(&members, faults), &self.nodes).unwrap();
        let shape = |bench: &Bench, of: &dyn Fn(&Plan) -> bool| {
            for (node, plan) in wanted.iter().enumerate().filter(|(_, plan)| of(plan)) {
                bench.block(bench.handle().shape(&name(node), plan.seed, &plan.shaped)).unwrap();
            }
        };
        shape(&self.bench, &|plan| !plan.shaped.is_empty());
        let pairs = self.plans.iter().zip(&wanted);
        let ways: Vec<_> = pairs.map(|(old, new)| diff(&old.ruleset, &new.ruleset)).collect();
        let namespaces = self.bench.nft.iter_mut().zip(ways.iter().map(Vec::as_slice)).collect();
        for outcome in apply_all(namespaces) {
            outcome.unwrap();
        }
        shape(&self.bench, &|plan| plan.shaped.is_empty());
        self.plans = wanted;
    }
}

fn degrade(source: &str, target: &str, impairment: Impairment) -> Fault {
    Fault::Degrade { verb: "degrade".to_owned(), links: links(source, target), impairment }
}

fn links(source: &str, target: &str) -> LinkSet {
    LinkSet::new(&[Party::from(source.to_owned())], &[Party::from(target.to_owned())])
}

fn loss(loss: f64) -> Impairment {
    Impairment { loss, ..Impairment::NONE }
}

fn send_twenty(source: &UdpSocket) {
    (0..20_u8).for_each(|k| _ = source.send(&[k]).unwrap());
}

#[test]
fn what_is_held_of_a_link_arrives_whatever_becomes_of_it_and_of_others() {
    let Some(mut ground) = Ground::new() else { return };
    // So many addresses are another kind of set.
    let many = (0..300_u16).map(|n| IpAddr::from([10, 8, n.to_be_bytes()[0], n.to_be_bytes()[1]]));
    ground.nodes[2].addresses.extend(many);
    let pair = ground.bench.pair(v4);
    let slow = || degrade("n0", "n1", delay(400));
    let beside = || degrade("n0", "n2", delay(400));
    let cut = |source, target| Fault::Block { links: links(source, target) };
    let changes: [(&str, Vec<Vec<Fault>>); 6] = [
        ("it heals, then the other", vec![vec![slow(), beside()], vec![beside()], vec![]]),
        ("one to the world", vec![vec![slow()], vec![slow(), degrade("n1", "world", loss(0.5))], vec![slow()]]),
        ("one from the world", vec![vec![slow()], vec![slow(), degrade("world", "n1", loss(0.5))], vec![slow()]]),
        ("a cut from the world", vec![vec![slow()], vec![slow(), cut("world", "n1"), cut("n1", "world")], vec![]]),
        ("a cut from many", vec![vec![slow()], vec![slow(), cut("n2", "n1")], vec![slow()]]),
        ("in single packets", vec![vec![slow()], vec![degrade("n0", "n1", Impairment { loss: 0.5, ..delay(1) })]]),
    ];
    for (what, steps) in changes {
        let mut steps = steps.into_iter();
        ground.meet(&steps.next().unwrap());
        send_twenty(&pair.0);
        steps.for_each(|faults| ground.meet(&faults));
        let came = come(20, &pair.1, 200 * MS).concat();
        assert_eq!(came, (0..20).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn a_node_takes_more_kinds_of_losses_than_the_kernel_takes_chains_at_a_hook() {
    let Some(mut ground) = Ground::new() else { return };
    let slow = || degrade("n0", "n1", delay(10));
    for k in 1..=1_100 {
        ground.meet(&[slow(), degrade("n2", "n1", loss(f64::from(k) / 10_000.0))]);
        ground.meet(&[slow()]);
    }
    let bases = |plan: &Plan| {
        let tables = plan.ruleset.tables();
        tables.values().flat_map(|table| table.chains.values()).filter(|chain| chain.base.is_some()).count()
    };
    assert_eq!(ground.plans.iter().map(bases).collect::<Vec<_>>(), [0, 2, 0]);
    assert!(ground.bench.nft[1].holds(&ground.plans[1].ruleset).unwrap());
}

#[test]
fn what_was_held_when_a_cut_began_does_not_cross_it() {
    let Some(mut ground) = Ground::new() else { return };
    let pair = ground.bench.pair(v4);
    let slow = || degrade("n0", "n1", delay(1_000));
    let cuts = [Fault::Block { links: links("n0", "n1") }, Fault::Reject { links: links("n0", "n1") }];
    for cut in cuts {
        ground.meet(&[slow()]);
        send_twenty(&pair.0);
        ground.meet(&[slow(), cut]);
        assert_eq!(come(0, &pair.1, 1_200 * MS).len(), 0);
        ground.meet(&[slow()]);
        // A reject has answered.
        while pair.0.take_error().unwrap().is_some() {}
        send_twenty(&pair.0);
        assert_eq!(come(20, &pair.1, 200 * MS).len(), 20);
    }
}

fn ip(namespace: &Namespace, arguments: &str) {
    let done = namespace.inside(|| Command::new("ip").args(arguments.split(' ')).output().unwrap());
    assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_node_that_forwards_a_packet_impairs_it_on_arrival_and_on_leaving() {
    const BEYOND: &str = "10.77.0.1";
    let Some(mut ground) = Ground::new() else { return };
    if Command::new("ip").arg("-V").output().is_err() {
        return crate::skip::skip("there is no ip that could lead a packet through a node");
    }
    let cluster = &ground.bench.cluster;
    ip(&cluster.fabric, &format!("address add {BEYOND}/32 dev lo"));
    ip(&cluster.nodes[1], &format!("route add {BEYOND} via {WORLD}"));
    ip(&cluster.nodes[0], &format!("route add {BEYOND} via {}", v4(1)));
    cluster.nodes[1].inside(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).unwrap();
    let pair = (cluster.udp(0, v4(0)), cluster.fabric.inside(|| udp(BEYOND.parse().unwrap())));
    pair.0.connect(pair.1.local_addr().unwrap()).unwrap();
    // Neighbours are found.
    takes(&pair);
    ground.meet(&[degrade("n0", "n1", delay(60)), degrade("n1", "world", delay(60))]);
    let took = quickest(&pair);
    assert!(took.is_some_and(|took| (120 * MS..600 * MS).contains(&took)), "{took:?}");
}
