//! Pulling an image, with its progress on stderr: a bar on a terminal, a line at the beginning and one at the end
//! elsewhere.

use super::error;
use crate::{Error, Result};
use bollard::Docker;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use futures_util::TryStreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

/// Pulls the image that a node needs.
pub(super) async fn pull(docker: &Docker, image: &str, node: &str) -> Result<()> {
    let (name, tag) = name_and_tag(image);
    let options = CreateImageOptions {
        from_image: Some(name.to_owned()),
        tag: tag.map(ToOwned::to_owned),
        ..CreateImageOptions::default()
    };
    let mut steps = std::pin::pin!(docker.create_image(Some(options), None, None));
    let shown = Shown::start(image);
    let mut layers = Layers::default();
    while let Some(step) = steps.try_next().await.map_err(|refusal| unavailable(image, node, &refusal))? {
        layers.take(&step);
        shown.show(&layers);
    }
    shown.done(image);
    Ok(())
}

/// An image's name and its tag or digest. Without either, Docker would pull every tag there is.
fn name_and_tag(image: &str) -> (&str, Option<&str>) {
    if image.contains('@') {
        return (image, None);
    }
    // A colon before a slash belongs to a registry's port.
    match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, tag)) => (name, Some(tag)),
        None => (image, Some("latest")),
    }
}

/// Docker's own words say whether it is the name, the registry or the network.
fn unavailable(image: &str, node: &str, refusal: &bollard::errors::Error) -> Error {
    let error = error::explain(format!("pull the image {image} of node {node}"), refusal);
    match error.help {
        Some(_) => error,
        None => error.help(format!("`docker pull {image}` may know a login that blockade does not; or build it here")),
    }
}

/// How far each layer is.
#[derive(Debug, Default)]
struct Layers(BTreeMap<String, (u64, u64)>);

impl Layers {
    /// Notes what Docker says. Only downloads count: unpacking goes over the same bytes again.
    fn take(&mut self, step: &CreateImageInfo) {
        let Some(layer) = &step.id else { return };
        let bytes = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok());
        let detail = step.progress_detail.as_ref();
        let (current, total) = (bytes(detail.and_then(|d| d.current)), bytes(detail.and_then(|d| d.total)));
        match (step.status.as_deref(), current, total) {
            (Some("Downloading"), Some(current), Some(total)) => {
                self.0.insert(layer.clone(), (current, total));
            }
            (Some("Download complete" | "Pull complete"), ..) => {
                if let Some((current, total)) = self.0.get_mut(layer) {
                    *current = *total;
                }
            }
            _ => {}
        }
    }

    /// Bytes that are here, and all of those known of so far.
    fn sum(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |(here, all), (current, total)| (here + current, all + total))
    }
}

/// What the user sees of it.
struct Shown(Option<ProgressBar>);

impl Shown {
    fn start(image: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            say(&format!("pulling {image}"));
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("pulling {msg} {bar:30} {bytes}/{total_bytes}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(image.to_owned());
        Self(Some(bar))
    }

    fn show(&self, layers: &Layers) {
        if let Some(bar) = &self.0 {
            let (here, all) = layers.sum();
            bar.set_length(all);
            bar.set_position(here);
        }
    }

    fn done(self, image: &str) {
        match self.0 {
            Some(bar) => bar.finish(),
            None => say(&format!("pulled {image}")),
        }
    }
}

fn say(line: &str) {
    let _unread = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_without_a_tag_is_the_latest_and_a_registrys_port_is_no_tag() {
        assert_eq!(name_and_tag("redis"), ("redis", Some("latest")));
        assert_eq!(name_and_tag("redis:7"), ("redis", Some("7")));
        assert_eq!(name_and_tag("localhost:5000/a/redis"), ("localhost:5000/a/redis", Some("latest")));
        assert_eq!(name_and_tag("localhost:5000/redis:7"), ("localhost:5000/redis", Some("7")));
        assert_eq!(name_and_tag("redis@sha256:ab"), ("redis@sha256:ab", None));
    }

    #[test]
    fn progress_is_the_sum_of_all_downloads() {
        let mut layers = Layers::default();
        let steps = json!([
            { "status": "Pulling from library/redis", "id": "7" },
            { "status": "Downloading", "id": "a", "progressDetail": { "current": 10, "total": 100 } },
            { "status": "Downloading", "id": "b", "progressDetail": { "current": 5, "total": 50 } },
            { "status": "Download complete", "id": "b" },
            { "status": "Extracting", "id": "b", "progressDetail": { "current": 1, "total": 50 } },
        ]);
        let steps: Vec<CreateImageInfo> = serde_json::from_value(steps).unwrap();
        for step in &steps {
            layers.take(step);
        }
        assert_eq!(layers.sum(), (60, 150));
    }

    #[test]
    fn an_image_that_cannot_be_had_names_its_node() {
        let says = "Get \"https://registry.example.org/v2/\": dial tcp: lookup registry.example.org: no such host";
        let refusal = |message: &str| bollard::errors::Error::DockerResponseServerError {
            status_code: 500,
            message: message.to_owned(),
        };
        insta::assert_snapshot!(unavailable("shop/server:9", "n1", &refusal(says)), @r#"cannot pull the image shop/server:9 of node n1: Docker says: Get "https://registry.example.org/v2/": dial tcp: lookup registry.example.org: no such host (`docker pull shop/server:9` may know a login that blockade does not; or build it here)"#);
        let denied = "pull access denied for shop/server, repository does not exist or may require 'docker login'";
        insta::assert_snapshot!(unavailable("shop/server:9", "n1", &refusal(denied)), @"cannot pull the image shop/server:9 of node n1: Docker says: pull access denied for shop/server, repository does not exist or may require 'docker login' (`docker pull shop/server:9` may know a login that blockade does not; or build it here)");
    }
}
