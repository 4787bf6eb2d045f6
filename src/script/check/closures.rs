//! Closures that can never be called as they will be.

use super::Subject;
use super::walk::{Call, Piece};
use crate::diagnostic::Diagnostic;
use rhai::{Expr, Stmt};

/// Our functions that call a function without arguments.
const CALLING: [&str; 7] = ["wait_until", "eventually", "always", "task", "every", "after", "op"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    subject.each(|piece, doubtful| {
        let calls = |call: &Call<'_>| CALLING.contains(&call.name()) && subject.functions.is_builtin(*call);
        let Some(call) = piece.call().filter(calls) else { return };
        let Some(closure) = call.expr.args.last().and_then(Closure::of) else { return };
        let wrong = wrong_arguments(subject, &closure);
        found.extend(wrong.map(|wrong| if doubtful { wrong.warning() } else { wrong }));
    });
}

/// A closure that is written as an argument.
struct Closure<'a> {
    name: String,
    at: &'a Expr,
    /// How many variables it captures: they come before its own arguments.
    captured: usize,
}

impl<'a> Closure<'a> {
    fn of(argument: &'a Expr) -> Option<Self> {
        if let Some(name) = Piece::Expr(argument).closure() {
            return Some(Self { name, at: argument, captured: 0 });
        }
        // What captures variables is a block that shares them, and then curries.
        let Expr::Stmt(block) = argument else { return None };
        let Some(Stmt::Expr(last)) = block.statements().last() else { return None };
        let Expr::FnCall(curry, _) = &**last else { return None };
        let (at, captured) = curry.args.split_first().filter(|_| curry.name == "curry")?;
        Some(Self { name: Piece::Expr(at).closure()?, at, captured: captured.len() })
    }
}

fn wrong_arguments(subject: &Subject<'_>, closure: &Closure<'_>) -> Option<Diagnostic> {
    let takes = subject.unit(&closure.name)?.params.len();
    (takes > closure.captured).then(|| {
        subject
            .diagnostic(closure.at.position(), "the closure takes other arguments than the () it is called with")
            .help("write `||` for a closure without arguments")
    })
}
