//! An impairment as netem's options: what of it `plan::means` gives to netem, so neither copies nor damage. Pure.

use super::encode::bytes;
use crate::fault::{Burst, Distribution, Impairment};
use crate::kernel::message::Writer;
use crate::plan::Class;

// <linux/pkt_sched.h>
const DELAY_DIST: u16 = 2;
const REORDER: u16 = 3;
const LOSS: u16 = 5;
const LOSS_FOUR_STATES: u16 = 1;
const LOSS_GILBERT_ELLIOTT: u16 = 2;
const LATENCY64: u16 = 10;
const JITTER64: u16 = 11;
const PRNG_SEED: u16 = 14;
/// One jitter is so much in a table.
const DIST_SCALE: f64 = 8192.0;
/// Entries of a table; the kernel takes up to 16384.
const DIST_ENTRIES: usize = 4096;

/// `limit 1000 delay 50ms 10ms distribution normal loss 1% reorder 25% gap 5 seed 7`
pub(super) fn options(m: &mut Writer<'_>, class: &Class) {
    let impairment = &class.impairment;
    // netem's options are a structure with attributes behind it, within the one attribute.
    m.nest(libc::TCA_OPTIONS, |m| {
        // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter; the times are in 64 bits below
        let loss = if impairment.bursts.is_empty() { share(impairment.loss) } else { 0 };
        let gap = if impairment.reorder.p > 0.0 { impairment.gap.max(1) } else { 0 };
        m.raw(&bytes(&[0, class.limit_packets(), loss, gap, 0, 0]));
        m.bytes(LATENCY64, &nanoseconds(impairment.base_delay_us()));
        if let Some(jitter) = impairment.jitter.first() {
            m.bytes(JITTER64, &nanoseconds(jitter.us));
            distribution(m, jitter.distribution);
        }
        // structures of probability and correlation
        if impairment.reorder.p > 0.0 {
            m.bytes(REORDER, &bytes(&[share(impairment.reorder.p), 0]));
        }
        bursts(m, impairment);
        // Kernels before 6.7 do not know it, and pass it by.
        m.bytes(PRNG_SEED, &class.seed.to_ne_bytes());
    });
}

/// `distribution normal`: a table of quantiles, from which netem draws. The uniform one it has itself.
fn distribution(m: &mut Writer<'_>, distribution: Distribution) {
    if distribution == Distribution::Uniform {
        return;
    }
    let entry = |n: usize| {
        let quantile = distribution.quantile((n as f64 + 0.5) / DIST_ENTRIES as f64);
        (quantile * DIST_SCALE).round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    };
    m.bytes(DELAY_DIST, &(0..DIST_ENTRIES).flat_map(|n| entry(n).to_ne_bytes()).collect::<Vec<_>>());
}

/// `loss gemodel 1% 10% 100% 0.1%`, `loss state 1% 10% 30% 50% 1%`
fn bursts(m: &mut Writer<'_>, impairment: &Impairment) {
    let Some(burst) = impairment.bursts.first() else { return };
    let chain = burst.two_states().map(|chain| chain.and_independent(impairment.loss));
    m.nest(LOSS, |m| match (chain, *burst) {
        (Some(chain), _) => {
            // struct tc_netem_gemodel: p, r, h (received in the bad state), k1 (lost in the good one)
            let numbers = [chain.p, chain.r, 1.0 - chain.bad_loss, chain.good_loss];
            m.bytes(LOSS_GILBERT_ELLIOTT, &bytes(&numbers.map(share)));
        }
        (None, Burst::FourState { p13, p31, p32, p23, p14 }) => {
            // struct tc_netem_gimodel: p13, p31, p32, p14, p23
            m.bytes(LOSS_FOUR_STATES, &bytes(&[p13, p31, p32, p14, p23].map(share)));
        }
        (None, _) => {}
    });
}

/// A probability as netem compares it with 32 random bits.
fn share(p: f64) -> u32 {
    (p * f64::from(u32::MAX)).round() as u32
}

fn nanoseconds(us: u64) -> [u8; 8] {
    us.saturating_mul(1_000).min(i64::MAX as u64).to_ne_bytes()
}
