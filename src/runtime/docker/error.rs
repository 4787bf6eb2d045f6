//! What the daemon says → what the user is told: one sentence, what to do about it, and the exit code.
//!
//! Pure. The daemon's texts differ from version to version: each trouble is known by words that have stayed the same
//! since 20.10, and what is not known is passed on as the daemon said it.

use crate::Error;
use bollard::errors::Error as Refusal;
use std::fmt;

/// Adds what was being done to a refusal of the daemon.
pub trait Explained<T> {
    /// The value, or the user's error: `cannot create node n1: …`. `doing` begins with a verb.
    fn or_cannot(self, doing: impl FnOnce() -> String) -> crate::Result<T>;
}

impl<T> Explained<T> for Result<T, Refusal> {
    fn or_cannot(self, doing: impl FnOnce() -> String) -> crate::Result<T> {
        self.map_err(|refusal| explain(doing(), &refusal))
    }
}

/// The user's error for a refusal: `cannot <doing>: …`.
pub fn explain(doing: impl fmt::Display, refusal: &Refusal) -> Error {
    Error::machine(format!("cannot {doing}: {refusal}"))
}

/// Whether what was named does not exist.
pub fn is_missing(refusal: &Refusal) -> bool {
    status(refusal) == Some(404)
}

/// Whether a name is taken, or something is not in a state for what was asked.
pub fn is_conflict(refusal: &Refusal) -> bool {
    status(refusal) == Some(409)
}

/// Whether it was so already: a container that is started while it runs, or stopped while it does not.
pub fn is_unchanged(refusal: &Refusal) -> bool {
    status(refusal) == Some(304)
}

/// Whether the daemon itself could not be asked, or went away in the middle: worth another try once it is back.
pub fn is_gone(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::HyperLegacyError { .. }
            | Refusal::HyperResponseError { .. }
            | Refusal::IOError { .. }
            | Refusal::SocketNotFoundError(_)
    )
}

fn status(refusal: &Refusal) -> Option<u16> {
    match refusal {
        Refusal::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
