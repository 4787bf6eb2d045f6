//! Which directed links a fault covers, and which packets on them.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One end of a link: a node of the cluster, or everything that is not one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Party {
    /// A node, by name.
    Node(String),
    /// Everything that is not a node; written `world`.
    World,
}

impl From<String> for Party {
    fn from(name: String) -> Self {
        if name == "world" { Self::World } else { Self::Node(name) }
    }
}

impl From<Party> for String {
    fn from(party: Party) -> Self {
        party.to_string()
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => f.write_str(name),
            Self::World => f.write_str("world"),
        }
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6 (without neighbour discovery, which nothing ever drops).
    Icmp,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Which packets of a link; what is given must all hold. The default is every packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Filter {
    /// Only this protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<Proto>,
    /// Only packets with this port at either end. Without `proto`, TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Only this address family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
}

impl Filter {
    /// Every packet.
    pub const ANY: Self = Self { proto: None, port: None, family: None };

    /// The packets that this filter and that one select.
    ///
    /// # Errors
    /// There are none, or no single filter selects them.
    pub fn narrowed(self, by: Self) -> Result<Self> {
        let both = Self {
            proto: agreed("", self.proto, by.proto, "no packet is of two protocols")?,
            port: agreed("port ", self.port, by.port, "a filter knows one port, of either end")?,
            family: agreed("", self.family, by.family, "no packet is of two address families")?,
        };
        both.has_packets()
    }

    /// The filter itself.
    ///
    /// # Errors
    /// It selects nothing.
    pub fn has_packets(self) -> Result<Self> {
        if self.proto == Some(Proto::Icmp) && self.port.is_some() {
            return Err(Error::usage("ICMP has no ports").help("leave the port out, or filter on tcp or udp"));
        }
        Ok(self)
    }
}

/// What both ask for, where one of them asks for nothing or both for the same.
fn agreed<T: PartialEq + fmt::Display>(
    what: &str,
    one: Option<T>,
    other: Option<T>,
    why_not: &str,
) -> Result<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            let message = format!("these links are narrowed to {what}{one} already, not {what}{other}: {why_not}");
            Err(Error::usage(message).help("what is given must all hold; where either is meant, make a fault for each"))
        }
        (one, other) => Ok(one.or(other)),
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(proto) = self.proto {
            parts.push(proto.to_string());
        }
        if let Some(port) = self.port {
            parts.push(format!("port {port}"));
        }
        if let Some(family) = self.family {
            parts.push(family.to_string());
        }
        f.write_str(&parts.join(" "))
    }
}

/// Directed links, each from a source to a target, and a filter for their packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSet {
    /// The links, sorted, each once.
    pub pairs: Vec<(Party, Party)>,
    /// Which packets.
    #[serde(default)]
    pub filter: Filter,
}

impl LinkSet {
    /// The links from every source to every target that is not itself, sorted, each once.
    pub fn new(sources: &[Party], targets: &[Party]) -> Self {
        let mut pairs: Vec<_> = sources
            .iter()
            .flat_map(|source| targets.iter().map(move |target| (source.clone(), target.clone())))
            .filter(|(source, target)| source != target)
            .collect();
        pairs.sort();
        pairs.dedup();
        Self { pairs, filter: Filter::ANY }
    }

    /// These links and those.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.pairs.extend(other.pairs);
        self.pairs.sort();
        self.pairs.dedup();
        self
    }

    /// Takes the links apart into those that are these nodes', and the others.
    ///
    /// A link is its sender's. What the world sends is its receiver's, since the world is no node. The way back of a set
    /// that goes both ways (`slow n1 --both`) is the sender's and, as it is there for its sake, also the node's in the
    /// middle: of the two ends the one that sends on more links.
    #[must_use]
    pub fn taken_apart(&self, nodes: &[String]) -> (Self, Self) {
        let is_theirs = |party: &Party| matches!(party, Party::Node(name) if nodes.contains(name));
        let sends_on = |party: &Party| self.pairs.iter().filter(|(source, _)| source == party).count();
        let is_way_back = |source: &Party, target: &Party| {
            self.pairs.contains(&(target.clone(), source.clone())) && sends_on(target) > sends_on(source)
        };
        let (theirs, others) = self.pairs.iter().cloned().partition(|(source, target)| {
            is_theirs(source) || is_theirs(target) && (*source == Party::World || is_way_back(source, target))
        });
        let of = |pairs| Self { pairs, filter: self.filter };
        (of(theirs), of(others))
    }
}

impl fmt::Display for LinkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let mut parts: Vec<_> = self.pairs.iter().take(SHOWN).map(|(a, b)| format!("{a} → {b}")).collect();
        if self.pairs.len() > SHOWN {
            parts.push(format!("and {} more", self.pairs.len() - SHOWN));
        }
        f.write_str(&parts.join(", "))?;
        if self.filter != Filter::ANY {
            write!(f, " ({})", self.filter)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of these links, in their order, where each of the names is taken out after the other.
    fn left(links: &LinkSet, names: &[&str]) -> String {
        let taken = |links: LinkSet, name: &&str| links.taken_apart(&[(*name).to_owned()]).1;
        names.iter().fold(links.clone(), taken).to_string()
    }

    fn parties(names: &str) -> Vec<Party> {
        names.split(' ').map(|name| Party::from(name.to_owned())).collect()
    }

    #[test]
    fn a_link_is_its_senders() {
        let all = parties("n1 n2 n3 world");
        let links = LinkSet::new(&parties("n1 n2"), &all);
        insta::assert_snapshot!(left(&links, &["n1"]), @"n2 → n1, n2 → n3, n2 → world");
        assert_eq!(left(&links, &["n3"]), links.to_string());
        assert_eq!(left(&links, &["n2", "n1"]), "");
        let (theirs, others) = links.taken_apart(&["n1".to_owned()]);
        assert_eq!(theirs.union(others), links);
    }

    #[test]
    fn what_goes_both_ways_is_also_the_nodes_in_the_middle() {
        let all = parties("n1 n2 n3 world");
        let both = |names: &str| LinkSet::new(&parties(names), &all).union(LinkSet::new(&all, &parties(names)));
        insta::assert_snapshot!(left(&both("n1"), &["n2"]), @"n1 → n2, n1 → n3, n1 → world, n3 → n1, world → n1");
        assert_eq!(left(&both("n1"), &["n1"]), "");
        assert_eq!(left(&both("n1"), &["n3", "n1"]), "");
        insta::assert_snapshot!(left(&both("n1 n2"), &["n2"]), @"n1 → n2, n1 → n3, n1 → world, n3 → n1, world → n1");
    }

    #[test]
    fn what_is_sent_to_a_node_alone_is_not_its_own_but_for_the_worlds() {
        let links = LinkSet::new(&parties("n2 world"), &parties("n1"));
        assert_eq!(left(&links, &["n1"]), "n2 → n1");
        assert_eq!(left(&links, &["n2"]), "world → n1");
    }
}
