//! Impaired links, as scripts see them and as programs in the nodes do: on the simulator, in user space, by netem and by
//! whatever the kernel offers.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "../common/mod.rs"]
mod common;

mod change;
mod stream;
mod table;
