//! Probes: what gets through, seen from inside the nodes.

use super::super::clusters::Daemon;
use super::super::problem::Problems;
use super::super::received::Body;
use super::{Answer, On};
use crate::engine::{Command, ProbeReply, Reply};
use crate::fault::Party;
use crate::{Result, resolve};
use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new().routes(routes!(probe))
}

/// What to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Probe {
    /// A packet there and its answer back.
    RoundTrip {
        /// Who sends: a node, or `world`.
        source: String,
        /// Who answers.
        target: String,
    },
    /// A packet there.
    Reachable {
        /// Who sends: a node, or `world`.
        source: String,
        /// Where it should arrive.
        target: String,
    },
    /// A TCP connection to a node.
    Tcp {
        /// Which.
        node: String,
        /// On which port.
        port: u16,
    },
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
struct Seen {
    /// Whether it got through.
    ok: bool,
    /// The round-trip time, microseconds; only of a round trip that came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_us: Option<u64>,
}

impl Probe {
    fn command(self, cluster: &crate::cluster::Cluster) -> Result<Command> {
        let party = |name: String| match Party::from(name) {
            Party::World => Ok(Party::World),
            Party::Node(name) => one(cluster, &name).map(Party::Node),
        };
        Ok(match self {
            Self::RoundTrip { source, target } => Command::Probe { source: party(source)?, target: party(target)? },
            Self::Reachable { source, target } => Command::Reachable { source: party(source)?, target: party(target)? },
            Self::Tcp { node, port } => Command::Tcp { node: one(cluster, &node)?, port },
        })
    }
}

/// The one node of this name.
fn one(cluster: &crate::cluster::Cluster, name: &str) -> Result<String> {
    let mut nodes = resolve::nodes(cluster, std::iter::once(name))?;
    match nodes.len() {
        1 => Ok(nodes.remove(0)),
        _ => {
            Err(crate::Error::usage(format!("`{name}` means several nodes: {}", nodes.join(", ")))
                .help("name one of them"))
        }
    }
}

/// Sends a probe, and answers when it has come through or is lost.
#[utoipa::path(post, path = "/v1/clusters/{cluster}/probes", tag = "probes", request_body = Probe, responses((status = 200, body = Seen), Problems))]
async fn probe(State(daemon): On, Path(cluster): Path<String>, Body(probe): Body<Probe>) -> Answer<Json<Seen>> {
    let remote = daemon.connect(&cluster).await?;
    match remote.call(probe.command(remote.cluster())?).await? {
        Reply::Bool(ok) => Ok(Json(Seen { ok, rtt_us: None })),
        Reply::Probe(ProbeReply { rtt_us }) => Ok(Json(Seen { ok: rtt_us.is_some(), rtt_us })),
        other => Err(other.odd().into()),
    }
}
