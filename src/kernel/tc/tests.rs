//! Trees against the real kernel. Those with netem run where there is one (`tests/run` boots a kernel that has it).

use super::*;
use crate::fault::{Burst, Chance, Distribution, Impairment, Jitter};
use crate::kernel::testing::{Cluster, Namespace, netem, v4};
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
    tc.grow(ETH0, &tree(&[(1, rate(1_000_000)), (7, rate(5_000_000_000))]), &ids(&[])).unwrap();
    tc.grow(ETH0, &tree(&[(7, rate(5_000_000_000)), (9, rate(1_000))]), &ids(&[])).unwrap();
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
    let error = tc.grow(ETH0, &tree(&[(1, rate(1_000_000))]), &ids(&[])).unwrap_err();
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
    use crate::plan::{Ruleset, Side, diff};
    let Some(cluster) = Cluster::new(2) else { return };
    let mut tc = tc(&cluster.nodes[0]);
    let mut nft = cluster.nodes[0].inside(Nft::open).unwrap();
    tc.grow(ETH0, &tree(&[(3, rate(20_000_000))]), &ids(&[])).unwrap();
    let unsorted = throughput(&cluster, Duration::from_millis(300));
    assert!(unsorted > 200e6, "a packet without a class is slow: {unsorted}");
    let mut ruleset = Ruleset::default();
    ruleset.classed.entry((Filter::ANY, Side::One)).or_default().insert(v4(1), 3);
    nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
    assert!(nft.holds(&ruleset).unwrap());
    let sorted = throughput(&cluster, Duration::from_millis(1_500));
    assert!((10e6..24e6).contains(&sorted), "a packet of the class gets {sorted}");
    nft.apply(&diff(&ruleset, &Ruleset::default())).unwrap();
    let healed = throughput(&cluster, Duration::from_millis(300));
    assert!(healed > 200e6, "a healed link is slow: {healed}");
}

#[test]
fn what_waits_for_a_bandwidth_that_changes_is_carried_at_the_new_one() {
    use crate::fault::Filter;
    use crate::kernel::nft::Nft;
    use crate::plan::{Ruleset, Side, diff};
    let Some(cluster) = Cluster::new(2) else { return };
    let mut tc = tc(&cluster.nodes[0]);
    tc.grow(ETH0, &tree(&[(3, rate(64_000))]), &ids(&[])).unwrap();
    let (source, target) = (cluster.udp(0, v4(0)), cluster.udp(1, v4(1)));
    source.connect(target.local_addr().unwrap()).unwrap();
    source.send(&[99]).unwrap();
    target.recv(&mut [0; 1]).unwrap();
    let mut ruleset = Ruleset::default();
    ruleset.classed.entry((Filter::ANY, Side::One)).or_default().insert(v4(1), 3);
    let mut nft = cluster.nodes[0].inside(Nft::open).unwrap();
    nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
    let began = Instant::now();
    (0..50).for_each(|number| _ = source.send(&[number; 1_000]).unwrap());
    tc.grow(ETH0, &tree(&[(3, rate(2_000_000))]), &ids(&[3])).unwrap();
    for number in 0..50 {
        let mut packet = [0; 1_000];
        target.recv(&mut packet).unwrap();
        assert_eq!(packet[0], number);
    }
    // At 64 kbit/s it would take 6.6 s, without a class nothing.
    let took = began.elapsed();
    assert!((100 * MS..3_000 * MS).contains(&took), "{took:?}");
}

/// Of numbered packets that node 0 sends to node 1 at once, how often each arrives, in which order they came, and how long
/// the fastest and the slowest took.
struct Sent {
    times: Vec<usize>,
    order: Vec<usize>,
    fastest: Duration,
    slowest: Duration,
}

impl Sent {
    fn lost(&self) -> usize {
        self.times.iter().filter(|times| **times == 0).count()
    }

    fn twice(&self) -> usize {
        self.times.iter().filter(|times| **times > 1).count()
    }
}

/// Whatever this thread sends passes through one CPU. A veth hands packets to the CPU that dequeued them, and a qdisc's
/// timer stays where it was started: with senders that move, packets change places in the veth, on any kernel.
fn stay_on_one_cpu() {
    let mut cpus = rustix::thread::CpuSet::new();
    cpus.set(0);
    rustix::thread::sched_setaffinity(None, &cpus).unwrap();
}

/// Sends them, `pause` apart, through a class that does this.
fn send(impairment: &Impairment, count: usize, pause: Duration) -> Option<Sent> {
    use crate::fault::Filter;
    use crate::kernel::nft::Nft;
    use crate::plan::{Ruleset, Side, diff};
    let cluster = Cluster::new(2)?;
    tc(&cluster.nodes[0]).grow(ETH0, &tree(&[(3, impairment.clone())]), &ids(&[])).unwrap();
    let mut ruleset = Ruleset::default();
    ruleset.classed.entry((Filter::ANY, Side::One)).or_default().insert(v4(1), 3);
    let mut nft = cluster.nodes[0].inside(Nft::open).unwrap();
    nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
    let (from, to) = (cluster.udp(0, v4(0)), cluster.udp(1, v4(1)));
    let at = to.local_addr().unwrap();
    let wait = Duration::from_micros(impairment.longest_us()) + Duration::from_secs(2);
    to.set_read_timeout(Some(wait)).unwrap();
    // On a busy machine it is read late, and a lost packet means something here.
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&to, 8 << 20).unwrap();
    let began = Instant::now();
    let sending = std::thread::spawn(move || {
        stay_on_one_cpu();
        for number in 0..count {
            let text = format!("{number} {} {:1000}", began.elapsed().as_nanos(), "");
            from.send_to(&text.as_bytes()[..1_000], at).unwrap();
            std::thread::sleep(pause);
        }
    });
    let mut sent = Sent { times: vec![0; count], order: Vec::new(), fastest: Duration::MAX, slowest: Duration::ZERO };
    let mut buffer = [0; 1_000];
    while to.recv(&mut buffer).is_ok() {
        let came = began.elapsed();
        let numbers = std::str::from_utf8(&buffer).unwrap().split(' ');
        let numbers: Vec<u64> = numbers.take(2).map(|text| text.parse().unwrap()).collect();
        let (number, took) = (numbers[0] as usize, came.saturating_sub(Duration::from_nanos(numbers[1])));
        sent.times[number] += 1;
        sent.order.push(number);
        sent.fastest = sent.fastest.min(took);
        sent.slowest = sent.slowest.max(took);
    }
    sending.join().unwrap();
    Some(sent)
}

const MS: Duration = Duration::from_millis(1);

/// Less than once in a million times a share is further off.
fn is_share(found: usize, p: f64, n: usize, varies: f64) -> bool {
    (found as f64 / n as f64 - p).abs() <= 4.9 * varies * (p * (1.0 - p) / n as f64).sqrt() + 0.01
}

#[test]
fn netem_delays_by_what_was_asked_and_loses_nothing() {
    if !netem() {
        return;
    }
    let delay = Impairment { delay_us: 20_000, ..Impairment::NONE };
    let Some(sent) = send(&delay, 300, MS) else { return };
    assert!(sent.times.iter().all(|times| *times == 1));
    assert!(sent.fastest >= 20 * MS && sent.fastest < 200 * MS, "{:?}", sent.fastest);
    assert!(sent.order.is_sorted());
}

#[test]
fn netem_spreads_delays_by_each_distribution_within_its_reach() {
    if !netem() {
        return;
    }
    for distribution in Distribution::ALL {
        let jitter = vec![Jitter { us: 10_000, distribution, correlation: 0.0 }];
        let impairment = Impairment { delay_us: 50_000, jitter, ..Impairment::NONE };
        let Some(sent) = send(&impairment, 300, MS) else { return };
        let (below, _) = distribution.reach();
        let least = Duration::from_micros((50_000.0 - below * 10_000.0) as u64);
        assert!(sent.times.iter().all(|times| *times == 1), "{distribution}");
        // Both ends of it are met: no single delay looks like that, nor another distribution's beginning.
        let reached = match distribution {
            Distribution::Uniform | Distribution::Normal => 43,
            Distribution::Pareto | Distribution::ParetoNormal => 50,
        };
        assert!(
            sent.fastest >= least.saturating_sub(MS / 10) && sent.fastest < reached * MS,
            "{distribution}: {:?}",
            sent.fastest
        );
        assert!(
            sent.slowest.saturating_sub(sent.fastest) > 15 * MS && !sent.order.is_sorted(),
            "{distribution}: {:?}",
            sent.slowest
        );
    }
}

#[test]
fn netem_loses_the_share_of_every_model() {
    if !netem() {
        return;
    }
    let bursts = [
        Burst::Correlated { loss: 0.3, correlation: 0.5 },
        Burst::GeModel { p: 0.1, r: 0.3, h: 0.2, k: 0.95 },
        Burst::FourState { p13: 0.1, p31: 0.3, p32: 0.2, p23: 0.5, p14: 0.05 },
    ];
    let independent = (Impairment { loss: 0.3, ..Impairment::NONE }, 1.0);
    let with = |bursts: Vec<Burst>, loss| Impairment { loss, bursts, ..Impairment::NONE };
    let chains = bursts.iter().map(|burst| (with(vec![*burst], 0.0), 2.5));
    // Two states take an independent loss in.
    let both = (with(vec![bursts[1]], 0.2), 2.5);
    for (impairment, varies) in std::iter::once(independent).chain(chains).chain([both]) {
        let Some(sent) = send(&impairment, 1_500, MS / 5) else { return };
        assert!(is_share(sent.lost(), impairment.loss_rate(), 1_500, varies), "{impairment}: {}", sent.lost());
        assert_eq!(sent.twice(), 0, "{impairment}");
    }
}

#[test]
fn netem_loses_in_bursts_what_is_to_be_lost_in_bursts() {
    if !netem() {
        return;
    }
    let burst = Burst::GeModel { p: 0.02, r: 0.1, h: 0.0, k: 1.0 };
    let Some(sent) = send(&Impairment { bursts: vec![burst], ..Impairment::NONE }, 2_000, MS / 5) else { return };
    let lost = |number: &usize| sent.times[*number] == 0;
    let runs = (0..2_000).filter(|number| lost(number) && (*number == 0 || !lost(&(number - 1)))).count();
    // Ten packets long on average; independent losses are hardly longer than one.
    assert!(sent.lost() > 4 * runs, "{} lost in {runs} runs", sent.lost());
}

#[test]
fn netem_lets_packets_overtake() {
    if !netem() {
        return;
    }
    // Of packets that come one every few milliseconds every fifth is not delayed, and only these.
    let order = Impairment { delay_us: 100_000, reorder: Chance::independent(1.0), gap: 5, ..Impairment::NONE };
    let Some(sent) = send(&order, 100, 2 * MS) else { return };
    assert!(sent.fastest < 100 * MS && sent.slowest >= 100 * MS, "{:?} {:?}", sent.fastest, sent.slowest);
    let overtakes = |number: usize| {
        let place = |number| sent.order.iter().position(|other| *other == number).unwrap();
        number > 0 && place(number) < place(number - 1)
    };
    let overtook: Vec<usize> = (0..100).filter(|number| overtakes(*number)).collect();
    assert_eq!(overtook, (0..20).map(|k| 5 * k + 4).collect::<Vec<_>>());
}

#[test]
fn netem_below_a_bandwidth_delays_and_is_as_narrow_as_asked() {
    if !netem() {
        return;
    }
    let both = Impairment { delay_us: 20_000, rate_bits: Some(1_000_000), ..Impairment::NONE };
    // Each takes 8 ms, but for those of the first burst.
    let Some(sent) = send(&both, 30, Duration::ZERO) else { return };
    assert!(sent.fastest >= 20 * MS && sent.order.is_sorted() && sent.lost() == 0);
    assert!(sent.slowest >= 170 * MS && sent.slowest < 1_000 * MS, "{:?}", sent.slowest);
}

#[test]
fn netem_takes_everything_at_once_and_many_classes_on_a_device() {
    if !netem() {
        return;
    }
    let Some(cluster) = Cluster::new(1) else { return };
    let everything = Impairment {
        delay_us: 3_600_000_000,
        jitter: vec![Jitter { us: 1_000, distribution: Distribution::ParetoNormal, correlation: 0.0 }],
        loss: 0.001,
        bursts: vec![Burst::Correlated { loss: 0.1, correlation: 0.25 }],
        reorder: Chance::independent(0.5),
        gap: 7,
        rate_bits: Some(100_000_000_000),
        ..Impairment::NONE
    };
    let delay = |n: u16| (n, Impairment { delay_us: u64::from(n), ..Impairment::NONE });
    let classes: Vec<_> = std::iter::once((1, everything)).chain((2..=50).map(delay)).collect();
    let mut tc = tc(&cluster.nodes[0]);
    tc.grow(ETH0, &tree(&classes), &ids(&[])).unwrap();
    assert_eq!(tc.present(ETH0).unwrap(), (1..=50).collect());
    tc.prune(ETH0, &ids(&[])).unwrap();
    assert_eq!(tc.root(ETH0).unwrap(), Root::Default);
}
