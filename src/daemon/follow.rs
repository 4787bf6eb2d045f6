//! A file of JSON lines as server-sent events, while it is written, from any sequence number.

use super::is_over;
use super::tail::{Line, Tail};
use crate::{Error, Result};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long until the file is looked at again, once all of it has been read.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long nothing may be said, so that both ends notice when the other one is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// When no more will come.
pub(super) enum Until {
    /// When the file is removed, or this says so, asked before the last look; then comes an event `end`.
    Removed(Box<dyn Fn() -> bool + Send + Sync>),
    /// When this line has come.
    Kind(&'static str),
    /// When this says so, asked likewise; then comes an event `end`.
    Over(Box<dyn Fn() -> bool + Send + Sync>),
}

/// The first sequence number that is wanted: the one after `Last-Event-ID`, else the one that was asked for.
pub(super) fn first(headers: &HeaderMap, from: Option<u64>) -> Result<u64> {
    match headers.get("last-event-id") {
        None => Ok(from.unwrap_or(1)),
        Some(seen) => {
            let seen = seen.to_str().ok().and_then(|seen| seen.trim().parse::<u64>().ok());
            let seen = seen.ok_or_else(|| Error::usage("`Last-Event-ID` is no sequence number"))?;
            Ok(seen.saturating_add(1))
        }
    }
}

/// One reader's place in a file.
pub(super) struct Follower {
    path: PathBuf,
    /// None while there is no file yet.
    tail: Option<Tail>,
    first: u64,
    until: Until,
    stopped: watch::Receiver<bool>,
    spoke: Instant,
    is_over: bool,
    /// Held as long as somebody reads.
    _listening: Box<dyn Send>,
}

impl Follower {
    /// Not long before the first line that is wanted, also of one that is still to come.
    pub(super) fn new(path: &Path, first: u64, until: Until, stopped: watch::Receiver<bool>) -> Result<Self> {
        let tail = Tail::open_before(path, first)
            .map_err(|error| Error::machine(format!("cannot read {}: {error}", path.display())))?;
        Ok(Self {
            path: path.to_path_buf(),
            tail,
            first,
            until,
            stopped,
            spoke: Instant::now(),
            is_over: false,
            _listening: Box::new(()),
        })
    }

    /// Whether there is a file.
    pub(super) fn is_there(&self) -> bool {
        self.tail.is_some()
    }

    /// Holds this as long as somebody reads.
    pub(super) fn holding(self, listening: impl Send + 'static) -> Self {
        Self { _listening: Box::new(listening), ..self }
    }

    /// The answer that goes on until the end.
    pub(super) fn response(self) -> Response {
        let pieces = stream::unfold(self, |mut follower| async {
            let piece = follower.next().await?;
            Some((Ok::<_, Infallible>(piece), follower))
        });
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
    }

    /// The next piece of the stream, as soon as there is one; none at its end. Reads are of the page cache, and short.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            // Asked before the read: what was written until then is read once more.
            let is_stopped = *self.stopped.borrow();
            let is_last_look = match &self.until {
                Until::Removed(says) => self.tail.as_ref().is_none_or(Tail::is_removed) || says(),
                Until::Kind(_) => false,
                Until::Over(says) => says(),
            };
            match self.look() {
                Ok(Some(lines)) => {
                    if let Until::Kind(last) = self.until {
                        self.is_over = lines.iter().any(|line| line.kind == last);
                    }
                    let text: String = lines.iter().filter(|line| line.seq >= self.first).map(event).collect();
                    if !text.is_empty() {
                        return Some(self.say(text));
                    }
                }
                Ok(None) if is_last_look => {
                    self.is_over = true;
                    return Some("event: end\ndata: {}\n\n".to_owned());
                }
                Ok(None) if is_stopped => self.is_over = true,
                Ok(None) if self.spoke.elapsed() > SILENCE_MAX => return Some(self.say(":\n\n".to_owned())),
                Ok(None) => tokio::select! {
                    () = tokio::time::sleep(INTERVAL) => {}
                    () = is_over(&mut self.stopped) => {}
                },
                Err(_) => self.is_over = true,
            }
        }
        None
    }

    fn look(&mut self) -> std::io::Result<Option<Vec<Line>>> {
        if self.tail.is_none() {
            self.tail = Tail::open(&self.path)?;
        }
        self.tail.as_mut().map_or(Ok(None), Tail::next)
    }

    fn say(&mut self, text: String) -> String {
        self.spoke = Instant::now();
        text
    }
}

fn event(line: &Line) -> String {
    format!("id: {}\nevent: {}\ndata: {}\n\n", line.seq, line.kind, line.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    #[test]
    fn what_is_written_just_before_the_daemon_ends_is_still_told() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut follower = Follower::new(place.path(), 1, Until::Kind("exit"), stopped).unwrap();
        let end = async {
            let line = b"{\"seq\":1,\"kind\":\"exit\",\"code\":130}\n";
            File::options().append(true).open(place.path()).unwrap().write_all(line).unwrap();
            stop.send_replace(true);
        };
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (told, after) = tokio.block_on(async {
            let (told, ()) = tokio::join!(follower.next(), end);
            (told, follower.next().await)
        });
        let told = told.unwrap_or_default();
        assert!(told.contains("event: exit\n") && told.contains("\"code\":130"), "{told}");
        assert_eq!(after, None);
    }
}
