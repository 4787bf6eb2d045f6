//! What a run was like, as one file that a browser shows without any network, and as JUnit's XML for CI.
//!
//! ```text
//!  journal, result ─► read, faults ─► Model ─┬─► page (chart, failure, tables) ─► HTML
//!                                            └─► junit ─► XML
//! ```
//!
//! Pure: texts in, a text out. All that comes from outside (scripts, names, values, logs) passes `text::printable` on its
//! way into the model, and maud's escaping on its way out; the page's own policy lets nothing be fetched, and no script run
//! but its own.

mod build;
mod chart;
mod failure;
mod faults;
mod junit;
mod lanes;
mod load;
mod model;
mod page;
mod plots;
mod read;
mod scale;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod witness;

pub use build::Source;
pub use junit::junit;
pub use model::Model;
pub use page::page;
pub use text::{printable, span};
