//! A script bound to its host: its functions can be called, from whatever task.

use super::diagnose::{self, raise};
use super::engine;
use super::host::Host;
use super::substitute::{REPLACED, substitute};
use super::tasks::Captures;
use super::texts::Texts;
use super::{Options, Script};
use crate::diagnostic::Diagnostic;
use crate::{Error, ErrorKind, Result};
use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, FnPtr, GlobalRuntimeState, ImmutableString,
    NativeCallContext, OptimizationLevel, Position, Scope, Stmt, StmtBlock,
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
    /// Whose statements run in the place of the function [`REPLACED`].
    substituted: Option<AST>,
}

impl Program {
    /// Binds a script to a host, with a file in the place of its `chaos()` where one is given.
    pub(super) fn bind(script: &Script, chaos: Option<&Script>, host: Rc<Host>) -> Result<Rc<Self>> {
        let mut engine = engine::bound(&host);
        let (mut ast, mut texts) = (script.ast()?, Texts::of(&script.source));
        let substituted = chaos.map(|file| substitute(&mut texts, file)).transpose()?;
        if let Some(file) = &substituted {
            let mut merged = ast.merge(&file.clone_functions_only());
            merged.set_source(script.path()); // which merging drops; modules are looked for beside it
            ast = Rc::new(merged);
        }
        if substituted.iter().chain([&*ast]).any(|text| Captures::of(text).may_be_held()) {
            engine::look_before_use(&mut engine);
        }
        Ok(Self::on(host, engine, ast, texts, substituted))
    }

    /// One that has no text yet. What a session is told runs as it is written: a `return` at its end is seen.
    pub(super) fn empty(host: Rc<Host>) -> Rc<Self> {
        let mut engine = engine::bound(&host);
        engine.set_optimization_level(OptimizationLevel::None);
        engine::look_before_use(&mut engine);
        Self::on(host, engine, Rc::new(AST::empty()), Texts::default(), None)
    }

    fn on(host: Rc<Host>, engine: Engine, ast: Rc<AST>, texts: Texts, substituted: Option<AST>) -> Rc<Self> {
        let (texts, ast) = (RefCell::new(texts), RefCell::new(ast));
        let (globals, captures) = (OnceCell::new(), OnceCell::new());
        let program = Rc::new(Self { texts, ast, engine, host, globals, captures, substituted });
        program.host.program.replace(Rc::downgrade(&program));
        program
    }

    pub(super) fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// What its text says about closures' variables. Only tasks ask: most scripts are never looked through.
    pub(super) fn captures(&self) -> &RefCell<Captures> {
        self.captures.get_or_init(|| {
            let mut captures = Captures::of(&self.ast.borrow());
            self.substituted.iter().for_each(|file| captures.add(file));
            RefCell::new(captures)
        })
    }

    /// Whether the script defines a function with so many parameters.
    pub(super) fn defines(&self, function: &str, parameters: usize) -> bool {
        let is_it = |f: &rhai::ScriptFnMetadata<'_>| f.name == function && f.params.len() == parameters;
        self.in_place_of(function).is_some() || self.ast.borrow().iter_functions().any(|f| is_it(&f))
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

    /// The statements that are to run instead of a function.
    fn in_place_of(&self, function: &str) -> Option<&AST> {
        self.substituted.as_ref().filter(|_| function == REPLACED)
    }

    /// Calls a function of the script.
    pub(super) fn call(&self, name: &str, arguments: Vec<Dynamic>) -> Result<Dynamic> {
        let mut globals = self.globals.get().cloned().unwrap_or_else(|| self.engine.new_global_runtime_state());
        if let Some(file) = self.in_place_of(name) {
            let outcome = statements(&self.engine, &mut globals, &mut Scope::new(), file);
            let outcome = outcome.or_else(|error| match *error {
                EvalAltResult::Return(value, _) => Ok(value),
                _ => Err(error),
            });
            return self.outcome(Some(name), Position::NONE, outcome);
        }
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
        let closure = self.captures().borrow().own_variables(closure);
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

    /// Where one of our functions is called; none within the standard library.
    pub(super) fn place(&self, context: &NativeCallContext) -> Option<Diagnostic> {
        let mut call = raise(Error::new(ErrorKind::Failed, ""));
        call.set_position(context.call_position());
        let text = context.call_source().unwrap_or_default().to_owned();
        let within = EvalAltResult::ErrorInFunctionCall(String::new(), text, call, Position::NONE);
        self.diagnosed(None, within.into()).diagnostics.pop()
    }

    /// An error about something that the script declares: shown at its name.
    pub(super) fn at(&self, declaration: &str, name: &str, error: Error) -> Error {
        let diagnostic = self.texts.borrow().last().declared(declaration, name, &error);
        Error { diagnostics: vec![diagnostic], ..error }
    }
}

/// Evaluates a text's statements among these globals and variables. Where it is left early, that is the error
/// `Return` or `Exit`.
pub(super) fn statements(
    engine: &Engine,
    globals: &mut GlobalRuntimeState,
    scope: &mut Scope,
    ast: &AST,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let block = StmtBlock::new(ast.statements().iter().cloned(), Position::NONE, Position::NONE);
    let body = Expr::Stmt(Box::new(block));
    let mut caches = Caches::new();
    let mut context = EvalContext::new(engine, globals, &mut caches, scope, None);
    #[allow(deprecated, reason = "it is not deprecated but volatile, as its own documentation says")]
    context.eval_expression_tree_raw(&(&body).into(), false)
}

/// The constants of a scope; of several with one name the latest.
pub(super) fn constants(scope: &Scope) -> BTreeMap<ImmutableString, Dynamic> {
    scope.iter().filter(|(_, is_constant, _)| *is_constant).map(|(name, _, value)| (name.into(), value)).collect()
}
