//! The new REST: clusters, their nodes, faults, probes and events; commands, runs and soaks.

mod clusters;
mod commands;
mod events;
mod faults;
mod links;
mod nodes;
mod probes;
mod runs;
mod soaks;
mod views;
mod wanted;
mod word;

use super::clusters::Daemon;
use super::problem::Problem;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

type On = axum::extract::State<Arc<Daemon>>;
type Answer<T> = Result<T, Problem>;

/// All of it.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new()
        .merge(clusters::routes())
        .merge(nodes::routes())
        .merge(faults::routes())
        .merge(links::routes())
        .merge(probes::routes())
        .merge(events::routes())
        .merge(commands::routes())
        .merge(runs::routes())
        .merge(soaks::routes())
}
