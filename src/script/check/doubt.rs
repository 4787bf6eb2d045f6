//! What certainly runs. Only there a mistake is an error; elsewhere the script may never come to it, or may know better.
//!
//! The parts run (of a module its body), with what they call and the closures that they hand to functions of ours. In
//! doubt is what stands under a condition, in a `try`, or after a statement that may leave early.

use super::Unit;
use super::closures::handed_over;
use super::functions::Functions;
use super::walk::{Call, Piece};
use rhai::{Expr, FnCallExpr, Stmt, Token};
use std::collections::BTreeSet;

type See<'a, 's> = &'s mut dyn FnMut(Piece<'a>, bool);

/// What is in doubt.
pub(super) struct Doubt<'a> {
    /// The functions and closures that may call `exit()`.
    exits: BTreeSet<&'a str>,
    /// For each unit, in their order, whether it certainly runs.
    certain: Vec<bool>,
}

impl<'a> Doubt<'a> {
    /// `is_run` tells which units run, whatever calls them.
    pub(super) fn new(units: &[Unit<'a>], functions: &Functions<'_>, is_run: fn(&Unit<'_>) -> bool) -> Self {
        let mut doubt = Self { exits: exits(units), certain: units.iter().map(is_run).collect() };
        let mut open: Vec<usize> = (0..units.len()).filter(|at| doubt.certain[*at]).collect();
        while let Some(at) = open.pop() {
            let mut reached = BTreeSet::new();
            doubt.each(at, &units[at], &mut |piece, doubtful| {
                reached.extend(piece.call().filter(|_| !doubtful).and_then(|call| runs(units, functions, call)));
            });
            for at in reached {
                if !std::mem::replace(&mut doubt.certain[at], true) {
                    open.push(at);
                }
            }
        }
        doubt
    }

    /// Visits all of a unit, told whether it may never come to run.
    pub(super) fn each(&self, at: usize, unit: &Unit<'a>, see: See<'a, '_>) {
        self.block(unit.statements, !self.certain[at], see);
    }

    fn block(&self, statements: impl IntoIterator<Item = &'a Stmt>, mut doubtful: bool, see: See<'a, '_>) {
        for stmt in statements {
            self.piece(Piece::Stmt(stmt), doubtful, see);
            doubtful = doubtful || self.may_leave(Piece::Stmt(stmt), false);
        }
    }

    fn piece(&self, piece: Piece<'a>, doubtful: bool, see: See<'a, '_>) {
        see(piece, doubtful);
        match piece {
            Piece::Stmt(Stmt::TryCatch(flow, _)) => {
                self.block(&flow.body, true, see);
                self.block(&flow.branch, true, see);
            }
            Piece::Stmt(Stmt::If(flow, _) | Stmt::While(flow, _)) => {
                self.piece(Piece::Expr(&flow.expr), doubtful, see);
                self.block(&flow.body, doubtful || !always(&flow.expr), see);
                self.block(&flow.branch, true, see);
            }
            Piece::Stmt(Stmt::Do(flow, ..)) => {
                self.block(&flow.body, doubtful, see);
                let leaves = flow.body.iter().any(|stmt| self.may_leave(Piece::Stmt(stmt), false));
                self.piece(Piece::Expr(&flow.expr), doubtful || leaves, see);
            }
            Piece::Stmt(Stmt::For(of, _)) => {
                self.piece(Piece::Expr(&of.2.expr), doubtful, see);
                self.block(&of.2.body, doubtful || !has_items(&of.2.expr), see);
            }
            Piece::Stmt(Stmt::Switch(of, _)) => {
                self.piece(Piece::Expr(&of.0), doubtful, see);
                for case in &of.1.expressions {
                    self.piece(Piece::Expr(&case.lhs), true, see);
                    self.piece(Piece::Expr(&case.rhs), true, see);
                }
            }
            Piece::Stmt(Stmt::Block(of)) | Piece::Expr(Expr::Stmt(of)) => self.block(of.iter(), doubtful, see),
            Piece::Expr(Expr::And(all, _) | Expr::Or(all, _) | Expr::Coalesce(all, _)) => {
                // The first decides about the others.
                let parts = all.iter().enumerate();
                parts.for_each(|(at, part)| self.piece(Piece::Expr(part), doubtful || at > 0, see));
            }
            _ => piece.parts(&mut |part| self.piece(part, doubtful, see)),
        }
    }

    /// Whether what follows in its block may not run because of it.
    fn may_leave(&self, piece: Piece<'a>, in_loop: bool) -> bool {
        let in_loop = match piece {
            Piece::Stmt(Stmt::Return(..)) => return true,
            Piece::Stmt(Stmt::BreakLoop(..)) if !in_loop => return true,
            Piece::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..)) => true,
            _ => in_loop,
        };
        let ends = |name: &str| ["exit", "fail"].contains(&name) || self.exits.contains(name);
        let mut leaves =
            piece.call().is_some_and(|call| ends(call.name())) || piece.closure().is_some_and(|name| ends(&name));
        piece.parts(&mut |part| leaves = leaves || self.may_leave(part, in_loop));
        leaves
    }
}

/// The function of the script that a call certainly runs, or the closure that it hands over.
fn runs(units: &[Unit<'_>], functions: &Functions<'_>, call: Call<'_>) -> Option<usize> {
    let closure = handed_over(functions, call);
    let parameters = call.expr.args.len();
    let is_meant = |unit: &Unit<'_>| match &closure {
        Some(closure) => unit.name == Some(closure),
        None => unit.name == Some(call.name()) && unit.params.len() == parameters,
    };
    // Of several, which one depends on the value before the dot; of a map it may be none.
    let mut meant = (0..units.len()).filter(|at| is_meant(&units[*at]));
    let found = meant.next().filter(|_| call.module().is_none() && meant.next().is_none());
    found.filter(|_| !call.method || !functions.may_be_key(call.name()))
}

/// The functions that end the part that they are called in, themselves or by what they call.
fn exits<'a>(units: &[Unit<'a>]) -> BTreeSet<&'a str> {
    let mut exits = BTreeSet::new();
    loop {
        let ends = |name: &str| name == "exit" || exits.contains(name);
        let leaves = |piece: Piece<'a>| {
            piece.call().is_some_and(|call| ends(call.name())) || piece.closure().is_some_and(|name| ends(&name))
        };
        let more: BTreeSet<&str> = units.iter().filter(|unit| unit.any(leaves)).filter_map(|unit| unit.name).collect();
        if more == exits {
            return exits;
        }
        exits = more;
    }
}

/// A condition that needs no looking at: `true`, or that of `loop`.
fn always(condition: &Expr) -> bool {
    matches!(condition, Expr::Unit(_) | Expr::BoolConstant(true, _))
}

/// Whether a loop over it turns at least once.
fn has_items(list: &Expr) -> bool {
    match list {
        Expr::Array(items, _) => !items.is_empty(),
        Expr::FnCall(range, _) => is_filled_range(range),
        _ => false,
    }
}

/// `0..3`, in numbers.
fn is_filled_range(range: &FnCallExpr) -> bool {
    let [Expr::IntegerConstant(from, _), Expr::IntegerConstant(to, _)] = &*range.args else { return false };
    match range.op_token {
        Some(Token::ExclusiveRange) => from < to,
        Some(Token::InclusiveRange) => from <= to,
        _ => false,
    }
}
