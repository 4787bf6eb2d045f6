//! That netem does something where these tests run: one delay, measured.

use super::message::Messages;
use super::netlink::{Protocol, Socket};
use super::testing::{Cluster, netem, v4};
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(20);
/// What a node's device is there.
const ETH0: u32 = 2;

#[test]
fn a_packet_takes_as_long_as_netem_says() {
    if !netem() {
        return;
    }
    let Some(cluster) = Cluster::new(2) else { return };
    // The fastest of some, the first of which asks for the way.
    let bare = (0..10).map(|_| crossing(&cluster)).min().unwrap();
    delay(&cluster);
    let delayed = (0..10).map(|_| crossing(&cluster)).min().unwrap();
    assert!(bare < DELAY / 2, "without netem {bare:?}");
    assert!(delayed >= DELAY, "with netem {delayed:?}, without {bare:?}");
}

/// How long a packet is under way from the first node to the second.
fn crossing(cluster: &Cluster) -> Duration {
    let (from, to) = (cluster.udp(0, v4(0)), cluster.udp(1, v4(1)));
    let sent = Instant::now();
    from.send_to(b"?", to.local_addr().unwrap()).unwrap();
    to.recv(&mut [0]).unwrap();
    sent.elapsed()
}

/// `tc qdisc add dev eth0 root netem delay 20ms` at the first node.
fn delay(cluster: &Cluster) {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let mut messages = Messages::new();
    messages.push(libc::RTM_NEWQDISC, libc::NLM_F_CREATE | libc::NLM_F_EXCL, |writer| {
        // struct tcmsg: family, ifindex, handle, parent (the root), info
        writer.raw(&words(&[0, ETH0, 0, u32::MAX, 0]));
        writer.text(libc::TCA_KIND, "netem");
        // struct tc_netem_qopt: latency in ticks of 64 ns, limit, loss, gap, duplicate, jitter
        writer.bytes(libc::TCA_OPTIONS, &words(&[(DELAY.as_nanos() / 64) as u32, 1000, 0, 0, 0, 0]));
    });
    let mut socket = cluster.nodes[0].inside(|| Socket::open(Protocol::Route)).unwrap();
    socket.transact(&mut messages, 0, |_| "tc qdisc add netem".to_owned()).unwrap();
}
