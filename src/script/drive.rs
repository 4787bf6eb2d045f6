//! Runs the parts of a script in their order: the body once, then `setup`, `client`s beside `chaos`, healing, recovery,
//! `check`.

use super::Script;
use super::host::Host;
use super::program::Program;
use super::tasks::Task;
use super::values::{self, known_keys};
use crate::engine::{Command, EventBody, Selection};
use crate::{Error, ErrorKind, Result};
use rhai::{AST, Dynamic, Map, Scope};
use std::rc::Rc;

/// How long a run may take where nothing is said.
const TIMEOUT_US: u64 = 600_000_000;

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
        scope.get("OPTIONS").map_or_else(|| Ok(Self::default()), Self::of)
    }

    /// What a script's constant says, where it is written out.
    pub(super) fn written(ast: &AST) -> Option<Result<Self>> {
        let mut constants = ast.iter_literal_variables(true, false);
        constants.find(|(name, ..)| *name == "OPTIONS").map(|(.., value)| Self::of(&value))
    }

    fn of(value: &Dynamic) -> Result<Self> {
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
pub struct Drive {
    program: Rc<Program>,
    /// `--timeout`, which wins over the script's own, microseconds.
    timeout_us: Option<u64>,
}

impl Drive {
    /// Binds a script to a host, with a file in the place of its `chaos()` where one is given.
    pub fn new(script: &Script, chaos: Option<&Script>, host: Rc<Host>, timeout_us: Option<u64>) -> Result<Self> {
        Ok(Self { program: Program::bind(script, chaos, host)?, timeout_us })
    }

    /// Runs all parts. An error is the run's verdict; faults may be active when this returns.
    pub fn run(self) -> Result<()> {
        let host = Rc::clone(self.program.host());
        let main = Rc::clone(&host);
        let outcome = host.run_tasks(move || {
            let outcome = self.parts();
            // However it ended: nothing of it runs on while the cluster is healed and removed.
            let ended = main.cancel_tasks(|_| true);
            outcome.and(ended).map(|()| Dynamic::UNIT)
        });
        let outcome = match (outcome, host.tasks.take_failure()) {
            (Err(error), Some(failure)) if error.kind == ErrorKind::Cancelled => Err(failure),
            (Ok(_), Some(failure)) => Err(failure),
            (outcome, _) => outcome.map(|_| ()),
        };
        host.forget();
        outcome
    }

    fn host(&self) -> &Rc<Host> {
        self.program.host()
    }

    fn parts(&self) -> Result<()> {
        let began_us = self.host().clock.now_us();
        // The body, too, may take as long as it says itself; where that is computed, it shows only afterwards.
        let written = self.program.written_options().and_then(Result::ok);
        self.limit(began_us, written.and_then(|options| options.timeout_us).unwrap_or(TIMEOUT_US));
        let options = self.body()?;
        if let Some(timeout_us) = options.timeout_us {
            self.limit(began_us, timeout_us);
        }
        self.part("setup")?;
        self.chaos(options)?;
        self.part("check").map(|_| ())
    }

    /// The clients, beside what makes trouble for them; afterwards nothing of the script runs any more.
    fn chaos(&self, options: Options) -> Result<()> {
        let clients = self.start_clients(options)?;
        if self.program.defines("chaos", 0) {
            let before = self.host().tasks.names();
            self.part("chaos")?;
            // What chaos() has started ends with it; clients and what setup() has started see the recovery.
            self.host().cancel_tasks(|task| !before.contains(&task.name()))?;
            self.recover(options)?;
        } else if !clients.is_empty() {
            // Nobody but the clients says when it is enough.
            for client in &clients {
                drop(self.host().join_task(client)?);
            }
            self.recover(options)?;
        }
        self.host().cancel_tasks(|_| true)
    }

    fn start_clients(&self, options: Options) -> Result<Vec<Rc<Task>>> {
        match (options.clients, self.program.defines("client", 1)) {
            (0, _) => return Ok(Vec::new()),
            (_, true) => {}
            (_, false) => {
                let error = Error::usage("OPTIONS.clients without a `fn client(id)`");
                return Err(self.program.at("const OPTIONS", "OPTIONS", error));
            }
        }
        let start = |id: usize| {
            let program = Rc::clone(&self.program);
            let body = move || program.call("client", vec![Dynamic::from(id as rhai::INT)]);
            let started = self.host().start_named(format!("client {id}"), body);
            started.map_err(|error| self.program.at("const OPTIONS", "OPTIONS", error))
        };
        (0..options.clients).map(start).collect()
    }

    fn limit(&self, began_us: u64, timeout_us: u64) {
        self.host().set_deadline(began_us, self.timeout_us.unwrap_or(timeout_us));
    }

    fn enter(&self, part: &str) -> Result<()> {
        self.host().enter_part(part);
        self.host().record(EventBody::Phase { name: part.to_owned(), tasks: self.host().tasks.started() })
    }

    /// The body sets constants, which every function sees as `global::NAME`.
    fn body(&self) -> Result<Options> {
        self.enter("main")?;
        let mut scope = Scope::new();
        self.program.run_body(&mut scope)?;
        Options::read(&scope).map_err(|error| self.program.at("const OPTIONS", "OPTIONS", error))
    }

    /// Calls one of the script's functions, if it is defined.
    fn part(&self, name: &str) -> Result<bool> {
        if !self.program.defines(name, 0) {
            return Ok(false);
        }
        self.enter(name)?;
        self.program.call(name, Vec::new()).map(|_| true)
    }

    fn recover(&self, options: Options) -> Result<()> {
        self.enter("recovery")?;
        // What is marked to be kept is the weather of this run, and stays for the check.
        self.host().call(Command::Heal { which: Selection::All })?;
        self.host().sleep_until(self.host().clock.now_us().saturating_add(options.recovery_us))
    }
}
