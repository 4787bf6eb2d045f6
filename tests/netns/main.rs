//! The agent and its nodes on the real kernel: as whoever runs the tests, and once more as an ordinary user.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod crash;
mod exec;
mod http;
mod life;
mod network;
#[allow(dead_code, unreachable_pub, reason = "shared with other test binaries")]
#[path = "../common/processes.rs"]
mod processes;
#[path = "../common/skip.rs"]
mod skip;
mod speed;
mod support;
mod unprivileged;
