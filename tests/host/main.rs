//! The agent that attaches to containers, on the real kernel, without Docker: a namespace of our own plays the host, and
//! a process in a namespace behind its bridge plays a container. Needs root.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod attach;
mod devices;
mod end;
#[allow(dead_code, unreachable_pub, reason = "shared with other test binaries")]
#[path = "../common/processes.rs"]
mod processes;
#[path = "../common/skip.rs"]
mod skip;
mod support;
mod takeover;
