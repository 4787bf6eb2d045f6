//! Whether what was measured on a link is what was asked for: within bounds that a link which does exactly that leaves
//! once in ten thousand times, and with room for what a busy machine adds.
//!
//! Pure.

use crate::fault::Impairment;
use crate::probe::{Arrival, Stream};
use serde::{Deserialize, Serialize};

/// How many packets are sent.
const PACKETS: u32 = 400;
/// From one to the next, where the bandwidth allows it.
const INTERVAL_US: u64 = 500;
/// A packet of ours with its headers of UDP, IP and Ethernet.
const BYTES: u16 = 32;
const HEADERS: u64 = 42;
/// A bandwidth is measured by packets sent in one burst: so long ones, at least so many, and as many as it carries
/// within this time, microseconds, but no more than are sent in a moment.
const BURST_BYTES: u16 = 1_400;
const BURST_PACKETS: u32 = 100;
const BURST_US: u64 = 100_000;
const BURST_PACKETS_MAX: u32 = 10_000;
/// What a link has saved up, it carries at once: only arrivals after this part of the burst are measured.
const BURST_BEGINS: f64 = 0.25;
/// Nobody waits longer than this for a measurement, microseconds: a narrow link is measured with fewer packets …
const LONGEST_US: u64 = 20_000_000;
/// … but not with fewer than these: of a burst, which begins with what was saved up, and of others.
const BURST_PACKETS_MIN: u32 = 12;
const PACKETS_MIN: u32 = 10;
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
/// A burst whose packets wait less than this, microseconds, does not fill the link: then the link is not what is slow.
const WAITS_US: u64 = 5_000;

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
    pub fn not_measured(link: String, asked: &Impairment, why: &str) -> Self {
        Self { link, asked: asked.to_string(), measured: format!("not measured: {why}"), wrong: Vec::new() }
    }
}

/// What to send to see whether a link does this.
///
/// # Errors
/// Why that cannot be seen: it would take too long.
pub fn stream(asked: &Impairment, wait_ms: u64) -> Result<Stream, String> {
    match asked.rate_bits {
        Some(rate) if asked.without_rate().is_none() => {
            let each_us = carried_us(BURST_BYTES, rate);
            let affordable = few(LONGEST_US / each_us);
            if affordable < BURST_PACKETS_MIN {
                return Err(too_narrow(each_us, BURST_PACKETS_MIN));
            }
            let filling = few(BURST_US.div_ceil(each_us)).clamp(BURST_PACKETS, BURST_PACKETS_MAX);
            let count = filling.min(affordable);
            let lasts_ms = u64::from(count) * each_us / 1_000;
            Ok(Stream { count, interval_us: 0, bytes: BURST_BYTES, wait_ms: wait_ms + lasts_ms })
        }
        Some(rate) => {
            // A third of the bandwidth leaves the queue empty.
            let interval_us = (3 * carried_us(BYTES, rate)).max(INTERVAL_US);
            let affordable = few(LONGEST_US / interval_us);
            if affordable < PACKETS_MIN {
                return Err(too_narrow(interval_us, PACKETS_MIN));
            }
            Ok(Stream { count: PACKETS.min(affordable), interval_us, bytes: BYTES, wait_ms })
        }
        None => Ok(Stream { count: PACKETS, interval_us: INTERVAL_US, bytes: BYTES, wait_ms }),
    }
}

/// How long a packet of so many bytes, with its headers, takes through a bandwidth, microseconds.
fn carried_us(bytes: u16, rate_bits: u64) -> u64 {
    ((u64::from(bytes) + HEADERS) * 8 * 1_000_000 / rate_bits.max(1)).max(1)
}

fn few(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn too_narrow(each_us: u64, count: u32) -> String {
    format!("so narrow a link takes {} s for {count} packets", each_us * u64::from(count) / 1_000_000)
}

/// Compares.
#[must_use]
pub fn verify(link: String, asked: &Impairment, stream: Stream, arrivals: &[Arrival]) -> Verified {
    let seen = Seen::of(stream, arrivals);
    let mut wrong = Vec::new();
    let mut measured = seen.to_string();
    if let Some(rate) = asked.rate_bits.filter(|_| stream.interval_us == 0) {
        if seen.is_not_filled(rate) {
            return Verified::not_measured(link, asked, &format!("a burst comes with {} kbit/s only", seen.kbits()));
        }
        measured = format!("{measured}, {} kbit/s", seen.kbits());
        wrong.extend(seen.rate_is(rate));
    } else {
        // A damaged packet does not pass its checksum.
        let lost = 1.0 - (1.0 - asked.loss_rate()) * (1.0 - asked.corrupt.p);
        // A chain's share varies more than independent events' do.
        let memory = if asked.bursts.is_empty() { 1.0 } else { 4.0 };
        wrong.extend(share_is("loss", lost, seen.lost, f64::from(stream.count), memory));
        let arrived = f64::from(stream.count) * (1.0 - seen.lost);
        let memory = if asked.duplicate.correlation > 0.0 { 4.0 } else { 1.0 };
        wrong.extend(share_is("duplicates", asked.duplicate.p, seen.twice, arrived, memory));
        let carried_us = asked.rate_bits.map_or(0, |rate| carried_us(stream.bytes, rate));
        wrong.extend(seen.delay_is(asked, carried_us as f64));
    }
    Verified { link, asked: asked.to_string(), measured, wrong }
}

struct Seen {
    sent: u32,
    /// The share that never came.
    lost: f64,
    /// The share of those that came which came more than once.
    twice: f64,
    /// How long they took, sorted, microseconds.
    took_us: Vec<u64>,
    /// Bits per second of IP packets, from the first arrival that is measured to the last.
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
        let steady = arrivals.get((arrivals.len() as f64 * BURST_BEGINS) as usize..).unwrap_or_default();
        let last = steady.last().map_or(0, |arrival| arrival.at_us);
        let first = steady.first().map_or(0, |arrival| arrival.at_us);
        let bits = steady.len().saturating_sub(1) as f64 * (f64::from(stream.bytes) + 28.0) * 8.0;
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

    /// `carried_us`: what a packet takes through the bandwidth, unless that has saved something up.
    fn delay_is(&self, asked: &Impairment, carried_us: f64) -> Option<String> {
        let median = self.median_us()? as f64;
        // Who overtakes is not delayed; several jitters have no simple middle.
        let middle: f64 = asked.jitter.iter().map(|jitter| jitter.distribution.quantile(0.5) * jitter.us as f64).sum();
        let spread: f64 = asked.jitter.iter().map(|jitter| jitter.us as f64).sum();
        let delay = asked.base_delay_us() as f64;
        let sampled = 1.5 * DEVIATIONS * spread / (self.took_us.len() as f64).sqrt();
        let overtaking = if asked.reorder.p > 0.0 { asked.reorder.p.mul_add(delay, 0.0) } else { 0.0 };
        let correlated = if asked.jitter.iter().any(|jitter| jitter.correlation > 0.0) { spread } else { 0.0 };
        let least = (delay + middle - sampled - overtaking - correlated).max(0.0) - EARLY_US;
        let most = delay + carried_us + middle + sampled + correlated + LATE_US + delay * LATE_PART;
        let is_reordered_away = asked.reorder.p >= 0.4;
        let is_right = is_reordered_away || (least <= median && median <= most);
        (!is_right).then(|| format!("asked for a delay of {} ms, half took {} ms", delay / 1e3, median / 1e3))
    }

    fn rate_is(&self, rate_bits: u64) -> Option<String> {
        let rate = rate_bits as f64;
        let is_right = (self.rate_bits / rate - 1.0).abs() <= RATE_PART;
        (!is_right).then(|| format!("asked for {} kbit/s, measured {} kbit/s", rate / 1e3, self.kbits()))
    }

    /// Whether the sender was slower than the link, which therefore may do as it was asked.
    fn is_not_filled(&self, rate_bits: u64) -> bool {
        let is_slow = self.rate_bits < rate_bits as f64 * (1.0 - RATE_PART);
        is_slow && self.median_us().is_some_and(|median| median < WAITS_US)
    }

    fn kbits(&self) -> f64 {
        (self.rate_bits / 1e3).round()
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
        let stream = stream(asked, 1_000).unwrap();
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

    fn rate(bits: u64) -> Impairment {
        Impairment { rate_bits: Some(bits), ..Impairment::NONE }
    }

    /// What is said of a burst through a bandwidth that carries this, after some packets that it has saved up for, where
    /// the sender needs so many microseconds for each.
    fn burst(asked: u64, carries: u64, saved: u32, sending_us: f64) -> Verified {
        let stream = stream(&rate(asked), 1_000).unwrap();
        let each_us = f64::from(BURST_BYTES + 28) * 8e6 / carries as f64;
        let arrivals = (0..stream.count).scan(0.0_f64, |free_us, number| {
            let sent_us = f64::from(number) * sending_us;
            let at_us = if number < saved { sent_us } else { free_us.max(sent_us) + each_us };
            *free_us = at_us;
            Some(Arrival { number, took_us: (at_us - sent_us) as u64, at_us: at_us as u64 })
        });
        verify("n1 → n2".into(), &rate(asked), stream, &arrivals.collect::<Vec<_>>())
    }

    #[test]
    fn a_bandwidth_is_that_of_a_burst_after_what_was_saved_up() {
        for asked in [8_000, 64_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000] {
            // Five milliseconds, or two packets.
            let saved = (asked / 200 / 11_424).max(2) as u32;
            let said = |carries| burst(asked, carries, saved, 5.0);
            assert_eq!(said(asked).wrong, [""; 0], "{asked}");
            assert_eq!(said(asked * 2).wrong.len(), 1, "{asked}");
            assert_eq!(said(asked / 2).wrong.len(), 1, "{asked}");
        }
        let said = burst(1_000_000, 500_000, 2, 5.0);
        assert_eq!(said.wrong, ["asked for 1000 kbit/s, measured 500 kbit/s"]);
    }

    #[test]
    fn a_link_that_a_probe_cannot_fill_or_wait_for_is_not_measured() {
        // The sender gives 1.1 Gbit/s and hardly a packet waits.
        let said = burst(10_000_000_000, 10_000_000_000, 100, 10.0);
        assert_eq!(
            (said.measured.as_str(), said.wrong.len()),
            ("not measured: a burst comes with 1142400 kbit/s only", 0)
        );
        assert_eq!(stream(&rate(1_000), 1_000).unwrap_err(), "so narrow a link takes 138 s for 12 packets");
        let both = Impairment { delay_us: 1_000, ..rate(100) };
        assert_eq!(stream(&both, 1_000).unwrap_err(), "so narrow a link takes 177 s for 10 packets");
    }

    #[test]
    fn packets_through_a_narrow_link_that_delays_too_do_not_queue_up_and_take_what_they_take() {
        let asked = Impairment { delay_us: 20_000, ..rate(8_000) };
        let stream = stream(&asked, 1_000).unwrap();
        assert!(stream.interval_us > 200_000 && (PACKETS_MIN..PACKETS).contains(&stream.count), "{stream:?}");
        assert!(u64::from(stream.count) * stream.interval_us <= LONGEST_US);
        // With what was saved up, and without.
        assert_eq!(wrong(&asked, 20_100, 0), [""; 0]);
        assert_eq!(wrong(&asked, 20_100 + 60_000, 0), [""; 0]);
        assert_eq!(wrong(&asked, 150_000, 0).len(), 1);
    }
}
