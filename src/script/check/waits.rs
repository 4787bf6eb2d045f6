//! Loops of clients that never wait. Tasks hand over only where they wait: such a loop keeps all others from running,
//! and no time passes while it runs.

use super::closures::is_closure;
use super::ends::{is_endless, may_break};
use super::functions::Functions;
use super::walk::{Call, Piece};
use super::{Subject, Unit};
use crate::diagnostic::Diagnostic;
use crate::script::table::BUILTINS;
use rhai::{Expr, Position, Stmt};
use std::collections::BTreeSet;

/// Our functions that answer at once; all others of ours hand something in and wait for the reply.
const AT_ONCE: [&str; 35] = [
    "assert",
    "chance",
    "choose",
    "definite_failure",
    "elapsed",
    "exponential",
    "fail",
    "history",
    "ip",
    "metric",
    "nodes",
    "note",
    "on",
    "op",
    "ops",
    "param",
    "random",
    "random_duration",
    "random_partition",
    "sample",
    "seed",
    "shuffle",
    "state",
    "link",
    "between",
    "from",
    "to",
    "usage_error",
    "timed_out",
    "options",
    "without_holy",
    "without_neutral",
    "seconds",
    "to_base64",
    "from_base64",
];
/// What a condition can ask for that changes only while others run.
const CHANGED_BY_OTHERS: [&str; 4] = ["elapsed", "state", "history", "ops"];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let Some(client) = subject.unit("client") else { return };
    client.pieces().for_each(|piece| {
        piece.each(&mut |piece| found.extend(wrong(subject, piece)));
    });
}

fn wrong(subject: &Subject<'_>, piece: Piece<'_>) -> Option<Diagnostic> {
    let (flow, position) = match piece {
        Piece::Stmt(Stmt::While(flow, position) | Stmt::Do(flow, _, position)) => (flow, *position),
        _ => return None,
    };
    if waits(subject, piece, &mut BTreeSet::new()) {
        return None;
    }
    let endless = matches!(piece, Piece::Stmt(Stmt::While(..))) && is_endless(&flow.expr);
    let leaves = flow.body.iter().any(may_break) || piece.any(|piece| leaves_unit(subject, piece));
    match (endless, leaves) {
        (true, false) => Some(told(subject, position, "this loop never waits and never ends")),
        (true, true) => Some(told(subject, position, "this loop never waits")),
        (false, _) => asks_others(&flow.expr)
            .then(|| told(subject, position, "this loop never waits for what its condition asks")),
    }
}

fn told(subject: &Subject<'_>, position: Position, message: &str) -> Diagnostic {
    let help = "while a client computes no other runs and no time passes: sleep(), or do an operation that waits";
    subject.diagnostic(position, message).help(help).warning()
}

/// By `return`, by an error, by what `exit` does, or by what a function of the script may do.
fn leaves_unit(subject: &Subject<'_>, piece: Piece<'_>) -> bool {
    let ends = ["fail", "exit", "assert", "definite_failure"];
    let may_end = |name: &str| ends.contains(&name) || subject.functions.is_own(name);
    matches!(piece, Piece::Stmt(Stmt::Return(..))) || piece.call().is_some_and(|call| may_end(call.name()))
}

fn asks_others(condition: &Expr) -> bool {
    let asks = |call: Call<'_>| CHANGED_BY_OTHERS.contains(&call.name());
    Piece::Expr(condition).any(|piece| piece.call().is_some_and(asks))
}

/// Whether something in it waits, or might: functions of the script and closures included.
fn waits(subject: &Subject<'_>, piece: Piece<'_>, seen: &mut BTreeSet<String>) -> bool {
    piece.any(|piece| {
        if let Some(name) = piece.closure() {
            return function_waits(subject, &name, seen);
        }
        is_looking(piece) || piece.call().is_some_and(|call| call_waits(subject, call, seen))
    })
}

/// `fault.active` asks the cluster.
fn is_looking(piece: Piece<'_>) -> bool {
    matches!(piece, Piece::Expr(Expr::Property(of, _)) if of.2 == "active")
}

fn call_waits(subject: &Subject<'_>, call: Call<'_>, seen: &mut BTreeSet<String>) -> bool {
    let name = call.name();
    if !call.is_named() || name == "curry" {
        return false;
    }
    // What a module or a value's own function does, nobody can tell from here.
    if call.module().is_some() || name == "call" || call.method && subject.functions.may_be_key(name) {
        return true;
    }
    if subject.functions.is_own(name) {
        return function_waits(subject, name, seen);
    }
    let may_call = call.expr.args.iter().any(may_be_function);
    if BUILTINS.iter().any(|builtin| builtin.name == name) {
        return !AT_ONCE.contains(&name) || name == "op" && may_call;
    }
    !Functions::is_native(name) || may_call
}

/// Whether an argument may be a function other than one that is written there.
fn may_be_function(argument: &Expr) -> bool {
    match argument {
        Expr::FnCall(call, _) => call.op_token.is_none(),
        Expr::Array(..) | Expr::Map(..) | Expr::InterpolatedString(..) | Expr::And(..) | Expr::Or(..) => false,
        _ => !argument.is_constant() && !is_closure(argument),
    }
}

fn function_waits(subject: &Subject<'_>, name: &str, seen: &mut BTreeSet<String>) -> bool {
    // Not one that is written here: of it nothing is known.
    if !subject.functions.is_own(name) {
        return true;
    }
    if !seen.insert(name.to_owned()) {
        return false;
    }
    let units = subject.units.iter().filter(|unit| unit.name == Some(name));
    units.flat_map(Unit::pieces).any(|piece| waits(subject, piece, seen))
}
