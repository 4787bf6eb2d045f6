//! Namespaces of our own for tests that talk to the real kernel.

pub(crate) use crate::skip::netem;

use super::link::{Change, Device, End, LOOPBACK, Links, Mac, link_local};
use ipnet::IpNet;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::fs::File;
use std::net::{IpAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

/// A network namespace, gone with the last descriptor of it.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    /// A fresh one, or, where this process has no right to make one, a loud `None`.
    pub(crate) fn new() -> Option<Self> {
        let made = std::thread::spawn(|| {
            // SAFETY: the thread is our own and shares no file descriptor table of its own.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map(|()| File::open("/proc/thread-self/ns/net").unwrap())
        });
        match made.join().unwrap() {
            Ok(file) => Some(Self(file)),
            Err(errno) => {
                crate::skip::skip(&format!("cannot make a network namespace: {errno}"));
                None
            }
        }
    }

    /// Two fresh ones.
    pub(crate) fn two() -> Option<(Self, Self)> {
        Some((Self::new()?, Self::new()?))
    }

    /// Runs on a thread that has entered the namespace.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Nodes behind a bridge, as the runtime builds them. Node `n` has the addresses [`v4`]`(n)`, [`v6`]`(n)`, a link-local
/// one, and [`other`]`(n)`, which no ruleset knows: what comes from there is never refused as the node's.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) fabric: Namespace,
    pub(crate) nodes: Vec<Namespace>,
}

/// The gateway's address: the world.
pub(crate) const WORLD: &str = "10.9.0.1";

pub(crate) fn v4(node: usize) -> IpAddr {
    IpAddr::from([10, 9, 0, node as u8 + 2])
}

pub(crate) fn other(node: usize) -> IpAddr {
    IpAddr::from([10, 9, 0, node as u8 + 102])
}

pub(crate) fn v6(node: usize) -> IpAddr {
    IpAddr::from([0xfd09, 0, 0, 0, 0, 0, 0, node as u16 + 2])
}

pub(crate) fn local(node: usize) -> IpAddr {
    link_local(mac(node)).into()
}

fn mac(node: usize) -> Mac {
    [2, 0, 0, 0, 1, node as u8]
}

impl Cluster {
    pub(crate) fn new(size: usize) -> Option<Self> {
        let fabric = Namespace::new()?;
        let nodes: Vec<_> = (0..size).map_while(|_| Namespace::new()).collect();
        let bridge = Device { index: 2, name: "br0" };
        let gateway = |text: &str| Change::AddAddress(bridge, text.parse().unwrap());
        let names: Vec<_> = (0..size).map(|node| format!("v{node}")).collect();
        let mut changes =
            vec![Change::Up(LOOPBACK), Change::AddBridge(End { device: bridge, mac: [2, 0, 0, 0, 0, 1] })];
        changes.extend([gateway("10.9.0.1/24"), gateway("fd09::1/64")]);
        for (n, (node, name)) in nodes.iter().zip(&names).enumerate() {
            let end = End { device: Device { index: n as u32 + 3, name }, mac: [2, 0, 0, 0, 2, n as u8] };
            let peer = End { device: ETH0, mac: mac(n) };
            changes.push(Change::AddVeth { end, master: bridge, peer, peer_namespace: node.as_fd() });
        }
        fabric.inside(|| Links::open()?.apply(&changes)).unwrap();
        for (n, node) in nodes.iter().enumerate() {
            node.inside(|| Links::open()?.apply(&up(n))).unwrap();
        }
        Some(Self { fabric, nodes })
    }

    pub(crate) fn udp(&self, node: usize, address: IpAddr) -> UdpSocket {
        self.nodes[node].inside(|| udp(address))
    }
}

const ETH0: Device<'static> = Device { index: 2, name: "eth0" };

fn up(n: usize) -> Vec<Change<'static>> {
    let nets = [(v4(n), 24), (other(n), 24), (v6(n), 64), (local(n), 64)];
    let nets = nets.map(|(address, prefix)| Change::AddAddress(ETH0, IpNet::new(address, prefix).unwrap()));
    [&[Change::Up(LOOPBACK), Change::NoLinkLocal(ETH0)], &nets[..], &[Change::Up(ETH0)]].concat()
}

/// A socket that never waits longer than a broken test should take.
pub(crate) fn udp(address: IpAddr) -> UdpSocket {
    let scope = if address.to_string().starts_with("fe80") { 2 } else { 0 };
    let bound = match address {
        IpAddr::V4(address) => UdpSocket::bind((address, 0)),
        IpAddr::V6(address) => UdpSocket::bind(SocketAddrV6::new(address, 0, 0, scope)),
    };
    let socket = bound.unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    socket
}
