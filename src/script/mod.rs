//! The script layer: Rhai with the functions of the script API.
//!
//! A script only makes [`Command`](crate::engine::Command)s and reads their replies; what it decides follows from its
//! seed and from what it observed. Every source of hidden state (clock, files, `eval`) is off.
//!
//! `engine` configures Rhai, `host` is what all functions share, `bind` holds the functions themselves (a file for
//! each group), `values` turns script values into typed ones, `diagnose` turns Rhai's errors into ours, `tasks` lets
//! functions run beside each other, `program` is a script whose functions can be called, and `drive` runs its parts in
//! their order; `substitute` puts a file in a part's place. `check` finds what is wrong with a script before anything runs, and `reference` is what is told about
//! each function. `modules` is what `import` finds.
//! A person's `session` evaluates entry after entry instead; `texts` finds the one an error points into.

mod bind;
mod check;
mod diagnose;
mod drive;
mod engine;
mod host;
mod modules;
mod natives;
mod program;
pub mod quantity;
pub mod reference;
mod saved;
mod session;
mod shaping;
mod show;
mod source;
mod substitute;
mod table;
mod tasks;
mod texts;
mod unfinished;
mod values;

#[cfg(feature = "host")]
pub use bind::hold_workload;
pub use check::imported;
pub use drive::{Drive, Options};
pub use host::{Host, HostSettings, Interrupt};
pub use modules::modules;
pub use session::{Known, Saved, Session, tells_of_a_task};
pub use shaping::{correlated, filter_of_words, impairment_of_words};
pub use source::Script;
pub use table::{BUILTINS, Builtin};
pub use unfinished::is_unfinished;
