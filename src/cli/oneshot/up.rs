//! `up` and `destroy`.

use super::{Format, Shown, show};
use crate::Result;
use crate::cli::place::Place;
use crate::cli::setup;
use crate::cluster::RuntimeKind;
use crate::runtime::Options;
use crate::supervisor::{self, Launch};
use clap::Args;
use std::collections::BTreeMap;

/// Brings the cluster up and leaves it up.
#[derive(Debug, Args)]
pub struct Up {
    /// Replace a container whose name is in the way
    #[arg(short, long)]
    force: bool,
    /// Where the nodes live: docker or netns [default: as the cluster's file says]
    #[arg(long, value_parser = setup::runtime)]
    runtime: Option<RuntimeKind>,
    /// Give a parameter to the cluster's file, for `${param:NAME}`
    #[arg(long, value_name = "NAME=VALUE", value_parser = setup::parameter)]
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
        let seed = self.seed.map_or_else(setup::fresh_seed, Ok)?;
        let (cluster, _) = place.load(None, seed, &params, self.runtime)?;
        let kind = self.runtime.unwrap_or_else(|| cluster.runtime_kind());
        supervisor::start(
            &place.folder()?,
            Launch { cluster, kind, params, seed, options: Options { force: self.force }, debug: place.debug },
        )
    }
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
