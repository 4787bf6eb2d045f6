//! What each device of a node holds to shape what it sends: a root HTB, a class for each distinct impairment, and below
//! it a netem or a plain queue.
//!
//! Pure. Where nothing but a link's bandwidth changes, its class changes in place: what waits there is carried at the new
//! rate, and no more than that at once. A link whose impairment changes otherwise is sorted into another class, in one
//! step of the map that sorts, and the former class is removed when it has run empty. So nothing that was under way is
//! lost, and no packet passes unimpaired.

use super::ClassId;
use super::table::MAJOR;
use crate::fault::Impairment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// All classes of a device, by number; every device of a node has the same. Empty: no tree at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// What packets meet in them.
    pub classes: BTreeMap<ClassId, Class>,
}

/// A class with its leaf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// What packets meet: a bandwidth in the class itself, all else in a netem below it.
    pub impairment: Impairment,
    /// netem's seed, where the kernel takes one.
    pub seed: u64,
}

/// A class has this bandwidth where none was asked for.
pub const UNLIMITED_BITS: u64 = 200_000_000_000;
/// A queue before a bandwidth holds what that carries in this time, microseconds.
pub const QUEUE_US: u64 = 100_000;
/// What a wire's packet carries, bytes, and what an Ethernet header adds.
pub const MTU: u64 = 1_500;
/// See [`MTU`].
pub const ETHERNET: u64 = 14;
/// The fastest that packets are expected to come where no bandwidth was asked for.
const FASTEST_BITS: u64 = 10_000_000_000;
/// The least room of a queue, and the most, packets.
const LEAST_PACKETS: u64 = 32;
const MOST_PACKETS: u64 = 1_000_000;
/// Nobody waits longer than that for a queue to run empty, microseconds.
const LONGEST_QUEUE_US: u64 = 600_000_000;
/// A queue of bytes takes a large packet in any case.
const LEAST_BYTES: u64 = 1 << 17;

impl Class {
    /// Whether there is a netem below it.
    #[must_use]
    pub fn has_netem(&self) -> bool {
        !self.impairment.without_rate().is_none()
    }

    /// How many packets the netem may hold: what arrives during the longest delay, and what waits for the bandwidth.
    #[must_use]
    pub fn limit_packets(&self) -> u32 {
        let rate = self.impairment.rate_bits.unwrap_or(FASTEST_BITS);
        let wait_us = self.impairment.longest_us() + self.impairment.rate_bits.map_or(0, |_| QUEUE_US);
        let packets = u128::from(rate) * u128::from(wait_us) / 8_000_000 / u128::from(MTU);
        (u64::try_from(packets).unwrap_or(MOST_PACKETS) * 5 / 4).clamp(LEAST_PACKETS.max(self.least()), MOST_PACKETS)
            as u32
    }

    fn least(&self) -> u64 {
        if self.impairment.rate_bits.is_some() { LEAST_PACKETS } else { 1_000 }
    }

    /// How many bytes a plain queue may hold.
    #[must_use]
    pub fn limit_bytes(&self) -> u32 {
        let rate = self.impairment.rate_bits.unwrap_or(FASTEST_BITS);
        let bytes = u128::from(rate) * u128::from(QUEUE_US) / 8_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX).clamp(LEAST_BYTES, u64::from(u32::MAX)) as u32
    }

    /// Bytes per second, of Ethernet's frames: a bandwidth is one of IP packets, and a full one has a header more.
    #[must_use]
    pub fn rate_bytes(&self) -> u64 {
        let bits = self.impairment.rate_bits.unwrap_or(UNLIMITED_BITS);
        (u128::from(bits) * u128::from(MTU + ETHERNET) / u128::from(MTU) / 8).max(1) as u64
    }

    /// How long the last packet that enters it may stay, microseconds.
    #[must_use]
    pub fn empties_within_us(&self) -> u64 {
        self.impairment.longest_us().saturating_add(self.impairment.rate_bits.map_or(0, |rate| self.queued_us(rate)))
    }
}

impl Class {
    /// How long a full queue takes to run empty through a bandwidth, microseconds.
    fn queued_us(&self, rate_bits: u64) -> u64 {
        /// What the kernel hands down as one packet at most.
        const LARGEST_PACKET: u64 = 1 << 16;
        let bytes = if self.has_netem() {
            u64::from(self.limit_packets()) * LARGEST_PACKET
        } else {
            u64::from(self.limit_bytes()) + LARGEST_PACKET
        };
        let us = u128::from(bytes) * 8_000_000 / u128::from(rate_bits.max(1));
        u64::try_from(us).unwrap_or(u64::MAX).min(LONGEST_QUEUE_US)
    }
}

impl Tree {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

impl fmt::Display for Tree {
    /// The commands of `tc` for a device `eth0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        writeln!(f, "tc qdisc add dev eth0 root handle {MAJOR:x}: htb default 0")?;
        for (id, class) in &self.classes {
            let rate = class.rate_bytes() * 8;
            writeln!(f, "tc class add dev eth0 parent {MAJOR:x}: classid {MAJOR:x}:{id:x} htb rate {rate}bit")?;
            write!(f, "tc qdisc add dev eth0 parent {MAJOR:x}:{id:x} ")?;
            if class.has_netem() {
                writeln!(f, "netem limit {} {}", class.limit_packets(), class.impairment.without_rate())?;
            } else {
                writeln!(f, "bfifo limit {}", class.limit_bytes())?;
            }
        }
        Ok(())
    }
}

/// Numbers for classes: the same impairment keeps its number for as long as some link of the node has it, at whatever
/// bandwidth, and over a time in which other means impair that link: what waits in its class then goes before what comes
/// later, and not beside it. For another impairment a number comes back only when all others have been used, long after its class has run empty.
#[derive(Clone, Debug, Default)]
pub struct ClassIds {
    taken: Vec<(Key, ClassId)>,
    /// Those whose links are impaired by other means.
    left: Vec<(Key, ClassId)>,
    last: ClassId,
}

/// So many of those are remembered.
const REMEMBERED: usize = 64;

/// What shares a class. A bandwidth is each link's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// What packets meet.
    pub impairment: Impairment,
    /// The link's target in the matrix, where it has a bandwidth of its own.
    pub link: Option<usize>,
}

impl Key {
    /// Whether they differ in the bandwidth that both have, and in nothing else.
    fn is_at_another_rate(&self, other: &Self) -> bool {
        let (own, others) = (&self.impairment, &other.impairment);
        own.rate_bits.is_some()
            && others.rate_bits.is_some()
            && self.link == other.link
            && own.without_rate() == others.without_rate()
    }
}

/// Of a class's number 16 bits are there; the root's own is 0, and the kernel keeps the highest.
const HIGHEST: ClassId = 0xfff0;

impl ClassIds {
    /// The numbers of these, each with the number that it had before, if any; those of others are free from now on, but
    /// for those of links that `is_elsewhere` says are impaired by other means for a while.
    pub fn of(&mut self, keys: Vec<(Key, Option<ClassId>)>, is_elsewhere: impl Fn(usize) -> bool) -> Vec<ClassId> {
        let wanted = |key: &Key| keys.iter().any(|(wanted, _)| wanted == key);
        for (key, former) in &keys {
            let known = self.taken.iter().any(|(taken, _)| taken == key);
            let mut taken = self.taken.iter_mut().filter(|_| !known);
            if let Some((changed, _)) = taken.find(|(taken, id)| Some(*id) == *former && key.is_at_another_rate(taken))
                && !wanted(changed)
            {
                *changed = key.clone();
            }
        }
        let (taken, left): (Vec<_>, Vec<_>) = self.taken.drain(..).partition(|(key, _)| wanted(key));
        self.taken = taken;
        self.left.extend(left);
        self.left.retain(|(key, _)| key.link.is_some_and(&is_elsewhere));
        self.left.drain(..self.left.len().saturating_sub(REMEMBERED));
        keys.into_iter().map(|(key, _)| self.one(key)).collect()
    }

    fn one(&mut self, key: Key) -> ClassId {
        if let Some((_, id)) = self.taken.iter().find(|(taken, _)| *taken == key) {
            return *id;
        }
        if let Some(place) = self.left.iter().position(|(left, _)| *left == key) {
            let (key, id) = self.left.remove(place);
            self.taken.push((key, id));
            return id;
        }
        loop {
            self.last = if self.last >= HIGHEST { 1 } else { self.last + 1 };
            if !self.taken.iter().chain(&self.left).any(|(_, id)| *id == self.last) {
                break;
            }
        }
        self.taken.push((key, self.last));
        self.last
    }
}
