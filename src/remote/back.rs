//! What was written over there and belongs here: which files, and where to. Nothing else is taken, whatever is offered.
//! Pure.

use super::draft::Place;
use crate::text::is_plain;
use std::path::{Path, PathBuf};

/// Where a command's files belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Back {
    /// The folder of the run that it is, where one was named.
    pub(super) out: Option<PathBuf>,
    /// The files that it was told to write.
    pub(super) targets: Vec<Target>,
    /// A past run over there to whose folder something is added, and where that belongs here.
    pub(super) renewed: Option<(String, Place)>,
}

/// A file that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name over there.
    pub(super) there: String,
    /// Its path here.
    pub(super) here: PathBuf,
    /// Whether somebody has named it.
    pub(super) is_named: bool,
}

impl Back {
    /// Where a file belongs that has this name over there; none where nobody has asked for it.
    pub(super) fn place(&self, there: &str) -> Option<PathBuf> {
        self.targets.iter().find(|target| target.there == there).map(|target| target.here.clone())
    }

    /// The files here that were named to be written.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.targets.iter().filter(|target| target.is_named).map(|target| target.here.as_path())
    }
}

/// A file of this name in a folder; none where it would lie elsewhere.
pub(super) fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_odd = name.is_empty() || name.contains(['\\', '\0', ':']);
    (is_plain(Path::new(name)) && !is_odd).then(|| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_folder() {
        let folder = Path::new("runs/1");
        assert_eq!(below(folder, "logs/n1.log"), Some("runs/1/logs/n1.log".into()));
        for odd in ["", "/etc/passwd", "../x", "logs/../../x", "..", "a\\..\\b", "C:x", "a\0b"] {
            assert_eq!(below(folder, odd), None, "{odd:?}");
        }
    }

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let target = |there: &str, here: &str| Target { there: there.into(), here: here.into(), is_named: false };
        let targets = vec![target("f.json", "/tmp/f.json"), target("1/minimal.rhai", "../runs/1/minimal.rhai")];
        let back = Back { targets, ..Back::default() };
        assert_eq!(back.place("f.json"), Some("/tmp/f.json".into()));
        assert_eq!(back.place("1/minimal.rhai"), Some("../runs/1/minimal.rhai".into()));
        for other in [".bashrc", "f.json2", "1/minimal.rhai.new", "1/journal.jsonl", "1/../f.json", "1", ""] {
            assert_eq!(back.place(other), None, "{other}");
        }
    }
}
