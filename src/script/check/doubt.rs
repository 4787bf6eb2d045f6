//! What certainly runs. Only there a mistake is an error; elsewhere the script may never come to it, or may know better.
//!
//! The script's parts run, with what they call, also of modules, the bodies of the modules that they import, and the
//! closures that they hand to functions of ours. In doubt is what stands under a condition, in a `try`, or after a
//! statement that may leave early.

use super::closures::handed_over;
use super::walk::{Call, Piece};
use super::{Subject, Unit, is_part};
use rhai::{Expr, FnCallExpr, Stmt, Token};
use std::collections::BTreeSet;

type See<'a, 's> = &'s mut dyn FnMut(Piece<'a>, bool);

/// The functions and closures that may call `exit()`: the module that they are called of, empty for the text's own, and
/// the name.
type Exits<'a> = BTreeSet<(&'a str, &'a str)>;

/// What is in doubt in a text.
#[derive(Default)]
pub(super) struct Doubt<'a> {
    exits: Exits<'a>,
    /// For each unit, in their order, whether it certainly runs.
    certain: Vec<bool>,
}

/// Finds out what is in doubt, in all texts of a program together.
pub(super) fn settle(subjects: &mut [Subject<'_>]) {
    let exits = exits(subjects);
    for (subject, exits) in subjects.iter_mut().zip(exits) {
        subject.doubt = Doubt { exits, certain: vec![false; subject.units.len()] };
    }
    let Some(script) = subjects.first() else { return };
    let mut open: Vec<(usize, usize)> = Vec::new();
    open.extend((0..script.units.len()).filter(|at| is_part(&script.units[*at])).map(|at| (0, at)));
    while let Some((text, unit)) = open.pop() {
        if !std::mem::replace(&mut subjects[text].doubt.certain[unit], true) {
            open.extend(reached(subjects, text, unit));
        }
    }
}

/// What a unit certainly runs: of which texts which units.
fn reached(subjects: &[Subject<'_>], text: usize, unit: usize) -> BTreeSet<(usize, usize)> {
    let (subject, mut reached) = (&subjects[text], BTreeSet::new());
    subject.doubt.each(unit, &subject.units[unit], &mut |piece, doubtful| {
        reached.extend(Some(piece).filter(|_| !doubtful).and_then(|piece| runs(subjects, text, piece)));
    });
    reached
}

impl<'a> Doubt<'a> {
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
        let fails = piece.call().is_some_and(|call| call.name() == "fail");
        let mut leaves = fails || may_exit(piece, &self.exits);
        piece.parts(&mut |part| leaves = leaves || self.may_leave(part, in_loop));
        leaves
    }
}

/// What a piece certainly runs: the body of a module, the function that it calls, or the closure that it hands over.
fn runs(subjects: &[Subject<'_>], text: usize, piece: Piece<'_>) -> Option<(usize, usize)> {
    let subject = &subjects[text];
    if let Some(module) = subject.imported(piece) {
        return Some((module, 0));
    }
    let call = piece.call()?;
    if let Some(closure) = handed_over(&subject.functions, call) {
        return only(&subject.units, |unit| unit.name == Some(&closure)).map(|unit| (text, unit));
    }
    // What stands under a key of a map may be meant.
    if call.method && subject.functions.may_be_key(call.name()) {
        return None;
    }
    let home = owner(subject, text, call)?;
    let is_meant = |unit: &Unit<'_>| unit.name == Some(call.name()) && unit.params.len() == call.expr.args.len();
    only(&subjects[home].units, is_meant).map(|unit| (home, unit))
}

/// The text that has the function that is called, or would have it.
fn owner(subject: &Subject<'_>, text: usize, call: Call<'_>) -> Option<usize> {
    match call.module() {
        None => Some(text),
        Some(alias) if call.expr.namespace.path.len() == 1 => subject.modules.get(alias).copied(),
        Some(_) => None,
    }
}

/// The unit that is meant. Of several, which one depends on the value before the dot.
fn only(units: &[Unit<'_>], is_meant: impl Fn(&Unit<'_>) -> bool) -> Option<usize> {
    let mut meant = (0..units.len()).filter(|at| is_meant(&units[*at]));
    meant.next().filter(|_| meant.next().is_none())
}

/// The functions of each text that end the part that they are called in, themselves or by what they call.
fn exits<'a>(subjects: &[Subject<'a>]) -> Vec<Exits<'a>> {
    let mut known = vec![Exits::new(); subjects.len()];
    loop {
        let more: Vec<Exits<'a>> =
            subjects.iter().enumerate().map(|(at, subject)| exits_of(subject, &known[at], &known)).collect();
        if more == known {
            return known;
        }
        known = more;
    }
}

/// Those that a text can call, as far as they follow from what is known of it and of all.
fn exits_of<'a>(subject: &Subject<'a>, known: &Exits<'a>, all: &[Exits<'a>]) -> Exits<'a> {
    let leaves = subject.units.iter().filter(|unit| unit.any(|piece| may_exit(piece, known)));
    let own = leaves.filter_map(|unit| Some(("", unit.name?)));
    let of_modules = subject.modules.iter().flat_map(|(alias, module)| {
        let theirs = all[*module].iter().filter(|(of, _)| of.is_empty());
        theirs.map(|(_, name)| (*alias, *name))
    });
    own.chain(of_modules).collect()
}

fn may_exit(piece: Piece<'_>, exits: &Exits<'_>) -> bool {
    let ends = |module: &str, name: &str| name == "exit" || exits.contains(&(module, name));
    piece.call().is_some_and(|call| ends(call.module().unwrap_or_default(), call.name()))
        || piece.closure().is_some_and(|name| ends("", &name))
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
