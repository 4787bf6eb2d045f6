//! Loops of clients that never wait. Tasks hand over only where they wait: such a loop keeps all others from running,
//! and no time passes while it runs.

use super::ends::{is_endless, may_break};
use super::functions::Functions;
use super::walk::{Call, Piece};
use super::{Subject, Unit};
use crate::diagnostic::Diagnostic;
use crate::script::table::BUILTINS;
use rhai::{Expr, Position, Stmt};
use std::collections::BTreeSet;

/// Our functions that answer at once; all others of ours hand something in and wait for the reply.
const AT_ONCE: [&str; 33] = [
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
        (true, true) => Some(told(subject, position, "this loop never waits").warning()),
        (false, _) => asks_others(&flow.expr)
            .then(|| told(subject, position, "this loop never waits for what its condition asks").warning()),
    }
}

fn told(subject: &Subject<'_>, position: Position, message: &str) -> Diagnostic {
    let help = "while a client computes no other runs and no time passes: sleep(), or do an operation that waits";
    subject.diagnostic(position, message).help(help)
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
        piece.call().is_some_and(|call| call_waits(subject, call, seen))
    })
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
    let is_ours = BUILTINS.iter().any(|builtin| builtin.name == name);
    (is_ours && !AT_ONCE.contains(&name)) || !Functions::is_native(name)
}

fn function_waits(subject: &Subject<'_>, name: &str, seen: &mut BTreeSet<String>) -> bool {
    if !seen.insert(name.to_owned()) {
        return false;
    }
    let units = subject.units.iter().filter(|unit| unit.name == Some(name));
    units.flat_map(Unit::pieces).any(|piece| waits(subject, piece, seen))
}
