//! A script bound to its host: its functions can be called, from whatever task.

use super::diagnose;
use super::engine;
use super::host::Host;
use super::tasks::{Captures, own_variables};
use super::texts::Texts;
use super::{Options, Script};
use crate::{Error, Result};
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, Expr, FnPtr, GlobalRuntimeState, ImmutableString, NativeCallContext,
    OptimizationLevel, Position, Scope, Stmt,
};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What may be called of a script, and what its functions see. That of a session grows.
pub(super) struct Program {
    pub(super) texts: RefCell<Texts>,
    /// Of a script its body and functions, of a session the functions of its entries.
    pub(super) ast: RefCell<Rc<AST>>,
    pub(super) engine: Engine,
    host: Rc<Host>,
    /// The constants and imports of the body.
    globals: OnceCell<GlobalRuntimeState>,
    captures: OnceCell<RefCell<Captures>>,
}

impl Program {
    /// Binds a script to a host.
    pub(super) fn bind(script: &Script, host: Rc<Host>) -> Result<Rc<Self>> {
        let engine = engine::bound(&host);
        let ast = script.ast()?;
        Ok(Self::on(host, engine, ast, Texts::of(&script.source)))
    }

    /// One that has no text yet. What a session is told runs as it is written: a `return` at its end is seen.
    pub(super) fn empty(host: Rc<Host>) -> Rc<Self> {
        let mut engine = engine::bound(&host);
        engine.set_optimization_level(OptimizationLevel::None);
        Self::on(host, engine, Rc::new(AST::empty()), Texts::default())
    }

    fn on(host: Rc<Host>, engine: Engine, ast: Rc<AST>, texts: Texts) -> Rc<Self> {
        let (texts, ast) = (RefCell::new(texts), RefCell::new(ast));
        let program = Rc::new(Self { texts, ast, engine, host, globals: OnceCell::new(), captures: OnceCell::new() });
        program.host.program.replace(Rc::downgrade(&program));
        program
    }

    pub(super) fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// What its text says about closures' variables. Only tasks ask: most scripts are never looked through.
    pub(super) fn captures(&self) -> &RefCell<Captures> {
        self.captures.get_or_init(|| RefCell::new(Captures::of(&self.ast.borrow())))
    }

    /// Whether the script defines a function with so many parameters.
    pub(super) fn defines(&self, function: &str, parameters: usize) -> bool {
        self.ast.borrow().iter_functions().any(|f| f.name == function && f.params.len() == parameters)
    }

    /// `OPTIONS`, where it is written out.
    pub(super) fn written_options(&self) -> Option<Result<Options>> {
        Options::written(&self.ast.borrow())
    }

    /// Runs the body; what it declares is in the scope afterwards.
    pub(super) fn run_body(&self, scope: &mut Scope) -> Result<()> {
        let ast = Rc::clone(&self.ast.borrow());
        let outcome = self.engine.eval_ast_with_scope::<Dynamic>(scope, &ast);
        drop(self.outcome(None, Position::NONE, outcome)?);
        let globals = self.globals(scope, &ast).map_err(|error| self.diagnosed(None, error))?;
        self.globals.get_or_init(|| globals);
        Ok(())
    }

    /// What functions see: each other, `global::NAME` of every constant of the body, and its imports.
    fn globals(&self, scope: &Scope, ast: &AST) -> Result<GlobalRuntimeState, Box<EvalAltResult>> {
        let mut globals = self.engine.new_global_runtime_state();
        globals.lib.push(ast.shared_lib().clone());
        globals.constants = Some(Rc::new(RefCell::new(constants(scope))));
        for statement in ast.statements() {
            if let Stmt::Import(import, position) = statement
                && let Expr::StringConstant(path, _) = &import.0
            {
                let module = self.engine.module_resolver().resolve(&self.engine, ast.source(), path, *position)?;
                globals.push_import(import.1.name.clone(), module);
            }
        }
        Ok(globals)
    }

    /// Calls a function of the script.
    pub(super) fn call(&self, name: &str, arguments: Vec<Dynamic>) -> Result<Dynamic> {
        let globals = self.globals.get().cloned().unwrap_or_else(|| self.engine.new_global_runtime_state());
        let context = NativeCallContext::new_with_all_fields(&self.engine, name, None, &globals, Position::NONE);
        let outcome = FnPtr::new(name).and_then(|function| function.call_raw(&context, None, arguments));
        self.outcome(Some(name), Position::NONE, outcome)
    }

    /// A closure as the body of a task that is started here: it sees what it saw at its place.
    pub(super) fn task_body(
        self: &Rc<Self>,
        context: &NativeCallContext,
        closure: FnPtr,
    ) -> impl Fn() -> Result<Dynamic> + 'static {
        let closure = own_variables(context, closure, &self.captures().borrow());
        let mut globals = context.global_runtime_state().clone();
        // A task's calls are counted from its own beginning.
        globals.level = 0;
        globals.num_operations = 0;
        let (program, place) = (Rc::clone(self), context.call_position());
        move || {
            let context = NativeCallContext::new_with_all_fields(&program.engine, "task", None, &globals, place);
            let outcome = closure.call_raw(&context, None, Vec::new());
            program.outcome(None, place, outcome)
        }
    }

    fn outcome(
        &self,
        part: Option<&str>,
        place: Position,
        outcome: Result<Dynamic, Box<EvalAltResult>>,
    ) -> Result<Dynamic> {
        outcome.or_else(|mut error| {
            // `exit` ends the part or the task that it is called in.
            if let EvalAltResult::Exit(value, _) = error.unwrap_inner() {
                return Ok(value.clone());
            }
            if error.position().is_none() {
                error.set_position(place);
            }
            Err(self.explained(part, error))
        })
    }

    /// The error at its place, and who waits for what where that is its reason.
    pub(super) fn explained(&self, part: Option<&str>, error: Box<EvalAltResult>) -> Error {
        let is_race = matches!(error.unwrap_inner(), EvalAltResult::ErrorDataRace(..));
        let mut diagnosed = self.diagnosed(part, error);
        if is_race {
            diagnose::explain_use(&mut diagnosed, &self.host.tasks.who_waits());
        }
        diagnosed
    }

    fn diagnosed(&self, part: Option<&str>, mut error: Box<EvalAltResult>) -> Error {
        let source = self.texts.borrow().locate(&mut error);
        diagnose::runtime(&source, &self.ast.borrow(), part, &error)
    }

    /// An error about something that the script declares: shown at its name.
    pub(super) fn at(&self, declaration: &str, name: &str, error: Error) -> Error {
        let diagnostic = self.texts.borrow().last().declared(declaration, name, &error);
        Error { diagnostics: vec![diagnostic], ..error }
    }
}

/// The constants of a scope; of several with one name the latest.
pub(super) fn constants(scope: &Scope) -> BTreeMap<ImmutableString, Dynamic> {
    scope.iter().filter(|(_, is_constant, _)| *is_constant).map(|(name, _, value)| (name.into(), value)).collect()
}
