//! Where the cluster's file is, and what a blockade is called.
//!
//! Looks whether files exist; reads none.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The cluster's file: the one given with `--config`; else the script with `.yaml` for its ending, `./blockade.yaml`
/// or `./blockade.yml`, whichever exists first. None of them is a usage error that names the places.
pub fn find(script: Option<&Path>, config: Option<&Path>) -> Result<PathBuf> {
    find_from(Path::new(""), script, config)
}

fn find_from(folder: &Path, script: Option<&Path>, config: Option<&Path>) -> Result<PathBuf> {
    if let Some(config) = config {
        if config.is_file() {
            return Ok(config.to_owned());
        }
        return Err(Error::usage(format!("there is no file {}, which --config names", config.display())));
    }
    let beside = script.map(|script| script.with_extension("yaml"));
    let places: Vec<_> =
        beside.into_iter().chain(["blockade.yaml", "blockade.yml"].map(|name| folder.join(name))).collect();
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
    if name.is_empty() { "default".to_owned() } else { name.chars().take(NAME_MAX).collect() }
}

/// Longer names become files' names that no file system takes, with what is appended to them; characters.
const NAME_MAX: usize = 100;

/// Whether a blockade may have this name: letters, digits, `-` and `.`. It becomes a folder's, which is removed with
/// all that is in it: `.` and `..` are the folders of others.
pub fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if name.len() > NAME_MAX {
        let message = format!("a blockade's name with {} characters is too long", name.len());
        return Err(Error::usage(message).help(format!("{NAME_MAX} are the most")));
    }
    if !["", ".", ".."].contains(&name) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::usage(format!("`{name}` cannot be the name of a blockade"))
        .help("a name has letters, digits, `-` and `.` only, and is not `.` or `..`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    #[test]
    fn the_file_given_wins_then_the_scripts_own_then_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let find = |script: &str, config: Option<&Path>| find_from(folder.path(), Some(&at(script)), config);
        write(at("blockade.yml"), "").unwrap();
        assert_eq!(find("a.rhai", None), Ok(at("blockade.yml")));
        write(at("blockade.yaml"), "").unwrap();
        assert_eq!(find("a.rhai", None), Ok(at("blockade.yaml")));
        write(at("a.yaml"), "").unwrap();
        assert_eq!(find("a.rhai", None), Ok(at("a.yaml")));
        assert_eq!(find_from(folder.path(), None, None), Ok(at("blockade.yaml")));
        assert_eq!(find("a.rhai", Some(&at("blockade.yml"))), Ok(at("blockade.yml")));
    }

    #[test]
    fn no_file_names_the_places_that_were_looked_at() {
        let here = Path::new("no/such/folder");
        let error = find_from(here, Some(Path::new("scripts/a.rhai")), None).unwrap_err();
        insta::assert_snapshot!(error, @"there is no cluster file: looked for scripts/a.yaml, no/such/folder/blockade.yaml, no/such/folder/blockade.yml (write one, or name it with --config)");
        assert_eq!(error.kind.exit_code(), 2);
        insta::assert_snapshot!(find_from(here, None, Some(Path::new("b.yaml"))).unwrap_err(), @"there is no file b.yaml, which --config names");
    }

    #[test]
    fn a_blockade_is_called_like_its_folder() {
        assert_eq!(default_name(Path::new("/home/x/My-Cluster_2")), "mycluster2");
        assert_eq!(default_name(Path::new("/")), "default");
        assert_eq!(default_name(Path::new("/home/Ünï")), "n");
    }

    #[test]
    fn a_blockade_is_called_with_letters_digits_dashes_and_dots() {
        assert!(check_name("a-1.B").is_ok());
        insta::assert_snapshot!(check_name("a/b").unwrap_err(), @"`a/b` cannot be the name of a blockade (a name has letters, digits, `-` and `.` only, and is not `.` or `..`)");
        insta::assert_snapshot!(check_name("").unwrap_err(), @"`` cannot be the name of a blockade (a name has letters, digits, `-` and `.` only, and is not `.` or `..`)");
        insta::assert_snapshot!(check_name(&"a".repeat(101)).unwrap_err(), @"a blockade's name with 101 characters is too long (100 are the most)");
        assert!(check_name(&"a".repeat(100)).is_ok() && default_name(Path::new(&"a".repeat(200))).len() == 100);
        assert!(check_name(".").is_err() && check_name("..").is_err() && check_name("...").is_ok());
    }
}
