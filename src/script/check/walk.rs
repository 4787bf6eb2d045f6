//! The way through Rhai's syntax tree: what a piece of a script consists of, in the order in which it is written.
//!
//! Rhai's own walk leaves out values of `break`, and visits the cases of a `switch` in the order of their hashes.

use rhai::{Expr, FnCallExpr, FnPtr, Position, Stmt};

/// A statement or an expression.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    Stmt(&'a Stmt),
    Expr(&'a Expr),
}

/// A call of a function, however it is written.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) expr: &'a FnCallExpr,
    pub(super) position: Position,
    /// Whether it stands behind a dot; what stands before it is then one more argument.
    pub(super) method: bool,
}

impl<'a> Call<'a> {
    pub(super) fn name(self) -> &'a str {
        self.expr.name.as_str()
    }

    /// Of `a::b::f()`: `a`.
    pub(super) fn module(self) -> Option<&'a str> {
        self.expr.namespace.path.first().map(|ident| ident.name.as_str())
    }

    /// Operators are calls too, of functions that nobody names; so is what makes a closure of what it captures.
    pub(super) fn is_named(self) -> bool {
        self.expr.op_token.is_none() && self.name().starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

impl<'a> Piece<'a> {
    /// The call that it is, if it is one.
    pub(super) fn call(self) -> Option<Call<'a>> {
        let (expr, position, method) = match self {
            Self::Stmt(Stmt::FnCall(call, position)) | Self::Expr(Expr::FnCall(call, position)) => {
                (call, *position, false)
            }
            Self::Expr(Expr::MethodCall(call, position)) => (call, *position, true),
            _ => return None,
        };
        Some(Call { expr, position, method })
    }

    /// The name of the module that it imports, where that is written as text.
    pub(super) fn import(self) -> Option<(&'a str, Position)> {
        match self {
            Self::Stmt(Stmt::Import(of, _)) => match &of.0 {
                Expr::StringConstant(name, position) => Some((name.as_str(), *position)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The name of the closure that it is, if it is one: `anon$…`, as which its body is defined.
    pub(super) fn closure(self) -> Option<String> {
        let Self::Expr(Expr::DynamicConstant(value, _)) = self else { return None };
        value.read_lock::<FnPtr>().map(|pointer| pointer.fn_name().to_owned())
    }

    /// Visits its parts, not the parts of those.
    pub(super) fn parts(self, see: &mut dyn FnMut(Piece<'a>)) {
        match self {
            Self::Stmt(stmt) => parts_of_stmt(stmt, see),
            Self::Expr(expr) => parts_of_expr(expr, see),
        }
    }

    /// Visits it and all that is in it; bodies of closures are functions of their own.
    pub(super) fn each(self, see: &mut dyn FnMut(Piece<'a>)) {
        see(self);
        self.parts(&mut |part| part.each(see));
    }

    /// Whether something in it, or it itself, is such a piece.
    pub(super) fn any(self, mut wanted: impl FnMut(Piece<'a>) -> bool) -> bool {
        let mut found = false;
        self.each(&mut |piece| found = found || wanted(piece));
        found
    }
}

fn block<'a>(statements: impl IntoIterator<Item = &'a Stmt>, see: &mut dyn FnMut(Piece<'a>)) {
    statements.into_iter().for_each(|stmt| see(Piece::Stmt(stmt)));
}

fn parts_of_stmt<'a>(stmt: &'a Stmt, see: &mut dyn FnMut(Piece<'a>)) {
    match stmt {
        Stmt::If(flow, _) | Stmt::While(flow, _) => {
            see(Piece::Expr(&flow.expr));
            block(&flow.body, see);
            block(&flow.branch, see);
        }
        Stmt::Do(flow, ..) => {
            block(&flow.body, see);
            see(Piece::Expr(&flow.expr));
        }
        // What `catch` names its error is an expression here.
        Stmt::TryCatch(flow, _) => {
            block(&flow.body, see);
            block(&flow.branch, see);
        }
        Stmt::For(of, _) => {
            see(Piece::Expr(&of.2.expr));
            block(&of.2.body, see);
        }
        Stmt::Switch(of, _) => {
            see(Piece::Expr(&of.0));
            for case in &of.1.expressions {
                see(Piece::Expr(&case.lhs));
                see(Piece::Expr(&case.rhs));
            }
        }
        Stmt::Var(of, ..) => see(Piece::Expr(&of.1)),
        Stmt::Assignment(of) => {
            see(Piece::Expr(&of.1.lhs));
            see(Piece::Expr(&of.1.rhs));
        }
        Stmt::FnCall(call, _) => call.args.iter().for_each(|argument| see(Piece::Expr(argument))),
        Stmt::Block(of) => block(of.iter(), see),
        Stmt::Expr(expr) | Stmt::Return(Some(expr), ..) | Stmt::BreakLoop(Some(expr), ..) => see(Piece::Expr(expr)),
        Stmt::Import(of, _) => see(Piece::Expr(&of.0)),
        _ => {}
    }
}

fn parts_of_expr<'a>(expr: &'a Expr, see: &mut dyn FnMut(Piece<'a>)) {
    let mut all = |parts: &'a [Expr]| parts.iter().for_each(|part| see(Piece::Expr(part)));
    match expr {
        Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => all(parts),
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => all(parts),
        Expr::FnCall(call, _) | Expr::MethodCall(call, _) => all(&call.args),
        Expr::Map(of, _) => of.0.iter().for_each(|(_, value)| see(Piece::Expr(value))),
        Expr::Dot(of, ..) | Expr::Index(of, ..) => {
            see(Piece::Expr(&of.lhs));
            see(Piece::Expr(&of.rhs));
        }
        Expr::Stmt(of) => block(of.iter(), see),
        _ => {}
    }
}
