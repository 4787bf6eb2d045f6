//! What a module of scripts says about its own functions: the `///` lines above each `fn`, and the `//!` lines at its
//! head.

use crate::Result;
use crate::script::diagnose::{self, Source};
use crate::script::engine;
use rhai::{AST, FnAccess};

/// A function of a module that others may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// Its name, without the module's.
    pub name: String,
    /// Its arguments' names.
    pub params: Vec<String>,
    /// Its comment, line by line, without the slashes.
    pub comment: Vec<String>,
}

impl Documented {
    /// How it is called, without the module's name.
    #[must_use]
    pub fn signature(&self) -> String {
        format!("{}({})", self.name, self.params.join(", "))
    }
}

/// The functions that a module offers, in the order of its text.
///
/// # Errors
/// A text that does not compile, with its place.
pub fn functions(name: &str, source: &str) -> Result<Vec<Documented>> {
    let ast = parse(name, source)?;
    let is_offered = |f: &rhai::ScriptFnMetadata<'_>| f.access == FnAccess::Public && !f.name.contains('$');
    let mut all: Vec<Documented> = ast.iter_functions().filter(is_offered).map(|f| documented(&f)).collect();
    // Rhai keeps functions by hash.
    all.sort_by_key(|f| (source.find(&format!("fn {}(", f.name)), f.params.len(), f.name.clone()));
    Ok(all)
}

/// What a module says at its head.
///
/// # Errors
/// A text that does not compile, with its place.
pub fn head(name: &str, source: &str) -> Result<Vec<String>> {
    Ok(parse(name, source)?.doc().lines().map(without_slashes).collect())
}

fn parse(name: &str, source: &str) -> Result<AST> {
    let told = Source { path: format!("{name}.rhai"), text: source.to_owned() };
    engine::bare().compile(source).map_err(|error| diagnose::syntax(&told, &error))
}

fn documented(function: &rhai::ScriptFnMetadata<'_>) -> Documented {
    Documented {
        name: function.name.to_owned(),
        params: function.params.iter().map(|param| (*param).to_owned()).collect(),
        comment: function.comments.iter().flat_map(|comment| comment.lines()).map(without_slashes).collect(),
    }
}

/// `/// text` and `//! text` are `text`.
fn without_slashes(line: &str) -> String {
    let line = line.trim();
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).unwrap_or(line);
    text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;

    const MODULE: &str = "//! What it is for.\n\n/// Twice.\n///\n/// `a`: a number.\nfn twice(a) { a * 2 }\n\n\
                          private fn hidden() {}\n\nfn alone() { [1].map(|x| x) }\n/// Three.\nfn twice(a, b) { a }\n";

    #[test]
    fn the_lines_above_a_function_are_its_own() {
        let all = functions("m", MODULE).unwrap();
        let told: Vec<(String, String)> = all.iter().map(|f| (f.signature(), f.comment.join("|"))).collect();
        let expected = [("twice(a)", "Twice.||`a`: a number."), ("twice(a, b)", "Three."), ("alone()", "")];
        assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(head("m", MODULE).unwrap(), ["What it is for."]);
    }

    #[test]
    fn a_text_that_does_not_compile_names_its_place() {
        let error = functions("m", "fn (").unwrap_err();
        let places: Vec<(&str, usize)> =
            error.diagnostics.iter().map(|d: &Diagnostic| (d.file.as_str(), d.line)).collect();
        assert_eq!(places, [("m.rhai", 1)]);
    }
}
