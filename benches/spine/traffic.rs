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
