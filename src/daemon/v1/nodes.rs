//! Nodes: shown, started and halted, read and looked into.

use super::super::clusters::{Daemon, Remote};
use super::super::problem::{Problem, Problems};
use super::super::received::{Body, Query};
use super::views::{Acted, Log, Node, Nodes, all};
use super::wanted::duration;
use super::word::{Quantity, Word};
use super::{Answer, On};
use crate::engine::{self, Command, ExecOutput, NodeAction, Reply};
use crate::fault::Fault;
use crate::signal::Signal;
use crate::{Error, resolve};
use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new()
        .routes(routes!(list, take_in))
        .routes(routes!(show))
        .routes(routes!(act))
        .routes(routes!(logs))
        .routes(routes!(exec))
}

/// The cluster's nodes.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/nodes", tag = "nodes", responses((status = 200, body = Nodes), Problems))]
async fn list(State(daemon): On, Path(cluster): Path<String>) -> Answer<Json<Nodes>> {
    Ok(Json(Nodes { nodes: all(daemon.status(&cluster).await?.1) }))
}

/// Containers of others.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Containers {
    /// By id or name.
    containers: Vec<String>,
}

/// Takes in containers that others started, as nodes; where there is no such cluster, into a new one.
#[utoipa::path(post, path = "/v1/clusters/{cluster}/nodes", tag = "nodes", request_body = Containers, responses((status = 200, body = Nodes), Problems))]
async fn take_in(State(daemon): On, Path(cluster): Path<String>, Body(body): Body<Containers>) -> Answer<Json<Nodes>> {
    if body.containers.is_empty() {
        return Err(Error::usage("`containers` names none").into());
    }
    let added = daemon.take_in(&cluster, body.containers).await?;
    let (_, mut lines) = daemon.status(&cluster).await?;
    lines.retain(|line| added.contains(&line.name));
    Ok(Json(Nodes { nodes: all(lines) }))
}

/// A node.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/nodes/{node}", tag = "nodes", responses((status = 200, body = Node), Problems))]
async fn show(State(daemon): On, Path((cluster, node)): Path<(String, String)>) -> Answer<Json<Node>> {
    let (_, lines) = daemon.status(&cluster).await?;
    match lines.into_iter().find(|line| line.name == node) {
        Some(line) => Ok(Json(line.into())),
        // Only a new connection knows of nodes that were taken in meanwhile, and says which there are.
        None => one(&daemon.connect(&cluster).await?, &node).await.map(Json),
    }
}

async fn one(remote: &Remote, node: &str) -> Answer<Node> {
    known(remote, node)?;
    let line = remote.status().await?.into_iter().find(|line| line.name == node);
    line.map(Node::from).ok_or_else(|| Error::machine(format!("`{node}` has no status")).into())
}

/// A name in a path is one node's, and no glob.
fn known(remote: &Remote, node: &str) -> Answer<()> {
    if remote.cluster().names().any(|name| name == node) {
        return Ok(());
    }
    let error = resolve::nodes(remote.cluster(), std::iter::once(node)).err();
    Err(Problem::unknown(&error.unwrap_or_else(|| Error::usage(format!("there is no node `{node}`")))))
}

/// What to do to a node.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum Action {
    /// Start it if it is down; `stop` and `kill` are over.
    Start {},
    /// Let it go on if it is frozen; `pause` is over.
    Resume {},
    /// Stop and start it.
    Restart {},
    /// Stop it with its own stop signal and grace, until it is healed.
    Stop {
        /// Heal it by itself after this time, as in `30s`.
        #[schema(value_type = Option<Quantity>)]
        r#for: Option<Word>,
    },
    /// Freeze all its processes, until it is healed.
    Pause {
        /// Heal it by itself after this time, as in `30s`.
        #[schema(value_type = Option<Quantity>)]
        r#for: Option<Word>,
    },
    /// Send it a signal; one that ends it keeps it down until it is healed.
    Kill {
        /// By name or number; SIGKILL otherwise.
        signal: Option<String>,
        /// Heal it by itself after this time, as in `30s`.
        #[schema(value_type = Option<Quantity>)]
        r#for: Option<Word>,
    },
}

impl Action {
    fn command(self, node: &str) -> crate::Result<Command> {
        let nodes = vec![node.to_owned()];
        let (fault, lasting) = match self {
            Self::Start {} => return Ok(Command::Node { action: NodeAction::Start, nodes }),
            Self::Resume {} => return Ok(Command::Node { action: NodeAction::Resume, nodes }),
            Self::Restart {} => return Ok(Command::Node { action: NodeAction::Restart, nodes }),
            Self::Stop { r#for } => (Fault::Stop { nodes }, r#for),
            Self::Pause { r#for } => (Fault::Pause { nodes }, r#for),
            Self::Kill { signal, r#for } => {
                let signal = signal.as_deref().map(Signal::parse).transpose()?.unwrap_or(Signal::KILL);
                (Fault::Kill { nodes, signal: signal.name().to_owned() }, r#for)
            }
        };
        Ok(Command::Inject { fault, for_us: lasting.as_deref().map(duration).transpose()? })
    }
}

/// Starts, resumes, restarts, stops, pauses or kills a node.
#[utoipa::path(post, path = "/v1/clusters/{cluster}/nodes/{node}/actions", tag = "nodes", request_body = Action, responses((status = 200, body = Acted), Problems))]
async fn act(
    State(daemon): On,
    Path((cluster, node)): Path<(String, String)>,
    Body(action): Body<Action>,
) -> Answer<Json<Acted>> {
    let remote = daemon.connect(&cluster).await?;
    known(&remote, &node)?;
    let fault = match remote.call(action.command(&node)?).await? {
        Reply::Fault(info) => Some(info.into()),
        _ => None,
    };
    Ok(Json(Acted { node: one(&remote, &node).await?, fault }))
}

/// How much of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Last {
    /// Only the last so many lines.
    last: Option<usize>,
}

/// What the node has written.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/nodes/{node}/logs", tag = "nodes", params(Last), responses((status = 200, body = Log), Problems))]
async fn logs(
    State(daemon): On,
    Path((cluster, node)): Path<(String, String)>,
    Query(Last { last }): Query<Last>,
) -> Answer<Json<Log>> {
    let remote = daemon.connect(&cluster).await?;
    known(&remote, &node)?;
    match remote.call(Command::Logs { node: node.clone(), last }).await? {
        Reply::Logs(log) => Ok(Json(Log { name: node, log })),
        other => Err(other.odd().into()),
    }
}

/// A program to run in a node.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Program {
    /// The program and its arguments.
    argv: Vec<String>,
    /// What it reads on its standard input.
    #[serde(default)]
    stdin: String,
    /// It is killed after this time (10m).
    #[schema(value_type = Option<Quantity>)]
    timeout: Option<Word>,
}

/// What a program did.
#[derive(Debug, Serialize, ToSchema)]
struct Ran {
    /// Its exit code; 128 + the signal's number if a signal ended it, 125 if the node is down or paused.
    code: i32,
    stdout: String,
    stderr: String,
    /// Whether it wrote more than is kept of either, 4 MiB.
    dropped: bool,
    /// Whether the time ran out.
    timed_out: bool,
    /// How long it ran, microseconds.
    took_us: u64,
}

impl From<ExecOutput> for Ran {
    fn from(ExecOutput { code, stdout, stderr, dropped, timed_out, took_us }: ExecOutput) -> Self {
        Self { code, stdout, stderr, dropped, timed_out, took_us }
    }
}

/// Runs a program in the node, and answers when it has ended.
#[utoipa::path(post, path = "/v1/clusters/{cluster}/nodes/{node}/exec", tag = "nodes", request_body = Program, responses((status = 200, body = Ran), Problems))]
async fn exec(
    State(daemon): On,
    Path((cluster, node)): Path<(String, String)>,
    Body(program): Body<Program>,
) -> Answer<Json<Ran>> {
    let remote = daemon.connect(&cluster).await?;
    known(&remote, &node)?;
    if program.argv.is_empty() {
        return Err(Error::usage("`argv` names no program").into());
    }
    let timeout_us = duration(program.timeout.as_deref().unwrap_or("10m"))?;
    let exec = engine::Exec { argv: program.argv, stdin: program.stdin, timeout_us };
    match remote.call(Command::Exec { node, exec }).await? {
        Reply::Exec(output) => Ok(Json(output.into())),
        other => Err(other.odd().into()),
    }
}
