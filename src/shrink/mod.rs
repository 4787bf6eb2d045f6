//! From a schedule that fails to a smaller one that fails the same way.
//!
//! `rate` says how often a trial must be repeated before its passing means something, `reduce` proposes smaller
//! schedules, and `search` goes from one that fails to the next; these are pure. Trials are carried out by a [`Lab`]: that
//! of clusters is `lab`, in a `folder` of its own.

mod folder;
mod lab;
mod rate;
mod reduce;
mod search;

pub use folder::TrialFolder;
pub use lab::Clusters;
pub use rate::{Counts, Demand, Rate};
pub use search::{Best, Budget, Found, Lab, Reruns, Watch, shrink};
