//! Names and globs to nodes: `"n1"`, `"db*"`, `"n?"`.
//!
//! Pure.

use crate::diagnostic::nearest;
use crate::error::{Error, Result};

/// How many names an error lists.
const SHOWN: usize = 16;

/// The nodes that a name or glob means, in the cluster's order. `*` stands for any characters, `?` for one.
/// A name that is no node, and a glob that no node matches, is a usage error that lists the nodes.
pub fn select<'n>(nodes: impl Iterator<Item = &'n str> + Clone, pattern: &str) -> Result<Vec<&'n str>> {
    let is_glob = pattern.contains(['*', '?']);
    let chosen: Vec<_> =
        nodes.clone().filter(|name| if is_glob { matches(pattern, name) } else { *name == pattern }).collect();
    match chosen.is_empty() {
        false => Ok(chosen),
        true if is_glob => Err(Error::usage(format!("no node matches `{pattern}`")).help(listing(nodes))),
        true => Err(unknown(pattern, nodes)),
    }
}

/// A name that is no node, with the nearest one and all of them.
pub(super) fn unknown<'n>(name: &str, nodes: impl Iterator<Item = &'n str> + Clone) -> Error {
    let near = nearest(name, nodes.clone()).map(|near| format!("did you mean `{near}`? "));
    Error::usage(format!("there is no node `{name}`")).help(format!("{}{}", near.unwrap_or_default(), listing(nodes)))
}

fn listing<'n>(nodes: impl Iterator<Item = &'n str> + Clone) -> String {
    let count = nodes.clone().count();
    let shown: Vec<_> = nodes.take(SHOWN).collect();
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    match count {
        0 => "the cluster has no nodes".to_owned(),
        _ => format!("the nodes are {}{more}", shown.join(", ")),
    }
}

/// Whether a name matches a glob. Goes back only to the last `*`, so that no pattern takes more than the product of
/// both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                p = at + 1;
                n = eaten + 1;
            }
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}
