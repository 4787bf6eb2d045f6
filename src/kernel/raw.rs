//! Sends whole IP packets, as they are, from the namespace the sockets were opened in: to its own address by its
//! loopback, to others on the way that its routes say.

use super::netlink::{failed, last_error, set_option};
use crate::error::Result;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SendFlags, SocketFlags, SocketType, sendto, sockopt};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU32;

/// Room for packets that a device has not taken yet.
const BUFFER: usize = 4 << 20;

/// `IPPROTO_RAW`: the header of IP is part of what is sent.
const RAW: Option<Protocol> = match NonZeroU32::new(libc::IPPROTO_RAW as u32) {
    Some(number) => Some(Protocol::from_raw(number)),
    None => None,
};

/// Sockets for packets of both families.
#[derive(Debug)]
pub struct Raw {
    v4: Marking,
    /// None on a machine without IPv6.
    v6: Option<Marking>,
}

/// A socket, and the mark that its packets bear, by which rules know them again.
#[derive(Debug)]
struct Marking {
    fd: OwnedFd,
    mark: Cell<u32>,
}

impl Marking {
    fn of(fd: OwnedFd) -> Self {
        Self { fd, mark: Cell::new(0) }
    }

    /// Nearly always it is the same one again.
    fn bears(&self, mark: u32) -> Result<(), Errno> {
        if self.mark.replace(mark) == mark {
            return Ok(());
        }
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_MARK, mark as i32).inspect_err(|_| self.mark.set(0))
    }
}

impl Raw {
    /// Opens sockets in the calling thread's network namespace, where they stay.
    pub fn open() -> Result<Self> {
        let v4 = open(AddressFamily::INET).map_err(|errno| failed("open a raw socket", errno))?;
        let v6 = match open(AddressFamily::INET6) {
            Err(Errno::AFNOSUPPORT) => None,
            opened => Some(opened.map_err(|errno| failed("open a raw IPv6 socket", errno))?),
        };
        Ok(Self::adopt(v4, v6))
    }

    /// Sockets that were opened by another process, and taken apart.
    pub fn adopt(v4: OwnedFd, v6: Option<OwnedFd>) -> Self {
        // Another process may have set a mark: zero is none of ours, and so it is set again.
        Self { v4: Marking::of(v4), v6: v6.map(Marking::of) }
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (OwnedFd, Option<OwnedFd>) {
        (self.v4.fd, self.v6.map(|v6| v6.fd))
    }

    /// Sends a packet with this mark to this address, its own destination; a link-local one means that of the device.
    /// Never waits.
    pub fn send(&self, packet: &[u8], destination: IpAddr, device: u32, mark: u32) -> Result<(), Errno> {
        let (socket, to) = match destination {
            IpAddr::V4(_) => (&self.v4, SocketAddr::new(destination, 0)),
            IpAddr::V6(address) => {
                let local = address.is_unicast_link_local() || address.is_multicast();
                let to = SocketAddrV6::new(address, 0, 0, if local { device } else { 0 });
                (self.v6.as_ref().ok_or(Errno::AFNOSUPPORT)?, to.into())
            }
        };
        socket.bears(mark)?;
        rustix::io::retry_on_intr(|| sendto(&socket.fd, packet, SendFlags::DONTWAIT, &to)).map(drop)
    }

    /// The largest packet that the device takes.
    pub fn mtu(&self, device: u32) -> Result<usize, Errno> {
        // SAFETY: zeros are a valid value of the structure, and both requests read and write nothing beyond it; the
        // first fills in the device's name, the second its MTU.
        unsafe {
            let mut request: libc::ifreq = std::mem::zeroed();
            request.ifr_ifru.ifru_ifindex = device as i32;
            for code in [libc::SIOCGIFNAME, libc::SIOCGIFMTU] {
                if libc::ioctl(self.v4.fd.as_raw_fd(), code as _, &raw mut request) != 0 {
                    return Err(last_error());
                }
            }
            Ok(usize::try_from(request.ifr_ifru.ifru_mtu).unwrap_or(0))
        }
    }
}

fn open(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let fd = rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, RAW)?;
    sockopt::set_socket_send_buffer_size_force(&fd, BUFFER)
        .or_else(|_| sockopt::set_socket_send_buffer_size(&fd, BUFFER))?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Cluster, local, v4, v6};

    /// A packet of UDP between two sockets, whose checksum says that there is none where the family allows it.
    pub(super) fn datagram(from: SocketAddr, to: SocketAddr, text: &[u8]) -> Vec<u8> {
        let length = 8 + text.len() as u16;
        let mut udp = [from.port().to_be_bytes(), to.port().to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
        udp.extend(text);
        let head = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let [high, low] = (20 + length).to_be_bytes();
                [&[0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0][..], &from.octets(), &to.octets()].concat()
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let [high, low] = length.to_be_bytes();
                let ends = [from.octets(), to.octets()].concat();
                let sum = [&ends[..], &[0, 0, high, low, 0, 0, 0, 17], &udp].concat();
                let sum = sum
                    .chunks(2)
                    .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
                    .sum::<u32>();
                let folded = (sum & 0xffff) + (sum >> 16);
                udp[6..8].copy_from_slice(&(!(((folded & 0xffff) + (folded >> 16)) as u16)).to_be_bytes());
                [&[0x60, 0, 0, 0, high, low, 17, 64], &ends[..]].concat()
            }
            _ => unreachable!("two families"),
        };
        [head, udp].concat()
    }

    #[test]
    fn a_packet_as_if_from_a_peer_reaches_the_socket_that_talks_with_that_peer() {
        let Some(cluster) = Cluster::new(2) else { return };
        let raw = cluster.nodes[1].inside(Raw::open).unwrap();
        assert_eq!(raw.mtu(2).unwrap(), 1_500);
        for address in [v4, v6, local] {
            let (source, target) = (cluster.udp(0, address(0)), cluster.udp(1, address(1)));
            let (from, to) = (source.local_addr().unwrap(), target.local_addr().unwrap());
            target.connect(from).unwrap();
            raw.send(&datagram(from, to, b"again"), to.ip(), 2, 1).unwrap();
            let mut buffer = [0; 8];
            assert_eq!(target.recv(&mut buffer).unwrap(), 5, "{to}");
            // And the other way round it leaves as if it were the program's.
            source.connect(to).unwrap();
            raw.send(&datagram(to, from, b"answer"), from.ip(), 2, 2).unwrap();
            assert_eq!(source.recv(&mut buffer).unwrap(), 6, "{from}");
        }
    }
}
