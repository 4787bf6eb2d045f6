//! What happens to real packets under real rules.

use super::tests::{Programmed, filter, refusing, world_cut};
use super::*;
use crate::fault::{Filter, Proto};
use crate::kernel::testing::{Cluster, WORLD, local, other, udp, v4, v6};
use crate::plan::{Leaving, Ruleset, Treatment, diff};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

/// Sends to `target` and, after it, from an address that is never treated: what has not arrived before the second
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
    node.become_(refusing(Filter::ANY, Treatment::Drop, &[v4(0)]));
    assert_eq!(arriving(), [false, true, true]);
    node.become_(refusing(filter(Some(Proto::Tcp), None), Treatment::Drop, &[v4(0)]));
    assert_eq!(arriving(), [true, true, true]);
    let port = target.local_addr().unwrap().port();
    node.become_(refusing(filter(None, Some(port)), Treatment::Drop, &[v4(2)]));
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
    node.become_(refusing(Filter::ANY, Treatment::Drop, &[v6(0), local(0)]));
    for address in [v6, local] {
        let (source, target) = (cluster.udp(0, address(0)), cluster.udp(1, address(1)));
        let to = target.local_addr().unwrap();
        // Arrives only if the refused node's answer to the search for a neighbour does. From then on both know each
        // other, and no probe waits for that until the rules are gone.
        target.send_to(b"hello", source.local_addr().unwrap()).unwrap();
        assert_eq!(source.recv(&mut [0; 8]).unwrap(), 5);
        for _ in 0..3 {
            source.send_to(b"probe", to).unwrap();
        }
        target.set_nonblocking(true).unwrap();
        assert_eq!(target.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        target.set_nonblocking(false).unwrap();
        node.become_(Ruleset::default());
        source.send_to(b"healed", to).unwrap();
        assert_eq!(target.recv(&mut [0; 8]).unwrap(), 6);
        node.become_(refusing(Filter::ANY, Treatment::Drop, &[v6(0), local(0)]));
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
    node.become_(refusing(Filter::ANY, Treatment::Drop, &[v4(0)]));
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
        node.become_(refusing(Filter::ANY, Treatment::Reject, &[address(0)]));
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
fn two_that_reject_each_other_hear_of_it_unless_one_drops_the_answers() {
    const SILENCE: [ErrorKind; 2] = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
    let Some(cluster) = Cluster::new(2) else { return };
    let mut nodes = [0, 1].map(|n| Programmed::new(&cluster.nodes[n]));
    for address in [v4, v6] {
        let server = cluster.udp(1, address(1));
        let at = server.local_addr().unwrap();
        let source = cluster.udp(0, address(0));
        source.connect(at).unwrap();
        let connect = || cluster.nodes[0].inside(|| TcpStream::connect_timeout(&at, Duration::from_millis(900)));
        let mut heard = |filter: Filter, answers: Option<Treatment>| {
            nodes[1].become_(refusing(filter, Treatment::Reject, &[address(0)]));
            let mut back = refusing(filter, Treatment::Reject, &[address(1)]);
            if let Some(treatment) = answers {
                back.treated.extend(refusing(Filter::ANY, treatment, &[address(1)]).treated);
            }
            nodes[0].become_(back);
            source.set_read_timeout(Some(Duration::from_millis(900))).unwrap();
            source.send(b"probe").unwrap();
            [source.recv(&mut [0; 8]).unwrap_err().kind(), connect().unwrap_err().kind()]
        };
        // Nobody listens there for TCP: a reset of the node's own passes as well.
        for filter in [Filter::ANY, filter(None, Some(at.port())), filter(Some(Proto::Tcp), None)] {
            let udp = if filter.proto.is_none() { ErrorKind::ConnectionRefused } else { ErrorKind::WouldBlock };
            assert_eq!(heard(filter, None), [udp, ErrorKind::ConnectionRefused], "{filter:?}");
        }
        assert_eq!(heard(Filter::ANY, Some(Treatment::Drop)), SILENCE);
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

#[test]
fn what_a_node_sends_to_a_world_that_is_rejected_is_refused_at_once_unless_it_is_dropped_too() {
    let Some(cluster) = Cluster::new(2) else { return };
    let mut node = Programmed::new(&cluster.nodes[0]);
    let world: IpAddr = WORLD.parse().unwrap();
    let (outside, source) = (cluster.fabric.inside(|| udp(world)), cluster.udp(0, v4(0)));
    let at = outside.local_addr().unwrap();
    let connect = || cluster.nodes[0].inside(|| TcpStream::connect_timeout(&at, Duration::from_millis(900)));
    let from_world =
        || cluster.fabric.inside(|| TcpStream::connect_timeout(&(v4(0), 9).into(), Duration::from_millis(900)));
    let mut cut = world_cut(&[v4(0), v4(1)]);
    cut.world.from_world = [(Filter::ANY, Treatment::Reject)].into();
    cut.world.to_world = [(Filter::ANY, Leaving::Reject)].into();
    node.become_(cut.clone());
    assert_eq!(connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(from_world().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(source.send_to(b"refused", at).unwrap_err().kind(), ErrorKind::PermissionDenied);
    // Nodes, the node itself and what is for all of them are none of it.
    let peer = cluster.udp(1, v4(1));
    let listener = cluster.nodes[1].inside(|| udp("0.0.0.0".parse().unwrap()));
    source.send_to(b"peer", peer.local_addr().unwrap()).unwrap();
    assert_eq!(peer.recv(&mut [0; 8]).unwrap(), 4);
    source.set_broadcast(true).unwrap();
    for to in ["10.9.0.255", "255.255.255.255"] {
        source.send_to(b"all", (to, listener.local_addr().unwrap().port())).unwrap();
        assert_eq!(listener.recv(&mut [0; 8]).unwrap(), 3, "{to}");
    }
    cut.world.to_world.insert((Filter::ANY, Leaving::Drop));
    node.become_(cut);
    assert_eq!(connect().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(from_world().unwrap_err().kind(), ErrorKind::TimedOut);
    source.send_to(b"silence", at).unwrap();
    node.become_(Ruleset::default());
    source.send_to(b"healed", at).unwrap();
    assert_eq!(outside.recv(&mut [0; 8]).unwrap(), 6);
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
        let mut ruleset = refusing(Filter::ANY, Treatment::Drop, &standing(n));
        let extra: Vec<_> = (0..round % 7).map(|x| IpAddr::from([10, 8, x as u8, (round % 250) as u8])).collect();
        match round % 4 {
            0 => {}
            1 => ruleset.treated.entry((Filter::ANY, Treatment::Drop)).or_default().extend(extra),
            2 => {
                let twice = refusing(filter(None, Some(7)), Treatment::Reject, &standing(n));
                ruleset.treated.extend(twice.treated);
            }
            _ if round % 40 == 3 => ruleset = refusing(Filter::ANY, Treatment::Reject, &standing(n)),
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
            let next = [0, 1].map(|n| cut(n, round));
            let plans = [0, 1].map(|n| diff(&nodes[n].holds, &next[n]));
            let work: Vec<_> =
                nodes.iter_mut().zip(&plans).map(|(node, plan)| (&mut node.nft, plan.as_slice())).collect();
            assert!(apply_all(work).iter().all(Result::is_ok));
            for (node, next) in nodes.iter_mut().zip(next) {
                node.holds = next;
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
