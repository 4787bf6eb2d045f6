//! Command lines of blockade, run here: what `--host` sends. Runs and soaks are some of them.

use super::super::errands::{Asked, ErrandFolder, Refused, Told};
use super::super::files;
use super::super::follow::{Follower, Until};
use super::super::problem::{Problem, Problems};
use super::super::received::Body;
use super::events::{First, From};
use super::{Answer, On};
use crate::Error;
use crate::daemon::clusters::{Daemon, blocking};
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
        .routes(routes!(input))
        .routes(routes!(written))
        .routes(routes!(fetch))
}

/// A command line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCommand {
    /// Without the program's name, as `["run", "a.rhai", "--seed", "7"]`.
    args: Vec<String>,
    /// What it finds in its working directory: texts by their relative paths.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// The cluster's name where the arguments give none.
    name: Option<String>,
    /// What `${env:NAME}` in cluster files stand for.
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Commands.
#[derive(Debug, Serialize, ToSchema)]
struct Commands {
    /// The latest first.
    commands: Vec<Told>,
}

/// What somebody types.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// With the ends of its lines.
    #[serde(default)]
    text: String,
    /// No more will come.
    #[serde(default)]
    end: bool,
}

/// Files that can be fetched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Files {
    /// By their paths.
    files: Vec<Entry>,
    /// Whether there are more than are listed.
    is_cut: bool,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
struct Entry {
    /// Relative.
    path: String,
    bytes: u64,
}

impl Files {
    pub(super) fn of(mut listed: Vec<(std::path::PathBuf, u64)>) -> Self {
        let is_cut = listed.len() > files::LISTED_MAX;
        listed.truncate(files::LISTED_MAX);
        let entry = |(path, bytes): (std::path::PathBuf, u64)| Some(Entry { path: path.to_str()?.to_owned(), bytes });
        Self { files: listed.into_iter().filter_map(entry).collect(), is_cut }
    }
}

/// The commands that run or ran here for others.
#[utoipa::path(get, path = "/v1/commands", tag = "commands", responses((status = 200, body = Commands), Problems))]
async fn list(State(daemon): On) -> Answer<Json<Commands>> {
    let commands = blocking(move || Ok(daemon.errands.all().iter().map(ErrandFolder::told).collect())).await?;
    Ok(Json(Commands { commands }))
}

/// Begins a command. A run, a replay, a soak and a shrink go on where nobody listens; others end after 10 s.
#[utoipa::path(post, path = "/v1/commands", tag = "commands", request_body = NewCommand, responses((status = 201, body = Told), Problems))]
async fn begin(State(daemon): On, Body(new): Body<NewCommand>) -> Answer<impl IntoResponse> {
    let NewCommand { args, files, name, env } = new;
    let told = begun(&daemon, Asked { args, files, name, env }).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/v1/commands/{}", told.id))], Json(told)))
}

/// Begins what was asked for.
pub(super) async fn begun(daemon: &Daemon, asked: Asked) -> Answer<Told> {
    daemon.errands.begin(asked).await.map_err(|refused| match refused {
        Refused::Busy(error) => Problem::busy(&error),
        Refused::Wrong(error) => error.into(),
    })
}

/// One that is known here.
pub(super) fn found(daemon: &Daemon, id: &str) -> Answer<ErrandFolder> {
    let unknown = || Error::usage(format!("no command `{id}` is known here")).help("GET /v1/commands lists them");
    daemon.errands.find(id).ok_or_else(|| Problem::unknown(&unknown()))
}

/// What a command is, and how it ended.
#[utoipa::path(get, path = "/v1/commands/{command}", tag = "commands", responses((status = 200, body = Told), Problems))]
async fn show(State(daemon): On, Path(command): Path<String>) -> Answer<Json<Told>> {
    Ok(Json(found(&daemon, &command)?.told()))
}

/// Interrupts a command, as Ctrl-C does: it heals what it did, and ends with exit code 130. Of a `repl` that ends the call
/// that is under way; `input` with `end` ends the session.
#[utoipa::path(post, path = "/v1/commands/{command}/cancel", tag = "commands", responses((status = 202, body = Told), Problems))]
async fn cancel(State(daemon): On, Path(command): Path<String>) -> Answer<impl IntoResponse> {
    cancelled(&daemon, &command)
}

/// Interrupts what was begun here.
pub(super) fn cancelled(daemon: &Daemon, id: &str) -> Answer<(StatusCode, Json<Told>)> {
    let folder = found(daemon, id)?;
    if !daemon.errands.cancel(id) && folder.is_anothers() {
        let error = Error::usage(format!("another daemon on this data folder looks after `{id}`"));
        return Err(Problem::with(StatusCode::CONFLICT, &error.help("ask that one")));
    }
    Ok((StatusCode::ACCEPTED, Json(folder.told())))
}

/// What a command says, as events `out` and `err` with pieces of its two streams; the last one is `exit`, with its code.
/// A stream that ends without it was cut, and can be continued.
#[utoipa::path(get, path = "/v1/commands/{command}/output", tag = "commands", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn output(State(daemon): On, Path(command): Path<String>, First(first): First) -> Answer<Response> {
    listen(&daemon, &command, first)
}

/// What a command says, from this piece on.
pub(super) fn listen(daemon: &Daemon, id: &str, first: u64) -> Answer<Response> {
    let folder = found(daemon, id)?;
    // Held before the file is opened: one to which somebody listens does not end for want of that.
    let listening = daemon.errands.attendant(id).map(|attendant| attendant.listen());
    // Commands that end while the daemon does say so first: the end of the daemon does not cut this short.
    let follower = Follower::new(&folder.output(), first, Until::Kind("exit"), daemon.errands.over())?;
    Ok(follower.holding(listening).response())
}

/// Types to a command that reads its standard input: `repl`, `exec --stdin`.
#[utoipa::path(post, path = "/v1/commands/{command}/input", tag = "commands", request_body = Input, responses((status = 204), Problems))]
async fn input(State(daemon): On, Path(command): Path<String>, Body(input): Body<Input>) -> Answer<StatusCode> {
    let folder = found(&daemon, &command)?;
    let deaf = |why: &str| Problem::with(StatusCode::CONFLICT, &Error::usage(why));
    let attendant = daemon.errands.attendant(folder.id()).filter(|attendant| !attendant.is_gone());
    let Some(attendant) = attendant else { return Err(deaf("the command has ended")) };
    if !attendant.is_typed() {
        return Err(deaf("this command reads no standard input"));
    }
    let typed = attendant.type_in(&input.text, input.end).await;
    typed.map_err(|error| Problem::with(StatusCode::CONFLICT, &error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a command has written beside what was sent.
#[utoipa::path(get, path = "/v1/commands/{command}/files", tag = "commands", responses((status = 200, body = Files), Problems))]
async fn written(State(daemon): On, Path(command): Path<String>) -> Answer<Json<Files>> {
    let folder = found(&daemon, &command)?;
    listed(&daemon, move || folder.written()).await
}

/// One of these files.
#[utoipa::path(get, path = "/v1/commands/{command}/files/{*path}", tag = "commands",
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Problems))]
async fn fetch(State(daemon): On, Path((command, path)): Path<(String, String)>) -> Answer<Response> {
    fetched(&daemon, &found(&daemon, &command)?.files(), &path)
}

/// The files that are found so.
pub(super) async fn listed(
    daemon: &Daemon,
    find: impl FnOnce() -> Vec<(std::path::PathBuf, u64)> + Send + 'static,
) -> Answer<Json<Files>> {
    daemon.errands.somebody_fetches();
    Ok(Json(Files::of(blocking(move || Ok(find())).await?)))
}

/// A file below a folder.
pub(super) fn fetched(daemon: &Daemon, folder: &std::path::Path, path: &str) -> Answer<Response> {
    daemon.errands.somebody_fetches();
    let unknown =
        || Problem::unknown(&Error::usage(format!("there is no file {path:?}")).help("GET …/files lists them"));
    let file = files::open(folder, path)?.ok_or_else(unknown)?;
    Ok(([(header::CONTENT_TYPE, media_type(path))], files::body(file)).into_response())
}

/// Texts are shown by browsers; a node's log is no page of ours, whatever it holds.
fn media_type(path: &str) -> &'static str {
    let texts = ["log", "json", "jsonl", "rhai", "yaml", "yml", "txt"];
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    if ending.is_some_and(|ending| texts.contains(&ending)) {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_was_cut_says_so() {
        let of = |count: usize| Files::of(vec![("a".into(), 0); count]);
        let (all, cut) = (of(files::LISTED_MAX), of(files::LISTED_MAX + 1));
        assert_eq!((all.files.len(), all.is_cut), (files::LISTED_MAX, false));
        assert_eq!((cut.files.len(), cut.is_cut), (files::LISTED_MAX, true));
    }
}
