//! What is asked of a cluster's network, and what came of it: values that every runtime speaks of.
//!
//! Pure. On real nodes `kernel` asks, from inside the namespaces; a simulation answers by itself.

pub mod http;

use serde::{Deserialize, Serialize};

/// Many packets one way, to see what a link does to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// How many packets.
    pub count: u32,
    /// From one to the next, microseconds; 0: as fast as it goes.
    pub interval_us: u64,
    /// How long each is, bytes of UDP's payload, at least [`Stream::BYTES_MIN`].
    pub bytes: u16,
    /// How long after the last one is waited for those under way, milliseconds.
    pub wait_ms: u64,
}

/// A packet that arrived, or a copy of one. They stand in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Which of those sent, from 0.
    pub number: u32,
    /// How long it was on its way, microseconds: sender and receiver have the same clock.
    pub took_us: u64,
    /// When it came, microseconds after the first was sent.
    pub at_us: u64,
}

impl Stream {
    /// What tells one packet from the others.
    pub const BYTES_MIN: u16 = 12;
}
