//! Names of nodes that the cluster does not have, where they are written as text: arguments of our functions, lists of
//! them, groups of a partition, globs that nothing matches.

use super::Subject;
use super::walk::{Call, Piece};
use crate::cluster::select;
use crate::diagnostic::Diagnostic;
use crate::script::table::{BUILTINS, Builtin};
use rhai::{Expr, Position};

/// What an argument of one of our functions names. What the table calls it says which.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Nodes; the world is none.
    Nodes,
    /// Ends of links: nodes, or the world.
    Ends,
}

fn wanted(parameter: &str) -> Option<Wanted> {
    match parameter {
        "node" | "nodes" | "groups" | "glob" => Some(Wanted::Nodes),
        "a" | "b" | "source" | "target" | "links" => Some(Wanted::Ends),
        _ => None,
    }
}

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let Some(nodes) = subject.nodes else { return };
    subject.each(|piece, doubtful| {
        let is_ours = |(call, _): &(Call<'_>, Vec<&Expr>)| call.is_named() && subject.functions.is_builtin(*call);
        let Some((call, arguments)) = called(piece).filter(is_ours) else { return };
        for (argument, wanted) in node_arguments(call, &arguments) {
            names(argument, &mut |name, position| {
                let wrong = wrong(subject, nodes, wanted, name, position);
                found.extend(wrong.map(|wrong| if doubtful { wrong.warning() } else { wrong }));
            });
        }
    });
}

/// Calls with their arguments: `isolate("n1")`, and `"n1".isolate()` with what stands before the dot.
fn called(piece: Piece<'_>) -> Option<(Call<'_>, Vec<&Expr>)> {
    if let Piece::Expr(Expr::Dot(of, ..)) = piece {
        let first = match &of.rhs {
            Expr::Dot(rest, ..) => &rest.lhs,
            method => method,
        };
        let call = Piece::Expr(first).call()?;
        return Some((call, std::iter::once(&of.lhs).chain(&call.expr.args).collect()));
    }
    let call = piece.call().filter(|call| !call.method)?;
    Some((call, call.expr.args.iter().collect()))
}

fn node_arguments<'a>(call: Call<'_>, arguments: &[&'a Expr]) -> Vec<(&'a Expr, Wanted)> {
    let form = BUILTINS.iter().find(|form| form.name == call.name() && form.parameters().count() == arguments.len());
    let parameters = form.into_iter().flat_map(Builtin::parameters);
    parameters.zip(arguments).filter_map(|(parameter, argument)| Some((*argument, wanted(parameter)?))).collect()
}

/// The names that an argument spells out.
fn names<'a>(argument: &'a Expr, see: &mut dyn FnMut(&'a str, Position)) {
    match argument {
        Expr::StringConstant(name, position) => see(name, *position),
        Expr::Array(items, _) => items.iter().for_each(|item| names(item, see)),
        _ => {}
    }
}

fn wrong(
    subject: &Subject<'_>,
    nodes: &[String],
    wanted: Wanted,
    name: &str,
    position: Position,
) -> Option<Diagnostic> {
    if name == "world" {
        const MESSAGE: &str = "`world` is no node: it can be an end of a link, not a member of a group";
        return (wanted == Wanted::Nodes).then(|| at_text(subject, position, name, MESSAGE));
    }
    let error = select(nodes.iter().map(String::as_str), name).err()?;
    let mut wrong = at_text(subject, position, name, &error.message);
    wrong.help = error.help;
    Some(wrong)
}

/// At all of a text, quotes included, where it is written as it is.
fn at_text(subject: &Subject<'_>, position: Position, text: &str, message: &str) -> Diagnostic {
    let mut wrong = subject.diagnostic(position, message);
    let start = wrong.span.start;
    if subject.source.text.get(start + 1..).is_some_and(|rest| rest.starts_with(text)) {
        wrong.span.end = start + text.len() + 2;
    }
    wrong
}
