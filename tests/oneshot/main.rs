//! The one-shot commands and the supervisor behind them, as a user meets them.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, reason = "a test that finds something else fails")]

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod chaos;
mod doctor;
mod faults;
mod life;
mod nodes;
mod sessions;
mod shaping;
mod trail;
mod up;
