//! Keys of maps under which functions may be stored: what is called like a method may be one of those. A map goes from
//! text to text, so that the keys of all texts of a program count in each of them.

use super::Unit;
use super::walk::{Call, Piece};
use rhai::{Expr, Stmt};
use std::collections::BTreeSet;

/// What can be called like a method beside functions.
#[derive(Default)]
pub(super) struct Keys<'a> {
    /// Keys that the texts name.
    named: BTreeSet<&'a str>,
    /// Whether they make keys that they do not name, or import what nobody can look into.
    unseen: bool,
}

impl<'a> Keys<'a> {
    /// Those of one more text. `knows` tells whether the module of a name can be looked into.
    pub(super) fn learn(&mut self, units: &[Unit<'a>], knows: impl Fn(&str) -> bool) {
        for unit in units {
            unit.pieces().for_each(|piece| piece.each(&mut |piece| self.add(piece, &knows)));
        }
    }

    fn add(&mut self, piece: Piece<'a>, knows: &impl Fn(&str) -> bool) {
        match piece {
            Piece::Stmt(Stmt::Import(..)) => {
                self.unseen |= !piece.import().is_some_and(|(name, _)| knows(name));
            }
            Piece::Stmt(Stmt::Assignment(of)) => {
                self.unseen |= is_made_key(&of.1.lhs) && may_hold_functions(&of.1.rhs);
            }
            Piece::Expr(Expr::Map(of, _)) => self.named.extend(of.0.iter().map(|(key, _)| key.name.as_str())),
            Piece::Expr(Expr::Property(of, _)) => drop(self.named.insert(of.2.as_str())),
            Piece::Expr(Expr::StringConstant(text, _)) => drop(self.named.insert(text.as_str())),
            _ => {
                let sets =
                    |call: Call<'a>| call.name() == "set" && !call.expr.args.first().is_some_and(Expr::is_constant);
                self.unseen |= piece.call().is_some_and(sets);
            }
        }
    }

    /// Whether a value stored under a key could be what is called like a method.
    pub(super) fn has(&self, name: &str) -> bool {
        self.named.contains(name)
    }

    /// Whether a method that nobody knows may be in a map all the same.
    pub(super) fn may_be_unseen(&self) -> bool {
        self.unseen
    }
}

/// Whether a value may be a function, or have one in it.
fn may_hold_functions(value: &Expr) -> bool {
    !value.is_constant() || Piece::Expr(value).any(|piece| piece.closure().is_some())
}

/// `map[key] = …`: under a name that is not written there.
fn is_made_key(target: &Expr) -> bool {
    match target {
        Expr::Index(of, ..) => !of.rhs.is_constant() || is_made_key(&of.lhs) || is_made_key(&of.rhs),
        Expr::Dot(of, ..) => is_made_key(&of.lhs) || is_made_key(&of.rhs),
        _ => false,
    }
}
