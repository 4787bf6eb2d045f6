//! What `blockade doc` tells, for editors: an object for each function.

use super::{module, report, unknown};
use crate::Result;
use crate::script::modules;
use crate::script::reference::doc_comments::{self, Documented};
use crate::script::reference::{GROUPS, Group, Reference};
use serde_json::{Value, json};

/// Prints one function, a module with its functions, or the list of all functions.
pub(super) fn main(name: Option<&str>) -> Result<()> {
    let found = match name.map(|name| (name, name.split_once("::"))) {
        None => all()?,
        Some((_, Some((module, function)))) => of_module(module, function)?,
        Some((name, None)) => named(name)?,
    };
    report::json(&found)
}

fn all() -> Result<Value> {
    let ours = GROUPS.iter().flat_map(|group| group.functions.iter().map(move |function| builtin(group, function)));
    let mut all: Vec<Value> = ours.collect();
    for (name, source) in modules() {
        all.extend(documented(name, &doc_comments::functions(name, source)?));
    }
    Ok(all.into())
}

fn named(name: &str) -> Result<Value> {
    let in_group = |group: &'static Group| group.functions.iter().find(|one| one.name == name).map(|one| (group, one));
    if let Some((group, function)) = GROUPS.iter().find_map(in_group) {
        return Ok(builtin(group, function));
    }
    let (name, source) = module(name).ok_or_else(|| unknown(name))?;
    Ok(json!({
        "name": name,
        "signatures": [format!("import \"{name}\" as {name};")],
        "text": doc_comments::head(name, source)?.join("\n"),
        "example": null,
        "functions": documented(name, &doc_comments::functions(name, source)?),
    }))
}

fn of_module(name: &str, function: &str) -> Result<Value> {
    let (module, source) = module(name).ok_or_else(|| unknown(name))?;
    let mut all = doc_comments::functions(module, source)?;
    super::forms(module, &all, function)?;
    all.retain(|known| known.name == function);
    documented(module, &all).pop().ok_or_else(|| unknown(name))
}

fn builtin(group: &Group, function: &Reference) -> Value {
    let takes = function.takes.iter().map(|(name, meaning)| json!({ "name": name, "text": meaning }));
    json!({
        "name": function.name,
        "group": group.title,
        "signatures": function.forms().map(|form| form.signature).collect::<Vec<_>>(),
        "text": function.text,
        "takes": takes.collect::<Vec<_>>(),
        "returns": function.returns,
        "example": function.example,
    })
}

/// Functions of a module, each with all its forms. Their texts say themselves what they take and return.
fn documented(module: &str, functions: &[Documented]) -> Vec<Value> {
    let forms = functions.chunk_by(|one, next| one.name == next.name);
    let told = forms.map(|forms| {
        let texts: Vec<String> =
            forms.iter().map(|form| form.comment.join("\n")).filter(|text| !text.is_empty()).collect();
        json!({
            "name": format!("{module}::{}", forms[0].name),
            "group": module,
            "signatures": forms.iter().map(|form| format!("{module}::{}", form.signature())).collect::<Vec<_>>(),
            "text": texts.join("\n\n"),
            "example": forms.iter().find_map(example),
        })
    });
    told.collect()
}

/// The last line of a comment, by the standard library's custom.
fn example(function: &Documented) -> Option<&str> {
    function.comment.iter().find_map(|line| line.strip_prefix("Example: `")?.strip_suffix('`'))
}
