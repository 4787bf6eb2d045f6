//! What happens in a cluster, as server-sent events, from any sequence number: read from its journal, in which each
//! event stands before what it announces is done.

use super::super::clusters::{Daemon, Remote};
use super::super::is_over;
use super::super::problem::{Problem, Problems};
use super::super::tail::{Line, Tail};
use super::{Answer, On};
use crate::Error;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long until the journal is looked at again, once all of it has been read.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long nothing may be said, so that both ends notice when the other one is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// From where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct From {
    /// The first sequence number (1); `Last-Event-ID`, which is the last one seen, goes before it.
    from: Option<u64>,
}

/// The cluster's events, each with its sequence number as `id`, its kind as `event` and its journal line as `data`.
/// Ends with an event `end` when the cluster is removed or has died; without one where the daemon ends, and then can be continued.
#[utoipa::path(get, path = "/v1/clusters/{cluster}/events", tag = "events", params(From),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems))]
async fn follow(
    State(daemon): On,
    Path(cluster): Path<String>,
    Query(query): Query<From>,
    headers: HeaderMap,
) -> Answer<Response> {
    let first = first(&headers, query.from)?;
    let remote = daemon.shared(&cluster).await?;
    let path = daemon.folder(&cluster)?.journal();
    let opened = Tail::open_before(&path, first)
        .map_err(|error| Error::machine(format!("cannot read the journal {}: {error}", path.display())))?;
    let gone = || Problem::unknown(&Error::usage(format!("the cluster `{cluster}` was removed meanwhile")));
    let reader = Reader {
        tail: opened.ok_or_else(gone)?,
        first,
        remote,
        stopped: daemon.stopped.clone(),
        spoke: Instant::now(),
        is_over: false,
    };
    let pieces = stream::unfold(reader, |mut reader| async {
        let piece = reader.next().await?;
        Some((Ok::<_, Infallible>(piece), reader))
    });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response())
}

fn first(headers: &HeaderMap, from: Option<u64>) -> Result<u64, Error> {
    match headers.get("last-event-id") {
        None => Ok(from.unwrap_or(1)),
        Some(seen) => {
            let seen = seen.to_str().ok().and_then(|seen| seen.trim().parse::<u64>().ok());
            let seen = seen.ok_or_else(|| Error::usage("`Last-Event-ID` is no sequence number"))?;
            Ok(seen.saturating_add(1))
        }
    }
}

/// One reader's place in a journal.
struct Reader {
    tail: Tail,
    first: u64,
    /// Whose journal it is.
    remote: Arc<Remote>,
    stopped: watch::Receiver<bool>,
    spoke: Instant,
    is_over: bool,
}

impl Reader {
    /// The next piece of the stream, as soon as there is one; none at its end. Reads are of the page cache, and short.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            // Asked before the read: what was written until then is read once more.
            let ends_here = self.tail.is_removed() || self.remote.is_lost();
            match self.tail.next() {
                Ok(Some(lines)) => {
                    let text: String = lines.iter().filter(|line| line.seq >= self.first).map(event).collect();
                    if !text.is_empty() {
                        return Some(self.say(text));
                    }
                }
                Ok(None) if ends_here => {
                    self.is_over = true;
                    return Some("event: end\ndata: {}\n\n".to_owned());
                }
                Ok(None) if self.spoke.elapsed() > SILENCE_MAX => return Some(self.say(":\n\n".to_owned())),
                Ok(None) => tokio::select! {
                    () = tokio::time::sleep(INTERVAL) => {}
                    () = is_over(&mut self.stopped) => self.is_over = true,
                },
                Err(_) => self.is_over = true,
            }
        }
        None
    }

    fn say(&mut self, text: String) -> String {
        self.spoke = Instant::now();
        text
    }
}

fn event(line: &Line) -> String {
    format!("id: {}\nevent: {}\ndata: {}\n\n", line.seq, line.kind, line.text)
}
