//! blockade: a chaos engine one scripts.

pub mod demo;
pub mod diagnostic;
pub mod error;
pub mod fault;
pub mod plan;

pub use error::{Error, ErrorKind, Result};
