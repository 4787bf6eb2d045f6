//! Where on the axis of time something is, and how much fits beside each other.

use std::fmt;

/// A run's time on an axis of any width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    end_us: u64,
}

/// A share of the axis, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Percent(pub(super) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Scale {
    /// From 0 to this moment.
    pub(super) fn new(end_us: u64) -> Self {
        Self { end_us: end_us.max(1) }
    }

    /// Where a moment is.
    pub(super) fn at(self, t_us: u64) -> Percent {
        Percent(100.0 * (t_us.min(self.end_us) as f64) / self.end_us as f64)
    }

    /// How wide a time is.
    pub(super) fn width(self, from_us: u64, to_us: u64) -> Percent {
        Percent((self.at(to_us).0 - self.at(from_us).0).max(0.0))
    }

    /// Which of so many equal parts of the axis a moment is in.
    pub(super) fn part(self, t_us: u64, parts: usize) -> usize {
        let part = u128::from(t_us.min(self.end_us)) * parts as u128 / u128::from(self.end_us);
        (part as usize).min(parts.saturating_sub(1))
    }

    /// Round moments, about ten, and what is written at each.
    pub(super) fn ticks(self) -> Vec<(u64, String)> {
        let step_us = step_us(self.end_us);
        let ticks = (0..).map(|index: u64| index.saturating_mul(step_us)).take_while(|t_us| *t_us < self.end_us);
        ticks.take(20).map(|t_us| (t_us, tick(t_us, step_us))).collect()
    }
}

/// A round step of which the axis holds ten at most.
fn step_us(end_us: u64) -> u64 {
    const STEPS_S: [u64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];
    let fits = |step_us: &u64| end_us / step_us <= 10;
    let below_a_second = (0..6).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let from_a_second = STEPS_S.into_iter().map(|step| step * 1_000_000);
    below_a_second.chain(from_a_second).find(fits).unwrap_or(end_us / 10)
}

/// A moment as the axis tells it: in the unit of the step.
fn tick(t_us: u64, step_us: u64) -> String {
    let seconds = t_us / 1_000_000;
    match step_us {
        _ if t_us == 0 => "0".to_owned(),
        0..1_000 => format!("{t_us} µs"),
        1_000..1_000_000 => format!("{} s", t_us as f64 / 1e6),
        1_000_000..60_000_000 if seconds < 120 => format!("{seconds} s"),
        ..3_600_000_000 if seconds < 3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}

/// Puts each of these times, sorted by their begin, into the first row that is free: the rows, and how many there are.
pub(super) fn packed(times: &[(u64, u64)]) -> (Vec<usize>, usize) {
    let mut free_from: Vec<u64> = Vec::new();
    let rows = times.iter().map(|(from, to)| {
        let row = free_from.iter().position(|free| free <= from).unwrap_or(free_from.len());
        if row == free_from.len() {
            free_from.push(0);
        }
        // Something that takes no time takes its place, too.
        free_from[row] = (*to).max(from.saturating_add(1));
        row
    });
    let rows: Vec<usize> = rows.collect();
    (rows, free_from.len())
}

/// The times that at least one of these covers.
pub(super) fn united(mut times: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    times.sort_unstable();
    let mut united: Vec<(u64, u64)> = Vec::new();
    for (from, to) in times {
        match united.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => united.push((from, to)),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_axis_has_round_moments() {
        let ticks = |end_us| Scale::new(end_us).ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ");
        assert_eq!(ticks(9_300_000), "0 1 s 2 s 3 s 4 s 5 s 6 s 7 s 8 s 9 s");
        assert_eq!(ticks(1_000_000), "0 0.1 s 0.2 s 0.3 s 0.4 s 0.5 s 0.6 s 0.7 s 0.8 s 0.9 s");
        assert_eq!(ticks(610_000_000), "0 1:00 2:00 3:00 4:00 5:00 6:00 7:00 8:00 9:00 10:00");
        assert_eq!(ticks(15_000), "0 0.002 s 0.004 s 0.006 s 0.008 s 0.01 s 0.012 s 0.014 s");
    }

    #[test]
    fn what_overlaps_stands_in_rows_below_each_other() {
        assert_eq!(packed(&[(0, 5), (1, 2), (2, 3), (5, 6), (5, 5)]), (vec![0, 1, 1, 0, 1], 2));
        assert_eq!(united(vec![(5, 6), (0, 2), (1, 3)]), [(0, 3), (5, 6)]);
        assert_eq!(Scale::new(3).at(1).to_string(), "33.333%");
        assert_eq!(Scale::new(4).at(1).to_string(), "25%");
    }

    proptest! {
        #[test]
        fn a_few_moments_whatever_the_length(end_us in any::<u64>()) {
            let ticks = Scale::new(end_us).ticks();
            prop_assert!((1..=20).contains(&ticks.len()), "{ticks:?}");
        }

        #[test]
        fn in_a_row_nothing_overlaps(mut times in prop::collection::vec((0_u64..100, 0_u64..30), 0..40)) {
            for time in &mut times {
                time.1 += time.0;
            }
            times.sort_unstable();
            let (rows, count) = packed(&times);
            for (one, time) in times.iter().enumerate() {
                prop_assert!(rows[one] < count);
                for other in one + 1..times.len() {
                    prop_assert!(rows[one] != rows[other] || time.1 <= times[other].0);
                }
            }
        }
    }
}
