//! The little of nftables that we use, as values: tables of sets and chains, and how they read in nft's own syntax.
//!
//! Pure. One truth for three readers: people and snapshots read the text, `diff` compares the values, and
//! `kernel::nft` encodes them for the kernel.

use super::ruleset::{Billionths, ClassId};
use crate::fault::{Family, Proto};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// The name of all our tables. Nothing else is ever touched.
pub const TABLE: &str = "blockade";

/// The major number of our trees' handles: `b10c:`. A program's own SO_PRIORITY never looks like it.
pub const MAJOR: u16 = 0xb10c;

/// A class as the kernel numbers it: `b10c:7` is `0xb10c_0007`; class 0 is the root itself.
pub fn handle(class: ClassId) -> u32 {
    u32::from(MAJOR) << 16 | u32::from(class)
}

/// Marks of what the user-space shaper has seen to on arrival, and on leaving: it is not handed to it again there. A node
/// that forwards is both, one after the other.
pub const ARRIVED: u32 = 0xb10c_0001;
/// See [`ARRIVED`].
pub const LEFT: u32 = 0xb10c_0002;

/// The queues of the user-space shaper, in each namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// Arriving, large packets whole.
    Whole,
    /// Arriving, large packets cut up.
    Single,
    /// Leaving for the world, cut up.
    Leaving,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Single, Self::Leaving];

    /// Its number, of which others in the namespace are unlikely to have thought.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Whole => 47_360,
            Self::Single => 47_361,
            Self::Leaving => 47_362,
        }
    }

    /// The mark of what has been there.
    #[must_use]
    pub const fn mark(self) -> u32 {
        match self {
            Self::Whole | Self::Single => ARRIVED,
            Self::Leaving => LEFT,
        }
    }
}

/// Which of nftables' families a table of ours belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableFamily {
    /// What the node receives, IPv4 and IPv6.
    Inet,
    /// What leaves by one of the node's interfaces.
    Netdev,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its sets, by name.
    pub sets: BTreeMap<String, Set>,
    /// Its maps from addresses to classes, by name.
    pub maps: BTreeMap<String, ClassMap>,
    /// Its chains, by name.
    pub chains: BTreeMap<String, Chain>,
}

/// All tables of a namespace.
pub type Tables = BTreeMap<TableFamily, Table>;

/// A named set of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The addresses' family.
    pub family: Family,
    /// What being in it means.
    pub role: Role,
    /// Room for so many elements, where that is certain to be enough: the kernel then makes a table of fixed size, which
    /// fills twice as fast as one that grows.
    pub size: Option<u32>,
    /// The addresses.
    pub elements: BTreeSet<IpAddr>,
}

/// A named map: through which class packets to an address leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassMap {
    /// The addresses' family.
    pub family: Family,
    /// The classes.
    pub elements: BTreeMap<IpAddr, ClassId>,
}

/// What it means for an address to be in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Packets from it are refused.
    Refused,
    /// It is a node's: packets from and to all others are refused.
    Known,
}

/// A chain. A treatment is one whose rules never change: another treatment is another chain, so that standing ones are
/// never touched. It is a base chain, which packets enter by a hook, where it is the hook's only one. Else it is a regular
/// one, and the base chain's rules jump to regular chains and do nothing else; these rules change, all of a chain's at
/// once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Where packets enter it; none where others jump to it.
    pub base: Option<Base>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// Where packets enter a chain. There is one such chain for each hook: the kernel takes some thousand at a place, and
/// when one goes it drops all packets of the namespace that it holds for user space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// On which part of their way.
    pub hook: Hook,
    /// Only those that leave by this device; for [`Hook::Departure`].
    pub device: Option<String>,
}

/// A place on a packet's way, in the order in which it comes by those of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// On arrival, before all others: what goes to the user-space shaper. So what that has held meets the refusals that
    /// stand when it is let go.
    ArrivalShaped,
    /// On arrival, before connection tracking: what drops, what rejects, what loses some, in this order.
    Arrival,
    /// On leaving, whatever the device, before all others: what the sender itself answers with a refusal.
    Sending,
    /// On leaving, whatever the device: what is sorted into classes.
    Sorting,
    /// On leaving, last: what goes to the user-space shaper.
    LeavingShaped,
    /// On leaving by a device, below the IP layer: the program sees silence, whereas in `output` it would see `EPERM`.
    Departure,
}

impl Hook {
    /// In which table.
    #[must_use]
    pub const fn family(self) -> TableFamily {
        match self {
            Self::Departure => TableFamily::Netdev,
            _ => TableFamily::Inet,
        }
    }
}

/// A rule: what all matches hold for meets the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Only packets of this family.
    pub family: Option<Family>,
    /// What else must hold, cheapest first.
    pub matches: Vec<Match>,
    /// What becomes of the packet.
    pub verdict: Verdict,
}

/// One end of a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// The packet came by the loopback interface.
    Loopback,
    /// It leaves by the loopback interface.
    ToLoopback,
    /// It bears this mark.
    Marked(u32),
    /// It belongs to IPv6 neighbour discovery (router and neighbour messages, redirects).
    NeighbourDiscovery,
    /// It is a TCP reset.
    Reset,
    /// It is ICMP's or ICMPv6's "destination unreachable", by the rule's family.
    Unreachable,
    /// It goes to a multicast address, or, in IPv4, to 255.255.255.255.
    Multicast,
    /// It goes to a subnet's broadcast address, which only the Ethernet header tells.
    Broadcast,
    /// It goes to a subnet's broadcast address, which the routes tell where there is no Ethernet header yet.
    RoutedBroadcast,
    /// Its transport protocol; ICMP means that of the rule's family.
    Proto(Proto),
    /// One of its ports, of TCP or UDP.
    Port(Proto, End, u16),
    /// One of its addresses is in a set.
    In(End, String),
    /// One of its addresses is not in a set.
    NotIn(End, String),
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This chain is done with it.
    Return,
    /// This hook is done with it.
    Accept,
    /// It goes through this chain, then on.
    Jump(String),
    /// It vanishes.
    Drop,
    /// A TCP reset answers it.
    ResetTcp,
    /// ICMP or ICMPv6 "port unreachable" answers it.
    PortUnreachable,
    /// With this probability it vanishes.
    Lose(Billionths),
    /// A program of user space decides; where none listens, it passes.
    Queue(Queue),
    /// It leaves through this class.
    Class(ClassId),
    /// It leaves through the class that a map has for where it goes; where the map has none, as if there were no rule.
    ClassIn(String),
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inet => "inet",
            Self::Netdev => "netdev",
        })
    }
}

impl fmt::Display for Table {
    /// The body of a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, set) in &self.sets {
            writeln!(f, "    set {name} {{")?;
            writeln!(f, "        type {}", SetType(set.family))?;
            set.size.iter().try_for_each(|size| writeln!(f, "        size {size}"))?;
            if !set.elements.is_empty() {
                writeln!(f, "        elements = {}", Elements(&set.elements))?;
            }
            writeln!(f, "    }}\n")?;
        }
        for (name, map) in &self.maps {
            writeln!(f, "    map {name} {{\n        type {} : classid", SetType(map.family))?;
            if !map.elements.is_empty() {
                writeln!(f, "        elements = {}", Classes(&map.elements))?;
            }
            writeln!(f, "    }}\n")?;
        }
        for (position, (name, chain)) in self.chains.iter().enumerate() {
            let gap = if position == 0 { "" } else { "\n" };
            writeln!(f, "{gap}    chain {name} {{")?;
            chain.base.iter().try_for_each(|base| writeln!(f, "        {base}"))?;
            chain.rules.iter().try_for_each(|rule| writeln!(f, "        {rule}"))?;
            writeln!(f, "    }}")?;
        }
        Ok(())
    }
}

/// A set's type, in nft's words.
pub(crate) struct SetType(pub(crate) Family);

impl fmt::Display for SetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Family::Ipv4 => "ipv4_addr",
            Family::Ipv6 => "ipv6_addr",
        })
    }
}

/// A set's elements, in nft's syntax.
pub(crate) struct Elements<T>(pub(crate) T);

impl<'a, T: IntoIterator<Item = &'a IpAddr> + Copy> fmt::Display for Elements<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements: Vec<_> = self.0.into_iter().map(ToString::to_string).collect();
        write!(f, "{{ {} }}", elements.join(", "))
    }
}

/// A map's elements, in nft's syntax.
pub(crate) struct Classes<T>(pub(crate) T);

impl<'a, T: IntoIterator<Item = (&'a IpAddr, &'a ClassId)> + Copy> fmt::Display for Classes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements: Vec<_> =
            self.0.into_iter().map(|(address, class)| format!("{address} : {MAJOR:x}:{class:x}")).collect();
        write!(f, "{{ {} }}", elements.join(", "))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.hook {
            Hook::ArrivalShaped => "prerouting priority raw - 1",
            Hook::Arrival => "prerouting priority raw",
            Hook::Sending => "output priority filter",
            Hook::Sorting => "postrouting priority filter",
            Hook::LeavingShaped => "postrouting priority 300",
            Hook::Departure => {
                let device = self.device.as_deref().unwrap_or_default();
                return write!(f, "type filter hook egress device \"{device}\" priority filter; policy accept;");
            }
        };
        write!(f, "type filter hook {place}; policy accept;")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.matches {
            self.write_match(f, one)?;
            f.write_str(" ")?;
        }
        match &self.verdict {
            Verdict::ClassIn(map) => write!(f, "meta priority set {} daddr map @{map}", self.ip()),
            verdict => write!(f, "{verdict}"),
        }
    }
}

impl Rule {
    fn ip(&self) -> &'static str {
        if self.family == Some(Family::Ipv6) { "ip6" } else { "ip" }
    }

    /// The sets it looks up.
    pub fn sets(&self) -> impl Iterator<Item = &str> {
        self.matches.iter().filter_map(|one| match one {
            Match::In(_, set) | Match::NotIn(_, set) => Some(set.as_str()),
            _ => None,
        })
    }

    /// The map it looks up.
    pub fn map(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::ClassIn(map) => Some(map),
            _ => None,
        }
    }

    fn write_match(&self, f: &mut fmt::Formatter<'_>, one: &Match) -> fmt::Result {
        let v6 = self.family == Some(Family::Ipv6);
        let ip = self.ip();
        match one {
            Match::Loopback => f.write_str("iif \"lo\""),
            Match::ToLoopback => f.write_str("oif \"lo\""),
            Match::Marked(mark) => write!(f, "meta mark {mark:#010x}"),
            Match::NeighbourDiscovery => f.write_str("icmpv6 type 133-137"),
            Match::Reset => f.write_str("tcp flags rst"),
            Match::Unreachable => write!(f, "{} type destination-unreachable", if v6 { "icmpv6" } else { "icmp" }),
            Match::Multicast => write!(f, "{ip} daddr {}", if v6 { "ff00::/8" } else { "224.0.0.0/3" }),
            Match::Broadcast => f.write_str("ether daddr ff:ff:ff:ff:ff:ff"),
            Match::RoutedBroadcast => f.write_str("fib daddr type broadcast"),
            Match::Proto(proto) => write!(f, "meta l4proto {}", protocol_name(*proto, v6)),
            Match::Port(proto, end, port) => write!(f, "{} {} {port}", protocol_name(*proto, v6), end.field("port")),
            Match::In(end, set) => write!(f, "{ip} {} @{set}", end.field("addr")),
            Match::NotIn(end, set) => write!(f, "{ip} {} != @{set}", end.field("addr")),
        }
    }
}

impl End {
    fn field(self, name: &str) -> String {
        match self {
            Self::Source => format!("s{name}"),
            Self::Destination => format!("d{name}"),
        }
    }
}

fn protocol_name(proto: Proto, v6: bool) -> &'static str {
    match proto {
        Proto::Tcp => "tcp",
        Proto::Udp => "udp",
        Proto::Icmp if v6 => "ipv6-icmp",
        Proto::Icmp => "icmp",
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Return => f.write_str("return"),
            Self::Accept => f.write_str("accept"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Drop => f.write_str("drop"),
            Self::ResetTcp => f.write_str("reject with tcp reset"),
            Self::PortUnreachable => f.write_str("reject with icmpx port-unreachable"),
            Self::Lose(share) => write!(f, "numgen random mod {} < {} drop", Billionths::ONE, share.0),
            Self::Queue(queue) => write!(f, "queue flags bypass to {}", queue.number()),
            Self::Class(class) => write!(f, "meta priority set {MAJOR:x}:{class:x}"),
            Self::ClassIn(map) => write!(f, "meta priority set ip daddr map @{map}"),
        }
    }
}
