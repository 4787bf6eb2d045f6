//! The static check of a script: what will go wrong, found without running anything.
//!
//! From a script's text, its syntax tree, the functions that there are and the cluster's nodes to a list of
//! diagnostics. Reads the modules that the script imports, as a run would, and checks them with it: a function of a
//! module that the script calls is as one of its own. Touches nothing else. An error is what certainly runs and must
//! fail; what may never be reached (`try`, or a branch) is a warning at most, and what only a run can know is not judged:
//! a script that works is never refused.

mod calls;
mod closures;
mod constants;
mod doubt;
mod ends;
mod files;
mod functions;
mod handles;
mod imports;
mod keys;
mod names;
mod nodes;
mod parts;
mod program;
mod waits;
mod walk;

pub use files::imported;

use super::Options;
use super::diagnose::Source;
use super::modules;
use crate::Result;
use crate::diagnostic::{Diagnostic, Severity};
use doubt::Doubt;
use functions::Functions;
use program::Program;
use rhai::{AST, ASTNode, ImmutableString, Module, Position, Stmt};
use std::collections::BTreeMap;
use std::rc::Rc;
use walk::Piece;

/// The parts of a script beside its body, each with the number of its parameters.
pub(super) const PARTS: [(&str, usize); 4] = [("setup", 0), ("chaos", 0), ("client", 1), ("check", 0)];

/// A function of a script with its statements. Rhai shows those of functions only while it walks over them, so these
/// are copies.
struct Function {
    name: ImmutableString,
    params: Vec<ImmutableString>,
    statements: Vec<Stmt>,
}

/// The functions and closures of a script.
fn functions(ast: &AST) -> Vec<Function> {
    let all = ast.iter_fn_def().map(|function| {
        let mut alone = Module::new();
        alone.set_script_fn(Rc::clone(function));
        let mut statements = Vec::new();
        AST::new([], alone).walk(&mut |path: &[ASTNode<'_>]| {
            if let [ASTNode::Stmt(stmt)] = path {
                statements.push((*stmt).clone());
            }
            true
        });
        Function { name: function.name.clone(), params: function.params.to_vec(), statements }
    });
    all.collect()
}

/// A part of a script that runs as one: its body, a function, a closure.
struct Unit<'a> {
    /// None is the script's body.
    name: Option<&'a str>,
    params: &'a [ImmutableString],
    statements: &'a [Stmt],
}

impl<'a> Unit<'a> {
    fn of(function: &'a Function) -> Self {
        Self { name: Some(&function.name), params: &function.params, statements: &function.statements }
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'a>> + use<'a> {
        self.statements.iter().map(Piece::Stmt)
    }

    /// Whether somewhere in it is such a piece.
    fn any(&self, mut wanted: impl FnMut(Piece<'a>) -> bool) -> bool {
        self.pieces().any(|piece| piece.any(&mut wanted))
    }
}

/// Whether it is what runs first.
fn is_body(unit: &Unit<'_>) -> bool {
    unit.name.is_none()
}

/// Whether a run calls it.
fn is_part(unit: &Unit<'_>) -> bool {
    unit.name.is_none_or(|name| PARTS.contains(&(name, unit.params.len())))
}

/// A text that is checked, with all that the checks ask for.
struct Subject<'a> {
    source: &'a Source,
    ast: &'a AST,
    program: &'a Program,
    /// Its body, and then its functions.
    units: Vec<Unit<'a>>,
    functions: Functions<'a>,
    /// Which texts of the program it has imported, by their names in it.
    modules: BTreeMap<&'a str, usize>,
    doubt: Doubt<'a>,
    /// The cluster's nodes, where they are known.
    nodes: Option<&'a [String]>,
}

impl<'a> Subject<'a> {
    fn unit(&self, name: &str) -> Option<&Unit<'a>> {
        self.units.iter().find(|unit| unit.name == Some(name))
    }

    /// Which text of the program a piece imports.
    fn imported(&self, piece: Piece<'_>) -> Option<usize> {
        let (name, _) = piece.import()?;
        self.program.at(&modules::path_of(name, Some(&self.source.path)))
    }

    /// Visits every piece of the text, told whether it may never come to run.
    fn each(&self, mut see: impl FnMut(Piece<'a>, bool)) {
        for (at, unit) in self.units.iter().enumerate() {
            self.doubt.each(at, unit, &mut see);
        }
    }

    fn diagnostic(&self, position: Position, message: impl Into<String>) -> Diagnostic {
        self.source.diagnostic(position, message)
    }
}

/// All that is wrong with a script, in the order of its text, and then with its modules.
pub(super) fn check(
    source: &Source,
    ast: &AST,
    nodes: Option<&[String]>,
    options: Option<&Result<Options>>,
) -> Vec<Diagnostic> {
    let program = Program::of(source, ast);
    let subjects = program.subjects(nodes);
    let mut found = Vec::new();
    imports::check(&subjects, &mut found);
    for subject in &subjects {
        calls::check(subject, &mut found);
        nodes::check(subject, &mut found);
        closures::check(subject, &mut found);
        handles::check(subject, &mut found);
    }
    if let Some(script) = subjects.first() {
        ends::check(script, &mut found);
        waits::check(script, &mut found);
        parts::check(script, options, &mut found);
    }
    in_order(found, &source.path)
}

/// Each once, in the order of the text, the script's own first: a closure that is written twice is one function. What
/// is an error in one way and a warning in another is an error.
fn in_order(mut found: Vec<Diagnostic>, script: &str) -> Vec<Diagnostic> {
    let place = |one: &Diagnostic| (one.file != script, one.file.clone(), one.span.start, one.span.end);
    found.sort_by_key(|one| (place(one), one.message.clone(), one.severity != Severity::Error));
    found.dedup_by_key(|one| (place(one), one.message.clone()));
    found
}

#[cfg(test)]
mod tests;
