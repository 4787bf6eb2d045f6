//! Files from over there: the folder of a run or a soak, and what a command has written. Writes them where they belong.

use super::back::{Back, below};
use super::failure::Failure;
use super::http::{Client, encoded};
use super::wire::{Files, command_path};
use crate::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Comes last: a folder that has it is a run's, and so has all the rest.
const JOURNAL: &str = "journal.jsonl";
/// A file in a run's folder that is still on its way.
const DRAFT: &str = ".fetched";

/// All files of a run or a soak, into a folder that is made where there is none; false where it has none. `kind` is
/// `runs` or `soaks`.
pub(super) async fn folder(client: &Client, kind: &str, id: &str, folder: &Path) -> Result<bool, Failure> {
    let path = format!("/v1/{kind}/{}/files", encoded(id));
    let Files { mut files } = client.get(&path).await?;
    files.sort_by_key(|file| file.path == JOURNAL);
    let draft = folder.join(DRAFT);
    for file in &files {
        let here = below(folder, &file.path).ok_or_else(|| astray(client, &file.path))?;
        save(client, &format!("{path}/{}", encoded(&file.path)), &draft).await?;
        here.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| cannot(&here, &error))?;
        std::fs::rename(&draft, &here).map_err(|error| cannot(&here, &error))?;
    }
    Ok(!files.is_empty())
}

/// What a command has written and was told to write: the paths here.
pub(super) async fn written(client: &Client, id: &str, back: &Back) -> Result<Vec<PathBuf>, Failure> {
    if back.targets.is_empty() {
        return Ok(Vec::new());
    }
    let Files { files } = client.get(&command_path(id, "/files")).await?;
    let mut saved = Vec::new();
    for file in files {
        if let Some(here) = back.place(&file.path) {
            save(client, &command_path(id, &format!("/files/{}", encoded(&file.path))), &here).await?;
            saved.push(here);
        }
    }
    Ok(saved)
}

/// A file that a command has written; false where there is none.
pub(super) async fn one(client: &Client, id: &str, name: &str, here: &Path) -> Result<bool, Failure> {
    match save(client, &command_path(id, &format!("/files/{}", encoded(name))), here).await {
        Err(failure) if failure.is_unknown() => Ok(false),
        saved => saved.map(|()| true),
    }
}

fn astray(client: &Client, path: &str) -> Failure {
    client.foreign(&format!("it offers a file that would lie outside of its folder: {path:?}")).into()
}

fn cannot(here: &Path, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot write {}: {error}", here.display())).help("what is over there stays there")
}

async fn save(client: &Client, path: &str, here: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| cannot(here, &error);
    if let Some(folder) = here.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut coming = client.open_stream(path, None).await?;
    let mut file = std::fs::File::create(here).map_err(cannot)?;
    while let Some(bytes) = coming.next().await? {
        file.write_all(&bytes).map_err(cannot)?;
    }
    Ok(())
}
