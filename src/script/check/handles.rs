//! Faults whose handle is kept and never used.

use super::walk::Piece;
use super::{Subject, Unit};
use crate::diagnostic::Diagnostic;
use crate::script::table::BUILTINS;
use rhai::{ASTFlags, Expr, Ident, Stmt};

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for unit in &subject.units {
        block(subject, unit, unit.statements, found);
    }
}

fn block<'a>(subject: &Subject<'a>, unit: &Unit<'a>, statements: &'a [Stmt], found: &mut Vec<Diagnostic>) {
    for (at, stmt) in statements.iter().enumerate() {
        if let Some((name, constant)) = kept_fault(subject, stmt)
            && !is_read(&statements[at + 1..], &name.name)
            && !(constant && unit.name.is_none() && is_read_as_global(subject, &name.name))
        {
            let message = format!("the fault `{name}` is never used", name = name.name);
            let help = "heal it with `.heal()`, or leave the variable out: what is active at the end is healed then";
            found.push(subject.diagnostic(name.pos, message).help(help).warning());
        }
        nested(subject, unit, Piece::Stmt(stmt), found);
    }
}

/// The blocks in a statement, each with variables of its own.
fn nested<'a>(subject: &Subject<'a>, unit: &Unit<'a>, piece: Piece<'a>, found: &mut Vec<Diagnostic>) {
    match piece {
        Piece::Stmt(Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..) | Stmt::TryCatch(flow, _)) => {
            block(subject, unit, flow.body.statements(), found);
            block(subject, unit, flow.branch.statements(), found);
        }
        Piece::Stmt(Stmt::For(of, _)) => block(subject, unit, of.2.body.statements(), found),
        Piece::Stmt(Stmt::Block(of)) | Piece::Expr(Expr::Stmt(of)) => block(subject, unit, of.statements(), found),
        _ => piece.parts(&mut |part| nested(subject, unit, part, found)),
    }
}

/// `let name = fault(…);`, and whether it is a constant. A name that begins with `_` says that it is not to be used.
fn kept_fault<'a>(subject: &Subject<'a>, stmt: &'a Stmt) -> Option<(&'a Ident, bool)> {
    let Stmt::Var(of, flags, _) = stmt else { return None };
    let (name, value, _) = &**of;
    let makes = Piece::Expr(value).call().is_some_and(|call| {
        subject.functions.is_builtin(call) && BUILTINS.iter().any(|one| one.name == call.name() && one.is_fault())
    });
    let kept = makes && !name.name.starts_with('_') && !flags.contains(ASTFlags::EXPORTED);
    kept.then(|| (name, flags.contains(ASTFlags::CONSTANT)))
}

/// Whether one of these statements reads a variable. What `f!()` calls sees all of them.
fn is_read(statements: &[Stmt], name: &str) -> bool {
    statements.iter().any(|stmt| match stmt {
        Stmt::Assignment(of) if is_variable(&of.1.lhs, name) && !of.0.is_op_assignment() => {
            reads(Piece::Expr(&of.1.rhs), name)
        }
        Stmt::Export(of, _) => of.0.name == name,
        stmt => reads(Piece::Stmt(stmt), name),
    })
}

fn reads(piece: Piece<'_>, name: &str) -> bool {
    piece.any(|piece| match piece {
        Piece::Expr(expr) if is_variable(expr, name) => true,
        _ => piece.call().is_some_and(|call| call.expr.capture_parent_scope),
    })
}

fn is_variable(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Variable(of, ..) if of.1 == name)
}

/// Functions see the body's constants as `global::NAME`.
fn is_read_as_global(subject: &Subject<'_>, name: &str) -> bool {
    subject.units.iter().any(|unit| unit.any(|piece| matches!(piece, Piece::Expr(expr) if is_variable(expr, name))))
}
