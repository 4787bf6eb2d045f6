//! From the link matrix to what each node's network namespace must hold.
//!
//! Pure. A [`Ruleset`] is the whole truth for one namespace; it is computed from the matrix in one go and never
//! edited. `kernel` brings a namespace from one ruleset to the next.

mod build;
mod ruleset;

pub use build::{NodeAddresses, rulesets};
pub use ruleset::{Addresses, Refusal, Ruleset, WorldCut};
