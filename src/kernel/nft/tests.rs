//! The encoding against the real kernel: what nft reads back, and what happens to real packets.

use super::*;
use crate::fault::{Family, Filter, Proto};
use crate::kernel::testing::{Cluster, Namespace, WORLD, local, other, udp, v4, v6};
use crate::plan::{Refusal, Ruleset, WorldCut, diff};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn filter(proto: Option<Proto>, port: Option<u16>) -> Filter {
    Filter { proto, port, family: None }
}

fn refusing(filter: Filter, refusal: Refusal, addresses: &[IpAddr]) -> Ruleset {
    let mut ruleset = Ruleset::default();
    ruleset.refused.entry((filter, refusal)).or_default().extend(addresses.iter().copied());
    ruleset
}

fn world_cut(nodes: &[IpAddr]) -> Ruleset {
    let world = WorldCut { from_world: [(Filter::ANY, Refusal::Drop)].into(), to_world: [Filter::ANY].into() };
    let mut ruleset = Ruleset { world, ..Ruleset::default() };
    ruleset.nodes.extend(nodes.iter().copied());
    ruleset
}

/// A node's tables, and what they hold.
struct Programmed {
    nft: Nft,
    holds: Ruleset,
}

impl Programmed {
    fn new(namespace: &Namespace) -> Self {
        Self { nft: namespace.inside(Nft::open).unwrap(), holds: Ruleset::default() }
    }

    fn become_(&mut self, ruleset: Ruleset) {
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
            eprintln!("SKIPPED: nft does not read back what was applied: {error}");
            None
        }
    }
}

fn samples() -> Vec<Ruleset> {
    let mut mixed = world_cut(&[v4(0), v4(1), v6(1), local(1)]);
    let only_v6 = Filter { family: Some(Family::Ipv6), ..filter(Some(Proto::Udp), None) };
    for (filter, refusal) in [
        (filter(Some(Proto::Icmp), None), Refusal::Drop),
        (filter(None, Some(53)), Refusal::Reject),
        (filter(Some(Proto::Tcp), Some(80)), Refusal::Drop),
        (only_v6, Refusal::Reject),
    ] {
        mixed.refused.entry((filter, refusal)).or_default().extend([v4(1), v6(1)]);
        mixed.world.from_world.insert((filter, refusal));
        mixed.world.to_world.insert(filter);
    }
    vec![
        refusing(Filter::ANY, Refusal::Drop, &[v4(1), v6(1), local(1)]),
        refusing(Filter::ANY, Refusal::Drop, &[v4(2), v6(1)]),
        refusing(Filter::ANY, Refusal::Reject, &[v4(2), v6(2)]),
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
    let full = refusing(Filter::ANY, Refusal::Drop, &many);
    node.become_(full.clone());
    assert!(node.nft.holds(&full).unwrap());
    // Half of them; then few, in another kind of set; then as many others in one transaction; then many again.
    for rest in [&many[5_000..], &many[..512], &many[512..1_024], &many[..600]] {
        let rest = refusing(Filter::ANY, Refusal::Drop, rest);
        node.become_(rest.clone());
        assert!(node.nft.holds(&rest).unwrap());
    }
}

#[test]
fn a_refused_change_is_named_in_nfts_words_and_nothing_of_its_transaction_is_made() {
    let Some(namespace) = Namespace::new() else { return };
    let mut nft = namespace.inside(Nft::open).unwrap();
    let ruleset = refusing(Filter::ANY, Refusal::Drop, &[v4(1)]);
    nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
    let twice = nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap_err();
    insta::assert_snapshot!(twice, @r"
    the kernel refuses `add table inet blockade`: File exists (os error 17)
    ");
    assert!(nft.holds(&ruleset).unwrap());
    // The second of two changes fails: a rule whose set is not there.
    let both = &diff(&ruleset, &refusing(Filter::ANY, Refusal::Reject, &[v4(2)]))[0];
    let is_set = |change: &Change| matches!(change.act, Act::AddSet(..) | Act::AddElements(..));
    let changes = both.changes.iter().filter(|change| !is_set(change)).cloned().collect();
    let no_set = nft.apply(&[Transaction { after_grace: false, changes }]).unwrap_err();
    insta::assert_snapshot!(no_set, @r"
    the kernel refuses `add rule inet blockade rejected meta l4proto tcp ip saddr @rejected4 reject with tcp reset`: No such file or directory (os error 2)
    ");
    assert!(nft.holds(&ruleset).unwrap());
    nft.clear().unwrap();
    assert!(nft.holds(&Ruleset::default()).unwrap());
}

#[test]
fn many_namespaces_go_step_by_step_and_one_that_fails_does_not_hold_up_the_others() {
    let Some((one, two)) = Namespace::two() else { return };
    let [mut one, mut two] = [one, two].map(|namespace| namespace.inside(Nft::open).unwrap());
    let (drop, reject) =
        (refusing(Filter::ANY, Refusal::Drop, &[v4(1)]), refusing(Filter::ANY, Refusal::Reject, &[v4(1)]));
    one.apply(&diff(&Ruleset::default(), &drop)).unwrap();
    let trade = diff(&drop, &reject);
    assert_eq!(trade.len(), 2);
    let outcomes = apply_all(&mut [(&mut two, &trade), (&mut one, &trade)]);
    assert!(outcomes[0].is_err() && outcomes[1].is_ok());
    assert!(one.holds(&reject).unwrap() && two.holds(&Ruleset::default()).unwrap());
}

/// Sends to `target` and, after it, from an address that is never refused: what has not arrived before the second
/// will not arrive.
fn arrives(source: &UdpSocket, witness: &UdpSocket, target: &UdpSocket) -> bool {
    let to = target.local_addr().unwrap();
    source.send_to(b"probe", to).unwrap();
    let to_witness = std::net::SocketAddr::new(if to.is_ipv4() { to.ip() } else { v4(1) }, to.port());
    witness.send_to(b"witness", to_witness).unwrap();
    let mut buffer = [0; 16];
    let mut arrived = false;
    loop {
        let length = target.recv(&mut buffer).unwrap();
        match &buffer[..length] {
            b"witness" => return arrived,
            _ => arrived = true,
        }
    }
}

#[test]
fn what_a_refused_node_sends_does_not_arrive_and_all_else_does() {
    let Some(cluster) = Cluster::new(3) else { return };
    let target = cluster.udp(1, v4(1));
    let witness = cluster.udp(0, other(0));
    let mut node = Programmed::new(&cluster.nodes[1]);
    let from = [cluster.udp(0, v4(0)), cluster.udp(2, v4(2)), cluster.fabric.inside(|| udp(WORLD.parse().unwrap()))];
    let arriving = || from.iter().map(|source| arrives(source, &witness, &target)).collect::<Vec<_>>();
    assert_eq!(arriving(), [true, true, true]);
    node.become_(refusing(Filter::ANY, Refusal::Drop, &[v4(0)]));
    assert_eq!(arriving(), [false, true, true]);
    node.become_(refusing(filter(Some(Proto::Tcp), None), Refusal::Drop, &[v4(0)]));
    assert_eq!(arriving(), [true, true, true]);
    let port = target.local_addr().unwrap().port();
    node.become_(refusing(filter(None, Some(port)), Refusal::Drop, &[v4(2)]));
    assert_eq!(arriving(), [true, false, true]);
    let all_nodes = [v4(0), other(0), v4(1), v4(2)];
    node.become_(world_cut(&all_nodes));
    assert_eq!(arriving(), [true, true, false]);
    node.become_(Ruleset::default());
    assert_eq!(arriving(), [true, true, true]);
}

#[test]
fn ipv6_is_refused_on_every_address_and_neighbours_still_find_each_other() {
    let Some(cluster) = Cluster::new(2) else { return };
    let mut node = Programmed::new(&cluster.nodes[1]);
    node.become_(refusing(Filter::ANY, Refusal::Drop, &[v6(0), local(0)]));
    for address in [v6, local] {
        let (source, target) = (cluster.udp(0, address(0)), cluster.udp(1, address(1)));
        let to = target.local_addr().unwrap();
        for _ in 0..3 {
            // Without neighbour discovery the sender would get EHOSTUNREACH sooner or later.
            source.send_to(b"probe", to).unwrap();
        }
        target.set_nonblocking(true).unwrap();
        assert_eq!(target.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        target.set_nonblocking(false).unwrap();
        node.become_(Ruleset::default());
        source.send_to(b"healed", to).unwrap();
        assert_eq!(target.recv(&mut [0; 8]).unwrap(), 6);
        node.become_(refusing(Filter::ANY, Refusal::Drop, &[v6(0), local(0)]));
    }
}

fn connection(cluster: &Cluster) -> (TcpStream, TcpStream) {
    let listener = cluster.nodes[1].inside(|| TcpListener::bind((v4(1), 0)).unwrap());
    let at = listener.local_addr().unwrap();
    let client = cluster.nodes[0].inside(|| TcpStream::connect(at).unwrap());
    (client, listener.accept().unwrap().0)
}

#[test]
fn an_established_connection_falls_silent_and_comes_back() {
    let Some(cluster) = Cluster::new(2) else { return };
    let (mut client, mut server) = connection(&cluster);
    let mut node = Programmed::new(&cluster.nodes[1]);
    node.become_(refusing(Filter::ANY, Refusal::Drop, &[v4(0)]));
    client.write_all(b"lost").unwrap();
    // A segment on loopback veths arrives before the next line runs, or within the second that is waited.
    server.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let silent = server.read(&mut [0; 8]).unwrap_err();
    assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
    node.become_(Ruleset::default());
    server.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut buffer = [0; 4];
    server.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"lost");
}

#[test]
fn a_reject_answers_tcp_with_a_reset_and_udp_with_unreachable() {
    let Some(cluster) = Cluster::new(2) else { return };
    let mut node = Programmed::new(&cluster.nodes[1]);
    for address in [v4, v6] {
        let listener = cluster.nodes[1].inside(|| TcpListener::bind((address(1), 0)).unwrap());
        let at = listener.local_addr().unwrap();
        node.become_(refusing(Filter::ANY, Refusal::Reject, &[address(0)]));
        let refused = cluster.nodes[0].inside(|| TcpStream::connect(at).unwrap_err());
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let source = cluster.udp(0, address(0));
        source.connect(at).unwrap();
        source.send(b"probe").unwrap();
        assert_eq!(source.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        node.become_(Ruleset::default());
        cluster.nodes[0].inside(|| TcpStream::connect(at).unwrap());
    }
}

#[test]
fn a_node_cut_off_from_the_world_sends_into_silence_and_still_reaches_itself_and_nodes() {
    let Some(cluster) = Cluster::new(2) else { return };
    let mut node = Programmed::new(&cluster.nodes[0]);
    let world = cluster.fabric.inside(|| udp(WORLD.parse().unwrap()));
    let peer = cluster.udp(1, v4(1));
    let (source, own) = (cluster.udp(0, v4(0)), cluster.udp(0, "127.0.0.1".parse().unwrap()));
    let to = [&world, &peer].map(|socket| socket.local_addr().unwrap());
    node.become_(world_cut(&[v4(0), v4(1)]));
    source.send_to(b"lost", to[0]).unwrap();
    source.send_to(b"peer", to[1]).unwrap();
    own.send_to(b"own", own.local_addr().unwrap()).unwrap();
    assert_eq!((peer.recv(&mut [0; 8]).unwrap(), own.recv(&mut [0; 8]).unwrap()), (4, 3));
    // A broadcast is for nodes as well.
    let listener = cluster.nodes[1].inside(|| udp("0.0.0.0".parse().unwrap()));
    source.set_broadcast(true).unwrap();
    for to in ["10.9.0.255", "255.255.255.255"] {
        source.send_to(b"all", (to, listener.local_addr().unwrap().port())).unwrap();
        assert_eq!(listener.recv(&mut [0; 8]).unwrap(), 3, "{to}");
    }
    node.become_(Ruleset::default());
    source.send_to(b"healed", to[0]).unwrap();
    assert_eq!(world.recv(&mut [0; 8]).unwrap(), 6);
}

/// The heart of it: two nodes are cut both ways all the time, while all around it changes.
#[test]
fn no_packet_crosses_a_standing_cut_while_it_is_applied_again_extended_and_shrunk_under_a_flood() {
    const ROUNDS: usize = 1_000;
    let Some(cluster) = Cluster::new(2) else { return };
    let ends = [0, 1].map(|n| cluster.udp(n, v4(n)));
    let ends6 = [0, 1].map(|n| cluster.udp(n, v6(n)));
    let mut nodes = [0, 1].map(|n| Programmed::new(&cluster.nodes[n]));
    let standing = |n: usize| [v4(1 - n), v6(1 - n)];
    let cut = |n: usize, round: usize| {
        let mut ruleset = refusing(Filter::ANY, Refusal::Drop, &standing(n));
        let extra: Vec<_> = (0..round % 7).map(|x| IpAddr::from([10, 8, x as u8, (round % 250) as u8])).collect();
        match round % 4 {
            0 => {}
            1 => ruleset.refused.entry((Filter::ANY, Refusal::Drop)).or_default().extend(extra),
            2 => {
                let twice = refusing(filter(None, Some(7)), Refusal::Reject, &standing(n));
                ruleset.refused.extend(twice.refused);
            }
            _ if round % 40 == 3 => ruleset = refusing(Filter::ANY, Refusal::Reject, &standing(n)),
            // Not `to_world`: the flood must reach the other node.
            _ => ruleset.world.from_world = world_cut(&[]).world.from_world,
        }
        ruleset
    };
    for (n, node) in nodes.iter_mut().enumerate() {
        node.become_(cut(n, 0));
    }
    let over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let floods = [[&ends[0], &ends[1]], [&ends6[0], &ends6[1]]].map(|pair| {
            scope.spawn({
                let over = &over;
                move || flood(pair, over)
            })
        });
        for round in 0..ROUNDS {
            for (n, node) in nodes.iter_mut().enumerate() {
                node.become_(cut(n, round));
            }
        }
        over.store(true, Ordering::Relaxed);
        floods.map(|flood| flood.join().unwrap())
    });
    println!("{sent:?} packets sent into a standing cut");
    assert!(sent.iter().all(|sent| *sent > ROUNDS as u64), "the flood was no flood: {sent:?}");
    for end in ends.iter().chain(&ends6) {
        end.set_nonblocking(true).unwrap();
        let crossed = std::iter::from_fn(|| match end.recv(&mut [0; 8]) {
            Ok(_) => Some(()),
            // A reject answers; that is no packet of the other node's.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                None
            }
        });
        assert_eq!(crossed.count(), 0);
    }
    // The same sockets do hear each other once the cut is gone.
    for node in &mut nodes {
        node.become_(Ruleset::default());
    }
    ends[1].set_nonblocking(false).unwrap();
    ends[0].send_to(b"healed", ends[1].local_addr().unwrap()).unwrap();
    assert_eq!(ends[1].recv(&mut [0; 8]).unwrap(), 6);
}

fn flood(pair: [&UdpSocket; 2], over: &AtomicBool) -> u64 {
    let at = pair.map(|socket| socket.local_addr().unwrap());
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        for (socket, to) in [(pair[0], at[1]), (pair[1], at[0])] {
            sent += u64::from(socket.send_to(b"x", to).is_ok());
        }
    }
    sent
}

/// Run by hand, in release: `cargo test --release --lib -- --ignored --nocapture half_half`.
#[test]
#[ignore = "a measurement"]
fn half_half_of_fifty_nodes() {
    let addresses = |node: usize| [v4(node), v6(node)];
    let cut = |from: std::ops::Range<usize>| {
        refusing(Filter::ANY, Refusal::Drop, &from.flat_map(addresses).collect::<Vec<_>>())
    };
    let (_namespaces, mut nodes): (Vec<_>, Vec<_>) = (0..50)
        .map(|_| {
            let namespace = Namespace::new().unwrap();
            let nft = namespace.inside(Nft::open).unwrap();
            (namespace, nft)
        })
        .unzip();
    let idle = refusing(Filter::ANY, Refusal::Drop, &["10.8.8.8".parse().unwrap()]);
    for round in 0..6 {
        let cuts: Vec<_> = (0..50).map(|n| if n < 25 { cut(25..50) } else { cut(0..25) }).collect();
        let timed = |what: &str, nodes: &mut Vec<Nft>, plan: &dyn Fn(usize) -> (Ruleset, Ruleset)| {
            let rulesets: Vec<_> = (0..50).map(plan).collect();
            let start = std::time::Instant::now();
            let plans: Vec<_> = rulesets.iter().map(|(old, new)| diff(old, new)).collect();
            let planned = start.elapsed();
            let mut work: Vec<_> = nodes.iter_mut().zip(&plans).map(|(nft, plan)| (nft, plan.as_slice())).collect();
            assert!(apply_all(&mut work).iter().all(Result::is_ok));
            println!("{round} {what}: diff {planned:?}, apply {:?}", start.elapsed().checked_sub(planned).unwrap());
        };
        timed("from nothing", &mut nodes, &|n| (Ruleset::default(), cuts[n].clone()));
        timed("to one element", &mut nodes, &|n| (cuts[n].clone(), idle.clone()));
        timed("to 50 elements", &mut nodes, &|n| (idle.clone(), cuts[n].clone()));
        timed("to nothing", &mut nodes, &|n| (cuts[n].clone(), Ruleset::default()));
    }
}
