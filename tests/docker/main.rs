//! The docker runtime as its users meet it: the whole binary against a real daemon.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, reason = "a test that finds something else fails")]

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod audit;
mod bad_input;
mod clusters;
mod crash;
mod crowd;
mod daemon;
mod ground;
#[path = "../daemon/http.rs"]
#[allow(dead_code, reason = "here the daemon listens on its socket only")]
mod http;
mod life;
mod network;
mod old_files;
#[path = "../repl/pty.rs"]
mod pty;
mod repair;
mod repl;
mod rest;
mod restart;
mod scenarios;
mod shaping;
mod soak;
mod stage;
mod users;
mod verbs;
