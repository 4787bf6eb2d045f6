//! `up` and `destroy`.

use super::targets::fresh_seed;
use super::{Format, Shown, show};
use crate::cli::place::Place;
use crate::cluster::RuntimeKind;
use crate::supervisor::{self, Launch};
use crate::{Error, Result};
use clap::Args;
use std::collections::BTreeMap;

/// Brings the cluster up and leaves it up.
#[derive(Debug, Args)]
pub struct Up {
    /// Replace a container whose name is in the way
    #[arg(short, long)]
    force: bool,
    /// Where the nodes live: docker or netns [default: as the cluster's file says]
    #[arg(long, value_parser = runtime_kind)]
    runtime: Option<RuntimeKind>,
    /// Give a parameter to the cluster's file, for `${param:NAME}`
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// What `${seed}` in the cluster's file stands for [default: a fresh one]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    pub(super) format: Format,
}

impl Up {
    /// Brings it up; an error leaves nothing behind.
    pub(super) fn start(&self, place: &Place) -> Result<()> {
        let params: BTreeMap<String, String> = self.set.iter().cloned().collect();
        let seed = self.seed.unwrap_or_else(fresh_seed);
        let cluster = place.load(seed, &params)?;
        let kind = self.runtime.unwrap_or_else(|| cluster.runtime_kind());
        supervisor::start(&place.folder()?, Launch { cluster, kind, params, seed })
    }
}

fn runtime_kind(text: &str) -> Result<RuntimeKind> {
    let known = RuntimeKind::NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
    known.ok_or_else(|| Error::usage("the runtimes are docker and netns"))
}

fn assignment(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or_else(|| Error::usage("write it as NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Heals everything and removes the cluster.
#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    format: Format,
}

impl Destroy {
    pub(super) async fn run(self, place: &Place) -> Result<Shown> {
        let folder = place.folder()?;
        let was_alive = supervisor::destroy(&folder).await?;
        match was_alive {
            _ if self.format.json => {
                show::json(&serde_json::json!({ "destroyed": folder.name(), "was_alive": was_alive }))
            }
            true => Ok(Shown::default()),
            false => Ok(Shown::message(&format!("the cluster `{}` had died; its files are removed", folder.name()))),
        }
    }
}
