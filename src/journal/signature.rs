//! What tells failures of one kind from others: their place and their message, without the values in it.
//!
//! A soak groups its failures by it, and replays and shrinking compare it with a recorded one. Pure.

use crate::Error;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// The kind of failure in a stable form: its place, and its message with every value taken out.
#[must_use]
pub fn signature(error: &Error) -> String {
    let place = error.diagnostics.first();
    placed(place.map(|place| (place.file.as_str(), place.line as u64)), &error.message)
}

/// That of a failure in a `result.json`, as this version has it: an older one may have taken out less.
pub(super) fn recorded(failure: &Value) -> Option<String> {
    let told = failure["signature"].as_str()?;
    let place = failure["file"].as_str().zip(failure["line"].as_u64());
    Some(failure["message"].as_str().map_or_else(|| renewed(told), |message| placed(place, message)))
}

/// A signature of an older version, with what that has left of values taken out. Only what it stands for says all.
#[must_use]
pub fn renewed(told: &str) -> String {
    let place = told.split_once(": ").filter(|(place, _)| {
        let line = place.rsplit_once(':').map(|(_, line)| line);
        line.is_some_and(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
    });
    place.map_or_else(|| shape(told), |(place, message)| format!("{place}: {}", shape(message)))
}

fn placed(place: Option<(&str, u64)>, message: &str) -> String {
    let shape = shape(message.lines().next().unwrap_or_default());
    match place {
        Some((file, line)) => format!("{}:{line}: {shape}", base_name(file)),
        None => shape,
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A text without its values. What taking one out brings together may be one, too: each round leaves less to take.
fn shape(text: &str) -> String {
    let mut shape = text.to_owned();
    loop {
        let next = round(&told(&shape));
        if next == shape {
            return shape;
        }
        shape = next;
    }
}

/// What we say ourselves, without the values that only its wording tells: the operation at which a history is found to
/// fail, which differs from run to run; the node and the pattern of a log.
fn told(text: &str) -> String {
    LOG.replace(&WITNESS.replace(text, "$told ``"), "# did not log // within").into_owned()
}

fn round(text: &str) -> String {
    let (mut shape, mut rest, mut before) = (String::new(), text, None);
    while let Some(next) = rest.chars().next() {
        let (taken, left) = value(rest, before).unwrap_or((next.len_utf8(), &rest[..next.len_utf8()]));
        shape.push_str(left);
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    shape
}

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a pattern of ours"));
    };
}

pattern!(PATH, r#"^/[^\s"'`()\[\]{}<>|,;:=]+"#);
pattern!(WITNESS, r"(?<told>not linearizable: no order explains) `.*");
pattern!(LOG, r"[^\s:]+ did not log /.*/ within");
pattern!(IDENTIFIER, r"^(?:(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})|0[xX][0-9a-fA-F]+|inf|NaN)\b");
pattern!(WORD, r"^[\w#]+");
pattern!(NUMBER, r"^[0-9#]+(?:_[0-9#]+)*(?:\.[0-9#]+)*(?:[eE][+-]?[0-9#]+\b{end-half})?");
pattern!(NUMBER_IN_WORD, r"^[0-9#]+(?:_[0-9#]+)*(?:\.[0-9#]+)*");

/// The value that a text begins with behind this character: how many bytes of it, and what stays in their place.
fn value(text: &str, before: Option<char>) -> Option<(usize, &str)> {
    enclosed(text).or_else(|| path(text, before)).or_else(|| number(text, before).map(|taken| (taken, "#")))
}

/// A list, a map or a quoted text: all that is in it.
fn enclosed(text: &str) -> Option<(usize, &str)> {
    let (end, left) = match text.chars().next()? {
        '[' => (']', "[]"),
        '{' => ('}', "{}"),
        '"' => ('"', "\"\""),
        _ => return None,
    };
    let at = closed(text).or_else(|| Some(text[1..].find(end)? + 1))?;
    Some((at + 1, left))
}

/// Where what a text opens is closed, lists in lists and brackets in quoted texts considered.
fn closed(text: &str) -> Option<usize> {
    let mut open: Vec<char> = Vec::new();
    text.char_indices().find_map(|(at, character)| {
        match (character, open.last()) {
            (_, Some(end)) if *end == character => drop(open.pop()),
            (_, Some('"')) => {}
            ('[', _) => open.push(']'),
            ('{', _) => open.push('}'),
            ('"', _) => open.push('"'),
            _ => {}
        }
        open.is_empty().then_some(at)
    })
}

/// An absolute path: all of it but the last name.
fn path(text: &str, before: Option<char>) -> Option<(usize, &str)> {
    let begins = before.is_none_or(|before| before.is_whitespace() || "\"'`([{<|,;=".contains(before));
    let path = PATH.find(text).filter(|_| begins)?.as_str();
    Some((path.len(), path.rsplit('/').find(|name| !name.is_empty())?))
}

/// How long the number is that a text begins with, its sign included, or the identifier.
fn number(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|before| before.is_alphanumeric() || "_#".contains(before)) {
        return NUMBER_IN_WORD.find(text).map(|digits| digits.end()); // what stands there is a hyphen
    }
    match text.strip_prefix(['-', '+']) {
        Some(rest) if !before.is_some_and(|before| "+-)]}".contains(before)) => whole(rest).map(|taken| taken + 1),
        Some(_) => None,
        None => whole(text),
    }
}

fn whole(text: &str) -> Option<usize> {
    let hexadecimal = || WORD.find(text).filter(|word| is_hexadecimal(word.as_str()));
    let found = IDENTIFIER.find(text).or_else(hexadecimal).or_else(|| NUMBER.find(text))?;
    Some(found.end())
}

/// Six digits and letters or more, as of a checksum: what is shorter is a name, like `db1`.
fn is_hexadecimal(word: &str) -> bool {
    const LEAST: usize = 6;
    let is_digit = |character: char| character == '#' || character.is_ascii_digit();
    word.len() >= LEAST && word.contains(is_digit) && word.chars().all(|c| c == '#' || c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    fn of(message: &str) -> String {
        signature(&Error::new(ErrorKind::Failed, message))
    }

    fn same(some: &[&str], shape: &str) {
        for message in some {
            assert_eq!(of(message), shape, "{message}");
        }
    }

    #[test]
    fn a_signature_forgets_numbers_and_lists() {
        same(
            &["3 of 17.5 writes were lost: [4, 9, 12]", "12 of 200 writes were lost: [7]"],
            "# of # writes were lost: []",
        );
        same(&["lost [[1, 2], [3]]", "lost [[]]", "lost [\"a]\", 1]"], "lost []");
        same(&["balance 3", "balance -3", "balance +1_000"], "balance #");
        same(&["x 0.1", "x 1e-7", "x -2.5E+10", "x inf", "x -inf", "x NaN"], "x #");
        same(&["a is n-3, 5-3", "a is n-12, 77-0"], "a is n-#, #-#");
        same(&["10.9.0.11:7000 is silent", "10.9.12.3:80 is silent"], "#:# is silent");
    }

    #[test]
    fn a_signature_forgets_identifiers_and_quoted_texts() {
        same(&["lost 3f2a9c", "lost 00ff00ff00", "lost 0xff", "lost 12e45678", "lost 123456"], "lost #");
        same(&["id 550e8400-e29b-41d4-a716-446655440000", "id 00000000-aaaa-4aaa-abcd-ffffffffffff"], "id #");
        same(&["got \"a 1\", not \"\"", "got \"x [\", not \"b\""], "got \"\", not \"\"");
        same(&["the facade of db1 faded in a decade"], "the facade of db# faded in a decade");
    }

    #[test]
    fn a_signature_forgets_where_files_lie() {
        let message = "cannot run `sleep` in the folder /tmp/x/out/work/n1: it is gone";
        same(
            &[message, &message.replace("/tmp/x/out", "/root/.blockade/runs/20261126T101500Z-7")],
            "cannot run `sleep` in the folder n#: it is gone",
        );
        same(&["cannot run `/usr/bin/etcd`"], "cannot run `etcd`");
        same(&["read/write, 3 / 4, GET http://10.0.0.1/x/y"], "read/write, # / #, GET http://#/x/y");
    }

    #[test]
    fn a_signature_forgets_at_which_operation_a_history_failed_and_whose_log_was_read() {
        let claim = "check_linearizable: not linearizable: no order explains";
        let some =
            ["`read gave null` by process 0", "`cas [1,2] gave false` of key \"x\" by process 3, since `write 1`"];
        let all: Vec<String> = some.iter().map(|witness| format!("{claim} {witness}")).collect();
        same(&all.iter().map(String::as_str).collect::<Vec<_>>(), &format!("{claim} ``"));
        same(
            &["alice did not log /ready/ within 0.1 s", "bob did not log /seed 7: a/b/ within 10 s"],
            "# did not log // within # s",
        );
    }

    #[test]
    fn different_claims_have_different_signatures() {
        assert_ne!(of("writes were lost"), of("writes were duplicated"));
        assert_ne!(of("n1 has no leader"), of("db1 has no leader"));
        assert_ne!(of("`pause` failed"), of("`kill` failed"));
    }

    #[test]
    fn the_place_of_a_failure_keeps_its_line() {
        let place = crate::diagnostic::Diagnostic::new("/a/s2.rhai", "\n\nx", 2..3, "lost 3 of 4");
        assert_eq!(signature(&place.into()), "s2.rhai:3: lost # of #");
    }

    #[test]
    fn a_recorded_signature_is_as_this_version_has_it() {
        let failure = |message: serde_json::Value| serde_json::json!({ "signature": "s2.rhai:8: #f#a has -# at #e-#", "message": message, "file": "d/s2.rhai", "line": 8 });
        assert_eq!(recorded(&failure("3f222a has -3 at 1e-9\nand".into())).unwrap(), "s2.rhai:8: # has # at #");
        assert_eq!(recorded(&failure(Value::Null)).unwrap(), "s2.rhai:8: #f#a has # at #");
        assert_eq!(recorded(&Value::Null), None);
        assert_eq!(renewed("x:y: -#"), "x:y: #");
    }

    /// An integer, a float as one of its ways to be written, an identifier.
    fn values() -> impl Strategy<Value = String> {
        let hexadecimal = "[0-9a-f]{6,40}".prop_filter("a word", |text| text.contains(|c: char| c.is_ascii_digit()));
        prop_oneof![
            any::<i64>().prop_map(|number| number.to_string()),
            (-20_i64..20).prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| format!("{number:e}")),
            any::<f32>().prop_map(|number| format!("{number:?}")),
            hexadecimal,
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_values_a_template_has_one_signature(
            pieces in prop::collection::vec(("[ (`=:,]{0,2}[a-z]{0,9}[:(=,]? ", values(), values(), "[),:;%` ]"), 1..6)
        ) {
            let render = |which: fn(&(String, String, String, String)) -> &String| -> String {
                pieces.iter().flat_map(|piece| [&piece.0, which(piece), &piece.3]).map(String::as_str).collect()
            };
            prop_assert_eq!(of(&render(|piece| &piece.1)), of(&render(|piece| &piece.2)));
        }

        #[test]
        fn a_signature_is_its_own(text in "([-+/.0-9a-fnx#_\"\\[\\]{} e]|inf){0,24}") {
            prop_assert_eq!(of(&of(&text)), of(&text));
            prop_assert_eq!(renewed(&of(&text)), of(&text));
        }
    }
}
