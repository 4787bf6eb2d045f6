//! Errors about modules: one that does not exist, one that was not imported, a function that it does not have.

use super::{Source, kinds};
use crate::Error;
use crate::diagnostic::{Diagnostic, nearest};
use crate::script::engine;
use crate::script::modules::{self, modules};
use rhai::{AST, ASTNode, Expr, FnAccess, Position, Stmt};

/// The functions of a module that scripts may call: the name of each, and how it is called.
type Functions = Vec<(String, String)>;

/// `name` is what was imported, or the word before a `::` that nothing was imported as.
pub(super) fn no_module(source: &Source, ast: &AST, position: Position, name: &str) -> Error {
    if is_imported_at(source, position) {
        missing(source, position, name).into()
    } else {
        not_imported(source, ast, position, name).into()
    }
}

/// An `import` of what is neither in the standard library nor a file.
pub(in crate::script) fn missing(source: &Source, position: Position, name: &str) -> Diagnostic {
    let diagnostic = source.diagnostic(position, format!("there is no module `{name}`")).label("not a module");
    let near = nearest(name, stdlib()).map_or(String::new(), |near| format!("did you mean `{near}`? "));
    let names = stdlib().collect::<Vec<_>>().join(", ");
    let file = modules::path_of(name, Some(&source.path));
    let looked = if modules::is_stdlib(&file) { String::new() } else { format!("; there is no file {file} either") };
    diagnostic.help(format!("{near}the standard library has {names}{looked}"))
}

/// Whether `import` stands before this place.
fn is_imported_at(source: &Source, position: Position) -> bool {
    source.text[..source.span(position).start].trim_end().ends_with("import")
}

/// Something is called as a module's that nothing was imported as.
pub(in crate::script) fn not_imported(source: &Source, ast: &AST, position: Position, name: &str) -> Diagnostic {
    let diagnostic = source.diagnostic(position, format!("nothing is imported as `{name}`")).label("not a module");
    let import = |name: &str| format!("at the top of the script: import \"{name}\" as {name};");
    if stdlib().any(|known| known == name) {
        return diagnostic.help(import(name));
    }
    let imported = imports(ast);
    let mut known: Vec<&str> = stdlib().collect();
    known.extend(imported.iter().map(|(alias, _)| alias.as_str()));
    let help = nearest(name, known).map_or_else(|| import(name), |near| format!("did you mean `{near}`?"));
    diagnostic.help(help)
}

/// `call` is Rhai's rendering: `alias::name (type, type)`.
pub(super) fn no_function(source: &Source, ast: &AST, position: Position, call: &str) -> Error {
    let (path, given) = call.split_once(" (").map_or((call, ""), |(path, rest)| (path, rest.trim_end_matches(')')));
    let (alias, name) = path.rsplit_once("::").unwrap_or(("", path));
    let functions = functions(source, ast, alias);
    let takes: Vec<&str> = functions.iter().filter(|(known, _)| known == name).map(|(_, call)| call.as_str()).collect();
    if !takes.is_empty() {
        let given = kinds(given, ", ");
        return source
            .diagnostic(position, format!("`{path}` does not take ({given})"))
            .help(format!("it is {}", takes.join(" or ")))
            .into();
    }
    let diagnostic =
        source.diagnostic(position, format!("the module `{alias}` has no function `{name}`")).label("not a function");
    match nearest(name, functions.iter().map(|(known, _)| known.as_str())) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(has(alias, &functions)),
    }
    .into()
}

fn has(alias: &str, functions: &Functions) -> String {
    let mut names: Vec<&str> = functions.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { format!("`{alias}` has no functions") } else { format!("`{alias}` has {}", names.join(", ")) }
}

/// What is imported under this name has these functions.
fn functions(source: &Source, ast: &AST, alias: &str) -> Functions {
    let imported = imports(ast).into_iter().find(|(known, _)| known == alias);
    let module = imported.and_then(|(_, name)| modules::source(&modules::path_of(&name, Some(&source.path))));
    let ast = module.and_then(|module| engine::bare().compile(module.text).ok()).unwrap_or_default();
    let public = ast.iter_functions().filter(|f| f.access == FnAccess::Public && !f.name.contains('$'));
    public.map(|f| (f.name.to_owned(), format!("{alias}::{}({})", f.name, f.params.join(", ")))).collect()
}

/// `import "name" as alias`, wherever it stands: the alias and the name.
fn imports(ast: &AST) -> Vec<(String, String)> {
    let mut found = Vec::new();
    ast.walk(&mut |nodes| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = nodes.last()
            && let (Expr::StringConstant(name, _), alias) = &**import
        {
            found.push((alias.name.to_string(), name.to_string()));
        }
        true
    });
    found
}

fn stdlib() -> impl Iterator<Item = &'static str> {
    modules().iter().map(|(name, _)| *name)
}
