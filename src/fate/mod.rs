//! What becomes of a link's packets: decided by the seed, the link and how many packets there were before. Pure.
//!
//! Packets that the same filters select are a class. A class has streams of random numbers of its own, so that one
//! class's packets never change what is decided for another's, and each packet has a fixed place in them, whatever is
//! decided: what the link does may change while packets pass, and packet `k` still finds the same numbers.
//!
//! | stream | of each packet |
//! |---|---|
//! | the class's | [`DRAWS`] numbers: is it lost, does it come twice, is a bit of it flipped, which one, does it overtake; three more that nothing uses |
//! | its child `burst 0`, `burst 1`, … | two numbers for that burst of losses |
//! | its child `jitter 0`, … | one for that jitter |
//!
//! The stream of the class of packets that no filter singles out is the link's, `Stream::root(seed).split("n1 → n2")`;
//! that of another class is its child named after the filters.
//!
//! A packet that is not lost waits for the bandwidth, of which it takes its bytes from the header of IP on, then for the
//! delay. What comes twice comes twice at the same time,
//! and the copy is intact.
//!
//! The shaper's process decides so about the packets of a kernel, and the simulation about those of its own probes.

mod chain;
pub(crate) mod header;
mod simulated;

pub use simulated::Simulated;

use crate::fault::{Filter, Impairment};
use crate::plan::ShapedLink;
use crate::plan::tree::QUEUE_US;
use crate::random::Stream;
use chain::{Deviation, LossState, Memory};
use header::Header;
use std::collections::BTreeMap;

/// How many numbers a packet has in its class's stream: one block of ChaCha.
const DRAWS: u64 = 8;
const BURST_DRAWS: u64 = 2;
const JITTER_DRAWS: u64 = 1;

/// Before a bandwidth waits what it carries within this time, as in the kernel's trees …
const QUEUE_NS: u64 = QUEUE_US * 1_000;
/// … or so much, if that is more. Twice what a tree holds: there the sender's socket sees its packets wait and sends no
/// more, here it sends until some are lost. Measured at 1 Mbit/s: with 128 KiB a connection carried 83 % in ten seconds.
const QUEUE_BITS: u64 = 8 << 18;
/// What a bandwidth did not carry while nothing was there, it carries later, as far as this goes back: a sender whose
/// next packet waits for an answer to the last one, and for us to wake up, would never fill the link. (HTB has its burst
/// for the same reason.)
const CREDIT_NS: u64 = 5_000_000;

/// What becomes of a packet that is not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When it goes on.
    pub(crate) due_ns: u64,
    /// Whether it comes twice.
    pub(crate) copy: bool,
    /// Whether a bit of it is flipped, and a number that says which: see [`place`].
    pub(crate) flip: Option<u64>,
}

/// A directed link and all that is remembered about it.
#[derive(Debug)]
pub(crate) struct Link {
    seed: u64,
    stream: Stream,
    shaped: ShapedLink,
    /// For each of its effects, when the last packet has left the bandwidth behind.
    departures_ns: Vec<u64>,
    /// By the particular filters: one that selects every packet makes no class.
    classes: BTreeMap<Vec<Filter>, Class>,
    /// The particular filters that select the packet at hand; kept for its memory.
    selected: Vec<Filter>,
}

/// The packets that the same filters select.
#[derive(Debug)]
struct Class {
    effect: Impairment,
    stream: Stream,
    bursts: Vec<(Stream, LossState)>,
    jitters: Vec<(Stream, Deviation)>,
    duplicate: Memory,
    corrupt: Memory,
    reorder: Memory,
    /// Packets that have not overtaken since the last one that did.
    in_order: u32,
    /// How many packets there were.
    packets: u64,
}

/// A packet's numbers from its class's stream.
struct Draws([u64; DRAWS as usize]);

impl Link {
    /// A link that has seen no packet.
    pub(crate) fn new(seed: u64, shaped: ShapedLink) -> Self {
        let stream = Stream::root(seed).split(&shaped.name);
        let departures_ns = vec![0; shaped.effects.len()];
        Self { seed, stream, shaped, departures_ns, classes: BTreeMap::new(), selected: Vec::new() }
    }

    /// From now on it does this; packets are counted on. Under another seed it begins anew. What waits for a bandwidth
    /// that is another one now does not keep others waiting: it goes in its own time.
    pub(crate) fn change(&mut self, seed: u64, shaped: ShapedLink) {
        if seed != self.seed {
            *self = Self::new(seed, shaped);
            return;
        }
        let former = std::mem::replace(&mut self.shaped, shaped);
        let departure = |(filter, impairment): &(Filter, Impairment)| {
            let stands =
                |(known, before): &(Filter, Impairment)| known == filter && before.rate_bits == impairment.rate_bits;
            let known = former.effects.iter().zip(&self.departures_ns).find(|(effect, _)| stands(effect));
            known.map_or(0, |(_, departure)| *departure)
        };
        self.departures_ns = self.shaped.effects.iter().map(departure).collect();
        // A filter that is gone may never come back: its classes are forgotten.
        let stands = |filter: &Filter| self.shaped.effects.iter().any(|(standing, _)| standing == filter);
        self.classes.retain(|filters, _| filters.iter().all(stands));
        for (filters, class) in &mut self.classes {
            class.change(effect(&self.shaped, filters));
        }
    }

    /// It does nothing for a while: no bandwidth is waited for any more.
    pub(crate) fn rest(&mut self) {
        self.departures_ns.fill(0);
    }

    /// What becomes of the next packet, which is so long on the wire and arrives now; nothing: it is lost.
    pub(crate) fn decide(&mut self, header: &Header, bytes: usize, now_ns: u64) -> Option<Fate> {
        let filters = self.shaped.effects.iter().map(|(filter, _)| *filter);
        self.selected.clear();
        self.selected.extend(filters.clone().filter(|filter| is_particular(*filter) && header.is_selected_by(*filter)));
        if self.selected.is_empty() && filters.clone().all(is_particular) {
            return Some(Fate { due_ns: now_ns, copy: false, flip: None });
        }
        if !self.classes.contains_key(&self.selected) {
            let class = Class::new(&self.stream, &self.selected, effect(&self.shaped, &self.selected));
            self.classes.insert(self.selected.clone(), class);
        }
        let fate = self.classes.get_mut(&self.selected)?.decide(now_ns)?;
        let waits_ns = self.bandwidth(bytes, now_ns)? - now_ns;
        Some(Fate { due_ns: fate.due_ns.saturating_add(waits_ns), ..fate })
    }

    /// When the packet has left behind every bandwidth that it goes through, one after the other; nothing: a queue was
    /// full. A bandwidth for all packets is shared by all classes.
    fn bandwidth(&mut self, bytes: usize, now_ns: u64) -> Option<u64> {
        let mut at_ns = now_ns;
        for ((filter, impairment), departure_ns) in self.shaped.effects.iter().zip(&mut self.departures_ns) {
            if let Some(rate) = impairment.rate_bits.filter(|_| meets(*filter, &self.selected)) {
                let free_ns = (*departure_ns).max(at_ns.saturating_sub(CREDIT_NS));
                if free_ns.saturating_sub(at_ns) > QUEUE_NS.max(takes_ns(QUEUE_BITS, rate)) {
                    return None;
                }
                *departure_ns = free_ns.saturating_add(takes_ns(bytes as u64 * 8, rate));
                at_ns = at_ns.max(*departure_ns);
            }
        }
        Some(at_ns)
    }
}

/// Whether a filter leaves any packet out.
fn is_particular(filter: Filter) -> bool {
    filter != Filter::ANY
}

/// Whether a packet that these particular filters select is selected by that one.
fn meets(filter: Filter, selected: &[Filter]) -> bool {
    !is_particular(filter) || selected.contains(&filter)
}

fn effect(shaped: &ShapedLink, selected: &[Filter]) -> Impairment {
    shaped.effect(|filter| meets(filter, selected))
}

/// How long so many bits take at this rate.
fn takes_ns(bits: u64, rate_bits: u64) -> u64 {
    let ns = u128::from(bits) * 1_000_000_000 / u128::from(rate_bits.max(1));
    u64::try_from(ns).unwrap_or(u64::MAX)
}

impl Class {
    fn new(link: &Stream, filters: &[Filter], effect: Impairment) -> Self {
        let name = filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut class = Self {
            effect: Impairment::NONE,
            stream: if name.is_empty() { link.clone() } else { link.split(&name) },
            bursts: Vec::new(),
            jitters: Vec::new(),
            duplicate: Memory::default(),
            corrupt: Memory::default(),
            reorder: Memory::default(),
            in_order: 0,
            packets: 0,
        };
        class.change(effect);
        class
    }

    fn change(&mut self, effect: Impairment) {
        let stream = |name: &str, place: usize, draws: u64| {
            let mut stream = self.stream.split(&format!("{name} {place}"));
            stream.seek(self.packets.wrapping_mul(draws));
            stream
        };
        self.bursts.truncate(effect.bursts.len());
        for (place, burst) in effect.bursts.iter().enumerate() {
            match self.bursts.get_mut(place) {
                Some((_, state)) => *state = state.kept_by(burst),
                None => self.bursts.push((stream("burst", place, BURST_DRAWS), LossState::of(burst))),
            }
        }
        self.jitters.truncate(effect.jitter.len());
        for place in self.jitters.len()..effect.jitter.len() {
            self.jitters.push((stream("jitter", place, JITTER_DRAWS), Deviation::default()));
        }
        self.effect = effect;
    }

    /// What becomes of its next packet, if the bandwidth is without end.
    fn decide(&mut self, now_ns: u64) -> Option<Fate> {
        let draws = Draws(std::array::from_fn(|_| self.stream.bits()));
        self.packets += 1;
        let effect = &self.effect;
        let mut lost = draws.share(0) < effect.loss;
        for ((stream, state), burst) in self.bursts.iter_mut().zip(&effect.bursts) {
            lost |= state.loses(burst, [stream.unit(), stream.unit()]);
        }
        let copy = self.duplicate.meets(effect.duplicate, draws.share(1));
        let flips = self.corrupt.meets(effect.corrupt, draws.share(2));
        let reorders = self.reorder.meets(effect.reorder, draws.share(4));
        let delay_ns = self.delay_ns();
        if lost {
            return None;
        }
        let overtakes = self.overtakes(reorders);
        let due_ns = if overtakes { now_ns } else { now_ns.saturating_add(delay_ns) };
        Some(Fate { due_ns, copy, flip: flips.then_some(draws.0[3]) })
    }

    fn delay_ns(&mut self) -> u64 {
        let mut delay_ns = self.effect.base_delay_us() as f64 * 1e3;
        for ((stream, deviation), jitter) in self.jitters.iter_mut().zip(&self.effect.jitter) {
            delay_ns += deviation.next_ns(jitter, open(stream.bits()));
        }
        // Below zero becomes zero.
        delay_ns.round() as u64
    }

    /// Whether the packet overtakes, given that the numbers say so: with a gap, only after enough that did not. (As in
    /// netem, lost packets do not count.)
    fn overtakes(&mut self, reorders: bool) -> bool {
        let overtakes = reorders && self.in_order >= self.effect.gap.saturating_sub(1);
        self.in_order = if overtakes { 0 } else { self.in_order.saturating_add(1) };
        overtakes
    }
}

impl Draws {
    /// A number in [0, 1), as [`Stream::unit`] makes it.
    fn share(&self, place: usize) -> f64 {
        (self.0[place] >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A number in (0, 1): the middle of one of 2⁵² equal parts.
fn open(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Which of `n` a number of a [`Fate`] means.
pub(crate) fn place(bits: u64, n: usize) -> usize {
    ((u128::from(bits) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::header::tests::v4;
    use super::*;
    use crate::fault::{Burst, Chance, Distribution, Jitter, Proto};
    use proptest::prelude::*;

    const UDP: u8 = 17;
    const TCP: u8 = 6;
    const MS: u64 = 1_000_000;

    fn shaped(effects: &[(Filter, Impairment)]) -> ShapedLink {
        ShapedLink { name: "n1 → n2".into(), sources: None, effects: effects.to_vec() }
    }

    fn any(impairment: Impairment) -> ShapedLink {
        shaped(&[(Filter::ANY, impairment)])
    }

    fn port(port: u16) -> Filter {
        Filter { port: Some(port), ..Filter::ANY }
    }

    fn header(proto: u8, port: u16) -> Header {
        Header::read(&v4(proto, port, port)).unwrap()
    }

    /// The fates of packets that come one every millisecond, with the time that each takes.
    fn fates(link: &mut Link, header: &Header, count: u64) -> Vec<Option<Fate>> {
        let took = |k| link.decide(header, 1_000, k * MS).map(|fate| Fate { due_ns: fate.due_ns - k * MS, ..fate });
        (0..count).map(took).collect()
    }

    fn everything() -> Impairment {
        Impairment {
            delay_us: 10_000,
            jitter: vec![
                Jitter { us: 2_000, distribution: Distribution::Normal, correlation: 0.5 },
                Jitter { us: 1_000, distribution: Distribution::Pareto, correlation: 0.0 },
            ],
            loss: 0.1,
            bursts: vec![
                Burst::Correlated { loss: 0.1, correlation: 0.3 },
                Burst::FourState { p13: 0.05, p31: 0.2, p32: 0.3, p23: 0.4, p14: 0.02 },
            ],
            duplicate: Chance { p: 0.1, correlation: 0.2 },
            corrupt: Chance::independent(0.1),
            reorder: Chance { p: 0.2, correlation: 0.2 },
            gap: 3,
            rate_bits: Some(100_000_000),
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_verdict_for_each_of_ten_thousand_packets() {
        let run = |seed, link: &str| {
            let link = ShapedLink { name: link.into(), ..any(everything()) };
            fates(&mut Link::new(seed, link), &header(UDP, 1), 10_000)
        };
        let first = run(7, "n1 → n2");
        assert!(first == run(7, "n1 → n2"));
        assert!(first != run(8, "n1 → n2"));
        assert!(first != run(7, "n2 → n1"));
    }

    #[test]
    fn golden_verdicts_never_change() {
        let mut link = Link::new(1, any(everything()));
        let describe = |fate: &Option<Fate>| {
            let Some(Fate { due_ns, copy, flip }) = fate else { return "lost".to_owned() };
            let copy = if *copy { " twice" } else { "" };
            let flip = flip.map_or(String::new(), |bits| format!(" bit {}", place(bits, 8_000)));
            format!("{} us{copy}{flip}", due_ns / 1_000)
        };
        let first: Vec<_> = fates(&mut link, &header(UDP, 1), 12).iter().map(describe).collect();
        insta::assert_snapshot!(first.join(", "), @"5896 us, 5957 us, 6927 us, 0 us twice, 9641 us twice, 7967 us, 0 us bit 1023, 9289 us, 9326 us, 0 us twice, 11814 us bit 3109, 11575 us");
    }

    #[test]
    fn packets_of_other_classes_change_nothing() {
        let loss = Impairment { loss: 0.3, ..everything() };
        let of_port = Impairment { duplicate: Chance::independent(0.5), ..Impairment::NONE };
        let link = || Link::new(3, shaped(&[(Filter::ANY, loss.clone()), (port(80), of_port.clone())]));
        // Without a rate, which classes share.
        let strip =
            |fates: Vec<Option<Fate>>| fates.into_iter().map(|f| f.map(|f| (f.copy, f.flip))).collect::<Vec<_>>();
        let alone = strip(fates(&mut link(), &header(TCP, 80), 1_000));
        let mut mixed = link();
        let among = (0..1_000).map(|k| {
            (0..k % 4).for_each(|_| _ = mixed.decide(&header(UDP, 9), 100, k * MS));
            mixed.decide(&header(TCP, 80), 1_000, k * MS)
        });
        assert!(alone == strip(among.collect()));
    }

    #[test]
    fn a_packet_meets_all_that_its_filters_say_and_nothing_else() {
        let delay = |us| Impairment { delay_us: us, ..Impairment::NONE };
        let tcp = Filter { proto: Some(Proto::Tcp), ..Filter::ANY };
        let mut link = Link::new(1, shaped(&[(tcp, delay(1_000)), (port(80), delay(2_000))]));
        let mut due = |proto, port| link.decide(&header(proto, port), 100, 0).unwrap().due_ns / MS;
        assert_eq!([due(TCP, 80), due(TCP, 81), due(UDP, 80), due(UDP, 81)], [3, 1, 2, 0]);
    }

    #[test]
    fn a_change_in_place_keeps_count_and_chains() {
        // Losses move the gap's count; a rate remembers time.
        let before = Impairment { gap: 0, ..everything().without_rate() };
        let [mut link, mut unchanged] = [(); 2].map(|()| Link::new(5, any(before.clone())));
        let packet = header(UDP, 1);
        fates(&mut link, &packet, 500);
        let changed = Impairment { loss: 0.5, delay_us: 50_000, ..before.clone() };
        link.change(5, any(changed));
        fates(&mut link, &packet, 500);
        link.change(5, any(before.clone()));
        assert!(fates(&mut link, &packet, 1_000)[..] == fates(&mut unchanged, &packet, 2_000)[1_000..]);
        link.change(6, any(before.clone()));
        assert!(fates(&mut link, &packet, 100) == fates(&mut Link::new(6, any(before)), &packet, 100));
    }

    #[test]
    fn what_is_added_later_draws_what_it_would_have_drawn_at_this_packet_anyway() {
        let burst = |loss| Burst::Correlated { loss, correlation: 0.0 };
        let bursts = |bursts: &[Burst]| any(Impairment { bursts: bursts.to_vec(), ..Impairment::NONE });
        let [mut link, mut with] = [&[][..], &[burst(0.3)]].map(|list| Link::new(5, bursts(list)));
        let packet = header(UDP, 1);
        fates(&mut link, &packet, 100);
        link.change(5, bursts(&[burst(0.3)]));
        // The state of the first packet may differ; from then on an uncorrelated chain has forgotten it.
        assert!(fates(&mut link, &packet, 100)[1..] == fates(&mut with, &packet, 200)[101..]);
    }

    #[test]
    fn losses_lie_within_the_interval_that_999_of_1000_runs_keep() {
        const PACKETS: u64 = 20_000;
        for (seed, p) in [(1, 0.01), (2, 0.1), (3, 0.5)] {
            let mut link = Link::new(seed, any(Impairment { loss: p, ..Impairment::NONE }));
            let lost = fates(&mut link, &header(UDP, 1), PACKETS).iter().filter(|fate| fate.is_none()).count() as f64;
            let (mean, deviation) = (PACKETS as f64 * p, (PACKETS as f64 * p * (1.0 - p)).sqrt());
            assert!((lost - mean).abs() < 3.29 * deviation, "{lost} of {PACKETS} at {p}");
        }
    }

    #[test]
    fn packets_wait_for_the_bandwidth_in_order_and_the_queue_before_it_has_an_end() {
        let rate = Impairment { rate_bits: Some(200_000_000), delay_us: 5_000, ..Impairment::NONE };
        let mut link = Link::new(1, any(rate));
        let packet = header(TCP, 1);
        let due: Vec<_> = (0..1_000).filter_map(|_| link.decide(&packet, 25_000, 0)).map(|fate| fate.due_ns).collect();
        // 25,000 bytes take 1 ms; 100 ms of them wait besides the one that is sent.
        let expected: Vec<_> = (1..=101).map(|k| (k + 5) * MS).collect();
        assert_eq!(due, expected);
        // A second later all of them are gone, and what was not carried for the last 5 ms is carried at once.
        let due: Vec<_> =
            (0..7).filter_map(|_| link.decide(&packet, 25_000, 1_000 * MS)).map(|fate| fate.due_ns / MS).collect();
        assert_eq!(due, [1_005, 1_005, 1_005, 1_005, 1_005, 1_006, 1_007]);
    }

    #[test]
    fn nobody_waits_for_a_bandwidth_that_is_another_one_now_and_everybody_for_one_that_stands() {
        let rate = |bits, loss| any(Impairment { rate_bits: Some(bits), loss, ..Impairment::NONE });
        let packet = header(UDP, 1);
        let full = || {
            let mut link = Link::new(1, rate(64_000, 0.0));
            while link.decide(&packet, 1_000, 0).is_some() {}
            link
        };
        let due = |mut link: Link| link.decide(&packet, 1_000, MS).map(|fate| fate.due_ns / MS);
        assert_eq!(due(full()), None);
        let changed = |shaped| {
            let mut link = full();
            link.change(1, shaped);
            link
        };
        assert_eq!(due(changed(rate(100_000_000, 0.0))), Some(1));
        assert_eq!(due(changed(rate(64_000, 0.0))), None);
        assert_eq!(due(changed(rate(64_000, 1e-9))), None);
        let mut healed = full();
        healed.rest();
        assert_eq!(due(healed), Some(125));
    }

    #[test]
    fn a_slow_link_has_room_for_a_while_and_takes_what_the_kernel_left_in_one_piece() {
        let mut link = Link::new(1, any(Impairment { rate_bits: Some(64_000), ..Impairment::NONE }));
        let packet = header(TCP, 1);
        assert_eq!((0..1_000).filter_map(|_| link.decide(&packet, 1_024, 0)).count(), 257);
        let mut link = Link::new(1, any(Impairment { rate_bits: Some(1_000_000), ..Impairment::NONE }));
        assert_eq!(link.decide(&packet, 62_500, 0).unwrap().due_ns, 500 * MS);
    }

    #[test]
    fn a_rate_for_all_is_shared_and_one_for_a_port_is_within_it() {
        let rate = |bits| Impairment { rate_bits: Some(bits), ..Impairment::NONE };
        let mut link = Link::new(1, shaped(&[(Filter::ANY, rate(8_000_000)), (port(80), rate(4_000_000))]));
        let (web, other) = (header(TCP, 80), header(TCP, 81));
        let mut due = |header| link.decide(header, 1_000, 0).unwrap().due_ns / MS;
        // The second bandwidth has carried nothing yet, while the first packet was in the other.
        assert_eq!([due(&web), due(&other), due(&web)], [2, 2, 4]);
    }

    #[test]
    fn who_overtakes_is_not_delayed_and_a_gap_keeps_them_apart() {
        let reorder = |p, gap| Impairment { reorder: Chance::independent(p), gap, ..Impairment::NONE };
        let delays = |impairment| {
            let mut link = Link::new(1, any(impairment));
            let packet = header(UDP, 1);
            (0..1_000).map(|k| link.decide(&packet, 100, k).unwrap().due_ns - k).collect::<Vec<_>>()
        };
        let all = delays(reorder(0.25, 0));
        assert!(all.iter().all(|delay| [0, 10 * MS].contains(delay)));
        let overtook = all.iter().filter(|delay| **delay == 0).count();
        assert!((200..300).contains(&overtook), "{overtook}");
        let apart: Vec<_> = delays(reorder(1.0, 5)).iter().map(|delay| *delay == 0).collect();
        let expected: Vec<_> = (1..=1_000).map(|k| k % 5 == 0).collect();
        assert_eq!(apart, expected);
    }

    #[test]
    fn a_jitter_wider_than_its_delay_stops_at_no_delay() {
        let jitter = Jitter { us: 5_000, distribution: Distribution::Uniform, correlation: 0.0 };
        let mut link = Link::new(1, any(Impairment { delay_us: 1_000, jitter: vec![jitter], ..Impairment::NONE }));
        let due: Vec<_> = (0..1_000).map(|_| link.decide(&header(UDP, 1), 100, MS).unwrap().due_ns).collect();
        assert!(due.iter().all(|due| (MS..=7 * MS).contains(due)) && due.contains(&MS));
    }

    proptest! {
        #[test]
        fn without_a_jitter_packets_keep_their_order(
            gaps in prop::collection::vec(0..3 * MS, 1..100),
            delay_us in 0..50_000_u64,
            rate_bits in prop::option::of(100_000..1_000_000_000_u64),
            loss in 0.0..0.5,
        ) {
            let mut link = Link::new(1, any(Impairment { delay_us, loss, rate_bits, ..Impairment::NONE }));
            let (mut now, mut last) = (0, 0);
            for gap in gaps {
                now += gap;
                if let Some(fate) = link.decide(&header(UDP, 1), 700, now) {
                    prop_assert!(fate.due_ns >= last && fate.due_ns >= now + delay_us * 1_000);
                    last = fate.due_ns;
                }
            }
        }

        #[test]
        fn every_place_is_one_of_those_there_are(bits: u64, n in 1_usize..100_000) {
            prop_assert!(place(bits, n) < n);
        }
    }

    /// Run by hand, in release: `cargo test --release --lib -- --ignored --nocapture a_verdict_costs`.
    #[test]
    #[ignore = "a measurement"]
    fn a_verdict_costs() {
        let only = |impairment| any(impairment);
        let delay = Impairment { delay_us: 5_000, ..Impairment::NONE };
        let lossy = Impairment { loss: 0.1, ..delay.clone() };
        for (what, shaped) in [("delay", only(delay)), ("loss", only(lossy)), ("everything", only(everything()))] {
            let mut link = Link::new(1, shaped);
            let packet = v4(TCP, 80, 80);
            let start = std::time::Instant::now();
            let due = (0..1_000_000).filter_map(|k| link.decide(&Header::read(&packet)?, 100, k * MS));
            let sum = due.fold(0_u64, |sum, fate| sum.wrapping_add(fate.due_ns));
            println!("{what}: {:?} for each packet ({sum})", start.elapsed() / 1_000_000);
        }
    }
}
