//! Modules that cannot be imported: they do not exist, do not compile, or import each other in a circle. Those that
//! modules import are looked at, too: the body of each runs before the script's.

use super::{Subject, is_body};
use crate::diagnostic::Diagnostic;
use crate::script::diagnose::Source;
use crate::script::diagnose::imports::missing;
use crate::script::{Script, modules};
use crate::{Error, Result};
use rhai::Position;
use std::collections::BTreeSet;

pub(super) fn check(subjects: &[Subject<'_>], found: &mut Vec<Diagnostic>) {
    let mut walk = Walk { subjects, seen: BTreeSet::new(), later: vec![0], found };
    while let Some(text) = walk.later.pop() {
        let paths = [0, text].map(|at| subjects[at].source.path.clone());
        walk.text(text, if text == 0 { &paths[..1] } else { &paths });
    }
}

/// An `import` whose module is written as text.
struct Import<'a> {
    from: &'a Source,
    name: &'a str,
    position: Position,
    /// Whether the text's body imports it, and not a function, which runs later.
    now: bool,
    doubtful: bool,
}

/// The way through all that is imported.
struct Walk<'s, 'a> {
    subjects: &'s [Subject<'a>],
    seen: BTreeSet<usize>,
    /// What functions import: looked at when all bodies were that run while others do.
    later: Vec<usize>,
    found: &'s mut Vec<Diagnostic>,
}

impl Walk<'_, '_> {
    /// `open` are the paths whose bodies run while this text's does: the script's first, its own last.
    fn text(&mut self, text: usize, open: &[String]) {
        if !self.seen.insert(text) {
            return;
        }
        for import in imports(&self.subjects[text]) {
            // When a function runs, only the script's own body is open for certain.
            self.import(&import, if import.now { open } else { &open[..1] });
        }
    }

    fn import(&mut self, import: &Import<'_>, open: &[String]) {
        let module = match found(import, open) {
            Ok(module) if modules::is_stdlib(&module.path) => return,
            Ok(module) => module,
            Err(wrong) => return self.tell(wrong, import),
        };
        match self.subjects[0].program.at(&module.path) {
            Some(text) if import.now => self.text(text, &[open, &[module.path]].concat()),
            Some(text) => self.later.push(text),
            None => {
                let compiled = Script::compile(&module.path, &module.text);
                if let Err(wrong) = compiled.and_then(|script| script.as_written()) {
                    self.tell(wrong, import);
                }
            }
        }
    }

    fn tell(&mut self, wrong: Error, import: &Import<'_>) {
        self.found.extend(wrong.diagnostics.into_iter().map(|one| if import.doubtful { one.warning() } else { one }));
    }
}

/// What a text imports, in its order.
fn imports<'a>(subject: &Subject<'a>) -> Vec<Import<'a>> {
    let mut all = Vec::new();
    for (at, unit) in subject.units.iter().enumerate() {
        let (from, now) = (subject.source, is_body(unit));
        subject.doubt.each(at, unit, &mut |piece, doubtful| {
            all.extend(piece.import().map(|(name, position)| Import { from, name, position, now, doubtful }));
        });
    }
    all
}

/// The module that is imported; an error is shown at its `import`.
fn found(import: &Import<'_>, open: &[String]) -> Result<Source> {
    let Import { from, name, position, .. } = *import;
    let at_import = |error: Error| Diagnostic { help: error.help, ..from.diagnostic(position, error.message) };
    let module = modules::find(name, &from.path).map_err(at_import)?;
    let module = module.ok_or_else(|| missing(from, position, name))?;
    modules::circle(open, &module.path).map_or(Ok(module), |error| Err(at_import(error).into()))
}
