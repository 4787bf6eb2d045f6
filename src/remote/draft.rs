//! A folder on its way from over there: a draft of its own first, and then where it belongs. So nobody finds half of a
//! run, two that fetch the same one are not in each other's way, and another run that lies there already is left alone.
//!
//! Touches those folders.

use super::back::below;
use crate::journal::{is_locked, names_like, remove_folder};
use crate::{Error, Result, entropy};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Comes last: a folder that has it is a run's, and so has all the rest.
const JOURNAL: &str = "journal.jsonl";
/// What tells one run from another, and one soak.
const RECORDS: [&str; 3] = [JOURNAL, "result.json", "soak.json"];
/// So much is compared at once, bytes.
const PIECE: usize = 64 << 10;

/// Where a folder belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// This is the folder.
    Named(PathBuf),
    /// Below this one, by its name over there; where something else is called so, by that name and a number.
    Below(PathBuf, String),
}

impl Place {
    /// The usual one; none where that is no name.
    pub(super) fn below(room: &Path, id: &str) -> Option<Self> {
        let is_one = below(room, id)?.parent() == Some(room);
        is_one.then(|| Self::Below(room.to_owned(), id.to_owned()))
    }

    /// The folder that it should be.
    pub(super) fn usual(&self) -> PathBuf {
        match self {
            Self::Named(folder) => folder.clone(),
            Self::Below(room, id) => room.join(id),
        }
    }

    /// On the same file system.
    fn room(&self) -> &Path {
        match self {
            Self::Named(room) | Self::Below(room, _) => room,
        }
    }
}

/// What has come so far; gone with this.
pub(super) struct Draft {
    path: PathBuf,
    /// Relative.
    files: Vec<PathBuf>,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _in_nobodys_way = remove_folder(&self.path);
    }
}

impl Draft {
    /// Begins one for this place.
    pub(super) fn begin(place: &Place) -> Result<Self> {
        // No run is called so: whoever lists those passes it over.
        let path = place.room().join(format!(".fetched_{}", entropy::fresh_seed()?));
        let made = std::fs::create_dir_all(place.room()).and_then(|()| std::fs::create_dir(&path));
        made.map_err(|error| cannot(&path, &error))?;
        Ok(Self { path, files: Vec::new() })
    }

    /// Where its next file is to be written; none where that would lie elsewhere.
    pub(super) fn file(&mut self, name: &str) -> Result<Option<PathBuf>> {
        let Some(path) = below(&self.path, name) else { return Ok(None) };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| cannot(&path, &error))?;
        self.files.push(PathBuf::from(name));
        Ok(Some(path))
    }

    /// Puts all that came where it belongs: the folder.
    ///
    /// # Errors
    /// It cannot be written; the folder that was named holds another run.
    pub(super) fn settle(mut self, place: &Place) -> Result<PathBuf> {
        // Two that have fetched the same run at once come one after the other, where the system knows locks of folders.
        let _in_turn = File::open(place.room()).and_then(|room| room.lock().map(|()| room));
        let folder = self.claim(place)?;
        self.files.sort_by_key(|file| file == Path::new(JOURNAL));
        for file in &self.files {
            let here = folder.join(file);
            let moved = here.parent().map_or(Ok(()), std::fs::create_dir_all);
            let moved = moved.and_then(|()| std::fs::rename(self.path.join(file), &here));
            moved.map_err(|error| cannot(&here, &error))?;
        }
        Ok(folder)
    }

    /// The folder, which is new or has the same run.
    fn claim(&self, place: &Place) -> Result<PathBuf> {
        let (room, id) = match place {
            Place::Named(folder) if !has_record(folder) || self.is_in(folder) => return Ok(folder.clone()),
            Place::Named(folder) => {
                return Err(Error::usage(format!("{} holds another run", folder.display()))
                    .help("name another folder with --out"));
            }
            Place::Below(room, id) => (room, id),
        };
        for folder in names_like(id).map(|name| room.join(name)) {
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !self.is_in(&folder) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(folder),
                made => return made.map_err(|error| cannot(&folder, &error)).map(|()| folder),
            }
        }
        Err(Error::machine(format!("{} is full", room.display())))
    }

    /// Whether this folder has the same run, perhaps as it was before its end. Two runs of a seed may begin alike: one that
    /// goes on here is another one.
    fn is_in(&self, folder: &Path) -> bool {
        let is_record = |file: &&PathBuf| RECORDS.iter().any(|record| file.ends_with(record));
        let mut known = self.files.iter().filter(is_record).filter(|file| folder.join(file).exists()).peekable();
        known.peek().is_some()
            && !is_locked(&folder.join(JOURNAL))
            && known.all(|file| begins_with(&self.path.join(file), &folder.join(file)).unwrap_or(false))
    }
}

fn has_record(folder: &Path) -> bool {
    RECORDS.iter().any(|record| folder.join(record).exists())
}

/// Whether a file begins with all that is in another one, which is more than nothing.
fn begins_with(whole: &Path, part: &Path) -> io::Result<bool> {
    let (mut whole, mut part) = (File::open(whole)?, File::open(part)?);
    let (mut here, mut there, mut is_any) = (vec![0; PIECE], vec![0; PIECE], false);
    loop {
        let count = part.read(&mut here)?;
        if count == 0 {
            return Ok(is_any);
        }
        is_any = true;
        if whole.read_exact(&mut there[..count]).is_err() || here[..count] != there[..count] {
            return Ok(false);
        }
    }
}

pub(super) fn cannot(here: &Path, error: &io::Error) -> Error {
    Error::machine(format!("cannot write {}: {error}", here.display())).help("what is over there stays there")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came, put in its place: the folder's name.
    fn fetched(place: &Place, files: &[(&str, &str)]) -> std::result::Result<String, String> {
        let mut draft = Draft::begin(place).unwrap();
        for (name, text) in files {
            std::fs::write(draft.file(name).unwrap().unwrap(), text).unwrap();
        }
        let settled = draft.settle(place).map_err(|error| error.message)?;
        Ok(settled.file_name().unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn another_run_of_the_same_name_is_left_alone_and_the_same_one_is_brought_up_to_date() {
        let runs = tempfile::tempdir().unwrap();
        let place = Place::below(runs.path(), "r-7").unwrap();
        let read = |name: &str| std::fs::read_to_string(runs.path().join(name)).unwrap();
        std::fs::create_dir(runs.path().join("r-7")).unwrap();
        std::fs::write(runs.path().join("r-7/journal.jsonl"), "head\nours\n").unwrap();
        let theirs = [("journal.jsonl", "head\ntheirs\n"), ("logs/n1.log", "log")];
        assert_eq!(fetched(&place, &theirs).as_deref(), Ok("r-7-2"));
        let more = [("result.json", "{}"), ("journal.jsonl", "head\ntheirs\nend\n")];
        assert_eq!(fetched(&place, &more).as_deref(), Ok("r-7-2"));
        assert_eq!(
            (read("r-7-2/journal.jsonl").as_str(), read("r-7-2/logs/n1.log").as_str()),
            ("head\ntheirs\nend\n", "log")
        );
        // On `sim` a seed has one journal; a result says when it was.
        let again = [("result.json", "{\"started\":1}"), ("journal.jsonl", "head\ntheirs\nend\n")];
        assert_eq!(fetched(&place, &again).as_deref(), Ok("r-7-3"));
        assert_eq!(read("r-7/journal.jsonl"), "head\nours\n");
        let mut names: Vec<_> = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["r-7", "r-7-2", "r-7-3"], "no draft is left");
    }

    #[test]
    fn a_run_that_has_only_begun_here_is_another_one() {
        let runs = tempfile::tempdir().unwrap();
        let place = Place::below(runs.path(), "r-7").unwrap();
        std::fs::create_dir(runs.path().join("r-7")).unwrap();
        let came = [("journal.jsonl", "head\nevent\n")];
        assert_eq!(fetched(&place, &came).as_deref(), Ok("r-7-2"), "it has no journal yet");
        std::fs::remove_dir_all(runs.path().join("r-7-2")).unwrap();
        let journal = File::create(runs.path().join("r-7/journal.jsonl")).unwrap();
        assert_eq!(fetched(&place, &came).as_deref(), Ok("r-7-2"), "nor anything in it");
        std::fs::remove_dir_all(runs.path().join("r-7-2")).unwrap();
        std::fs::write(runs.path().join("r-7/journal.jsonl"), "head\n").unwrap();
        journal.lock().unwrap();
        assert_eq!(fetched(&place, &came).as_deref(), Ok("r-7-2"), "it goes on");
        journal.unlock().unwrap();
        assert_eq!(fetched(&place, &came).as_deref(), Ok("r-7"));
    }

    #[test]
    fn a_folder_that_was_named_is_no_other_and_takes_no_other_run() {
        let place = tempfile::tempdir().unwrap();
        let out = Place::Named(place.path().join("out"));
        assert_eq!(fetched(&out, &[("journal.jsonl", "one\n")]).as_deref(), Ok("out"));
        assert_eq!(fetched(&out, &[("journal.jsonl", "one\n"), ("minimal.rhai", "")]).as_deref(), Ok("out"));
        let other = fetched(&out, &[("journal.jsonl", "two\n")]).unwrap_err();
        assert!(other.ends_with("out holds another run"), "{other}");
    }

    #[test]
    fn what_is_no_name_has_no_place() {
        for odd in ["", "..", "../x", "a/b", "/etc", "."] {
            assert_eq!(Place::below(Path::new("runs"), odd), None, "{odd}");
        }
    }
}
