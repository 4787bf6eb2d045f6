//! Commands on another machine: the binary as a client, of a daemon that answers as a test wants, and of real ones.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, reason = "a test that finds something else fails")]

#[path = "../common/mod.rs"]
mod common;

mod fake;
#[path = "../repl/pty.rs"]
mod pty;
mod real;
mod refusals;
mod sent;
mod session;
mod way;
