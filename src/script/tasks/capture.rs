//! Which of a closure's variables a task has for itself.
//!
//! Closures share the variables they capture with whoever else knows them, and tasks are closures. Two kinds are a
//! task's own instead: the variable of a `for` loop, since each task means the one of its own round, and handles of
//! faults, tasks and links that the script never assigns anew. For a call that waits, like `cut.heal()`, holds its
//! variable meanwhile, and another task that looked at it would find it in use.

use super::super::bind::is_handle;
use rhai::{AST, ASTNode, Expr, FnPtr, NativeCallContext, Stmt};
use std::collections::BTreeSet;

/// What a script's text says about its closures' variables.
#[derive(Debug, Default)]
pub(in crate::script) struct Captures {
    /// Closures, and the loop variables that they capture.
    rounds: BTreeSet<(String, String)>,
    /// Variables that are assigned somewhere.
    assigned: BTreeSet<String>,
}

impl Captures {
    /// Looks through a script.
    pub(in crate::script) fn of(ast: &AST) -> Self {
        let mut captures = Self::default();
        captures.add(ast);
        captures
    }

    /// Looks through what a session adds.
    pub(in crate::script) fn add(&mut self, ast: &AST) {
        ast.walk(&mut |path: &[ASTNode]| {
            self.note(path);
            true
        });
    }

    fn note(&mut self, path: &[ASTNode]) {
        if let [.., ASTNode::Stmt(Stmt::Assignment(assignment))] = path
            && let Expr::Variable(variable, ..) = &assignment.1.lhs
        {
            self.assigned.insert(variable.1.to_string());
        }
        let [outer @ .., ASTNode::Stmt(Stmt::Share(shared))] = path else { return };
        let Some(closure) = closure_of(outer) else { return };
        for (variable, _) in shared.iter().filter(|(variable, _)| is_round(outer, &variable.name)) {
            self.rounds.insert((closure.clone(), variable.name.to_string()));
        }
    }

    fn is_round(&self, closure: &str, variable: &str) -> bool {
        self.rounds.contains(&(closure.to_owned(), variable.to_owned()))
    }
}

/// The name of the closure that is made beside a statement: Rhai has `{ share x; curry(closure, x) }` for it.
fn closure_of(path: &[ASTNode]) -> Option<String> {
    let Some(ASTNode::Expr(Expr::Stmt(block))) = path.last() else { return None };
    let call = block.statements().iter().find_map(|statement| match statement {
        Stmt::FnCall(call, _) => Some(call),
        Stmt::Expr(expr) => match &**expr {
            Expr::FnCall(call, _) => Some(call),
            _ => None,
        },
        _ => None,
    })?;
    match call.args.first()? {
        Expr::DynamicConstant(value, _) => value.read_lock::<FnPtr>().map(|closure| closure.fn_name().to_owned()),
        _ => None,
    }
}

/// Whether a loop over this variable is around that place.
fn is_round(path: &[ASTNode], name: &str) -> bool {
    path.iter().any(|node| match node {
        ASTNode::Stmt(Stmt::For(head, _)) => {
            head.0.name == name || head.1.as_ref().is_some_and(|counter| counter.name == name)
        }
        _ => false,
    })
}

/// The closure as a task gets it.
pub(in crate::script) fn own_variables(context: &NativeCallContext, closure: FnPtr, captures: &Captures) -> FnPtr {
    let count = closure.curry().len();
    let mut functions = context.iter_namespaces().filter_map(|module| module.get_script_fn(closure.fn_name(), count));
    let Some(names) = functions.next().map(|function| function.params.clone()) else { return closure };
    let name = closure.fn_name().to_owned();
    let mut own = closure;
    for (value, variable) in own.iter_curry_mut().zip(names.iter()) {
        let is_handle = is_handle(value) && !captures.assigned.contains(variable.as_str());
        if is_handle || captures.is_round(&name, variable) {
            *value = value.flatten_clone();
        }
    }
    own
}
