//! The audit trail as an answer: read and sent piece by piece, however long it has become. Only reads its file.

use super::tail::Tail;
use crate::supervisor::{Audit, Entry};
use crate::{Error, Result};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

/// A trail with an entry at least.
pub(super) struct Trail {
    tail: Tail,
    /// Entries in JSON with commas between, read and not sent yet.
    ready: String,
}

/// Opens a trail; none where there are no entries.
pub(super) fn open(audit: &Audit) -> Result<Option<Trail>> {
    let cannot = |error| Error::machine(format!("cannot read the audit trail {}: {error}", audit.path().display()));
    let Some(tail) = Tail::open(audit.path()).map_err(cannot)? else { return Ok(None) };
    let mut trail = Trail { tail, ready: String::new() };
    let has_some = trail.fill().map_err(cannot)?;
    Ok(has_some.then_some(trail))
}

impl Trail {
    /// `{"key":[…]}`, the oldest entry first. Where the file cannot be read any more, the answer breaks off.
    pub(super) fn answer(mut self, key: &str) -> Response {
        self.ready.insert_str(0, &format!("{{\"{key}\":["));
        let pieces = stream::try_unfold(Some(self), |trail| async {
            let Some(mut trail) = trail else { return Ok(None) };
            let piece = std::mem::take(&mut trail.ready);
            if !trail.fill()? {
                return Ok::<_, std::io::Error>(Some((piece + "]}", None)));
            }
            trail.ready.insert(0, ',');
            Ok(Some((piece, Some(trail))))
        });
        ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
    }

    /// Reads on to the next entries; `false` where there are none. Reads are of the page cache, and short.
    fn fill(&mut self) -> std::io::Result<bool> {
        while self.ready.is_empty() {
            let Some(lines) = self.tail.next_piece()? else { return Ok(false) };
            let entries: Vec<&str> = lines.split(|byte| *byte == b'\n').filter_map(entry).collect();
            self.ready = entries.join(",");
        }
        Ok(true)
    }
}

/// A line, if it is an entry: one that a crash has torn is none.
fn entry(line: &[u8]) -> Option<&str> {
    serde_json::from_slice::<Entry>(line).ok()?;
    std::str::from_utf8(line).ok()
}
