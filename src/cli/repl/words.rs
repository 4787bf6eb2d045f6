//! The names that are known while a person types.

use crate::script::{BUILTINS, Known};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Words of the language that begin something.
const KEYWORDS: [&str; 16] = [
    "let", "const", "fn", "if", "else", "while", "loop", "for", "in", "return", "import", "try", "catch", "switch",
    "true", "false",
];

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    /// How each function is called: `partition(groups)`; several for one that can be called in several ways.
    pub(super) signatures: Vec<String>,
    /// What may stand behind a dot.
    pub(super) methods: BTreeSet<String>,
    /// What else may, and is offered where it was begun.
    pub(super) rhai_methods: BTreeSet<String>,
    /// Variables, imports and words of the language.
    pub(super) names: BTreeSet<String>,
    /// What may stand in quotes.
    pub(super) nodes: Vec<String>,
    /// What may be imported.
    pub(super) modules: Vec<String>,
}

impl Words {
    /// Those of a session.
    pub(super) fn of(known: Known) -> Self {
        let builtins = BUILTINS.iter().filter(|builtin| !known.methods.contains(builtin.name) || is_both(builtin.name));
        let signatures = builtins.map(|builtin| builtin.signature.to_owned()).chain(known.functions);
        let keywords = KEYWORDS.iter().map(|word| (*word).to_owned());
        Self {
            signatures: signatures.collect(),
            methods: known.methods,
            rhai_methods: known.rhai_methods,
            names: known.variables.into_iter().chain(known.imports).chain(keywords).collect(),
            nodes: known.nodes.into_iter().chain(["world".to_owned()]).collect(),
            // There are none yet.
            modules: crate::script::modules().iter().map(|(name, _)| (*name).to_owned()).collect(),
        }
    }

    /// The functions, each once.
    pub(super) fn functions(&self) -> BTreeSet<&str> {
        self.signatures.iter().map(|signature| name(signature)).collect()
    }
}

/// The name in a signature.
pub(super) fn name(signature: &str) -> &str {
    signature.split('(').next().unwrap_or(signature)
}

/// Whether a method is also a function by itself, like `heal()` beside `fault.heal()`.
fn is_both(name: &str) -> bool {
    let only_method = |signature: &str| {
        let first = signature.split(['(', ',', ')']).nth(1).unwrap_or_default();
        ["fault", "task", "links"].contains(&first)
    };
    BUILTINS.iter().any(|builtin| builtin.name == name && !only_method(builtin.signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_only_stands_behind_a_dot_is_none_by_itself() {
        let methods = ["heal", "keep", "on", "sleep"].map(str::to_owned).into();
        let words = Words::of(Known { methods, ..Known::default() });
        let functions = words.functions();
        let known = ["partition", "heal", "sleep", "keep", "on"].map(|name| functions.contains(name));
        assert_eq!(known, [true, true, true, false, false]);
    }
}
