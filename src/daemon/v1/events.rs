//! What happens in a cluster, as server-sent events, from any sequence number: read from its journal, in which each
//! event stands before what it announces is done.

use super::super::clusters::Daemon;
use super::super::follow::{Follower, Until, first};
use super::super::problem::{Problem, Problems};
use super::{Answer, On};
use crate::Error;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
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
    from: Option<u64>,
}

/// The first sequence number that a request wants.
pub(super) struct First(pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for First {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let query = Query::<From>::from_request_parts(parts, state).await;
        let Query(From { from }) = query.map_err(QueryRejection::into_response)?;
        let seq = first(&parts.headers, from).map_err(|error| Problem::from(error).into_response())?;
        Ok(Self(seq))
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
