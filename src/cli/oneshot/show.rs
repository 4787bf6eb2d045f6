//! Replies as text for people and as JSON for programs. Pure, but for [`Shown::print`].

use super::Format;
use crate::engine::{FaultInfo, NodeStatus, RunState};
use crate::{Error, Result};
use comfy_table::{Table, presets};
use serde::Serialize;
use std::io::Write;

/// So many characters of a container's id tell it from others, as Docker shows it.
const ID_SHOWN: usize = 12;

/// What a command prints.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// To standard output.
    pub(super) results: String,
    /// To standard error.
    pub(super) messages: String,
    /// A result that is a failure, once it is printed.
    pub(super) failure: Option<Error>,
}

impl Shown {
    /// A result.
    pub(super) fn results(text: impl Into<String>) -> Self {
        Self { results: text.into(), ..Self::default() }
    }

    /// A message with its line's end, and no result.
    pub(super) fn message(text: &str) -> Self {
        Self { messages: format!("{text}\n"), ..Self::default() }
    }

    /// Prints it. A reader that has gone away has read enough.
    pub(super) fn print(self) -> Result<()> {
        let _nobody_reads = std::io::stderr().write_all(self.messages.as_bytes());
        let mut out = std::io::stdout().lock();
        match out.write_all(self.results.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::machine(format!("cannot print: {error}")))
            }
            _ => self.failure.map_or(Ok(()), Err),
        }
    }
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Shown> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| Shown::results(text + "\n")).map_err(|error| Error::machine(format!("no JSON: {error}")))
}

/// The nodes.
pub(super) fn status(lines: &[NodeStatus], format: Format) -> Result<Shown> {
    if format.json {
        return json(&lines);
    }
    let row = |line: &NodeStatus| {
        [
            line.name.clone(),
            line.container_id.chars().take(ID_SHOWN).collect(),
            state(line.status).to_owned(),
            line.ip_address.clone().unwrap_or_default(),
            line.network_state.clone(),
            line.partition.as_ref().map(|value| value.to_string().replace('"', "")).unwrap_or_default(),
        ]
    };
    let head = ["NODE", "CONTAINER ID", "STATUS", "IP", "NETWORK", "PARTITION"];
    Ok(Shown::results(table(&head, lines.iter().map(row))))
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Up => "UP",
        RunState::Down => "DOWN",
        RunState::Paused => "PAUSED",
        RunState::Missing => "MISSING",
    }
}

/// The active faults.
pub(super) fn faults(faults: &[FaultInfo], format: Format) -> Result<Shown> {
    match faults {
        _ if format.json => json(&faults),
        [] => Ok(Shown::message("no faults")),
        _ => {
            let row = |info: &FaultInfo| [info.id.to_string(), info.fault.to_string()];
            Ok(Shown::results(table(&["ID", "FAULT"], faults.iter().map(row))))
        }
    }
}

/// A fault that is active now.
pub(super) fn injected(info: &FaultInfo, format: Format) -> Result<Shown> {
    if format.json { json(info) } else { Ok(Shown::results(format!("{}: {}\n", info.id, info.fault))) }
}

/// Faults that are no longer active.
pub(super) fn healed(faults: &[FaultInfo], format: Format) -> Result<Shown> {
    match faults {
        _ if format.json => json(&faults),
        [] => Ok(Shown::message("nothing to heal")),
        _ => Ok(Shown::results(lines(faults.iter().map(|info| format!("healed {}: {}", info.id, info.fault))))),
    }
}

/// Columns without lines between them, as terminals and `awk` like them.
fn table<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    lines(table.lines().map(|line| line.trim_end().to_owned()))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + line.as_str() + "\n")
}
