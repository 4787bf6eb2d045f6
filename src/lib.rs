//! blockade: a chaos engine one scripts.

pub mod diagnostic;
pub mod error;
pub mod fault;
pub mod kernel;
pub mod plan;
pub mod runtime;

pub use error::{Error, ErrorKind, Result};
