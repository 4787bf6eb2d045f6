//! A session: entries that are evaluated one after the other, each on what the former ones have left.
//!
//! Variables, constants, functions, imports, tasks and what was drawn stay. An entry that fails leaves none of its own
//! declarations, so that what is known is what the entries that succeeded declare; what it did to the cluster stays.
//! Knows of no terminal.

use super::Script;
use super::engine;
use super::host::Host;
use super::program::{Program, constants, statements};
use super::saved::{Entry, parts, saved};
use super::show::show;
use super::table::{BUILTINS, Builtin};
use crate::diagnostic::nearest;
use crate::engine::{Command, Reply};
use crate::random::Stream;
use crate::{Error, ErrorKind, Result};
use rhai::{AST, Dynamic, Engine, EvalAltResult, GlobalRuntimeState, NativeCallContext, Position, Scope};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

/// How Rhai begins the names of closures.
const CLOSURE: &str = "anon$";

/// A person's way to a host.
pub struct Session {
    host: Rc<Host>,
    program: Rc<Program>,
    scope: Scope<'static>,
    globals: GlobalRuntimeState,
    /// How many entries there were.
    entries: usize,
    succeeded: Vec<Entry>,
    /// The seed of its first draws.
    first_seed: u64,
    /// Ours and Rhai's.
    methods: (BTreeSet<String>, BTreeSet<String>),
}

/// What a session has to go back to where an entry fails.
struct Before {
    variables: usize,
    imports: usize,
    functions: Rc<AST>,
    /// What is drawn next: the next entry draws as if this one had not been.
    stream: Stream,
    /// How many tasks it had started.
    tasks: u64,
}

/// The names that are known in a session beside the functions of the script API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its own functions, with their parameters: `f(a, b)`.
    pub functions: BTreeSet<String>,
    /// Its variables and constants.
    pub variables: BTreeSet<String>,
    /// The names under which it has imported modules.
    pub imports: BTreeSet<String>,
    /// The nodes.
    pub nodes: Vec<String>,
    /// What may stand behind a dot: of faults, tasks, links and numbers.
    pub methods: BTreeSet<String>,
    /// What else may, of lists, maps, texts and numbers.
    pub rhai_methods: BTreeSet<String>,
}

/// A session as a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its text.
    pub script: String,
    /// The seed to run it with.
    pub seed: u64,
    /// Its functions that a run calls by itself after the entries: `chaos()`.
    pub parts: Vec<String>,
}

impl Session {
    /// Opens a session on this host, and closes it when `body` has come to its end: its tasks are cancelled then.
    pub fn run(host: Rc<Host>, body: impl FnOnce(&mut Self) -> Result<()> + 'static) -> Result<()> {
        host.tasks.open_session();
        let own = Rc::clone(&host);
        let outcome = host.run_tasks(move || {
            let mut session = Self::new(Rc::clone(&own));
            let outcome = body(&mut session);
            let ended = own.cancel_tasks(|_| true);
            outcome.and(ended).map(|()| Dynamic::UNIT)
        });
        host.forget();
        outcome.map(|_| ())
    }

    fn new(host: Rc<Host>) -> Self {
        let program = Program::empty(Rc::clone(&host));
        let globals = program.engine.new_global_runtime_state();
        let methods = methods(&program.engine);
        let (scope, first_seed) = (Scope::new(), host.seed.get());
        Self { host, program, scope, globals, entries: 0, succeeded: Vec::new(), first_seed, methods }
    }

    /// Evaluates an entry; its value as text, nothing for `()`.
    pub fn enter(&mut self, text: &str) -> Result<String> {
        self.entries += 1;
        let script = Script::compile(&format!("repl:{}", self.entries), text)?;
        self.evaluate(&script)
    }

    /// Runs the body of a script's file as one entry; its functions are known afterwards.
    pub fn load(&mut self, path: &Path) -> Result<String> {
        self.entries += 1;
        self.evaluate(&Script::load(path)?)
    }

    fn evaluate(&mut self, script: &Script) -> Result<String> {
        let ast = self.program.texts.borrow_mut().compile(&self.program.engine, &script.source)?;
        let before = self.declare(&ast);
        // The limits of a computation are each entry's own.
        self.host.compute_anew();
        self.host.tasks.pardon();
        match self.statements(&ast) {
            Ok((value, early)) => {
                self.globals.constants = Some(Rc::new(RefCell::new(constants(&self.scope))));
                let entry = if early { Entry::Left } else { Entry::Text };
                self.succeeded.push(entry(script.text().to_owned()));
                Ok(self.shown(&value))
            }
            Err(error) => {
                let error = self.explained(error);
                self.go_back(before, &ast);
                Err(error)
            }
        }
    }

    /// The entry's functions are known from its beginning.
    fn declare(&mut self, ast: &AST) -> Before {
        self.program.captures().borrow_mut().grow(ast);
        let mut functions = self.program.ast.borrow_mut();
        let merged = functions.merge(&ast.clone_functions_only());
        let former = std::mem::replace(&mut *functions, Rc::new(merged));
        Before {
            variables: self.scope.len(),
            imports: self.globals.num_imports(),
            functions: former,
            stream: self.host.stream.borrow().clone(),
            tasks: self.host.tasks.started(),
        }
    }

    /// Its value, and whether it was left early, by `return` or `exit()`.
    fn statements(&mut self, ast: &AST) -> Result<(Dynamic, bool), Box<EvalAltResult>> {
        self.globals.lib.clear();
        self.globals.lib.push(self.program.ast.borrow().shared_lib().clone());
        (self.globals.num_operations, self.globals.level, self.globals.scope_level) = (0, 0, 0);
        let outcome = statements(&self.program.engine, &mut self.globals, &mut self.scope, ast);
        match outcome.map_err(|error| *error) {
            Ok(value) => Ok((value, false)),
            Err(EvalAltResult::Return(value, _) | EvalAltResult::Exit(value, _)) => Ok((value, true)),
            Err(error) => Err(error.into()),
        }
    }

    /// What the entry declared is forgotten, but for its closures: earlier variables and tasks may hold them.
    fn go_back(&mut self, before: Before, ast: &AST) {
        self.host.stream.replace(before.stream);
        if self.host.tasks.started() != before.tasks {
            self.succeeded.push(Entry::Tasks);
        }
        self.scope.rewind(before.variables);
        self.globals.truncate_imports(before.imports);
        self.globals.constants = Some(Rc::new(RefCell::new(constants(&self.scope))));
        // Not `clone_functions_only_filtered`: into an empty module it takes everything.
        let mut closures = ast.clone_functions_only();
        closures.retain_functions(|_, _, name, _| name.starts_with(CLOSURE));
        self.program.ast.replace(Rc::new(before.functions.merge(&closures)));
    }

    /// The error as it is shown, with the nearest of the session's own variables.
    fn explained(&self, error: Box<EvalAltResult>) -> Error {
        let near = match &*error {
            // Of names as short as this one all are near.
            EvalAltResult::ErrorVariableNotFound(name, _) if name.len() > 2 => {
                nearest(name, self.variables()).map(str::to_owned)
            }
            _ => None,
        };
        let mut error = self.program.explained(None, error);
        if let (Some(near), Some(place)) = (near, error.diagnostics.first_mut()) {
            place.help = Some(format!("did you mean `{near}`?"));
        }
        error
    }

    fn variables(&self) -> impl Iterator<Item = &str> {
        self.scope.iter_raw().map(|(name, ..)| name)
    }

    fn shown(&self, value: &Dynamic) -> String {
        let context =
            NativeCallContext::new_with_all_fields(&self.program.engine, "repl", None, &self.globals, Position::NONE);
        show(value, &|value| {
            let text = context.call_native_fn::<rhai::ImmutableString>("to_string", (value.clone(),));
            text.map_or_else(|_| value.to_string(), |text| text.to_string())
        })
    }

    /// Waits for what comes from outside. On real time the session's tasks run meanwhile; an error where one of them
    /// has failed ([`Self::failure`]) or where the wait was interrupted.
    pub fn wait<T: 'static>(&self, outside: impl Future<Output = T> + 'static) -> Result<T> {
        self.host.wait_outside(outside)
    }

    /// Why a task has failed, once for each.
    pub fn failure(&self) -> Option<Error> {
        self.host.tasks.take_failure()
    }

    /// Makes good an interrupt; `false` where the session is to end.
    pub fn go_on(&self) -> bool {
        self.host.interrupt.lower()
    }

    /// Looks at the cluster. On virtual time nothing moves meanwhile.
    pub fn look(&self, command: Command) -> Result<Reply> {
        self.host.look(command)
    }

    /// The seed of what is drawn.
    pub fn seed(&self) -> u64 {
        self.host.seed.get()
    }

    /// From here on what is drawn comes from another seed.
    pub fn reseed(&mut self, seed: u64) {
        self.host.reseed(seed);
        match &*self.succeeded {
            [] => self.first_seed = seed,
            _ => self.succeeded.push(Entry::Seed(seed)),
        }
    }

    /// The entries that succeeded as a script that runs.
    ///
    /// # Errors
    /// An entry that cannot be part of a script.
    pub fn saved(&self) -> Result<Saved> {
        let script = saved(&self.succeeded)?;
        Ok(Saved { parts: parts(&script), script, seed: self.first_seed })
    }

    /// What is known here.
    pub fn known(&self) -> Known {
        let functions = self.program.ast.borrow();
        let functions = functions.iter_functions().filter(|function| !function.name.starts_with(CLOSURE));
        Known {
            functions: functions.map(|f| format!("{}({})", f.name, f.params.join(", "))).collect(),
            variables: self.variables().map(str::to_owned).collect(),
            imports: self.globals.iter_imports().map(|(name, _)| name.to_owned()).collect(),
            nodes: self.host.names(),
            methods: self.methods.0.clone(),
            rhai_methods: self.methods.1.clone(),
        }
    }

    /// The names of its tasks that have not ended.
    pub fn tasks(&self) -> Vec<String> {
        let main = self.host.tasks.current().name();
        self.host.tasks.names().into_iter().filter(|name| *name != main).collect()
    }
}

/// Properties and those of our functions that are for faults, tasks or links; and Rhai's own functions of a value.
fn methods(engine: &Engine) -> (BTreeSet<String>, BTreeSet<String>) {
    let named = |engine: &Engine| -> Vec<(String, u64)> {
        let json = engine.gen_fn_metadata_to_json(true).ok().and_then(|json| serde_json::from_str(&json).ok());
        let json: serde_json::Value = json.unwrap_or_default();
        let function = |f: &serde_json::Value| Some((f["name"].as_str()?.to_owned(), f["numParams"].as_u64()?));
        json["functions"].as_array().into_iter().flatten().filter_map(function).collect()
    };
    let properties = named(engine).into_iter().filter_map(|(name, _)| name.strip_prefix("get$").map(str::to_owned));
    let rhais = named(&engine::bare()).into_iter().filter(|(_, parameters)| *parameters > 0).map(|(name, _)| name);
    let is_handles = |builtin: &&Builtin| {
        let first = builtin.signature.split(['(', ',', ')']).nth(1).unwrap_or_default();
        ["fault", "task", "links"].contains(&first)
    };
    let ours = BUILTINS.iter().filter(is_handles).map(|builtin| builtin.name.to_owned());
    let is_name = |name: &String| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (properties.chain(ours).filter(is_name).collect(), rhais.filter(is_name).collect())
}

/// Whether an error is only the word that a task has failed.
pub fn tells_of_a_task(error: &Error) -> bool {
    error.kind == ErrorKind::Cancelled
}
