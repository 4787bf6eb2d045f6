//! The parts that blockade itself calls: setup(), chaos(), check() and client(id), and what `OPTIONS` says of them.
//! A part that is never called would let a run pass that has checked nothing.

use super::Subject;
use crate::Result;
use crate::diagnostic::{Diagnostic, nearest};
use crate::script::Options;

/// The parts, and how many arguments each is called with.
const PARTS: [(&str, usize); 4] = [("setup", 0), ("chaos", 0), ("check", 0), ("client", 1)];

/// `options` is what the script's constant says, where it is written out.
pub(super) fn check(subject: &Subject<'_>, options: Option<&Result<Options>>, found: &mut Vec<Diagnostic>) {
    for unit in &subject.units {
        let Some(name) = unit.name.filter(|name| !is_called(subject, name)) else { continue };
        match PARTS.iter().find(|(part, _)| *part == name) {
            Some((_, count)) if unit.params.len() != *count => found.push(wrong_arguments(subject, name, *count)),
            Some(_) => {}
            None => found.extend(misspelt(subject, name, unit.params.len())),
        }
    }
    if let Some(Err(error)) = options {
        found.push(subject.source.declared("const OPTIONS", "OPTIONS", error));
    }
    let clients = match options {
        Some(Ok(options)) => Some(options.clients),
        None if !subject.source.text.contains("OPTIONS") => Some(0),
        _ => None,
    };
    if clients == Some(0) && subject.units.iter().any(|unit| unit.name == Some("client") && unit.params.len() == 1) {
        found.extend(never_started(subject));
    }
}

/// Whether the script calls or names it itself.
fn is_called(subject: &Subject<'_>, name: &str) -> bool {
    let quoted = subject.source.text.contains(&format!("\"{name}\""));
    quoted || subject.units.iter().any(|unit| unit.any(|piece| piece.call().is_some_and(|call| call.name() == name)))
}

fn wrong_arguments(subject: &Subject<'_>, name: &str, count: usize) -> Diagnostic {
    let write = if count == 0 { format!("fn {name}()") } else { format!("fn {name}(id)") };
    let message = format!("`{name}` is called by nobody: as a part of the script it is `{write}`");
    subject
        .diagnostic(subject.source.definition(Some(name)), message)
        .help(format!("write `{write} {{ … }}`, or choose another name"))
}

/// A function that nobody calls, and that is called nearly as a part is.
fn misspelt(subject: &Subject<'_>, name: &str, count: usize) -> Option<Diagnostic> {
    let fits = PARTS.iter().filter(|(part, parameters)| *parameters == count && subject.unit(part).is_none());
    let near = nearest(name, fits.map(|(part, _)| *part)).filter(|_| !name.contains('$'))?;
    let wrong = subject.diagnostic(subject.source.definition(Some(name)), format!("`{name}` is called by nobody"));
    Some(wrong.help(format!("did you mean the part `{near}`?")).warning())
}

fn never_started(subject: &Subject<'_>) -> Option<Diagnostic> {
    if is_called(subject, "client") {
        return None;
    }
    let place = subject.source.definition(Some("client"));
    let wrong = subject.diagnostic(place, "no client is ever started");
    Some(wrong.help("say how many: const OPTIONS = #{ clients: 3 };").warning())
}
