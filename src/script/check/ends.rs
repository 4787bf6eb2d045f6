//! A `check()` that is never reached, because what runs before it never ends, or always fails.

use super::walk::Piece;
use super::{Subject, Unit};
use crate::diagnostic::Diagnostic;
use rhai::{ASTFlags, Expr, Position, Stmt};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    if subject.unit("check").is_none_or(|check| !check.params.is_empty()) {
        return;
    }
    let parts = [None, Some("setup"), Some("chaos")];
    for unit in subject.units.iter().filter(|unit| parts.contains(&unit.name) && unit.params.is_empty()) {
        if let Some((position, why)) = never_ends(subject, unit) {
            let part = unit.name.map_or("the body".to_owned(), |name| format!("{name}()"));
            let wrong = subject.diagnostic(position, format!("check() is never reached: {part} {why} here"));
            found.push(wrong.help("check() runs when the parts before it have returned").warning());
        }
    }
}

/// Where all ways through a unit end, other than at its end, and how.
fn never_ends(subject: &Subject<'_>, unit: &Unit<'_>) -> Option<(Position, &'static str)> {
    for stmt in unit.statements {
        if let Some(end) = ends(subject, stmt) {
            return Some(end);
        }
        if may_return(Piece::Stmt(stmt)) {
            return None;
        }
    }
    None
}

fn ends(subject: &Subject<'_>, stmt: &Stmt) -> Option<(Position, &'static str)> {
    match stmt {
        Stmt::Return(_, flags, position) if flags.contains(ASTFlags::BREAK) => Some((*position, "always throws")),
        Stmt::While(flow, position) if is_endless(&flow.expr) => {
            let body = flow.body.statements();
            let leaves = body.iter().any(may_break) || body.iter().any(|stmt| may_return(Piece::Stmt(stmt)));
            (!leaves).then_some((*position, "loops without an end"))
        }
        _ => {
            let piece = if let Stmt::Expr(expr) = stmt { Piece::Expr(expr) } else { Piece::Stmt(stmt) };
            let call = piece.call()?;
            (call.name() == "fail" && subject.functions.is_builtin(call)).then_some((call.position, "always fails"))
        }
    }
}

/// `loop`, or `while true`.
pub(super) fn is_endless(condition: &Expr) -> bool {
    matches!(condition, Expr::Unit(_) | Expr::BoolConstant(true, _))
}

/// Whether it leaves the unit without an error.
fn may_return(piece: Piece<'_>) -> bool {
    piece.any(|piece| match piece {
        Piece::Stmt(Stmt::Return(_, flags, _)) => !flags.contains(ASTFlags::BREAK),
        _ => piece.call().is_some_and(|call| call.name() == "exit"),
    })
}

/// Whether it leaves the loop that it stands in.
pub(super) fn may_break(stmt: &Stmt) -> bool {
    breaks(Piece::Stmt(stmt))
}

fn breaks(piece: Piece<'_>) -> bool {
    match piece {
        Piece::Stmt(Stmt::BreakLoop(_, flags, _)) => flags.contains(ASTFlags::BREAK),
        // A break in an inner loop leaves that one.
        Piece::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..)) => false,
        _ => {
            let mut found = false;
            piece.parts(&mut |part| found = found || breaks(part));
            found
        }
    }
}
