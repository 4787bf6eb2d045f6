//! The REST of the old Blockade: its paths, codes and JSON. What a request means is said in [`wire`].

mod wire;

use super::chaos::Task;
use super::clusters::{Daemon, Wanted, blocking};
use super::problem::{Problem, Problems};
use super::received::{self, AnyBody, Query};
use super::trail;
use crate::engine::{Command, Selection};
use crate::{Error, entropy, resolve};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wire::{
    Act, Asked, Blockade, Blockades, Chaos, Containers, Events, Named, Partitions, RandomPartitions, Seeded, Shape,
};

type On = State<Arc<Daemon>>;
type Answer<T> = Result<T, Problem>;

/// All of it.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(create, add, show, destroy))
        .routes(routes!(act))
        .routes(routes!(network_state))
        .routes(routes!(partition, join))
        .routes(routes!(events))
        .routes(routes!(start_chaos, change_chaos, look_at_chaos, end_chaos))
}

/// The names of the blockades that are up.
#[utoipa::path(get, path = "/blockade", tag = "blockade", responses((status = 200, body = Blockades), Problems))]
async fn list(State(daemon): On) -> Answer<Json<Blockades>> {
    let all = blocking(move || daemon.all()).await?;
    Ok(Json(Blockades { blockades: all.iter().map(|(folder, _)| folder.name().to_owned()).collect() }))
}

/// Brings a blockade up; the body is its file, as YAML or JSON.
#[utoipa::path(post, path = "/blockade/{name}", tag = "blockade", request_body = Object, responses((status = 204), Problems))]
async fn create(State(daemon): On, Path(name): Path<String>, config: String) -> Answer<StatusCode> {
    // The old tool answered 400 where it had one of that name.
    daemon.bring_up(Wanted { name, config, ..Wanted::default() }).await.map_err(Error::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes containers of others in.
#[utoipa::path(put, path = "/blockade/{name}", tag = "blockade", request_body = Containers, responses((status = 204), Problems))]
async fn add(State(daemon): On, Path(name): Path<String>, AnyBody(body): AnyBody<Containers>) -> Answer<StatusCode> {
    daemon.take_in(&name, wire::not_none(body.containers, "containers")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The nodes.
#[utoipa::path(get, path = "/blockade/{name}", tag = "blockade", responses((status = 200, body = Blockade), Problems))]
async fn show(State(daemon): On, Path(name): Path<String>) -> Answer<Json<Blockade>> {
    Ok(Json(Blockade::of(daemon.status(&name).await?.1)))
}

/// Removes it.
#[utoipa::path(delete, path = "/blockade/{name}", tag = "blockade", responses((status = 204), Problems))]
async fn destroy(State(daemon): On, Path(name): Path<String>) -> Answer<StatusCode> {
    daemon.destroy(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts, stops, restarts or kills nodes.
#[utoipa::path(post, path = "/blockade/{name}/action", tag = "blockade", params(Act), request_body = Named, responses((status = 204), Problems))]
async fn act(
    State(daemon): On,
    Path(name): Path<String>,
    Query(query): Query<Act>,
    AnyBody(body): AnyBody<Named>,
) -> Answer<StatusCode> {
    let remote = daemon.connect(&name).await?;
    remote.call(body.command(remote.cluster(), query.signal.as_deref())?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes nodes slow, flaky, duplicating, or fast again.
#[utoipa::path(post, path = "/blockade/{name}/network_state", tag = "blockade", request_body = Shape, responses((status = 204), Problems))]
async fn network_state(
    State(daemon): On,
    Path(name): Path<String>,
    AnyBody(body): AnyBody<Shape>,
) -> Answer<StatusCode> {
    let remote = daemon.connect(&name).await?;
    match body.command(remote.cluster())? {
        Command::Inject { fault, for_us } => drop(remote.inject(fault, for_us).await?),
        command => drop(remote.call(command).await?),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Cuts the network into groups, in place of the partition in force; with `random=true` into random ones.
#[utoipa::path(post, path = "/blockade/{name}/partitions", tag = "blockade", params(Asked), request_body = Partitions,
    responses((status = 204), (status = 200, body = RandomPartitions, description = "With `random=true`"), Problems))]
async fn partition(
    State(daemon): On,
    Path(name): Path<String>,
    Query(query): Query<Asked>,
    body: String,
) -> Answer<Response> {
    let remote = daemon.connect(&name).await?;
    if !query.random {
        let body: Partitions = received::json(body.as_bytes())?;
        remote.replace(body.groups(remote.cluster())?, None).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let given = if body.trim().is_empty() { None } else { received::json::<Seeded>(body.as_bytes())?.seed };
    let seed = query.seed.or(given).map_or_else(entropy::fresh_seed, Ok)?;
    let partitions = resolve::random_groups(remote.cluster(), seed)?;
    // A single group is no partition.
    if partitions.len() > 1 {
        remote.replace(partitions.clone(), None).await?;
    } else {
        remote.heal(Selection::Partitions).await?;
    }
    Ok(Json(RandomPartitions { seed, partitions }).into_response())
}

/// Removes all partitions.
#[utoipa::path(delete, path = "/blockade/{name}/partitions", tag = "blockade", responses((status = 204), Problems))]
async fn join(State(daemon): On, Path(name): Path<String>) -> Answer<StatusCode> {
    daemon.connect(&name).await?.heal(Selection::Partitions).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done to it, also after its end.
#[utoipa::path(get, path = "/blockade/{name}/events", tag = "blockade", responses((status = 200, body = Events), Problems))]
async fn events(State(daemon): On, Path(name): Path<String>) -> Answer<Response> {
    let folder = daemon.folder(&name)?;
    match trail::open(&folder.audit())? {
        Some(trail) => Ok(trail.answer("events")),
        None if folder.is_free()? => {
            Err(Problem::unknown(&Error::usage(format!("nothing was ever done to a cluster `{name}` here"))))
        }
        None => Ok(Json(Events { events: Vec::new() }).into_response()),
    }
}

/// Starts the chaos program.
#[utoipa::path(post, path = "/blockade/{name}/chaos", tag = "blockade", request_body = Chaos, responses((status = 201, body = super::chaos::Look), Problems))]
async fn start_chaos(State(daemon): On, Path(name): Path<String>, body: String) -> Answer<Response> {
    let asked: Chaos = if body.trim().is_empty() { Chaos::default() } else { received::json(body.as_bytes())? };
    let life = daemon.connect(&name).await?.life();
    let task = Task {
        life,
        folder: daemon.folder(&name)?,
        runs: daemon.data_dir().join("runs"),
        seed: asked.seed.map_or_else(entropy::fresh_seed, Ok)?,
        wishes: asked.over(crate::chaos::Wishes::default())?,
    };
    let look = blocking(move || daemon.programs.start(task)).await?;
    Ok((StatusCode::CREATED, Json(look)).into_response())
}

/// Changes what it does: what is not given stays.
#[utoipa::path(put, path = "/blockade/{name}/chaos", tag = "blockade", request_body = Chaos, responses((status = 200, body = super::chaos::Look), Problems))]
async fn change_chaos(State(daemon): On, Path(name): Path<String>, body: String) -> Answer<Response> {
    let asked: Chaos = received::json(body.as_bytes())?;
    let life = daemon.connect(&name).await?.life();
    let of = name.clone();
    let look = blocking(move || daemon.programs.change((&of, life), asked.seed, |wishes| asked.over(wishes))).await?;
    look.map(|look| Json(look).into_response()).ok_or_else(|| calm(&name))
}

/// What it does.
#[utoipa::path(get, path = "/blockade/{name}/chaos", tag = "blockade", responses((status = 200, body = super::chaos::Look), Problems))]
async fn look_at_chaos(State(daemon): On, Path(name): Path<String>) -> Answer<Response> {
    let life = daemon.connect(&name).await?.life();
    let look = daemon.programs.look(&name, life);
    look.map(|look| Json(look).into_response()).ok_or_else(|| calm(&name))
}

/// Ends it, and heals what it did.
#[utoipa::path(delete, path = "/blockade/{name}/chaos", tag = "blockade", responses((status = 200, body = super::chaos::Look), Problems))]
async fn end_chaos(State(daemon): On, Path(name): Path<String>) -> Answer<Response> {
    daemon.folder(&name)?;
    let life = daemon.connect(&name).await.ok().map(|remote| remote.life());
    let of = name.clone();
    let look = blocking(move || daemon.programs.end(&of, life)).await?;
    look.map(|look| Json(look).into_response()).ok_or_else(|| calm(&name))
}

fn calm(name: &str) -> Problem {
    Problem::unknown(&Error::usage(format!("no chaos runs on `{name}`")).help("POST starts it"))
}
