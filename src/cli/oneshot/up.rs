//! `up` and `destroy`.

use super::{Format, Shown, show};
use crate::Result;
use crate::cli::place::Place;
use crate::cli::setup;
use crate::cluster::RuntimeKind;
use crate::plan::Shaper;
use crate::runtime::{self, Options};
use crate::supervisor::{self, Destroyed, Launch};
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
    /// What alone is to impair links [default: netem where there is one, the user-space shaper for the rest]
    #[arg(long, value_name = "SHAPER")]
    shaper: Option<Shaper>,
    #[command(flatten)]
    pub(super) format: Format,
}

impl Up {
    /// Brings it up; an error leaves nothing behind.
    pub(super) fn start(&self, place: &Place) -> Result<()> {
        let folder = place.folder()?;
        let params: BTreeMap<String, String> = self.set.iter().cloned().collect();
        let seed = self.seed.map_or_else(setup::fresh_seed, Ok)?;
        let (cluster, _) = place.load(None, seed, &params, self.runtime)?;
        let kind = self.runtime.unwrap_or_else(|| cluster.runtime_kind());
        setup::check_shaper(self.shaper, kind)?;
        runtime::prepare(kind, &cluster).inspect_err(|error| supervisor::not_started(&folder, &cluster, error))?;
        supervisor::start(
            &folder,
            Launch {
                cluster,
                kind,
                params,
                seed,
                options: Options { force: self.force, shaper: self.shaper },
                debug: place.debug,
            },
            supervisor::interrupted(),
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
        let (destroyed, name) = (supervisor::destroy(&folder).await?, folder.name());
        match destroyed {
            _ if self.format.json => {
                let was_alive = destroyed == Destroyed::Live;
                show::json(&serde_json::json!({ "destroyed": name, "was_alive": was_alive }))
            }
            Destroyed::Live => Ok(Shown::default()),
            Destroyed::Dead => {
                Ok(Shown::message(&format!("the cluster `{name}` had died; what it had left is removed")))
            }
            Destroyed::Leftovers => Ok(Shown::message(&format!(
                "the data folder knows no cluster `{name}`; one known by its labels is removed"
            ))),
        }
    }
}
