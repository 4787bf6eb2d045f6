//! Reads entries on a thread of its own: from a person at a terminal, or from standard input.

use super::Who;
use super::complete::{self, Candidate};
use super::heard;
use super::hint;
use super::screen::Screen;
use super::words::Words;
use crate::cli::report;
use crate::script::is_unfinished;
use crate::{Error, Result};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use std::borrow::Cow;
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// So many entries are remembered from one session to the next.
const HISTORY_MAX: usize = 10_000;

/// What is asked of whoever types.
pub(super) struct Question {
    pub(super) prompt: String,
    pub(super) words: Words,
}

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A whole entry.
    Text(String),
    /// Ctrl-C: never mind.
    Cleared,
    /// Ctrl-D, or the end of standard input.
    End,
}

/// The way to whoever types, for the script's thread.
pub(super) struct Lines {
    questions: Sender<Question>,
    answers: Rc<tokio::sync::Mutex<UnboundedReceiver<Input>>>,
}

/// The ends of both threads, before they part.
pub(super) struct Wire {
    questions: Sender<Question>,
    answers: UnboundedReceiver<Input>,
}

impl Wire {
    /// On the script's thread.
    pub(super) fn lines(self) -> Lines {
        Lines { questions: self.questions, answers: Rc::new(tokio::sync::Mutex::new(self.answers)) }
    }
}

impl Lines {
    /// Asks for the next entry.
    pub(super) fn ask(&self, question: Question) {
        // Whoever has gone answers with the end.
        let _gone = self.questions.send(question);
    }

    /// What was typed, once it was. May be given up and waited for again.
    pub(super) fn answer(&self) -> impl Future<Output = Input> + 'static {
        let answers = Rc::clone(&self.answers);
        async move { answers.lock().await.recv().await.unwrap_or(Input::End) }
    }
}

/// Opens standard input, with a line editor where a person sits; from afar entries come in frames.
pub(super) fn open(history: &Path, afar: Option<Who>) -> Result<(Screen, Wire)> {
    let (questions, asked) = channel();
    let (answer, answers) = unbounded_channel();
    let screen = if let Some(who) = afar {
        std::thread::spawn(move || heard::hear(std::io::stdin().lock(), &asked, &answer));
        Screen::afar(who == Who::Person)
    } else if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        let (opened, printer) = channel();
        let history = history.to_owned();
        std::thread::spawn(move || converse(&history, &asked, &answer, &opened));
        let gone = |_| Error::machine("the line editor crashed").help("this is a bug in blockade");
        let print = printer.recv().map_err(gone)??;
        Screen::terminal(print)
    } else {
        std::thread::spawn(move || read(std::io::stdin().lock(), &asked, &answer));
        Screen::plain()
    };
    Ok((screen, Wire { questions, answers }))
}

type Print = Box<dyn FnMut(String) + Send>;

/// With a person.
fn converse(
    history: &Path,
    asked: &Receiver<Question>,
    answer: &UnboundedSender<Input>,
    opened: &Sender<Result<Print>>,
) {
    let mut editor = match editor(history) {
        Ok((editor, print)) => {
            let _waiting = opened.send(Ok(print));
            editor
        }
        Err(error) => return drop(opened.send(Err(Error::machine(format!("no line editor: {error}"))))),
    };
    for question in asked {
        if let Some(typing) = editor.helper_mut() {
            typing.words = question.words;
        }
        let input = type_in(&mut editor, &question.prompt, history);
        let is_end = input == Input::End;
        if answer.send(input).is_err() || is_end {
            return;
        }
    }
}

fn type_in(editor: &mut Editor<Typing, FileHistory>, prompt: &str, history: &Path) -> Input {
    loop {
        match editor.readline(prompt) {
            Ok(text) => {
                // What cannot be remembered can be typed again.
                let _remembered = editor.add_history_entry(text.as_str());
                let _written = editor.append_history(history);
                return Input::Text(text);
            }
            Err(ReadlineError::Interrupted) => return Input::Cleared,
            Err(ReadlineError::Signal(_)) => {} // the window has another size
            Err(_) => return Input::End,
        }
    }
}

fn editor(history: &Path) -> rustyline::Result<(Editor<Typing, FileHistory>, Print)> {
    let colour = if report::colour(&std::io::stdout()) { ColorMode::Enabled } else { ColorMode::Disabled };
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .color_mode(colour)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Typing { words: Words::default(), files: FilenameCompleter::new() }));
    if let Some(folder) = history.parent() {
        let _there_already = std::fs::create_dir_all(folder);
    }
    let _none_yet = editor.load_history(history);
    let mut printer = editor.create_external_printer()?;
    let print = Box::new(move |text| {
        let _gone = printer.print(text);
    });
    Ok((editor, print))
}

/// From standard input, an entry for each question.
fn read(mut from: impl BufRead, asked: &Receiver<Question>, answer: &UnboundedSender<Input>) {
    for _question in asked {
        let input = entry(&mut from).map_or(Input::End, Input::Text);
        let is_end = input == Input::End;
        if answer.send(input).is_err() || is_end {
            return;
        }
    }
}

/// The next whole entry, or what there is at the end.
fn entry(from: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut line = Vec::new();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Some(text).filter(|text| !text.is_empty()),
            Ok(_) => text.push_str(&String::from_utf8_lossy(&line)),
        }
        if is_command(&text) || !is_unfinished(&text) {
            return Some(text);
        }
    }
}

fn is_command(text: &str) -> bool {
    text.trim_start().starts_with(':')
}

/// What the line editor asks while a person types.
struct Typing {
    words: Words,
    files: FilenameCompleter,
}

impl Helper for Typing {}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if complete::wants_file(&line[..pos]) {
            return self.files.complete(line, pos, context);
        }
        let (start, candidates) = complete::complete(&line[..pos], &self.words);
        let pair = |Candidate { shown, inserted }| Pair { display: shown, replacement: inserted };
        Ok((start, candidates.into_iter().map(pair).collect()))
    }
}

/// The rest of a name may be taken over; a signature is only to be read.
struct Shown(hint::Hint);

impl Hint for Shown {
    fn display(&self) -> &str {
        &self.0.shown
    }

    fn completion(&self) -> Option<&str> {
        self.0.inserted.as_deref()
    }
}

impl Hinter for Typing {
    type Hint = Shown;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Shown> {
        (pos == line.len()).then(|| hint::hint(line, &self.words)).flatten().map(Shown)
    }
}

impl Highlighter for Typing {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let goes_on = !is_command(text) && is_unfinished(text);
        Ok(if goes_on { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_cut_into_whole_entries() {
        let text = "1\nfn f() {\n  2\n}\n:load (\n\nlet t = `a\nb`;\n1)\nfoo(\n";
        let mut from = text.as_bytes();
        let entries: Vec<String> = std::iter::from_fn(|| entry(&mut from)).collect();
        assert_eq!(entries, ["1\n", "fn f() {\n  2\n}\n", ":load (\n", "\n", "let t = `a\nb`;\n", "1)\n", "foo(\n"]);
    }
}
