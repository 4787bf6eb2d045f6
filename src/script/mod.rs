//! The script layer: Rhai with the functions of the script API.
//!
//! A script only makes [`Command`](crate::engine::Command)s and reads their replies; what it decides follows from its
//! seed and from what it observed. Every source of hidden state (clock, files, `eval`) is off.
//!
//! `engine` configures Rhai, `host` is what all functions share, `bind` holds the functions themselves (a file for
//! each group), `values` turns script values into typed ones, `diagnose` turns Rhai's errors into ours, and `drive`
//! runs the parts of a script in their order. `modules` is what `import` finds.

mod bind;
mod diagnose;
mod drive;
mod engine;
mod host;
mod modules;
pub mod quantity;
mod shaping;
mod table;
mod values;

pub use drive::{Drive, Options, Script};
pub use host::{Host, HostSettings, Interrupt};
pub use modules::modules;
pub use shaping::{filter_of_words, impairment_of_words};
pub use table::{BUILTINS, Builtin};
