//! Smaller schedules: fewer faults, fewer nodes and links, weaker impairments, shorter and rounder times. Pure.

use crate::fault::{Chance, Fault, Impairment, LinkSet, Party};
use crate::schedule::{End, Moment, Schedule, Step};
use std::collections::BTreeSet;

/// Times become multiples of these, the first that still fails; microseconds.
const GRIDS_US: [u64; 4] = [1_000_000, 500_000, 100_000, 10_000];
/// Of more links than these each alone would take for ever: a node's are tried first then.
const MANY_LINKS: usize = 6;
/// No wait is made shorter than this, microseconds.
const SHORTEST_US: u64 = 100_000;

/// The schedule without these of its steps.
pub(super) fn without(schedule: &Schedule, gone: std::ops::Range<usize>) -> Schedule {
    let kept = schedule.steps.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    Schedule { steps: kept.map(|(_, step)| step.clone()).collect(), end_us: schedule.end_us }
}

/// The schedule with another step in the place of one.
pub(super) fn with(schedule: &Schedule, index: usize, step: Step) -> Schedule {
    let mut other = schedule.clone();
    other.steps[index] = step;
    other
}

/// Steps that trouble less than this one, the simplest first.
pub(super) fn simpler(step: &Step, nodes: &[String]) -> Vec<Step> {
    match step {
        Step::Fault { fault, from, end } => {
            let faults = simpler_faults(fault, nodes).into_iter().filter(|other| other != fault);
            faults.map(|fault| Step::Fault { fault, from: *from, end: *end }).collect()
        }
        Step::Node { action, nodes, from } => {
            fewer(nodes).into_iter().map(|nodes| Step::Node { action: *action, nodes, from: *from }).collect()
        }
    }
}

fn simpler_faults(fault: &Fault, nodes: &[String]) -> Vec<Fault> {
    match fault {
        Fault::Partition { groups } => simpler_partitions(groups, nodes),
        Fault::Isolate { nodes: isolated } => {
            let alone = fewer(isolated).into_iter().map(|nodes| Fault::Isolate { nodes });
            let apart = |node: &String| Fault::Partition { groups: vec![vec![node.clone()]] };
            let one_ways =
                isolated.first().filter(|_| isolated.len() == 1).into_iter().flat_map(|node| ways(node, nodes));
            one_ways.chain(isolated.iter().filter(|_| isolated.len() == 1).map(apart)).chain(alone).collect()
        }
        Fault::OneWay { source, target } => {
            let sources = fewer(source).into_iter().map(|source| Fault::OneWay { source, target: target.clone() });
            let targets = fewer(target).into_iter().map(|target| Fault::OneWay { source: source.clone(), target });
            sources.chain(targets).collect()
        }
        Fault::Block { links } => fewer_links(links).into_iter().map(|links| Fault::Block { links }).collect(),
        Fault::Reject { links } => fewer_links(links).into_iter().map(|links| Fault::Reject { links }).collect(),
        Fault::Degrade { verb, links, impairment } => {
            let degrade = |links: &LinkSet, impairment: &Impairment| Fault::Degrade {
                verb: verb_of(verb, impairment),
                links: links.clone(),
                impairment: impairment.clone(),
            };
            let on_fewer = fewer_links(links).into_iter().map(|links| degrade(&links, impairment));
            on_fewer.chain(weaker(impairment).iter().map(|weaker| degrade(links, weaker))).collect()
        }
        Fault::Pause { nodes } => fewer(nodes).into_iter().map(|nodes| Fault::Pause { nodes }).collect(),
        Fault::Stop { nodes } => fewer(nodes).into_iter().map(|nodes| Fault::Stop { nodes }).collect(),
        Fault::Kill { nodes, signal } => {
            fewer(nodes).into_iter().map(|nodes| Fault::Kill { nodes, signal: signal.clone() }).collect()
        }
    }
}

/// One node apart from the others, both ways or one way, or the groups without one of theirs.
fn simpler_partitions(groups: &[Vec<String>], nodes: &[String]) -> Vec<Fault> {
    let named: BTreeSet<&String> = groups.iter().flatten().collect();
    let lone: Vec<&String> =
        groups.iter().filter_map(|group| if group.len() == 1 { group.first() } else { None }).collect();
    let one_way = lone.iter().filter(|_| groups.len() <= 2).flat_map(|node| ways(node, nodes));
    let alone = named.iter().map(|node| vec![vec![(*node).clone()]]);
    let fewer_groups = (0..groups.len()).filter(|_| groups.len() > 2).map(|gone| {
        let kept = groups.iter().enumerate().filter(|(index, _)| *index != gone);
        kept.map(|(_, group)| group.clone()).collect()
    });
    let partitions =
        alone.chain(fewer_groups).filter(|other: &Vec<Vec<String>>| other != groups && weight(other) < weight(groups));
    one_way.chain(partitions.map(|groups| Fault::Partition { groups })).collect()
}

/// How much there is to say of a partition.
fn weight(groups: &[Vec<String>]) -> usize {
    groups.iter().map(|group| group.len() + 1).sum()
}

/// A node that is heard and does not hear, or hears and is not heard.
fn ways(node: &str, nodes: &[String]) -> Vec<Fault> {
    let one = vec![Party::from(node.to_owned())];
    let others: Vec<Party> = nodes.iter().filter(|other| *other != node).cloned().map(Party::from).collect();
    if others.is_empty() {
        return Vec::new();
    }
    let one_way =
        |source: &[Party], target: &[Party]| Fault::OneWay { source: source.to_vec(), target: target.to_vec() };
    vec![one_way(&one, &others), one_way(&others, &one)]
}

/// Each alone, then either half.
fn fewer<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    if all.len() < 2 {
        return Vec::new();
    }
    let alone = all.iter().map(|one| vec![one.clone()]);
    let (first, second) = all.split_at(all.len() / 2);
    let halves = [first, second].map(<[T]>::to_vec).into_iter().filter(|half| half.len() > 1);
    alone.chain(halves).collect()
}

/// One link alone, one node's, or either half; each such that it can be said.
fn fewer_links(links: &LinkSet) -> Vec<LinkSet> {
    let set = |pairs: Vec<(Party, Party)>| LinkSet { pairs, filter: links.filter };
    let of = |end: &dyn Fn(&(Party, Party)) -> Party| -> Vec<LinkSet> {
        let ends: BTreeSet<Party> = links.pairs.iter().map(end).collect();
        let those = |party: &Party| links.pairs.iter().filter(|pair| end(pair) == *party).cloned().collect();
        ends.iter().map(|party| set(those(party))).collect()
    };
    let one = links.pairs.iter().map(|pair| set(vec![pair.clone()]));
    let by_node = of(&|pair| pair.0.clone()).into_iter().chain(of(&|pair| pair.1.clone()));
    let smaller = |other: &LinkSet| other.pairs.len() < links.pairs.len();
    if links.pairs.len() <= MANY_LINKS {
        one.chain(by_node).filter(smaller).collect()
    } else {
        by_node.filter(smaller).collect()
    }
}

/// An impairment of which a part is gone or half as strong.
fn weaker(impairment: &Impairment) -> Vec<Impairment> {
    let none = Impairment::NONE;
    let parts = [
        Impairment { delay_us: 0, jitter: Vec::new(), ..impairment.clone() },
        Impairment { jitter: Vec::new(), ..impairment.clone() },
        Impairment { loss: 0.0, bursts: Vec::new(), ..impairment.clone() },
        Impairment { duplicate: none.duplicate, ..impairment.clone() },
        Impairment { corrupt: none.corrupt, ..impairment.clone() },
        Impairment { reorder: none.reorder, gap: 0, ..impairment.clone() },
        Impairment { rate_bits: None, ..impairment.clone() },
    ];
    let half = |chance: Chance| Chance { p: halved(chance.p), ..chance };
    let weaker = [
        Impairment { delay_us: nice(impairment.delay_us / 2), jitter: Vec::new(), ..impairment.clone() },
        Impairment { loss: halved(impairment.loss), ..impairment.clone() },
        Impairment { duplicate: half(impairment.duplicate), ..impairment.clone() },
        Impairment { corrupt: half(impairment.corrupt), ..impairment.clone() },
        Impairment { rate_bits: impairment.rate_bits.map(|bits| bits.saturating_mul(2)), ..impairment.clone() },
    ];
    let is_less = |other: &Impairment| !other.is_none() && other != impairment;
    parts.into_iter().chain(weaker).filter(is_less).collect()
}

/// The word for what is left: one that says a part cannot say another.
fn verb_of(verb: &str, impairment: &Impairment) -> String {
    let says = |word: &str| match word {
        "slow" => impairment.delay_us > 0,
        "flaky" => impairment.loss_rate() > 0.0,
        "duplicate" => impairment.duplicate.p > 0.0,
        "corrupt" => impairment.corrupt.p > 0.0,
        "reorder" => impairment.reorder.p > 0.0,
        "throttle" => impairment.rate_bits.is_some(),
        _ => true,
    };
    if says(verb) { verb.to_owned() } else { "degrade".to_owned() }
}

/// Half of a share of packets, with two digits; 0 where there is nothing left of it.
fn halved(share: f64) -> f64 {
    const LEAST: f64 = 0.01;
    if share <= LEAST { 0.0 } else { (share * 50.0).ceil() / 100.0 }
}

/// The schedule with all times on a grid, the coarsest first. What lasted keeps lasting. None where they are round.
pub(super) fn rounder(schedule: &Schedule) -> Vec<Schedule> {
    if times(schedule).iter().all(|us| us.is_multiple_of(SHORTEST_US)) {
        return Vec::new();
    }
    let all = GRIDS_US.iter().map(|grid| map_times(schedule, |us| (us + grid / 2) / grid * grid, *grid));
    all.filter(|other| other != schedule).collect()
}

/// How many waits there are between what begins and ends.
pub(super) fn waits(schedule: &Schedule) -> usize {
    times(schedule).len()
}

/// The schedule with one of its waits shorter: gone, a quarter, half as long.
pub(super) fn shorter(schedule: &Schedule, wait: usize) -> Vec<Schedule> {
    let times = times(schedule);
    let Some(&end) = times.get(wait) else { return Vec::new() };
    let begin = if wait == 0 { 0 } else { times[wait - 1] };
    let length = end - begin;
    // Nothing is needed before the first fault and behind the last; what lies between is at least the least.
    let last = moments(&schedule.steps).max().unwrap_or(0);
    let is_outside = wait == 0 || begin >= last;
    let lengths = [0, nice(length / 4).max(SHORTEST_US), nice(length / 2).max(SHORTEST_US)];
    let lengths = lengths.into_iter().filter(|shorter| *shorter < length && (is_outside || *shorter > 0));
    lengths.map(|shorter| map_times(schedule, |us| if us >= end { us - (length - shorter) } else { us }, 0)).collect()
}

/// All moments at which something begins or ends, and the end of all, each once.
fn times(schedule: &Schedule) -> Vec<u64> {
    let all: BTreeSet<u64> = moments(&schedule.steps).chain([schedule.end_us]).collect();
    all.into_iter().collect()
}

/// When steps begin and end.
fn moments(steps: &[Step]) -> impl Iterator<Item = u64> {
    steps.iter().flat_map(|step| {
        let healed = match step {
            Step::Fault { end: End::Healed(end), .. } => Some(end.at_us),
            _ => None,
        };
        std::iter::once(step.at_us()).chain(healed)
    })
}

/// Every time replaced. What lasted some time lasts `least_us` at least.
fn map_times(schedule: &Schedule, map: impl Fn(u64) -> u64, least_us: u64) -> Schedule {
    // How long something took once is no part of a schedule that people write; what overlapped still does.
    let moment = |moment: Moment| {
        let end_us = map(moment.at_us + moment.took_us);
        Moment { at_us: map(moment.at_us), took_us: end_us.saturating_sub(map(moment.at_us)), ..moment }
    };
    let step = |step: &Step| match step {
        Step::Fault { fault, from, end } => {
            let from_then = moment(*from);
            let end = match end {
                End::Healed(healed) if healed.at_us > from.at_us => {
                    let then = moment(*healed);
                    End::Healed(Moment { at_us: then.at_us.max(from_then.at_us + least_us), ..then })
                }
                End::Healed(healed) => End::Healed(moment(*healed)),
                other => *other,
            };
            Step::Fault { fault: fault.clone(), from: from_then, end }
        }
        Step::Node { action, nodes, from } => Step::Node { action: *action, nodes: nodes.clone(), from: moment(*from) },
    };
    let steps: Vec<Step> = schedule.steps.iter().map(step).collect();
    let last = moments(&steps).max().unwrap_or(0);
    Schedule { end_us: map(schedule.end_us).max(last), steps }
}

/// The nearest duration that people would write: 1, 2 or 5 and noughts.
fn nice(us: u64) -> u64 {
    let mut unit = 1;
    while unit * 10 <= us {
        unit *= 10;
    }
    let candidates = [unit, 2 * unit, 5 * unit, 10 * unit];
    candidates.into_iter().min_by_key(|nice| nice.abs_diff(us)).unwrap_or(us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn step(fault: Fault, from_us: u64, to_us: u64) -> Step {
        Step::Fault { fault, from: Moment::at(from_us), end: End::Healed(Moment::at(to_us)) }
    }

    fn isolate(node: &str) -> Fault {
        Fault::Isolate { nodes: names(&[node]) }
    }

    #[test]
    fn times_become_round_and_what_lasted_lasts() {
        let steps = vec![step(isolate("n1"), 1_234_567, 1_301_000), step(isolate("n2"), 2_900_000, 6_100_000)];
        let rounder = rounder(&Schedule { steps, end_us: 7_400_000 });
        let wanted = vec![step(isolate("n1"), 1_000_000, 2_000_000), step(isolate("n2"), 3_000_000, 6_000_000)];
        assert_eq!(rounder[0], Schedule { steps: wanted, end_us: 7_000_000 });
        assert_eq!(rounder[2].steps[0], step(isolate("n1"), 1_200_000, 1_300_000));
    }

    #[test]
    fn one_wait_becomes_shorter_and_all_later_times_move() {
        let schedule = Schedule { steps: vec![step(isolate("n1"), 4_000_000, 8_000_000)], end_us: 9_000_000 };
        assert_eq!(waits(&schedule), 3);
        let at = |wait: usize| -> Vec<(u64, Vec<u64>)> {
            shorter(&schedule, wait).into_iter().map(|one| (one.end_us, times(&one))).collect()
        };
        assert_eq!(at(0)[0], (5_000_000, vec![0, 4_000_000, 5_000_000]));
        assert_eq!(at(1)[0], (6_000_000, vec![4_000_000, 5_000_000, 6_000_000]));
        assert_eq!(at(2)[0], (8_000_000, vec![4_000_000, 8_000_000]));
    }

    #[test]
    fn a_ring_becomes_one_node_apart_then_one_way_then_one_link() {
        let nodes = names(&["n1", "n2", "n3"]);
        let ring = Fault::Partition { groups: vec![names(&["n1", "n2"]), names(&["n2", "n3"]), names(&["n3", "n1"])] };
        let first = |fault: &Fault| simpler_faults(fault, &nodes).remove(0);
        let apart = first(&ring);
        assert_eq!(apart, Fault::Partition { groups: vec![names(&["n1"])] });
        let one_way = first(&apart);
        assert_eq!(one_way.to_string(), "one_way n1 → n2, n3");
        let link = first(&one_way);
        assert_eq!(simpler_faults(&link, &nodes), []);
    }

    #[test]
    fn an_impairment_loses_its_parts_and_then_its_strength() {
        let impairment = Impairment { delay_us: 300_000, loss: 0.3, ..Impairment::NONE };
        let weaker: Vec<String> = weaker(&impairment).iter().map(ToString::to_string).collect();
        assert_eq!(weaker, ["loss 30 %", "delay 300 ms", "delay 100 ms, loss 30 %", "delay 300 ms, loss 15 %"]);
    }
}
