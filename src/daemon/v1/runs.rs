//! Runs: begun with a script, a cluster and a seed; listed, watched, cancelled; and what they left.

use super::super::errands::{Asked, CommandState, Told};
use super::super::files;
use super::super::follow::{Follower, Until};
use super::super::problem::{Problem, Problems};
use super::super::received::{Body, Query};
use super::super::runs::{Found, Run, RunState};
use super::commands::{Files, begun, cancelled, fetched, listed, listen};
use super::events::{First, From};
use super::word::{Quantity, Word};
use super::{Answer, On};
use crate::Error;
use crate::cli::report_file;
use crate::daemon::clusters::{Daemon, blocking};
use crate::journal::PastRun;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new()
        .routes(routes!(list, begin))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(events))
        .routes(routes!(output))
        .routes(routes!(artifacts))
        .routes(routes!(artifact))
        .routes(routes!(report))
}

/// So many runs are listed where nothing is said.
const LISTED: usize = 100;
/// What the file of a run's cluster is called, and that of its chaos.
const CONFIG: &str = "cluster.yaml";
const CHAOS: &str = "chaos-body.rhai";

/// A script with all that makes a run of it.
pub(super) struct Source {
    pub(super) script: Script,
    pub(super) files: BTreeMap<String, String>,
    pub(super) config: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) params: BTreeMap<String, Word>,
    pub(super) env: BTreeMap<String, String>,
}

/// A script's text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// What errors call it, as `chaos.rhai`.
    name: String,
    text: String,
}

// One type has all keys, those of the source, too: through serde's `flatten` no key knows its place, and none is unknown.
/// A run that is to begin: its source, and what `blockade run` calls so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRun {
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
    /// A fresh one is drawn otherwise.
    seed: Option<u64>,
    /// As `90s`.
    #[schema(value_type = Option<Quantity>)]
    timeout: Option<Word>,
    /// `netem` or `userspace`.
    shaper: Option<String>,
    /// Measure each impairment as soon as it is in force.
    #[serde(default)]
    verify: bool,
    /// Leave the cluster up.
    #[serde(default)]
    keep: bool,
    /// Use the cluster that is up under the name `cluster`.
    #[serde(default)]
    attach: bool,
    /// Statements in the place of the script's chaos().
    chaos: Option<String>,
}

impl Source {
    /// The command line, and what goes with it.
    pub(super) fn asked(self, verb: &str) -> crate::Result<Asked> {
        let Self { script, mut files, config, cluster, runtime, params, env } = self;
        if script.name.starts_with('-') {
            return Err(Error::usage(format!("a script cannot be called `{}`: that reads as an option", script.name)));
        }
        let mut args = vec![verb.to_owned(), script.name.clone()];
        put(&mut files, &script.name, script.text)?;
        if let Some(config) = config {
            args.extend(["--config".to_owned(), CONFIG.to_owned()]);
            put(&mut files, CONFIG, config)?;
        }
        option(&mut args, "--runtime", runtime);
        for (name, value) in params {
            args.push(format!("--set={name}={value}"));
        }
        Ok(Asked { args, files, name: cluster, env })
    }
}

/// One more file. What is sent under a name stays what it is called.
fn put(files: &mut BTreeMap<String, String>, name: &str, text: String) -> crate::Result<()> {
    match files.insert(name.to_owned(), text) {
        None => Ok(()),
        Some(_) => Err(Error::usage(format!("two different files are called `{name}`"))
            .help("call the script or the module otherwise")),
    }
}

/// An option with its value, which may begin with a dash.
pub(super) fn option(args: &mut Vec<String>, name: &str, value: Option<impl std::fmt::Display>) {
    args.extend(value.map(|value| format!("{name}={value}")));
}

impl NewRun {
    fn asked(self) -> crate::Result<Asked> {
        let Self { script, files, config, cluster, runtime, params, env, .. } = self;
        let Self { seed, timeout, shaper, verify, keep, attach, chaos, .. } = self;
        let source = Source { script, files, config, cluster, runtime, params, env };
        let mut asked = source.asked("run")?;
        option(&mut asked.args, "--seed", seed);
        option(&mut asked.args, "--timeout", timeout);
        option(&mut asked.args, "--shaper", shaper);
        option(&mut asked.args, "--chaos", chaos.as_ref().map(|_| CHAOS));
        chaos.map_or(Ok(()), |text| put(&mut asked.files, CHAOS, text))?;
        for (flag, is_given) in [("--verify", verify), ("--keep", keep), ("--attach", attach)] {
            asked.args.extend(is_given.then(|| flag.to_owned()));
        }
        Ok(asked)
    }
}

/// Runs.
#[derive(Debug, Serialize, ToSchema)]
struct Runs {
    /// The latest first.
    runs: Vec<Run>,
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Limit {
    /// The latest so many (100).
    limit: Option<usize>,
}

/// The runs of this data folder, also those that others have started.
#[utoipa::path(get, path = "/v1/runs", tag = "runs", params(Limit), responses((status = 200, body = Runs), Problems))]
async fn list(State(daemon): On, Query(query): Query<Limit>) -> Answer<Json<Runs>> {
    let limit = query.limit.unwrap_or(LISTED);
    let listed = move || {
        let found = all(&daemon).into_iter().take(limit);
        Ok(found.map(|run| Run { result: serde_json::Value::Null, ..seen(&daemon, &run) }).collect())
    };
    Ok(Json(Runs { runs: blocking(listed).await? }))
}

/// Those that have a journal, and those that have none yet or were refused, the latest first.
fn all(daemon: &Daemon) -> Vec<Found> {
    let runs = daemon.data_dir().join("runs");
    let mut found = Found::all(&runs);
    let told = daemon.errands.all().into_iter().filter_map(|folder| folder.told().run);
    found.extend(told.map(|id| Found { path: runs.join(&id), id }));
    found.sort_by(|one, other| other.id.cmp(&one.id));
    found.dedup();
    found
}

/// Begins a run; answers as soon as it has begun. Its id is that of a command, too.
#[utoipa::path(post, path = "/v1/runs", tag = "runs", request_body = NewRun, responses((status = 201, body = Told), Problems))]
async fn begin(State(daemon): On, Body(new): Body<NewRun>) -> Answer<impl IntoResponse> {
    let told = begun(&daemon, new.asked()?).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/v1/runs/{}", told.id))], Json(told)))
}

fn found(daemon: &Daemon, id: &str) -> Answer<Found> {
    let unknown = || Error::usage(format!("there is no run `{id}` here")).help("GET /v1/runs lists them");
    let runs = daemon.data_dir().join("runs");
    // One that was refused, or has only just begun, has no journal, but is known.
    let sent = || daemon.errands.find(id).filter(|folder| folder.told().run.is_some());
    let found = Found::named(&runs, id).or_else(|| sent().map(|_| Found { id: id.to_owned(), path: runs.join(id) }));
    found.ok_or_else(|| Problem::unknown(&unknown()))
}

/// What the folder tells, and the command that it came of.
fn seen(daemon: &Daemon, run: &Found) -> Run {
    let told = daemon.errands.find(&run.id).map(|folder| folder.told());
    let looked = run.look();
    let Some(Told { started, state, exit_code, verb, args, .. }) = told else { return looked };
    let state = match state {
        // It is not over before all is cleaned up.
        CommandState::Running => RunState::Running,
        // Whatever its folder lacks: it was refused before it began, or the disk was full.
        CommandState::Ended => RunState::Ended,
        CommandState::Interrupted => RunState::Interrupted,
    };
    let script = looked.script.clone().or_else(|| script_of("run", args).filter(|_| verb == "run"));
    // What the folder's name tells is less exact.
    let started = looked.started.clone().filter(|_| !looked.result.is_null()).or(Some(started));
    Run { state, script, started, exit_code, ..looked }
}

/// The script that `VERB SCRIPT` names first.
pub(super) fn script_of(verb: &str, args: Vec<String>) -> Option<String> {
    let named = args.into_iter().skip_while(|word| word != verb).nth(1);
    named.filter(|word| !word.starts_with('-'))
}

/// A run with its result.
#[utoipa::path(get, path = "/v1/runs/{run}", tag = "runs", responses((status = 200, body = Run), Problems))]
async fn show(State(daemon): On, Path(run): Path<String>) -> Answer<Json<Run>> {
    let run = found(&daemon, &run)?;
    Ok(Json(blocking(move || Ok(seen(&daemon, &run))).await?))
}

/// Interrupts a run that was begun here: it heals, and ends with exit code 130.
#[utoipa::path(post, path = "/v1/runs/{run}/cancel", tag = "runs", responses((status = 202, body = Told), Problems))]
async fn cancel(State(daemon): On, Path(run): Path<String>) -> Answer<impl IntoResponse> {
    cancelled(&daemon, &found(&daemon, &run)?.id)
}

/// The run's events, as those of a cluster; `end` comes last.
#[utoipa::path(get, path = "/v1/runs/{run}/events", tag = "runs", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn events(State(daemon): On, Path(run): Path<String>, First(first): First) -> Answer<Response> {
    let run = found(&daemon, &run)?;
    let (journal, over) = (run.journal(), daemon.errands.over());
    let is_over = move || run.is_over() && !daemon.errands.is_running(&run.id);
    Ok(Follower::new(&journal, first, Until::Over(Box::new(is_over)), over)?.response())
}

/// What the run says, as that of a command.
#[utoipa::path(get, path = "/v1/runs/{run}/output", tag = "runs", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn output(State(daemon): On, Path(run): Path<String>, First(first): First) -> Answer<Response> {
    listen(&daemon, &found(&daemon, &run)?.id, first)
}

/// What lies in the run's folder.
#[utoipa::path(get, path = "/v1/runs/{run}/files", tag = "runs", responses((status = 200, body = Files), Problems))]
async fn artifacts(State(daemon): On, Path(run): Path<String>) -> Answer<Json<Files>> {
    let run = found(&daemon, &run)?;
    listed(&daemon, move || files::listed(&run.path)).await
}

/// A file of the run's folder.
#[utoipa::path(get, path = "/v1/runs/{run}/files/{*path}", tag = "runs",
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Problems))]
async fn artifact(State(daemon): On, Path((run, path)): Path<(String, String)>) -> Answer<Response> {
    fetched(&daemon, &found(&daemon, &run)?.path, &path)
}

/// The page of `blockade report` about it.
#[utoipa::path(get, path = "/v1/runs/{run}/report", tag = "runs",
    responses((status = 200, content_type = "text/html", body = String), Problems))]
async fn report(State(daemon): On, Path(run): Path<String>) -> Answer<Response> {
    let run = found(&daemon, &run)?;
    let page = move || {
        let past = PastRun::open(&run.path, &daemon.data_dir().join("runs"))?;
        report_file::html(daemon.place(), &past)
    };
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        // Beside the page's own policy, in which this would not count.
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
    ];
    Ok((head, blocking(page).await?).into_response())
}
