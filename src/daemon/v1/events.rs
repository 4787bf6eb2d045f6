//! What happens in a cluster, as server-sent events, from any sequence number: read from its journal, in which each
//! event stands before what it announces is done.

use super::super::follow::{Follower, Until, first};
use super::super::problem::{Problem, Problems};
use super::{Answer, On};
use crate::Error;
use crate::daemon::clusters::Daemon;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// From where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The first sequence number (1); `Last-Event-ID`, which is the last one seen, goes before it.
    pub(super) from: Option<u64>,
}

/// The cluster's events, each with its sequence number as `id`, its kind as `event` and its journal line as `data`.
/// Ends with an event `end` when the cluster is removed; without one where the daemon ends, and then can be continued.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/events", tag = "events", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn follow(
    State(daemon): On,
    Path(cluster): Path<String>,
    Query(query): Query<From>,
    headers: HeaderMap,
) -> Answer<Response> {
    let first = first(&headers, query.from)?;
    daemon.connect(&cluster).await?;
    let path = daemon.folder(&cluster)?.journal();
    let follower = Follower::new(&path, first, Until::Removed, daemon.stopped.clone())?;
    let gone = || Problem::unknown(&Error::usage(format!("the cluster `{cluster}` was removed meanwhile")));
    if follower.is_there() { Ok(follower.response()) } else { Err(gone()) }
}
