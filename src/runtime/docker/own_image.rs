//! The image of holders, the helper and nodes without an image: made from the running binary and the libraries it has
//! loaded, so that no registry is needed.

use super::error::{self, Explained};
use crate::{Error, Result};
use bollard::Docker;
use bollard::query_parameters::CreateImageOptions;
use futures_util::TryStreamExt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of our own image; imported where it is missing. Two processes may do so at once.
pub async fn own_image(docker: &Docker) -> Result<String> {
    let cannot = |error: io::Error| Error::machine(format!("cannot read the running binary: {error}"));
    let tag = tag().map_err(cannot)?;
    let name = format!("{REPOSITORY}:{tag}");
    match docker.inspect_image(&name).await {
        Ok(_) => return Ok(name),
        Err(refusal) if error::is_missing(&refusal) => {}
        Err(refusal) => return Err(error::explain(format!("look for the image {name}"), &refusal)),
    }
    let content = pack().map_err(cannot)?;
    let options = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: Some(REPOSITORY.to_owned()),
        tag: Some(tag),
        changes: vec![format!("LABEL {LABEL}=true"), "WORKDIR /work".to_owned()],
        ..CreateImageOptions::default()
    };
    let steps = docker.create_image(Some(options), Some(bollard::body_full(content.into())), None);
    steps.try_collect::<Vec<_>>().await.or_cannot(|| format!("import the image {name}"))?;
    Ok(name)
}

const REPOSITORY: &str = "blockade";
const LABEL: &str = "blockade.image";

fn tag() -> io::Result<String> {
    let binary = std::fs::metadata("/proc/self/exe")?;
    let print = format!("{} {} {}", binary.size(), binary.mtime(), binary.mtime_nsec());
    let digest = <sha2::Sha256 as sha2::Digest>::digest(print.as_bytes());
    let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{hash}", env!("CARGO_PKG_VERSION")))
}

fn pack() -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_path_with_name("/proc/self/exe", "blockade")?;
    for library in libraries()? {
        tar.append_path_with_name(&library, library.strip_prefix("/").unwrap_or(&library))?;
    }
    tar.into_inner()
}

fn libraries() -> io::Result<Vec<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let own = std::fs::read_link("/proc/self/exe")?;
    let mut paths: Vec<PathBuf> = maps
        .lines()
        .filter(|line| line.contains(" r-xp "))
        .filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])))
        .filter(|path| *path != own && Path::new(path).is_file())
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}
