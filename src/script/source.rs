//! A script's text: read, checked as far as Rhai's parser goes, and found again when an error points into it.

use super::Options;
use super::check;
use super::diagnose::{self, Source};
use super::engine;
use crate::diagnostic::Diagnostic;
use crate::{Result, text};
use rhai::{AST, Engine, OptimizationLevel};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;

/// A script that compiles. It holds only the text: what Rhai makes of it belongs to one thread.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) source: Source,
}

impl Script {
    /// Reads and compiles a script.
    pub fn load(path: &Path) -> Result<Self> {
        Self::compile(&path.display().to_string(), &text::read("the script", path)?)
    }

    /// Compiles a script; `path` is what its errors call it.
    pub fn compile(path: &str, text: &str) -> Result<Self> {
        // Editors of some systems put a byte order mark before the text; it means nothing.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let script = Self { source: Source { path: path.to_owned(), text: text.to_owned() } };
        script.ast().map(|_| script)
    }

    /// What Rhai makes of it. The last few are kept, since many seeds run the same script, and the same modules.
    pub(super) fn ast(&self) -> Result<Rc<AST>> {
        const KEPT: usize = 16;
        thread_local! {
            static PARSED: RefCell<VecDeque<(Source, Rc<AST>)>> = RefCell::default();
        }
        PARSED.with_borrow_mut(|parsed| {
            if let Some((_, ast)) = parsed.iter().find(|(source, _)| *source == self.source) {
                return Ok(Rc::clone(ast));
            }
            let ast = Rc::new(self.parse(&engine::bare())?);
            parsed.truncate(KEPT - 1);
            parsed.push_front((self.source.clone(), Rc::clone(&ast)));
            Ok(ast)
        })
    }

    fn parse(&self, engine: &Engine) -> Result<AST> {
        let Source { path, text } = &self.source;
        if let Some(start) = unclosed_comment(text) {
            return Err(Diagnostic::new(path, text, start..start + 2, "syntax error: this comment is never closed")
                .label("opened here")
                .into());
        }
        let mut ast = engine.compile(&self.source.text).map_err(|error| diagnose::syntax(&self.source, &error))?;
        ast.set_source(&self.source.path); // modules are looked for beside it
        Ok(ast)
    }

    /// What is wrong with it, found without running it: in the order of the text, warnings among the errors, and then
    /// what is wrong with the modules that it imports. Names of nodes are looked at only where the cluster's are given.
    #[must_use]
    pub fn check(&self, nodes: Option<&[String]>) -> Vec<Diagnostic> {
        match self.as_written() {
            Ok(ast) => {
                let options = self.ast().ok().and_then(|ast| Options::written(&ast));
                check::check(&self.source, &ast, nodes, options.as_ref())
            }
            Err(error) => error.diagnostics,
        }
    }

    /// What Rhai makes of it where nothing is optimized away before it was looked at.
    pub(super) fn as_written(&self) -> Result<AST> {
        let mut engine = engine::bare();
        engine.set_optimization_level(OptimizationLevel::None);
        self.parse(&engine)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// Its path as the user named it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.source.path
    }
}

/// Where a `/*` without its `*/` begins. Rhai compiles such a script, silently without the rest.
pub(super) fn unclosed_comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut opened: Vec<usize> = Vec::new();
    while at < bytes.len() {
        let rest = &bytes[at..];
        at += match (opened.is_empty(), rest) {
            (_, [b'/', b'*', ..]) => {
                opened.push(at);
                2
            }
            (false, [b'*', b'/', ..]) => {
                opened.pop();
                2
            }
            (true, [b'/', b'/', ..]) => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            (true, [quote @ (b'"' | b'\'' | b'`'), ..]) => literal_length(rest, *quote),
            _ => 1,
        };
    }
    opened.first().copied()
}

/// The bytes of a text literal that starts here, quotes included.
fn literal_length(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
    }
    at + 1
}
