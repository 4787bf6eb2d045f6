//! A schedule as the body of a script's `chaos()`.
//!
//! What was begun while something else was still under way is begun beside it again: that something runs as a task then.

use super::spelled::{Spelled, names, quoted_time};
use super::{End, Moment, Schedule, Step};
use crate::fault::Fault;
use std::collections::BTreeMap;

/// How times are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// From the start, so that nothing drifts: `sleep_until(start + 1.25);`.
    Exact,
    /// From one to the next, as people write them: `sleep("1s");`, `during(cut, "3s");`.
    Plain,
}

/// What takes less time than this does not count as a wait.
const SLOW_US: u64 = 50_000;

impl Schedule {
    /// The statements, each with its line's end.
    #[must_use]
    pub fn text(&self, times: Times) -> String {
        let mut writer =
            Writer { schedule: self, times, names: self.handles(), joins: Vec::new(), text: String::new() };
        writer.write();
        writer.text
    }

    /// What the handles of faults are called that are healed: `cut`, or `cut1` and `cut2` where there are several.
    fn handles(&self) -> BTreeMap<usize, String> {
        let healed = self.steps.iter().enumerate().filter_map(|(index, step)| match step {
            Step::Fault { fault, end: End::Healed(_), .. } => Some((index, noun(fault))),
            _ => None,
        });
        let nouns: Vec<(usize, &str)> = healed.collect();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let numbered = nouns.iter().map(|(index, noun)| {
            let number = seen.entry(*noun).and_modify(|number| *number += 1).or_insert(1);
            let is_one_of_several = nouns.iter().filter(|(_, other)| other == noun).count() > 1;
            (*index, if is_one_of_several { format!("{noun}{number}") } else { (*noun).to_owned() })
        });
        numbered.collect()
    }

    /// All that begins and ends, in the order of time, and of one time in the journal's. Where none tells, what ends comes
    /// before what begins, the latest first, as where one fault was made within another.
    fn moments(&self) -> Vec<(Moment, Act)> {
        let mut moments = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let from = step.from();
            moments.push((from, (1, index), Act::Begin(index)));
            if let Step::Fault { end: End::Healed(end), .. } = step {
                let order = if end.at_us > from.at_us { 0 } else { 2 };
                moments.push((*end, (order, usize::MAX - index), Act::End(index)));
            }
        }
        moments.sort_by_key(|(moment, order, _)| (moment.at_us, moment.seq, *order));
        moments.into_iter().map(|(moment, _, act)| (moment, act)).collect()
    }
}

fn noun(fault: &Fault) -> &'static str {
    match fault {
        Fault::Partition { .. }
        | Fault::Isolate { .. }
        | Fault::OneWay { .. }
        | Fault::Block { .. }
        | Fault::Reject { .. } => "cut",
        Fault::Degrade { .. } => "impaired",
        Fault::Pause { .. } => "frozen",
        Fault::Stop { .. } | Fault::Kill { .. } => "down",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Begin(usize),
    End(usize),
}

struct Writer<'a> {
    schedule: &'a Schedule,
    times: Times,
    names: BTreeMap<usize, String>,
    /// Tasks that may be under way: `chaos()` must not end before them.
    joins: Vec<String>,
    text: String,
}

impl Writer<'_> {
    fn write(&mut self) {
        let moments = self.schedule.moments();
        if self.times == Times::Exact {
            self.line("let start = elapsed();");
        }
        let mut now = Moment::at(0);
        let mut rest = &*moments;
        while let [(moment, act), later @ ..] = rest {
            self.wait(now, moment.at_us);
            let next_us = later.first().map_or(self.schedule.end_us, |(next, _)| next.at_us);
            rest = later;
            if let Some((end, after)) = self.during(*moment, *act, later) {
                (now, rest) = (end, after);
                continue;
            }
            let is_beside = moment.at_us + moment.took_us > next_us;
            now = if is_beside { Moment::at(moment.at_us) } else { *moment };
            match act {
                Act::Begin(index) => self.begin(*index, is_beside),
                Act::End(index) => self.end(*index, is_beside),
            }
        }
        for task in std::mem::take(&mut self.joins) {
            self.line(&format!("{task}.join();"));
        }
        self.wait(now, self.schedule.end_us);
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn wait(&mut self, before: Moment, until_us: u64) {
        let took_us = if before.took_us < SLOW_US { 0 } else { before.took_us };
        let rest_us = until_us.saturating_sub(before.at_us + took_us);
        match self.times {
            _ if rest_us == 0 => {}
            Times::Exact => self.line(&format!("sleep_until(start + {:?});", until_us as f64 / 1e6)),
            Times::Plain => self.line(&format!("sleep({});", quoted_time(rest_us))),
        }
    }

    /// Where a fault's end is what comes next, one line says both. Returns when it ended, and what is left.
    fn during<'m>(
        &mut self,
        begin: Moment,
        act: Act,
        later: &'m [(Moment, Act)],
    ) -> Option<(Moment, &'m [(Moment, Act)])> {
        let (Act::Begin(index), [(end, Act::End(ended)), rest @ ..]) = (act, later) else { return None };
        let next_us = rest.first().map_or(self.schedule.end_us, |(next, _)| next.at_us);
        let is_plain = self.times == Times::Plain && index == *ended && begin.at_us + begin.took_us < end.at_us;
        if !is_plain || end.at_us + end.took_us > next_us {
            return None;
        }
        let took_us = if begin.took_us < SLOW_US { 0 } else { begin.took_us };
        let held = quoted_time(end.at_us - begin.at_us - took_us);
        let Step::Fault { fault, .. } = &self.schedule.steps[index] else { return None };
        self.line(&format!("during({}, {held});", Spelled(fault)));
        Some((*end, rest))
    }

    fn begin(&mut self, index: usize, is_beside: bool) {
        let (call, end) = match &self.schedule.steps[index] {
            Step::Fault { fault, end, .. } => (Spelled(fault).to_string(), Some(*end)),
            Step::Node { action, nodes, .. } => (format!("{}({})", action.verb(), names(nodes)), None),
        };
        let call = if end == Some(End::Kept) { format!("{call}.keep()") } else { call };
        let line = match (self.names.get(&index).cloned(), is_beside) {
            (Some(name), false) => format!("let {name} = {call};"),
            (Some(name), true) => {
                let line = format!("let {name} = task(|| {call});");
                self.joins.push(name);
                line
            }
            (None, false) => format!("{call};"),
            (None, true) => self.beside(index, &call),
        };
        self.line(&line);
    }

    fn end(&mut self, index: usize, is_beside: bool) {
        let Some(name) = self.names.get(&index).cloned() else { return };
        let begun_beside = self.joins.contains(&name);
        self.joins.retain(|join| *join != name);
        let call = if begun_beside { format!("{name}.join().heal()") } else { format!("{name}.heal()") };
        let line = if is_beside { self.beside(index, &call) } else { format!("{call};") };
        self.line(&line);
    }

    /// A task whose result nobody needs.
    fn beside(&mut self, index: usize, call: &str) -> String {
        let name = format!("beside{}", index + 1);
        let line = format!("let {name} = task(|| {call});");
        self.joins.push(name);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NodeAction;

    fn nodes(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn step(fault: Fault, from_ms: u64, to_ms: Option<u64>) -> Step {
        let moment = |ms: u64| Moment::at(ms * 1000);
        Step::Fault { fault, from: moment(from_ms), end: to_ms.map_or(End::Open, |ms| End::Healed(moment(ms))) }
    }

    fn partition() -> Fault {
        Fault::Partition { groups: vec![nodes(&["n1"]), nodes(&["n2", "n3"])] }
    }

    #[test]
    fn one_after_the_other() {
        let isolate = Fault::Isolate { nodes: nodes(&["n2"]) };
        let schedule = Schedule {
            steps: vec![step(partition(), 1_000, Some(4_000)), step(isolate, 4_500, None)],
            end_us: 6_000_000,
        };
        insta::assert_snapshot!(schedule.text(Times::Plain), @r#"
        sleep("1s");
        during(partition([["n1"], ["n2", "n3"]]), "3s");
        sleep("0.5s");
        isolate("n2");
        sleep("1.5s");
        "#);
        insta::assert_snapshot!(schedule.text(Times::Exact), @r#"
        let start = elapsed();
        sleep_until(start + 1.0);
        let cut = partition([["n1"], ["n2", "n3"]]);
        sleep_until(start + 4.0);
        cut.heal();
        sleep_until(start + 4.5);
        isolate("n2");
        sleep_until(start + 6.0);
        "#);
    }

    #[test]
    fn one_within_the_other_and_one_that_is_kept() {
        let pause = Fault::Pause { nodes: nodes(&["n3"]) };
        let restart = Step::Node {
            action: NodeAction::Restart,
            nodes: nodes(&["n1"]),
            from: Moment { took_us: 400_000, ..Moment::at(2_000_000) },
        };
        let kept = Step::Fault { fault: pause, from: Moment::at(3_000_000), end: End::Kept };
        let steps = vec![step(partition(), 0, Some(3_500)), restart, kept];
        insta::assert_snapshot!(Schedule { steps, end_us: 3_500_000 }.text(Times::Plain), @r#"
        let cut = partition([["n1"], ["n2", "n3"]]);
        sleep("2s");
        restart("n1");
        sleep("0.6s");
        pause("n3").keep();
        sleep("0.5s");
        cut.heal();
        "#);
    }

    #[test]
    fn what_overlaps_runs_beside() {
        let slow = |at_us| Moment { took_us: 3_000_000, ..Moment::at(at_us) };
        let stop = Step::Fault {
            fault: Fault::Stop { nodes: nodes(&["n1"]) },
            from: slow(0),
            end: End::Healed(slow(4_000_000)),
        };
        let restart = Step::Node { action: NodeAction::Restart, nodes: nodes(&["n2"]), from: slow(1_000_000) };
        let steps = vec![stop, restart, step(partition(), 2_000, Some(5_000))];
        insta::assert_snapshot!(Schedule { steps, end_us: 8_000_000 }.text(Times::Exact), @r#"
        let start = elapsed();
        let down = task(|| stop("n1"));
        sleep_until(start + 1.0);
        let beside2 = task(|| restart("n2"));
        sleep_until(start + 2.0);
        let cut = partition([["n1"], ["n2", "n3"]]);
        sleep_until(start + 4.0);
        let beside1 = task(|| down.join().heal());
        sleep_until(start + 5.0);
        cut.heal();
        beside2.join();
        beside1.join();
        sleep_until(start + 8.0);
        "#);
    }
}
