//! A histogram of durations, as Prometheus counts them. Pure.

use std::fmt::Write;

/// The upper ends of its buckets, microseconds: from the shortest change of rules to a node that is slow to stop.
const ENDS_US: [u64; 14] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
    10_000_000,
];

/// How often something took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    /// Those within each bucket's end and above the one before; the last one has no end.
    counts: [u64; ENDS_US.len() + 1],
    sum_us: u64,
}

impl Histogram {
    /// Counts one more.
    pub(super) fn add(&mut self, took_us: u64) {
        let bucket = ENDS_US.iter().position(|end| took_us <= *end).unwrap_or(ENDS_US.len());
        self.counts[bucket] += 1;
        self.sum_us = self.sum_us.saturating_add(took_us);
    }

    /// Its lines, with these labels on each.
    pub(super) fn write(&self, name: &str, labels: &str, text: &mut String) {
        let mut so_far = 0;
        let ends = ENDS_US.iter().map(|end| (*end as f64 / 1e6).to_string()).chain(["+Inf".to_owned()]);
        for (count, end) in self.counts.iter().zip(ends) {
            so_far += count;
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{end}\"}} {so_far}"); // writing to a String cannot fail
        }
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", self.sum_us as f64 / 1e6);
        let _ = writeln!(text, "{name}_count{{{labels}}} {so_far}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_is_below_them_too() {
        let mut histogram = Histogram::default();
        for took_us in [1, 500, 501, 60_000_000] {
            histogram.add(took_us);
        }
        let mut text = String::new();
        histogram.write("x", "a=\"b\"", &mut text);
        let of = |line: &str| text.lines().find_map(|found| found.strip_prefix(line)).unwrap().trim().to_owned();
        assert_eq!(of("x_bucket{a=\"b\",le=\"0.0005\"}"), "2");
        assert_eq!(of("x_bucket{a=\"b\",le=\"0.001\"}"), "3");
        assert_eq!(of("x_bucket{a=\"b\",le=\"10\"}"), "3");
        assert_eq!(of("x_bucket{a=\"b\",le=\"+Inf\"}"), "4");
        assert_eq!((of("x_count{a=\"b\"}"), of("x_sum{a=\"b\"}")), ("4".to_owned(), "60.001002".to_owned()));
    }
}
