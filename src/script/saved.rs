//! A session as a script: the entries that succeeded, as they were typed, so that they run one after the other.
//!
//! Three things differ between entries and a script. An entry needs no semicolon at its end, and may define a function
//! anew; of several definitions of one function the last is left. And what ends an entry early would end the whole
//! script. Pure.

use super::check::PARTS;
use super::diagnose::offset;
use super::engine;
use super::source::Script;
use crate::{Error, Result};
use rhai::{AST, ASTFlags, Engine, Expr, FnCallExpr, OptimizationLevel, Position, Stmt, Token};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

/// What a session has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Evaluated this.
    Text(String),
    /// Evaluated this, up to a `return` or `exit()`.
    Left(String),
    /// Drew from this seed from then on.
    Seed(u64),
    /// Failed, and had started tasks: of all that it did, this alone is seen by the entries after it.
    Tasks,
}

/// What a session was in which an entry failed that had started tasks.
const TASKS: &str =
    "// here an entry failed that had started tasks: those below have other names in a run, and draw other numbers";

/// The script.
///
/// # Errors
/// An entry that did something and ended early: what follows it would be lost.
pub(super) fn saved(entries: &[Entry]) -> Result<String> {
    let mut engine = engine::bare();
    // A `return` at the end of an entry would be optimized away.
    engine.set_optimization_level(OptimizationLevel::None);
    let last = last_definitions(&engine, entries);
    let mut script = String::new();
    for (number, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Text(text) => {
                let overruled = |function: &Function| last.get(&function.signature) != Some(&number);
                let text = without(&engine, text, overruled);
                script.push_str(&terminated(&engine, text.trim_end()));
            }
            Entry::Left(text) => script.push_str(&left_out(&engine, text)?),
            Entry::Seed(seed) => {
                let _cannot_fail = write!(script, "// from here on: --seed {seed}");
            }
            Entry::Tasks => script.push_str(TASKS),
        }
        script.push('\n');
    }
    Script::compile("the saved session", &script)?;
    Ok(script)
}

/// The functions of a saved session that a run of it calls by itself, after the entries.
pub(super) fn parts(script: &str) -> Vec<String> {
    let ast = engine::bare().compile(script).unwrap_or_default();
    let defined = |(name, count): &(&str, usize)| {
        ast.iter_functions().any(|function| function.name == *name && function.params.len() == *count)
    };
    // Without OPTIONS there are no clients.
    let has_clients = ast.iter_literal_variables(true, false).any(|(name, ..)| name == "OPTIONS");
    let runs = |part: &(&str, usize)| defined(part) && (part.0 != "client" || has_clients);
    PARTS.into_iter().filter(runs).map(|(name, _)| format!("{name}()")).collect()
}

/// An entry that ended early, as a comment.
fn left_out(engine: &Engine, text: &str) -> Result<String> {
    if engine.compile(text).is_ok_and(|ast| only_leaves(&ast)) {
        return Ok(format!("// {}: ended its own entry", text.trim().lines().collect::<Vec<_>>().join(" ")));
    }
    let first = text.trim().lines().next().unwrap_or_default();
    Err(Error::usage(format!("cannot save the session: its entry `{first}` was left by `return` or exit()"))
        .help("in a script that would end all, so what follows would be lost: put such an entry into a function"))
}

/// Whether a text does nothing but leave.
fn only_leaves(ast: &AST) -> bool {
    let is_exit = |call: &FnCallExpr| call.name == "exit" && call.args.iter().all(Expr::is_constant);
    match ast.statements() {
        [Stmt::Return(value, flags, _)] => {
            !flags.contains(ASTFlags::BREAK) && value.as_ref().is_none_or(|value| value.is_constant())
        }
        [Stmt::FnCall(call, _)] => is_exit(call),
        [Stmt::Expr(expr)] => matches!(&**expr, Expr::FnCall(call, _) if is_exit(call)),
        _ => false,
    }
}

/// A function by its name and the number of its parameters.
type Signature = (String, usize);

/// A function's definition in a text.
struct Function {
    signature: Signature,
    place: Range<usize>,
}

/// In which entry each function is defined for good.
fn last_definitions(engine: &Engine, entries: &[Entry]) -> BTreeMap<Signature, usize> {
    let texts = entries.iter().enumerate().filter_map(|(number, entry)| match entry {
        Entry::Text(text) => Some((number, text)),
        Entry::Left(_) | Entry::Seed(_) | Entry::Tasks => None,
    });
    texts.flat_map(|(number, text)| functions(engine, text).into_iter().map(move |f| (f.signature, number))).collect()
}

/// The text without the definitions that are overruled.
fn without(engine: &Engine, text: &str, overruled: impl Fn(&Function) -> bool) -> String {
    let mut left = text.to_owned();
    let mut functions = functions(engine, text);
    functions.sort_by_key(|function| std::cmp::Reverse(function.place.start));
    for function in functions.iter().filter(|function| overruled(function)) {
        let name = &function.signature.0;
        let instead = format!("// {name}() is defined anew below: in a run whatever calls it calls that one\n");
        left.replace_range(function.place.clone(), &instead);
    }
    left
}

/// The functions that a text defines, with their places.
fn functions(engine: &Engine, text: &str) -> Vec<Function> {
    let Ok(ast) = engine.compile(text) else { return Vec::new() };
    let starts = starts(engine, text);
    let found = ast.iter_fn_def().filter_map(|function| {
        let end = offset(text, function.body.end_position()) + 1;
        // The last `fn` of this name before its body ends.
        let (_, start) = starts.iter().rfind(|(name, start)| *name == *function.name && *start < end)?;
        Some(Function { signature: (function.name.to_string(), function.params.len()), place: *start..end })
    });
    found.collect()
}

/// Where `fn NAME` stands, or the `private` before it.
fn starts(engine: &Engine, text: &str) -> Vec<(String, usize)> {
    let (tokens, _) = engine.lex([&text]);
    let tokens: Vec<(Token, Position)> = tokens.take_while(|(token, _)| *token != Token::EOF).collect();
    let start = |at: usize| match &tokens[at..] {
        [(Token::Fn, position), (Token::Identifier(name), _), ..] => {
            let before = at.checked_sub(1).map(|before| &tokens[before]);
            let private = before.filter(|(token, _)| *token == Token::Private).map(|(_, position)| position);
            Some((name.to_string(), offset(text, *private.unwrap_or(position))))
        }
        _ => None,
    };
    (0..tokens.len()).filter_map(start).collect()
}

/// The entry so that another statement may follow.
fn terminated(engine: &Engine, text: &str) -> String {
    let goes_on = |text: &str| engine.compile(format!("{text}\nlet another = 0;")).is_ok();
    let endings = ["", ";"].map(|ending| format!("{text}{ending}"));
    // Behind a comment the semicolon needs a line of its own.
    endings.into_iter().find(|text| goes_on(text)).unwrap_or_else(|| format!("{text}\n;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[&str]) -> String {
        let entries: Vec<Entry> = entries.iter().map(|text| Entry::Text((*text).to_owned())).collect();
        saved(&entries).unwrap()
    }

    #[test]
    fn entries_become_statements() {
        let script =
            of(&["let x = 1", "x + 1", "if x == 1 { x } else { 2 }", "let f = || { x }", "f.call() // why", "x;"]);
        insta::assert_snapshot!(script, @r"
        let x = 1;
        x + 1;
        if x == 1 { x } else { 2 }
        let f = || { x };
        f.call() // why
        ;
        x;
        ");
    }

    #[test]
    fn of_a_function_that_was_defined_anew_the_last_definition_is_left() {
        let script = of(&[
            "/// ä\nprivate fn f(a) { `${a} }` }\nfn g() { 1 }",
            "f(1)",
            "fn f(a, b) { a }",
            "let fx = \"fn f(\"; \nprivate fn f(a) {\n  2\n}",
        ]);
        insta::assert_snapshot!(script, @r#"
        /// ä
        // f() is defined anew below: in a run whatever calls it calls that one

        fn g() { 1 }
        f(1);
        fn f(a, b) { a }
        let fx = "fn f("; 
        private fn f(a) {
          2
        }
        "#);
    }

    fn left(text: &str) -> Result<String> {
        saved(&[Entry::Left(text.to_owned()), Entry::Text("note(1)".to_owned())])
    }

    #[test]
    fn what_only_ended_its_entry_is_left_out() {
        for text in ["return 5", "return;", "exit(3)", "exit();"] {
            assert_eq!(left(text).unwrap(), format!("// {text}: ended its own entry\nnote(1);\n"));
        }
    }

    #[test]
    fn what_did_more_before_it_ended_is_refused() {
        for text in ["isolate(\"n1\");\nreturn 5", "if true { return; }", "exit(heal())", "stop()"] {
            let error = left(text).unwrap_err();
            assert!(error.message.contains(text.lines().next().unwrap()), "{error:?}");
        }
    }

    #[test]
    fn functions_that_a_run_calls_are_known() {
        let script = "fn chaos() { } fn check(a) { } fn setup() { } fn client(id) { }";
        assert_eq!(parts(script), ["setup()", "chaos()"]);
        let clients = parts(&format!("const OPTIONS = #{{ clients: 1 }}; {script}"));
        assert_eq!(clients, ["setup()", "chaos()", "client()"]);
    }

    #[test]
    fn tasks_of_an_entry_that_failed_are_told_of() {
        let entries = [Entry::Tasks, Entry::Text("task(|| random())".to_owned())];
        assert_eq!(saved(&entries).unwrap(), format!("{TASKS}\ntask(|| random());\n"));
    }

    #[test]
    fn a_seed_is_remembered() {
        let entries = [Entry::Seed(7), Entry::Text("random()".to_owned())];
        assert_eq!(saved(&entries).unwrap(), "// from here on: --seed 7\nrandom();\n");
    }
}
