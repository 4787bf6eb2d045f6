//! Closures that can never be called as they will be, and those of tasks that set what nobody sees.

use super::Subject;
use super::walk::{Call, Piece};
use crate::diagnostic::Diagnostic;
use rhai::{Expr, Stmt};

/// Our functions that call a function without arguments, and those whose function runs beside the script.
const CALLING: [&str; 7] = ["wait_until", "eventually", "always", "task", "every", "after", "op"];
const BESIDE: [&str; 3] = ["task", "every", "after"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    subject.each(|piece, doubtful| {
        let calls = |call: &Call<'_>| CALLING.contains(&call.name()) && subject.functions.is_builtin(*call);
        let Some(call) = piece.call().filter(calls) else { return };
        let Some(closure) = call.expr.args.last().and_then(Closure::of) else { return };
        let wrong = wrong_arguments(subject, &closure);
        found.extend(wrong.map(|wrong| if doubtful { wrong.warning() } else { wrong }));
        if BESIDE.contains(&call.name()) {
            found.extend(private_copies(subject, &closure));
        }
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

/// What a task sets of what it captured: it has private copies.
fn private_copies(subject: &Subject<'_>, closure: &Closure<'_>) -> Vec<Diagnostic> {
    let Some(unit) = subject.unit(&closure.name) else { return Vec::new() };
    let captured = &unit.params[..closure.captured.min(unit.params.len())];
    let mut found = Vec::new();
    unit.pieces().for_each(|piece| {
        piece.each(&mut |piece| {
            let Piece::Stmt(Stmt::Assignment(of)) = piece else { return };
            let Expr::Variable(variable, _, position) = &of.1.lhs else { return };
            if captured.contains(&variable.1) {
                let message = format!("nobody sees what the task sets `{}` to: it has a copy of its own", variable.1);
                found.push(subject.diagnostic(*position, message).help("state(key, value) shares values").warning());
            }
        });
    });
    found
}
