//! The images that a cluster's nodes need: there, or pulled before anything is created.

use super::error::{self, Explained};
use super::spec::Image;
use crate::cluster::{Cluster, Port, Transport};
use crate::{Error, Result};
use bollard::Docker;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Sees that every image is there, with progress on stderr, and that each node has a program.
pub async fn prepare(docker: &Docker, cluster: &Cluster) -> Result<()> {
    for (image, node) in missing(docker, cluster).await? {
        super::pull::pull(docker, &image, &node).await?;
    }
    check_programs(cluster, &describe(docker, cluster).await?)
}

/// Docker refuses a container without a program when it is created, and by then others are there.
fn check_programs(cluster: &Cluster, images: &BTreeMap<String, Image>) -> Result<()> {
    let nodes = cluster.nodes.iter().filter(|node| node.command.is_none());
    let without = nodes.filter_map(|node| {
        let image = node.docker.image.as_ref()?;
        let has_none = images.get(image).is_some_and(|image| !image.has_program);
        has_none.then(|| format!("node {} (image {image})", node.name))
    });
    let without: Vec<_> = without.collect();
    if without.is_empty() {
        return Ok(());
    }
    Err(Error::usage(format!("{}: there is no program to run: {}", cluster.file.display(), without.join(", ")))
        .help("such an image has neither ENTRYPOINT nor CMD: say with `command` what its nodes run"))
}

/// The images that are not there, each with the first node that needs it.
pub async fn missing(docker: &Docker, cluster: &Cluster) -> Result<Vec<(String, String)>> {
    let mut missing: Vec<(String, String)> = Vec::new();
    for (image, node) in needed(cluster) {
        match docker.inspect_image(image).await {
            Err(refusal) if error::is_missing(&refusal) => missing.push((image.to_owned(), node.to_owned())),
            result => drop(result.or_cannot(|| format!("look for the image {image} of node {node}"))?),
        }
    }
    Ok(missing)
}

/// What the nodes' images say of themselves, by name.
pub async fn describe(docker: &Docker, cluster: &Cluster) -> Result<BTreeMap<String, Image>> {
    let mut images = BTreeMap::new();
    for (image, node) in needed(cluster) {
        let inspected = docker.inspect_image(image).await;
        let config =
            inspected.or_cannot(|| format!("use the image {image} of node {node}"))?.config.unwrap_or_default();
        let workdir = config.working_dir.filter(|path| !path.is_empty()).map_or_else(|| "/".into(), PathBuf::from);
        let expose = config.exposed_ports.unwrap_or_default().iter().filter_map(|port| parse_port(port)).collect();
        let has_words =
            |words: Option<Vec<String>>| words.is_some_and(|words| words.iter().any(|word| !word.is_empty()));
        let has_program = has_words(config.entrypoint) || has_words(config.cmd);
        images.insert(image.to_owned(), Image { workdir, expose, has_program });
    }
    Ok(images)
}

/// Each image once, with the first node that needs it.
fn needed(cluster: &Cluster) -> BTreeMap<&str, &str> {
    let mut needed = BTreeMap::new();
    for node in &cluster.nodes {
        if let Some(image) = &node.docker.image {
            needed.entry(image.as_str()).or_insert(node.name.as_str());
        }
    }
    needed
}

/// `53/udp`.
fn parse_port(text: &str) -> Option<Port> {
    let (number, transport) = text.split_once('/').unwrap_or((text, "tcp"));
    let transport = match transport {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => return None,
    };
    Some(Port { number: number.parse().ok()?, transport })
}
