//! From Rhai's errors to ours: the place, the caret, what was expected and the nearest name.

pub(super) mod imports;

use super::engine::{self, DEPTH_MAX};
use super::table::BUILTINS;
use super::{modules, natives, values};
use crate::diagnostic::{Diagnostic, nearest};
use crate::{Error, ErrorKind};
use rhai::{AST, Dynamic, EvalAltResult, ParseError, ParseErrorType, Position};
use std::collections::BTreeSet;
use std::ops::Range;

/// An error of ours on its way through Rhai; a script may catch it.
#[derive(Clone, Debug)]
pub(super) struct Raised(pub(super) Error);

/// `definite_failure(…)` on its way to its `op()`.
#[derive(Clone, Debug)]
pub(super) struct Definite(pub(super) Error);

/// One that no script may catch: Ctrl-C and the deadline.
#[derive(Clone, Debug)]
pub(super) struct Uncatchable(pub(super) Error);

/// An error of ours as one of Rhai's. Its place is filled in by Rhai.
#[allow(clippy::unnecessary_box_returns, reason = "Rhai's functions return their errors boxed")]
pub(super) fn raise(error: Error) -> Box<EvalAltResult> {
    match error.kind {
        ErrorKind::Interrupted | ErrorKind::Deadline | ErrorKind::Cancelled => {
            EvalAltResult::ErrorTerminated(Dynamic::from(Uncatchable(error)), Position::NONE)
        }
        _ => EvalAltResult::ErrorRuntime(Dynamic::from(Raised(error)), Position::NONE),
    }
    .into()
}

/// The text that errors point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// The bytes of the word at a position, or of the character there.
    fn span(&self, position: Position) -> Range<usize> {
        if position.is_none() {
            return 0..0;
        }
        let start = offset(&self.text, position);
        start..start + word_length(&self.text[start..])
    }

    /// Where a function of this name is defined.
    pub(super) fn definition(&self, function: Option<&str>) -> Position {
        let Some(start) = function.and_then(|name| self.text.find(&format!("fn {name}("))) else {
            return Position::NONE;
        };
        let before = &self.text[..start + "fn ".len()];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        Position::new(u16::try_from(line).unwrap_or(u16::MAX), u16::try_from(column).unwrap_or(u16::MAX))
    }

    /// An error about something that the script declares: shown at its name.
    pub(super) fn declared(&self, declaration: &str, name: &str, error: &Error) -> Diagnostic {
        let end = self.text.find(declaration).map(|start| start + declaration.len());
        let start = end.map_or_else(|| self.text.find(name).unwrap_or(0), |end| end - name.len());
        let mut diagnostic = Diagnostic::new(&self.path, &self.text, start..start + name.len(), error.message.clone());
        diagnostic.help.clone_from(&error.help);
        diagnostic
    }

    pub(super) fn diagnostic(&self, position: Position, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.path, &self.text, self.span(position), message)
    }
}

/// The byte at a position.
pub(super) fn offset(text: &str, position: Position) -> usize {
    let line = position.line().unwrap_or(1);
    let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let column = position.position().unwrap_or(1).max(1);
    let rest = text[line_start..].chars();
    line_start + rest.take(column - 1).take_while(|c| *c != '\n').map(char::len_utf8).sum::<usize>()
}

fn word_length(text: &str) -> usize {
    let word: usize = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    match (word, text.chars().next()) {
        (0, Some(first)) if first != '\n' => first.len_utf8(),
        (word, _) => word,
    }
}

/// A script that does not compile.
pub(super) fn syntax(source: &Source, error: &ParseError) -> Error {
    let ParseError(kind, position) = error;
    let diagnostic = match &**kind {
        ParseErrorType::Reserved(word) => source
            .diagnostic(*position, format!("`{word}` is a reserved word of Rhai"))
            .label("reserved")
            .help("choose another name; to run something beside the script use task(|| …)"),
        other => {
            source.diagnostic(at_or_end(source, *position), format!("syntax error: {}", sentence(other))).label("here")
        }
    };
    diagnostic.into()
}

fn at_or_end(source: &Source, position: Position) -> Position {
    if !position.is_none() {
        return position;
    }
    let line = source.text.lines().count().max(1);
    let column = source.text.lines().last().map_or(1, |last| last.chars().count().max(1));
    Position::new(u16::try_from(line).unwrap_or(u16::MAX), u16::try_from(column).unwrap_or(u16::MAX))
}

fn sentence(kind: &ParseErrorType) -> String {
    let text = kind.to_string();
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().collect::<String>() + letters.as_str())
}

/// A script that failed while it ran `part` of it, or its body.
pub(super) fn runtime(source: &Source, ast: &AST, part: Option<&str>, error: &EvalAltResult) -> Error {
    let Trail { error, places } = trail(source, error);
    let (path, position) = shown(error, &places);
    if path != source.path
        && let Some(module) = modules::source(path)
    {
        let ast = engine::bare().compile(&module.text).unwrap_or_default();
        return at(&module, &ast, position, error);
    }
    // Rhai places an error that nobody may catch at the outermost call, which for a part is nowhere in the script.
    let position = if position.is_none() { source.definition(part) } else { position };
    at(source, ast, position, error)
}

/// What happened, shown at a place of the text that it happened in.
fn at(source: &Source, ast: &AST, position: Position, error: &EvalAltResult) -> Error {
    match error {
        EvalAltResult::ErrorRuntime(value, _) | EvalAltResult::ErrorTerminated(value, _) => {
            ours(value).map_or_else(|| thrown(source, position, value), |own| placed(source, position, own))
        }
        EvalAltResult::ErrorFunctionNotFound(call, _) if call.contains("::") => {
            imports::no_function(source, ast, position, call)
        }
        EvalAltResult::ErrorFunctionNotFound(call, _) => no_function(source, ast, position, call),
        EvalAltResult::ErrorVariableNotFound(name, _) => no_variable(source, ast, position, name),
        EvalAltResult::ErrorStackOverflow(_) => source
            .diagnostic(position, format!("calls are nested {} deep, the limit is {DEPTH_MAX}", DEPTH_MAX + 1))
            .label("in here")
            .help("recursion without an end? use a loop")
            .into(),
        EvalAltResult::ErrorDataRace(name, _) => in_use(source, position, name),
        EvalAltResult::ErrorModuleNotFound(name, _) => imports::no_module(source, ast, position, name),
        other => source.diagnostic(position, plain(other)).into(),
    }
}

/// A variable that a call holds: its name, where the place is known too.
fn in_use(source: &Source, position: Position, name: &str) -> Error {
    let is_known = !name.is_empty() && !name.contains(' ');
    let name = if is_known { name } else { "x" };
    let what = if is_known { format!("the variable `{name}`") } else { "a variable".to_owned() };
    let diagnostic = source
        .diagnostic(position, format!("{what} is in use: a call on it has not come to its end"))
        .help(format!("let that call work on a copy, `let own = {name}; own.…`, and assign it back if it changed"));
    if is_known { diagnostic.label("looked at here").into() } else { diagnostic.into() }
}

/// Completes the error about a variable in use by what the other tasks wait for.
pub(super) fn explain_use(error: &mut Error, waiting: &str) {
    if let Some(help) = error.diagnostics.first_mut().and_then(|place| place.help.as_mut())
        && !waiting.is_empty()
    {
        *help = format!("{help}; at this moment {waiting}");
    }
}

/// What happened, and its places in the texts that it came through, outermost first.
struct Trail<'e> {
    error: &'e EvalAltResult,
    places: Vec<(&'e str, Position)>,
}

/// Rhai wraps an error once for each function and each module's body that it passes, and says whose text is inside.
fn trail<'e>(source: &'e Source, error: &'e EvalAltResult) -> Trail<'e> {
    let mut trail = Trail { error, places: vec![(&source.path, error.position())] };
    loop {
        let (path, inner) = match trail.error {
            EvalAltResult::ErrorInFunctionCall(_, path, inner, _) | EvalAltResult::ErrorInModule(path, inner, _) => {
                (path.as_str(), inner)
            }
            _ => return trail,
        };
        trail.error = inner;
        trail.places.push((if path.is_empty() { &source.path } else { path }, inner.position()));
    }
}

/// Of the places that are known, the innermost; of an error that we raise, the innermost outside the standard library:
/// there it is who called it that can mend it.
fn shown<'e>(error: &EvalAltResult, places: &[(&'e str, Position)]) -> (&'e str, Position) {
    let raised = matches!(error, EvalAltResult::ErrorRuntime(value, _) if ours(value).is_some());
    let fits = |(path, position): &&(&str, Position)| !(position.is_none() || raised && modules::is_stdlib(path));
    places.iter().rev().find(fits).or(places.first()).copied().unwrap_or(("", Position::NONE))
}

fn ours(value: &Dynamic) -> Option<Error> {
    let raised = value.clone().try_cast::<Raised>().map(|raised| raised.0);
    raised
        .or_else(|| value.clone().try_cast::<Definite>().map(|definite| definite.0))
        .or_else(|| value.clone().try_cast::<Uncatchable>().map(|own| own.0))
}

/// What an error means to the operation that it comes from.
pub(super) enum Meaning {
    /// It was definitely not done, and why.
    Definite(String),
    /// Nobody knows whether it was done, and why.
    Unclear(String),
    /// The script itself is wrong, or must end: it cannot go on, and why.
    End(String),
}

/// What an error means to the operation that it comes from.
pub(super) fn meaning(error: &EvalAltResult) -> Meaning {
    let error = error.unwrap_inner();
    match error {
        EvalAltResult::ErrorTerminated(value, _) => Meaning::End(said(value)),
        EvalAltResult::ErrorRuntime(value, _) if value.is::<Definite>() => Meaning::Definite(said(value)),
        EvalAltResult::ErrorRuntime(value, _) => match ours(value) {
            Some(own) if own.kind == ErrorKind::Usage => Meaning::End(own.message),
            _ => Meaning::Unclear(said(value)),
        },
        // What comes of odd answers.
        EvalAltResult::ErrorArithmetic(..)
        | EvalAltResult::ErrorArrayBounds(..)
        | EvalAltResult::ErrorStringBounds(..)
        | EvalAltResult::ErrorBitFieldBounds(..) => Meaning::Unclear(plain(error)),
        _ if comes_of_nothing(error) => Meaning::Unclear(plain(error)),
        _ => Meaning::End(plain(error)),
    }
}

/// Whether something was asked of `()`, which is what modules give where nobody answers.
fn comes_of_nothing(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorDotExpr(what, _) => what.ends_with("for type '()'"),
        EvalAltResult::ErrorIndexingType(what, _) => what.starts_with("() ["),
        EvalAltResult::ErrorFunctionNotFound(call, _) => {
            let given = call.split_once(" (").and_then(|(_, given)| given.strip_suffix(')'));
            given.is_some_and(|given| given.split(", ").any(|kind| kind == "()"))
        }
        _ => false,
    }
}

/// What was thrown, in words.
fn said(value: &Dynamic) -> String {
    ours(value).map_or_else(|| value.to_string(), |own| own.message)
}

/// Our own error, shown at its place in the script.
fn placed(source: &Source, position: Position, mut error: Error) -> Error {
    if error.diagnostics.is_empty() && error.kind != ErrorKind::Interrupted && !position.is_none() {
        let mut diagnostic = source.diagnostic(position, error.message.clone());
        diagnostic.help.clone_from(&error.help);
        error.diagnostics.push(diagnostic);
    }
    error
}

fn thrown(source: &Source, position: Position, value: &Dynamic) -> Error {
    let what = if value.is_unit() { "nothing".to_owned() } else { value.to_string() };
    source.diagnostic(position, format!("the script threw: {what}")).label("not caught").into()
}

fn plain(error: &EvalAltResult) -> String {
    let mut bare = error.unwrap_inner().to_string();
    if let Some(place) = bare.rfind(" (line ") {
        bare.truncate(place);
    }
    let mut letters = bare.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().collect::<String>() + letters.as_str())
}

/// `call` is Rhai's rendering: `name (type, type)`.
fn no_function(source: &Source, ast: &AST, position: Position, call: &str) -> Error {
    let (name, given) = call.split_once(" (").unwrap_or((call, ""));
    let given = given.strip_suffix(')').unwrap_or(given);
    let known = signatures(ast, name);
    let is_ours = !known.is_empty();
    let known = if is_ours { known } else { natives::signatures(name) };
    if !name.chars().any(char::is_alphabetic) {
        return source.diagnostic(position, format!("`{name}` does not work on {}", kinds(given, " and "))).into();
    }
    let is_closure = name.starts_with("anon$") || name == modules::CLOSURE;
    if known.is_empty() && !is_closure {
        return unknown_function(source, ast, position, name).into();
    }
    if is_closure {
        let message = format!("the closure takes other arguments than the ({}) it is called with", kinds(given, ", "));
        return source.diagnostic(position, message).help("write `||` for a closure without arguments").into();
    }
    let (takes, given) = (some_of(known), kinds(given, ", "));
    let chained = if is_ours && given.starts_with("nothing") { "; the call before it gives nothing" } else { "" };
    source
        .diagnostic(position, format!("`{name}` does not take ({given})"))
        .help(format!("it is {takes}{chained}"))
        .into()
}

/// Ways to call a function; not more than a line holds.
fn some_of(mut known: Vec<String>) -> String {
    const SHOWN: usize = 6;
    if known.len() > SHOWN {
        let more = known.len() - SHOWN;
        known.truncate(SHOWN);
        return format!("{}, or one of {more} more", known.join(", "));
    }
    known.join(" or ")
}

/// How a function is called: one of ours, else the script's own of this name.
pub(super) fn signatures(ast: &AST, name: &str) -> Vec<String> {
    let ours = BUILTINS.iter().filter(|builtin| builtin.name == name).map(|builtin| builtin.signature.to_owned());
    let ours: Vec<String> = ours.collect();
    let own = ast.iter_functions().filter(|f| f.name == name).map(|f| format!("{name}({})", f.params.join(", ")));
    if ours.is_empty() { own.collect() } else { ours }
}

/// A function that does not exist, and the nearest one that does.
pub(super) fn unknown_function(source: &Source, ast: &AST, position: Position, name: &str) -> Diagnostic {
    let diagnostic = source.diagnostic(position, format!("unknown function `{name}`")).label("not a function");
    match nearest(name, function_names(ast).iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("`blockade doc` lists the functions"),
    }
}

/// Rhai's list of argument types in the words of our own messages.
fn kinds(given: &str, between: &str) -> String {
    let kinds: Vec<&str> = given.split(", ").map(values::kind).collect();
    kinds.join(between)
}

fn no_variable(source: &Source, ast: &AST, position: Position, name: &str) -> Error {
    let diagnostic = source.diagnostic(position, format!("unknown variable `{name}`")).label("not known here");
    if name.starts_with("global::") {
        return diagnostic
            .help("only constants of the script's body are seen as `global::NAME`: `const NAME = …;`")
            .into();
    }
    let constants = ast.iter_literal_variables(true, false).map(|(constant, ..)| constant).collect::<Vec<_>>();
    if constants.contains(&name) {
        return diagnostic.help(format!("inside a function a constant of the body is `global::{name}`")).into();
    }
    let declared = declared(&source.text);
    if declared.contains(name) {
        return diagnostic.help("functions share no variables; state(key, value) does").into();
    }
    let words = function_names(ast);
    if words.contains(name) {
        return diagnostic.help(format!("a function is called, `{name}(…)`, or named: `Fn(\"{name}\")`")).into();
    }
    match nearest(name, words.iter().map(String::as_str).chain(declared)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
        None => {
            diagnostic.help(format!("declare it with `let {name} = …;`, or quote it if it is text: \"{name}\"")).into()
        }
    }
}

/// The names that some `let` or `const` of the script declares, wherever.
fn declared(text: &str) -> BTreeSet<&str> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    words.windows(2).filter(|pair| matches!(pair[0], "let" | "const")).map(|pair| pair[1]).collect()
}

fn function_names(ast: &AST) -> BTreeSet<String> {
    let own = ast.iter_functions().map(|f| f.name.to_owned());
    BUILTINS.iter().map(|builtin| builtin.name.to_owned()).chain(own).collect()
}
