//! Goes from one schedule that fails to a smaller one that still does, as far as the budget allows.

use super::rate::{Counts, Demand, Rate};
use super::reduce;
use crate::schedule::{Schedule, Times};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// So many trials estimate how often the recorded schedule fails, unless it is clear before.
const ESTIMATE: u32 = 20;
/// It is clear after so many trials, if so many failed.
const CLEAR: Counts = Counts { same: 3, of: 5 };
/// So often each of three schedules is run at the end.
const RERUNS: u32 = 20;

/// Carries out trials.
pub trait Lab {
    /// Runs this body of `chaos()` until it is clear whether it fails as often as demanded in the way in question.
    ///
    /// # Errors
    /// Interrupted, or what would befall every trial.
    fn attempt(&mut self, chaos: &str, demand: Demand) -> Result<Counts>;

    /// Whether there is time for more candidates.
    fn has_time(&self) -> bool;
}

/// Who wants to know what happens.
pub trait Watch {
    /// How often the recorded schedule fails, and about how many trials shrinking it takes.
    fn estimated(&mut self, counts: Counts, rate: Rate, cost: u32);
    /// This one fails, too, and is smaller than all before.
    fn accepted(&mut self, best: &Best, trials: u32) -> Result<()>;
}

/// How many trials there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// All together.
    pub trials: u32,
}

impl Budget {
    /// What is kept for the runs at the end: all of them, but no more than half.
    fn reserve(self) -> u32 {
        (3 * RERUNS).min(self.trials / 2)
    }
}

/// How often each fails in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reruns {
    /// The smallest schedule.
    pub minimal: Counts,
    /// The recorded one.
    pub recorded: Counts,
    /// None at all.
    pub none: Counts,
}

/// A schedule as it was seen to fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// What happens.
    pub schedule: Schedule,
    /// How its times are said: the recorded one may fail only at the very moments.
    pub times: Times,
}

impl Best {
    /// The body of `chaos()` that failed.
    #[must_use]
    pub fn text(&self) -> String {
        self.schedule.text(self.times)
    }
}

/// What shrinking came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The smallest schedule that failed.
    pub best: Best,
    /// How often the recorded one failed at first.
    pub estimate: Counts,
    /// How many trials there were, the last ones included.
    pub trials: u32,
    /// Whether every smaller schedule was tried, and each fault was seen to be needed.
    pub is_minimal: bool,
    /// How often it failed without each of its faults, as far as that was tried.
    pub without: Vec<Counts>,
    /// The runs at the end, as far as they came; none where there was no trial left for them.
    pub reruns: Option<Reruns>,
    /// What cut it short.
    pub interrupted: Option<Error>,
}

/// Shrinks a schedule on a cluster of these nodes.
///
/// # Errors
/// The failure never came again, or no trial can be carried out.
pub fn shrink(
    recorded: &Schedule,
    nodes: &[String],
    budget: Budget,
    lab: &mut dyn Lab,
    watch: &mut dyn Watch,
) -> Result<Found> {
    let estimate = estimate(recorded, budget, lab)?;
    let rate = Rate::of(estimate);
    watch.estimated(estimate, rate, rate.cost(recorded.len()));
    let mut search = Search {
        lab,
        watch,
        nodes,
        best: Best { schedule: recorded.clone(), times: Times::Exact },
        rate,
        left: (budget.trials - budget.reserve()).saturating_sub(estimate.of),
        trials: estimate.of,
        rejected: BTreeMap::new(),
        out_of_budget: false,
    };
    search.watch.accepted(&search.best, search.trials)?;
    let searched = search.search();
    let is_minimal = !search.out_of_budget && searched.is_ok();
    let (without, best, trials) = (search.without(), search.best, search.trials);
    let mut found = Found { best, estimate, trials, is_minimal, without, reruns: None, interrupted: None };
    let ended = searched.and_then(|()| reruns(recorded, budget.trials.saturating_sub(trials), lab, &mut found));
    match ended {
        Ok(()) => Ok(found),
        Err(error) => cut_short(found, error),
    }
}

/// An interrupt keeps what was found.
fn cut_short(found: Found, error: Error) -> Result<Found> {
    match error.kind {
        ErrorKind::Interrupted => Ok(Found { interrupted: Some(error), ..found }),
        _ => Err(error),
    }
}

fn estimate(recorded: &Schedule, budget: Budget, lab: &mut dyn Lab) -> Result<Counts> {
    let most = ESTIMATE.min((budget.trials / 4).max(1));
    let text = recorded.text(Times::Exact);
    let mut counts = lab.attempt(&text, Demand::all(CLEAR.of.min(most)))?;
    while counts.same < CLEAR.same && counts.of < most {
        counts = counts.and(lab.attempt(&text, Demand::all(CLEAR.of.min(most - counts.of)))?);
    }
    if counts.same > 0 {
        return Ok(counts);
    }
    Err(Error::new(
        ErrorKind::Unknown,
        format!("the failure did not come again: {counts} runs of the recorded schedule failed with its signature"),
    )
    .help("what it takes may be chance or load beside the faults: soak for other seeds, or raise --trials"))
}

/// Each as often as the trials allow, in turns, so that what changes meanwhile befalls all.
fn reruns(recorded: &Schedule, left: u32, lab: &mut dyn Lab, found: &mut Found) -> Result<()> {
    const TURNS: u32 = 4;
    let each = (left / 3).min(RERUNS);
    let texts = [
        found.best.text(),
        recorded.text(Times::Exact),
        Schedule { steps: Vec::new(), end_us: recorded.end_us }.text(Times::Plain),
    ];
    let mut done = 0;
    for turn in 1..=TURNS {
        let tries = each * turn / TURNS - done;
        if tries == 0 {
            continue;
        }
        done += tries;
        for (which, text) in texts.iter().enumerate() {
            let counts = lab.attempt(text, Demand::all(tries))?;
            let Reruns { minimal, recorded, none } = found.reruns.get_or_insert_default();
            let sum = [minimal, recorded, none].into_iter().nth(which);
            if let Some(sum) = sum {
                *sum = sum.and(counts);
            }
            found.trials += counts.of;
        }
    }
    Ok(())
}

struct Search<'a> {
    lab: &'a mut dyn Lab,
    watch: &'a mut dyn Watch,
    nodes: &'a [String],
    best: Best,
    /// At which the recorded schedule fails.
    rate: Rate,
    /// How many trials are left, those at the end apart.
    left: u32,
    trials: u32,
    /// The texts of candidates that did not fail, and how often they were tried.
    rejected: BTreeMap<String, Counts>,
    /// Whether a candidate was not tried for want of trials or time.
    out_of_budget: bool,
}

impl Search<'_> {
    /// Until nothing becomes smaller. The last round has tried to do without each fault that is left.
    fn search(&mut self) -> Result<()> {
        self.accepts(self.best.schedule.clone())?;
        loop {
            let before = self.best.clone();
            self.fewer()?;
            self.simpler()?;
            self.rounder()?;
            self.shorter()?;
            if self.best == before || self.out_of_budget {
                return Ok(());
            }
        }
    }

    /// Whether the candidate, which does without something, fails in the same way; then it is the best.
    fn accepts(&mut self, candidate: Schedule) -> Result<bool> {
        self.meets(candidate, self.rate.demand())
    }

    /// The same of one that is only rounder or shorter.
    fn accepts_strictly(&mut self, candidate: Schedule) -> Result<bool> {
        self.meets(candidate, self.rate.strict_demand())
    }

    fn meets(&mut self, candidate: Schedule, demand: Demand) -> Result<bool> {
        let candidate = Best { schedule: candidate, times: Times::Plain };
        let text = candidate.text();
        if candidate == self.best || self.rejected.contains_key(&text) {
            return Ok(false);
        }
        if self.left < demand.of || !self.lab.has_time() {
            self.out_of_budget = true;
            return Ok(false);
        }
        let counts = self.lab.attempt(&text, demand)?;
        self.left = self.left.saturating_sub(counts.of);
        self.trials += counts.of;
        if !demand.is_met(counts) {
            self.rejected.insert(text, counts);
            return Ok(false);
        }
        self.best = candidate;
        self.watch.accepted(&self.best, self.trials)?;
        Ok(true)
    }

    /// How often what is left failed without each of its faults, as far as that was tried.
    fn without(&self) -> Vec<Counts> {
        let text = |index: usize| reduce::without(&self.best.schedule, index..index + 1).text(Times::Plain);
        (0..self.best.schedule.len()).filter_map(|index| self.rejected.get(&text(index)).copied()).collect()
    }

    /// Removes faults: all, then halves, quarters and so on, at last each by itself (Zeller's ddmin).
    fn fewer(&mut self) -> Result<()> {
        let all = self.best.schedule.len();
        if all == 0 || self.accepts(reduce::without(&self.best.schedule, 0..all))? {
            return Ok(());
        }
        let mut size = self.best.schedule.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.best.schedule.len() {
                let gone = at..(at + size).min(self.best.schedule.len());
                let removed = gone.len() < self.best.schedule.len()
                    && self.accepts(reduce::without(&self.best.schedule, gone))?;
                at += if removed { 0 } else { size };
            }
            size /= 2;
        }
        Ok(())
    }

    /// Lets each fault trouble less, until nothing less of it suffices.
    fn simpler(&mut self) -> Result<()> {
        let mut index = 0;
        while index < self.best.schedule.len() {
            let simpler = reduce::simpler(&self.best.schedule.steps[index], self.nodes);
            let mut accepted = false;
            for step in simpler {
                accepted = self.accepts(reduce::with(&self.best.schedule, index, step))?;
                if accepted {
                    break;
                }
            }
            index += usize::from(!accepted);
        }
        Ok(())
    }

    fn rounder(&mut self) -> Result<()> {
        for candidate in reduce::rounder(&self.best.schedule) {
            if self.accepts_strictly(candidate)? {
                break;
            }
        }
        Ok(())
    }

    fn shorter(&mut self) -> Result<()> {
        let mut wait = 0;
        while wait < reduce::waits(&self.best.schedule) {
            let waits = reduce::waits(&self.best.schedule);
            let mut accepted = false;
            for candidate in reduce::shorter(&self.best.schedule, wait) {
                accepted = self.accepts_strictly(candidate)?;
                if accepted {
                    break;
                }
            }
            // A wait that is gone has made way for the next one.
            wait += usize::from(!accepted && reduce::waits(&self.best.schedule) == waits);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::random::Stream;
    use crate::schedule::{End, Moment, Step};

    /// Fails with a probability where a text has all of some words.
    struct Fake {
        words: Vec<&'static str>,
        rate: f64,
        stream: Stream,
        seen: Vec<String>,
        trials: u32,
        interrupted_after: u32,
    }

    impl Fake {
        fn new(words: &[&'static str], rate: f64) -> Self {
            let (words, stream) = (words.to_vec(), Stream::root(1));
            Self { words, rate, stream, seen: Vec::new(), trials: 0, interrupted_after: u32::MAX }
        }
    }

    impl Lab for Fake {
        fn attempt(&mut self, chaos: &str, demand: Demand) -> Result<Counts> {
            self.seen.push(chaos.to_owned());
            let mut counts = Counts::default();
            while !demand.is_decided(counts) {
                self.trials += 1;
                if self.trials > self.interrupted_after {
                    return Err(Error::new(ErrorKind::Interrupted, "Ctrl-C"));
                }
                let has_all = self.words.iter().all(|word| chaos.contains(word));
                counts.of += 1;
                counts.same += u32::from(has_all && self.stream.unit() < self.rate);
            }
            Ok(counts)
        }

        fn has_time(&self) -> bool {
            true
        }
    }

    #[derive(Default)]
    struct Log(Vec<usize>);

    impl Watch for Log {
        fn estimated(&mut self, _: Counts, _: Rate, _: u32) {}

        fn accepted(&mut self, best: &Best, _: u32) -> Result<()> {
            self.0.push(best.schedule.len());
            Ok(())
        }
    }

    fn nodes() -> Vec<String> {
        (1..=9).map(|n| format!("n{n}")).collect()
    }

    /// One fault for each node, one after the other.
    fn recorded() -> Schedule {
        let step = |(index, node): (usize, String)| {
            let at = |us: u64| Moment::at(1_000_000 * index as u64 + us);
            let fault =
                if index % 2 == 0 { Fault::Pause { nodes: vec![node] } } else { Fault::Stop { nodes: vec![node] } };
            Step::Fault { fault, from: at(123_456), end: End::Healed(at(912_345)) }
        };
        Schedule { steps: nodes().into_iter().enumerate().map(step).collect(), end_us: 10_000_000 }
    }

    fn run(lab: &mut Fake, trials: u32) -> (Result<Found>, Log) {
        let mut log = Log::default();
        (shrink(&recorded(), &nodes(), Budget { trials }, lab, &mut log), log)
    }

    #[test]
    fn two_faults_of_nine_are_left_and_counted_at_the_end() {
        let mut lab = Fake::new(&["pause(\"n3\")", "stop(\"n8\")"], 1.0);
        let (found, log) = run(&mut lab, 400);
        let found = found.unwrap();
        insta::assert_snapshot!(found.best.text(), @r#"
        during(pause("n3"), "0.1s");
        sleep("0.1s");
        during(stop("n8"), "0.1s");
        "#);
        assert!(found.is_minimal && found.interrupted.is_none());
        assert_eq!(found.without, [Counts { same: 0, of: 3 }; 2], "each is seen to be needed");
        let all = |same| Counts { same, of: RERUNS };
        assert_eq!(found.reruns, Some(Reruns { minimal: all(20), recorded: all(20), none: all(0) }));
        assert_eq!((log.0[0], log.0[log.0.len() - 1]), (9, 2));
        assert_eq!(found.trials, lab.trials);
    }

    #[test]
    fn what_fails_now_and_then_is_tried_often_enough() {
        let mut right = 0;
        for seed in 0..20 {
            let mut lab = Fake { stream: Stream::root(seed), ..Fake::new(&["pause(\"n5\")"], 0.5) };
            let found = run(&mut lab, 2_000).0.unwrap();
            assert!(found.best.text().contains("pause(\"n5\")"));
            right += usize::from(found.best.schedule.len() == 1);
        }
        assert!(right >= 17, "{right} of 20");
    }

    #[test]
    fn what_fails_without_any_fault_is_told_so() {
        let found = run(&mut Fake::new(&[], 1.0), 400).0.unwrap();
        assert!(found.best.schedule.is_empty());
        assert_eq!(found.reruns.unwrap().none.same, RERUNS);
    }

    #[test]
    fn a_failure_that_never_comes_again_is_unknown() {
        let mut lab = Fake::new(&["isolate"], 1.0);
        let error = run(&mut lab, 400).0.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unknown);
        assert_eq!(lab.trials, ESTIMATE);
        insta::assert_snapshot!(error, @r"the failure did not come again: 0/20 runs of the recorded schedule failed with its signature (what it takes may be chance or load beside the faults: soak for other seeds, or raise --trials)");
    }

    #[test]
    fn an_interrupt_keeps_the_best_so_far() {
        let mut lab = Fake { interrupted_after: 20, ..Fake::new(&["pause(\"n3\")"], 1.0) };
        let (found, log) = run(&mut lab, 400);
        let found = found.unwrap();
        assert!(found.interrupted.is_some() && found.reruns.is_none() && !found.is_minimal);
        assert!(found.best.schedule.len() < 9);
        assert_eq!(log.0.last(), Some(&found.best.schedule.len()));
    }

    #[test]
    fn an_interrupt_at_the_end_keeps_what_was_counted() {
        let (whole, _) = run(&mut Fake::new(&["pause(\"n3\")"], 1.0), 400);
        let whole = whole.unwrap();
        let mut lab = Fake { interrupted_after: whole.trials - 20, ..Fake::new(&["pause(\"n3\")"], 1.0) };
        let found = run(&mut lab, 400).0.unwrap();
        assert!(found.interrupted.is_some() && found.is_minimal);
        let reruns = found.reruns.unwrap();
        assert_eq!((reruns.minimal.of, reruns.recorded.of, reruns.none.of), (15, 15, 10));
        assert_eq!(found.trials, whole.trials - 20);
    }

    #[test]
    fn a_schedule_that_fails_only_at_its_very_moments_is_kept_with_them() {
        let found = run(&mut Fake::new(&["sleep_until(start + 0.123456)"], 1.0), 400).0.unwrap();
        assert_eq!(found.best.text(), recorded().text(Times::Exact));
        assert_eq!(found.reruns.unwrap().minimal, Counts { same: RERUNS, of: RERUNS });
    }

    #[test]
    fn no_more_trials_than_allowed_and_half_of_them_for_the_end() {
        for trials in [4, 20, 61] {
            let mut lab = Fake::new(&["pause(\"n3\")"], 1.0);
            let found = run(&mut lab, trials).0.unwrap();
            assert!(lab.trials <= trials && !(found.is_minimal && trials < 60), "{}", lab.trials);
            let each = found.reruns.map(|reruns| reruns.none.of);
            assert!(each >= Some(trials / 2 / 3) && each <= Some(trials / 3), "{each:?} of {trials}");
        }
    }
}
