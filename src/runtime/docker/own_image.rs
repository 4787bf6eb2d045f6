//! The image of holders, the helper and nodes without an image: made from the running binary, so that no registry is
//! needed.

use super::bundle;
use super::error::{self, Explained};
use crate::{Error, Result};
use bollard::Docker;
use bollard::models::ImageSummary;
use bollard::query_parameters::{CreateImageOptions, ListImagesOptions, RemoveImageOptions};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const REPOSITORY: &str = "blockade";
/// By this label our images are known as ours.
const LABEL: &str = "blockade.image";
/// An image of another version that is younger may be about to be used by a process of that version.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// One that has lost its name to a later import of the same build is used by nobody, once it could have had its name.
const NAMELESS: Duration = Duration::from_secs(60);

/// The name of the running binary's own image, which is imported where it is missing. Two processes may do so at once:
/// both make the same image, and the name is the later one's.
pub async fn own_image(docker: &Docker) -> Result<String> {
    image_of(docker, Path::new("/proc/self/exe")).await
}

/// The name of the image of a binary that needs the libraries that this process has loaded.
pub async fn image_of(docker: &Docker, binary: &Path) -> Result<String> {
    let cannot = |error: io::Error| Error::machine(format!("cannot make an image of the running binary: {error}"));
    let tag = tag(binary).map_err(cannot)?;
    let name = format!("{REPOSITORY}:{tag}");
    match docker.inspect_image(&name).await {
        Ok(_) => return Ok(name),
        Err(refusal) if error::is_missing(&refusal) => {}
        Err(refusal) => return Err(error::explain(format!("look for the image {name}"), &refusal)),
    }
    let binary = binary.to_owned();
    let packed = tokio::task::spawn_blocking(move || bundle::pack(&binary)).await;
    let packed = packed.unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(cannot)?;
    import(docker, &tag, packed).await.or_cannot(|| format!("import the image {name}"))?;
    remove_old(docker, &name).await;
    Ok(name)
}

/// Another build, another tag. The size and the time of the last change tell builds apart without reading them.
fn tag(binary: &Path) -> io::Result<String> {
    let binary = std::fs::metadata(binary)?;
    let print = format!("{} {} {}", binary.size(), binary.mtime(), binary.mtime_nsec());
    let digest = Sha256::digest(print.as_bytes());
    let hash = digest.iter().take(6).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
    Ok(format!("{}-{hash:012x}", env!("CARGO_PKG_VERSION")))
}

async fn import(docker: &Docker, tag: &str, packed: Vec<u8>) -> Result<(), bollard::errors::Error> {
    let options = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: Some(REPOSITORY.to_owned()),
        tag: Some(tag.to_owned()),
        changes: vec![format!("LABEL {LABEL}=true")],
        ..CreateImageOptions::default()
    };
    docker
        .create_image(Some(options), Some(bollard::body_full(packed.into())), None)
        .try_for_each(async |_| Ok(()))
        .await
}

/// Removes images of other builds that nothing uses. In passing: one that stays is no reason to fail.
async fn remove_old(docker: &Docker, current: &str) {
    let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
    let options = ListImagesOptions { filters: Some(filters), ..ListImagesOptions::default() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let images = docker.list_images(Some(options)).await.unwrap_or_default();
    for image in images.iter().filter(|image| is_old(image, current, now)) {
        // Docker itself refuses what a container is made from, running or not.
        let _may_stay = docker.remove_image(&image.id, None::<RemoveImageOptions>, None).await;
    }
}

fn is_old(image: &ImageSummary, current: &str, now: Duration) -> bool {
    let tags: Vec<_> = image.repo_tags.iter().filter(|tag| *tag != "<none>:<none>").collect();
    let limit = if tags.is_empty() { NAMELESS } else { OLD };
    let age = now.saturating_sub(Duration::from_secs(u64::try_from(image.created).unwrap_or_default()));
    // One that somebody has made from ours has its label, too.
    let is_ours = image.parent_id.is_empty() && tags.iter().all(|tag| tag.starts_with(&format!("{REPOSITORY}:")));
    age > limit && is_ours && !tags.iter().any(|tag| *tag == current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_has_another_tag() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let empty = tag(file.path()).unwrap();
        assert_eq!(tag(file.path()).unwrap(), empty);
        std::fs::write(file.path(), "x").unwrap();
        assert_ne!(tag(file.path()).unwrap(), empty);
        assert!(empty.starts_with(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn an_image_is_removed_once_it_is_a_day_old_and_not_the_current_one() {
        let image = |created: i64, tag: &str| ImageSummary {
            created,
            repo_tags: vec![tag.to_owned()],
            ..ImageSummary::default()
        };
        let now = Duration::from_secs(1_000_000);
        assert!(is_old(&image(900_000, "blockade:a"), "blockade:b", now));
        assert!(!is_old(&image(900_000, "blockade:b"), "blockade:b", now));
        assert!(!is_old(&image(999_000, "blockade:a"), "blockade:b", now));
        assert!(is_old(&image(999_000, "<none>:<none>"), "blockade:b", now));
        assert!(!is_old(&image(999_990, "<none>:<none>"), "blockade:b", now));
        assert!(!is_old(&image(900_000, "shop:1"), "blockade:b", now));
        let made_from_ours = ImageSummary { parent_id: "sha256:ab".to_owned(), ..image(900_000, "<none>:<none>") };
        assert!(!is_old(&made_from_ours, "blockade:b", now));
    }
}
