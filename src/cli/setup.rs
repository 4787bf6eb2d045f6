//! What `run` and `plan` share: from arguments to a script, its cluster, a seed and parameters.

use super::place::Place;
use crate::cluster::{self, Cluster, RuntimeKind, Variables};
use crate::run::Attached;
use crate::script::Script;
use crate::script::quantity;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// A script and its cluster, ready for any runtime.
pub(super) struct Setup {
    pub(super) script: Script,
    pub(super) cluster: Cluster,
    pub(super) cluster_text: String,
    pub(super) kind: RuntimeKind,
    pub(super) attached: Option<Attached>,
}

impl Setup {
    /// A script for a cluster that is up already.
    pub(super) fn standing(script: Script, attached: Attached) -> Result<Self> {
        let kind = runtime(attached.runtime()).map_err(Error::machine)?;
        let cluster = attached.cluster().clone();
        // Its file may have changed since: the journal's head holds the cluster as it is.
        let cluster_text = std::fs::read_to_string(&cluster.file).unwrap_or_default();
        Ok(Self { script, cluster, cluster_text, kind, attached: Some(attached) })
    }
}

/// A seed that nobody chose: ten digits are easy to read out and type.
pub(super) fn fresh_seed() -> Result<u64> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Error::machine(format!("cannot draw a seed from /dev/urandom: {error}")))?;
    Ok(u64::from_le_bytes(bytes) % 10_000_000_000)
}

/// `--set NAME=VALUE`, for clap.
pub(super) fn parameter(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A duration like `90s`, in microseconds, for clap.
pub(super) fn duration(text: &str) -> std::result::Result<u64, String> {
    // A bare number means seconds here as in a script.
    let number = text.parse::<f64>().ok();
    number.map_or_else(|| quantity::duration_us(text), quantity::duration_us).map_err(|problem| problem.to_string())
}

/// `netns`, `docker` or `sim`, for clap.
pub(super) fn runtime(text: &str) -> std::result::Result<RuntimeKind, String> {
    RuntimeKind::NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| "expected docker, netns or sim".to_owned())
}

/// A misspelt `--set` would otherwise pass for a run with the parameter's default.
pub(super) fn warn_of_unused(params: &BTreeMap<String, String>, setup: &Setup) {
    for name in unmentioned(params, &[setup.script.text(), &setup.cluster_text]) {
        super::report::message(&format!("warning: --set {name}: neither the script nor the cluster file mentions it"));
    }
}

/// The parameters that none of these texts can be asking for.
fn unmentioned<'a>(params: &'a BTreeMap<String, String>, texts: &[&str]) -> Vec<&'a str> {
    params.keys().map(String::as_str).filter(|name| !texts.iter().any(|text| text.contains(name))).collect()
}

/// Reads the script and its cluster file. Real runtimes get a subnet that the host does not use.
pub(super) fn load(
    place: &Place,
    script: &Path,
    seed: u64,
    params: &BTreeMap<String, String>,
    kind: Option<RuntimeKind>,
) -> Result<Setup> {
    let script = Script::load(script)?;
    let cluster_path = cluster::find(Some(Path::new(script.path())), place.config.as_deref())?;
    let cluster_text = std::fs::read_to_string(&cluster_path)
        .map_err(|error| Error::usage(format!("cannot read the cluster file {}: {error}", cluster_path.display())))?;
    let name = place.name()?;
    // A simulated cluster must be the same on every machine.
    let used = if kind == Some(RuntimeKind::Sim) { Vec::new() } else { crate::kernel::address::used_subnets()? };
    let variables = Variables { name: &name, seed, params, env: &|name| std::env::var(name).ok(), used: &used };
    let cluster = cluster::load(&cluster_path, &cluster_text, &variables)?;
    let kind = kind.unwrap_or_else(|| cluster.runtime_kind());
    Ok(Setup { script, cluster, cluster_text, kind, attached: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_nobody_asks_for_is_noticed() {
        let params = ["acks", "akcs", "port"].map(|name| (name.to_owned(), String::new())).into();
        let texts = ["let acks = param(\"acks\", \"all\");", "command: serve ${param:port:7000}"];
        assert_eq!(unmentioned(&params, &texts), ["akcs"]);
    }
}
