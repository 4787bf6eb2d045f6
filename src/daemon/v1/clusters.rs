//! Clusters: listed, brought up, shown, removed; and their audit trail.

use super::super::clusters::{Daemon, Wanted, blocking};
use super::super::problem::{Problem, Problems};
use super::super::received::Body;
use super::super::trail;
use super::views::{self, ClusterLine, Clusters, Destroyed, all};
use super::{Answer, On};
use crate::Error;
use crate::cluster::RuntimeKind;
use crate::plan::Shaper;
use crate::supervisor;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, destroy)).routes(routes!(audit))
}

/// A cluster to be brought up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCluster {
    /// Letters, digits, `-` and `.`.
    name: String,
    /// The text of its `blockade.yaml`.
    config: String,
    /// Where its nodes live, in the place of what the file says: `docker`, `netns` or `sim`.
    runtime: Option<Runtime>,
    /// What `${seed}` in the file stands for; a fresh one otherwise.
    seed: Option<u64>,
    /// What `${param:NAME}` in the file stand for.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// What `${env:NAME}` in the file stand for; the daemon's own variables are not looked at.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Replace containers whose names are in the way.
    #[serde(default)]
    force: bool,
    /// What alone is to impair links: `netem` or `userspace`.
    #[schema(value_type = Option<String>)]
    shaper: Option<Shaper>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Runtime {
    Docker,
    Netns,
    Sim,
}

impl From<Runtime> for RuntimeKind {
    fn from(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Docker => Self::Docker,
            Runtime::Netns => Self::Netns,
            Runtime::Sim => Self::Sim,
        }
    }
}

/// All clusters.
#[utoipa::path(get, path = "/v1/clusters", tag = "clusters", responses((status = 200, body = Clusters), Problems))]
async fn list(State(daemon): On) -> Answer<Json<Clusters>> {
    let found = blocking(move || daemon.all()).await?;
    let line = |(folder, state): (supervisor::ClusterFolder, _)| ClusterLine { name: folder.name().to_owned(), state };
    Ok(Json(Clusters { clusters: found.into_iter().map(line).collect() }))
}

/// Brings a cluster up; answers when its nodes are ready.
#[utoipa::path(post, path = "/v1/clusters", tag = "clusters", request_body = NewCluster, responses((status = 201, body = views::Cluster), Problems))]
async fn create(State(daemon): On, Body(new): Body<NewCluster>) -> Answer<impl IntoResponse> {
    let NewCluster { name, config, runtime, seed, params, env, force, shaper } = new;
    let kind = runtime.map(RuntimeKind::from);
    daemon.bring_up(Wanted { name: name.clone(), config, kind, params, env, seed, force, shaper }).await?;
    let place = [(header::LOCATION, format!("/v1/clusters/{name}"))];
    Ok((StatusCode::CREATED, place, Json(shown(&daemon, name).await?)))
}

/// A cluster with its nodes and faults.
#[utoipa::path(get, path = "/v1/clusters/{cluster}", tag = "clusters", responses((status = 200, body = views::Cluster), Problems))]
async fn show(State(daemon): On, Path(cluster): Path<String>) -> Answer<Json<views::Cluster>> {
    shown(&daemon, cluster).await.map(Json)
}

async fn shown(daemon: &Daemon, name: String) -> Answer<views::Cluster> {
    let ((remote, nodes), faults) = (daemon.status(&name).await?, daemon.faults(&name).await?);
    Ok(views::Cluster { name, runtime: remote.runtime().to_owned(), nodes: all(nodes), faults: all(faults) })
}

/// Heals everything and removes the cluster.
#[utoipa::path(delete, path = "/v1/clusters/{cluster}", tag = "clusters", responses((status = 200, body = Destroyed), Problems))]
async fn destroy(State(daemon): On, Path(cluster): Path<String>) -> Answer<Json<Destroyed>> {
    let was_alive = daemon.destroy(&cluster).await? == supervisor::Destroyed::Live;
    Ok(Json(Destroyed { destroyed: cluster, was_alive }))
}

/// What was done to a cluster.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the derive, for the OpenAPI document")]
struct Trail {
    /// The entries, the oldest first.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Value>,
}

/// What was done to the cluster and to earlier ones of its name, also after its end.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/audit", tag = "clusters", responses((status = 200, body = Trail), Problems))]
async fn audit(State(daemon): On, Path(cluster): Path<String>) -> Answer<Response> {
    let trail = trail::open(&daemon.folder(&cluster)?.audit())?;
    let nothing = || Problem::unknown(&Error::usage(format!("nothing was ever done to a cluster `{cluster}` here")));
    trail.map(|trail| trail.answer("entries")).ok_or_else(nothing)
}
