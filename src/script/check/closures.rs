//! Closures that can never be called as they will be.

use super::functions::Functions;
use super::walk::{Call, Piece};
use super::{Subject, Unit};
use crate::diagnostic::Diagnostic;
use rhai::{Expr, Stmt};

/// Our functions that call a function without arguments.
const CALLING: [&str; 8] = ["wait_until", "eventually", "always", "task", "every", "after", "op", "healing"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    subject.each(|piece, doubtful| {
        let Some(closure) = piece.call().and_then(|call| given(&subject.functions, call)) else { return };
        let wrong = wrong_arguments(subject, &closure);
        found.extend(wrong.map(|wrong| if doubtful { wrong.warning() } else { wrong }));
    });
}

/// The closure that is written as the argument of a function of ours that will call it.
fn given<'a>(functions: &Functions<'_>, call: Call<'a>) -> Option<Closure<'a>> {
    let calls = CALLING.contains(&call.name()) && functions.is_builtin(call);
    call.expr.args.last().filter(|_| calls).and_then(Closure::of)
}

/// The name of that closure.
pub(super) fn handed_over(functions: &Functions<'_>, call: Call<'_>) -> Option<String> {
    given(functions, call).map(|closure| closure.name)
}

/// The closures that are written in a unit, each with how many of the unit's variables it captures.
pub(super) fn captures(unit: &Unit<'_>) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    unit.pieces().for_each(|piece| {
        piece.each(&mut |piece| {
            if let Piece::Expr(expr @ Expr::Stmt(_)) = piece {
                all.extend(Closure::of(expr).map(|closure| (closure.name, closure.captured)));
            }
        });
    });
    all
}

/// Whether an argument is a closure that is written there.
pub(super) fn is_closure(argument: &Expr) -> bool {
    Closure::of(argument).is_some()
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
