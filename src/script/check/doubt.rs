//! Where an error may never come to light: in a `try`, and where the script asks first what there is.
//!
//! What is called from such a place is in doubt as well.

use super::Unit;
use super::walk::Piece;
use rhai::{ASTFlags, Expr, Stmt, StmtBlock};
use std::collections::BTreeSet;

/// What a script asks with, before it does what does not work everywhere.
const ASKING: [&str; 5] = ["nodes", "param", "is_def_fn", "is_def_var", "status"];

/// What is in doubt.
pub(super) struct Doubt<'a> {
    /// Variables and functions whose value tells what there is.
    telling: BTreeSet<&'a str>,
    /// Functions and closures that are called where an error may never show.
    functions: BTreeSet<String>,
}

impl<'a> Doubt<'a> {
    pub(super) fn new(units: &[Unit<'a>]) -> Self {
        let mut doubt = Self { telling: telling(units), functions: BTreeSet::new() };
        loop {
            let mut reached = BTreeSet::new();
            for unit in units {
                doubt.each(unit, &mut |piece, doubtful| {
                    if doubtful {
                        reached.extend(piece.closure());
                        reached.extend(piece.call().map(|call| call.name().to_owned()));
                    }
                });
            }
            if reached == doubt.functions {
                return doubt;
            }
            doubt.functions = reached;
        }
    }

    /// Visits all of a unit, told whether an error there may never show.
    pub(super) fn each(&self, unit: &Unit<'a>, see: &mut dyn FnMut(Piece<'a>, bool)) {
        let doubtful = unit.name.is_some_and(|name| self.functions.contains(name));
        self.block(unit.statements, doubtful, see);
    }

    fn block(&self, statements: &'a [Stmt], mut doubtful: bool, see: &mut dyn FnMut(Piece<'a>, bool)) {
        for stmt in statements {
            self.piece(Piece::Stmt(stmt), doubtful, see);
            doubtful = doubtful || self.may_leave(stmt);
        }
    }

    fn piece(&self, piece: Piece<'a>, doubtful: bool, see: &mut dyn FnMut(Piece<'a>, bool)) {
        see(piece, doubtful);
        let branch = |block: &'a StmtBlock, asked: bool, see: &mut dyn FnMut(Piece<'a>, bool)| {
            self.block(block.statements(), doubtful || asked, see);
        };
        match piece {
            Piece::Stmt(Stmt::TryCatch(flow, _)) => {
                branch(&flow.body, true, see);
                branch(&flow.branch, false, see);
            }
            Piece::Stmt(Stmt::If(flow, _) | Stmt::While(flow, _)) => {
                let asked = self.asks(&flow.expr);
                self.piece(Piece::Expr(&flow.expr), doubtful, see);
                branch(&flow.body, asked, see);
                branch(&flow.branch, asked, see);
            }
            Piece::Stmt(Stmt::Switch(of, _)) => {
                let asked = self.asks(&of.0);
                self.piece(Piece::Expr(&of.0), doubtful, see);
                for case in &of.1.expressions {
                    self.piece(Piece::Expr(&case.lhs), doubtful || asked, see);
                    self.piece(Piece::Expr(&case.rhs), doubtful || asked || self.asks(&case.lhs), see);
                }
            }
            Piece::Stmt(Stmt::Block(of)) | Piece::Expr(Expr::Stmt(of)) => branch(of, false, see),
            Piece::Stmt(Stmt::For(of, _)) => {
                self.piece(Piece::Expr(&of.2.expr), doubtful, see);
                branch(&of.2.body, false, see);
            }
            Piece::Expr(Expr::And(all, _) | Expr::Or(all, _)) => {
                let mut asked = doubtful;
                for one in all.iter() {
                    self.piece(Piece::Expr(one), asked, see);
                    asked = asked || self.asks(one);
                }
            }
            _ => piece.parts(&mut |part| self.piece(part, doubtful, see)),
        }
    }

    /// Whether a condition asks what there is.
    fn asks(&self, condition: &'a Expr) -> bool {
        Piece::Expr(condition).any(|piece| is_telling(piece, &self.telling))
    }

    /// `if !nodes().contains("n4") { return; }`: what follows is done only where there is such a node.
    fn may_leave(&self, stmt: &'a Stmt) -> bool {
        let Stmt::If(flow, _) = stmt else { return false };
        let leaves = |piece: Piece<'a>| matches!(piece, Piece::Stmt(Stmt::Return(..) | Stmt::BreakLoop(..)));
        self.asks(&flow.expr) && Piece::Stmt(stmt).any(leaves)
    }
}

fn is_telling<'a>(piece: Piece<'a>, telling: &BTreeSet<&'a str>) -> bool {
    let is_known = |name: &str| ASKING.contains(&name) || telling.contains(name);
    match piece {
        Piece::Expr(Expr::Variable(of, ..)) => telling.contains(of.1.as_str()),
        _ => piece.call().is_some_and(|call| is_known(call.name())),
    }
}

/// The variables that are set to, and the functions that return, what tells about the cluster.
fn telling<'a>(units: &[Unit<'a>]) -> BTreeSet<&'a str> {
    let mut telling = BTreeSet::new();
    for unit in units {
        let asks = unit.any(|piece| is_telling(piece, &BTreeSet::new()));
        telling.extend(unit.name.filter(|_| asks));
    }
    for piece in units.iter().flat_map(Unit::pieces) {
        piece.each(&mut |piece| {
            let (name, value) = match piece {
                Piece::Stmt(Stmt::Var(of, flags, _)) if !flags.contains(ASTFlags::EXPORTED) => (&of.0.name, &of.1),
                Piece::Stmt(Stmt::For(of, _)) => (&of.0.name, &of.2.expr),
                _ => return,
            };
            if Piece::Expr(value).any(|part| is_telling(part, &telling)) {
                telling.insert(name.as_str());
            }
        });
    }
    telling
}
