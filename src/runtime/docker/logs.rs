//! What nodes write: read back from Docker, and kept in the run's folder before their containers go.

use super::error::{self, Explained};
use super::member::Member;
use super::runtime::Inner;
use crate::runtime::LogPieces;
use crate::{Error, Result};
use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use futures_util::{StreamExt, TryStreamExt};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use tokio::sync::mpsc;

/// So many pieces wait for a reader that is slow.
const PIECES: usize = 64;

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

    /// Writes a node's log into the run's folder.
    pub(super) async fn keep_log(&self, member: &Member) -> Result<()> {
        let Some(id) = member.ids().container else { return Ok(()) };
        let path = self.folder.join("logs").join(format!("{}.log", member.name()));
        let cannot = |error: std::io::Error| Error::machine(format!("cannot write {}: {error}", path.display()));
        std::fs::create_dir_all(self.folder.join("logs")).map_err(cannot)?;
        let mut file = File::create(&path).map_err(cannot)?;
        let mut pieces = Box::pin(self.docker.logs(&id, Some(options(None, false))));
        loop {
            match pieces.try_next().await {
                Ok(Some(piece)) => file.write_all(&piece.into_bytes()).map_err(cannot)?,
                Ok(None) => return Ok(()),
                Err(refusal) if error::is_missing(&refusal) => return Ok(()),
                Err(refusal) => return Err(refusal).or_cannot(|| format!("read the log of node {}", member.name())),
            }
        }
    }
}

fn options(last: Option<usize>, follow: bool) -> LogsOptions {
    let tail = last.map_or_else(|| "all".to_owned(), |last| last.to_string());
    LogsOptionsBuilder::default().stdout(true).stderr(true).follow(follow).tail(&tail).build()
}

/// Broken bytes are replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
