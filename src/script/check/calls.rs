//! Calls of functions that do not exist, or that take other numbers of arguments.

use super::Subject;
use super::functions::{Fit, Functions};
use super::walk::Call;
use crate::diagnostic::{Diagnostic, nearest};
use crate::script::diagnose::imports::not_imported;
use crate::script::diagnose::{signatures, unknown_function};
use crate::script::modules::is_stdlib;
use crate::script::reference::doc_comments::Documented;
use crate::words::counted;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    subject.each(|piece, doubtful| {
        let Some(call) = piece.call().filter(|call| call.is_named()) else { return };
        let wrong = match call.module() {
            Some(alias) => in_module(subject, call, alias),
            None => plain(subject, call),
        };
        found.extend(wrong.map(|wrong| if doubtful { wrong.warning() } else { wrong }));
    });
}

fn plain(subject: &Subject<'_>, call: Call<'_>) -> Option<Diagnostic> {
    let wrong = match subject.functions.fit(call) {
        Fit::Fits => return None,
        Fit::Unknown => unknown_function(subject.source, subject.ast, call.position, call.name()),
        Fit::Count => {
            let takes = takes(subject, call.name());
            wrong_count(subject, call, call.name()).help(format!("it is {takes}"))
        }
    };
    // A map of which nothing is known may hold it.
    Some(if call.method && subject.functions.may_be_unseen() { wrong.warning() } else { wrong })
}

fn wrong_count(subject: &Subject<'_>, call: Call<'_>, name: &str) -> Diagnostic {
    let behind = if call.method { " behind a dot" } else { "" };
    let message = format!("`{name}` does not take {}{behind}", arguments(call.expr.args.len()));
    subject.diagnostic(call.position, message)
}

fn arguments(count: usize) -> String {
    if count == 0 { "no arguments".to_owned() } else { counted(count, "argument") }
}

/// How a function is called.
fn takes(subject: &Subject<'_>, name: &str) -> String {
    let known = signatures(subject.ast, name);
    if !known.is_empty() {
        return known.join(" or ");
    }
    let counts = Functions::native_counts(name).into_iter().map(|count| match count {
        0 => format!("{name}()"),
        count => format!("{name}({})", vec!["_"; count].join(", ")),
    });
    counts.collect::<Vec<_>>().join(" or ")
}

/// `alias::function(…)`.
fn in_module(subject: &Subject<'_>, call: Call<'_>, alias: &str) -> Option<Diagnostic> {
    // Rhai's own: a script's function, whatever is imported.
    if alias == "global" || call.expr.namespace.path.len() > 1 {
        return None;
    }
    if !subject.functions.is_imported(alias) {
        return Some(not_imported(subject.source, subject.ast, call.expr.namespace.path[0].pos, alias));
    }
    let (path, functions) = subject.functions.of_module(alias)?;
    let (name, count) = (call.name(), call.expr.args.len());
    let known: Vec<&Documented> = functions.iter().filter(|function| function.name == name).collect();
    if known.is_empty() {
        return Some(no_function(subject, call, alias, functions));
    }
    let fits = known.iter().any(|function| function.params.len() == count);
    let help = if is_stdlib(path) {
        // Which knows modules by their own names.
        let module = Path::new(path).file_stem().map_or(alias.into(), OsStr::to_string_lossy);
        format!("`blockade doc {module}::{name}` shows how it is called")
    } else {
        let takes: Vec<String> = known.iter().map(|function| format!("{alias}::{}", function.signature())).collect();
        format!("it is {}", takes.join(" or "))
    };
    (!fits).then(|| wrong_count(subject, call, &format!("{alias}::{name}")).help(help))
}

fn no_function(subject: &Subject<'_>, call: Call<'_>, alias: &str, functions: &[Documented]) -> Diagnostic {
    let message = format!("the module `{alias}` has no function `{}`", call.name());
    let names: BTreeSet<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let help = match nearest(call.name(), names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => format!("`{alias}` has no functions"),
        None => format!("`{alias}` has {}", Vec::from_iter(names).join(", ")),
    };
    subject.diagnostic(call.position, message).label("not a function").help(help)
}
