//! A TCP sender and a sink: what the nodes of the throughput measurement run.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CHUNK: usize = 256 << 10;

/// Takes what comes, from one connection after another.
pub(crate) fn sink(port: &str) -> ExitCode {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).expect("a free port");
    let mut buffer = vec![0; CHUNK];
    for connection in listener.incoming().flatten() {
        let mut connection = connection;
        while connection.read(&mut buffer).is_ok_and(|count| count > 0) {}
    }
    ExitCode::SUCCESS
}

/// Sends for so long and prints the rate in Gbit/s.
pub(crate) fn send(address: &str, milliseconds: &str) -> ExitCode {
    let end = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
    let mut connection = TcpStream::connect(address).expect("the sink");
    let chunk = vec![0; CHUNK];
    let start = Instant::now();
    let mut sent = 0_u64;
    while start.elapsed() < end {
        connection.write_all(&chunk).expect("the connection");
        sent += CHUNK as u64;
    }
    println!("{}", sent as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e9);
    ExitCode::SUCCESS
}

/// Takes what comes, from any number of connections at once. The first eight bytes of one say on which it is asked how
/// much has come on all of them.
pub(crate) fn sinks(port: &str) -> ExitCode {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).expect("a free port");
    let received = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    for mut connection in listener.incoming().flatten() {
        let received = received.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; CHUNK];
            while let Ok(count @ 1..) = connection.read(&mut buffer) {
                let total = received.fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed) + count as u64;
                // Whoever sends one byte alone asks.
                if count == 1 && connection.write_all(&total.to_le_bytes()).is_err() {
                    return;
                }
            }
        });
    }
    ExitCode::SUCCESS
}

/// Sends on so many connections for so long and prints the rate in Gbit/s at which it arrived, the first fifth of the
/// time left out: that is for TCP to find its pace.
pub(crate) fn streams(address: &str, count: &str, milliseconds: &str) -> ExitCode {
    let lasts = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
    let count: usize = count.parse().expect("a count");
    let mut asking = TcpStream::connect(address).expect("the sink");
    asking.set_nodelay(true).expect("an option");
    let connections: Vec<TcpStream> = (0..count).map(|_| TcpStream::connect(address).expect("the sink")).collect();
    for mut connection in connections.iter().map(|connection| connection.try_clone().expect("a descriptor")) {
        std::thread::spawn(move || {
            let chunk = vec![0; CHUNK];
            while connection.write_all(&chunk).is_ok() {}
        });
    }
    let mut total = || {
        let mut answer = [0; 8];
        asking.write_all(&[0]).and_then(|()| asking.read_exact(&mut answer)).expect("the sink's answer");
        (Instant::now(), u64::from_le_bytes(answer))
    };
    std::thread::sleep(lasts / 5);
    let (began, before) = total();
    std::thread::sleep(lasts);
    let (ended, after) = total();
    for connection in &connections {
        let _ = connection.shutdown(std::net::Shutdown::Both);
    }
    println!("{}", (after - before) as f64 * 8.0 / (ended - began).as_secs_f64() / 1e9);
    std::process::exit(0)
}
