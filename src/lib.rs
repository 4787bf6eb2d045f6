//! blockade: a chaos engine one scripts.

pub mod cluster;
pub mod diagnostic;
pub mod error;
pub mod fault;
pub mod plan;
pub mod script;
pub mod signal;

pub use error::{Error, ErrorKind, Result};
