//! The line below a soak's output on a terminal: how far it is, how fast, and when it is expected to end.

use crate::cli::report;
use crate::soak::Summary;
use crate::words::counted;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// The bar's own unit: it may stand for runs or for time.
const FULL: u64 = 1000;

/// What ends a soak, and since when it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) began: Instant,
    /// Those of earlier sittings included.
    pub(super) runs: Option<u64>,
    pub(super) until: Option<Instant>,
}

/// What may be expected.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Forecast {
    /// Runs in a second.
    rate: f64,
    /// How much is done, 0 to 1.
    share: f64,
    /// How long it still takes; none where nothing is known yet.
    left: Option<Duration>,
}

impl Pace {
    /// After so many runs in this sitting and so many in earlier ones.
    fn forecast(&self, here: u64, before: u64, now: Instant) -> Forecast {
        let elapsed = now.duration_since(self.began).as_secs_f64();
        let rate = if elapsed > 0.0 { here as f64 / elapsed } else { 0.0 };
        let to_run = self.runs.map(|runs| runs.saturating_sub(before + here) as f64);
        let by_runs = to_run.filter(|_| rate > 0.0).and_then(|runs| Duration::try_from_secs_f64(runs / rate).ok());
        let by_time = self.until.map(|until| until.saturating_duration_since(now));
        let of_runs = self.runs.map_or(0.0, |runs| (before + here) as f64 / runs.max(1) as f64);
        let of_time = by_time.map_or(0.0, |left| elapsed / (elapsed + left.as_secs_f64()).max(f64::MIN_POSITIVE));
        let left = by_runs.into_iter().chain(by_time).min();
        Forecast { rate, share: of_runs.max(of_time).min(1.0), left }
    }
}

impl Forecast {
    /// In the unit that gives a number one can read.
    fn speed(&self) -> String {
        match self.rate {
            rate if rate >= 1.0 => format!("{rate:.1}/s"),
            rate if rate * 60.0 >= 1.0 => format!("{:.1}/min", rate * 60.0),
            rate => format!("{:.1}/h", rate * 3600.0),
        }
    }

    /// As a time of the day, which stays true while a long run is under way.
    fn end(&self) -> Option<String> {
        let end = jiff::Zoned::now().checked_add(jiff::SignedDuration::try_from(self.left?).ok()?).ok()?;
        let far = self.left? > Duration::from_secs(12 * 3600);
        Some(end.strftime(if far { "%Y-%m-%d %H:%M" } else { "%H:%M:%S" }).to_string())
    }
}

/// The line; nothing where there is no terminal.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    pace: Pace,
    before: u64,
}

impl Progress {
    pub(super) fn start(pace: Pace) -> Self {
        let bar = report::columns().map(|_| {
            let bar = ProgressBar::new(FULL);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} [{bar:10}] {wide_msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, pace, before: 0 }
    }

    /// So many runs were done before this sitting.
    pub(super) fn resumed(&mut self, runs: u64) {
        self.before = runs;
    }

    /// Prints something above it.
    pub(super) fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn show(&self, summary: &Summary) {
        let Some(bar) = &self.bar else { return };
        let forecast = self.pace.forecast(summary.runs - self.before, self.before, Instant::now());
        bar.set_position((forecast.share * FULL as f64) as u64);
        bar.set_message(message(summary, self.pace.runs, &forecast));
    }

    pub(super) fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// Short enough for 80 columns.
fn message(summary: &Summary, runs: Option<u64>, forecast: &Forecast) -> String {
    let so_far = runs.map_or_else(|| counted(summary.runs, "run"), |runs| format!("{}/{runs} runs", summary.runs));
    let failures = match summary.runs - summary.passed {
        0 => String::new(),
        some => format!(", {}", counted(some, "failure")),
    };
    let end = forecast.end().map(|end| format!(", ends about {end}")).unwrap_or_default();
    format!("{so_far}{failures}, {}{end}", forecast.speed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, runs: Option<u64>, lasting: Option<u64>, here: u64, before: u64) -> Forecast {
        let began = Instant::now();
        let pace = Pace { began, runs, until: lasting.map(|seconds| began + Duration::from_secs(seconds)) };
        pace.forecast(here, before, began + Duration::from_secs(seconds))
    }

    fn forecast(rate: f64, share: f64, left: Option<u64>) -> Forecast {
        Forecast { rate, share, left: left.map(Duration::from_secs) }
    }

    #[test]
    fn what_is_left_goes_on_as_fast_as_what_was_done_here() {
        assert_eq!(after(10, Some(100), None, 20, 0), forecast(2.0, 0.2, Some(40)));
        assert_eq!(after(10, Some(100), None, 20, 60), forecast(2.0, 0.8, Some(10)));
    }

    #[test]
    fn whichever_end_comes_first_counts() {
        assert_eq!(after(10, None, Some(40), 20, 0), forecast(2.0, 0.25, Some(30)));
        assert_eq!(after(10, Some(100), Some(40), 20, 0), forecast(2.0, 0.25, Some(30)));
        assert_eq!(after(10, Some(40), Some(40), 20, 0), forecast(2.0, 0.5, Some(10)));
    }

    #[test]
    fn nothing_is_foretold_from_nothing() {
        assert_eq!(after(0, Some(100), None, 0, 0), forecast(0.0, 0.0, None));
        assert_eq!(after(50, None, Some(40), 0, 0), forecast(0.0, 1.0, Some(0)));
    }

    #[test]
    fn the_line_says_how_far_it_is_and_when_it_ends() {
        let summary = Summary { runs: 20, passed: 18, ..Summary::default() };
        let line = message(&summary, Some(300), &forecast(2.0, 0.1, Some(90)));
        let (what, end) = line.split_once(", ends about ").unwrap();
        assert_eq!((what, end.len()), ("20/300 runs, 2 failures, 2.0/s", "12:34:56".len()));
        let unknown = message(&Summary::default(), None, &forecast(0.0, 0.0, None));
        assert_eq!(unknown, "0 runs, 0.0/h");
    }

    #[test]
    fn a_speed_has_a_unit_that_can_be_read() {
        let speed = |rate| forecast(rate, 0.0, None).speed();
        assert_eq!([speed(250.0), speed(0.05), speed(0.001)], ["250.0/s", "3.0/min", "3.6/h"]);
    }
}
