//! What is shown behind the cursor: the rest of a function's name, and what it takes. Pure.

use super::complete::{Place, place};
use super::words::{Words, name};

/// What may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    /// Shown behind the cursor.
    pub(super) shown: String,
    /// What of it may be taken over.
    pub(super) inserted: Option<String>,
}

/// So much of a name must be there.
const WORD_MIN: usize = 3;

/// The hint at the end of a text.
pub(super) fn hint(text: &str, words: &Words) -> Option<Hint> {
    if text.trim_start().starts_with(':') {
        return None;
    }
    match place(text) {
        Place::Code { before, word } if word.len() >= WORD_MIN && !before.ends_with(['.', ':']) => rest(word, words),
        Place::Code { .. } => parameters(text, words),
        _ => None,
    }
}

/// The rest of a name that only one function has, with its parameters.
fn rest(word: &str, words: &Words) -> Option<Hint> {
    let mut functions = words.functions().into_iter().filter(|name| name.starts_with(word));
    let (function, None) = (functions.next()?, functions.next()) else { return None };
    let signature = words.signatures.iter().find(|signature| name(signature) == function)?;
    let inserted = Some(format!("{}(", &function[word.len()..]));
    Some(Hint { shown: signature[word.len()..].to_owned(), inserted })
}

/// The parameters that a call still wants.
fn parameters(text: &str, words: &Words) -> Option<Hint> {
    let (function, given) = open_call(text)?;
    let wants = |signature: &str| {
        let inside = signature.split_once('(')?.1.strip_suffix(')')?.to_owned();
        let parameters: Vec<&str> = inside.split(", ").filter(|name| !name.is_empty()).collect();
        parameters.get(given..).filter(|left| !left.is_empty()).map(|left| left.join(", "))
    };
    let mut signatures = words.signatures.iter().filter(|signature| name(signature) == function);
    let left = signatures.find_map(|signature| wants(signature))?;
    Some(Hint { shown: format!("{left})"), inserted: None })
}

/// The call whose bracket is open at the end of the text, and how many arguments it has, where the next one is about to
/// begin.
fn open_call(text: &str) -> Option<(&str, usize)> {
    if !text.trim_end().ends_with(['(', ',']) {
        return None;
    }
    let (mut depth, mut given, mut quote) = (0_usize, 0, false);
    for (at, c) in text.char_indices().rev() {
        match c {
            '"' => quote = !quote,
            _ if quote => {}
            ')' | ']' | '}' => depth += 1,
            '(' if depth == 0 => return Some((last_word(&text[..at]), given)),
            '(' | '[' | '{' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => given += 1,
            _ => {}
        }
    }
    None
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Known;

    fn shown(text: &str) -> Option<String> {
        let words = Words::of(Known { functions: ["mine(a, b)".to_owned()].into(), ..Known::default() });
        hint(text, &words).map(|hint| hint.shown)
    }

    #[test]
    fn a_name_that_is_clear_shows_its_rest_and_what_it_takes() {
        assert_eq!(shown("parti").as_deref(), Some("tion(groups)"));
        assert_eq!(shown("let x = isolat").as_deref(), Some("e(nodes)"));
        assert_eq!(shown("re"), None, "reject, restart, resume, …");
        assert_eq!(shown("x.parti"), None);
        assert_eq!(shown(":parti"), None);
    }

    #[test]
    fn an_open_call_shows_what_it_still_wants() {
        assert_eq!(shown("partition(").as_deref(), Some("groups)"));
        assert_eq!(shown("one_way(\"n1\", ").as_deref(), Some("target)"));
        assert_eq!(shown("mine([1, 2], ").as_deref(), Some("b)"));
        assert_eq!(shown("mine(1, 2, "), None);
        assert_eq!(shown("partition(["), None);
        assert_eq!(shown("elapsed("), None);
        assert_eq!(shown("mine(\"(,\", ").as_deref(), Some("b)"));
    }
}
