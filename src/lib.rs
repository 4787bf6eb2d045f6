//! blockade: a chaos engine one scripts.

pub mod cli;
pub mod cluster;
pub mod demo;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod fault;
pub mod journal;
pub mod kernel;
pub mod plan;
pub mod run;
pub mod runtime;
pub mod script;
pub mod signal;

pub use error::{Error, ErrorKind, Result};

#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
