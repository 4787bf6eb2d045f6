//! Whether what was measured on a link is what was asked for: within bounds that a link which does exactly that leaves
//! once in ten thousand times, and with room for what a busy machine adds.
//!
//! Pure.

use crate::fault::Impairment;
use crate::kernel::probe::{Arrival, Stream};
use serde::{Deserialize, Serialize};

/// How many packets are sent.
const PACKETS: u32 = 400;
/// From one to the next, where the bandwidth allows it.
const INTERVAL_US: u64 = 500;
/// A packet of ours with its headers of UDP, IP and Ethernet.
const BYTES: u16 = 32;
const HEADERS: u64 = 42;
/// A measured bandwidth is that of packets sent in one burst.
const BURST_PACKETS: u32 = 100;
const BURST_BYTES: u16 = 1_400;
/// So many standard deviations a share is off in one of ten thousand cases.
const DEVIATIONS: f64 = 3.9;
/// A machine may be so late, microseconds, and by this part of what was asked for.
const LATE_US: f64 = 5_000.0;
const LATE_PART: f64 = 0.05;
/// A delay may be short by so much: clocks are read before and after the packet is handed over.
const EARLY_US: f64 = 100.0;
/// A share of so many packets may be off besides: a machine drops one now and then.
const STRAY: f64 = 0.005;
/// A bandwidth that was measured may be off by this part, in one burst.
const RATE_PART: f64 = 0.25;

/// What a link did beside what was asked of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// `n1 → n2`.
    pub link: String,
    /// What was asked for.
    pub asked: String,
    /// What was measured.
    pub measured: String,
    /// What is not as asked; none where all is.
    pub wrong: Vec<String>,
}

impl Verified {
    /// A link that no probe can say anything about.
    #[must_use]
    pub fn not_measured(link: String, why: &str) -> Self {
        Self { link, asked: String::new(), measured: format!("not measured: {why}"), wrong: Vec::new() }
    }
}

/// What to send to see whether a link does this.
#[must_use]
pub fn stream(asked: &Impairment, wait_ms: u64) -> Stream {
    match asked.rate_bits {
        // A third of the bandwidth leaves the queue empty.
        Some(rate) if asked.without_rate().is_none() => {
            let bits = u64::from(BURST_PACKETS) * (u64::from(BURST_BYTES) + HEADERS) * 8;
            let lasts_ms = bits.saturating_mul(1_000) / rate.max(1);
            Stream { count: BURST_PACKETS, interval_us: 0, bytes: BURST_BYTES, wait_ms: wait_ms + lasts_ms.min(30_000) }
        }
        Some(rate) => {
            let interval_us = (3 * (u64::from(BYTES) + HEADERS) * 8 * 1_000_000 / rate.max(1)).max(INTERVAL_US);
            Stream { count: PACKETS, interval_us: interval_us.min(50_000), bytes: BYTES, wait_ms }
        }
        None => Stream { count: PACKETS, interval_us: INTERVAL_US, bytes: BYTES, wait_ms },
    }
}

/// Compares.
#[must_use]
pub fn verify(link: String, asked: &Impairment, stream: Stream, arrivals: &[Arrival]) -> Verified {
    let seen = Seen::of(stream, arrivals);
    let mut wrong = Vec::new();
    if asked.rate_bits.is_some() && stream.interval_us == 0 {
        wrong.extend(seen.rate_is(asked));
    } else {
        // A damaged packet does not pass its checksum.
        let lost = 1.0 - (1.0 - asked.loss_rate()) * (1.0 - asked.corrupt.p);
        // A chain's share varies more than independent events' do.
        let memory = if asked.bursts.is_empty() { 1.0 } else { 4.0 };
        wrong.extend(share_is("loss", lost, seen.lost, f64::from(stream.count), memory));
        let arrived = f64::from(stream.count) * (1.0 - seen.lost);
        let memory = if asked.duplicate.correlation > 0.0 { 4.0 } else { 1.0 };
        wrong.extend(share_is("duplicates", asked.duplicate.p, seen.twice, arrived, memory));
        wrong.extend(seen.delay_is(asked));
    }
    Verified { link, asked: asked.to_string(), measured: seen.to_string(), wrong }
}

struct Seen {
    sent: u32,
    /// The share that never came.
    lost: f64,
    /// The share of those that came which came more than once.
    twice: f64,
    /// How long they took, sorted, microseconds.
    took_us: Vec<u64>,
    /// Bits per second of IP packets, from the first arrival to the last.
    rate_bits: f64,
}

impl Seen {
    fn of(stream: Stream, arrivals: &[Arrival]) -> Self {
        let mut times = vec![0_u32; stream.count as usize];
        for arrival in arrivals {
            if let Some(count) = times.get_mut(arrival.number as usize) {
                *count += 1;
            }
        }
        let share = |some: usize, of: usize| if of == 0 { 0.0 } else { some as f64 / of as f64 };
        let came = times.iter().filter(|count| **count > 0).count();
        let mut took_us: Vec<u64> = arrivals.iter().map(|arrival| arrival.took_us).collect();
        took_us.sort_unstable();
        let last = arrivals.last().map_or(0, |arrival| arrival.at_us);
        let first = arrivals.first().map_or(0, |arrival| arrival.at_us);
        let bits = arrivals.len().saturating_sub(1) as f64 * (f64::from(stream.bytes) + 28.0) * 8.0;
        Self {
            sent: stream.count,
            lost: share(times.len() - came, times.len()),
            twice: share(times.iter().filter(|count| **count > 1).count(), came),
            took_us,
            rate_bits: if last > first { bits * 1e6 / (last - first) as f64 } else { 0.0 },
        }
    }

    fn median_us(&self) -> Option<u64> {
        self.took_us.get(self.took_us.len() / 2).copied()
    }

    fn delay_is(&self, asked: &Impairment) -> Option<String> {
        let median = self.median_us()? as f64;
        // Who overtakes is not delayed; several jitters have no simple middle.
        let middle: f64 = asked.jitter.iter().map(|jitter| jitter.distribution.quantile(0.5) * jitter.us as f64).sum();
        let spread: f64 = asked.jitter.iter().map(|jitter| jitter.us as f64).sum();
        let delay = asked.base_delay_us() as f64;
        let sampled = 1.5 * DEVIATIONS * spread / (self.took_us.len() as f64).sqrt();
        let overtaking = if asked.reorder.p > 0.0 { asked.reorder.p.mul_add(delay, 0.0) } else { 0.0 };
        let correlated = if asked.jitter.iter().any(|jitter| jitter.correlation > 0.0) { spread } else { 0.0 };
        let least = (delay + middle - sampled - overtaking - correlated).max(0.0) - EARLY_US;
        let most = delay + middle + sampled + correlated + LATE_US + delay * LATE_PART;
        let is_reordered_away = asked.reorder.p >= 0.4;
        let is_right = is_reordered_away || (least <= median && median <= most);
        (!is_right).then(|| format!("asked for a delay of {} ms, half took {} ms", delay / 1e3, median / 1e3))
    }

    fn rate_is(&self, asked: &Impairment) -> Option<String> {
        let rate = asked.rate_bits? as f64;
        let is_right = (self.rate_bits / rate - 1.0).abs() <= RATE_PART;
        (!is_right)
            .then(|| format!("asked for {} kbit/s, measured {} kbit/s", rate / 1e3, (self.rate_bits / 1e3).round()))
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let median = self.median_us().map_or("none came".to_owned(), |us| format!("delay {} ms", us as f64 / 1e3));
        let percent = |share: f64| (share * 1e4).round() / 1e2;
        write!(f, "of {} packets: {median}, loss {} %", self.sent, percent(self.lost))?;
        if self.twice > 0.0 { write!(f, ", duplicates {} %", percent(self.twice)) } else { Ok(()) }
    }
}

/// Whether a share of `n` packets is as probable as that.
fn share_is(what: &str, asked: f64, found: f64, n: f64, memory: f64) -> Option<String> {
    let deviation = (asked * (1.0 - asked) / n.max(1.0)).sqrt() * memory;
    let is_right = (found - asked).abs() <= DEVIATIONS * deviation + STRAY;
    let percent = |share: f64| (share * 1e4).round() / 1e2;
    (!is_right).then(|| format!("asked for {} % {what}, measured {} %", percent(asked), percent(found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Burst, Chance, Distribution, Jitter};

    /// What a link does that delays by this and loses every so-manieth.
    fn arrivals(stream: Stream, delay_us: u64, every: u32) -> Vec<Arrival> {
        let kept = (0..stream.count).filter(|number| every == 0 || number % every != 0);
        kept.map(|number| Arrival {
            number,
            took_us: delay_us,
            at_us: u64::from(number) * stream.interval_us + delay_us,
        })
        .collect()
    }

    fn wrong(asked: &Impairment, delay_us: u64, every: u32) -> Vec<String> {
        let stream = stream(asked, 1_000);
        verify("n1 → n2".into(), asked, stream, &arrivals(stream, delay_us, every)).wrong
    }

    #[test]
    fn a_link_that_does_what_was_asked_is_right_and_one_that_does_not_is_told() {
        let delay = Impairment { delay_us: 50_000, ..Impairment::NONE };
        assert!(wrong(&delay, 50_200, 0).is_empty());
        assert_eq!(wrong(&delay, 300, 0), ["asked for a delay of 50 ms, half took 0.3 ms"]);
        assert_eq!(wrong(&delay, 100_400, 0), ["asked for a delay of 50 ms, half took 100.4 ms"]);
        let loss = Impairment { loss: 0.1, ..Impairment::NONE };
        assert!(wrong(&loss, 100, 10).is_empty());
        assert_eq!(wrong(&loss, 100, 0), ["asked for 10 % loss, measured 0 %"]);
        assert_eq!(wrong(&loss, 100, 2), ["asked for 10 % loss, measured 50 %"]);
        let damage = Impairment { corrupt: Chance::independent(0.1), ..Impairment::NONE };
        assert!(wrong(&damage, 100, 10).is_empty());
        let twice = Impairment { duplicate: Chance::independent(0.2), ..Impairment::NONE };
        assert_eq!(wrong(&twice, 100, 0), ["asked for 20 % duplicates, measured 0 %"]);
        let burst = Burst::Correlated { loss: 0.3, correlation: 0.5 };
        let bursty = Impairment { bursts: vec![burst], ..Impairment::NONE };
        assert!(wrong(&bursty, 100, 3).is_empty());
        let jitter = Jitter { us: 20_000, distribution: Distribution::Normal, correlation: 0.0 };
        let jittery = Impairment { delay_us: 50_000, jitter: vec![jitter], ..Impairment::NONE };
        assert!(wrong(&jittery, 52_000, 0).is_empty());
        assert!(!wrong(&jittery, 5_000, 0).is_empty());
    }

    #[test]
    fn a_bandwidth_is_that_of_a_burst() {
        let asked = Impairment { rate_bits: Some(1_000_000), ..Impairment::NONE };
        let stream = stream(&asked, 1_000);
        let at = |per_packet_us: u64| {
            let arrivals: Vec<_> = (0..stream.count)
                .map(|number| Arrival { number, took_us: 1, at_us: u64::from(number) * per_packet_us })
                .collect();
            verify("n1 → n2".into(), &asked, stream, &arrivals).wrong
        };
        // 1,428 bytes of IP take 11.4 ms.
        assert!(at(11_424).is_empty());
        assert_eq!(at(100).len(), 1);
        assert_eq!(at(50_000).len(), 1);
    }
}
