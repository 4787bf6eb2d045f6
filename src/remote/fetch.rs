//! Files from over there: the folder of a run or a soak, and what a command has written. Writes them where they belong.

use super::back::Back;
use super::draft::{Draft, Place, cannot};
use super::failure::Failure;
use super::http::{Client, encoded};
use super::wire::{Files, command_path};
use crate::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// All files of a run or a soak, into a folder that is made where there is none: the folder; none where it has no files.
/// `kind` is `runs` or `soaks`.
pub(super) async fn folder(client: &Client, kind: &str, id: &str, place: &Place) -> Result<Option<PathBuf>, Failure> {
    let path = files_of(kind, id);
    let Files { files, is_cut } = client.get(&path).await?;
    if files.is_empty() {
        return Ok(None);
    }
    let mut draft = Draft::begin(place)?;
    for file in &files {
        let here = draft.file(&file.path)?.ok_or_else(|| astray(client, &file.path))?;
        save(client, &format!("{path}/{}", encoded(&file.path)), &here).await?;
    }
    let folder = draft.settle(place)?;
    if is_cut {
        let left = format!("{} has the first {} files of {id}, which has more", folder.display(), files.len());
        return Err(Error::machine(left).help("copy the rest from the daemon's data folder").into());
    }
    Ok(Some(folder))
}

fn files_of(kind: &str, id: &str) -> String {
    format!("/v1/{kind}/{}/files", encoded(id))
}

/// Whether a file of a run over there is byte for byte the one that lies here.
pub(super) async fn is_same(client: &Client, run: &str, name: &str, here: &Path) -> Result<bool, Failure> {
    let path = format!("{}/{}", files_of("runs", run), encoded(name));
    let mut coming = match client.open_stream(&path, None).await {
        Err(failure) if failure.is_unknown() => return Ok(false),
        coming => coming?,
    };
    let Ok(mut file) = File::open(here) else { return Ok(false) };
    while let Some(bytes) = coming.next().await? {
        let mut ours = vec![0; bytes.len()];
        if file.read_exact(&mut ours).is_err() || ours != bytes {
            return Ok(false);
        }
    }
    Ok(matches!(file.read(&mut [0]), Ok(0)))
}

/// What a command has written and was told to write: the paths here.
pub(super) async fn written(client: &Client, id: &str, back: &Back) -> Result<Vec<PathBuf>, Failure> {
    if back.targets.is_empty() {
        return Ok(Vec::new());
    }
    let Files { files, .. } = client.get(&command_path(id, "/files")).await?;
    let mut saved = Vec::new();
    for file in files {
        if let Some(here) = back.place(&file.path) {
            save(client, &command_path(id, &format!("/files/{}", encoded(&file.path))), &here).await?;
            saved.push(here);
        }
    }
    Ok(saved)
}

/// A file that a command has written, in a folder that is made for it; false where there is none.
pub(super) async fn one(client: &Client, id: &str, name: &str, here: &Path) -> Result<bool, Failure> {
    here.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| cannot(here, &error))?;
    match save(client, &command_path(id, &format!("/files/{}", encoded(name))), here).await {
        Err(failure) if failure.is_unknown() => Ok(false),
        saved => saved.map(|()| true),
    }
}

fn astray(client: &Client, path: &str) -> Failure {
    client.foreign(&format!("it offers a file that would lie outside of its folder: {path:?}")).into()
}

async fn save(client: &Client, path: &str, here: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| cannot(here, &error);
    let mut coming = client.open_stream(path, None).await?;
    let mut file = File::create(here).map_err(cannot)?;
    while let Some(bytes) = coming.next().await? {
        file.write_all(&bytes).map_err(cannot)?;
    }
    Ok(())
}
