//! What is checked together: a script and the modules that it imports, those that they import, and so on. The standard
//! library's are not among them: they are ours.

use super::doubt;
use super::functions::Functions;
use super::keys::Keys;
use super::names::Names;
use super::{Function, Subject, Unit, functions};
use crate::script::diagnose::Source;
use crate::script::{Script, modules};
use rhai::AST;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

/// A text that is checked.
pub(super) struct Text {
    source: Source,
    ast: AST,
    functions: Vec<Function>,
}

/// The script, and behind it its modules, each once: those that can be read and compile. What is wrong with others is
/// told where they are imported.
pub(super) struct Program {
    texts: Vec<Text>,
    /// Which of them a file is.
    places: BTreeMap<PathBuf, usize>,
}

impl Program {
    pub(super) fn of(source: &Source, ast: &AST) -> Self {
        let mut program = Self { texts: Vec::new(), places: BTreeMap::new() };
        program.add(source.clone(), ast.clone());
        let mut next = 0;
        while let Some(text) = program.texts.get(next) {
            let path = text.source.path.clone();
            for (name, _) in Names::of(&text.ast).written {
                program.import(&name, &path);
            }
            next += 1;
        }
        program
    }

    fn import(&mut self, name: &str, importer: &str) {
        let Ok(Some(module)) = modules::find(name, importer) else { return };
        if modules::is_stdlib(&module.path) || self.at(&module.path).is_some() {
            return;
        }
        let compiled = Script::compile(&module.path, &module.text);
        if let Some((script, ast)) = compiled.ok().and_then(|script| script.as_written().ok().map(|ast| (script, ast)))
        {
            self.add(script.source, ast);
        }
    }

    fn add(&mut self, source: Source, ast: AST) {
        self.places.insert(modules::identity(&source.path), self.texts.len());
        let functions = functions(&ast);
        self.texts.push(Text { source, ast, functions });
    }

    /// Which of its texts lies at this path.
    pub(super) fn at(&self, path: &str) -> Option<usize> {
        self.places.get(&modules::identity(path)).copied()
    }

    /// Each of its texts with all that the checks ask for, the script's first.
    pub(super) fn subjects<'a>(&'a self, nodes: Option<&'a [String]>) -> Vec<Subject<'a>> {
        let units: Vec<Vec<Unit<'a>>> = self.texts.iter().map(Text::units).collect();
        let keys = self.texts.iter().zip(&units).fold(Keys::default(), |mut keys, (text, units)| {
            keys.learn(units, |name| self.knows(name, &text.source.path));
            keys
        });
        let keys = Rc::new(keys);
        let subject = |(text, units): (&'a Text, Vec<Unit<'a>>)| {
            let functions = Functions::new(&units, &text.source.path, Rc::clone(&keys));
            let modules = functions.imports().filter_map(|(alias, path)| Some((alias, self.at(path)?))).collect();
            Subject {
                source: &text.source,
                ast: &text.ast,
                program: self,
                units,
                functions,
                modules,
                doubt: doubt::Doubt::default(),
                nodes,
            }
        };
        let mut subjects: Vec<Subject<'a>> = self.texts.iter().zip(units).map(subject).collect();
        doubt::settle(&mut subjects);
        subjects
    }

    /// Whether all that a module has is known.
    fn knows(&self, name: &str, importer: &str) -> bool {
        let path = modules::path_of(name, Some(importer));
        modules::is_stdlib(&path) || self.at(&path).is_some()
    }
}

impl Text {
    fn units(&self) -> Vec<Unit<'_>> {
        let body = Unit { name: None, params: &[], statements: self.ast.statements() };
        std::iter::once(body).chain(self.functions.iter().map(Unit::of)).collect()
    }
}
