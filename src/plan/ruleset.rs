//! What one node's namespace must hold, and how it reads in nft's own syntax.

use super::table::Hook;
use crate::fault::Filter;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses of both families, each sorted and once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Addresses {
    /// IPv4.
    #[serde(with = "super::packed")]
    pub v4: BTreeSet<Ipv4Addr>,
    /// IPv6, link-local ones included.
    #[serde(with = "super::packed")]
    pub v6: BTreeSet<Ipv6Addr>,
}

impl Addresses {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// All of them, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.v4.iter().copied().map(IpAddr::V4).chain(self.v6.iter().copied().map(IpAddr::V6))
    }

    /// Whether this address is among them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(&address),
            IpAddr::V6(address) => self.v6.contains(&address),
        }
    }
}

impl Extend<IpAddr> for Addresses {
    fn extend<T: IntoIterator<Item = IpAddr>>(&mut self, addresses: T) {
        for address in addresses {
            match address {
                IpAddr::V4(address) => self.v4.insert(address),
                IpAddr::V6(address) => self.v6.insert(address),
            };
        }
    }
}

/// What a node's namespace has besides loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interfaces {
    /// All addresses, link-local ones included.
    pub addresses: Vec<IpAddr>,
    /// The names of all devices.
    pub devices: Vec<String>,
}

/// What becomes of a packet that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// Silence.
    Drop,
    /// TCP reset, else ICMP port unreachable.
    Reject,
    /// Silence with this probability, whatever became of other packets.
    Lose(Billionths),
    /// The user-space shaper decides.
    Queue(Lane),
}

impl Treatment {
    /// Where it happens.
    #[must_use]
    pub fn hook(self) -> Hook {
        match self {
            Self::Drop | Self::Reject | Self::Lose(_) => Hook::Arrival,
            Self::Queue(_) => Hook::ArrivalShaped,
        }
    }
}

/// A probability as the kernel holds it: so many in 1,000,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Billionths(pub u32);

impl Billionths {
    /// All of them.
    pub const ONE: u32 = 1_000_000_000;

    /// The nearest to a probability from 0 to 1.
    #[must_use]
    pub fn of(p: f64) -> Self {
        Self((p.clamp(0.0, 1.0) * f64::from(Self::ONE)).round() as u32)
    }

    /// From 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE)
    }
}

/// How packets go to the user-space shaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// As they are: large ones that the kernel would cut up later stay whole, which is fast.
    Whole,
    /// Cut up, for what must be decided for each packet that a wire would carry.
    Single,
}

/// What becomes of a packet that goes to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaving {
    /// Silence, at netdev egress.
    Drop,
    /// The sender itself answers, at output; what does not begin there meets silence at netdev egress.
    Reject,
    /// Silence with this probability, at netdev egress.
    Lose(Billionths),
    /// It is sent through this class of the device's tree.
    Class(ClassId),
    /// The user-space shaper decides.
    Queue,
}

impl Leaving {
    /// Where it happens.
    #[must_use]
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Drop | Self::Lose(_) => &[Hook::Departure],
            Self::Reject => &[Hook::Sending, Hook::Departure],
            Self::Class(_) => &[Hook::Sorting],
            Self::Queue => &[Hook::LeavingShaped],
        }
    }
}

/// Which of two maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    #[default]
    One,
    /// The second.
    Other,
}

impl Side {
    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::One => Self::Other,
            Self::Other => Self::One,
        }
    }
}

/// A class of a device's tree, its minor number: from 1 on.
pub type ClassId = u16;

/// What happens between the node and what is not a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldCut {
    /// To which packets that come from outside.
    pub from_world: BTreeSet<(Filter, Treatment)>,
    /// To which packets that go outside.
    pub to_world: BTreeSet<(Filter, Leaving)>,
}

/// All that one node's namespace must hold. The default holds nothing: no table at all.
///
/// Refused sources lie in sets, so that the ruleset grows with the cut and a look-up stays constant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruleset {
    /// Whose packets are treated on arrival, by filter and treatment.
    #[serde(with = "as_list")]
    pub treated: BTreeMap<(Filter, Treatment), Addresses>,
    /// Through which class packets to these addresses leave, by filter. Of several filters that select a packet the
    /// one that asks most decides.
    ///
    /// There are two maps for each: an address that changes its class is put into the other one, and stands in both for a
    /// moment. (Where it changed it within one map, a look-up under way might find neither, before Linux 6.17.)
    #[serde(with = "as_list")]
    pub classed: BTreeMap<(Filter, Side), BTreeMap<IpAddr, ClassId>>,
    /// What happens towards and from the world.
    pub world: WorldCut,
    /// Every address of every node, this one's own included: what is not the world. Filled only where `world` is not
    /// empty, so that a new node changes no ruleset that does not need it.
    pub nodes: Addresses,
    /// The node's devices, by which packets leave. Filled only where something [asks for them](Self::asks_for_devices).
    pub devices: BTreeSet<String>,
    /// Where packets enter base chains even if these do nothing: as long as one stands, the user-space shaper's packets
    /// are safe.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub standing: BTreeSet<Hook>,
}

/// JSON has no maps with composite keys: a list of pairs instead.
mod as_list {
    use super::{BTreeMap, Deserialize};
    use serde::{Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<K, V>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

impl WorldCut {
    /// Whether nothing happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from_world.is_empty() && self.to_world.is_empty()
    }
}

impl Ruleset {
    /// At which hooks something happens.
    pub fn hooks(&self) -> impl Iterator<Item = Hook> {
        let treated = self.treated.keys().chain(&self.world.from_world).map(|(_, treatment)| treatment.hook());
        let sorted = self.classed.keys().map(|_| Hook::Sorting);
        treated.chain(sorted).chain(self.world.to_world.iter().flat_map(|(_, leaving)| leaving.hooks().iter().copied()))
    }

    /// Whether it depends on which devices there are.
    #[must_use]
    pub fn asks_for_devices(&self) -> bool {
        !self.world.is_empty() || self.standing.contains(&Hook::Departure)
    }

    /// Whether nothing happens to any packet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.treated.values().all(Addresses::is_empty)
            && self.classed.values().all(BTreeMap::is_empty)
            && self.world.is_empty()
    }
}
