//! What `blockade doc` and editors tell about the functions of the script API, beyond the table's one line: a file for
//! each group. A test holds it against the table, so that no function is without its description, and runs every
//! example.

mod authoring;
mod chance;
mod definitions;
pub mod doc_comments;
mod faults;
mod links;
mod looking;
mod nodes;
mod operations;
mod time;
mod verdicts;

use super::table::{BUILTINS, Builtin};
pub use definitions::files as definition_files;

/// What is to be known about a function, in all its forms.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// Its name.
    pub name: &'static str,
    /// What it does, in sentences.
    pub text: &'static str,
    /// What its arguments mean, with units and ranges.
    pub takes: &'static [(&'static str, &'static str)],
    /// What it returns, after "returns".
    pub returns: &'static str,
    /// A line or two of a script; on a healthy cluster of the nodes n1, n2 and n3 it passes.
    pub example: &'static str,
}

/// Functions that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its heading.
    pub title: &'static str,
    /// Its functions.
    pub functions: &'static [Reference],
}

/// All groups.
pub const GROUPS: &[Group] = &[
    Group { title: "Faults", functions: faults::FUNCTIONS },
    Group { title: "Links and healing", functions: links::FUNCTIONS },
    Group { title: "Nodes", functions: nodes::FUNCTIONS },
    Group { title: "Looking", functions: looking::FUNCTIONS },
    Group { title: "Time and tasks", functions: time::FUNCTIONS },
    Group { title: "Chance and parameters", functions: chance::FUNCTIONS },
    Group { title: "Operations and checkers", functions: operations::FUNCTIONS },
    Group { title: "Claims and notes", functions: verdicts::FUNCTIONS },
    Group { title: "For modules", functions: authoring::FUNCTIONS },
];

/// How durations, probabilities, rates, nodes and links are written; several functions take each.
pub(in crate::script) const DURATION: &str =
    "a number of seconds (0.5, 100.ms, 2.min), or text with a unit: us, ms, s, m, h";
/// The same for probabilities.
pub(in crate::script) const PROBABILITY: &str = "0 to 1, or text from \"0%\" to \"100%\"";
/// The same for rates.
pub(in crate::script) const RATE: &str =
    "text with a unit: bit, kbit, mbit, gbit, byte, kbyte, mbyte, gbyte (per second)";
/// The same for nodes.
pub(in crate::script) const NODES: &str = "a name, a glob like \"n*\", or a list of them";
/// The same for one node.
pub(in crate::script) const NODE: &str = "the name of one node";
/// The same for links.
pub(in crate::script) const LINKS: &str =
    "link(), between(), from(), to(), a list of them, or nodes: all that leaves them";

impl Reference {
    /// How it is called: a line of the table for each form.
    pub fn forms(&self) -> impl Iterator<Item = &'static Builtin> + use<> {
        let name = self.name;
        BUILTINS.iter().filter(move |builtin| builtin.name == name)
    }
}

/// What is to be known about a function of this name.
#[must_use]
pub fn of(name: &str) -> Option<&'static Reference> {
    GROUPS.iter().flat_map(|group| group.functions).find(|function| function.name == name)
}

/// Whether a function injects a fault and returns its handle.
pub(super) fn is_fault(name: &str) -> bool {
    faults::FUNCTIONS.iter().any(|function| function.name == name)
}

#[cfg(test)]
mod tests;
