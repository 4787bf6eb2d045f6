//! A file whose statements take the place of one of a script's functions: a schedule in the place of `chaos()`.
//!
//! They see what the function would see: the script's functions, constants and imports. The file's own functions join
//! the script's.

use super::engine;
use super::source::Script;
use super::texts::Texts;
use crate::{Error, Result};
use rhai::AST;

/// The function that such a file stands for.
pub(super) const REPLACED: &str = "chaos";

/// A file in the place of a function, compiled below the script's text.
pub(super) fn substitute(texts: &mut Texts, file: &Script) -> Result<AST> {
    has_statements(file)?;
    let above = texts.add(&file.source);
    let text = "\n".repeat(usize::from(above)) + file.text();
    let compiled = engine::bare().compile(text);
    compiled.map_err(|error| Error::usage(format!("syntax error: {error}")).help("this is a bug in blockade"))
}

/// Refuses a file that would do nothing because it is written as a script of its own. An empty one is meant so.
fn has_statements(file: &Script) -> Result<()> {
    let ast = file.ast()?;
    let defines = ast.iter_functions().any(|function| function.name == REPLACED && function.params.is_empty());
    if !defines || !ast.statements().is_empty() {
        return Ok(());
    }
    let message = format!("{} has no statements, only a `fn {REPLACED}()` that nobody would call", file.path());
    Err(Error::usage(message).help(format!("write its body alone: the file stands in the place of `{REPLACED}()`")))
}
