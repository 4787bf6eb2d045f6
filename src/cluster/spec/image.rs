//! The name of an image, checked as far as that can be done without asking anybody.
//!
//! Pure.

use crate::script::quantity::Problem;

/// The longest name, without tag and digest, that Docker takes.
const LONGEST: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// `[registry/]path[:tag][@digest]`, or an image's id.
pub(super) fn check(image: &str) -> Result<(), Problem> {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    // The last `:` begins a tag, unless it belongs to a registry's port.
    let tagged = rest.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
    let (name, tag) = tagged.map_or((rest, None), |(name, tag)| (name, Some(tag)));
    if is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest) {
        return Ok(());
    }
    let help = if !is_name(name) && is_name(&name.to_ascii_lowercase()) {
        "write it in lower case; only a tag may hold capitals"
    } else {
        "write it like `redis`, `redis:7` or `registry.example.org/team/redis:7`"
    };
    Err(Problem::new(format!("no image can be called `{}`", image.escape_debug()), help))
}

fn is_name(name: &str) -> bool {
    let path = match name.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) || registry == "localhost" => {
            let fine = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
            if registry.starts_with(['.', '-', ':']) || !registry.chars().all(fine) {
                return false;
            }
            path
        }
        _ => name,
    };
    name.len() <= LONGEST && path.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|c| plain(c) || "._-".contains(c))
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(word) && text.chars().all(|c| word(c) || ".-".contains(c)) && text.len() <= LONGEST_TAG
}

fn is_digest(text: &str) -> bool {
    let hex = |hash: &str| hash.len() >= 32 && hash.chars().all(|c| c.is_ascii_hexdigit());
    text.split_once(':').is_some_and(|(kind, hash)| !kind.is_empty() && hex(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_docker_takes_are_taken() {
        let hash = "0123456789abcdef".repeat(4);
        let pinned = format!("redis:7@sha256:{hash}");
        let id = format!("sha256:{hash}");
        let fine = [
            "redis",
            "redis:7",
            "a/b__c/d-e.f:V1_x",
            "localhost/x",
            "HOST:5000/a/b:c",
            "reg.io/x",
            &pinned,
            &id,
            &hash,
        ];
        for image in fine {
            assert!(check(image).is_ok(), "{image}");
        }
    }

    #[test]
    fn names_that_docker_refuses_are_refused_without_asking_it() {
        let long = "a".repeat(256);
        let wrong =
            ["Redis", "a b", " a", "a\n", "a:", "a:b:c", "a@sha256:12", "/a", "a//b", "../a", "--help", "é", &long];
        for image in wrong {
            assert!(check(image).is_err(), "{image}");
        }
    }
}
