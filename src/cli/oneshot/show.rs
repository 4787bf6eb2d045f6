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
pub(in crate::cli) struct Shown {
    /// To standard output.
    pub(in crate::cli) results: String,
    /// To standard error.
    pub(in crate::cli) messages: String,
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
    pub(in crate::cli) fn print(self) -> Result<()> {
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

/// Prints a part of a result that goes on.
pub(super) fn piece(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Shown> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| Shown::results(text + "\n")).map_err(|error| Error::machine(format!("no JSON: {error}")))
}

/// The nodes.
pub(in crate::cli) fn status(lines: &[NodeStatus], format: Format) -> Result<Shown> {
    if format.json {
        return json(&lines);
    }
    let is_late = lines.iter().any(|line| line.gap_us.is_some());
    let row = |line: &NodeStatus| {
        let mut row = vec![
            line.name.clone(),
            line.container_id.chars().take(ID_SHOWN).collect(),
            state(line.status).to_owned(),
            line.ip_address.clone().unwrap_or_default(),
            line.network_state.clone(),
            line.partition.as_ref().map(|value| value.to_string().replace('"', "")).unwrap_or_default(),
        ];
        row.extend(is_late.then(|| line.gap_us.map(gap).unwrap_or_default()));
        row
    };
    let mut head = vec!["NODE", "CONTAINER ID", "STATUS", "IP", "NETWORK", "PARTITION"];
    head.extend(is_late.then_some("GAP"));
    Ok(Shown::results(table(&head, lines.iter().map(row))))
}

/// For how long a node ran without its faults after its start.
fn gap(gap_us: u64) -> String {
    format!("{:.1} ms", gap_us as f64 / 1e3)
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
pub(in crate::cli) fn faults(faults: &[FaultInfo], format: Format) -> Result<Shown> {
    match faults {
        _ if format.json => json(&faults),
        [] => Ok(Shown::message("no faults")),
        _ => {
            let impairs = faults.iter().any(|info| !info.by.is_empty());
            let row = |info: &FaultInfo| {
                let by = info.by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let columns = [info.id.to_string(), info.fault.to_string()];
                columns.into_iter().chain(impairs.then_some(by)).collect::<Vec<_>>()
            };
            let head: &[&str] = if impairs { &["ID", "FAULT", "BY"] } else { &["ID", "FAULT"] };
            Ok(Shown::results(table(head, faults.iter().map(row))))
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
pub(super) fn table<R: Into<comfy_table::Row>>(head: &[&str], rows: impl Iterator<Item = R>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    lines(table.lines().map(|line| line.trim_end().to_owned()))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + line.as_str() + "\n")
}
