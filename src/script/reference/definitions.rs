//! Definition files for editors: what can be called in a script, with our descriptions.
//!
//! Rhai's own functions come from Rhai; ours are written here, because what is registered has neither the names of the
//! arguments nor their meanings.

use super::doc_comments::{self, Documented};
use super::{GROUPS, Reference};
use crate::Result;
use crate::script::engine;
use crate::script::modules::modules;

/// The files, by name: Rhai's own functions, ours, and one for each module.
///
/// # Errors
/// A module that does not compile.
pub fn files() -> Result<Vec<(String, String)>> {
    let rhai = engine::bare();
    let mut all: Vec<(String, String)> = rhai.definitions().iter_files().collect();
    all.push(("blockade.d.rhai".to_owned(), ours()));
    for (name, source) in modules() {
        all.push((format!("{name}.d.rhai"), module(name, &doc_comments::functions(name, source)?)));
    }
    Ok(all)
}

fn ours() -> String {
    let functions = GROUPS.iter().flat_map(|group| group.functions);
    let forms = functions.flat_map(|function| function.forms().map(move |form| (function, form)));
    let all = forms.map(|(function, form)| definition(&comments(function), form.name, form.parameters().map(argument)));
    format!("module static;\n{}", all.collect::<String>())
}

/// One function, in Rhai's form of a definition.
fn definition<'a>(comment: &str, name: &str, arguments: impl Iterator<Item = &'a str>) -> String {
    let arguments: Vec<String> = arguments.map(|name| format!("{name}: ?")).collect();
    format!("\n{comment}fn {name}({}) -> ?;\n", arguments.join(", "))
}

/// An argument's name, where Rhai reserves ours for itself.
fn argument(name: &str) -> &str {
    if name == "default" { "otherwise" } else { name }
}

fn comments(function: &Reference) -> String {
    let mut lines = vec![function.text.to_owned(), String::new()];
    lines.extend(function.takes.iter().map(|(name, meaning)| format!("`{name}`: {meaning}.")));
    lines.push(format!("Returns {}.", function.returns));
    lines.extend([String::new(), "```rhai".to_owned()]);
    lines.extend(function.example.lines().map(str::to_owned));
    lines.push("```".to_owned());
    commented(lines.iter().map(String::as_str))
}

fn module(name: &str, functions: &[Documented]) -> String {
    let all = functions.iter().map(|function| {
        let comment = commented(function.comment.iter().map(String::as_str));
        definition(&comment, &function.name, function.params.iter().map(String::as_str))
    });
    format!("module {name};\n{}", all.collect::<String>())
}

fn commented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("/// {line}").trim_end().to_owned() + "\n").collect()
}
