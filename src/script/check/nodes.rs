//! Names of nodes that the cluster does not have, where they are written as text: arguments of our functions, lists of
//! them, groups of a partition, globs that nothing matches, constants that hold such a text.

use super::Subject;
use super::constants::Constants;
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

/// Fields of maps that name some: of which function and which of its arguments.
const FIELDS: [(&str, &str, &str, Wanted); 2] =
    [("http", "request", "from", Wanted::Ends), ("workload", "options", "node", Wanted::Nodes)];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let Some(nodes) = subject.nodes else { return };
    let constants = Constants::of(subject);
    for (at, unit) in subject.units.iter().enumerate() {
        subject.doubt.each(at, unit, &mut |piece, doubtful| {
            let is_ours = |(call, _): &(Call<'_>, Vec<&Expr>)| call.is_named() && subject.functions.is_builtin(*call);
            let Some((call, arguments)) = called(piece).filter(is_ours) else { return };
            for (argument, wanted) in node_arguments(call, &arguments) {
                for name in names(argument, &|expr| constants.read(subject, at, expr)) {
                    let wrong = wrong(subject, nodes, wanted, &name);
                    found.extend(wrong.map(|wrong| if doubtful { wrong.warning() } else { wrong }));
                }
            }
        });
    }
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
    let named = |(parameter, argument): (&str, &&'a Expr)| match wanted(parameter) {
        Some(wanted) => Some((*argument, wanted)),
        None => field(call.name(), parameter, argument),
    };
    parameters.zip(arguments).filter_map(named).collect()
}

/// The field of a map that names some, where it is written out.
fn field<'a>(function: &str, parameter: &str, argument: &'a Expr) -> Option<(&'a Expr, Wanted)> {
    let (.., field, wanted) = FIELDS.iter().find(|(of, map, ..)| (*of, *map) == (function, parameter))?;
    let Expr::Map(fields, _) = argument else { return None };
    let (_, value) = fields.0.iter().find(|(name, _)| name.name == *field)?;
    Some((value, *wanted))
}

/// A name that an argument spells out, itself or by a constant.
struct Name<'a> {
    text: &'a str,
    position: Position,
    /// Whether it is a constant that is written there.
    is_constant: bool,
}

/// The names that an argument spells out; `constant` gives what a constant holds.
fn names<'a>(argument: &'a Expr, constant: &dyn Fn(&'a Expr) -> Option<&'a Expr>) -> Vec<Name<'a>> {
    match argument {
        Expr::StringConstant(text, position) => vec![Name { text, position: *position, is_constant: false }],
        Expr::Array(items, _) => items.iter().flat_map(|item| names(item, constant)).collect(),
        _ => {
            let Some(value) = constant(argument) else { return Vec::new() };
            let position = argument.position();
            names(value, &|_| None).into_iter().map(|name| Name { position, is_constant: true, ..name }).collect()
        }
    }
}

fn wrong(subject: &Subject<'_>, nodes: &[String], wanted: Wanted, name: &Name<'_>) -> Option<Diagnostic> {
    if name.text == "world" {
        const MESSAGE: &str = "`world` is no node: it can be an end of a link, not a member of a group";
        return (wanted == Wanted::Nodes).then(|| at_name(subject, name, MESSAGE));
    }
    let error = select(nodes.iter().map(String::as_str), name.text).err()?;
    let mut wrong = at_name(subject, name, &error.message);
    wrong.help = error.help;
    Some(wrong)
}

/// At all of a text, quotes included, where it is written as it is; at the constant, where that holds it.
fn at_name(subject: &Subject<'_>, name: &Name<'_>, message: &str) -> Diagnostic {
    let mut wrong = subject.diagnostic(name.position, message);
    if name.is_constant {
        return wrong.label(format!("it holds {:?}", name.text));
    }
    let start = wrong.span.start;
    if subject.source.text.get(start + 1..).is_some_and(|rest| rest.starts_with(name.text)) {
        wrong.span.end = start + name.text.len() + 2;
    }
    wrong
}
