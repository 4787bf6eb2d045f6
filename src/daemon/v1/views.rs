//! What is answered, as the OpenAPI document describes it. Pure.

use crate::engine::{FaultInfo, NodeStatus, RunState};
use crate::supervisor::Standing;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// All clusters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Clusters {
    pub(super) clusters: Vec<ClusterLine>,
}

/// A cluster in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClusterLine {
    pub(super) name: String,
    /// `up`; `busy` while it comes or goes; `dead` where its supervisor did not come to its end.
    #[schema(value_type = String)]
    pub(super) state: Standing,
}

/// A cluster that is up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cluster {
    pub(super) name: String,
    /// Where its nodes live: `netns`, `docker`, `sim`.
    pub(super) runtime: String,
    pub(super) nodes: Vec<Node>,
    pub(super) faults: Vec<Fault>,
}

/// What became of a cluster that was to be removed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Destroyed {
    /// Its name.
    pub(super) destroyed: String,
    /// Whether it was up.
    pub(super) was_alive: bool,
}

/// Nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nodes {
    pub(super) nodes: Vec<Node>,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Node {
    pub(super) name: String,
    /// Docker's, or `<cluster>_<node>`.
    container_id: String,
    /// UP, DOWN, PAUSED or MISSING.
    #[schema(value_type = String)]
    status: RunState,
    /// Its first address.
    ip_address: Option<String>,
    /// All its addresses but the link-local ones.
    addresses: Vec<String>,
    /// NORMAL, SLOW, FLAKY, DUPLICATE or UNKNOWN.
    network_state: String,
    /// The number of its partition, from 1; `N` for neutral, `H` for holy; null without partitions.
    #[schema(value_type = Option<Object>)]
    partition: Option<Value>,
    /// For how long its program ran without the faults that held for it when it was started last, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap_us: Option<u64>,
}

impl From<NodeStatus> for Node {
    fn from(line: NodeStatus) -> Self {
        let NodeStatus { container_id, ip_address, addresses, name, network_state, partition, status, gap_us } = line;
        Self { name, container_id, status, ip_address, addresses, network_state, partition, gap_us }
    }
}

/// Active faults.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Faults {
    pub(super) faults: Vec<Fault>,
}

/// Faults that are no longer active.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Healed {
    pub(super) healed: Vec<Fault>,
}

/// An active fault.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the journal calls it so")]
pub(super) struct Fault {
    /// f1, f2, …
    pub(super) id: String,
    /// `partition`, `slow`, `stop`, …
    kind: String,
    /// One line for people.
    text: String,
    /// What it does, with every choice made, as in the journal.
    #[schema(value_type = Object)]
    fault: Value,
    /// Whether healing all passes it by.
    keep: bool,
    /// By what means it impairs links; none for other faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by: Vec<String>,
    /// The seed of a choice that was left to chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
}

impl From<FaultInfo> for Fault {
    fn from(info: FaultInfo) -> Self {
        Self {
            id: info.id.to_string(),
            kind: info.fault.kind().to_owned(),
            text: info.fault.to_string(),
            fault: serde_json::to_value(&info.fault).unwrap_or_default(),
            keep: info.keep,
            by: info.by.iter().map(ToString::to_string).collect(),
            seed: None,
        }
    }
}

/// What became of an action on a node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Acted {
    /// The node as it is now.
    pub(super) node: Node,
    /// The fault that keeps it so, of `stop`, `kill` and `pause`.
    pub(super) fault: Option<Fault>,
}

/// What a node has written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Log {
    pub(super) name: String,
    pub(super) log: String,
}

/// Every one of a list.
pub(super) fn all<A, B: From<A>>(list: Vec<A>) -> Vec<B> {
    list.into_iter().map(B::from).collect()
}
