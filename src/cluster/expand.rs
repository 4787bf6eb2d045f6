//! `${…}` in the values of a cluster file.
//!
//! Pure: the environment of the process comes in as a function.

use super::Variables;
use crate::diagnostic::nearest;
use crate::script::quantity::Problem;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What can be written, for help and for the nearest name.
const FORMS: [&str; 7] = ["node", "ip", "seed", "ip:NODE", "env:NAME", "param:NAME", "param:NAME:DEFAULT"];

/// What `${…}` means for one node.
pub(super) struct Scope<'a> {
    /// The node's name.
    pub(super) node: &'a str,
    /// Every node's address, by name.
    pub(super) addresses: &'a BTreeMap<&'a str, String>,
    /// What lies outside of the file.
    pub(super) variables: &'a Variables<'a>,
    /// The parameters that were read and what they were given.
    pub(super) params: &'a RefCell<BTreeMap<String, String>>,
    /// Whether a bare `${NAME}` may be a variable of the environment, as in the older files.
    pub(super) bare_environment: bool,
}

/// A `${…}` that cannot be replaced.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    /// As it was written.
    pub(super) written: String,
    /// How often the same stands before it.
    pub(super) before: usize,
    /// What is wrong with it.
    pub(super) problem: Problem,
}

impl Scope<'_> {
    /// Replaces every `${…}` of a text; `$${` stands for `${` itself.
    pub(super) fn expand(&self, text: &str) -> Result<String, Vec<Wrong>> {
        let (mut out, mut wrong, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
        let wrong_at = |reference: &str, length: usize, problem| {
            let written = &reference[..length];
            let before = text[..text.len() - reference.len()].matches(written).count();
            Wrong { written: written.to_owned(), before, problem }
        };
        while let Some(start) = rest.find("${") {
            let (before, reference) = rest.split_at(start);
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = &reference[2..];
                continue;
            }
            out.push_str(before);
            let Some(end) = reference.find('}') else {
                wrong.push(wrong_at(reference, reference.len(), unclosed()));
                rest = "";
                break;
            };
            match self.value(&reference[2..end]) {
                Ok(value) => out.push_str(&value),
                Err(problem) => wrong.push(wrong_at(reference, end + 1, problem)),
            }
            rest = &reference[end + 1..];
        }
        out.push_str(rest);
        if wrong.is_empty() { Ok(out) } else { Err(wrong) }
    }

    fn value(&self, reference: &str) -> Result<String, Problem> {
        match reference.split_once(':') {
            None if reference == "node" => Ok(self.node.to_owned()),
            None if reference == "ip" => self.address(self.node),
            None if reference == "seed" => Ok(self.variables.seed.to_string()),
            None if self.bare_environment => self.environment(reference),
            Some(("ip", node)) => self.address(node),
            Some(("env", name)) => self.environment(name),
            Some(("param", rest)) => self.param(rest),
            _ => Err(unknown(reference)),
        }
    }

    fn address(&self, node: &str) -> Result<String, Problem> {
        self.addresses.get(node).cloned().ok_or_else(|| unknown_node(node, self.addresses.keys().copied()))
    }

    fn environment(&self, name: &str) -> Result<String, Problem> {
        (self.variables.env)(name).ok_or_else(|| {
            let near = nearest(name, ["node", "ip", "seed"]).map(|near| format!("did you mean `${{{near}}}`? "));
            let help = format!("{}set it, or write the value itself", near.unwrap_or_default());
            Problem::new(format!("the environment variable `{name}` is not set"), help)
        })
    }

    fn param(&self, reference: &str) -> Result<String, Problem> {
        let (name, default) = reference.split_once(':').map_or((reference, None), |(name, value)| (name, Some(value)));
        let value = self.variables.params.get(name).map(String::as_str).or(default).ok_or_else(|| {
            let help = format!("run it with `--set {name}=VALUE`, or write a default: `${{param:{name}:DEFAULT}}`");
            Problem::new(format!("the parameter `{name}` has no value"), help)
        })?;
        self.params.borrow_mut().insert(name.to_owned(), value.to_owned());
        Ok(value.to_owned())
    }
}

/// The variables of the environment that a file's text may ask for.
pub fn environment(text: &str) -> BTreeSet<&str> {
    let asked = text.match_indices("${").filter(|(at, _)| !text[..*at].ends_with('$'));
    let references = asked.filter_map(|(at, _)| text[at + 2..].split_once('}')).map(|(reference, _)| reference);
    let name = |reference: &'_ str| match reference.split_once(':') {
        Some(("env", name)) => Some(name.len()),
        None if !["node", "ip", "seed"].contains(&reference) => Some(reference.len()),
        _ => None,
    };
    references.filter_map(|reference| Some(&reference[reference.len() - name(reference)?..])).collect()
}

fn unclosed() -> Problem {
    Problem::new("this `${` is never closed", "close it with `}`, or write `$${` where `${` itself is meant")
}

fn unknown(reference: &str) -> Problem {
    let (name, rest) = reference.split_once(':').map_or((reference, ""), |(name, rest)| (name, rest));
    let names: &[&str] = if rest.is_empty() { &["node", "ip", "seed"] } else { &["ip", "env", "param"] };
    let near = nearest(name, names.iter().copied()).map(|near| {
        let rest = if rest.is_empty() { String::new() } else { format!(":{rest}") };
        format!("did you mean `${{{near}{rest}}}`? ")
    });
    let forms: Vec<_> = FORMS.iter().map(|form| format!("`${{{form}}}`")).collect();
    let help = format!(
        "{}there are {}; write `$${{{reference}}}` for the text itself",
        near.unwrap_or_default(),
        forms.join(", ")
    );
    Problem::new(format!("there is no variable `{reference}`"), help)
}

/// A name that is no node, with the nearest one or all.
pub(super) fn unknown_node<'n>(name: &str, nodes: impl Iterator<Item = &'n str> + Clone) -> Problem {
    let error = super::select::unknown(name, nodes);
    Problem::new(error.message, error.help.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::environment;

    #[test]
    fn a_text_names_the_variables_that_it_may_ask_for() {
        let text = "image: a:${env:TAG} # ${seed} ${ip:n1}\nvolumes: { ${HOME}/x: y }\nz: ${param:P:d} ${env:TAG} $${SELF} $$${env:SELF} ${open";
        assert_eq!(environment(text).into_iter().collect::<Vec<_>>(), ["HOME", "TAG"]);
    }
}
