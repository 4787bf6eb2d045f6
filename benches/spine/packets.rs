//! Numbered UDP packets with the time they were sent at: what the nodes of the shaping measurements run.
//!
//! Sender and sink are processes of one machine and read the same clock.

use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The machine's clock since it was started, nanoseconds.
fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of ours that the call fills in.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Sends so many, so far apart.
pub(crate) fn send(address: &str, count: &str, interval_us: &str) -> ExitCode {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect(address).expect("an address");
    let count: u32 = count.parse().expect("a count");
    let interval = Duration::from_micros(interval_us.parse().expect("microseconds"));
    let start = Instant::now();
    for number in 0..count {
        while start.elapsed() < interval * number {
            std::hint::spin_loop();
        }
        let mut packet = [0; 12];
        packet[..4].copy_from_slice(&number.to_le_bytes());
        packet[4..].copy_from_slice(&now_ns().to_le_bytes());
        // What a link refuses counts as lost.
        let _ = socket.send(&packet);
    }
    ExitCode::SUCCESS
}

/// Prints how long each packet took that arrives, microseconds, until none has come for so long.
pub(crate) fn sink(port: &str, quiet_ms: &str) -> ExitCode {
    let socket = UdpSocket::bind(format!("0.0.0.0:{port}")).expect("a free port");
    // A burst of packets that were held must not be lost here.
    let size: libc::c_int = 16 << 20;
    // SAFETY: the pointer and the size describe a value of ours.
    unsafe {
        use std::os::fd::AsRawFd;
        let (pointer, length) = ((&raw const size).cast(), size_of::<libc::c_int>() as libc::socklen_t);
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, pointer, length);
    }
    let quiet = Duration::from_millis(quiet_ms.parse().expect("milliseconds"));
    let mut took = Vec::new();
    let mut packet = [0; 64];
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    while let Ok(12) = socket.recv(&mut packet) {
        let sent = u64::from_le_bytes(packet[4..12].try_into().expect("eight bytes"));
        took.push(now_ns().saturating_sub(sent) as f64 / 1e3);
        socket.set_read_timeout(Some(quiet)).expect("a timeout");
    }
    let lines: Vec<String> = took.iter().map(|us| format!("{us:.1}")).collect();
    println!("{}", lines.join("\n"));
    ExitCode::SUCCESS
}
