//! Trees against the real kernel. Those with netem run where there is one (`tests/run` boots a kernel that has it).

use super::*;
use crate::fault::Impairment;
use crate::kernel::testing::{Cluster, Namespace, v4};
use crate::plan::Class;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const ETH0: Device<'static> = Device { index: 2, name: "eth0" };

fn tree(classes: &[(ClassId, Impairment)]) -> Tree {
    let class = |(id, impairment): &(ClassId, Impairment)| (*id, Class { impairment: impairment.clone(), seed: 7 });
    Tree { classes: classes.iter().map(class).collect() }
}

fn rate(bits: u64) -> Impairment {
    Impairment { rate_bits: Some(bits), ..Impairment::NONE }
}

fn ids(ids: &[ClassId]) -> BTreeSet<ClassId> {
    ids.iter().copied().collect()
}

fn tc(node: &Namespace) -> Tc {
    node.inside(Tc::open).unwrap()
}

#[test]
fn a_tree_grows_class_by_class_and_goes_with_the_last() {
    let Some(cluster) = Cluster::new(1) else { return };
    let mut tc = tc(&cluster.nodes[0]);
    assert_eq!(tc.present(ETH0).unwrap(), ids(&[]));
    tc.grow(ETH0, &tree(&[(1, rate(1_000_000)), (7, rate(5_000_000_000))])).unwrap();
    tc.grow(ETH0, &tree(&[(7, rate(5_000_000_000)), (9, rate(1_000))])).unwrap();
    assert_eq!(tc.present(ETH0).unwrap(), ids(&[1, 7, 9]));
    tc.prune(ETH0, &ids(&[7, 8])).unwrap();
    assert_eq!(tc.present(ETH0).unwrap(), ids(&[7]));
    tc.prune(ETH0, &ids(&[])).unwrap();
    assert_eq!(tc.root(ETH0).unwrap(), Root::Default);
    tc.prune(ETH0, &ids(&[])).unwrap();
}

#[test]
fn a_root_of_somebody_else_is_left_alone_and_told() {
    let Some(cluster) = Cluster::new(1) else { return };
    let mut tc = tc(&cluster.nodes[0]);
    let mut messages = Messages::new();
    messages.push(libc::RTM_NEWQDISC, libc::NLM_F_CREATE, |m| {
        encode::header(m, ETH0, 0x10_0000, encode::ROOT);
        m.text(libc::TCA_KIND, "htb");
        m.nest(libc::TCA_OPTIONS, |m| m.bytes(2, &encode::bytes(&[3, 10, 0, 0, 0])));
    });
    tc.commit(&mut messages, &["theirs".to_owned()]).unwrap();
    let error = tc.grow(ETH0, &tree(&[(1, rate(1_000_000))])).unwrap_err();
    insta::assert_snapshot!(error.message, @"eth0 has a root qdisc of somebody else's: htb");
    tc.prune(ETH0, &ids(&[])).unwrap();
    assert_eq!(tc.root(ETH0).unwrap(), Root::Foreign("htb".to_owned()));
}

/// How many bits per second a TCP connection from node 0 gets to node 1 within some time.
fn throughput(cluster: &Cluster, during: Duration) -> f64 {
    let listener = cluster.nodes[1].inside(|| TcpListener::bind((v4(1), 0)).unwrap());
    let at = listener.local_addr().unwrap();
    let mut client = cluster.nodes[0].inside(|| TcpStream::connect(at).unwrap());
    let mut server = listener.accept().unwrap().0;
    let sender = std::thread::spawn(move || {
        let chunk = vec![0; 16 << 10];
        while client.write_all(&chunk).is_ok() {}
    });
    let mut buffer = vec![0; 64 << 10];
    // What lies in queues at the beginning is not of the rate.
    std::thread::sleep(Duration::from_millis(300));
    let (began, mut received) = (Instant::now(), 0);
    while began.elapsed() < during {
        received += server.read(&mut buffer).unwrap();
    }
    let rate = received as f64 * 8.0 / began.elapsed().as_secs_f64();
    drop(server);
    sender.join().unwrap();
    rate
}

#[test]
fn a_sorted_packet_meets_the_rate_of_its_class_and_others_do_not() {
    use crate::fault::Filter;
    use crate::kernel::nft::Nft;
    use crate::plan::{Ruleset, diff};
    let Some(cluster) = Cluster::new(2) else { return };
    let mut tc = tc(&cluster.nodes[0]);
    let mut nft = cluster.nodes[0].inside(Nft::open).unwrap();
    tc.grow(ETH0, &tree(&[(3, rate(20_000_000))])).unwrap();
    let unsorted = throughput(&cluster, Duration::from_millis(300));
    assert!(unsorted > 200e6, "a packet without a class is slow: {unsorted}");
    let mut ruleset = Ruleset::default();
    ruleset.classed.entry(Filter::ANY).or_default().insert(v4(1), 3);
    nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
    assert!(nft.holds(&ruleset).unwrap());
    let sorted = throughput(&cluster, Duration::from_millis(1_500));
    assert!((10e6..24e6).contains(&sorted), "a packet of the class gets {sorted}");
    nft.apply(&diff(&ruleset, &Ruleset::default())).unwrap();
    let healed = throughput(&cluster, Duration::from_millis(300));
    assert!(healed > 200e6, "a healed link is slow: {healed}");
}
