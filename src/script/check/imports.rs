//! Modules that cannot be imported: they do not exist, do not compile, or import each other in a circle. Those that
//! modules import are looked at, too: the body of each runs before the script's.

use super::walk::Piece;
use super::{Subject, functions, is_body};
use crate::diagnostic::Diagnostic;
use crate::script::diagnose::Source;
use crate::script::diagnose::imports::missing;
use crate::script::{Script, modules};
use crate::{Error, Result};
use rhai::{Expr, Position, Stmt};
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    Walk { seen: BTreeSet::new(), found }.subject(subject, std::slice::from_ref(&subject.source.path), false);
}

/// An `import` whose module is written as text.
struct Import<'a> {
    from: &'a Source,
    name: &'a str,
    position: Position,
}

/// The way through all that is imported.
struct Walk<'f> {
    /// Modules that were looked at, and whether in doubt.
    seen: BTreeSet<(PathBuf, bool)>,
    found: &'f mut Vec<Diagnostic>,
}

impl Walk<'_> {
    /// `open` are the paths whose bodies run while this one's does: the script's first, its own last.
    fn subject(&mut self, subject: &Subject<'_>, open: &[String], doubtful: bool) {
        for (at, unit) in subject.units.iter().enumerate() {
            // A function runs later, when only the script's own body is open for certain.
            let open = if is_body(unit) { open } else { &open[..1] };
            subject.doubt.each(at, unit, &mut |piece, in_doubt| {
                if let Piece::Stmt(Stmt::Import(of, _)) = piece
                    && let Expr::StringConstant(name, position) = &of.0
                {
                    let import = Import { from: subject.source, name, position: *position };
                    self.import(&import, open, doubtful || in_doubt);
                }
            });
        }
    }

    fn import(&mut self, import: &Import<'_>, open: &[String], doubtful: bool) {
        match found(import, open) {
            Ok(module) if modules::is_stdlib(&module.path) => {}
            Ok(module) => self.module(&module, open, doubtful),
            Err(wrong) => self.tell(wrong, doubtful),
        }
    }

    fn module(&mut self, module: &Source, open: &[String], doubtful: bool) {
        if !self.seen.insert((modules::identity(&module.path), doubtful)) {
            return;
        }
        match Script::compile(&module.path, &module.text).and_then(|script| script.as_written()) {
            Ok(ast) => {
                let (functions, open) = (functions(&ast), [open, std::slice::from_ref(&module.path)].concat());
                self.subject(&Subject::module(module, &ast, &functions), &open, doubtful);
            }
            Err(wrong) => self.tell(wrong, doubtful),
        }
    }

    fn tell(&mut self, wrong: Error, doubtful: bool) {
        self.found.extend(wrong.diagnostics.into_iter().map(|one| if doubtful { one.warning() } else { one }));
    }
}

/// The module that is imported; an error is shown at its `import`.
fn found(import: &Import<'_>, open: &[String]) -> Result<Source> {
    let Import { from, name, position } = *import;
    let at_import = |error: Error| Diagnostic { help: error.help, ..from.diagnostic(position, error.message) };
    let module = modules::find(name, &from.path).map_err(at_import)?;
    let module = module.ok_or_else(|| missing(from, position, name))?;
    modules::circle(open, &module.path).map_or(Ok(module), |error| Err(at_import(error).into()))
}
