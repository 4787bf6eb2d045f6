//! Which cluster a command is about: the flags that all commands share, and what follows from them.

use crate::Result;
use crate::cluster::{self, Cluster, RuntimeKind, Variables};
use crate::errand;
use crate::runtime::Here;
use crate::supervisor::ClusterFolder;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What `--config`, `--data-dir` and `--name` say.
#[derive(Clone, Debug)]
pub struct Place {
    /// The cluster's file, where it was named.
    pub config: Option<PathBuf>,
    /// Where clusters that are up and runs keep their files, as it was given; see [`Place::data_dir`].
    pub data_dir: PathBuf,
    /// The cluster's name, where it was given; see [`Place::name`].
    pub name: Option<String>,
    /// Whether a supervisor started here is to write down everything.
    pub debug: bool,
}

impl Place {
    /// Where clusters that are up and runs keep their files: of an errand, where its daemon has them.
    pub fn data_dir(&self) -> &Path {
        errand::current().map_or(&self.data_dir, |errand| &errand.data_dir)
    }

    /// What a folder of runs is called by whoever asks: for an errand, where its client has it once all is fetched.
    pub fn shown(&self, path: &Path) -> PathBuf {
        let Some(errand) = errand::current() else { return path.to_owned() };
        let below = |room: &Path| room.canonicalize().ok().and_then(|room| path.strip_prefix(room).ok());
        let sent = || below(Path::new(".")).map(Path::to_owned);
        below(&errand.data_dir).map(|rest| self.data_dir.join(rest)).or_else(sent).unwrap_or_else(|| path.to_owned())
    }

    /// The folder of a run, a replay or a soak, where one was named. An errand's lies where its daemon finds it.
    pub fn out<'a>(&self, named: Option<&'a Path>) -> Option<&'a Path> {
        errand::current().map_or(named, |errand| errand.out.as_deref())
    }

    /// The cluster's name: the given one, else the current folder's, which may be one on another machine.
    pub fn name(&self) -> Result<String> {
        let theirs = errand::current().and_then(|errand| errand.name.as_ref());
        match self.name.as_ref().or(theirs) {
            Some(name) => cluster::check_name(name).map(|()| name.clone()),
            None => Ok(cluster::default_name(&std::env::current_dir().unwrap_or_default())),
        }
    }

    /// Where the cluster keeps its files while it is up. Touches nothing.
    pub fn folder(&self) -> Result<ClusterFolder> {
        ClusterFolder::new(self.data_dir(), &self.name()?)
    }

    /// Reads the cluster, and the text of its file: the script's own where there is a script, else the folder's. Real
    /// nodes get a subnet that the host does not use; a simulated cluster must be the same on every machine.
    pub fn load(
        &self,
        script: Option<&Path>,
        seed: u64,
        params: &BTreeMap<String, String>,
        kind: Option<RuntimeKind>,
    ) -> Result<(Cluster, String)> {
        let path = cluster::find(script, self.config.as_deref())?;
        let text = crate::text::read("the cluster file", &path)?;
        Ok((self.read(&path, &text, seed, params, kind)?, text))
    }

    /// The cluster of a file's text, in which `${env:NAME}` are this process's.
    pub fn read(
        &self,
        path: &Path,
        text: &str,
        seed: u64,
        params: &BTreeMap<String, String>,
        kind: Option<RuntimeKind>,
    ) -> Result<Cluster> {
        self.read_with(path, text, seed, params, &variable, kind)
    }

    /// The same, with other variables.
    pub fn read_with(
        &self,
        path: &Path,
        text: &str,
        seed: u64,
        params: &BTreeMap<String, String>,
        env: &dyn Fn(&str) -> Option<String>,
        kind: Option<RuntimeKind>,
    ) -> Result<Cluster> {
        let name = self.name()?;
        cluster::load(path, text, &Variables { name: &name, seed, params, env, kind, surroundings: &Here })
    }
}

/// A variable of the environment. An errand has those that were sent along.
fn variable(name: &str) -> Option<String> {
    if let Some(errand) = errand::current() {
        return errand.env.get(name).cloned();
    }
    std::env::var(name).ok().or_else(|| folder_as(name))
}

/// The current folder where `name` is one of the variables that older files expect for it, also under a `sudo` that passes
/// nothing on.
pub fn folder_as(name: &str) -> Option<String> {
    let folder = std::env::current_dir().ok().filter(|_| ["PWD", "CWD"].contains(&name));
    folder.map(|folder| folder.display().to_string())
}
