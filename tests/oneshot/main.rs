//! The one-shot commands and the supervisor behind them, as a user meets them.

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod faults;
mod life;
mod nodes;
mod sessions;
mod up;
