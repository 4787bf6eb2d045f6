//! A link that no packet of a kernel's crosses: the same decisions for a simulation.

use super::Link;
use super::header::Header;
use crate::fault::{Filter, Impairment};
use crate::plan::ShapedLink;

/// A link that does one thing to all its packets.
#[derive(Debug)]
pub struct Simulated(Link);

impl Simulated {
    /// A link of this name that has seen no packet.
    #[must_use]
    pub fn new(seed: u64, name: &str, impairment: Impairment) -> Self {
        Self(Link::new(seed, link(name, impairment)))
    }

    /// From now on it does this; packets are counted on.
    pub fn change(&mut self, seed: u64, name: &str, impairment: Impairment) {
        self.0.change(seed, link(name, impairment));
    }

    /// How much later the next packet, so long, arrives that is sent now, microseconds; twice where it comes twice, and
    /// never where it is lost or damaged: a damaged one does not pass its checksum.
    pub fn cross(&mut self, bytes: usize, now_us: u64) -> Vec<u64> {
        let Some(header) = Header::read(&PACKET) else { return Vec::new() };
        let now_ns = now_us.saturating_mul(1_000);
        let Some(fate) = self.0.decide(&header, bytes, now_ns) else { return Vec::new() };
        let late_us = fate.due_ns.saturating_sub(now_ns) / 1_000;
        let intact = fate.flip.is_none().then_some(late_us);
        // The copy is intact in any case.
        intact.into_iter().chain(fate.copy.then_some(late_us)).collect()
    }
}

fn link(name: &str, impairment: Impairment) -> ShapedLink {
    ShapedLink { name: name.to_owned(), sources: None, effects: vec![(Filter::ANY, impairment)] }
}

/// IPv4 and UDP without content, from 192.0.2.1 to 192.0.2.2.
const PACKET: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x9c, 0x40, 0x9c, 0x40, 0, 8, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Chance;

    #[test]
    fn packets_are_late_lost_or_come_twice_as_asked() {
        let asked = Impairment { delay_us: 5_000, loss: 0.2, duplicate: Chance::independent(0.1), ..Impairment::NONE };
        let mut link = Simulated::new(1, "n1 → n2", asked);
        let arrived: Vec<_> = (0..10_000).map(|k| link.cross(100, k * 1_000)).collect();
        assert!(arrived.iter().flatten().all(|late_us| *late_us == 5_000));
        let lost = arrived.iter().filter(|copies| copies.is_empty()).count();
        let twice = arrived.iter().filter(|copies| copies.len() == 2).count();
        assert!((1_800..2_200).contains(&lost) && (650..950).contains(&twice), "{lost} {twice}");
    }
}
