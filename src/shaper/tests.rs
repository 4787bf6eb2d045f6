//! What happens to real packets in the shaper's hands. It runs on a thread of the test's own.

use super::handle::Handle;
use super::sockets::Sockets;
use crate::fate::Link;
use crate::fate::header::{Header, tests::v4 as packet};
use crate::fault::{Chance, Family, Filter, Impairment, Proto};
use crate::kernel::nft::Nft;
use crate::kernel::queue::Kind;
use crate::kernel::testing::{Cluster, WORLD, local, udp, v4, v6};
use crate::plan::{Shaped, ShapedLink};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

const SEED: u64 = 11;
const MS: Duration = Duration::from_millis(1);
/// Only a test that fails waits for so long.
const LONG: Duration = Duration::from_secs(20);

/// A cluster whose second node, and whose first node's way out, is in the shaper's hands.
pub(super) struct Bench {
    pub(super) cluster: Cluster,
    runtime: Runtime,
    tasks: LocalSet,
    handle: Option<Handle>,
    shaper: Option<JoinHandle<rustix::io::Result<()>>>,
    pub(super) nft: Vec<Nft>,
}

impl Bench {
    /// What arrives at node 1 goes to this queue.
    pub(super) fn arriving(kind: Kind) -> Option<Self> {
        Self::new(1, |nft| nft.queue_arriving(kind))
    }

    /// What leaves node 0 goes to the queue of that.
    fn leaving() -> Option<Self> {
        Self::new(0, Nft::queue_leaving)
    }

    /// Both nodes' arrivals go to this queue.
    pub(super) fn both(kind: Kind) -> Option<Self> {
        let mut bench = Self::arriving(kind)?;
        bench.take_in("back", 0, |nft| nft.queue_arriving(kind));
        Some(bench)
    }

    fn new(node: usize, rules: impl FnOnce(&mut Nft)) -> Option<Self> {
        let mut bench = Self::of(2)?;
        bench.take_in("n", node, rules);
        Some(bench)
    }

    /// So many nodes, of which the shaper has none yet.
    pub(super) fn of(size: usize) -> Option<Self> {
        let cluster = Cluster::new(size)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let thread = std::thread::Builder::new().name("shaper".to_owned());
        let shaper = thread.spawn(move || super::serve::serve(theirs.into())).unwrap();
        let tasks = LocalSet::new();
        let handle = tasks.block_on(&runtime, async { Handle::connect(ours, None) }).unwrap();
        Some(Self { cluster, runtime, tasks, handle: Some(handle), shaper: Some(shaper), nft: Vec::new() })
    }

    pub(super) fn take_in(&mut self, name: &str, node: usize, rules: impl FnOnce(&mut Nft)) {
        let open = || (Nft::open().unwrap(), Sockets::open().unwrap());
        let (mut nft, sockets) = self.cluster.nodes[node].inside(open);
        rules(&mut nft);
        self.nft.push(nft);
        self.block(self.handle().attach(name, sockets)).unwrap();
    }

    pub(super) fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.tasks.block_on(&self.runtime, future)
    }

    pub(super) fn handle(&self) -> &Handle {
        self.handle.as_ref().unwrap()
    }

    pub(super) fn shape(&self, shaped: &Shaped) {
        self.block(self.handle().shape("n", SEED, shaped)).unwrap();
    }

    /// What comes from node 1 meets this.
    pub(super) fn shape_back(&self, impairment: Impairment) {
        let mut sources = crate::plan::Addresses::default();
        sources.extend([v4(1), v6(1), local(1)]);
        let link =
            ShapedLink { name: "n1 → n0".into(), sources: Some(sources), effects: vec![(Filter::ANY, impairment)] };
        let shaped = Shaped { arriving: vec![link], leaving: None };
        self.block(self.handle().shape("back", SEED, &shaped)).unwrap();
    }

    /// What comes from node 0 meets this.
    pub(super) fn shape_arriving(&self, impairment: Impairment) {
        self.shape(&Shaped { arriving: vec![link(&[(Filter::ANY, impairment)])], leaving: None });
    }

    fn shape_leaving(&self, impairment: Impairment) {
        self.shape(&Shaped { arriving: Vec::new(), leaving: Some(link(&[(Filter::ANY, impairment)])) });
    }

    /// Sockets at node 0 and node 1 that know each other: nobody is searched for any more.
    pub(super) fn pair(&self, address: fn(usize) -> IpAddr) -> (UdpSocket, UdpSocket) {
        let [source, target] = [0, 1].map(|node| self.cluster.udp(node, address(node)));
        target.connect(source.local_addr().unwrap()).unwrap();
        source.connect(target.local_addr().unwrap()).unwrap();
        target.send(b"hello").unwrap();
        assert_eq!(source.recv(&mut [0; 8]).unwrap(), 5);
        (source, target)
    }

    pub(super) fn connection(&self, address: IpAddr) -> (TcpStream, TcpStream) {
        let listener = self.cluster.nodes[1].inside(|| TcpListener::bind((address, 0)).unwrap());
        let at = listener.local_addr().unwrap();
        let client = self.cluster.nodes[0].inside(|| TcpStream::connect(at).unwrap());
        (client, listener.accept().unwrap().0)
    }
}

pub(super) fn link(effects: &[(Filter, Impairment)]) -> ShapedLink {
    let mut sources = crate::plan::Addresses::default();
    sources.extend([v4(0), v6(0), local(0)]);
    ShapedLink { name: "n0 → n1".into(), sources: Some(sources), effects: effects.to_vec() }
}

pub(super) fn delay(ms: u64) -> Impairment {
    Impairment { delay_us: ms * 1_000, ..Impairment::NONE }
}

/// How long one packet takes.
pub(super) fn takes((source, target): &(UdpSocket, UdpSocket)) -> Duration {
    let start = Instant::now();
    source.send(b"probe").unwrap();
    assert_eq!(target.recv(&mut [0; 8]).unwrap(), 5);
    start.elapsed()
}

/// How long the quickest of a few takes: on a busy machine one may have to wait for anything.
pub(super) fn quickest(pair: &(UdpSocket, UdpSocket)) -> Option<Duration> {
    (0..5).map(|_| takes(pair)).min()
}

/// So many datagrams, whenever they come, and whatever else comes until the socket is quiet.
pub(super) fn come(count: usize, target: &UdpSocket, quiet: Duration) -> Vec<Vec<u8>> {
    let mut came = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        target.set_read_timeout(Some(if came.len() < count { LONG } else { quiet })).unwrap();
        match target.recv(&mut buffer) {
            Ok(length) => came.push(buffer[..length].to_vec()),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                target.set_read_timeout(Some(LONG)).unwrap();
                return came;
            }
        }
    }
}

#[test]
fn a_packet_is_held_for_no_less_than_its_delay_in_both_families() {
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    for address in [v4, v6, local] {
        let pair = bench.pair(address);
        bench.shape_arriving(delay(20));
        let took = quickest(&pair);
        assert!(took.is_some_and(|took| (20 * MS..500 * MS).contains(&took)), "{took:?}");
        bench.shape(&Shaped::default());
        assert!(quickest(&pair) < Some(20 * MS));
    }
}

#[test]
fn exactly_those_packets_are_lost_that_the_seed_says() {
    const PACKETS: u32 = 2_000;
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    let loss = Impairment { loss: 0.3, ..delay(1) };
    let (source, target) = bench.pair(v4);
    // Of IPv6 the kernel sends packets of its own accord, which count, too.
    let only_v4 = Filter { family: Some(Family::Ipv4), ..Filter::ANY };
    bench.shape(&Shaped { arriving: vec![link(&[(only_v4, loss.clone())])], leaving: None });
    let mut link = Link::new(SEED, link(&[(only_v4, loss)]));
    let header = Header::read(&packet(17, 1, 1)).unwrap();
    let expected: BTreeSet<_> = (0..PACKETS).filter(|_| link.decide(&header, 32, 0).is_some()).collect();
    let mut arrived = BTreeSet::new();
    for k in 0..PACKETS {
        source.send(&k.to_ne_bytes()).unwrap();
        if k % 100 == 99 {
            let wanted = expected.range(..=k).count().saturating_sub(arrived.len());
            let came = come(wanted, &target, if k + 1 == PACKETS { 200 * MS } else { MS });
            arrived.extend(came.iter().map(|bytes| u32::from_ne_bytes(bytes[..].try_into().unwrap())));
        }
    }
    let differ: Vec<_> = arrived.symmetric_difference(&expected).collect();
    assert!(differ.is_empty(), "{differ:?} of {} and {}", arrived.len(), expected.len());
}

#[test]
fn what_comes_twice_reaches_the_program_twice_in_both_families() {
    let Some(bench) = Bench::arriving(Kind::Single) else { return };
    for address in [v4, v6, local] {
        let (source, target) = bench.pair(address);
        bench.shape_arriving(Impairment { duplicate: Chance::independent(1.0), ..delay(5) });
        (0..20).for_each(|k| _ = source.send(&[k]).unwrap());
        let mut came = come(40, &target, 200 * MS).concat();
        came.sort_unstable();
        assert_eq!(came, (0..20).flat_map(|k| [k, k]).collect::<Vec<_>>(), "{}", address(1));
        bench.shape(&Shaped::default());
    }
}

#[test]
fn a_flipped_bit_is_seen_by_the_checksum() {
    let Some(bench) = Bench::arriving(Kind::Single) else { return };
    for address in [v4, v6] {
        let (source, target) = bench.pair(address);
        bench.shape_arriving(Impairment { corrupt: Chance::independent(1.0), ..Impairment::NONE });
        (0..50).for_each(|_| _ = source.send(b"a text that is sent").unwrap());
        assert!(come(0, &target, 100 * MS).is_empty());
        bench.shape(&Shaped::default());
        source.send(b"again").unwrap();
        assert_eq!(come(1, &target, 100 * MS), [b"again"]);
    }
}

#[test]
fn one_bit_is_flipped_and_no_more() {
    let Some(bench) = Bench::arriving(Kind::Single) else { return };
    let (source, target) = bench.pair(v4);
    // Nobody looks at the bits of such a datagram.
    rustix::net::sockopt::set_socket_reuseaddr(&source, true).unwrap();
    no_checksum(&source);
    bench.shape_arriving(Impairment { corrupt: Chance::independent(1.0), ..Impairment::NONE });
    (0..100).for_each(|_| _ = source.send(&[0; 1_000]).unwrap());
    let came = come(81, &target, 100 * MS);
    // A few were hit in the header of UDP and are lost or somebody else's.
    assert!(came.len() > 80, "{}", came.len());
    for bytes in came.iter().filter(|bytes| bytes.len() == 1_000) {
        assert!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>() <= 1);
    }
    assert!(came.iter().filter(|bytes| bytes.iter().any(|byte| *byte != 0)).count() > 80);
}

/// `SO_NO_CHECK`
fn no_checksum(socket: &UdpSocket) {
    use std::os::fd::AsRawFd;
    let on: i32 = 1;
    // SAFETY: the pointer and the size describe `on`.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, (&raw const on).cast(), 4) };
    assert_eq!(done, 0);
}

/// Sends so much, and how long it took until all of it was there, as it was sent.
fn transfer((mut client, mut server): (TcpStream, TcpStream), bytes: usize) -> Duration {
    let start = Instant::now();
    let sent: Vec<u8> = (0..bytes).map(|n| (n / 7) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| client.write_all(&sent).unwrap());
        let mut came = vec![0; bytes];
        server.read_exact(&mut came).unwrap();
        assert!(came == sent);
    });
    start.elapsed()
}

#[test]
fn tcp_works_through_a_delay_in_large_pieces_and_in_single_packets() {
    for kind in [Kind::Whole, Kind::Single] {
        let Some(bench) = Bench::arriving(kind) else { return };
        bench.shape_arriving(delay(5));
        let took = transfer(bench.connection(v4(1)), 20 << 20);
        assert!(took < Duration::from_secs(60), "{kind:?}: {took:?}");
        println!("{kind:?}: 20 MiB in {took:?}");
    }
}

#[test]
fn tcp_mends_what_is_lost_doubled_corrupted_and_out_of_order() {
    let Some(bench) = Bench::arriving(Kind::Single) else { return };
    let few = Chance::independent(0.02);
    bench.shape_arriving(Impairment { loss: 0.01, duplicate: few, corrupt: few, reorder: few, ..delay(2) });
    let took = transfer(bench.connection(v6(1)), 1 << 20);
    println!("1 MiB in {took:?}");
}

#[test]
fn what_leaves_is_delayed_without_stopping_its_sender() {
    let Some(bench) = Bench::leaving() else { return };
    for address in [v4, v6, local] {
        let pair = bench.pair(address);
        bench.shape_leaving(delay(20));
        let took = quickest(&pair);
        assert!(took.is_some_and(|took| (20 * MS..500 * MS).contains(&took)), "{took:?}");
        // Cut up by the kernel only after our hands.
        pair.0.send(&[7; 8_000]).unwrap();
        assert_eq!(come(1, &pair.1, 100 * MS), [vec![7; 8_000]]);
        bench.shape(&Shaped::default());
    }
    bench.shape_leaving(delay(50));
    let took = transfer(bench.connection(v4(1)), 8 << 20);
    // Held in the kernel, it would take minutes.
    assert!(took < Duration::from_secs(60), "{took:?}");
    println!("8 MiB in {took:?}");
}

#[test]
fn the_way_to_the_world_loses_doubles_and_corrupts_too() {
    let Some(bench) = Bench::leaving() else { return };
    let world = bench.cluster.fabric.inside(|| udp(WORLD.parse().unwrap()));
    let source = bench.cluster.udp(0, v4(0));
    let send = |text: &[u8]| _ = source.send_to(text, world.local_addr().unwrap()).unwrap();
    send(b"known");
    assert_eq!(come(1, &world, 100 * MS), [b"known"]);
    bench.shape_leaving(Impairment { duplicate: Chance::independent(1.0), ..Impairment::NONE });
    send(b"twice");
    assert_eq!(come(2, &world, 100 * MS), [b"twice", b"twice"]);
    for lost in [
        Impairment { loss: 1.0, ..Impairment::NONE },
        Impairment { corrupt: Chance::independent(1.0), ..Impairment::NONE },
    ] {
        bench.shape_leaving(lost);
        send(b"lost");
        assert!(come(0, &world, 100 * MS).is_empty());
    }
}

#[test]
fn only_what_a_filter_selects_and_where_a_link_says_so() {
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    let pair = bench.pair(v4);
    let tcp = Filter { proto: Some(Proto::Tcp), ..Filter::ANY };
    bench.shape(&Shaped { arriving: vec![link(&[(tcp, delay(50))])], leaving: None });
    assert!(quickest(&pair) < Some(50 * MS));
    let others = ShapedLink { sources: None, name: "world → n1".into(), ..link(&[(Filter::ANY, delay(50))]) };
    bench.shape(&Shaped { arriving: vec![link(&[]), others], leaving: None });
    assert!(quickest(&pair) < Some(50 * MS));
    let world = bench.cluster.fabric.inside(|| udp(WORLD.parse().unwrap()));
    let target = bench.cluster.udp(1, v4(1));
    world.connect(target.local_addr().unwrap()).unwrap();
    assert!(takes(&(world, target)) >= 50 * MS);
}

#[test]
fn a_change_loses_nothing_and_what_is_held_keeps_its_time() {
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    let (source, target) = bench.pair(v4);
    let start = Instant::now();
    for round in 0..20_u8 {
        bench.shape_arriving(delay(if round % 2 == 0 { 50 } else { 100 }));
        (0..10).for_each(|k| _ = source.send(&[round * 10 + k]).unwrap());
    }
    bench.block(bench.handle().detach("n")).unwrap();
    let mut came = come(200, &target, 300 * MS).concat();
    assert!(start.elapsed() >= 400 * MS);
    came.sort_unstable();
    assert_eq!(came, (0..200).collect::<Vec<_>>());
    // It is detached: what is not there any more cannot be shaped.
    assert!(bench.block(bench.handle().shape("n", 1, &Shaped::default())).is_err());
    assert!(quickest(&(source, target)) < Some(50 * MS));
}

#[test]
fn what_waits_for_a_bandwidth_keeps_nobody_waiting_when_that_is_another_one() {
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    let (busy, pair) = (bench.pair(v4), bench.pair(v4));
    let rate = |bits| Impairment { rate_bits: Some(bits), ..Impairment::NONE };
    let fill = || {
        bench.shape_arriving(rate(64_000));
        (0..400).for_each(|_| _ = busy.0.send(&[0; 1_000]).unwrap());
    };
    fill();
    bench.shape_arriving(rate(100_000_000));
    assert!(takes(&pair) < LONG);
    fill();
    bench.shape(&Shaped::default());
    bench.shape_arriving(rate(64_000));
    assert!(takes(&pair) < LONG);
}

#[test]
fn packets_pass_when_the_shaper_is_gone_and_the_handle_tells() {
    let Some(mut bench) = Bench::arriving(Kind::Whole) else { return };
    let pair = bench.pair(v4);
    bench.shape_arriving(delay(10_000));
    pair.0.send(b"held").unwrap();
    let handle = bench.handle.take().unwrap();
    let ended = bench.block(async {
        // A hang-up in the other direction is all that a thread can be killed by.
        let ended = handle.ended.clone();
        drop(handle);
        told(ended).await
    });
    assert!(ended.is_ok(), "{ended:?}");
    bench.shaper.take().unwrap().join().unwrap().unwrap();
    assert!(quickest(&pair) < Some(Duration::from_secs(1)));
}

async fn told(mut ended: tokio::sync::watch::Receiver<Option<Error>>) -> Result<Error> {
    let ended = ended.wait_for(Option::is_some).await;
    ended.map_err(|_| Error::machine("nothing was told"))?.clone().ok_or_else(|| Error::machine("no cause"))
}
