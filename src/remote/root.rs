//! Which folder here is the working directory over there, and what files are called below it. Pure.

use crate::text::{is_plain, without_dots};
use std::path::{Path, PathBuf};

/// The folder that all files to be sent lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root(PathBuf);

impl Root {
    /// The current folder, where all names are relative and lead down; else the deepest folder that has all files.
    /// `named` are paths as they were written, `files` those and all others, absolute.
    pub(super) fn of(here: &Path, named: &[PathBuf], files: &[PathBuf]) -> Self {
        let is_below = files.iter().all(|file| file.starts_with(here));
        if is_below && named.iter().all(|path| is_plain(path)) {
            return Self(here.to_owned());
        }
        let folders = files.iter().map(|file| file.parent().unwrap_or(file).to_owned());
        Self(folders.reduce(|one, other| common(&one, &other)).unwrap_or_else(|| here.to_owned()))
    }

    /// What an absolute path is called over there; none where it lies elsewhere, or its name is no text.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.0).ok()?;
        let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
        parts.map(|parts| parts.join("/")).filter(|name| !name.is_empty())
    }
}

/// The same path from the root of all, without `.` and `..`.
pub(super) fn absolute(here: &Path, path: &Path) -> PathBuf {
    without_dots(&here.join(path))
}

fn common(one: &Path, other: &Path) -> PathBuf {
    let parts = one.components().zip(other.components()).take_while(|(one, other)| one == other);
    parts.map(|(part, _)| part).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn root(named: &[&str], others: &[&str]) -> Root {
        let here = Path::new("/home/me/desk");
        let named: Vec<PathBuf> = named.iter().map(PathBuf::from).collect();
        let files: Vec<PathBuf> = named.iter().cloned().chain(others.iter().map(PathBuf::from)).collect();
        let files: Vec<PathBuf> = files.iter().map(|path| absolute(here, path)).collect();
        Root::of(here, &named, &files)
    }

    #[test]
    fn names_that_lead_down_stay_as_they_are() {
        let here = root(&["scripts/x.rhai", "./c.yaml"], &["blockade.yaml"]);
        assert_eq!(here, Root("/home/me/desk".into()));
        assert_eq!(here.name(Path::new("/home/me/desk/scripts/x.rhai")).as_deref(), Some("scripts/x.rhai"));
        assert_eq!(here.name(Path::new("/home/me/x.rhai")), None);
        assert_eq!(root(&[], &[]), here);
    }

    #[test]
    fn others_are_called_from_the_deepest_folder_that_has_all() {
        assert_eq!(root(&["/etc/a/x.rhai"], &["/etc/a/x.yaml"]), Root("/etc/a".into()));
        assert_eq!(root(&["../x.rhai"], &["blockade.yaml"]), Root("/home/me".into()));
        assert_eq!(root(&["s/x.rhai"], &["../lib/y.rhai"]), Root("/home/me".into()));
        assert_eq!(root(&["/etc/x", "x"], &[]), Root("/".into()));
        assert_eq!(root(&["/home/me/desk/x"], &[]).name(Path::new("/home/me/desk/x")).as_deref(), Some("x"));
    }

    #[test]
    fn a_path_is_what_it_leads_to() {
        let of = |path: &str| absolute(Path::new("/a/b"), Path::new(path));
        assert_eq!(
            [of("c"), of("./c/../d"), of("../c"), of("/x/./y"), of("../../../z")],
            ["/a/b/c", "/a/b/d", "/a/c", "/x/y", "/z"].map(PathBuf::from)
        );
    }
}
