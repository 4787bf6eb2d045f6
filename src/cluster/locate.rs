//! Where the cluster's file is, and what a blockade is called.
//!
//! Looks whether files exist; reads none.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The cluster's file: the one given with `--config`; else the script with `.yaml` for its ending, `./blockade.yaml`
/// or `./blockade.yml`, whichever exists first. None of them is a usage error that names the places.
pub fn find(script: Option<&Path>, config: Option<&Path>) -> Result<PathBuf> {
    if let Some(config) = config {
        return match config.is_file() {
            true => Ok(config.to_owned()),
            false => Err(Error::usage(format!("there is no file {}, given with --config", config.display()))),
        };
    }
    let beside = script.map(|script| script.with_extension("yaml"));
    let places: Vec<_> = beside.into_iter().chain(["blockade.yaml".into(), "blockade.yml".into()]).collect();
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let looked: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
    Err(Error::usage(format!("there is no cluster file: looked for {}", looked.join(", ")))
        .help("write one, or name it with --config"))
}

/// The name of a blockade that was given none: the folder's name in lower case, stripped to letters and digits of
/// ASCII, else `default`.
pub fn default_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if name.is_empty() { "default".to_owned() } else { name }
}

/// Whether a blockade may have this name: letters, digits, `-` and `.`.
pub fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if !name.is_empty() && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::usage(format!("`{name}` cannot be the name of a blockade"))
        .help("a name has letters, digits, `-` and `.` only"))
}
