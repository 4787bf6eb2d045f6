//! Faults are values; the network is a function of the set of active ones.
//!
//! Pure: nothing here touches the kernel, a clock or a random number. A [`Fault`] names its nodes; [`Matrix::fold`]
//! turns a set of faults into the effect on every directed link, and [`NodeState::fold`] into what each node's
//! program should be doing.

pub mod distribution;
mod halt;
mod impairment;
mod links;
pub mod loss;
mod matrix;

pub use distribution::{Distribution, normal_quantile, normal_share};
pub use halt::NodeState;
pub use impairment::{Chance, Impairment, Jitter};
pub use links::{Family, Filter, LinkSet, Party, Proto};
pub use loss::{Burst, GilbertElliott};
pub use matrix::{Cell, Cut, Effect, Matrix, Member};

use crate::signal::Signal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identifies a fault within a cluster's life: `f1`, `f2`, … in the order of injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FaultId(pub u64);

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", self.0)
    }
}

impl From<FaultId> for String {
    fn from(id: FaultId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for FaultId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.strip_prefix('f')
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no fault; faults are called f1, f2, …"))
    }
}

/// What is done to the cluster: a value, with every choice (targets, parameters) already made.
///
/// Names are those of the cluster; [`Party::World`] is everything that is not a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Nodes reach each other only inside a common group; groups may overlap; nodes not named form one more group.
    /// The world is not part of it.
    Partition {
        /// The groups as given, without the implicit one.
        groups: Vec<Vec<String>>,
    },
    /// Nodes that reach nobody else, the world included, and not each other.
    Isolate {
        /// The isolated nodes.
        nodes: Vec<String>,
    },
    /// Packets travel only from `source` to `target`; the way back is dropped.
    OneWay {
        /// Whose packets still arrive.
        source: Vec<Party>,
        /// Whose packets no longer do.
        target: Vec<Party>,
    },
    /// The links drop everything.
    Block {
        /// Which links.
        links: LinkSet,
    },
    /// The links answer with ICMP unreachable or a TCP reset.
    Reject {
        /// Which links.
        links: LinkSet,
    },
    /// The links are delayed, lossy, slow, …
    Degrade {
        /// The script's word for it: `slow`, `flaky`, `duplicate`, `corrupt`, `reorder`, `throttle` or `degrade`.
        verb: String,
        /// Which links.
        links: LinkSet,
        /// What happens to their packets.
        impairment: Impairment,
    },
    /// All processes of the nodes are frozen.
    Pause {
        /// The frozen nodes.
        nodes: Vec<String>,
    },
    /// The nodes are stopped with their own stop signal and grace.
    Stop {
        /// The stopped nodes.
        nodes: Vec<String>,
    },
    /// A signal is sent to the nodes' programs.
    Kill {
        /// The killed nodes.
        nodes: Vec<String>,
        /// Its name, as `SIGKILL`.
        signal: String,
    },
}

impl Fault {
    /// The script's word for this fault.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Partition { .. } => "partition",
            Self::Isolate { .. } => "isolate",
            Self::OneWay { .. } => "one_way",
            Self::Block { .. } => "block",
            Self::Reject { .. } => "reject",
            Self::Degrade { verb, .. } => verb,
            Self::Pause { .. } => "pause",
            Self::Stop { .. } => "stop",
            Self::Kill { .. } => "kill",
        }
    }

    /// The nodes whose program this fault stops or freezes; empty for faults of the network.
    #[must_use]
    pub fn halted(&self) -> &[String] {
        match self {
            Self::Pause { nodes } | Self::Stop { nodes } | Self::Kill { nodes, .. } => nodes,
            _ => &[],
        }
    }

    /// Whether the fault changes links (and not programs).
    #[must_use]
    pub fn is_network(&self) -> bool {
        !matches!(self, Self::Pause { .. } | Self::Stop { .. } | Self::Kill { .. })
    }

    /// Whether the fault freezes programs (and does not end them).
    #[must_use]
    pub fn freezes(&self) -> bool {
        matches!(self, Self::Pause { .. })
    }

    /// The signal with which the fault stops programs, without ending them.
    #[must_use]
    pub fn stops(&self) -> Option<Signal> {
        self.signal().filter(|signal| signal.stops())
    }

    /// Whether the fault lets programs go on that a signal stopped.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.signal() == Some(Signal::CONT)
    }

    fn signal(&self) -> Option<Signal> {
        let Self::Kill { signal, .. } = self else { return None };
        Signal::parse(signal.as_str()).ok()
    }

    /// Whether this node is to stay down as long as the fault is active. A signal that programs survive, like
    /// `SIGHUP`, does not ask for that, even if one dies of it.
    #[must_use]
    pub fn keeps_down(&self, node: &str) -> bool {
        let asks = match self {
            Self::Stop { .. } => true,
            _ => self.signal().is_some_and(Signal::is_deadly),
        };
        asks && self.halted().iter().any(|halted| halted == node)
    }

    /// Takes these nodes out of those whose program the fault stops or freezes.
    pub fn spare(&mut self, names: &[String]) {
        if let Self::Pause { nodes } | Self::Stop { nodes } | Self::Kill { nodes, .. } = self {
            nodes.retain(|node| !names.contains(node));
        }
    }

    /// Takes the links of these nodes out of those that the fault cuts or impairs. A partition is left as it is: nobody
    /// whom no fault may touch can be named in one.
    pub fn spare_links(&mut self, is_spared: impl Fn(&str) -> bool) {
        let stays = |party: &Party| !matches!(party, Party::Node(name) if is_spared(name));
        match self {
            Self::Block { links } | Self::Reject { links } | Self::Degrade { links, .. } => {
                links.pairs.retain(|(source, target)| stays(source) && stays(target));
            }
            Self::OneWay { source, target } => {
                source.retain(&stays);
                target.retain(&stays);
            }
            Self::Isolate { nodes } => nodes.retain(|name| !is_spared(name)),
            Self::Partition { .. } | Self::Pause { .. } | Self::Stop { .. } | Self::Kill { .. } => {}
        }
    }

    /// The nodes that the fault names, some perhaps several times.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        fn of<'a>(parties: impl IntoIterator<Item = &'a Party>) -> Vec<&'a str> {
            let name = |party: &'a Party| match party {
                Party::Node(name) => Some(name.as_str()),
                Party::World => None,
            };
            parties.into_iter().filter_map(name).collect()
        }
        match self {
            Self::Partition { groups } => groups.iter().flatten().map(String::as_str).collect(),
            Self::OneWay { source, target } => of(source.iter().chain(target)),
            Self::Block { links } | Self::Reject { links } | Self::Degrade { links, .. } => {
                of(links.pairs.iter().flat_map(|(a, b)| [a, b]))
            }
            Self::Isolate { nodes } | Self::Pause { nodes } | Self::Stop { nodes } | Self::Kill { nodes, .. } => {
                nodes.iter().map(String::as_str).collect()
            }
        }
    }

    /// Whether the fault cuts links, so that `join` removes it.
    #[must_use]
    pub fn is_partition(&self) -> bool {
        matches!(
            self,
            Self::Partition { .. }
                | Self::Isolate { .. }
                | Self::OneWay { .. }
                | Self::Block { .. }
                | Self::Reject { .. }
        )
    }
}

impl fmt::Display for Fault {
    /// One line for people: `partition {n1, n2} | {n3}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition { groups } => {
                let groups: Vec<_> = groups.iter().map(|group| format!("{{{}}}", group.join(", "))).collect();
                write!(f, "partition {}", groups.join(" | "))
            }
            Self::Isolate { nodes } => write!(f, "isolate {}", nodes.join(", ")),
            Self::OneWay { source, target } => write!(f, "one_way {} → {}", list(source), list(target)),
            Self::Block { links } => write!(f, "block {links}"),
            Self::Reject { links } => write!(f, "reject {links}"),
            Self::Degrade { verb, links, impairment } => write!(f, "{verb} {links}: {impairment}"),
            Self::Pause { nodes } => write!(f, "pause {}", nodes.join(", ")),
            Self::Stop { nodes } => write!(f, "stop {}", nodes.join(", ")),
            Self::Kill { nodes, signal } if signal == "SIGKILL" => write!(f, "kill {}", nodes.join(", ")),
            Self::Kill { nodes, signal } => write!(f, "kill {} with {signal}", nodes.join(", ")),
        }
    }
}

fn list(parties: &[Party]) -> String {
    let names: Vec<_> = parties.iter().map(ToString::to_string).collect();
    names.join(", ")
}
