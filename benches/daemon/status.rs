//! How long a cluster's status takes while many ask for it at once.

use crate::client::{CLUSTER, Daemon};
use crate::figures::Figure;
use crate::{figure, quantile};
use std::time::Instant;

const CLIENTS: usize = 64;
const REQUESTS: usize = 1_000;
/// Not measured: connections come to be, memory is taken.
const WARMING_UP: usize = 50;

pub(crate) fn figures() -> Vec<Figure> {
    let daemon = Daemon::with("nodes:\n  n: { command: sleep infinity, count: 3 }\n");
    round(&daemon, WARMING_UP);
    let before = daemon.memory_mib();
    let began = Instant::now();
    let (took, errors) = round(&daemon, REQUESTS);
    let a_second = took.len() as f64 / began.elapsed().as_secs_f64();
    assert_eq!(errors, 0, "requests that failed");
    let grown = daemon.memory_mib() - before;
    let p99 = quantile(&took, 0.99);
    vec![
        figure(format!("status of a cluster, {CLIENTS} clients × {REQUESTS} requests"), took, "ms", ""),
        figure("… 99 of 100 within", vec![p99], "ms", "≤ 20 ms"),
        figure("… requests that failed", vec![errors as f64], "", "0"),
        figure("… requests a second", vec![a_second], "", ""),
        figure("… the daemon's memory grew by", vec![grown], "MiB", ""),
    ]
}

/// How long each request took, milliseconds, and how many failed.
fn round(daemon: &Daemon, requests: usize) -> (Vec<f64>, usize) {
    let ask = |_| {
        let mut client = daemon.connect();
        let mut errors = 0;
        let took: Vec<f64> = (0..requests)
            .map(|_| {
                let began = Instant::now();
                let (status, body) = client.ask("GET", CLUSTER, "");
                errors += usize::from(status != 200 || !body.windows(4).any(|window| window == b"\"UP\""));
                began.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        (took, errors)
    };
    let ask = &ask;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || ask(client))).collect();
        let all = clients.into_iter().map(|client| client.join().expect("a client that comes to its end"));
        all.fold((Vec::new(), 0), |(mut took, errors), (more, failed)| {
            took.extend(more);
            (took, errors + failed)
        })
    })
}
