//! A script bound to its host: its functions can be called, from whatever task.

use super::Script;
use super::diagnose::{self, Source};
use super::engine;
use super::host::Host;
use super::tasks::{Captures, own_variables};
use crate::diagnostic::Diagnostic;
use crate::{Error, Result};
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, Expr, FnPtr, GlobalRuntimeState, NativeCallContext, Position, Scope, Stmt,
};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What may be called of a script, and what its functions see.
pub(super) struct Program {
    source: Source,
    ast: Rc<AST>,
    engine: Engine,
    host: Rc<Host>,
    /// The constants and imports of the body.
    globals: OnceCell<GlobalRuntimeState>,
    captures: OnceCell<Captures>,
}

impl Program {
    /// Binds a script to a host.
    pub(super) fn bind(script: &Script, host: Rc<Host>) -> Result<Rc<Self>> {
        let engine = engine::bound(&host);
        let ast = script.ast()?;
        let (globals, captures) = (OnceCell::new(), OnceCell::new());
        let program = Rc::new(Self { source: script.source.clone(), ast, engine, host, globals, captures });
        program.host.program.replace(Rc::downgrade(&program));
        Ok(program)
    }

    pub(super) fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// Whether the script defines a function with so many parameters.
    pub(super) fn defines(&self, function: &str, parameters: usize) -> bool {
        self.ast.iter_functions().any(|f| f.name == function && f.params.len() == parameters)
    }

    /// The value of a constant of the body, where it is written out.
    pub(super) fn written_constant(&self, name: &str) -> Option<Dynamic> {
        self.ast.iter_literal_variables(true, false).find(|(constant, ..)| *constant == name).map(|(.., value)| value)
    }

    /// Runs the body; what it declares is in the scope afterwards.
    pub(super) fn run_body(&self, scope: &mut Scope) -> Result<()> {
        let outcome = self.engine.eval_ast_with_scope::<Dynamic>(scope, &self.ast);
        drop(self.outcome(None, Position::NONE, outcome)?);
        let globals = self.globals(scope).map_err(|error| self.diagnosed(None, &error))?;
        self.globals.get_or_init(|| globals);
        Ok(())
    }

    /// What functions see: each other, `global::NAME` of every constant of the body, and its imports.
    fn globals(&self, scope: &Scope) -> Result<GlobalRuntimeState, Box<EvalAltResult>> {
        let mut globals = self.engine.new_global_runtime_state();
        globals.lib.push(self.ast.shared_lib().clone());
        let constants = scope.iter().filter(|(_, constant, _)| *constant);
        let constants: BTreeMap<_, _> = constants.map(|(name, _, value)| (name.into(), value)).collect();
        globals.constants = Some(Rc::new(RefCell::new(constants)));
        for statement in self.ast.statements() {
            if let Stmt::Import(import, position) = statement
                && let Expr::StringConstant(path, _) = &import.0
            {
                let module = self.engine.module_resolver().resolve(&self.engine, self.ast.source(), path, *position)?;
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
        let closure = own_variables(context, closure, self.captures.get_or_init(|| Captures::of(&self.ast)));
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
        outcome.map_err(|mut error| {
            if error.position().is_none() {
                error.set_position(place);
            }
            let mut diagnosed = self.diagnosed(part, &error);
            if let EvalAltResult::ErrorDataRace(..) = error.unwrap_inner() {
                let waiting = format!("; at this moment {}", self.host.tasks.who_waits());
                diagnosed
                    .diagnostics
                    .iter_mut()
                    .filter_map(|place| place.help.as_mut())
                    .for_each(|help| *help += &waiting);
            }
            diagnosed
        })
    }

    fn diagnosed(&self, part: Option<&str>, error: &EvalAltResult) -> Error {
        diagnose::runtime(&self.source, &self.ast, part, error)
    }

    /// An error about something that the script declares: shown at its name.
    pub(super) fn at(&self, declaration: &str, name: &str, error: Error) -> Error {
        let text = &self.source.text;
        let end = text.find(declaration).map(|start| start + declaration.len());
        let start = end.map_or_else(|| text.find(name).unwrap_or(0), |end| end - name.len());
        let span = start..start + name.len();
        let mut diagnostic = Diagnostic::new(&self.source.path, text, span, error.message.clone());
        diagnostic.help.clone_from(&error.help);
        Error { diagnostics: vec![diagnostic], ..error }
    }
}
