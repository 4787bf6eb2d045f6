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

/// The nodes that several names and globs mean, each once, in the cluster's order. Those that are no nodes are all
/// named in one error.
pub fn select_all<'n, 'p>(
    nodes: impl Iterator<Item = &'n str> + Clone,
    patterns: impl Iterator<Item = &'p str>,
) -> Result<Vec<&'n str>> {
    let (mut chosen, mut wrong) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match select(nodes.clone(), pattern) {
            Ok(selected) => chosen.extend(selected),
            Err(error) => wrong.push((pattern, error)),
        }
    }
    match wrong.len() {
        0 => Ok(nodes.filter(|name| chosen.contains(name)).collect()),
        1 => Err(wrong.remove(0).1),
        _ => {
            let names: Vec<String> = wrong.iter().map(|(pattern, _)| format!("`{pattern}`")).collect();
            Err(Error::usage(format!("there are no nodes {}", names.join(", "))).help(listing(nodes)))
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NODES: [&str; 5] = ["n1", "n2", "n10", "db", "db.eu"];

    #[test]
    fn names_and_globs_give_nodes_in_the_clusters_order() {
        let chosen = |pattern: &str| select(NODES.into_iter(), pattern).unwrap().join(" ");
        assert_eq!(chosen("n2"), "n2");
        assert_eq!(chosen("n?"), "n1 n2");
        assert_eq!(chosen("n*"), "n1 n2 n10");
        assert_eq!(chosen("*b*"), "db db.eu");
        assert_eq!(chosen("*"), "n1 n2 n10 db db.eu");
        assert_eq!(chosen("db.*"), "db.eu");
    }

    #[test]
    fn a_name_that_is_no_node_lists_the_nodes_and_the_nearest() {
        let error = |pattern: &str| select(NODES.into_iter(), pattern).unwrap_err().to_string();
        insta::assert_snapshot!(error("n3"), @"there is no node `n3` (did you mean `n1`? the nodes are n1, n2, n10, db, db.eu)");
        insta::assert_snapshot!(error("primary"), @"there is no node `primary` (the nodes are n1, n2, n10, db, db.eu)");
        insta::assert_snapshot!(error("x*"), @"no node matches `x*` (the nodes are n1, n2, n10, db, db.eu)");
        insta::assert_snapshot!(error(""), @"there is no node `` (the nodes are n1, n2, n10, db, db.eu)");
        let many: Vec<_> = (1..=50).map(|n| format!("n{n}")).collect();
        insta::assert_snapshot!(select(many.iter().map(String::as_str), "web").unwrap_err(), @"there is no node `web` (the nodes are n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15, n16 and 34 more)");
        insta::assert_snapshot!(select([].into_iter(), "web").unwrap_err(), @"there is no node `web` (the cluster has no nodes)");
    }

    #[test]
    fn several_names_are_chosen_together_or_not_at_all() {
        let all = |patterns: &[&str]| select_all(NODES.into_iter(), patterns.iter().copied());
        assert_eq!(all(&["db", "n*", "n1"]).unwrap(), ["n1", "n2", "n10", "db"]);
        insta::assert_snapshot!(all(&["n1", "n3", "db"]).unwrap_err(), @"there is no node `n3` (did you mean `n1`? the nodes are n1, n2, n10, db, db.eu)");
        insta::assert_snapshot!(all(&["n3", "n1", "x*"]).unwrap_err(), @"there are no nodes `n3`, `x*` (the nodes are n1, n2, n10, db, db.eu)");
    }

    proptest! {
        #[test]
        fn a_glob_matches_what_the_same_regular_expression_does(pattern in "[ab*?]{0,8}", name in "[abé]{0,8}") {
            let expression = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
            let expected = regex::Regex::new(&expression).unwrap().is_match(&name);
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }
}
