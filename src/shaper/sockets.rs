//! The sockets of one node's namespace, from the agent, which opens them there, to the shaper, which uses them.

use crate::error::{Error, Result};
use crate::kernel::queue::{Kind, Queue};
use crate::kernel::raw::Raw;
use rustix::fd::OwnedFd;
use std::collections::VecDeque;

/// All that the shaper needs of a node's namespace.
#[derive(Debug)]
pub struct Sockets {
    /// In the order of [`Kind::ALL`].
    pub(super) queues: [Queue; 3],
    pub(super) raw: Raw,
}

impl Sockets {
    /// Opens them in the calling thread's network namespace, where they stay. From then on the node's queues are bound:
    /// what a rule puts there waits for the shaper.
    pub fn open() -> Result<Self> {
        let [whole, single, leaving] = Kind::ALL.map(Queue::open);
        Ok(Self { queues: [whole?, single?, leaving?], raw: Raw::open()? })
    }

    /// Takes them apart, to be sent.
    pub(super) fn into_fds(self) -> Vec<OwnedFd> {
        let (v4, v6) = self.raw.into_parts();
        self.queues.into_iter().map(OwnedFd::from).chain([v4]).chain(v6).collect()
    }

    /// Puts them together from the first that have come, so many.
    pub(super) fn from_fds(fds: &mut VecDeque<OwnedFd>, count: usize) -> Result<Self> {
        let mut next = (0..count).map_while(|_| fds.pop_front());
        let mut one = || next.next().ok_or_else(|| Error::machine("a node's sockets did not reach the shaper"));
        let queues = [one()?, one()?, one()?];
        let raw = Raw::adopt(one()?, one().ok());
        let mut kinds = Kind::ALL.into_iter().zip(queues).map(|(kind, fd)| Queue::adopt(fd, kind));
        match (kinds.next(), kinds.next(), kinds.next()) {
            (Some(whole), Some(single), Some(leaving)) => Ok(Self { queues: [whole, single, leaving], raw }),
            _ => unreachable!("there are three kinds"),
        }
    }
}
