//! Nodes as Docker containers, each in the network namespace of a *holder*: a container of our own that waits and does
//! nothing else, so that a node comes and goes while its namespace and the rules in it stay.
//!
//! | module | what it is | what it may touch |
//! |---|---|---|
//! | [`connection`] | the way to the daemon | its socket |
//! | [`error`] | what the daemon says → what the user is told | nothing |
//! | [`labels`] | how our containers are known again, and whose they are | `/proc` of the owner |
//! | [`images`] | the images that nodes need, and what these say of themselves | the daemon |
//! | `pull` | pulls an image and shows how far it is | the daemon, stderr |
//! | [`own_image`] | the image made from the running binary | the daemon |
//! | `bundle` | this binary and its libraries → a tar | nothing; reads files |
//! | [`spec`] | a cluster → the bodies of the daemon's requests | nothing |
//! | `hold` | PID 1 of containers from our own image | its children |
//! | [`network`] | the network that joins the nodes | the daemon |
//! | `runtime` | the trait, on top of all below | nothing itself |
//! | `create`, `remove` | `up` and `down`, and what the dead left | the daemon |
//! | `verbs`, `exec`, `logs` | what is done to one node, and in it | the daemon |
//! | `life`, `member` | what is known of a node and its lives | nothing |
//! | `watch`, `inspect` | what Docker tells, and what is there to see | the daemon |
//! | `repair` | networks that somebody has taken from a node | the daemon |
//! | `adopt` | containers of others | the daemon |
//! | `keeper`, `helper` | an agent at all times, whatever becomes of it | the daemon, a child, a socket |
//! | `gate` | requests that are never left half-way | nothing |

mod adopt;
mod bundle;
pub mod connection;
mod create;
pub mod error;
mod exec;
mod gate;
mod helper;
mod hold;
pub mod images;
mod inspect;
mod keeper;
pub mod labels;
mod life;
mod logs;
mod member;
pub mod network;
pub mod own_image;
mod pull;
mod remove;
mod repair;
mod runtime;
pub mod spec;
mod verbs;
mod watch;

pub use hold::{hold, init};
pub use remove::destroy_by_labels;
pub use runtime::Docker;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nothing panics while it holds one of these locks; if it did, the values would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
