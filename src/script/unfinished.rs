//! Whether a text is only the beginning of one: a person may go on typing. Pure.

use super::engine;
use super::source::unclosed_comment;
use rhai::{LexError, ParseError, ParseErrorType, Position};

/// Whether more lines could make a script of this text, and it is none yet.
#[must_use]
pub fn is_unfinished(text: &str) -> bool {
    if unclosed_comment(text).is_some() {
        return true;
    }
    let Err(ParseError(kind, position)) = engine::bare().compile(text) else { return false };
    match *kind {
        ParseErrorType::UnexpectedEOF => true,
        // Only a text in backticks or #" goes on over several lines, or one whose line ends with a backslash.
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            text.trim_end_matches('\n').ends_with('\\') || rest(text, position).starts_with(['`', '#'])
        }
        // In the middle of a text nothing that follows can mend it.
        ParseErrorType::MissingToken(..) | ParseErrorType::FnMissingBody(_) => rest(text, position).trim().is_empty(),
        _ => false,
    }
}

/// What stands at a position and behind it.
fn rest(text: &str, position: Position) -> &str {
    if position.is_none() { "" } else { &text[super::diagnose::offset(text, position)..] }
}

#[cfg(test)]
mod tests {
    use super::is_unfinished;

    #[test]
    fn what_is_still_open_goes_on() {
        let open = [
            "fn f() {",
            "fn f(",
            "let x = [1,",
            "foo(1",
            "#{ a: 1",
            "let x =",
            "x +",
            "/* a",
            "/* a\nb",
            "`a",
            "`a\nb ${",
            "if true {\n 1",
            "\"a \\",
            "task(|| {\n",
            "fn f()",
            "for i in 0..3",
        ];
        for text in open {
            assert!(is_unfinished(text), "{text}");
        }
    }

    #[test]
    fn what_is_whole_or_wrong_does_not() {
        let closed = [
            "",
            "1",
            "let x",
            "let x = 1",
            "fn f() { 1 }",
            "1 + 2)",
            "foo())",
            "}",
            "\"a",
            "'a",
            "[1 2]",
            "foo(1 2",
            "let x = 1 2",
            "let = 3",
            "ä",
            "// {",
            "`a`",
            "/* a */",
            "foo(]",
            "\"a\nb",
        ];
        for text in closed {
            assert!(!is_unfinished(text), "{text}");
        }
    }
}
