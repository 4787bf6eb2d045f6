//! Links and addresses over rtnetlink: bridges, veth pairs, what is up, which addresses it has.
//!
//! A [`Change`] is one message; any number of them go to the kernel in one system call. The interfaces' indexes are
//! chosen by the caller, so that a later message of the same batch can name a link that an earlier one creates.
//!
//! Touches only the namespaces that the sockets were opened in, and the one a veth's peer is moved to.

use super::message::{Messages, Writer};
use super::netlink::{Protocol, Socket};
use crate::error::Result;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The loopback interface, which every namespace has.
pub const LOOPBACK: Device<'static> = Device { index: 1, name: "lo" };

// <linux/if_link.h>, <linux/veth.h>: what libc leaves out.
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BR_MCAST_SNOOPING: u16 = 23;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;

/// An interface, by its index, and by its name for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// The index within its namespace, from 1.
    pub index: u32,
    /// The name, at most 15 bytes.
    pub name: &'a str,
}

/// One end of a veth pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<'a> {
    /// The interface to create.
    pub device: Device<'a>,
    /// Its address.
    pub mac: Mac,
}

/// One change to a namespace's links.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Creates a bridge, up, without spanning tree (a port forwards at once) and without multicast snooping (there is
    /// no router to ask for members, so snooping could only lose multicast).
    AddBridge(End<'a>),
    /// Creates a veth pair: `end` here, up, a port of the bridge `master`; `peer` down in the namespace `peer_namespace`
    /// (the kernel refuses to bring it up before it has its other end: `ENOTCONN`).
    AddVeth {
        /// The end in the socket's namespace.
        end: End<'a>,
        /// The bridge it becomes a port of.
        master: Device<'a>,
        /// The other end.
        peer: End<'a>,
        /// An open `/proc/…/ns/net`.
        peer_namespace: BorrowedFd<'a>,
    },
    /// Leaves the interface without an IPv6 link-local address of the kernel's making, which for a second or two would be
    /// tentative, unusable: give it [`link_local`] instead. Before it comes up.
    NoLinkLocal(Device<'a>),
    /// Brings an interface up.
    Up(Device<'a>),
    /// Gives an interface an address, usable at once, and with it the route to its subnet.
    AddAddress(Device<'a>, IpNet),
}

/// A socket that changes links in the namespace it was opened in.
#[derive(Debug)]
pub struct Links {
    socket: Socket,
    messages: Messages,
}

impl Links {
    /// Opens a socket in the calling thread's network namespace, where it stays.
    pub fn open() -> Result<Self> {
        Ok(Self { socket: Socket::open(Protocol::Route)?, messages: Messages::new() })
    }

    /// Makes the changes, in order, in one system call.
    ///
    /// # Errors
    /// The first that the kernel refuses. It is no transaction: the others are made all the same.
    pub fn apply(&mut self, changes: &[Change<'_>]) -> Result<()> {
        let Some(last) = changes.len().checked_sub(1) else { return Ok(()) };
        self.messages.clear();
        for change in changes {
            change.encode(&mut self.messages);
        }
        self.socket.transact(&mut self.messages, last, |position| changes[position].to_string())
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

/// The IPv6 link-local address that follows from an Ethernet address (EUI-64, RFC 4291 appendix A).
#[must_use]
pub fn link_local(mac: Mac) -> Ipv6Addr {
    let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0];
    octets[8..11].copy_from_slice(&mac[..3]);
    octets[13..].copy_from_slice(&mac[3..]);
    octets[8] ^= 2;
    Ipv6Addr::from(octets)
}

impl fmt::Display for Change<'_> {
    /// In the syntax of `ip`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddBridge(end) => write!(f, "ip link add {end} up type bridge mcast_snooping 0"),
            Self::AddVeth { end, master, peer, peer_namespace } => {
                let (master, fd) = (master.name, peer_namespace.as_raw_fd());
                write!(f, "ip link add {end} master {master} up type veth peer {peer} netns /proc/self/fd/{fd}")
            }
            Self::NoLinkLocal(device) => write!(f, "ip link set {} addrgenmode none", device.name),
            Self::Up(device) => write!(f, "ip link set {} up", device.name),
            Self::AddAddress(device, net) if net.addr().is_ipv6() => {
                write!(f, "ip address add {net} dev {} nodad", device.name)
            }
            Self::AddAddress(device, net) => write!(f, "ip address add {net} dev {}", device.name),
        }
    }
}

impl fmt::Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac: Vec<_> = self.mac.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(f, "name {} index {} address {}", self.device.name, self.device.index, mac.join(":"))
    }
}

const CREATE: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;

impl Change<'_> {
    fn encode(&self, messages: &mut Messages) {
        match *self {
            Self::AddBridge(end) => messages.push(libc::RTM_NEWLINK, CREATE, |m| bridge(m, end)),
            Self::AddVeth { end, master, peer, peer_namespace } => {
                messages.push(libc::RTM_NEWLINK, CREATE, |m| veth(m, end, master, peer, peer_namespace));
            }
            Self::NoLinkLocal(device) => messages.push(libc::RTM_NEWLINK, 0, |m| no_link_local(m, device)),
            Self::Up(device) => messages.push(libc::RTM_NEWLINK, 0, |m| link_header(m, device.index, UP)),
            Self::AddAddress(device, net) => messages.push(libc::RTM_NEWADDR, CREATE, |m| add_address(m, device, net)),
        }
    }
}

const UP: u32 = libc::IFF_UP as u32;
const DOWN: u32 = 0;

/// `struct ifinfomsg`: family, type, index, flags, and which flags are meant.
fn link_header(m: &mut Writer<'_>, index: u32, flags: u32) {
    m.raw(&[0; 4]);
    m.raw(&index.to_ne_bytes());
    m.raw(&flags.to_ne_bytes());
    m.raw(&flags.to_ne_bytes());
}

fn end(m: &mut Writer<'_>, end: End<'_>, flags: u32) {
    link_header(m, end.device.index, flags);
    m.text(libc::IFLA_IFNAME, end.device.name);
    m.bytes(libc::IFLA_ADDRESS, &end.mac);
}

/// `ip link add br0 up type bridge mcast_snooping 0`
fn bridge(m: &mut Writer<'_>, bridge: End<'_>) {
    end(m, bridge, UP);
    m.nest(libc::IFLA_LINKINFO, |m| {
        m.text(libc::IFLA_INFO_KIND, "bridge");
        m.nest(IFLA_INFO_DATA, |m| m.u8(IFLA_BR_MCAST_SNOOPING, 0));
    });
}

/// `ip link add v1 master br0 up type veth peer eth0 netns …`
fn veth(m: &mut Writer<'_>, here: End<'_>, master: Device<'_>, peer: End<'_>, namespace: BorrowedFd<'_>) {
    end(m, here, UP);
    m.u32(libc::IFLA_MASTER, master.index);
    m.nest(libc::IFLA_LINKINFO, |m| {
        m.text(libc::IFLA_INFO_KIND, "veth");
        m.nest(IFLA_INFO_DATA, |m| {
            m.nest(VETH_INFO_PEER, |m| {
                end(m, peer, DOWN);
                m.u32(libc::IFLA_NET_NS_FD, namespace.as_raw_fd() as u32);
            });
        });
    });
}

/// `ip link set eth0 addrgenmode none`
fn no_link_local(m: &mut Writer<'_>, device: Device<'_>) {
    link_header(m, device.index, DOWN);
    m.nest(libc::IFLA_AF_SPEC, |m| {
        m.nest(libc::AF_INET6 as u16, |m| m.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE));
    });
}

/// `ip address add 10.0.0.2/24 dev eth0`, with the subnet's broadcast address; for IPv6 with `nodad`: who gives out the
/// addresses knows that none is given twice, and a tentative address cannot be used for a second.
fn add_address(m: &mut Writer<'_>, device: Device<'_>, net: IpNet) {
    let (family, flags) = match net {
        IpNet::V4(_) => (libc::AF_INET, 0),
        IpNet::V6(_) => (libc::AF_INET6, libc::IFA_F_NODAD as u8),
    };
    let link_scope = matches!(net.addr(), IpAddr::V6(address) if address.is_unicast_link_local());
    let scope = if link_scope { libc::RT_SCOPE_LINK } else { libc::RT_SCOPE_UNIVERSE };
    m.raw(&[family as u8, net.prefix_len(), flags, scope]);
    m.raw(&device.index.to_ne_bytes());
    m.address(libc::IFA_LOCAL, net.addr());
    m.address(libc::IFA_ADDRESS, net.addr());
    if let IpNet::V4(v4) = net
        && v4.prefix_len() < 31
    {
        m.address(libc::IFA_BROADCAST, v4.broadcast().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::address::{AddressEvent, AddressEvents, AddressReport, InterfaceAddress, used_subnets};
    use crate::kernel::testing::Namespace;
    use std::os::fd::AsFd;

    const BRIDGE: Device<'static> = Device { index: 2, name: "br0" };
    const ETH0: Device<'static> = Device { index: 2, name: "eth0" };

    fn mac(last: u8) -> Mac {
        [2, 0, 0, 0, 0, last]
    }

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn bridge() -> Change<'static> {
        Change::AddBridge(End { device: BRIDGE, mac: mac(1) })
    }

    #[test]
    fn a_link_local_address_follows_from_the_mac() {
        assert_eq!(link_local([0x02, 0x42, 0x0a, 0, 0, 0x02]).to_string(), "fe80::42:aff:fe00:2");
    }

    #[test]
    fn a_node_behind_a_bridge_has_its_link_and_addresses_at_once() {
        let Some((fabric, node)) = Namespace::two() else { return };
        let v1 = Device { index: 3, name: "v1" };
        let veth = Change::AddVeth {
            end: End { device: v1, mac: mac(3) },
            master: BRIDGE,
            peer: End { device: ETH0, mac: mac(2) },
            peer_namespace: node.as_fd(),
        };
        fabric.inside(|| Links::open().unwrap().apply(&[bridge(), veth])).unwrap();
        let nets = [net("10.7.0.2/24"), net("fd00:7::2/64"), IpNet::from(IpAddr::V6(link_local(mac(2))))];
        let (addresses, used) = node.inside(|| {
            let mut links = Links::open().unwrap();
            let given = nets.map(|net| Change::AddAddress(ETH0, net));
            links
                .apply(&[&[Change::Up(LOOPBACK), Change::NoLinkLocal(ETH0)], &given[..], &[Change::Up(ETH0)]].concat())
                .unwrap();
            (links.addresses().unwrap(), used_subnets().unwrap())
        });
        for net in nets {
            assert!(addresses.contains(&InterfaceAddress { index: 2, net }), "{net} is missing in {addresses:?}");
        }
        assert_eq!(addresses.iter().filter(|address| address.index == 2).count(), 3, "{addresses:?}");
        assert!(
            used.contains(&net("10.7.0.0/24"))
                && used.contains(&net("fd00:7::/64"))
                && used.contains(&net("127.0.0.0/8"))
        );
    }

    #[test]
    fn a_refused_change_is_named_in_the_syntax_of_ip_and_the_socket_stays_usable() {
        let Some((fabric, _)) = Namespace::two() else { return };
        let errors = fabric.inside(|| {
            let mut links = Links::open().unwrap();
            let twice = links.apply(&[bridge(), bridge(), Change::Up(BRIDGE)]).unwrap_err();
            let last = links.apply(&[Change::Up(BRIDGE), Change::Up(Device { index: 77, name: "x" })]).unwrap_err();
            links.apply(&[Change::Up(BRIDGE)]).unwrap();
            [twice.message, last.message].join("\n")
        });
        insta::assert_snapshot!(errors, @r"
        the kernel refuses `ip link add name br0 index 2 address 02:00:00:00:00:01 up type bridge mcast_snooping 0`: File exists (os error 17)
        the kernel refuses `ip link set x up`: No such device (os error 19)
        ");
    }

    #[test]
    fn addresses_that_come_and_go_are_reported() {
        let Some((fabric, _)) = Namespace::two() else { return };
        let reports = fabric.inside(|| {
            let events = AddressEvents::open().unwrap();
            let mut links = Links::open().unwrap();
            links.apply(&[Change::AddAddress(LOOPBACK, net("10.7.0.9/32"))]).unwrap();
            [events.read().unwrap(), events.read().unwrap()]
        });
        let address = InterfaceAddress { index: 1, net: net("10.7.0.9/32") };
        assert_eq!(reports[0], AddressReport::Events(vec![AddressEvent { added: true, address }]));
        assert_eq!(reports[1], AddressReport::Events(vec![]));
    }

    /// Run by hand, in release: `cargo test --release --lib -- --ignored --nocapture fifty_nodes`.
    #[test]
    #[ignore = "a measurement"]
    fn fifty_nodes() {
        let start = std::time::Instant::now();
        let fabric = Namespace::new().unwrap();
        let nodes: Vec<_> = (0..50).map(|_| Namespace::new().unwrap()).collect();
        let made = start.elapsed();
        let names: Vec<_> = (0..50).map(|n| format!("v{n}")).collect();
        let mut changes = vec![bridge()];
        for (n, (node, name)) in nodes.iter().zip(&names).enumerate() {
            let device = Device { index: 10 + n as u32, name };
            let end = End { device, mac: [2, 1, 0, 0, 0, n as u8] };
            let peer = End { device: ETH0, mac: mac(n as u8) };
            changes.push(Change::AddVeth { end, master: BRIDGE, peer, peer_namespace: node.as_fd() });
        }
        fabric.inside(|| Links::open().unwrap().apply(&changes)).unwrap();
        let linked = start.elapsed();
        for (n, node) in nodes.iter().enumerate() {
            let v4 = net(&format!("10.7.0.{}/24", n + 2));
            let v6 = net(&format!("fd00:7::{}/64", n + 2));
            let local = IpNet::new(link_local(mac(n as u8)).into(), 64).unwrap();
            let given = [v4, v6, local].map(|net| Change::AddAddress(ETH0, net));
            let all = [&[Change::Up(LOOPBACK), Change::NoLinkLocal(ETH0)], &given[..], &[Change::Up(ETH0)]].concat();
            node.inside(|| Links::open().unwrap().apply(&all)).unwrap();
        }
        println!("since the start: namespaces {made:?}, links {linked:?}, addresses {:?}", start.elapsed());
    }
}
