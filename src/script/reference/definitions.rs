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
    let mut text = "module static;\n".to_owned();
    for function in GROUPS.iter().flat_map(|group| group.functions) {
        for form in function.forms() {
            let arguments: Vec<String> = form.parameters().map(|name| format!("{}: ?", argument(name))).collect();
            text += &format!("\n{}fn {}({}) -> ?;\n", comments(function), form.name, arguments.join(", "));
        }
    }
    text
}

/// An argument's name, where Rhai reserves ours for itself.
fn argument(name: &str) -> &str {
    if name == "default" { "otherwise" } else { name }
}

fn comments(function: &Reference) -> String {
    let mut lines = vec![function.text.to_owned(), String::new()];
    lines.extend(function.takes.iter().map(|(name, meaning)| format!("`{name}`: {meaning}.")));
    lines.push(format!("Returns {}.", function.returns));
    lines.extend(["".to_owned(), "```rhai".to_owned()]);
    lines.extend(function.example.lines().map(str::to_owned));
    lines.push("```".to_owned());
    commented(lines.iter().map(String::as_str))
}

fn module(name: &str, functions: &[Documented]) -> String {
    let mut text = format!("module {name};\n");
    for function in functions {
        let arguments: Vec<String> = function.params.iter().map(|name| format!("{name}: ?")).collect();
        let comment = commented(function.comment.iter().map(String::as_str));
        text += &format!("\n{comment}fn {}({}) -> ?;\n", function.name, arguments.join(", "));
    }
    text
}

fn commented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("/// {line}").trim_end().to_owned() + "\n").collect()
}
