//! The script engine.

pub mod quantity;
pub mod random;
