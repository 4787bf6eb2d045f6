//! The daemon as its clients meet it: whole binaries, plain HTTP, real sockets.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, reason = "a test that finds something else fails")]

#[path = "../common/mod.rs"]
mod common;

mod chaos;
mod commands;
mod described;
mod events;
mod exposition;
mod http;
mod life;
mod limits;
mod malformed;
mod metrics;
mod old;
mod page;
mod running;
mod runs;
mod security;
mod tls;
mod v1;
