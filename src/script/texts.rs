//! The texts of a program: a script has one, a session one for each entry. Finds the one that an error points into.
//!
//! Rhai's positions are only lines and columns. So each text is compiled as if it stood below all former ones, behind
//! as many empty lines: a line belongs to one text. Pure.

use super::diagnose::Source;
use crate::{Error, Result};
use rhai::{AST, Engine, EvalAltResult, Position};
use std::rc::Rc;

/// All texts, in the order of their lines.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: Vec<Text>,
    /// How many lines there are above the next one.
    next: u16,
}

#[derive(Debug)]
struct Text {
    source: Rc<Source>,
    /// How many lines there are above it.
    above: u16,
    lines: u16,
}

impl Texts {
    /// Those of a script.
    pub(super) fn of(source: &Source) -> Self {
        let mut texts = Self::default();
        let _nothing_above = texts.add(source);
        texts
    }

    /// Adds a text: how many lines it is to be compiled behind. Rhai counts no further than 65,535; where that is
    /// reached, it begins anew, and errors in the oldest texts are shown in the newest that have those lines.
    pub(super) fn add(&mut self, source: &Source) -> u16 {
        let lines = u16::try_from(source.text.matches('\n').count() + 1).unwrap_or(u16::MAX);
        let above = if self.next.checked_add(lines).is_some() { self.next } else { 0 };
        self.next = above.saturating_add(lines);
        self.texts.push(Text { source: Rc::new(source.clone()), above, lines });
        above
    }

    /// Adds a text that compiles, and compiles it in its place below all others.
    pub(super) fn compile(&mut self, engine: &Engine, source: &Source) -> Result<AST> {
        let above = self.add(source);
        let compiled = engine.compile("\n".repeat(usize::from(above)) + source.text.as_str());
        compiled.map_err(|error| Error::usage(format!("syntax error: {error}")).help("this is a bug in blockade"))
    }

    /// The text that was added last.
    pub(super) fn last(&self) -> Rc<Source> {
        self.texts.last().map_or_else(nothing, |text| Rc::clone(&text.source))
    }

    /// The text in which an error happened; the error's places are within their texts afterwards, and no function of
    /// theirs is called one of a module. Places inside of a module, which has lines of its own, stay as they are: the
    /// text is the one that called it, or whose closure it called.
    pub(super) fn locate(&self, error: &mut EvalAltResult) -> Rc<Source> {
        let mut found = self.last();
        let (mut current, mut is_ours) = (error, true);
        loop {
            if let Some(text) = self.at(current.position()).filter(|_| is_ours) {
                let position = current.position();
                let line = position.line().unwrap_or(1) as u16 - text.above;
                current.set_position(Position::new(line, position.position().unwrap_or(0) as u16));
                found = Rc::clone(&text.source);
            }
            let EvalAltResult::ErrorInFunctionCall(_, path, inner, _) = current else { return found };
            // Functions of a file in the place of another are of the script that they joined, as far as Rhai knows.
            is_ours = path.is_empty() || self.texts.first().is_some_and(|text| text.source.path == *path);
            if is_ours {
                path.clear();
            }
            current = inner;
        }
    }

    fn at(&self, position: Position) -> Option<&Text> {
        let line = position.line()? as u16;
        self.texts.iter().rev().find(|text| line > text.above && line - text.above <= text.lines)
    }
}

fn nothing() -> Rc<Source> {
    Rc::new(Source { path: String::new(), text: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn error(line: u16, inner: Option<EvalAltResult>) -> EvalAltResult {
        let position = Position::new(line, 2);
        match inner {
            None => EvalAltResult::ErrorForbiddenVariable("x".into(), position),
            Some(inner) => EvalAltResult::ErrorInFunctionCall("f".into(), String::new(), inner.into(), position),
        }
    }

    #[test]
    fn an_error_is_found_in_the_text_of_its_innermost_place() {
        let mut texts = Texts::default();
        let above =
            [("1", "fn f() {\n x }"), ("2", "f()"), ("3", "a\nb")].map(|(path, text)| texts.add(&source(path, text)));
        assert_eq!(above, [0, 2, 3]);
        let mut outer = error(3, Some(error(2, None)));
        assert_eq!(texts.locate(&mut outer).path, "1");
        let EvalAltResult::ErrorInFunctionCall(_, _, inner, position) = &outer else { panic!("{outer:?}") };
        assert_eq!((position.line(), inner.position().line()), (Some(1), Some(2)));
        let mut plain = error(5, None);
        assert_eq!((texts.locate(&mut plain).path.as_str(), plain.position().line()), ("3", Some(2)));
    }

    #[test]
    fn a_function_of_a_later_text_that_bears_the_path_of_the_first_is_found_also_behind_a_module() {
        let mut texts = Texts::of(&source("s.rhai", "a\n"));
        let _below = texts.add(&source("c.rhai", "b\nc"));
        let called = |path: &str, line: u16, inner: EvalAltResult| {
            EvalAltResult::ErrorInFunctionCall("f".into(), path.into(), inner.into(), Position::new(line, 1))
        };
        let mut whole = called("s.rhai", 1, called("m.rhai", 3, called("s.rhai", 2, error(4, None))));
        assert_eq!(texts.locate(&mut whole).path, "c.rhai");
        let EvalAltResult::ErrorInFunctionCall(_, path, inner, _) = &whole else { panic!("{whole:?}") };
        assert_eq!((path.as_str(), inner.position().line()), ("", Some(1)));
        let EvalAltResult::ErrorInFunctionCall(_, path, inner, _) = &**inner else { panic!("{whole:?}") };
        assert_eq!((path.as_str(), inner.position().line()), ("m.rhai", Some(2)));
        let EvalAltResult::ErrorInFunctionCall(_, path, inner, _) = &**inner else { panic!("{whole:?}") };
        assert_eq!((path.as_str(), inner.position().line()), ("", Some(2)));
    }

    #[test]
    fn beyond_the_last_line_that_rhai_counts_the_newest_text_is_found() {
        let mut texts = Texts::of(&source("long", &"\n".repeat(65_000)));
        assert_eq!(texts.add(&source("next", &"\n".repeat(600))), 0);
        let mut first = error(1, None);
        assert_eq!(texts.locate(&mut first).path, "next");
        assert_eq!(texts.locate(&mut error(700, None)).path, "long");
    }
}
