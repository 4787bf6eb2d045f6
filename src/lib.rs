//! blockade: a chaos engine one scripts.
//!
//! A Rhai program calls `partition()`, `one_way()`, `restart()` … on a cluster of real nodes and decides, at random or
//! on conditions, what happens next; a seed replays it.
//!
//! ```text
//!  blockade.yaml ─► cluster ─┐
//!  script / one-shot command ─► engine::Command ─► engine::Controller ─► fault (desired state) ─► plan (pure)
//!                                                        │                                          │
//!                                                        │                       runtime applies ◄──┘
//!                                                        └──► engine::Event ─► terminal, journal, --json
//! ```
//!
//! # Where a verb of the script becomes a rule in the kernel
//! 1. [`script`] (`bind/faults.rs`): `partition([["n1"], ["n2"]])` becomes a [`fault::Fault`], a value, and is handed in
//!    as a [`engine::Command`].
//! 2. [`engine::Controller`] adds it to the set of active faults and folds the set: [`fault::Matrix`] says what happens
//!    on every directed link, [`plan::Means`] by which means it is impaired, [`plan::Planner`] what each node's namespace
//!    must therefore hold.
//! 3. [`runtime`] hands the plans that changed to its [`agent`], and there [`kernel::tc`] makes the classes that packets
//!    are sorted into, the [`shaper`] is told what to do with those handed to it, and [`kernel::nft`] brings each namespace
//!    to its rules in one netlink transaction.
//!
//! # The map
//! | module | what it is | what it may touch |
//! |---|---|---|
//! | [`cli`], `main.rs` | arguments → commands, events → text, exit codes | the terminal |
//! | [`cluster`] | `blockade.yaml` → nodes, addresses, links; every config error with its place | nothing |
//! | [`fault`] | faults, link selections, the fold into the matrix | nothing |
//! | [`plan`] | matrix → what each namespace must hold, and the way from one ruleset to the next | nothing |
//! | [`probe`] | what is asked of a cluster's network, and what came of it | nothing |
//! | [`fate`] | what becomes of a link's packets, decided by the seed | nothing |
//! | [`kernel`] | nftables, classes, queues, links, addresses and probes over netlink | the namespace it is called in |
//! | [`shaper`] | the process that holds packets where the kernel cannot, and does with each what its fate says | the sockets it is handed |
//! | [`agent`] | the one process with rights, and the handle to it: networks, rules, probes; the inits of `netns` | namespaces, processes |
//! | [`resolve`] | names, globs, seeds and words → what a command holds | nothing |
//! | [`runtime`] | where nodes live: `docker`, `netns`, `sim` | Docker's daemon, node folders; all else through the agent |
//! | [`engine`] | commands, events, the controller (the single writer), the clock | nothing itself |
//! | [`script`] | Rhai: bindings, tasks, modules (`stdlib/*.rhai`), randomness, limits, diagnostics, the static check; a person's session | what its commands say; files of scripts |
//! | [`history`] | what clients asked and what came of it; whose operation it is | nothing |
//! | [`checker`] | does a history keep what its object promises: linearizability, sets; three answers | nothing |
//! | [`journal`] | the run's folder: write-ahead journal, result | files of the run |
//! | [`report`] | a past run as one page, and as JUnit's XML | nothing |
//! | [`chaos`] | the program of `blockade chaos`, and what it is told | nothing |
//! | [`run`] | one run, from seed to verdict; the ground that sessions stand on, too | signals |
//! | [`schedule`] | resolved faults with times: read from a journal, written as the body of `chaos()` | nothing |
//! | [`shrink`] | from a schedule that fails to a smaller one that fails the same way | a folder for its trials |
//! | [`soak`] | many seeds of one script, side by side | its folder, signals |
//! | [`text`] | texts that a person names, read with a bound | those files |
//! | [`words`] | counted things, and command lines as a shell takes them | nothing |
//! | [`supervisor`] | a cluster left up, the way to it from other processes, its audit trail | its folder and socket, the trail |
//! | [`daemon`] | the clusters that are up here, over HTTP: tokens, limits, old and new REST, metrics | its socket, its token's file; clusters through their supervisors |
//! | [`remote`] | commands on another machine: sent as they stand, output and files brought back | the network, files that a command names, folders of runs |
//! | [`errand`] | what a process may do that works for somebody on another machine | its own file, the daemon's lock |
//! | [`certificate`] | a daemon's certificate as a file has it, and its SHA-256 as people tell each other | those files |
//! | [`doctor`] | what this machine can do, and the mends | namespaces made to try things in |
//! | [`demo`] | `blockade demo-store`, the patient of the quickstart | sockets and files of its own |
//! | [`platform`] | what Unix and Windows do differently | signals, the terminal, modes of files |
//!
//! # The wall
//! What needs Linux stands behind the feature `host`, which is on by default: `agent`, `daemon`, `doctor`, `kernel`, `shaper`,
//! `supervisor`, the runtimes but `sim`, workloads. Without it (`--no-default-features --features client`) the same command
//! line is a client: what touches no node works as ever, and so does a simulated run. Where other modules call what is behind
//! the wall, a `hostless.rs` beside it has the same names and refuses; what only a host could have are types without a value
//! there. So nobody else asks on which side they are, but for [`cli`], where `doctor`, `daemon` and the commands that blockade
//! itself starts have no other half.
//!
//! # Invariants
//! 1. A fault is a value; the active faults are a set; the network is a function of the set. Healing one leaves the rest
//!    exactly as they were.
//! 2. Links are directed. A symmetric partition is two cells of the matrix.
//! 3. Desired state, reconciled: a plan is computed whole and applied idempotently; what is right already is not touched.
//!    There is no moment at which a packet crosses a link that is cut both before and after.
//! 4. Rules live inside the node's own network namespace, never in the host's firewall. Drops act at the receiver, before
//!    conntrack; towards the world at netdev egress. Neighbour discovery is never dropped.
//! 5. Only our own tables are created, changed, removed.
//! 6. No fault outlives its run, however the run ends; then every failure to clean up is reported.
//! 7. Everything a script decides comes from the seed and from what it observed.
//! 8. Honest about determinism: on `sim` a seed gives a byte-identical journal; on real nodes the same decisions as long
//!    as the script observes the same.
//! 9. A fault that did not happen is an error.
//! 10. What is about to be done is on disk before it is done.

// A client calls little of what it shares with a host.
#![cfg_attr(not(feature = "host"), allow(dead_code))]

#[cfg(feature = "host")]
pub mod agent;
pub mod certificate;
pub mod chaos;
pub mod checker;
pub mod cli;
pub mod cluster;
#[cfg(feature = "host")]
pub mod daemon;
pub mod demo;
pub mod diagnostic;
#[cfg(feature = "host")]
pub mod doctor;
#[cfg(not(feature = "host"))]
#[path = "doctor/hostless.rs"]
pub mod doctor;
pub mod engine;
pub mod entropy;
#[cfg(feature = "host")]
pub mod errand;
#[cfg(not(feature = "host"))]
#[path = "errand/hostless.rs"]
pub mod errand;
pub mod error;
pub mod fate;
pub mod fault;
pub mod history;
pub mod journal;
#[cfg(feature = "host")]
pub mod kernel;
pub mod plan;
pub mod platform;
pub mod probe;
pub mod random;
pub mod remote;
pub mod report;
pub mod resolve;
pub mod run;
pub mod runtime;
pub mod schedule;
pub mod script;
#[cfg(feature = "host")]
pub mod shaper;
pub mod shrink;
pub mod signal;
pub mod soak;
#[cfg(feature = "host")]
pub mod supervisor;
#[cfg(not(feature = "host"))]
#[path = "supervisor/hostless.rs"]
pub mod supervisor;
pub mod text;
pub mod words;

pub use error::{Error, ErrorKind, Result};

#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
