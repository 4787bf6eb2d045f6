//! How text of a session leaves. On a terminal through the line editor, which puts it above the line that a person is
//! typing; else as every command's does.

use super::super::report;
use super::frames::Frame;
use crate::Error;
use crate::platform;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// How long what is printed may be waited for: the editor takes nothing between two lines.
const PATIENCE: Duration = Duration::from_millis(200);

/// Prints. Clones print to the same place.
#[derive(Clone)]
pub(super) struct Screen(Kind);

#[derive(Clone)]
enum Kind {
    Plain,
    Terminal(Terminal),
    /// On another machine, to which all goes in frames.
    Afar {
        is_terminal: bool,
    },
}

#[derive(Clone)]
struct Terminal {
    /// To the thread that prints: the editor may make it wait.
    pieces: Sender<Piece>,
    /// How the terminal was set before the editor changed it.
    before: Arc<Option<platform::Terminal>>,
}

enum Piece {
    Text(String),
    Mark(Sender<()>),
}

impl Screen {
    /// Results to stdout, errors to stderr.
    pub(super) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// A terminal whose line editor takes text in this way.
    pub(super) fn terminal(mut print: impl FnMut(String) + Send + 'static) -> Self {
        let (pieces, to_print) = channel();
        std::thread::spawn(move || {
            for piece in to_print {
                match piece {
                    Piece::Text(text) => print(text),
                    Piece::Mark(printed) => drop(printed.send(())),
                }
            }
        });
        Self(Kind::Terminal(Terminal { pieces, before: Arc::new(platform::Terminal::now()) }))
    }

    /// One on another machine.
    pub(super) fn afar(is_terminal: bool) -> Self {
        Self(Kind::Afar { is_terminal })
    }

    /// Whether a person sits there.
    pub(super) fn is_terminal(&self) -> bool {
        !matches!(self.0, Kind::Plain | Kind::Afar { is_terminal: false })
    }

    /// A result, or what happened.
    pub(super) fn line(&self, text: &str) {
        match &self.0 {
            Kind::Plain => report::line(text),
            Kind::Terminal(terminal) => drop(terminal.pieces.send(Piece::Text(format!("{text}\n")))),
            Kind::Afar { .. } => report::line(&Frame::Line(text.to_owned()).line()),
        }
    }

    /// An error.
    pub(super) fn error(&self, error: &Error) {
        match &self.0 {
            Kind::Afar { .. } => report::line(&Frame::Error(error.rendered(false)).line()),
            Kind::Plain | Kind::Terminal(_) => self.told(&report::rendered(error)),
        }
    }

    /// What is no result, with its line's end.
    pub(super) fn told(&self, text: &str) {
        match &self.0 {
            Kind::Terminal(terminal) if std::io::stderr().is_terminal() => {
                drop(terminal.pieces.send(Piece::Text(text.to_owned())));
            }
            _ => report::message(text.trim_end_matches('\n')),
        }
    }

    /// Waits until all is printed.
    pub(super) fn flush(&self) {
        let Kind::Terminal(terminal) = &self.0 else { return };
        let (printed, all) = channel();
        if terminal.pieces.send(Piece::Mark(printed)).is_ok() {
            let _in_time = all.recv_timeout(PATIENCE);
        }
    }

    /// The end, also in the middle of a line: the terminal is as it was.
    pub(super) fn close(&self) {
        self.flush();
        if let Kind::Terminal(Terminal { before, .. }) = &self.0
            && let Some(before) = &**before
        {
            before.restore();
        }
    }
}
