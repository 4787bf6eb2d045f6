//! From the link matrix to what each node's network namespace must hold.
//!
//! Pure. A [`Plan`] is the whole truth for one namespace; it is computed from the matrix in one go and never
//! edited. `kernel` brings a namespace from one to the next.

mod build;
mod diff;
#[cfg(test)]
mod interpret;
mod layout;
pub mod means;
mod order;
mod packed;
mod ruleset;
mod shaped;
pub mod table;
pub mod tree;
pub mod verify;

pub use build::{Plan, Planner};
pub use diff::{Act, Change, Transaction, diff};
pub use means::{Means, Mechanism, Shaper};
pub use order::{Holding, Order};
pub use ruleset::{Addresses, Billionths, ClassId, Interfaces, Lane, Leaving, Ruleset, Side, Treatment, WorldCut};
pub use shaped::{Shaped, ShapedLink};
pub use tree::{Class, Tree};
