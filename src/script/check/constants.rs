//! Constants whose value is written out: what an argument says where it is one of them. Only what is declared once is
//! taken for what it says, so that no other variable of the name is meant.

use super::closures::captures;
use super::walk::Piece;
use super::{Subject, Unit};
use rhai::{ASTFlags, Expr, ImmutableString, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// The constants of a text.
pub(super) struct Constants<'a> {
    /// Of each unit, in their order.
    units: Vec<BTreeMap<&'a str, &'a Expr>>,
    /// What each closure captures, and of which unit; none where it is written in several.
    closures: BTreeMap<&'a str, Option<(usize, &'a [ImmutableString])>>,
}

impl<'a> Constants<'a> {
    pub(super) fn of(subject: &Subject<'a>) -> Self {
        let mut closures = BTreeMap::new();
        for (at, unit) in subject.units.iter().enumerate() {
            for (closure, captured) in captures(unit) {
                let Some(inner) = subject.unit(&closure) else { continue };
                let (Some(name), params) = (inner.name, inner.params) else { continue };
                let seen = closures.insert(name, Some((at, &params[..captured.min(params.len())])));
                if seen.is_some_and(|seen| seen.is_none_or(|(other, _)| other != at)) {
                    closures.insert(name, None);
                }
            }
        }
        Self { units: subject.units.iter().map(declared).collect(), closures }
    }

    /// What the constant holds that an expression in a unit reads, if it is one.
    pub(super) fn read(&self, subject: &Subject<'a>, unit: usize, expr: &'a Expr) -> Option<&'a Expr> {
        let Expr::Variable(of, ..) = expr else { return None };
        match of.2.path.as_slice() {
            [] => self.value(subject, unit, &of.1),
            [space] if space.name == "global" => self.units[0].get(of.1.as_str()).copied(),
            _ => None,
        }
    }

    fn value(&self, subject: &Subject<'a>, unit: usize, name: &str) -> Option<&'a Expr> {
        if let Some(value) = self.units[unit].get(name) {
            return Some(value);
        }
        let (outer, captured) = self.closures.get(subject.units[unit].name?).copied()??;
        let is_meant = captured.iter().any(|one| one == name) && !names(&subject.units[unit]).contains_key(name);
        is_meant.then(|| self.value(subject, outer, name)).flatten()
    }
}

/// The constants that a unit declares outside of all its blocks, by names that nothing else in it has.
fn declared<'a>(unit: &Unit<'a>) -> BTreeMap<&'a str, &'a Expr> {
    let names = names(unit);
    let taken: BTreeSet<&str> = unit.params.iter().map(ImmutableString::as_str).collect();
    let constants = unit.statements.iter().filter_map(|stmt| match stmt {
        Stmt::Var(of, flags, _) if flags.contains(ASTFlags::CONSTANT) => Some((of.0.name.as_str(), &of.1)),
        _ => None,
    });
    constants.filter(|(name, _)| names.get(name) == Some(&1) && !taken.contains(name)).collect()
}

/// The variables that a unit declares anywhere, each with how often.
fn names<'a>(unit: &Unit<'a>) -> BTreeMap<&'a str, usize> {
    let mut names = BTreeMap::new();
    let mut add = |name: &'a str| *names.entry(name).or_default() += 1;
    unit.pieces().for_each(|piece| {
        piece.each(&mut |piece| match piece {
            Piece::Stmt(Stmt::Var(of, ..)) => add(&of.0.name),
            Piece::Stmt(Stmt::For(of, _)) => {
                add(&of.0.name);
                of.1.iter().for_each(|counter| add(&counter.name));
            }
            Piece::Stmt(Stmt::TryCatch(flow, _)) => {
                if let Expr::Variable(of, ..) = &flow.expr {
                    add(&of.1);
                }
            }
            _ => {}
        });
    });
    names
}
