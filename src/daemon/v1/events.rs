//! What happens in a cluster, as server-sent events, from any sequence number: read from its journal, in which each
//! event stands before what it announces is done.

use super::super::clusters::Daemon;
use super::super::follow::{Follower, Until, first};
use super::super::problem::{Problem, Problems};
use super::super::received::Query;
use super::{Answer, On};
use crate::Error;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
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
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// The first sequence number (1); `Last-Event-ID`, which is the last one seen, goes before it.
    from: Option<u64>,
}

/// The first sequence number that a request wants.
pub(super) struct First(pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for First {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(From { from }) = Query::from_request_parts(parts, state).await?;
        Ok(Self(first(&parts.headers, from)?))
    }
}

/// The cluster's events, each with its sequence number as `id`, its kind as `event` and its journal line as `data`.
/// Ends with an event `end` when the cluster is removed or has died; without one where the daemon ends, and then can be
/// continued.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/events", tag = "events", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn follow(State(daemon): On, Path(cluster): Path<String>, First(first): First) -> Answer<Response> {
    let remote = daemon.shared(&cluster).await?;
    let path = daemon.folder(&cluster)?.journal();
    let until = Until::Removed(Box::new(move || remote.is_lost()));
    let follower = Follower::new(&path, first, until, daemon.stopped.clone())?;
    let gone = || Problem::unknown(&Error::usage(format!("the cluster `{cluster}` was removed meanwhile")));
    if follower.is_there() { Ok(follower.response()) } else { Err(gone()) }
}
