//! Which nodes a command is about: names, globs, `--all` or `--random`. Pure, but for a fresh seed.

use crate::cluster::Cluster;
use crate::entropy;
use crate::fault::Party;
use crate::random::Stream;
use crate::resolve::{self, nodes};
use crate::{Error, Result};
use clap::Args;

/// Nodes by name or by chance.
#[derive(Debug, Args)]
pub(super) struct Targets {
    /// Nodes, by name or as a glob like 'db*'; in their place --all or --random
    #[arg(value_name = "NODE", required_unless_present_any = ["all", "random"], conflicts_with_all = ["all"])]
    names: Vec<String>,
    /// All nodes
    #[arg(long, conflicts_with = "random")]
    all: bool,
    /// One of them, at random
    #[arg(long)]
    random: bool,
    #[command(flatten)]
    seed: Seed,
}

/// Where chance comes from.
#[derive(Debug, Args)]
pub(super) struct Seed {
    /// The seed of the random choice [default: a fresh one]
    #[arg(long)]
    seed: Option<u64>,
}

impl Seed {
    /// The seed, with what to tell about it.
    pub(super) fn draw(&self) -> Result<(u64, String)> {
        let seed = self.seed.map_or_else(entropy::fresh_seed, Ok)?;
        Ok((seed, format!("seed {seed}\n")))
    }
}

impl Targets {
    /// The nodes in the cluster's order, and what is to be told about the choice. A single name that is no node is a
    /// usage error, and none are chosen.
    pub(super) fn resolve(&self, cluster: &Cluster) -> Result<(Vec<String>, String)> {
        self.draw(self.all_named(cluster)?)
    }

    /// The same as ends of links: `world` may be among those named, if chance does not choose from them. Chance does
    /// not choose who is holy, where there are others.
    pub(super) fn parties(&self, cluster: &Cluster) -> Result<(Vec<Party>, String)> {
        if !self.names.is_empty() && !self.random {
            return Ok((resolve::ends(cluster, self.names.iter().map(String::as_str))?, String::new()));
        }
        let (nodes, told) = self.draw(resolve::shapeable(cluster, self.all_named(cluster)?))?;
        Ok((nodes.into_iter().map(Party::Node).collect(), told))
    }

    /// Those from which chance may choose.
    fn all_named(&self, cluster: &Cluster) -> Result<Vec<String>> {
        match self.names.as_slice() {
            [] => Ok(cluster.names().map(str::to_owned).collect()),
            names => nodes(cluster, names.iter().map(String::as_str)),
        }
    }

    /// One of them, if chance is to choose.
    fn draw(&self, mut nodes: Vec<String>) -> Result<(Vec<String>, String)> {
        if !self.random || nodes.is_empty() {
            return Ok((nodes, String::new()));
        }
        let (seed, told) = self.seed.draw()?;
        let chosen = Stream::root(seed).index(nodes.len());
        Ok((vec![nodes.swap_remove(chosen)], told))
    }
}

/// The groups of `a,b c,d`.
pub(super) fn groups(cluster: &Cluster, lists: &[String]) -> Result<Vec<Vec<String>>> {
    let groups: Vec<Vec<&str>> = lists.iter().map(|list| members(list)).collect::<Result<_>>()?;
    resolve::groups(cluster, &groups)
}

fn members(list: &str) -> Result<Vec<&str>> {
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err(Error::usage(format!("a name is missing in the group `{list}`"))
            .help("write a group as names with commas between them, `n1,n2`"));
    }
    Ok(names)
}

/// The ends of links of `a,b` or `a,world`.
pub(super) fn parties(cluster: &Cluster, list: &str) -> Result<Vec<Party>> {
    resolve::ends(cluster, members(list)?.into_iter())
}
