//! Modules: what `import` finds. The standard library's by name, else files beside the script that imports them.
//!
//! A module is compiled and its body is run once for each engine. Its functions run among their own
//! ([`enclose`](enclose::enclose)). Touches files of scripts, and nothing else.

mod enclose;

pub(super) use enclose::CLOSURE;

use super::diagnose::{Source, raise};
use super::source::Script;
use crate::{Error, Result, text};
use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each with its text; `import` knows them by these names. `chaos.rhai` is a program, not a module.
const STDLIB: &[(&str, &str)] = &[
    ("agenda", include_str!("../../stdlib/agenda.rhai")),
    ("etcd", include_str!("../../stdlib/etcd.rhai")),
    ("nemesis", include_str!("../../stdlib/nemesis.rhai")),
    ("postgres", include_str!("../../stdlib/postgres.rhai")),
    ("redis", include_str!("../../stdlib/redis.rhai")),
    ("swarm", include_str!("../../stdlib/swarm.rhai")),
    ("wait", include_str!("../../stdlib/wait.rhai")),
];
/// What the paths of the standard library's modules begin with. No file's does by chance.
const SHELF: &str = "<stdlib>/";
const ENDING: &str = ".rhai";

/// The modules of the standard library: the name that `import` knows, and the text.
#[must_use]
pub fn modules() -> &'static [(&'static str, &'static str)] {
    STDLIB
}

/// Whether this is the path of a module of the standard library.
pub(super) fn is_stdlib(path: &str) -> bool {
    path.starts_with(SHELF)
}

fn stdlib(name: &str) -> Option<&'static str> {
    STDLIB.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The path of the module that `name` means in the script at `importer`: what errors call it, and what tells it from
/// others. The standard library imports only itself.
pub(super) fn path_of(name: &str, importer: Option<&str>) -> String {
    if stdlib(name).is_some() || importer.is_some_and(is_stdlib) {
        return format!("{SHELF}{name}{ENDING}");
    }
    beside(name, importer).display().to_string()
}

/// The file that `name` means in the script at `importer`.
fn beside(name: &str, importer: Option<&str>) -> PathBuf {
    let file = if name.ends_with(ENDING) { name.to_owned() } else { format!("{name}{ENDING}") };
    importer.and_then(|importer| Path::new(importer).parent()).unwrap_or(Path::new("")).join(file)
}

/// The text of the module at this path; `None` where there is none.
///
/// # Errors
/// A file that is there and cannot be read.
fn text_of(path: &str) -> Result<Option<String>> {
    if let Some(name) = path.strip_prefix(SHELF) {
        return Ok(stdlib(name.trim_end_matches(ENDING)).map(str::to_owned));
    }
    text::read_if_there("the module", Path::new(path))
}

/// The module that `name` means in the script at `importer`; `None` where there is none.
///
/// # Errors
/// A file that is there and cannot be read.
pub(super) fn find(name: &str, importer: &str) -> Result<Option<Source>> {
    let path = path_of(name, Some(importer));
    Ok(text_of(&path)?.map(|text| Source { path, text }))
}

/// The text of a module, for an error that points into it. Rhai's errors know only the path.
pub(super) fn source(path: &str) -> Option<Source> {
    let text = text_of(path).ok().flatten()?;
    Some(Source { path: path.to_owned(), text })
}

/// Finds modules for one engine.
#[derive(Default)]
pub(super) struct Modules {
    /// By what tells them apart.
    known: RefCell<BTreeMap<PathBuf, Shared<Module>>>,
    /// The paths of the script and of the modules whose bodies run now, outermost first: what may not be imported.
    open: RefCell<Vec<String>>,
}

impl ModuleResolver for Modules {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        name: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let at_import = |error: Error| {
            let mut error = raise(error);
            error.set_position(position);
            error
        };
        let path = path_of(name, source);
        let identity = identity(&path);
        if let Some(module) = self.known.borrow().get(&identity) {
            return Ok(Shared::clone(module));
        }
        let text = text_of(&path).map_err(at_import)?;
        let text = text.ok_or_else(|| Box::new(EvalAltResult::ErrorModuleNotFound(name.to_owned(), position)))?;
        self.enter(source, &path).map_err(at_import)?;
        let parsed = Script::compile(&path, &text).and_then(|script| script.ast());
        let made = parsed.map_err(raise).and_then(|ast| make(engine, &ast));
        self.open.borrow_mut().pop();
        let made = made.map_err(|error| EvalAltResult::ErrorInModule(path, error, position))?;
        self.known.borrow_mut().insert(identity, Shared::clone(&made));
        Ok(made)
    }
}

impl Modules {
    /// From here on this module's body runs, for the script at `importer`.
    fn enter(&self, importer: Option<&str>, path: &str) -> Result<()> {
        let mut open = self.open.borrow_mut();
        if let (true, Some(script)) = (open.is_empty(), importer) {
            open.push(script.to_owned()); // the first to import is the script that runs, and it stays open
        }
        circle(&open, path).map_or(Ok(()), Err)?;
        open.push(path.to_owned());
        Ok(())
    }
}

/// What is wrong where the body of the module at `path` would run while those of `open` do, outermost first.
pub(super) fn circle(open: &[String], path: &str) -> Option<Error> {
    let known = open.iter().position(|known| identity(known) == identity(path))?;
    let way: Vec<&str> = open[known..].iter().map(String::as_str).chain([path]).collect();
    let error = Error::usage(format!("circular import: {}", way.join(" → ")))
        .help("move what both need into a module that imports neither");
    Some(error)
}

/// A file is one module, whatever it is called: `./helpers`, `../here/helpers`.
pub(super) fn identity(path: &str) -> PathBuf {
    if is_stdlib(path) { path.into() } else { std::fs::canonicalize(path).unwrap_or_else(|_| path.into()) }
}

/// Runs a module's body and makes its functions callable.
fn make(engine: &Engine, ast: &AST) -> Result<Shared<Module>, Box<EvalAltResult>> {
    let module = Module::eval_ast_as_new(Scope::new(), ast, engine)?;
    Ok(enclose::enclose(engine, module, ast).into())
}

#[cfg(test)]
mod tests;
