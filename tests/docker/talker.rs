//! What runs in the containers of the tests: a program that talks from its first instruction and tells what it hears.
//!
//! Compiled by the tests themselves (see `tests/common/docker.rs`): std only, static, good for an empty image.
//!
//! - `talker PORT PEER…` asks every peer a thousand times a second by UDP and answers who asks. Prints `heard ADDRESS
//!   LIFE` once for each life of each peer whose packet arrives, question or answer. Prints `got N` for every line on a
//!   TCP connection.
//! - `talker ask PORT ADDRESS… -- ADDRESS…` prints the addresses that answer, one a line: it waits for those before
//!   `--`, and then a second for the others.
//! - `talker stream PORT ADDRESS` sends a numbered line every 10 ms on one TCP connection, prints `sent N`, and ends
//!   with `broken` if that connection does.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn _exit(code: i32) -> !;
}

extern "C" fn end(_: i32) {
    unsafe { _exit(0) }
}

fn main() {
    // As PID 1 it must ask for its end.
    unsafe { signal(15, end) };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let address = |text: &String| text.parse::<IpAddr>().unwrap();
    let addresses = |texts: &[String]| texts.iter().map(address).collect::<Vec<_>>();
    match args[0].as_str() {
        "ask" => {
            let (awaited, others) = args.split_at(args.iter().position(|arg| arg == "--").unwrap());
            ask(args[1].parse().unwrap(), &addresses(&awaited[2..]), &addresses(&others[1..]));
        }
        "stream" => stream(SocketAddr::new(address(&args[2]), args[1].parse().unwrap())),
        port => talk(port.parse().unwrap(), addresses(&args[1..])),
    }
}

/// An IPv4 address as itself, not as one of IPv6's.
fn plain(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

fn mapped(address: IpAddr, port: u16) -> SocketAddr {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    SocketAddr::new(address.into(), port)
}

/// A socket of both families; of IPv4 where the kernel has no other.
fn socket(port: u16) -> UdpSocket {
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|_| UdpSocket::bind(("0.0.0.0", port))).unwrap()
}

fn send(socket: &UdpSocket, text: &str, peer: IpAddr, port: u16) {
    // A network that is not there yet is no reason to be silent later.
    let _ = socket.send_to(text.as_bytes(), mapped(peer, port)).or_else(|_| socket.send_to(text.as_bytes(), (peer, port)));
}

fn talk(port: u16, peers: Vec<IpAddr>) {
    let life = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let socket = socket(port);
    let asking = socket.try_clone().unwrap();
    let question = format!("? {life}");
    std::thread::spawn(move || loop {
        peers.iter().for_each(|peer| send(&asking, &question, *peer, port));
        std::thread::sleep(Duration::from_millis(1));
    });
    std::thread::spawn(move || listen(port));
    let (mut buffer, mut heard) = ([0; 64], HashSet::new());
    loop {
        let Ok((length, source)) = socket.recv_from(&mut buffer) else { continue };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.starts_with('?') {
            let _ = socket.send_to(format!("! {life}").as_bytes(), source);
        }
        let line = format!("heard {} {}", plain(source), text.get(2..).unwrap_or_default());
        if heard.insert(line.clone()) {
            println!("{line}");
        }
    }
}

fn listen(port: u16) {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)));
    for connection in listener.unwrap().incoming().flatten() {
        std::thread::spawn(|| BufReader::new(connection).lines().map_while(Result::ok).for_each(|n| println!("got {n}")));
    }
}

fn ask(port: u16, awaited: &[IpAddr], others: &[IpAddr]) {
    let socket = socket(0);
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut silent = [awaited, others].concat();
    let mut hear = |seconds: u64, goes_on: &dyn Fn(&[IpAddr]) -> bool| {
        let end = Instant::now() + Duration::from_secs(seconds);
        while goes_on(&silent) && Instant::now() < end {
            silent.iter().for_each(|peer| send(&socket, "? 0", *peer, port));
            while goes_on(&silent) {
                let Ok((_, source)) = socket.recv_from(&mut [0; 64]) else { break };
                if silent.contains(&plain(source)) {
                    println!("{}", plain(source));
                }
                silent.retain(|address| *address != plain(source));
            }
        }
    };
    // Longer than it may take; only a failing test waits for it.
    hear(20, &|silent| awaited.iter().any(|address| silent.contains(address)));
    hear(1, &|silent| !silent.is_empty());
}

fn stream(server: SocketAddr) {
    let mut connection = loop {
        match TcpStream::connect(server) {
            Ok(connection) => break connection,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    for number in 0_u64.. {
        if connection.write_all(format!("{number}\n").as_bytes()).is_err() {
            println!("broken");
            return;
        }
        println!("sent {number}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
