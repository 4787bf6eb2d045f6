//! The encoding against the real kernel: what it and nft read back.

use super::*;
use crate::fault::{Family, Filter, Proto};
use crate::kernel::testing::{Cluster, Namespace, local, v4, v6};
use crate::plan::{Leaving, Ruleset, Treatment, WorldCut, diff};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::Command;

pub(super) fn filter(proto: Option<Proto>, port: Option<u16>) -> Filter {
    Filter { proto, port, family: None }
}

pub(super) fn refusing(filter: Filter, refusal: Treatment, addresses: &[IpAddr]) -> Ruleset {
    let mut ruleset = Ruleset::default();
    ruleset.treated.entry((filter, refusal)).or_default().extend(addresses.iter().copied());
    ruleset
}

pub(super) fn world_cut(nodes: &[IpAddr]) -> Ruleset {
    let world = WorldCut {
        from_world: [(Filter::ANY, Treatment::Drop)].into(),
        to_world: [(Filter::ANY, Leaving::Drop)].into(),
    };
    let mut ruleset = Ruleset { world, devices: ["eth0".to_owned()].into(), ..Ruleset::default() };
    ruleset.nodes.extend(nodes.iter().copied());
    ruleset
}

/// A node's tables, and what they hold.
pub(super) struct Programmed {
    pub(super) nft: Nft,
    pub(super) holds: Ruleset,
}

impl Programmed {
    pub(super) fn new(namespace: &Namespace) -> Self {
        Self { nft: namespace.inside(Nft::open).unwrap(), holds: Ruleset::default() }
    }

    pub(super) fn become_(&mut self, ruleset: Ruleset) {
        self.nft.apply(&diff(&self.holds, &ruleset)).unwrap();
        self.holds = ruleset;
    }
}

/// Words that differ between what we print and what `nft list` prints: order of elements, line breaks.
fn normalized(text: &str) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word.trim_end_matches(',').to_owned()).or_insert(0) += 1;
    }
    words
}

fn listed(namespace: &Namespace) -> Option<String> {
    let output = namespace.inside(|| Command::new("nft").args(["list", "ruleset"]).output());
    match output {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) => {
            crate::skip::skip(&format!("nft does not read back what was applied: {error}"));
            None
        }
    }
}

fn samples() -> Vec<Ruleset> {
    let mut mixed = world_cut(&[v4(0), v4(1), v6(1), local(1)]);
    let only_v6 = Filter { family: Some(Family::Ipv6), ..filter(Some(Proto::Udp), None) };
    for (filter, refusal) in [
        (filter(Some(Proto::Icmp), None), Treatment::Drop),
        (filter(None, Some(53)), Treatment::Reject),
        (filter(Some(Proto::Tcp), Some(80)), Treatment::Drop),
        (only_v6, Treatment::Reject),
    ] {
        mixed.treated.entry((filter, refusal)).or_default().extend([v4(1), v6(1)]);
        mixed.world.from_world.insert((filter, refusal));
        mixed.world.to_world.insert((filter, Leaving::Drop));
    }
    let mut no_world = world_cut(&[v4(1), v6(1)]);
    no_world.world.from_world = [(Filter::ANY, Treatment::Reject)].into();
    no_world.world.to_world =
        [(Filter::ANY, Leaving::Reject), (filter(Some(Proto::Udp), Some(53)), Leaving::Drop)].into();
    vec![
        no_world,
        refusing(Filter::ANY, Treatment::Drop, &[v4(1), v6(1), local(1)]),
        refusing(Filter::ANY, Treatment::Drop, &[v4(2), v6(1)]),
        refusing(Filter::ANY, Treatment::Reject, &[v4(2), v6(2)]),
        mixed,
        world_cut(&[v4(1), v4(2), v6(2)]),
        Ruleset::default(),
    ]
}

#[test]
fn the_kernel_holds_what_the_plan_prints_after_every_step() {
    let Some(cluster) = Cluster::new(1) else { return };
    let mut node = Programmed::new(&cluster.nodes[0]);
    for ruleset in samples() {
        assert_eq!(node.nft.holds(&ruleset).unwrap(), ruleset == node.holds);
        node.become_(ruleset.clone());
        assert!(node.nft.holds(&ruleset).unwrap());
        let Some(listed) = listed(&cluster.nodes[0]) else { return };
        // nft leaves the default of `reject` out when it lists, and prints an Ethernet address as bytes.
        let printed = ruleset.to_string().replace(" with icmpx port-unreachable", "");
        let printed = printed.replace("ether daddr ff:ff:ff:ff:ff:ff", "@ll,0,48 0xffffffffffff");
        assert_eq!(normalized(&listed), normalized(&printed), "{listed}");
    }
}

#[test]
fn more_elements_than_one_attribute_holds_are_split() {
    let Some(namespace) = Namespace::new() else { return };
    let mut node = Programmed::new(&namespace);
    let many: Vec<_> = (0..5_000_u16)
        .flat_map(|n| {
            let [high, low] = n.to_be_bytes();
            [IpAddr::from([10, 1, high, low]), IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n])]
        })
        .collect();
    let full = refusing(Filter::ANY, Treatment::Drop, &many);
    node.become_(full.clone());
    assert!(node.nft.holds(&full).unwrap());
    // Half of them; then few, in another kind of set; then as many others in one transaction; then many again.
    for rest in [&many[5_000..], &many[..512], &many[512..1_024], &many[..600]] {
        let rest = refusing(Filter::ANY, Treatment::Drop, rest);
        node.become_(rest.clone());
        assert!(node.nft.holds(&rest).unwrap());
    }
}

#[test]
fn a_refused_change_is_named_in_nfts_words_and_nothing_of_its_transaction_is_made() {
    let Some(namespace) = Namespace::new() else { return };
    let mut nft = namespace.inside(Nft::open).unwrap();
    let ruleset = refusing(Filter::ANY, Treatment::Drop, &[v4(1)]);
    nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
    let twice = nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap_err();
    insta::assert_snapshot!(twice, @r"
    the kernel refuses `add table inet blockade`: File exists (os error 17)
    ");
    assert!(nft.holds(&ruleset).unwrap());
    // The second of two changes fails: a rule whose set is not there.
    let both = &diff(&ruleset, &refusing(Filter::ANY, Treatment::Reject, &[v4(2)]))[0];
    let is_set = |change: &Change| matches!(change.act, Act::AddSet(..) | Act::AddElements(..));
    let changes = both.changes.iter().filter(|change| !is_set(change)).cloned().collect();
    let no_set = nft.apply(&[Transaction { after_grace: false, changes }]).unwrap_err();
    insta::assert_snapshot!(no_set, @r"
    the kernel refuses `add rule inet blockade arriving_rejected meta l4proto tcp ip saddr @rejected4 reject with tcp reset`: No such file or directory (os error 2)
    ");
    assert!(nft.holds(&ruleset).unwrap());
}

#[test]
fn whatever_is_there_makes_way_for_a_ruleset_in_one_transaction() {
    let Some(namespace) = Namespace::new() else { return };
    let mut nft = namespace.inside(Nft::open).unwrap();
    for wanted in samples().into_iter().chain([Ruleset::default()]) {
        let transaction = nft.anew(&wanted).unwrap();
        nft.apply(&[transaction]).unwrap();
        assert!(nft.holds(&wanted).unwrap());
    }
}

#[test]
fn many_namespaces_go_step_by_step_and_one_that_fails_does_not_hold_up_the_others() {
    let Some((one, two)) = Namespace::two() else { return };
    let [mut one, mut two] = [one, two].map(|namespace| namespace.inside(Nft::open).unwrap());
    let (drop, reject) =
        (refusing(Filter::ANY, Treatment::Drop, &[v4(1)]), refusing(Filter::ANY, Treatment::Reject, &[v4(1)]));
    one.apply(&diff(&Ruleset::default(), &drop)).unwrap();
    let trade = diff(&drop, &reject);
    assert_eq!(trade.len(), 2);
    let outcomes = apply_all(vec![(&mut two, &trade), (&mut one, &trade)]);
    assert!(outcomes[0].is_err() && outcomes[1].is_ok());
    assert!(one.holds(&reject).unwrap() && two.holds(&Ruleset::default()).unwrap());
}

/// Run by hand, in release: `cargo test --release --lib -- --ignored --nocapture half_half`.
#[test]
#[ignore = "a measurement"]
fn half_half_of_fifty_nodes() {
    let addresses = |node: usize| [v4(node), v6(node)];
    let cut = |from: std::ops::Range<usize>| {
        refusing(Filter::ANY, Treatment::Drop, &from.flat_map(addresses).collect::<Vec<_>>())
    };
    let (_namespaces, mut nodes): (Vec<_>, Vec<_>) = (0..50)
        .map(|_| {
            let namespace = Namespace::new().unwrap();
            let nft = namespace.inside(Nft::open).unwrap();
            (namespace, nft)
        })
        .unzip();
    let idle = refusing(Filter::ANY, Treatment::Drop, &["10.8.8.8".parse().unwrap()]);
    for round in 0..6 {
        let cuts: Vec<_> = (0..50).map(|n| if n < 25 { cut(25..50) } else { cut(0..25) }).collect();
        let timed = |what: &str, nodes: &mut Vec<Nft>, plan: &dyn Fn(usize) -> (Ruleset, Ruleset)| {
            let rulesets: Vec<_> = (0..50).map(plan).collect();
            let start = std::time::Instant::now();
            let plans: Vec<_> = rulesets.iter().map(|(old, new)| diff(old, new)).collect();
            let planned = start.elapsed();
            let work: Vec<_> = nodes.iter_mut().zip(&plans).map(|(nft, plan)| (nft, plan.as_slice())).collect();
            assert!(apply_all(work).iter().all(Result::is_ok));
            println!("{round} {what}: diff {planned:?}, apply {:?}", start.elapsed().checked_sub(planned).unwrap());
        };
        timed("from nothing", &mut nodes, &|n| (Ruleset::default(), cuts[n].clone()));
        timed("to one element", &mut nodes, &|n| (cuts[n].clone(), idle.clone()));
        timed("to 50 elements", &mut nodes, &|n| (idle.clone(), cuts[n].clone()));
        timed("to nothing", &mut nodes, &|n| (cuts[n].clone(), Ruleset::default()));
    }
}
