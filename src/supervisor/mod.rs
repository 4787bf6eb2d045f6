//! Owns a cluster that is left up: a process of its own, so that no command's end moves a node or a fault.
//!
//! `up` starts it ([`start`]), every other command asks it over a Unix socket ([`connect`]), `destroy` ends it
//! ([`destroy`]). All it leaves on disk lies in the cluster's own [`ClusterFolder`], but for the [`Audit`] trail;
//! whoever can take the lock in there knows that no supervisor lives. It decides nothing: commands go to the [`Controller`](crate::engine::Controller)
//! as they would in the process of a run.

mod audit;
mod client;
mod connection;
mod folder;
mod launch;
mod log;
mod output;
mod protocol;
mod serve;
mod sessions;
mod state;

pub use audit::{Audit, Entry, Status};
pub use client::{Connection, RemotePort, abandon, connect, destroy};
pub use folder::{ClusterFolder, Standing};
pub use launch::{interrupted, not_started, start, start_without_nodes};
pub use protocol::{Destroyed, Events, Info, Launch};
pub use serve::supervise;
pub use state::State;
