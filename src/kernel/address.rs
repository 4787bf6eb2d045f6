//! Which interfaces, addresses and routes a namespace has, and what becomes of them later.
//!
//! Reads only. A rule that refuses a node's packets must know all of its addresses, those included that its program
//! gives itself.

use super::link::Links;
use super::message::{Messages, address, attribute, attributes, text, u32_at};
use super::netlink::{Protocol, Socket};
use crate::error::Result;
use ipnet::IpNet;
use std::os::fd::{AsFd, BorrowedFd};

/// The size of `struct ifaddrmsg`.
const IFADDRMSG: usize = 8;
/// The size of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;
/// The size of `struct rtmsg`.
const RTMSG: usize = 12;

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceAddress {
    /// The interface's index.
    pub index: u32,
    /// The address, with the prefix of its subnet.
    pub net: IpNet,
}

/// An interface, as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    /// The index: no two interfaces of a namespace ever have the same, not even one after the other.
    pub index: u32,
    /// The name. Bytes that are no UTF-8 are replaced.
    pub name: String,
}

/// An address came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressEvent {
    /// Whether it came.
    pub added: bool,
    /// Which, and where.
    pub address: InterfaceAddress,
}

/// What was reported about addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressReport {
    /// These changes, in order.
    Events(Vec<AddressEvent>),
    /// More than the kernel could keep: ask for all addresses anew.
    Lost,
}

impl Links {
    /// All addresses of all interfaces of the socket's namespace.
    pub fn addresses(&mut self) -> Result<Vec<InterfaceAddress>> {
        let mut found = Vec::new();
        self.list(libc::RTM_GETADDR, IFADDRMSG, "ip address show", |payload| found.extend(decode_address(payload)))?;
        Ok(found)
    }

    /// All interfaces of the socket's namespace, loopback included, up or not.
    pub fn interfaces(&mut self) -> Result<Vec<Interface>> {
        let mut found = Vec::new();
        self.list(libc::RTM_GETLINK, IFINFOMSG, "ip link show", |payload| found.extend(decode_interface(payload)))?;
        Ok(found)
    }

    /// The destinations of all routes of the socket's namespace, in every table, without default routes.
    pub fn routes(&mut self) -> Result<Vec<IpNet>> {
        let mut found = Vec::new();
        self.list(libc::RTM_GETROUTE, RTMSG, "ip route show table all", |payload| found.extend(decode_route(payload)))?;
        Ok(found)
    }

    fn list(&mut self, kind: u16, header: usize, says: &str, mut each: impl FnMut(&[u8])) -> Result<()> {
        let mut request = Messages::new();
        request.push(kind, libc::NLM_F_DUMP, |m| m.raw(&vec![0; header]));
        self.socket().dump(&mut request, says, |_, payload| each(payload))
    }
}

/// Every subnet that an address or a route of the calling thread's namespace covers, sorted, each once: a new subnet must
/// overlap none of them. Default routes do not count.
pub fn used_subnets() -> Result<Vec<IpNet>> {
    let mut links = Links::open()?;
    let addresses = links.addresses()?.into_iter().map(|address| address.net.trunc());
    let mut used: Vec<_> = addresses.chain(links.routes()?).collect();
    used.sort();
    used.dedup();
    Ok(used)
}

/// Reports of addresses that come and go, in the namespace it was opened in. Interfaces that come, go or change make it
/// readable too; of them there is no more to read than that.
#[derive(Debug)]
pub struct AddressEvents(Socket);

impl AddressEvents {
    /// Subscribes in the calling thread's network namespace. What happens from now on is reported.
    pub fn open() -> Result<Self> {
        let groups = (libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR | libc::RTMGRP_LINK) as u32;
        Ok(Self(Socket::subscribe(Protocol::Route, groups)?))
    }

    /// What was reported since the last call. Never waits: wait until the descriptor is readable.
    pub fn read(&self) -> Result<AddressReport> {
        let mut events = Vec::new();
        let complete = self.0.events(|kind, payload| {
            let added = kind == libc::RTM_NEWADDR;
            if added || kind == libc::RTM_DELADDR {
                events.extend(decode_address(payload).map(|address| AddressEvent { added, address }));
            }
        })?;
        Ok(if complete { AddressReport::Events(events) } else { AddressReport::Lost })
    }
}

impl AsFd for AddressEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::os::fd::AsRawFd for AddressEvents {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// `struct ifaddrmsg`: family, prefix length, flags, scope, index.
fn decode_address(payload: &[u8]) -> Option<InterfaceAddress> {
    let attributes = payload.get(IFADDRMSG..)?;
    // IFA_ADDRESS is the other end's address on a point-to-point link; IFA_LOCAL, where it is there, is our own.
    let local = attribute(attributes, libc::IFA_LOCAL).or_else(|| attribute(attributes, libc::IFA_ADDRESS))?;
    let net = IpNet::new(address(local)?, payload[1]).ok()?;
    Some(InterfaceAddress { index: u32_at(payload, 4)?, net })
}

/// `struct ifinfomsg`: family, type, index, flags, …
fn decode_interface(payload: &[u8]) -> Option<Interface> {
    let name = attribute(payload.get(IFINFOMSG..)?, libc::IFLA_IFNAME)?;
    Some(Interface { index: u32_at(payload, 4)?, name: text(name) })
}

/// `struct rtmsg`: family, destination's prefix length, …
fn decode_route(payload: &[u8]) -> Option<IpNet> {
    let attributes = attributes(payload.get(RTMSG..)?);
    let (_, destination) = { attributes }.find(|(kind, _)| *kind == libc::RTA_DST)?;
    IpNet::new(address(destination)?, payload[1]).ok().filter(|net| net.prefix_len() > 0)
}
