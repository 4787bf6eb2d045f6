//! A file whose statements take the place of one of a script's functions: a schedule in the place of `chaos()`.
//!
//! They see what the function would see: the script's functions, constants and imports. The file's own functions join
//! the script's.

use super::check;
use super::engine;
use super::modules::{is_stdlib, path_of};
use super::source::Script;
use super::texts::Texts;
use crate::diagnostic::{Diagnostic, Severity};
use crate::{Error, Result};
use rhai::{AST, ASTFlags, Expr, Stmt};

/// The function that such a file stands for.
pub(super) const REPLACED: &str = "chaos";

impl Script {
    /// What is certainly wrong with this file as it stands in the place of a script's function. The script itself is
    /// right, as far as its own check tells.
    #[must_use]
    pub fn check_in_place(&self, script: &Self, nodes: Option<&[String]>) -> Vec<Diagnostic> {
        let whole = has_statements(self).and_then(|()| among(script, self));
        let mut found = match whole {
            Ok(ast) => check::check(&self.source, &ast, nodes, None),
            Err(error) if error.diagnostics.is_empty() => vec![Diagnostic {
                help: error.help,
                ..Diagnostic::new(self.path(), self.text(), 0..self.text().len().min(1), error.message)
            }],
            Err(error) => error.diagnostics,
        };
        found.retain(|one| one.severity == Severity::Error);
        found
    }
}

/// The file's statements behind the script's imports, and its functions beside the script's, which are empty here.
fn among(script: &Script, file: &Script) -> Result<AST> {
    let (outer, inner) = (script.as_written()?, file.as_written()?);
    let named = outer.iter_functions().filter(|function| !function.name.contains('$'));
    let empty: Vec<String> =
        named.map(|function| format!("fn {}({}) {{}}", function.name, function.params.join(", "))).collect();
    let empty = empty.join(" ");
    let empty = engine::bare().compile(empty).map_err(|error| Error::usage(format!("syntax error: {error}")))?;
    let imports = outer.statements().iter().filter(|statement| matches!(statement, Stmt::Import(..)));
    let statements: Vec<Stmt> =
        imports.chain(inner.statements()).map(|statement| beside(statement, script.path())).collect();
    let functions = empty.clone_functions_only().merge(&inner.clone_functions_only());
    Ok(AST::new(statements, functions.shared_lib().clone()))
}

/// An `import` that means from anywhere what it means in the script: modules are looked for beside that, not beside the
/// file. Any other statement is itself.
fn beside(statement: &Stmt, script: &str) -> Stmt {
    let mut found = statement.clone();
    if let Stmt::Import(import, _) = &mut found
        && let Expr::StringConstant(name, _) = &mut import.0
    {
        let path = path_of(name, Some(script));
        if let (false, Ok(path)) = (is_stdlib(&path), std::path::absolute(&path)) {
            *name = path.display().to_string().into();
        }
    }
    found
}

/// A file in the place of a function, compiled below the script's text.
pub(super) fn substitute(texts: &mut Texts, file: &Script) -> Result<AST> {
    has_statements(file)?;
    texts.compile(&engine::bare(), &file.source)
}

/// Refuses a file that would do nothing because it is a script of its own, such as the very one that is run: then a run
/// without any fault would pass. An empty file is meant so.
fn has_statements(file: &Script) -> Result<()> {
    let ast = file.ast()?;
    let defines = ast.iter_functions().any(|function| function.name == REPLACED && function.params.is_empty());
    if !defines || !ast.statements().iter().all(only_declares) {
        return Ok(());
    }
    let message = format!("{} does nothing: it has a `fn {REPLACED}()` that nobody would call", file.path());
    Err(Error::usage(message).help(format!("write its body alone: the file stands in the place of `{REPLACED}()`")))
}

/// Whether a statement is one of those that stand above the functions of a script.
fn only_declares(statement: &Stmt) -> bool {
    match statement {
        Stmt::Import(..) | Stmt::Noop(..) => true,
        Stmt::Var(_, flags, _) => flags.contains(ASTFlags::CONSTANT),
        _ => false,
    }
}
