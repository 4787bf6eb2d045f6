//! What one node's namespace must hold, and how it reads in nft's own syntax.

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

/// What becomes of a refused packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// Silence.
    Drop,
    /// TCP reset, else ICMP port unreachable.
    Reject,
}

/// Refusals between the node and what is not a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldCut {
    /// Which packets that come from outside are refused, and how.
    pub from_world: BTreeSet<(Filter, Refusal)>,
    /// Which packets that go outside are dropped (always silently, at netdev egress).
    pub to_world: BTreeSet<Filter>,
}

/// All that one node's namespace must hold. The default holds nothing: no table at all.
///
/// Refused sources lie in sets, so that the ruleset grows with the cut and a look-up stays constant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruleset {
    /// Whose packets are refused, by filter and kind of refusal. No entry is empty.
    #[serde(with = "as_list")]
    pub refused: BTreeMap<(Filter, Refusal), Addresses>,
    /// Refusals towards and from the world.
    pub world: WorldCut,
    /// Every address of every node, this one's own included: what is not the world. Filled only where `world` is not
    /// empty, so that a new node changes no ruleset that does not need it.
    pub nodes: Addresses,
    /// The node's devices, by which packets leave. Filled as `nodes` is.
    pub devices: BTreeSet<String>,
}

/// JSON has no maps with composite keys: a list of pairs instead.
mod as_list {
    use super::{Addresses, BTreeMap, Deserialize, Filter, Refusal};
    use serde::{Deserializer, Serialize, Serializer};

    type Refused = BTreeMap<(Filter, Refusal), Addresses>;

    pub(super) fn serialize<S: Serializer>(map: &Refused, serializer: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Refused, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

impl WorldCut {
    /// Whether nothing is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from_world.is_empty() && self.to_world.is_empty()
    }
}

impl Ruleset {
    /// Whether the namespace holds nothing of ours.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.world.is_empty()
    }
}
