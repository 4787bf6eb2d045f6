//! A run's folder, read back: all that is needed to repeat it.

use super::{Journal, RunFolder, read, signature};
use crate::{Error, Result, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A run that has ended, or was cut off.
#[derive(Clone, Debug, PartialEq)]
pub struct PastRun {
    /// Its folder, absolute.
    pub folder: RunFolder,
    /// What happened.
    pub journal: Journal,
    /// The script as it was named, such that it means the same from the current folder.
    pub script_path: PathBuf,
    /// The script's text then.
    pub script: String,
    /// The cluster file likewise.
    pub cluster_path: PathBuf,
    /// The cluster file's text then.
    pub cluster: String,
    /// Where its nodes lived.
    pub runtime: String,
    /// Of every choice.
    pub seed: u64,
    /// `--set NAME=VALUE`.
    pub params: BTreeMap<String, String>,
    /// `--timeout`, microseconds.
    pub timeout_us: Option<u64>,
    /// `--shaper`, as JSON.
    pub shaper: Value,
    /// `--verify`.
    pub verify: bool,
    /// The signature of its failure as this version has it, where it failed.
    pub signature: Option<String>,
    /// Its verdict in a word; none where it was cut off.
    pub verdict: Option<String>,
    /// `result.json`; null where the run was cut off before it wrote one.
    pub result: Value,
}

impl PastRun {
    /// Reads the folder at this path, or the one of that name below `runs`.
    ///
    /// # Errors
    /// There is none, or it is not whole.
    pub fn open(named: &Path, runs: &Path) -> Result<Self> {
        let path = if named.exists() { named.to_path_buf() } else { runs.join(named) };
        if !path.is_dir() {
            return Err(Error::usage(format!("there is no run in {}", named.display()))
                .help("name a run's folder, as `blockade run` and `blockade soak` print it"));
        }
        let path = path.canonicalize().map_err(|error| Error::machine(format!("{}: {error}", path.display())))?;
        if path.join("soak.json").exists() {
            return Err(Error::usage(format!("{} is the folder of a soak, which has many runs", path.display()))
                .help("name one of them: the folders in it are called after their seeds"));
        }
        if !path.join("journal.jsonl").exists() {
            return Err(Error::usage(format!("{} holds no journal", path.display())).help(
                "of a run that passes a soak keeps only the result: run its seed again with `blockade run SCRIPT --seed N`",
            ));
        }
        Self::read(RunFolder { path })
    }

    fn read(folder: RunFolder) -> Result<Self> {
        let journal = read(&folder.file("journal.jsonl"))?;
        let text = |name: &str| {
            let help = "a run's folder is whole or cannot be repeated; run its seed again";
            text::read("the copy", &folder.file(name)).map_err(|error| error.help(help))
        };
        let (script, cluster) = (text("script.rhai")?, text("cluster.yaml")?);
        let result = result(&folder)?;
        let head = &journal.header;
        let word = |value: &Value, what: &str| {
            value.as_str().map(str::to_owned).ok_or_else(|| Error::usage(format!("the journal's header has no {what}")))
        };
        let named = PathBuf::from(word(&head["script"]["path"], "script")?);
        let there = elsewhere(&folder, &named, &script);
        let seed = head["seed"].as_u64().ok_or_else(|| Error::usage("the journal's header has no seed"))?;
        let set = head["options"]["set"].as_object().cloned().unwrap_or_default();
        let params = set.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        Ok(Self {
            script_path: there.join(named),
            cluster_path: there.join(word(&head["cluster"]["file"], "cluster file")?),
            runtime: word(&head["runtime"], "runtime")?,
            timeout_us: head["options"]["timeout_us"].as_u64(),
            shaper: head["options"]["shaper"].clone(),
            verify: head["options"]["verify"].as_bool().unwrap_or_default(),
            signature: signature::recorded(&result["failure"]),
            verdict: result["verdict"].as_str().map(str::to_owned),
            result,
            folder,
            script,
            cluster,
            seed,
            params,
            journal,
        })
    }
}

/// The folder from which the run names its files, where that is not the current one; else an empty path. Runs do not say
/// where they were started, but lie below there where nobody said otherwise: it is the one in which the script is.
fn elsewhere(folder: &RunFolder, script: &Path, then: &str) -> PathBuf {
    let is_there = |place: &Path| text::read("the script", &place.join(script)).is_ok_and(|found| found == then);
    if script.is_absolute() || is_there(Path::new("")) {
        return PathBuf::new();
    }
    folder.path.ancestors().find(|place| is_there(place)).map(Path::to_path_buf).unwrap_or_default()
}

/// `result.json`; null where the run was cut off before it wrote one.
fn result(folder: &RunFolder) -> Result<Value> {
    let path = folder.file("result.json");
    let Some(text) = text::read_if_there("the result", &path)? else { return Ok(Value::Null) };
    let result: Value = serde_json::from_str(&text)
        .map_err(|error| Error::usage(format!("{} is no result of a run: {error}", path.display())))?;
    match result["format"].as_u64() {
        Some(format) if format == u64::from(super::FORMAT) => Ok(result),
        format => Err(Error::usage(format!(
            "{} has format {}, this version reads format {}",
            path.display(),
            format.map_or("none".to_owned(), |format| format.to_string()),
            super::FORMAT
        ))
        .help("use the version of blockade that wrote it, or a newer one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_is_none_is_looked_for_without_reading_all_of_it() {
        let folder = RunFolder { path: PathBuf::from("/tmp/none/runs/1") };
        // Below `/`, the last of the places, lies what never ends.
        assert_eq!(elsewhere(&folder, Path::new("dev/zero"), "fn chaos() {}"), PathBuf::new());
    }
}
