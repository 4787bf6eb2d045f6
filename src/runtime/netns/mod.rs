//! Nodes as plain processes in Linux namespaces, on a network that nothing outside can see.
//!
//! The runner has no rights and touches no namespace. It starts one [agent](crate::agent), the only process with rights,
//! and speaks to it over a socket. The agent is PID 1 of a pid namespace that holds
//! everything the run starts, so that its death, for whatever reason, is the death of all of it:
//!
//! ```text
//! runner ──socket──────────────┐
//!   └─ agent, stage A          │   waits; ends B when the runner's lifeline closes
//!        └─ agent, stage B ◄───┘   PID 1 of the fabric: the event loop, the bridge, all netlink sockets
//!             ├─ init of n1        PID 1 of n1's pid namespace: signals, pause, reaping
//!             │    └─ program of n1
//!             └─ init of n2 …
//! ```
//!
//! A node's network namespace is held by the agent and outlives its processes: rules stay over a restart. The other
//! namespaces (pid, mount, uts, ipc) are made anew at each start.

mod log;
mod runtime;
mod workdir;

pub use runtime::Netns;
