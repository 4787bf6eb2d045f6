//! Faults: listed, injected, healed.

use super::super::clusters::Daemon;
use super::super::problem::{Problem, Problems};
use super::super::received::{Body, Query};
use super::views::{self, Faults, Healed, all};
use super::wanted::{NewFault, Resolved};
use super::{Answer, On};
use crate::engine::Selection;
use crate::fault::{Fault, FaultId};
use crate::{Error, resolve};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new().routes(routes!(list, inject, heal_all)).routes(routes!(heal))
}

/// The active faults.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/faults", tag = "faults", responses((status = 200, body = Faults), Problems))]
async fn list(State(daemon): On, Path(cluster): Path<String>) -> Answer<Json<Faults>> {
    Ok(Json(Faults { faults: all(daemon.faults(&cluster).await?) }))
}

/// Injects a fault; answers when it is in force. It stands until it is healed.
#[utoipa::path(post, path = "/v1/clusters/{cluster}/faults", tag = "faults", request_body = NewFault, responses((status = 201, body = views::Fault), Problems))]
async fn inject(
    State(daemon): On,
    Path(cluster): Path<String>,
    Body(new): Body<NewFault>,
) -> Answer<impl IntoResponse> {
    let remote = daemon.connect(&cluster).await?;
    let Resolved { fault, for_us, seed } = new.resolve(remote.cluster())?;
    let info = match fault {
        Fault::Partition { groups } => remote.replace(groups, for_us).await?,
        fault => remote.inject(fault, for_us).await?,
    };
    let place = [(header::LOCATION, format!("/v1/clusters/{cluster}/faults/{}", info.id))];
    let mut fault = views::Fault::from(info);
    fault.seed = seed;
    Ok((StatusCode::CREATED, place, Json(fault)))
}

/// Which faults.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// All of them, where nothing is given.
    #[param(inline)]
    only: Option<Only>,
    /// With `only=impairments`: those of what these nodes send, `n1,n2`; all otherwise.
    nodes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Only {
    /// Cuts, as `join` heals them.
    Partitions,
    /// Delays, losses and the like, as `fast` heals them.
    Impairments,
}

/// Heals all faults, or all of a kind.
#[utoipa::path(delete, path = "/v1/clusters/{cluster}/faults", tag = "faults", params(Which), responses((status = 200, body = Healed), Problems))]
async fn heal_all(State(daemon): On, Path(cluster): Path<String>, Query(which): Query<Which>) -> Answer<Json<Healed>> {
    let remote = daemon.connect(&cluster).await?;
    let selection = match (which.only, &which.nodes) {
        (Some(Only::Impairments), names) => {
            let names = names.as_deref().unwrap_or("*").split(',');
            Selection::Impairments(resolve::nodes(remote.cluster(), names)?)
        }
        (_, Some(_)) => return Err(Error::usage("`nodes` goes with `only=impairments`").into()),
        (Some(Only::Partitions), None) => Selection::Partitions,
        (None, None) => Selection::All,
    };
    Ok(Json(Healed { healed: all(remote.heal(selection).await?) }))
}

/// Heals one fault.
#[utoipa::path(delete, path = "/v1/clusters/{cluster}/faults/{fault}", tag = "faults", responses((status = 200, body = Healed), Problems))]
async fn heal(State(daemon): On, Path((cluster, fault)): Path<(String, String)>) -> Answer<Json<Healed>> {
    let id = FaultId::try_from(fault).map_err(Error::usage)?;
    let remote = daemon.connect(&cluster).await?;
    let healed = remote.heal(Selection::One(id)).await?;
    // Of several who heal it at once, one has.
    if healed.is_empty() {
        return Err(Problem::unknown(
            &Error::usage(format!("no fault {id} is active")).help("GET …/faults lists them"),
        ));
    }
    Ok(Json(Healed { healed: all(healed) }))
}
