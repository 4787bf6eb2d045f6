//! Soaks: begun, listed, watched, cancelled.

use super::super::errands::{Asked, Told};
use super::super::files;
use super::super::problem::{Problem, Problems};
use super::super::received::Body;
use super::commands::{Files, begun, cancelled, fetched, listed, listen};
use super::events::{First, From};
use super::runs::{Script, Source, option, script_of};
use super::word::{Quantity, Word};
use super::{Answer, On};
use crate::cluster::check_name;
use crate::daemon::clusters::{Daemon, blocking};
use crate::soak::{SoakFolder, State as Settings, Summary};
use crate::{Error, Result};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new()
        .routes(routes!(list, begin))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(output))
        .routes(routes!(artifacts))
        .routes(routes!(artifact))
}

// In one type, as a run is.
/// A soak that is to begin: its source, and what `blockade soak` calls so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSoak {
    script: Script,
    /// The modules that it imports: texts by their paths relative to it.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// The text of its cluster file.
    config: Option<String>,
    /// The cluster's name.
    cluster: Option<String>,
    /// `docker`, `netns` or `sim`, in the place of what the cluster file says.
    runtime: Option<String>,
    /// What the script and `${param:NAME}` in the cluster file are given.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Quantity>)]
    params: BTreeMap<String, Word>,
    /// What `${env:NAME}` in the cluster file stand for.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How many runs: 20, or as many as `for` has time for.
    runs: Option<u64>,
    /// Begin no more runs after this time, as `10m`.
    #[serde(rename = "for")]
    #[schema(value_type = Option<Quantity>)]
    lasting: Option<Word>,
    /// How many side by side.
    jobs: Option<u64>,
    /// The first seed; a fresh one is drawn otherwise.
    seed_start: Option<u64>,
    /// Begin no more runs after one that does not pass.
    #[serde(default)]
    stop_on_failure: bool,
    /// Shrink the first run of each kind of failure afterwards.
    #[serde(default)]
    shrink: bool,
}

impl NewSoak {
    fn asked(self) -> Result<Asked> {
        let Self { script, files, config, cluster, runtime, params, env, .. } = self;
        let Self { runs, lasting, jobs, seed_start, stop_on_failure, shrink, .. } = self;
        let source = Source { script, files, config, cluster, runtime, params, env };
        let mut asked = source.asked("soak")?;
        option(&mut asked.args, "--runs", runs);
        option(&mut asked.args, "--for", lasting);
        option(&mut asked.args, "--jobs", jobs);
        option(&mut asked.args, "--seed-start", seed_start);
        for (flag, is_given) in [("--stop-on-failure", stop_on_failure), ("--shrink", shrink)] {
            asked.args.extend(is_given.then(|| flag.to_owned()));
        }
        Ok(asked)
    }
}

/// Soaks.
#[derive(Debug, Serialize, ToSchema)]
struct Soaks {
    /// The latest first.
    soaks: Vec<Soak>,
}

/// A soak.
#[derive(Debug, Serialize, ToSchema)]
struct Soak {
    /// The name of its folder.
    id: String,
    /// Whether runs are under way, or may be begun.
    is_running: bool,
    script: String,
    /// Not known before it has begun, nor of one that was refused.
    runtime: Option<String>,
    /// Likewise.
    seed_start: Option<u64>,
    /// With which it ended, where the daemon ran it.
    exit_code: Option<u8>,
    /// How many have ended, and how: as `soak --json` ends.
    #[schema(value_type = Object)]
    summary: Summary,
}

fn look(daemon: &Daemon, id: &str) -> Result<Option<Soak>> {
    check_name(id)?;
    let path = daemon.data_dir().join("soak").join(id);
    let told = daemon.errands.find(id).map(|folder| folder.told()).filter(|told| told.verb == "soak");
    let exit_code = told.as_ref().and_then(|told| told.exit_code);
    if let Some(Settings { script, runtime, seed_start, .. }) = Settings::read(&path)? {
        let (is_running, summary) = SoakFolder::look(&path);
        let (runtime, seed_start) = (Some(runtime), Some(seed_start));
        return Ok(Some(Soak { id: id.to_owned(), is_running, script, runtime, seed_start, exit_code, summary }));
    }
    // One that has only just begun, or was refused, has no folder, but is known.
    Ok(told.map(|told| Soak {
        id: told.id,
        is_running: exit_code.is_none(),
        script: script_of("soak", told.args).unwrap_or_default(),
        runtime: None,
        seed_start: None,
        exit_code,
        summary: Summary::default(),
    }))
}

/// The soaks of this data folder, also those that others have started.
#[utoipa::path(get, path = "/v1/soaks", tag = "soaks", responses((status = 200, body = Soaks), Problems))]
async fn list(State(daemon): On) -> Answer<Json<Soaks>> {
    let listed = move || {
        let ids = files::latest_first(&daemon.data_dir().join("soak"));
        // One that cannot be read is not to hide the others.
        Ok(ids.iter().filter_map(|id| look(&daemon, id).ok().flatten()).collect())
    };
    Ok(Json(Soaks { soaks: blocking(listed).await? }))
}

/// Begins a soak; answers as soon as it has begun. Its id is that of a command, too.
#[utoipa::path(post, path = "/v1/soaks", tag = "soaks", request_body = NewSoak, responses((status = 201, body = Told), Problems))]
async fn begin(State(daemon): On, Body(new): Body<NewSoak>) -> Answer<impl IntoResponse> {
    let told = begun(&daemon, new.asked()?).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/v1/soaks/{}", told.id))], Json(told)))
}

/// A soak with its sums, and the runs that did not pass.
#[utoipa::path(get, path = "/v1/soaks/{soak}", tag = "soaks", responses((status = 200, body = Soak), Problems))]
async fn show(State(daemon): On, Path(soak): Path<String>) -> Answer<Json<Soak>> {
    known(&daemon, soak).await.map(Json)
}

async fn known(daemon: &Arc<Daemon>, soak: String) -> Answer<Soak> {
    let unknown = Error::usage(format!("there is no soak `{soak}` here")).help("GET /v1/soaks lists them");
    let daemon = Arc::clone(daemon);
    let found = blocking(move || look(&daemon, &soak)).await?;
    found.ok_or_else(|| Problem::unknown(&unknown))
}

/// The folder of a soak that is here.
async fn folder(daemon: Arc<Daemon>, soak: String) -> Answer<std::path::PathBuf> {
    let path = daemon.data_dir().join("soak").join(&soak);
    known(&daemon, soak).await.map(|_| path)
}

/// What lies in the soak's folder: the runs that did not pass, and the results of all.
#[utoipa::path(get, path = "/v1/soaks/{soak}/files", tag = "soaks", responses((status = 200, body = Files), Problems))]
async fn artifacts(State(daemon): On, Path(soak): Path<String>) -> Answer<Json<Files>> {
    let folder = folder(Arc::clone(&daemon), soak).await?;
    listed(&daemon, move || files::listed(&folder)).await
}

/// A file of the soak's folder.
#[utoipa::path(get, path = "/v1/soaks/{soak}/files/{*path}", tag = "soaks",
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Problems))]
async fn artifact(State(daemon): On, Path((soak, path)): Path<(String, String)>) -> Answer<Response> {
    fetched(&daemon, &folder(Arc::clone(&daemon), soak).await?, &path)
}

/// Interrupts a soak that was begun here: its runs heal.
#[utoipa::path(post, path = "/v1/soaks/{soak}/cancel", tag = "soaks", responses((status = 202, body = Told), Problems))]
async fn cancel(State(daemon): On, Path(soak): Path<String>) -> Answer<impl IntoResponse> {
    cancelled(&daemon, &known(&daemon, soak).await?.id)
}

/// What the soak says, as that of a command.
#[utoipa::path(get, path = "/v1/soaks/{soak}/output", tag = "soaks", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn output(State(daemon): On, Path(soak): Path<String>, First(first): First) -> Answer<Response> {
    listen(&daemon, &known(&daemon, soak).await?.id, first)
}
