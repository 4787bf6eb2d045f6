//! What the nodes of a partition run: each sends to nodes of both sides without end, and counts what it hears of which.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const PORT: u16 = 7000;
/// Between two packets to each side.
const INTERVAL: Duration = Duration::from_millis(5);

/// What a node has counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// Packets to the other side.
    pub(crate) sent: u64,
    /// Packets of its own side.
    pub(crate) own: u64,
    /// Packets of the other side.
    pub(crate) crossed: u64,
}

/// Lets all nodes begin: `sides` are their addresses.
pub(crate) fn begin(folder: &Path, sides: [&[String]; 2]) {
    let lines = sides.map(|side| side.join(" ")).join("\n");
    std::fs::write(folder.join("draft"), lines).expect("a file");
    std::fs::rename(folder.join("draft"), folder.join("go")).expect("a file");
}

/// Lets all nodes print what they have counted.
pub(crate) fn end(folder: &Path) {
    std::fs::write(folder.join("stop"), "").expect("a file");
}

/// What a node has printed, once it has.
pub(crate) fn counted(log: &str) -> Option<Counted> {
    let numbers: Vec<u64> = log.trim().split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [sent, own, crossed] = numbers[..] else { return None };
    Some(Counted { sent, own, crossed })
}

/// A node, whose address is `own`. It stays when it has counted.
pub(crate) fn node(own: &str, folder: &str) -> ExitCode {
    let folder = Path::new(folder);
    while !folder.join("go").exists() {
        std::thread::sleep(INTERVAL);
    }
    let text = std::fs::read_to_string(folder.join("go")).expect("the sides");
    let sides: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let side = usize::from(sides[1].contains(&own));
    let peers = [&sides[side], &sides[1 - side]].map(|side| {
        let others = side.iter().filter(|address| **address != own);
        others.map(|address| format!("{address}:{PORT}").parse().expect("an address")).collect::<Vec<SocketAddr>>()
    });
    let counted = flood(folder, side as u8, &peers);
    println!("{} {} {}", counted.sent, counted.own, counted.crossed);
    loop {
        std::thread::park();
    }
}

fn flood(folder: &Path, side: u8, peers: &[Vec<SocketAddr>; 2]) -> Counted {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).expect("a port");
    socket.set_nonblocking(true).expect("a socket");
    let mut counted = Counted::default();
    for turn in 0.. {
        if turn % 20 == 0 && folder.join("stop").exists() {
            break;
        }
        for (peers, is_other) in peers.iter().zip([false, true]) {
            // What the kernel refuses to send has not crossed either.
            let sent = socket.send_to(&[side], peers[turn % peers.len()]).is_ok();
            counted.sent += u64::from(sent && is_other);
        }
        std::thread::sleep(INTERVAL);
        let mut packet = [0];
        while let Ok((1, _)) = socket.recv_from(&mut packet) {
            *(if packet[0] == side { &mut counted.own } else { &mut counted.crossed }) += 1;
        }
    }
    counted
}
