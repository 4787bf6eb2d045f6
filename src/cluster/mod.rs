//! `blockade.yaml` → a [`Cluster`]: its nodes, their addresses and their links.
//!
//! Reading has two phases, because a node's command may name another node's address: `spec` reads the file into
//! what it says, and `build` makes nodes of it: copies, links, subnets, addresses, and at last the texts in which
//! `${…}` stands. Whatever is wrong is found with its place in the file, as many things at once as can be told apart.
//!
//! Pure but for [`find`], which looks where the file is: text, parameters, the environment and what the host says of its
//! networks come in as arguments.

mod addressing;
mod build;
mod distinct;
mod expand;
pub mod expression;
mod locate;
mod model;
mod order;
mod placing;
mod read;
mod select;
mod spec;
mod subnet;
mod surroundings;
mod texts;
mod tree;

#[cfg(test)]
mod tests;

pub use expand::environment;
pub use locate::{check_name, default_name, find};
pub use model::{
    Check, Cluster, Docker, Driver, Forward, Mac, Network, Node, Port, Ready, RuntimeKind, Stop, Transport, Volume,
};
pub use select::{select, select_all};
pub use subnet::{choose_v4, choose_v6};
pub use surroundings::{External, Nowhere, Surroundings};

use crate::error::Result;
use read::Reader;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What a cluster file's meaning depends on beside its text.
pub struct Variables<'a> {
    /// The blockade's name.
    pub name: &'a str,
    /// The run's seed, for `${seed}`.
    pub seed: u64,
    /// What `--set` gave, for `${param:NAME}`.
    pub params: &'a BTreeMap<String, String>,
    /// The process's environment, for `${env:NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The runtime that was asked for beside the file, and goes before what that says.
    pub kind: Option<RuntimeKind>,
    /// What there is already where the cluster is to be placed.
    pub surroundings: &'a dyn Surroundings,
}

impl fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the environment, which may hold secrets.
        f.debug_struct("Variables").field("name", &self.name).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Reads a cluster from the text of its file. `path` is only named, never opened.
///
/// The error is a usage error with a diagnostic for each thing that is wrong, or a machine error where the host leaves
/// no subnet free.
pub fn load(path: &Path, text: &str, variables: &Variables<'_>) -> Result<Cluster> {
    let file = path.to_string_lossy();
    let tree = tree::parse(&file, text)?;
    let reader = Reader::new(&file, text);
    let spec = spec::read(&reader, &tree);
    reader.finish()?;
    build::build(&reader, &spec, path, variables)
}
