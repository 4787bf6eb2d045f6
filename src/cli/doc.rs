//! `blockade doc`: the functions of the script API and of the modules, and definition files for editors.

mod json;

use super::report;
use crate::diagnostic::nearest;
use crate::script::reference::doc_comments::{self, Documented};
use crate::script::reference::{self, GROUPS, Reference};
use crate::script::{BUILTINS, modules};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// How wide a line may be, characters.
const WIDTH: usize = 80;

/// Prints the functions that scripts can call: all of them, one, or a module's.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A function like partition, a module like nemesis, or a function of one like nemesis::halves
    name: Option<String>,
    /// Write Rhai definition files for editors into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    definitions: Option<PathBuf>,
    /// Print JSON: of each function its name, signatures, text and example
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<()> {
    if let Some(folder) = &args.definitions {
        return write_definitions(folder, args.json);
    }
    if args.json {
        return json::main(args.name.as_deref());
    }
    match &args.name {
        None => overview(),
        Some(name) => about(name),
    }
}

/// Prints what there is to know about a function, a module or a function of one.
pub(super) fn about(name: &str) -> Result<()> {
    match name.split_once("::") {
        Some((module, function)) => module_function(module, function),
        None => named(name),
    }
}

fn overview() -> Result<()> {
    for group in GROUPS {
        report::line(group.title);
        for form in group.functions.iter().flat_map(Reference::forms) {
            report::line(&format!("  {}", form.signature));
            // What is called needs no brackets here: only a function's own line has some.
            wrapped(&form.summary.replace("()", ""), 6);
        }
        report::line("");
    }
    for (name, source) in modules() {
        report::line(&format!("Module {name}: import \"{name}\" as {name};"));
        let mut names: Vec<String> = doc_comments::functions(name, source)?.into_iter().map(|f| f.name).collect();
        names.dedup();
        wrapped(&names.join(", "), 6);
        report::line("");
    }
    report::line("`blockade doc NAME` tells more about a function or a module.");
    Ok(())
}

/// A function of ours, or a module.
fn named(name: &str) -> Result<()> {
    if let Some(function) = reference::of(name) {
        tell(function);
        return Ok(());
    }
    let (module, source) = module(name).ok_or_else(|| unknown(name))?;
    doc_comments::head(module, source)?.iter().for_each(|line| report::line(line));
    for function in doc_comments::functions(module, source)? {
        report::line("");
        tell_documented(module, &function);
    }
    Ok(())
}

fn tell(function: &Reference) {
    for form in function.forms() {
        report::line(form.signature);
    }
    report::line("");
    wrapped(function.text, 2);
    if !function.takes.is_empty() {
        report::line("");
    }
    for (name, meaning) in function.takes {
        hanging(&format!("{name}: {meaning}"), 2, 6);
    }
    hanging(&format!("returns {}", function.returns), 2, 6);
    report::line("");
    function.example.lines().for_each(|line| report::line(&format!("    {line}")));
}

fn module(name: &str) -> Option<(&'static str, &'static str)> {
    modules().iter().copied().find(|(known, _)| *known == name)
}

fn module_function(name: &str, function: &str) -> Result<()> {
    let (module, source) = module(name).ok_or_else(|| unknown(name))?;
    let all = doc_comments::functions(module, source)?;
    forms(module, &all, function)?.into_iter().for_each(|form| tell_documented(module, form));
    Ok(())
}

/// All forms of a module's function.
fn forms<'a>(module: &str, all: &'a [Documented], function: &str) -> Result<Vec<&'a Documented>> {
    let forms: Vec<&Documented> = all.iter().filter(|known| known.name == function).collect();
    if forms.is_empty() {
        let near = nearest(function, all.iter().map(|known| known.name.as_str()));
        let help = near.map_or_else(
            || format!("`blockade doc {module}` lists its functions"),
            |near| format!("did you mean `{module}::{near}`?"),
        );
        return Err(Error::usage(format!("the module `{module}` has no function `{function}`")).help(help));
    }
    Ok(forms)
}

fn tell_documented(module: &str, function: &Documented) {
    report::line(&format!("{module}::{}", function.signature()));
    function.comment.iter().for_each(|line| report::line(format!("  {line}").trim_end()));
}

fn unknown(name: &str) -> Error {
    let names = BUILTINS.iter().map(|builtin| builtin.name).chain(modules().iter().map(|(name, _)| *name));
    let near = nearest(name, names);
    let help =
        near.map_or_else(|| "`blockade doc` lists them all".to_owned(), |near| format!("did you mean `{near}`?"));
    Error::usage(format!("there is no function or module `{name}`")).help(help)
}

/// A text in lines of the usual width, all of them indented.
fn wrapped(text: &str, indent: usize) {
    hanging(text, indent, indent);
}

fn hanging(text: &str, first: usize, others: usize) {
    for line in folded(text, first, others) {
        report::line(&line);
    }
}

/// Breaks a text at its spaces.
fn folded(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let indent = if lines.is_empty() { first } else { others };
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{}{}", " ".repeat(indent), std::mem::take(&mut line)));
        }
        line += if line.is_empty() { "" } else { " " };
        line += word;
    }
    if !line.is_empty() {
        let indent = if lines.is_empty() { first } else { others };
        lines.push(format!("{}{line}", " ".repeat(indent)));
    }
    lines
}

fn write_definitions(folder: &Path, as_json: bool) -> Result<()> {
    let failed = |path: &Path, error: std::io::Error| {
        Error::usage(format!("cannot write {}: {error}", path.display())).help("choose another folder")
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let mut written: Vec<String> = Vec::new();
    for (name, text) in reference::definition_files()? {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
        written.push(path.display().to_string());
    }
    if as_json {
        return report::json(&written);
    }
    for path in &written {
        report::line(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn a_text_is_broken_at_its_spaces() {
        let text = "word ".repeat(40);
        let lines = folded(&text, 2, 6);
        assert!(lines.iter().all(|line| line.chars().count() <= super::WIDTH), "{lines:?}");
        assert_eq!(lines.join(" ").split_whitespace().count(), 40);
        assert!(lines[0].starts_with("  word") && lines[1].starts_with("      word"));
        assert_eq!(folded("", 2, 2), Vec::<String>::new());
    }
}
