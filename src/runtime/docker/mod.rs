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

mod bundle;
pub mod connection;
pub mod error;
mod hold;
pub mod images;
pub mod labels;
pub mod network;
pub mod own_image;
mod pull;
pub mod spec;

pub use hold::{hold, init};
