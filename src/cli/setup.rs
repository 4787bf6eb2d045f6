//! What `run` and `plan` share: from arguments to a script, its cluster, a seed and parameters.

use super::place::Place;
use crate::cluster::{Cluster, RuntimeKind};
use crate::diagnostic::{Diagnostic, Severity};
use crate::doctor;
pub(super) use crate::entropy::fresh_seed;
use crate::journal::RunFolder;
use crate::plan::Shaper;
use crate::run::{Attached, Settings, Signals};
use crate::runtime::Options;
use crate::script::{Interrupt, Script, quantity};
use crate::supervisor::{self, Launch};
use crate::words::{argument, option, time};
use crate::{Error, Result, text};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

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
        let cluster_text = text::read("the cluster file", Path::new(&cluster.file)).unwrap_or_default();
        Ok(Self { script, cluster, cluster_text, kind, attached: Some(attached) })
    }

    /// The names of its nodes.
    pub(super) fn nodes(&self) -> Vec<String> {
        self.cluster.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// The same once more, for another run on nodes of its own.
    pub(super) fn again(&self) -> Self {
        Self {
            script: self.script.clone(),
            cluster: self.cluster.clone(),
            cluster_text: self.cluster_text.clone(),
            kind: self.kind,
            attached: None,
        }
    }

    /// A run of it.
    pub(super) fn settings(
        self,
        seed: u64,
        params: BTreeMap<String, String>,
        timeout_us: Option<u64>,
        folder: Option<RunFolder>,
    ) -> Settings {
        // A plan, which leaves no files, has nothing to clean up either.
        let signals = if folder.is_none() { Signals::Kill } else { Signals::Interrupt };
        Settings {
            script: self.script,
            chaos: None,
            cluster: self.cluster,
            cluster_text: self.cluster_text,
            kind: self.kind,
            seed,
            params,
            timeout_us,
            folder,
            shaper: None,
            verify: false,
            attached: self.attached,
            is_endless: false,
            interrupt: Arc::new(Interrupt::default()),
            signals,
        }
    }
}

/// What `run` and `plan` take alike.
#[derive(clap::Args)]
pub(super) struct ScriptArgs {
    /// Makes every choice of the script; a fresh one is drawn and printed where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(super) seed: Option<u64>,
    /// Give the script and the cluster file a parameter; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(super) params: Vec<(String, String)>,
}

impl ScriptArgs {
    /// The seed that was given, else a fresh one.
    pub(super) fn seed(&self) -> Result<u64> {
        self.seed.map_or_else(fresh_seed, Ok)
    }

    /// What `--set` gave, the last of several for one name.
    pub(super) fn params(&self) -> BTreeMap<String, String> {
        self.params.iter().cloned().collect()
    }
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

/// The same of something that would not be there at all if it took no time.
pub(super) fn lasting(text: &str) -> std::result::Result<u64, String> {
    match duration(text)? {
        0 => Err(format!("{text} is no time at all: write more, like 30s")),
        us => Ok(us),
    }
}

/// `netns`, `docker` or `sim`, for clap.
pub(super) fn runtime(text: &str) -> std::result::Result<RuntimeKind, String> {
    RuntimeKind::NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| "expected docker, netns or sim".to_owned())
}

/// Refuses a shaper that cannot impair any link here, before nodes are made for it.
pub(super) fn check_shaper(shaper: Option<Shaper>, kind: RuntimeKind) -> Result<()> {
    match (shaper, kind) {
        (None, _) | (_, RuntimeKind::Sim) => Ok(()),
        (Some(shaper), RuntimeKind::Netns | RuntimeKind::Docker) => doctor::can_shape_with(shaper),
    }
}

/// The words of the command that runs a seed again.
pub(super) fn replay(place: &Place, script: &Path, seed: u64, params: &[(String, String)]) -> Vec<String> {
    let mut words = vec!["blockade".to_owned(), "run".to_owned(), argument(script)];
    words.extend(option("--seed", seed));
    words.extend(params.iter().flat_map(|(name, value)| option("--set", format!("{name}={value}"))));
    words.extend(place.config.iter().flat_map(|config| option("--config", config.display())));
    words.extend(place.name.iter().flat_map(|name| option("--name", name)));
    if place.data_dir != Path::new(super::DATA_DIR) {
        words.extend(option("--data-dir", place.data_dir.display()));
    }
    words
}

/// The words of what else decides about a run.
pub(super) fn options(timeout_us: Option<u64>, shaper: Option<Shaper>, verify: bool) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(timeout_us) = timeout_us {
        words.extend(["--timeout".to_owned(), time(timeout_us)]);
    }
    if let Some(shaper) = shaper {
        let name = clap::ValueEnum::to_possible_value(&shaper).map(|value| value.get_name().to_owned());
        words.extend(["--shaper".to_owned(), name.unwrap_or_default()]);
    }
    words.extend(verify.then(|| "--verify".to_owned()));
    words
}

/// A misspelt `--set` would otherwise pass for a run with the parameter's default.
pub(super) fn warn_of_unused(params: &BTreeMap<String, String>, setup: &Setup) {
    for name in unmentioned(params, &[setup.script.text(), &setup.cluster_text]) {
        super::report::message(&format!("warning: --set {name}: neither the script nor the cluster file mentions it"));
    }
}

/// Checks a script before anything of it runs: its errors are this one's, its warnings are printed.
pub(super) fn check(setup: &Setup, quiet: bool) -> Result<()> {
    let mut found = setup.script.check(Some(&setup.nodes()));
    if quiet {
        found.retain(|one| one.severity == Severity::Error);
    }
    refuse(found)
}

/// The same of a file in the place of its `chaos()`.
pub(super) fn check_in_place(chaos: &Script, setup: &Setup) -> Result<()> {
    refuse(chaos.check_in_place(&setup.script, Some(&setup.nodes())))
}

fn refuse(found: Vec<Diagnostic>) -> Result<()> {
    let Some(first) = found.iter().find(|one| one.severity == Severity::Error) else {
        found.iter().for_each(super::report::diagnostic);
        return Ok(());
    };
    let message = first.message.clone();
    Err(Error { diagnostics: found, ..Error::usage(message) })
}

/// The parameters that none of these texts can be asking for.
fn unmentioned<'a>(params: &'a BTreeMap<String, String>, texts: &[&str]) -> Vec<&'a str> {
    params.keys().map(String::as_str).filter(|name| !texts.iter().any(|text| text.contains(name))).collect()
}

/// Reads the script and its cluster file.
pub(super) fn load(
    place: &Place,
    script: &Path,
    seed: u64,
    params: &BTreeMap<String, String>,
    kind: Option<RuntimeKind>,
) -> Result<Setup> {
    let script = Script::load(script)?;
    let (cluster, cluster_text) = place.load(Some(Path::new(script.path())), seed, params, kind)?;
    let kind = kind.unwrap_or_else(|| cluster.runtime_kind());
    Ok(Setup { script, cluster, cluster_text, kind, attached: None })
}

/// Brings a cluster up that outlives this process, and opens a session with it.
pub(super) fn bring_up(
    place: &Place,
    cluster: Cluster,
    kind: RuntimeKind,
    params: &BTreeMap<String, String>,
    seed: u64,
    options: Options,
) -> Result<Attached> {
    let (folder, params) = (place.folder()?, params.clone());
    let launch = Launch { cluster, kind, params, seed, options, debug: place.debug };
    supervisor::start(&folder, launch, supervisor::interrupted())?;
    Attached::open(&folder)
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
