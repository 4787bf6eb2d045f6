//! What TAB offers. Pure: the text before the cursor and the words that are known, in; candidates, out.

use super::command::COMMANDS;
use super::words::Words;
use std::collections::BTreeSet;

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// In the list.
    pub(super) shown: String,
    /// Into the line, in place of the word.
    pub(super) inserted: String,
}

/// What stands before the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// In a text; `before` is all before its quote.
    Text { before: &'a str, word: &'a str },
    /// In a comment, where nothing is known.
    Comment,
    /// In the program; `before` is all before the word.
    Code { before: &'a str, word: &'a str },
}

/// Whether a file's name is to be completed.
pub(super) fn wants_file(before: &str) -> bool {
    [":load ", ":save "].iter().any(|command| before.trim_start().starts_with(command))
}

/// The beginning of the word before the cursor, and what it may become.
pub(super) fn complete(before: &str, words: &Words) -> (usize, Vec<Candidate>) {
    if let Some(said) = before.trim_start().strip_prefix(':') {
        return command(before, said, words);
    }
    let (word, candidates) = match place(before) {
        Place::Text { before, word } if last_word(before.trim_end()) == "import" => (word, plain(&words.modules, word)),
        Place::Text { word, .. } => (word, plain(&words.nodes, word)),
        Place::Code { before, word } if before.ends_with('.') && !before.ends_with("..") => {
            let rhais = words.rhai_methods.iter().filter(|_| !word.is_empty());
            (word, plain(words.methods.iter().chain(rhais).collect::<BTreeSet<_>>(), word))
        }
        // Without a beginning all would be candidates.
        Place::Code { before, word } if !word.is_empty() && !before.ends_with("::") => (word, code(words, word)),
        Place::Code { .. } | Place::Comment => ("", Vec::new()),
    };
    (before.len() - word.len(), candidates)
}

fn command(before: &str, said: &str, words: &Words) -> (usize, Vec<Candidate>) {
    if let Some(name) = said.strip_prefix("help ") {
        let functions: Vec<String> = words.functions().into_iter().map(str::to_owned).collect();
        return (before.len() - name.len(), plain(&functions, name));
    }
    let names: Vec<String> = COMMANDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    (before.len() - said.len(), plain(&names, said))
}

fn plain<'a>(names: impl IntoIterator<Item = &'a String>, word: &str) -> Vec<Candidate> {
    let names = names.into_iter().filter(|name| name.starts_with(word));
    names.map(|name| Candidate { shown: name.clone(), inserted: name.clone() }).collect()
}

fn code(words: &Words, word: &str) -> Vec<Candidate> {
    let functions = words.functions().into_iter().filter(|name| name.starts_with(word));
    let functions = functions.map(|name| Candidate { shown: format!("{name}()"), inserted: format!("{name}(") });
    let mut candidates: Vec<Candidate> = functions.chain(plain(&words.names, word)).collect();
    candidates.sort_by(|a, b| a.shown.cmp(&b.shown));
    candidates
}

/// What the end of a text is part of.
pub(super) fn place(text: &str) -> Place<'_> {
    let mut rest = text.char_indices().peekable();
    let mut open: Option<(usize, char)> = None;
    while let Some((at, c)) = rest.next() {
        match (open, c) {
            (Some((_, quote)), _) if c == quote => open = None,
            (Some((_, quote)), '\\') if quote != '`' => drop(rest.next()),
            (None, '"' | '\'' | '`') => open = Some((at, c)),
            (None, '/') if rest.peek().is_some_and(|(_, next)| *next == '/') => {
                let Some(end) = text[at..].find('\n') else { return Place::Comment };
                while rest.peek().is_some_and(|(next, _)| *next <= at + end) {
                    rest.next();
                }
            }
            _ => {}
        }
    }
    let word = last_word(text);
    match open {
        Some((quote, _)) => Place::Text { before: &text[..quote], word: in_text(&text[quote + 1..]) },
        None => Place::Code { before: &text[..text.len() - word.len()], word },
    }
}

/// Names of nodes hold more than words do.
fn in_text(text: &str) -> &str {
    let start = text.rfind([' ', ',', '"']).map_or(0, |before| before + 1);
    &text[start..]
}

fn last_word(text: &str) -> &str {
    let length: usize = text.chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    &text[text.len() - length..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Known;

    fn words() -> Words {
        let known = Known {
            functions: ["part_of(a)".to_owned()].into(),
            variables: ["cut".to_owned(), "partner".to_owned()].into(),
            nodes: vec!["n1".to_owned(), "n2".to_owned(), "db-1".to_owned()],
            methods: ["heal", "keep", "kind"].map(str::to_owned).into(),
            rhai_methods: ["len", "keys"].map(str::to_owned).into(),
            ..Known::default()
        };
        Words { modules: vec!["nemesis".to_owned()], ..Words::of(known) }
    }

    /// The line as it would be with each candidate.
    fn completed(before: &str) -> Vec<String> {
        let (start, candidates) = complete(before, &words());
        candidates.iter().map(|candidate| format!("{}{}", &before[..start], candidate.inserted)).collect()
    }

    #[test]
    fn functions_variables_and_own_functions_go_on_from_their_beginning() {
        assert_eq!(completed("parti"), ["partition("]);
        assert_eq!(completed("let x = part"), ["let x = part_of(", "let x = partition(", "let x = partner"]);
        assert_eq!(completed("[1].map(|x| isol"), ["[1].map(|x| isolate("]);
        assert_eq!(completed(""), [""; 0]);
        assert_eq!(completed("zzz"), [""; 0]);
    }

    #[test]
    fn behind_a_dot_are_methods_and_in_quotes_are_nodes() {
        assert_eq!(completed("cut."), ["cut.heal", "cut.keep", "cut.kind"]);
        assert_eq!(completed("cut.k"), ["cut.keep", "cut.keys", "cut.kind"]);
        assert_eq!(completed("0..ke"), [""; 0]);
        assert_eq!(completed("isolate(\"n"), ["isolate(\"n1", "isolate(\"n2"]);
        assert_eq!(completed("isolate(\"db-"), ["isolate(\"db-1"]);
        assert_eq!(completed("partition([[\"n1\", \"w"), ["partition([[\"n1\", \"world"]);
        assert_eq!(completed("import \"ne"), ["import \"nemesis"]);
        assert_eq!(completed("note(\"it's ü\"); parti"), ["note(\"it's ü\"); partition("]);
    }

    #[test]
    fn comments_are_left_alone_and_end_with_their_line() {
        assert_eq!(completed("1 // parti"), [""; 0]);
        assert_eq!(completed("1 // it's\nparti"), ["1 // it's\npartition("]);
    }

    #[test]
    fn commands_and_what_they_take() {
        assert_eq!(completed(":st"), [":status"]);
        assert_eq!(completed(":help one"), [":help one_way"]);
        assert!(wants_file(":load x") && !wants_file(":status "));
    }
}
