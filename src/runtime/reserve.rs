//! Subnets that were chosen and are not in use yet: between the moment a cluster is read and the one its network exists,
//! another process must not choose the same.
//!
//! A reservation is the name of an abstract socket, which one process on the host can have, whoever runs it, and which
//! goes with that process however it ends.

use ipnet::IpNet;
use std::collections::BTreeMap;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, MutexGuard, PoisonError};

static HELD: Mutex<BTreeMap<IpNet, Vec<UnixDatagram>>> = Mutex::new(BTreeMap::new());

fn held() -> MutexGuard<'static, BTreeMap<IpNet, Vec<UnixDatagram>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reserves a subnet; `false` where it or a part of it is reserved already, by this process or another one.
pub(super) fn reserve(subnet: IpNet) -> bool {
    let sockets: io::Result<Vec<_>> = parts(subnet).map(bind).collect();
    match sockets {
        Ok(sockets) => held().insert(subnet, sockets).is_none(),
        // Where there are no such sockets, nobody else has one either.
        Err(error) => error.kind() != io::ErrorKind::AddrInUse,
    }
}

fn bind(part: IpNet) -> io::Result<UnixDatagram> {
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(format!("blockade/subnet/{part}"))?)
}

/// The subnets of the smallest size that is ever chosen, so that a large one and a small one within it meet.
fn parts(subnet: IpNet) -> impl Iterator<Item = IpNet> {
    let smallest = if subnet.network().is_ipv4() { 24 } else { 64 };
    subnet.subnets(smallest.max(subnet.prefix_len())).into_iter().flatten()
}

/// Gives up this process's reservations of subnets that are in use by now, or never will be.
pub(super) fn release(subnets: impl IntoIterator<Item = IpNet>) {
    let mut held = held();
    for subnet in subnets {
        held.remove(&subnet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_reserved_once_until_it_is_released() {
        let subnet = "203.0.113.0/24".parse().unwrap(); // of documentation: no other test reserves it
        assert!(reserve(subnet));
        assert!(!reserve(subnet) && !reserve("203.0.112.0/22".parse().unwrap()));
        release([subnet]);
        assert!(reserve(subnet));
        release([subnet]);
    }
}
