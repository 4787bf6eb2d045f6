//! What nodes write: read back from Docker, and kept in the run's folder before their containers go.

use super::error::{self, Explained};
use super::inspect::now_ns;
use super::member::Member;
use super::runtime::Inner;
use crate::runtime::LogPieces;
use crate::{Error, Result};
use bollard::errors::Error as Refusal;
use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use futures_util::{StreamExt, TryStreamExt};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// So many pieces wait for a reader that is slow.
const PIECES: usize = 64;
/// How many lines of a node's log outlive it.
const KEPT: usize = 100_000;
/// How long it may take to read them.
const KEEPS_WITHIN: Duration = Duration::from_secs(10);

impl Inner {
    /// What the node wrote, or its last lines; nothing where there is no container.
    pub(super) async fn logs(&self, node: usize, last: Option<usize>) -> Result<String> {
        let member = self.member(node);
        let Some(id) = member.ids().container else { return Ok(String::new()) };
        let mut bytes = Vec::new();
        let mut pieces = Box::pin(self.docker.logs(&id, Some(options(last, false))));
        loop {
            match pieces.try_next().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece.into_bytes()),
                Ok(None) => return Ok(text(bytes)),
                Err(refusal) if error::is_missing(&refusal) => return Ok(String::new()),
                Err(refusal) => return Err(refusal).or_cannot(|| format!("read the log of node {}", member.name())),
            }
        }
    }

    /// The same, and from then on what it writes, to the end of its life.
    pub(super) fn follow(self: &Arc<Self>, node: usize, last: Option<usize>) -> Result<LogPieces> {
        let (give, pieces) = mpsc::channel(PIECES);
        let (docker, id, name) = (self.docker.clone(), self.container(node)?, self.member(node).name().to_owned());
        tokio::spawn(async move {
            let mut heard = Box::pin(docker.logs(&id, Some(options(last, true))));
            while let Some(piece) = heard.next().await {
                let piece = piece.or_cannot(|| format!("follow the log of node {name}"));
                if give.send(piece.map(|piece| text(piece.into_bytes().to_vec()))).await.is_err() {
                    return;
                }
            }
        });
        Ok(pieces)
    }

    /// Writes a node's log into the run's folder: its last [`KEPT`] lines, and not for longer than [`KEEPS_WITHIN`]. A
    /// program that talks without end must not keep its cluster from ending.
    pub(super) async fn keep_log(&self, member: &Member) -> Result<()> {
        let Some(id) = member.ids().container else { return Ok(()) };
        let folder = self.folder.join("logs");
        let path = folder.join(format!("{}.log", member.name()));
        let cannot = |error: std::io::Error| Error::machine(format!("cannot write {}: {error}", path.display()));
        let file = std::fs::create_dir_all(&folder).and_then(|()| File::create(&path)).map_err(cannot)?;
        let mut file = BufWriter::new(file);
        let copied = tokio::time::timeout(KEEPS_WITHIN, self.copy_log(&id, &mut file)).await;
        let copied = match copied {
            Ok(copied) => copied.or_cannot(|| format!("read the log of node {}", member.name()))?,
            Err(_) => writeln!(file, "\n[blockade: the rest was dropped: Docker took too long]"),
        };
        copied.and_then(|()| file.flush()).map_err(cannot)
    }

    async fn copy_log(&self, id: &str, file: &mut impl Write) -> Result<std::io::Result<()>, Refusal> {
        let mut pieces = Box::pin(self.docker.logs(id, Some(options(Some(KEPT), false))));
        let mut lines = 0;
        loop {
            match pieces.try_next().await {
                Ok(Some(piece)) => {
                    if let Err(error) = file.write_all(&piece.into_bytes()) {
                        return Ok(Err(error));
                    }
                    lines += 1;
                }
                Ok(None) if lines >= KEPT => {
                    return Ok(writeln!(file, "[blockade: only the last {KEPT} lines were kept]"));
                }
                Ok(None) => return Ok(Ok(())),
                Err(refusal) if error::is_missing(&refusal) => return Ok(Ok(())),
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

/// What was written so far, or with `follow` from now on too: a program may write as fast as Docker reads, and the end
/// of its log would never be reached.
fn options(last: Option<usize>, follow: bool) -> LogsOptions {
    let tail = last.map_or_else(|| "all".to_owned(), |last| last.to_string());
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).follow(follow).tail(&tail);
    match i32::try_from(now_ns() / 1_000_000_000 + 1) {
        Ok(next_second) if !follow => options.until(next_second).build(),
        _ => options.build(),
    }
}

/// Broken bytes are replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
