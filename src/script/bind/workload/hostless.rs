//! A build without `host` starts no program.

use super::Said;
use crate::Result;
use crate::runtime::elsewhere;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Refused.
pub(super) fn start(_: &[String], _: Option<Duration>) -> Result<Receiver<Said>> {
    Err(elsewhere())
}

/// In a node.
pub(super) mod inside {
    use super::{Duration, Receiver, Result, Said, elsewhere};
    use crate::script::host::Host;

    /// Refused.
    pub(in super::super) fn start(_: &Host, _: &str, _: &[String], _: Option<Duration>) -> Result<Receiver<Said>> {
        Err(elsewhere())
    }
}
