//! Which of a closure's variables a task has for itself.
//!
//! Closures share the variables they capture with whoever else knows them, and tasks are closures. For a call that
//! waits, like `cut.heal()` or `look.call("n1")`, Rhai holds the variable meanwhile, and another task that looked at it
//! would find it in use. So what nobody can tell from the shared variable is a task's own: the variable of a `for` loop,
//! since each task means the one of its own round; and what the script never changes, neither by an assignment nor by a
//! method that might. The text decides, by the variables' names.

use super::super::bind::is_handle;
use super::super::modules;
use super::super::table::BUILTINS;
use rhai::{AST, ASTNode, Array, Dynamic, Expr, FnPtr, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Rhai's functions that call closures, which may wait, and leave what they are called on as it is.
const CALLING: [&str; 10] =
    ["all", "call", "filter", "find", "find_map", "index_of", "map", "reduce", "reduce_rev", "some"];
/// Others that leave it as it is.
const READING: [&str; 17] = [
    "contains",
    "ends_with",
    "extract",
    "get",
    "is_empty",
    "keys",
    "len",
    "max",
    "min",
    "split",
    "starts_with",
    "sub_string",
    "to_float",
    "to_int",
    "to_json",
    "to_string",
    "values",
];

/// Others that change it, at once.
const QUICK: [&str; 9] = ["append", "clear", "insert", "pop", "push", "remove", "reverse", "shift", "truncate"];

/// What a script's text says about its closures' variables.
#[derive(Debug, Default)]
pub(in crate::script) struct Captures {
    /// Closures, and the variables that they capture, in the order of their parameters.
    captured: BTreeMap<String, Vec<String>>,
    /// Closures, and the loop variables that they capture.
    rounds: BTreeSet<(String, String)>,
    /// Variables that are assigned somewhere, or something in them is.
    assigned: BTreeSet<String>,
    /// The methods that are called on variables or on what is in them.
    methods: BTreeMap<String, BTreeSet<String>>,
    /// Variables that a closure may have as its `this`: `list.call(f)`.
    bound: BTreeSet<String>,
    /// The script's own functions: as methods they may change what they are called on.
    functions: BTreeSet<String>,
    /// Whether a function may change its `this`.
    this: bool,
    /// Whether the text goes on: what it will say nobody knows.
    grows: bool,
}

impl Captures {
    /// Looks through a script.
    pub(in crate::script) fn of(ast: &AST) -> Self {
        let mut captures = Self::default();
        captures.add(ast);
        captures
    }

    /// Looks through what a session adds.
    pub(in crate::script) fn grow(&mut self, ast: &AST) {
        self.grows = true;
        self.add(ast);
    }

    /// Looks through a text that is part of the script.
    pub(in crate::script) fn add(&mut self, ast: &AST) {
        self.functions.extend(ast.iter_functions().map(|function| function.name.to_owned()));
        ast.walk(&mut |path: &[ASTNode]| {
            self.note(path);
            true
        });
    }

    fn note(&mut self, path: &[ASTNode]) {
        match path {
            [.., ASTNode::Expr(Expr::ThisPtr(_))] => self.this = true,
            [.., ASTNode::Expr(chain @ (Expr::Dot(..) | Expr::Index(..)))] => self.note_methods(chain),
            [.., ASTNode::Stmt(Stmt::Assignment(assignment))] => {
                self.assigned.extend(root(&assignment.1.lhs).map(str::to_owned));
            }
            [.., ASTNode::Stmt(Stmt::Import(import, _))] => self.this |= !is_stdlib(&import.0),
            // Rhai's own walk leaves it out.
            [.., ASTNode::Stmt(Stmt::BreakLoop(Some(value), ..))] => {
                value.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
                    self.note(path);
                    true
                });
            }
            [outer @ .., ASTNode::Stmt(Stmt::Share(shared))] => {
                self.note_closure(outer, shared.iter().map(|(variable, _)| variable.name.as_str()));
            }
            _ => {}
        }
    }

    fn note_closure<'a>(&mut self, outer: &[ASTNode], variables: impl Iterator<Item = &'a str> + Clone) {
        let Some(closure) = closure_of(outer) else { return };
        for variable in variables.clone().filter(|variable| is_round(outer, variable)) {
            self.rounds.insert((closure.clone(), variable.to_owned()));
        }
        self.captured.insert(closure, variables.map(str::to_owned).collect());
    }

    fn note_methods(&mut self, chain: &Expr) {
        let Some(variable) = root(chain) else { return };
        let methods = self.methods.entry(variable.to_owned()).or_default();
        methods.extend(links(chain).filter_map(method).map(str::to_owned));
        if links(chain).next().and_then(method) == Some("call") {
            self.bound.insert(variable.to_owned());
        }
    }

    fn is_round(&self, closure: &str, variable: &str) -> bool {
        self.rounds.contains(&(closure.to_owned(), variable.to_owned()))
    }

    /// Whether a copy of this variable's value does what the variable does.
    fn stays(&self, variable: &str, value: &Dynamic) -> bool {
        if self.assigned.contains(variable) {
            return false;
        }
        if is_handle(value) {
            return true;
        }
        let Some(methods) = self.methods.get(variable) else { return value.is_fnptr() };
        if !methods.iter().all(|method| self.leaves(method)) {
            return false;
        }
        let may_wait = methods.iter().any(|method| !READING.contains(&method.as_str()));
        value.is_fnptr() || may_wait && !self.this && !self.grows && !self.bound.contains(variable)
    }

    /// Whether a call that takes its time may hold a variable that a closure looks at meanwhile.
    pub(in crate::script) fn may_be_held(&self) -> bool {
        self.captured.values().flatten().any(|variable| {
            let methods = self.methods.get(variable).into_iter().flatten();
            let mut slow =
                methods.filter(|method| !READING.contains(&method.as_str()) && !QUICK.contains(&method.as_str()));
            let changes = self.assigned.contains(variable) || self.bound.contains(variable) && self.this;
            slow.any(|method| changes || !self.leaves(method))
        })
    }

    /// Whether a method leaves what it is called on as it is.
    fn leaves(&self, method: &str) -> bool {
        let is_native = CALLING.contains(&method)
            || READING.contains(&method)
            || BUILTINS.iter().any(|builtin| builtin.name == method);
        is_native && !self.functions.contains(method)
    }

    /// The closure as a task gets it, and the closures in its variables with it.
    pub(in crate::script) fn own_variables(&self, mut closure: FnPtr) -> FnPtr {
        // Of another text, a module's, nothing is known.
        let Some(variables) = self.captured.get(closure.fn_name()) else { return closure };
        let name = closure.fn_name().to_owned();
        for (value, variable) in closure.iter_curry_mut().zip(variables) {
            if self.is_round(&name, variable) || self.stays(variable, value) {
                *value = self.own(value.flatten_clone());
            }
        }
        closure
    }

    fn own(&self, value: Dynamic) -> Dynamic {
        if value.is_array() {
            let items: Array = value.cast();
            return items.into_iter().map(|item| self.own(item)).collect::<Array>().into();
        }
        match value.try_cast_result::<FnPtr>() {
            Ok(closure) => self.own_variables(closure).into(),
            Err(value) => value,
        }
    }
}

/// The variable that a place is, or is in.
fn root(place: &Expr) -> Option<&str> {
    match place {
        Expr::Variable(variable, ..) => Some(variable.1.as_str()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => match &pair.lhs {
            Expr::Variable(variable, ..) => Some(variable.1.as_str()),
            _ => None,
        },
        _ => None,
    }
}

/// What stands behind the dots and in the brackets of a chain: Rhai has `a.b[c]` as `a.(b[c])`.
fn links(chain: &Expr) -> impl Iterator<Item = &Expr> {
    std::iter::successors(rest(chain), |link| rest(link)).map(|link| match link {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => &pair.lhs,
        last => last,
    })
}

fn rest(chain: &Expr) -> Option<&Expr> {
    match chain {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => Some(&pair.rhs),
        _ => None,
    }
}

fn method(link: &Expr) -> Option<&str> {
    match link {
        Expr::MethodCall(call, _) => Some(call.name.as_str()),
        _ => None,
    }
}

fn is_stdlib(path: &Expr) -> bool {
    matches!(path, Expr::StringConstant(name, _) if modules::is_stdlib(&modules::path_of(name, None)))
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
