//! Events as lines: for people, and as JSON.

use super::report;
use crate::Result;
use crate::engine::{Event, EventBody, Output};
use crate::fault::FaultId;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// Takes each line.
    print: Box<dyn FnMut(&str) + Send>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self::to(report::line)
    }

    /// One whose lines go somewhere else than to stdout.
    pub(super) fn to(print: impl FnMut(&str) + Send + 'static) -> Self {
        Self { active: BTreeMap::new(), print: Box::new(print) }
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
            EventBody::Check { name, ok: false, message } => Some(("FAILED", format!("{name}: {message}"))),
            _ => None,
        }
    }
}

impl Output for Timeline {
    fn event(&mut self, event: &Event) -> Result<()> {
        if let Some((mark, text)) = self.describe(event) {
            (self.print)(&format!("{:>8.3} s  {mark:<7} {}", event.t_us as f64 / 1e6, printable(&text)));
        }
        Ok(())
    }
}

/// What programs print may hold sequences that move a terminal's cursor or clear it: they are shown, not obeyed.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && !"\n\t".contains(c) { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// A time span with a unit that fits it.
fn span(duration_us: u64) -> String {
    match duration_us {
        0..10_000 => format!("{:.1} ms", duration_us as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", duration_us / 1_000),
        _ => format!("{:.2} s", duration_us as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_would_move_a_terminals_cursor_is_shown_instead() {
        assert_eq!(printable("a\tb\nä \u{1b}[2J\r\u{7}"), "a\tb\nä \\u{1b}[2J\\r\\u{7}");
    }
}
