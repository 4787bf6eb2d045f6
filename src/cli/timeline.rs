//! Events as lines: for people, and as JSON.

use super::report;
use crate::Result;
use crate::engine::{Event, EventBody, Output};
use crate::fault::FaultId;
use crate::report::{printable, span};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The journal's lines on stdout.
pub(super) struct JsonLines;

impl JsonLines {
    /// Prints the head.
    pub(super) fn start(header: &impl Serialize) -> Self {
        print(header);
        Self
    }
}

fn print(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        report::line(&text);
    }
}

impl Output for JsonLines {
    fn event(&mut self, event: &Event) -> Result<()> {
        print(event);
        Ok(())
    }
}

/// A line for each thing worth a person's eye, readable at 80 columns.
pub(super) struct Timeline {
    /// Faults under way: since when, and what.
    active: BTreeMap<FaultId, (u64, String)>,
    /// The columns of the terminal, if it is one.
    columns: Option<usize>,
    /// Takes each line.
    print: Box<dyn FnMut(&str) + Send>,
    progress: Progress,
}

impl Timeline {
    /// Lines alone: nobody waits for what happens on virtual time.
    pub(super) fn new() -> Self {
        Self { columns: report::columns(), ..Self::to(report::line) }
    }

    /// Lines, and on a terminal below them what is going on.
    pub(super) fn live() -> Self {
        Self { progress: Progress::new(), ..Self::new() }
    }

    /// One whose lines go somewhere else than to stdout.
    pub(super) fn to(print: impl FnMut(&str) + Send + 'static) -> Self {
        Self { active: BTreeMap::new(), columns: None, print: Box::new(print), progress: Progress::none() }
    }

    /// What happened, as a mark and a text; nothing for what is only noise to a person.
    fn describe(&mut self, event: &Event) -> Option<(&'static str, String)> {
        match &event.body {
            EventBody::ClusterUp { nodes, took_us } => {
                Some(("up", format!("{} in {}", nodes.join(" "), span(*took_us))))
            }
            EventBody::ClusterDown { errors } if errors.is_empty() => {
                Some(("down", "everything is removed".to_owned()))
            }
            EventBody::ClusterDown { errors } => Some(("down", format!("left behind: {}", errors.join("; ")))),
            EventBody::FaultInject { id, fault } => {
                self.active.insert(*id, (event.t_us, fault.to_string()));
                None
            }
            EventBody::FaultActive { id, .. } => {
                let (_, what) = self.active.get(id)?;
                Some(("fault", format!("{id} {what}")))
            }
            EventBody::FaultFailed { id, error } => Some(("failed", format!("{id} {error}"))),
            EventBody::FaultHealed { id, .. } => {
                let (since, what) = self.active.remove(id)?;
                Some(("healed", format!("{id} {what}, after {}", span(event.t_us - since))))
            }
            EventBody::FaultNarrow { id, fault } => {
                self.active.get_mut(id)?.1 = fault.to_string();
                None
            }
            EventBody::FaultNarrowed { id, .. } => {
                let (_, what) = self.active.get(id)?;
                Some(("healed", format!("{id} in part, left is {what}")))
            }
            EventBody::NodeStart { node } => Some(("start", node.clone())),
            EventBody::NodeResume { node } => Some(("resume", node.clone())),
            EventBody::NodeRestart { node } => Some(("restart", node.clone())),
            EventBody::ClusterAdd { nodes } => Some(("add", nodes.join(" "))),
            EventBody::NodePaused { node } => Some(("paused", format!("{node} by somebody else"))),
            EventBody::NodeMissing { node } => Some(("missing", format!("{node} was removed by somebody else"))),
            EventBody::NodeUp { node, gap_us: Some(gap_us) } => {
                Some(("up", format!("{node}, for {} without its faults", span(*gap_us))))
            }
            EventBody::NodeExit { node, ended, expected: false, log } => {
                let mut text = format!("{node} by itself, {ended}");
                for line in log {
                    text.push_str("\n                  │ ");
                    text.push_str(line);
                }
                Some(("exit", text))
            }
            EventBody::Note { message } => Some(("note", message.clone())),
            EventBody::Metric { name, value } => Some(("metric", format!("{name} = {value}"))),
            EventBody::Check { name, unknown: true, message, .. } => Some(("UNKNOWN", format!("{name}: {message}"))),
            EventBody::Check { name, ok: false, message, .. } => Some(("FAILED", format!("{name}: {message}"))),
            EventBody::Check { name, message, details, .. } if !details.is_null() => {
                Some(("check", format!("{name}: {message}")))
            }
            _ => None,
        }
    }
}

impl Output for Timeline {
    fn event(&mut self, event: &Event) -> Result<()> {
        if let Some((mark, text)) = self.describe(event) {
            let line = format!("{:>8.3} s  {mark:<7} {}{}", event.t_us as f64 / 1e6, printable(&text), by(event));
            let line = self.columns.map_or_else(|| line.clone(), |columns| wrapped(&line, columns));
            self.progress.above(|| (self.print)(&line));
        }
        self.progress.show(&self.active);
        Ok(())
    }
}

/// The task that did it, where it is not the script's main line.
fn by(event: &Event) -> String {
    const MAIN_LINE: [&str; 6] = ["main", "setup", "chaos", "recovery", "check", "engine"];
    if MAIN_LINE.contains(&event.task.as_str()) { String::new() } else { format!("  [{}]", event.task) }
}

/// Long lines go on below where their text began.
fn wrapped(line: &str, columns: usize) -> String {
    const INDENT: &str = "                    ";
    let options = textwrap::Options::new(columns.max(2 * INDENT.len())).subsequent_indent(INDENT);
    // Several lines, as of a log, have their own indents.
    line.split('\n').map(|line| textwrap::fill(line, &options)).collect::<Vec<_>>().join("\n")
}

/// The line below the timeline: how long it has been, and what is in force.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn none() -> Self {
        Self(None)
    }

    fn new() -> Self {
        if report::columns().is_none() {
            return Self::none();
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }

    /// Prints something above it.
    fn above(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn show(&self, active: &BTreeMap<FaultId, (u64, String)>) {
        let Some(bar) = &self.0 else { return };
        let faults: Vec<String> = active.iter().map(|(id, (_, what))| format!("{id} {what}")).collect();
        bar.set_message(if faults.is_empty() { "no faults".to_owned() } else { faults.join(", ") });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_go_on_below_their_text() {
        let line = "   1.000 s  fault   f1 slow n1 → n2, n1 → n3, n1 → world: delay 50 ms, jitter 10 ms (normal)";
        let expected = "   1.000 s  fault   f1 slow n1 → n2, n1 → n3, n1 →\n                    world: delay 50 ms, jitter 10 ms\n                    (normal)";
        assert_eq!(wrapped(line, 52), expected);
        assert_eq!(wrapped("short", 80), "short");
        assert_eq!(wrapped("a\nb", 80), "a\nb");
    }
}
