//! Entry after entry: asks for one, evaluates it, answers; until the person leaves.

use super::command::{self, Command};
use super::input::{Input, Lines, Question, Wire};
use super::prompt::prompt;
use super::recent::Recent;
use super::screen::Screen;
use super::words::Words;
use crate::cli::doc;
use crate::cli::oneshot::{Format, show};
use crate::engine::{self, FaultInfo, Reply};
use crate::script::{Saved, Session, tells_of_a_task};
use crate::{Error, ErrorKind, Result, errand};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// How a saved session begins; a file that begins so may be overwritten.
const HEAD: &str = "// A session of blockade repl";

/// The command that runs a saved session with this seed again.
pub(super) type Again = Box<dyn Fn(&Path, u64) -> String + Send>;

/// One person's session, before it has begun.
pub(super) struct Conversation {
    wire: Wire,
    talk: Talk,
}

/// What is needed to answer.
struct Talk {
    screen: Screen,
    again: Again,
    recent: Recent,
    /// Whether the cluster is to stay up; `None` where there is none that could.
    leave_up: Option<Arc<AtomicBool>>,
    first_error: Arc<OnceLock<ErrorKind>>,
}

/// The first error of a session, once it is over.
pub(super) struct FirstError(Arc<OnceLock<ErrorKind>>);

impl FirstError {
    pub(super) fn get(&self) -> Option<ErrorKind> {
        self.0.get().copied()
    }
}

impl Conversation {
    /// Through this wire and onto this screen.
    pub(super) fn new(
        wire: Wire,
        screen: Screen,
        again: Again,
        recent: Recent,
        leave_up: Option<Arc<AtomicBool>>,
    ) -> Self {
        Self { wire, talk: Talk { screen, again, recent, leave_up, first_error: Arc::default() } }
    }

    /// Where its first error will be.
    pub(super) fn first_error(&self) -> FirstError {
        FirstError(Arc::clone(&self.talk.first_error))
    }

    /// Holds it. An error is what ended it before its time.
    pub(super) fn hold(self, session: &mut Session) -> Result<()> {
        let (lines, talk) = (self.wire.lines(), self.talk);
        loop {
            talk.failures(session);
            let ended = match talk.next(session, &lines)? {
                Input::Text(text) => talk.take(session, &text),
                Input::Cleared => ControlFlow::Continue(()),
                Input::End => ControlFlow::Break(()),
            };
            // Ctrl-C that came too late for its call is for nothing else.
            if !session.go_on() {
                return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
            }
            if ended.is_break() {
                talk.failures(session);
                return Ok(());
            }
        }
    }
}

impl Talk {
    /// The next entry. What fails meanwhile is told at once.
    fn next(&self, session: &Session, lines: &Lines) -> Result<Input> {
        let faults = faults(session).unwrap_or_default();
        let words = if self.screen.is_terminal() { Words::of(session.known()) } else { Words::default() };
        self.screen.flush();
        lines.ask(Question { prompt: prompt(&faults), words });
        loop {
            match session.wait(lines.answer()) {
                Ok(input) => return Ok(input),
                Err(error) if tells_of_a_task(&error) => self.failures(session),
                Err(error) if error.kind == ErrorKind::Interrupted && session.go_on() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn failures(&self, session: &Session) {
        while let Some(error) = session.failure() {
            self.error(&error);
        }
    }

    fn error(&self, error: &Error) {
        let _later_one = self.first_error.set(error.kind);
        self.screen.error(error);
    }

    fn take(&self, session: &mut Session, text: &str) -> ControlFlow<()> {
        let outcome = match text.trim() {
            "" => return ControlFlow::Continue(()),
            said if said.starts_with(':') => self.command(session, said),
            _ => session.enter(text.trim_end()).map(|value| self.value(&value)),
        };
        outcome.unwrap_or_else(|error| {
            self.error(&error);
            ControlFlow::Continue(())
        })
    }

    fn value(&self, value: &str) -> ControlFlow<()> {
        if !value.is_empty() {
            self.screen.line(value);
        }
        ControlFlow::Continue(())
    }

    fn command(&self, session: &mut Session, said: &str) -> Result<ControlFlow<()>> {
        match Command::parse(said)? {
            Command::Help(None) => self.screen.line(&command::help()),
            Command::Help(Some(name)) => {
                self.screen.flush();
                doc::about(&name)?;
            }
            Command::Status => self.shown(&status(session)?),
            Command::Faults => self.shown(&show::faults(&faults(session)?, Format::default())?),
            Command::Seed(None) => self.screen.line(&format!("seed {}", session.seed())),
            Command::Seed(Some(seed)) => session.reseed(seed),
            Command::Save(path) => self.save(session, &path)?,
            Command::Load(path) => return session.load(&path).map(|value| self.value(&value)),
            Command::Journal(count) => self.recent.lines(count).iter().for_each(|line| self.screen.line(line)),
            Command::Detach => return self.detach(),
            Command::Quit => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn shown(&self, shown: &show::Shown) {
        self.screen.line(format!("{}{}", shown.results, shown.messages).trim_end());
    }

    fn detach(&self) -> Result<ControlFlow<()>> {
        let Some(leave_up) = &self.leave_up else {
            return Err(Error::usage("a simulated cluster goes with its session")
                .help("`:save FILE` keeps what was typed, `:quit` leaves"));
        };
        leave_up.store(true, Ordering::SeqCst);
        Ok(ControlFlow::Break(()))
    }

    fn save(&self, session: &Session, path: &Path) -> Result<()> {
        let cannot = |error| Error::usage(format!("cannot write {}: {error}", path.display()));
        errand::may_touch(path).map_err(cannot)?;
        refuse_others(path)?;
        let Saved { script, seed, parts } = session.saved()?;
        let warning = runs_as_parts(&parts);
        let head = warning.as_ref().map(|line| format!("// {line}\n")).unwrap_or_default();
        let again = (self.again)(path, seed);
        let text = format!("{HEAD}: {again}\n{head}{script}");
        std::fs::write(path, text).map_err(cannot)?;
        self.screen.line(&format!("saved; `{again}` does it again"));
        if let Some(line) = warning {
            self.screen.line(&line);
        }
        Ok(())
    }
}

/// Refuses to write over a file that is none of ours.
pub(super) fn refuse_others(path: &Path) -> Result<()> {
    if !is_others(path) {
        return Ok(());
    }
    Err(Error::usage(format!("{} is there already, and no saved session", path.display()))
        .help("choose another name, or remove it first"))
}

/// Whether it is a file that something else than `:save` has written. A device or a pipe holds nothing that writing
/// would destroy.
fn is_others(path: &Path) -> bool {
    let mut head = Vec::new();
    let begun = std::fs::File::open(path).and_then(|file| file.take(HEAD.len() as u64).read_to_end(&mut head));
    path.is_file() && begun.is_ok() && !head.is_empty() && head != HEAD.as_bytes()
}

/// What a session's functions do in a script beside what they did here.
fn runs_as_parts(parts: &[String]) -> Option<String> {
    let names = parts.join(", ");
    (!parts.is_empty())
        .then(|| format!("a run calls {names} itself, after the entries: so parts of a script are named"))
}

fn faults(session: &Session) -> Result<Vec<FaultInfo>> {
    match session.look(engine::Command::Faults)? {
        Reply::Faults(faults) => Ok(faults),
        other => Err(other.odd()),
    }
}

fn status(session: &Session) -> Result<show::Shown> {
    match session.look(engine::Command::Status)? {
        Reply::Status(lines) => show::status(&lines, Format::default()),
        other => Err(other.odd()),
    }
}
