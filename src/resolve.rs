//! From what people name to what a [`Command`](crate::engine::Command) holds: globs become nodes, seeds groups, words
//! impairments. Shared by the one-shot commands and the daemon, so that both mean the same by the same words.
//!
//! Pure.

use crate::cluster::{Cluster, expression, select_all};
use crate::fault::{Chance, Fault, Impairment, LinkSet, Party};
use crate::random::Stream;
use crate::script;
use crate::{Error, Result};

/// The nodes that names and globs mean, each once, in the cluster's order.
pub fn nodes<'a>(cluster: &Cluster, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    Ok(select_all(cluster.names(), names)?.into_iter().map(str::to_owned).collect())
}

/// The groups of a partition, each of names and globs.
pub fn groups(cluster: &Cluster, groups: &[Vec<&str>]) -> Result<Vec<Vec<String>>> {
    // All at once, so that all that is wrong is named at once.
    select_all(cluster.names(), groups.iter().flatten().copied())?;
    groups.iter().map(|group| nodes(cluster, group.iter().copied())).collect()
}

/// The ends of links that names, globs and `world` mean.
pub fn ends<'a>(cluster: &Cluster, names: impl Iterator<Item = &'a str>) -> Result<Vec<Party>> {
    let (world, names): (Vec<&str>, Vec<&str>) = names.partition(|name| *name == "world");
    let nodes = nodes(cluster, names.into_iter())?.into_iter().map(Party::Node);
    Ok(nodes.chain(world.first().map(|_| Party::World)).collect())
}

/// Both sides of links, which must have nobody in common.
pub fn two_ends(source: Vec<Party>, target: Vec<Party>) -> Result<(Vec<Party>, Vec<Party>)> {
    match source.iter().find(|end| target.contains(end)) {
        Some(both) => Err(Error::usage(format!("{both} is both source and target: it has no link to itself"))),
        None => Ok((source, target)),
    }
}

/// Those of the nodes whose links may be impaired: not who is holy, where there are others.
pub fn shapeable(cluster: &Cluster, mut nodes: Vec<String>) -> Vec<String> {
    let is_holy = |name: &String| cluster.nodes.iter().any(|node| node.holy && node.name == *name);
    if !nodes.iter().all(is_holy) {
        nodes.retain(|name| !is_holy(name));
    }
    nodes
}

/// From one group to as many as there are nodes, each number equally likely. Neutral and holy nodes belong to no side.
pub fn random_groups(cluster: &Cluster, seed: u64) -> Result<Vec<Vec<String>>> {
    let sided: Vec<&str> =
        cluster.nodes.iter().filter(|node| !node.neutral && !node.holy).map(|node| node.name.as_str()).collect();
    if sided.is_empty() {
        return Err(Error::usage("a random partition needs nodes that are neither neutral nor holy"));
    }
    let mut stream = Stream::root(seed);
    let count = 1 + stream.index(sided.len());
    let groups = stream.groups(sided.len(), count);
    Ok(groups.into_iter().map(|group| group.into_iter().map(|node| sided[node].to_owned()).collect()).collect())
}

/// How links are to be impaired, in words.
#[derive(Debug)]
pub struct Shaping<'a> {
    /// `slow`, `flaky`, …
    pub verb: &'a str,
    /// Who sends.
    pub nodes: Vec<Party>,
    /// To whom; to everybody where nobody is named.
    pub to: Option<Vec<Party>>,
    /// Whether also what is sent to them.
    pub both: bool,
    /// How much: `delay`, `100ms`. Without words, what is usual.
    pub how: &'a [(&'a str, &'a str)],
    /// Which packets: `proto`, `tcp`.
    pub on: &'a [(&'a str, &'a str)],
}

impl Shaping<'_> {
    /// The fault that they mean.
    pub fn fault(self, cluster: &Cluster) -> Result<Fault> {
        let Self { verb, nodes, to, both, how, on } = self;
        let impairment = if how.is_empty() { usual(cluster, verb)? } else { script::impairment_of_words(verb, how)? };
        let everybody = || cluster.names().map(|name| Party::Node(name.to_owned())).chain([Party::World]).collect();
        let others: Vec<Party> = to.unwrap_or_else(everybody);
        let there = LinkSet::new(&nodes, &others);
        let links = if both { there.union(LinkSet::new(&others, &nodes)) } else { there };
        if links.pairs.is_empty() {
            return Err(Error::usage("a node has no link to itself").help("name another one with --to"));
        }
        let links = LinkSet { filter: script::filter_of_words(on)?, ..links };
        Ok(Fault::Degrade { verb: verb.to_owned(), links, impairment })
    }
}

/// What the cluster file says of it, else what the old Blockade did, where it had the command.
pub(crate) fn usual(cluster: &Cluster, verb: &str) -> Result<Impairment> {
    let network = &cluster.network;
    let said = |text: &Option<String>, usual: &str| text.clone().unwrap_or_else(|| usual.to_owned());
    match verb {
        "slow" => Ok(expression::slow(&said(&network.slow, "75ms 100ms distribution normal"))?),
        "flaky" => Ok(expression::flaky(&said(&network.flaky, "30%"))?),
        "duplicate" => Ok(expression::duplicate(&said(&network.duplicate, "5%"))?),
        "corrupt" => Ok(Impairment { corrupt: Chance::independent(0.05), ..Impairment::NONE }),
        "reorder" => Ok(Impairment { reorder: Chance::independent(0.25), ..Impairment::NONE }),
        "throttle" => Ok(Impairment { rate_bits: Some(1_000_000), ..Impairment::NONE }),
        _ => Err(Error::usage(format!("{verb} was told nothing to do"))
            .help("give it at least one of --delay, --loss, --rate, …")),
    }
}
