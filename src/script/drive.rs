//! Runs the parts of a script in their order: the body once, then `setup`, `chaos`, healing, recovery, `check`.

use super::diagnose::{self, Source};
use super::engine;
use super::host::Host;
use super::values::{self, known_keys};
use crate::diagnostic::Diagnostic;
use crate::engine::{Command, EventBody, Selection};
use crate::{Error, Result};
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, Map, Module, Scope};
use std::path::Path;
use std::rc::Rc;

/// How long a run may take where nothing is said.
const TIMEOUT_US: u64 = 600_000_000;

/// A script that compiles. It holds only the text: what Rhai makes of it belongs to one thread.
#[derive(Clone, Debug)]
pub struct Script {
    source: Source,
}

impl Script {
    /// Reads and compiles a script.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::usage(format!("cannot read the script {}: {error}", path.display())))?;
        Self::compile(&path.display().to_string(), &text)
    }

    /// Compiles a script; `path` is what its errors call it.
    pub fn compile(path: &str, text: &str) -> Result<Self> {
        // Editors of some systems put a byte order mark before the text; it means nothing.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        if let Some(start) = unclosed_comment(text) {
            return Err(Diagnostic::new(path, text, start..start + 2, "syntax error: this comment is never closed")
                .label("opened here")
                .into());
        }
        let script = Self { source };
        script.parse(&engine::bare()).map(|_| script)
    }

    fn parse(&self, engine: &Engine) -> Result<AST> {
        let mut ast = engine.compile(&self.source.text).map_err(|error| diagnose::syntax(&self.source, &error))?;
        ast.set_source(&self.source.path); // modules are looked for beside it
        Ok(ast)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// Its path as the user named it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.source.path
    }
}

/// Where a `/*` without its `*/` begins. Rhai compiles such a script, silently without the rest.
fn unclosed_comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut opened: Vec<usize> = Vec::new();
    while at < bytes.len() {
        let rest = &bytes[at..];
        at += match (opened.is_empty(), rest) {
            (_, [b'/', b'*', ..]) => {
                opened.push(at);
                2
            }
            (false, [b'*', b'/', ..]) => {
                opened.pop();
                2
            }
            (true, [b'/', b'/', ..]) => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            (true, [quote @ (b'"' | b'\'' | b'`'), ..]) => literal_length(rest, *quote),
            _ => 1,
        };
    }
    opened.first().copied()
}

/// The bytes of a text literal that starts here, quotes included.
fn literal_length(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
    }
    at + 1
}

/// `const OPTIONS = #{ … }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How many concurrent clients.
    pub clients: usize,
    /// How long to wait between the last heal and the check, microseconds.
    pub recovery_us: u64,
    /// How long the whole run may take, microseconds.
    pub timeout_us: Option<u64>,
}

impl Options {
    fn read(scope: &Scope) -> Result<Self> {
        let Some(value) = scope.get("OPTIONS") else { return Ok(Self::default()) };
        let Some(map) = value.read_lock::<Map>() else {
            return Err(values::expected("a map: const OPTIONS = #{ recovery: \"5s\" }", value));
        };
        known_keys(&map, &["clients", "recovery", "timeout"])?;
        Ok(Self {
            clients: map.get("clients").map_or(Ok(0), |clients| values::count(clients, "the number of clients"))?,
            recovery_us: map.get("recovery").map_or(Ok(0), values::duration_us)?,
            timeout_us: map.get("timeout").map(values::duration_us).transpose()?,
        })
    }
}

/// A script on its host, ready to run.
pub struct Drive<'a> {
    script: &'a Script,
    ast: AST,
    host: Rc<Host>,
    engine: Engine,
    /// `--timeout`, which wins over the script's own, microseconds.
    timeout_us: Option<u64>,
}

impl<'a> Drive<'a> {
    /// Binds a script to a host.
    pub fn new(script: &'a Script, host: Rc<Host>, timeout_us: Option<u64>) -> Result<Self> {
        let engine = engine::bound(&host);
        let ast = script.parse(&engine)?;
        Ok(Self { script, ast, host, engine, timeout_us })
    }

    fn defines(&self, function: &str) -> bool {
        self.ast.iter_functions().any(|f| f.name == function)
    }

    /// Runs all parts. An error is the run's verdict; faults may be active when this returns.
    pub fn run(mut self) -> Result<()> {
        if self.defines("client") {
            let error = Error::machine("fn client(id): concurrent clients are not in this version of blockade yet")
                .help("run the clients as programs in nodes of the cluster file");
            return Err(self.at("fn client", "client", error));
        }
        let began_us = self.host.clock.now_us();
        self.limit(began_us, TIMEOUT_US);
        let options = self.body()?;
        if let Some(timeout_us) = options.timeout_us {
            self.limit(began_us, timeout_us);
        }
        if options.clients > 0 {
            let error = Error::machine("OPTIONS.clients: concurrent clients are not in this version of blockade yet")
                .help("run the clients as programs in nodes of the cluster file");
            return Err(self.at_options(error));
        }
        self.part("setup")?;
        if self.part("chaos")? {
            self.recover(options)?;
        }
        self.part("check").map(|_| ())
    }

    fn limit(&self, began_us: u64, timeout_us: u64) {
        self.host.set_deadline(began_us, self.timeout_us.unwrap_or(timeout_us));
    }

    fn enter(&self, part: &str) -> Result<()> {
        self.host.recorder.enter_task(part);
        self.host.record(EventBody::Phase { name: part.to_owned() })
    }

    /// The body sets constants, which every function sees as `global::NAME`.
    fn body(&mut self) -> Result<Options> {
        self.enter("main")?;
        let mut scope = Scope::new();
        let outcome = self.engine.eval_ast_with_scope::<Dynamic>(&mut scope, &self.ast);
        self.outcome(None, outcome)?;
        let options = Options::read(&scope).map_err(|error| self.at_options(error))?;
        let mut constants = Module::new();
        for (name, constant, value) in scope.iter() {
            if constant {
                constants.set_var(name, value);
            }
        }
        constants.build_index();
        self.engine.register_static_module("global", constants.into());
        Ok(options)
    }

    fn at_options(&self, error: Error) -> Error {
        self.at("const OPTIONS", "OPTIONS", error)
    }

    /// An error about something that the script declares: shown at its name.
    fn at(&self, declaration: &str, name: &str, error: Error) -> Error {
        let text = self.script.text();
        let end = text.find(declaration).map(|start| start + declaration.len());
        let start = end.map_or_else(|| text.find(name).unwrap_or(0), |end| end - name.len());
        let span = start..start + name.len();
        let mut diagnostic = Diagnostic::new(self.script.path(), text, span, error.message.clone());
        diagnostic.help.clone_from(&error.help);
        Error { diagnostics: vec![diagnostic], ..error }
    }

    /// Calls one of the script's functions, if it is defined.
    fn part(&self, name: &str) -> Result<bool> {
        if !self.defines(name) {
            return Ok(false);
        }
        self.enter(name)?;
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(true);
        let outcome = self.engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), &self.ast, name, ());
        self.outcome(Some(name), outcome).map(|()| true)
    }

    fn recover(&self, options: Options) -> Result<()> {
        self.enter("recovery")?;
        // What is marked to be kept is the weather of this run, and stays for the check.
        self.host.call(Command::Heal { which: Selection::All })?;
        self.host.sleep_until(self.host.clock.now_us().saturating_add(options.recovery_us))
    }

    fn outcome(&self, part: Option<&str>, outcome: Result<Dynamic, Box<EvalAltResult>>) -> Result<()> {
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => Err(diagnose::runtime(&self.script.source, &self.ast, part, &error)),
        }
    }
}
