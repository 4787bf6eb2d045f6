//! How text of a session leaves. On a terminal through the line editor, which puts it above the line that a person is
//! typing; else as every command's does.

use super::super::report;
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
pub(super) struct Screen(Option<Terminal>);

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
        Self(None)
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
        Self(Some(Terminal { pieces, before: Arc::new(platform::Terminal::now()) }))
    }

    /// Whether a person sits there.
    pub(super) fn is_terminal(&self) -> bool {
        self.0.is_some()
    }

    /// A result, or what happened.
    pub(super) fn line(&self, text: &str) {
        match &self.0 {
            None => report::line(text),
            Some(terminal) => drop(terminal.pieces.send(Piece::Text(format!("{text}\n")))),
        }
    }

    /// An error.
    pub(super) fn error(&self, error: &Error) {
        match &self.0 {
            Some(terminal) if std::io::stderr().is_terminal() => {
                drop(terminal.pieces.send(Piece::Text(report::rendered(error))));
            }
            _ => report::error(error),
        }
    }

    /// Waits until all is printed.
    pub(super) fn flush(&self) {
        let Some(terminal) = &self.0 else { return };
        let (printed, all) = channel();
        if terminal.pieces.send(Piece::Mark(printed)).is_ok() {
            let _in_time = all.recv_timeout(PATIENCE);
        }
    }

    /// The end, also in the middle of a line: the terminal is as it was.
    pub(super) fn close(&self) {
        self.flush();
        if let Some(Terminal { before, .. }) = &self.0
            && let Some(before) = &**before
        {
            before.restore();
        }
    }
}
