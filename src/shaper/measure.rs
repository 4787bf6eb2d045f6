//! Measurements, by hand and in release: `cargo test --release --lib -- --ignored --nocapture --test-threads 1 shaper::measure`.

use super::sockets::Sockets;
use super::tests::{Bench, delay};
use crate::fault::{Distribution, Impairment, Jitter};
use crate::kernel::queue::Kind;
use crate::kernel::testing::{Namespace, v4};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Gigabits a second that so many streams carry within this time, after a warm-up.
fn throughput(streams: Vec<(TcpStream, TcpStream)>, span: Duration) -> f64 {
    let (over, bytes) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (mut client, mut server) in streams {
            let (over, bytes) = (&over, &bytes);
            scope.spawn(move || {
                let block = vec![1; 1 << 18];
                while !over.load(Ordering::Relaxed) && client.write_all(&block).is_ok() {}
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
            scope.spawn(move || {
                let mut buffer = vec![0; 1 << 18];
                while let Ok(length @ 1..) = server.read(&mut buffer) {
                    bytes.fetch_add(length as u64, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(2));
        let (start, before) = (Instant::now(), bytes.load(Ordering::Relaxed));
        std::thread::sleep(span);
        let came = bytes.load(Ordering::Relaxed) - before;
        let rate = came as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e9;
        over.store(true, Ordering::Relaxed);
        rate
    })
}

fn streams(bench: &Bench, count: usize) -> Vec<(TcpStream, TcpStream)> {
    (0..count).map(|_| bench.connection(v4(1))).collect()
}

#[test]
#[ignore = "a measurement"]
fn tcp_through_delays() {
    let Some(bench) = Bench::both(Kind::Whole) else { return };
    for (there, back) in [(0, 0), (5, 0), (50, 0), (5, 5), (25, 25), (50, 50)] {
        bench.shape_arriving(delay(there));
        bench.shape_back(delay(back));
        for count in [1, 8] {
            let rate = throughput(streams(&bench, count), Duration::from_secs(4));
            println!("{there} ms there, {back} ms back, {count} streams: {rate:.2} Gbit/s");
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn tcp_in_single_packets() {
    let Some(bench) = Bench::arriving(Kind::Single) else { return };
    for ms in [0, 5, 50] {
        bench.shape_arriving(delay(ms));
        println!("{ms} ms: {:.2} Gbit/s", throughput(streams(&bench, 8), Duration::from_secs(4)));
    }
}

#[test]
#[ignore = "a measurement"]
fn tcp_through_bandwidths() {
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    for mbit in [1, 10, 100] {
        bench.shape_arriving(Impairment { rate_bits: Some(mbit * 1_000_000), ..Impairment::NONE });
        let rate = throughput(streams(&bench, 1), Duration::from_secs(10));
        println!("{mbit} Mbit/s: {:.2} %", rate * 1e5 / mbit as f64);
    }
}

fn round_trips(pair: &(UdpSocket, UdpSocket), count: u32) -> Vec<Duration> {
    let (source, target) = pair;
    let mut took: Vec<_> = (0..count)
        .map(|_| {
            let start = Instant::now();
            source.send(b"ping").unwrap();
            target.recv(&mut [0; 8]).unwrap();
            target.send(b"pong").unwrap();
            source.recv(&mut [0; 8]).unwrap();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took
}

#[test]
#[ignore = "a measurement"]
fn round_trips_through_delays() {
    let Some(bench) = Bench::both(Kind::Whole) else { return };
    let pair = bench.pair(v4);
    for (ms, count) in [(0, 2_000), (1, 500), (10, 200), (100, 30), (500, 8)] {
        bench.shape_arriving(delay(ms));
        bench.shape_back(delay(ms));
        let took = round_trips(&pair, count);
        let off = |place: usize| (took[place].as_secs_f64() - ms as f64 * 2e-3) * 1e6;
        println!(
            "{ms} ms each way: {:.0} µs more at least, {:.0} in the median, {:.0} at most",
            off(0),
            off(took.len() / 2),
            off(took.len() - 1)
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn small_packets_through_a_delay_and_a_jitter() {
    let Some(bench) = Bench::arriving(Kind::Whole) else { return };
    let (source, target) = bench.pair(v4);
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&target, 64 << 20).unwrap();
    let jitter = Jitter { us: 10_000, distribution: Distribution::Normal, correlation: 0.0 };
    let jittery = Impairment { jitter: vec![jitter], ..delay(50) };
    for (what, impairment) in [("nothing", Impairment::NONE), ("50 ms", delay(50)), ("50 ± 10 ms", jittery)] {
        bench.shape_arriving(impairment);
        for rate in [20_000, 100_000, u32::MAX] {
            let (start, mut sent) = (Instant::now(), 0_u32);
            while start.elapsed() < Duration::from_secs(2) {
                if f64::from(sent) > start.elapsed().as_secs_f64() * f64::from(rate) {
                    std::thread::yield_now();
                } else if source.send(b"small").is_ok() {
                    sent += 1;
                }
            }
            target.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let came = std::iter::from_fn(|| target.recv(&mut [0; 8]).ok()).count();
            println!("{what}: {} packets a second, {came} of {sent} came", sent / 2);
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn sockets_open_and_close() {
    let Some(namespace) = Namespace::new() else { return };
    for round in 0..5 {
        let start = Instant::now();
        let sockets = namespace.inside(Sockets::open).unwrap();
        let opened = start.elapsed();
        drop(sockets);
        println!("{round}: open {opened:?}, close {:?}", start.elapsed().checked_sub(opened).unwrap());
    }
}
